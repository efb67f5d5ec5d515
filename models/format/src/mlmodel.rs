//! The file `MLmodel`: YAML to [`ModelInfo`] and back. Pure.
//!
//! The format is what MLflow 2.22 and 3.17.2 write. Keys that nothing here reads are kept as they
//! are, so that a file which passes through mlctl loses nothing.

use crate::{Error, Result, Signature};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use serde_yaml::SerializerOptions;
use std::collections::BTreeMap;

/// What an `MLmodel` file says about a model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Where the model was logged: a path in a run, or a location of its own since MLflow 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_path: Option<String>,
    /// The flavors by name, with their own settings.
    #[serde(default)]
    pub flavors: BTreeMap<String, Map<String, Value>>,
    /// The version of MLflow that wrote the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mlflow_version: Option<String>,
    /// The id of the logged model, since MLflow 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_id: Option<String>,
    /// The id that MLflow gave to this one saving.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_uuid: Option<String>,
    /// The run that logged the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// The types of inputs and outputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    /// When the model was saved: `2026-11-21 09:28:02.974489`, in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub utc_time_created: Option<String>,
    /// Every other key, as it stands.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

impl ModelInfo {
    /// Reads the text of an `MLmodel` file.
    ///
    /// ```
    /// let info = mlctl_models_format::ModelInfo::from_yaml("flavors:\n  onnx:\n    data: model.onnx\n")?;
    /// assert_eq!(info.flavors["onnx"]["data"], "model.onnx");
    /// # Ok::<(), mlctl_models_format::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::MalformedInfo`] with the line, when the text is not YAML or not an `MLmodel`.
    pub fn from_yaml(text: &str) -> Result<Self> {
        serde_yaml::from_str(text)
            .map_err(|error| Error::MalformedInfo { problem: error.to_string() })
    }

    /// Writes the text of an `MLmodel` file.
    ///
    /// # Errors
    /// [`Error::MalformedInfo`] when a value cannot be written as YAML.
    pub fn to_yaml(&self) -> Result<String> {
        // MLflow reads YAML 1.1, where a bare `2026-11-21` is a date and `yes` a boolean: text in
        // quotes is text for everyone.
        let mut options = SerializerOptions::default();
        options.quote_all = true;
        serde_yaml::to_string_with_options(self, options)
            .map_err(|error| Error::MalformedInfo { problem: error.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlctl_table::schema::{DataType, Schema};

    const MLFLOW_3: &str = include_str!("../../tests/fixtures/elasticnet/MLmodel");
    const MLFLOW_2: &str = include_str!("../../tests/fixtures/MLmodel-2.22");

    #[test]
    fn what_mlflow_3_writes_is_read() {
        let info = ModelInfo::from_yaml(MLFLOW_3).unwrap();

        assert_eq!(info.mlflow_version.as_deref(), Some("3.17.2"));
        assert_eq!(info.flavors["onnx"]["data"], "model.onnx");
        assert_eq!(info.flavors["python_function"]["env"]["conda"], "conda.yaml");
        assert_eq!(info.other["saved_input_example_info"]["pandas_orient"], "split");
        let signature = info.signature.unwrap();
        let Some(Schema::Columns(columns)) = signature.inputs else { panic!("no columns") };
        assert_eq!(columns.len(), 10);
        assert_eq!(columns[0].name.as_deref(), Some("age"));
        assert_eq!(columns[0].data_type(), Some(DataType::Double));
        assert!(matches!(signature.outputs, Some(Schema::Tensors(_))));
    }

    #[test]
    fn what_mlflow_2_writes_is_read() {
        let info = ModelInfo::from_yaml(MLFLOW_2).unwrap();

        assert!(info.mlflow_version.as_deref().unwrap().starts_with("2.22."));
        assert_eq!(info.model_id, None);
        assert_eq!(info.flavors["onnx"]["data"], "model.onnx");
        let Some(Schema::Columns(columns)) = info.signature.unwrap().inputs else { panic!() };
        assert!(columns[0].required);
    }

    #[test]
    fn nothing_is_lost_on_the_way_through() {
        for text in [MLFLOW_3, MLFLOW_2] {
            let info = ModelInfo::from_yaml(text).unwrap();

            let again = ModelInfo::from_yaml(&info.to_yaml().unwrap()).unwrap();

            assert_eq!(again, info);
        }
    }

    #[test]
    fn text_that_yaml_could_take_for_something_else_stays_text() {
        let info = ModelInfo {
            utc_time_created: Some("2026-11-21 09:28:02".to_owned()),
            run_id: Some("1e3".to_owned()),
            other: BTreeMap::from([("metadata".to_owned(), Value::from("yes"))]),
            ..ModelInfo::default()
        };

        let text = info.to_yaml().unwrap();

        assert_eq!(ModelInfo::from_yaml(&text).unwrap(), info);
        for quoted in ["\"2026-11-21 09:28:02\"", "\"1e3\"", "\"yes\""] {
            let single = quoted.replace('"', "'");
            assert!(text.contains(quoted) || text.contains(&single), "{quoted} in {text}");
        }
    }

    #[test]
    fn a_broken_file_is_refused_with_its_line() {
        let text = "flavors:\n  onnx: {data: model.onnx\nrun_id: 1\n";

        let error = ModelInfo::from_yaml(text).unwrap_err().to_string();

        assert!(error.starts_with("invalid MLmodel: "), "{error}");
        assert!(error.contains("line"), "{error}");
    }
}
