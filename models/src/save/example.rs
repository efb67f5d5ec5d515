//! Writing the example of an input.

use super::put;
use mlctl_models_format::{ANSWER, Result};
use mlctl_table::{Input, Table, Tensor, Values};
use serde_json::{Value, json};
use std::path::Path;

const PLAIN: &str = "input_example.json";
const SERVING: &str = "serving_input_example.json";

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
    pub(super) fn write(&self, folder: &Path) -> Result<Value> {
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
