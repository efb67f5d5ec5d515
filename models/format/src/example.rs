//! The example of an input that lies in a model folder.

use crate::folder::Folder;
use crate::{Error, ModelInfo, Result};
use serde_json::{Map, Value};
use std::path::Path;

/// The file with what the model answered to the example when it was saved; MLflow has none.
pub const ANSWER: &str = "mlctl_output_example.json";

/// The example of a model folder, as a body of `/invocations`, and the answer to it.
#[derive(Clone, Debug)]
pub struct SavedExample {
    /// The body.
    pub body: String,
    /// The answer that was saved with it.
    pub answer: Option<Value>,
}

impl SavedExample {
    /// Reads the example of a folder; `None` when it has none.
    ///
    /// # Errors
    /// [`Error::Io`] when a file that the `MLmodel` names cannot be read, [`Error::MalformedInfo`]
    /// when it is not what its name says.
    pub fn read(folder: &Path, info: &ModelInfo) -> Result<Option<Self>> {
        let Some(described) = info.other.get("saved_input_example_info") else { return Ok(None) };
        let Some(described) = described.as_object() else { return Ok(None) };
        let folder = Folder::new(folder);
        let body = match path_of(described, "serving_input_path")? {
            Some(path) => folder.text(&path)?,
            // Before 2.14 there was only the plain one.
            None => match path_of(described, "artifact_path")? {
                Some(path) => wrapped(described, &folder.text(&path)?),
                None => return Ok(None),
            },
        };
        let answer = folder.text(ANSWER).ok();
        let answer = answer.and_then(|text| serde_json::from_str(without_mark(&text)).ok());
        Ok(Some(Self { body, answer }))
    }
}

fn path_of(described: &Map<String, Value>, key: &str) -> Result<Option<String>> {
    let Some(path) = described.get(key).and_then(Value::as_str) else { return Ok(None) };
    let is_inside =
        Path::new(path).components().all(|part| matches!(part, std::path::Component::Normal(_)));
    match is_inside {
        true => Ok(Some(path.to_owned())),
        false => Err(Error::MalformedInfo {
            problem: format!("`{path}`, the input example, is not in the folder"),
        }),
    }
}

/// Leaves out a byte order mark, which may only begin a file: the text becomes a part of another.
fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

fn wrapped(described: &Map<String, Value>, plain: &str) -> String {
    let form = match described.get("type").and_then(Value::as_str) {
        Some("dataframe") => "dataframe_split",
        _ => "inputs",
    };
    format!("{{\"{form}\": {}}}", without_mark(plain))
}
