//! The answer to `infer`.

use super::datatype::datatype;
use super::infer::{Form, JSON_LENGTH};
use super::{Problem, binary};
use crate::Deployed;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use mlctl_models_format::Predictions;
use mlctl_table::{Tensor, Values};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

/// The answer's JSON.
#[derive(Debug, serde::Serialize)]
struct Answer<'a> {
    model_name: &'a str,
    model_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    outputs: Vec<Output<'a>>,
}

/// A tensor of the answer.
#[derive(Debug)]
struct Output<'a> {
    name: &'a str,
    tensor: &'a Tensor,
    /// How many bytes stand for its values behind the JSON.
    bytes: Option<usize>,
}

/// Writes predictions in the form that was asked for.
pub(super) fn response(
    deployed: &Deployed,
    predictions: &Predictions,
    form: &Form,
) -> Result<Response, Problem> {
    let text;
    let all = match predictions {
        Predictions::Json(value) => {
            text = json_tensor(value);
            vec![("output-1", &text)]
        }
        Predictions::Bare(answer) => {
            text = Tensor::vector(Values::String(vec![Some(answer.clone())]));
            vec![("output-1", &text)]
        }
        other => {
            let named = |(name, tensor)| match name {
                "" => ("output-1", tensor),
                name => (name, tensor),
            };
            other.tensors().into_iter().map(named).collect()
        }
    };
    let mut bytes = Vec::new();
    let outputs = wanted(all, form)?
        .into_iter()
        .map(|(name, tensor, is_binary)| {
            let length = is_binary.then(|| {
                let part = binary::encode(tensor.values());
                bytes.extend_from_slice(&part);
                part.len()
            });
            Output { name, tensor, bytes: length }
        })
        .collect();
    let answer = Answer {
        model_name: deployed.name(),
        model_version: deployed.version(),
        id: form.id.as_deref(),
        outputs,
    };
    let mut body = serde_json::to_vec(&answer).expect("numbers, text and lists are JSON");
    if bytes.is_empty() {
        return Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response());
    }
    let length = body.len().to_string();
    body.append(&mut bytes);
    let kind = (header::CONTENT_TYPE.as_str(), "application/octet-stream".to_owned());
    Ok(([kind, (JSON_LENGTH, length)], body).into_response())
}

/// Picks the outputs that are asked for, and tells which become bytes.
///
/// One without a name in the signature is known by its place: `output-1`, as metadata tells it.
fn wanted<'a>(
    all: Vec<(&'a str, &'a Tensor)>,
    form: &'a Form,
) -> Result<Vec<(&'a str, &'a Tensor, bool)>, Problem> {
    if form.outputs.is_empty() {
        return Ok(all.into_iter().map(|(name, tensor)| (name, tensor, form.is_binary)).collect());
    }
    let placed = |name: &str| {
        let at: usize = name.strip_prefix("output-")?.parse().ok()?;
        all.get(at.checked_sub(1)?)
    };
    let pick = |wanted: &'a super::infer::Wanted| {
        let found = all.iter().find(|(name, _)| *name == wanted.name);
        let found = found.or_else(|| placed(&wanted.name));
        let (_, tensor) = found.ok_or_else(|| {
            let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
            let name = &wanted.name;
            Problem::bad(format!("the model has no output `{name}`; it has {}", names.join(", ")))
        })?;
        let is_binary = wanted.parameters.get("binary_data").and_then(Value::as_bool);
        Ok((wanted.name.as_str(), *tensor, is_binary.unwrap_or(form.is_binary)))
    };
    form.outputs.iter().map(pick).collect()
}

/// Makes texts of a list of texts, and one text of anything else that JSON can hold.
fn json_tensor(value: &Value) -> Tensor {
    let texts = value.as_array().and_then(|list| {
        list.iter().map(|one| one.as_str().map(|text| Some(text.to_owned()))).collect()
    });
    let texts: Vec<Option<String>> = texts.unwrap_or_else(|| vec![Some(value.to_string())]);
    Tensor::vector(Values::String(texts))
}

impl Serialize for Output<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", self.name)?;
        map.serialize_entry("datatype", datatype(self.tensor.values().data_type()))?;
        map.serialize_entry("shape", self.tensor.shape())?;
        let mut parameters = serde_json::Map::new();
        if let Some(classes) = self.tensor.classes() {
            parameters.insert("classes".to_owned(), classes.into());
        }
        if let Some(bytes) = self.bytes {
            parameters.insert("binary_data_size".to_owned(), bytes.into());
        }
        if !parameters.is_empty() {
            map.serialize_entry("parameters", &parameters)?;
        }
        if self.bytes.is_none() {
            map.serialize_entry("data", &Flat(self.tensor.values()))?;
        }
        map.end()
    }
}

/// Values in one list; what is no number is null.
struct Flat<'a>(&'a Values);

impl Serialize for Flat<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Values::Boolean(list) => list.serialize(serializer),
            Values::Integer(list) => list.serialize(serializer),
            Values::Long(list) => list.serialize(serializer),
            Values::Float(list) => list.serialize(serializer),
            Values::Double(list) => list.serialize(serializer),
            Values::String(list) => list.serialize(serializer),
        }
    }
}
