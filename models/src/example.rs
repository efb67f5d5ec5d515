//! The example of an input that lies in a model folder.

use crate::{Error, Input, ModelInfo, Result, Table, Tensor, Values};
use serde_json::{Map, Value, json};
use std::fs;
use std::path::Path;

const PLAIN: &str = "input_example.json";
const SERVING: &str = "serving_input_example.json";
/// What the model answered to the example when it was saved; MLflow has no such file.
const ANSWER: &str = "mlctl_output_example.json";

/// An input, and what the model answers to it.
#[derive(Clone, Debug)]
pub struct Example {
    /// The input: a few rows.
    pub input: Input,
    /// The answer as `/invocations` gives it, when it is known.
    pub answer: Option<Value>,
}

impl Example {
    /// Writes the example, and returns what the `MLmodel` says about it.
    pub(crate) fn write(&self, folder: &Path) -> Result<Value> {
        let (plain, serving, kind) = match &self.input {
            Input::Table(table) => {
                let split = split(table);
                (split.clone(), json!({ "dataframe_split": split }), "dataframe")
            }
            Input::Tensor(tensor) => {
                let nested = nested(tensor);
                (nested.clone(), json!({ "inputs": nested }), "ndarray")
            }
            Input::Named(tensors) => {
                let named = tensors.iter().map(|(name, tensor)| (name.clone(), nested(tensor)));
                let named = Value::Object(named.collect());
                (named.clone(), json!({ "inputs": named }), "ndarray")
            }
        };
        put(folder, PLAIN, &plain.to_string())?;
        put(folder, SERVING, &format!("{serving:#}"))?;
        if let Some(answer) = &self.answer {
            put(folder, ANSWER, &answer.to_string())?;
        }
        let mut info = json!({
            "artifact_path": PLAIN,
            "serving_input_path": SERVING,
            "type": kind,
        });
        match kind {
            "dataframe" => info["pandas_orient"] = "split".into(),
            _ => info["format"] = "tf-serving".into(),
        }
        Ok(info)
    }
}

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
        let body = match path_of(described, "serving_input_path")? {
            Some(path) => read(folder, &path)?,
            // Before 2.14 there was only the plain one.
            None => match path_of(described, "artifact_path")? {
                Some(path) => wrapped(described, &read(folder, &path)?),
                None => return Ok(None),
            },
        };
        let answer = match fs::read_to_string(folder.join(ANSWER)) {
            Ok(text) => serde_json::from_str(&text).ok(),
            Err(_) => None,
        };
        Ok(Some(Self { body, answer }))
    }
}

fn put(folder: &Path, name: &str, text: &str) -> Result<()> {
    let path = folder.join(name);
    fs::write(&path, text)
        .map_err(|error| Error::io(format!("writing `{}`", path.display()), error))
}

fn path_of(described: &Map<String, Value>, key: &str) -> Result<Option<String>> {
    let Some(path) = described.get(key).and_then(Value::as_str) else { return Ok(None) };
    let is_inside =
        Path::new(path).components().all(|part| matches!(part, std::path::Component::Normal(_)));
    match is_inside {
        true => Ok(Some(path.to_owned())),
        false => Err(Error::MalformedInfo {
            problem: format!("`{path}`, the example of an input, is not in the folder"),
        }),
    }
}

fn read(folder: &Path, path: &str) -> Result<String> {
    fs::read_to_string(folder.join(path))
        .map_err(|error| Error::io(format!("reading `{}`", folder.join(path).display()), error))
}

fn wrapped(described: &Map<String, Value>, plain: &str) -> String {
    let form = match described.get("type").and_then(Value::as_str) {
        Some("dataframe") => "dataframe_split",
        _ => "inputs",
    };
    format!("{{\"{form}\": {plain}}}")
}

fn split(table: &Table) -> Value {
    let columns: Vec<&str> = table.columns().iter().map(|(name, _)| name.as_str()).collect();
    let cells: Vec<Vec<Value>> = table.columns().iter().map(|(_, column)| rows(column)).collect();
    let data: Vec<Vec<&Value>> =
        (0..table.rows()).map(|row| cells.iter().map(|column| &column[row]).collect()).collect();
    json!({ "columns": columns, "data": data })
}

fn rows(tensor: &Tensor) -> Vec<Value> {
    match nested(tensor) {
        Value::Array(rows) => rows,
        single => vec![single],
    }
}

/// Writes a tensor as nested lists, with null for NaN.
fn nested(tensor: &Tensor) -> Value {
    let mut flat: Vec<Value> = match tensor.values() {
        Values::Boolean(list) => list.iter().map(|value| json!(value)).collect(),
        Values::Integer(list) => list.iter().map(|value| json!(value)).collect(),
        Values::Long(list) => list.iter().map(|value| json!(value)).collect(),
        Values::Float(list) => list.iter().map(|value| json!(f64::from(*value))).collect(),
        Values::Double(list) => list.iter().map(|value| json!(value)).collect(),
        Values::String(list) => list.iter().map(|value| json!(value)).collect(),
    };
    for size in tensor.shape().iter().skip(1).rev() {
        flat = flat.chunks((*size).max(1)).map(|row| Value::from(row.to_vec())).collect();
    }
    match tensor.shape() {
        [] => flat.pop().unwrap_or_default(),
        _ => Value::from(flat),
    }
}
