//! `infer`: tensors in, tensors out.

use super::datatype::kind;
use super::{Problem, answer, binary};
use crate::rest::failure::busy;
use crate::rest::invocations::read;
use crate::{Deployed, Refusal, Repository};
use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use mlctl_models_format::Error;
use mlctl_models_format::payload::{Lists, few, sizes, without_byte_order_mark};
use mlctl_table::schema::Schema;
use mlctl_table::{Input, Table, Tensor};
use mlctl_wire::limits;
use mlctl_wire::rest::{Failure, blocking};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Instant;

/// Where a request with binary tensors says how long its JSON is.
pub(super) const JSON_LENGTH: &str = "inference-header-content-length";

/// A body of more bytes takes longer to decode than handing it over.
const LARGE: usize = 64 * 1024;

/// The JSON of a request.
#[derive(Debug, Deserialize)]
struct Asked {
    #[serde(default)]
    id: Option<String>,
    #[serde(default, deserialize_with = "few")]
    parameters: Map<String, Value>,
    inputs: Vec<Given>,
    #[serde(default)]
    outputs: Vec<Wanted>,
}

/// A tensor of a request.
#[derive(Debug, Deserialize)]
struct Given {
    name: String,
    #[serde(deserialize_with = "sizes")]
    shape: Vec<usize>,
    datatype: String,
    #[serde(default, deserialize_with = "few")]
    parameters: Map<String, Value>,
    #[serde(default)]
    data: Option<Lists>,
}

/// A tensor that the answer is to have.
#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    pub(super) name: String,
    #[serde(default, deserialize_with = "few")]
    pub(super) parameters: Map<String, Value>,
}

/// What the answer is to look like.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) id: Option<String>,
    /// Those that are wanted; all when none is named.
    pub(super) outputs: Vec<Wanted>,
    /// Whether tensors are bytes unless said otherwise.
    pub(super) is_binary: bool,
}

pub(super) async fn latest(
    State(repository): State<Arc<Repository>>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    infer(repository.get(&name, None)?, request).await
}

pub(super) async fn version(
    State(repository): State<Arc<Repository>>,
    Path((name, version)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    infer(repository.get(&name, Some(&version))?, request).await
}

async fn infer(deployed: Arc<Deployed>, request: Request) -> Result<Response, Problem> {
    let start = Instant::now();
    let asked = asked(&deployed, request).await;
    let (input, parameters, form) =
        asked.inspect_err(|_| deployed.note_invalid(start.elapsed()))?;
    let params = (!parameters.is_empty()).then_some(Value::Object(parameters));
    match deployed.score(input, params.as_ref()).await {
        Ok(predictions) => answer::response(&deployed, &predictions, &form),
        Err(refusal) => refused(refusal),
    }
}

/// What is to be scored, the params, and the form of the answer.
type Taken = (Input, Map<String, Value>, Form);

async fn asked(deployed: &Arc<Deployed>, request: Request) -> Result<Taken, Problem> {
    let json_length = json_length(request.headers())?;
    let body = read(request.into_body()).await;
    let body = body.map_err(|failure| Problem(StatusCode::PAYLOAD_TOO_LARGE, failure.0.message))?;
    if body.len() <= LARGE {
        return decode(&body, json_length, deployed);
    }
    let deployed = Arc::clone(deployed);
    let decoded = blocking(move || Ok::<_, Failure>(decode(&body, json_length, &deployed))).await;
    decoded.map_err(|failure| Problem(StatusCode::INTERNAL_SERVER_ERROR, failure.0.message))?
}

fn json_length(headers: &HeaderMap) -> Result<Option<usize>, Problem> {
    let Some(value) = headers.get(JSON_LENGTH) else { return Ok(None) };
    let length = value.to_str().ok().and_then(|text| text.parse().ok());
    length
        .map(Some)
        .ok_or_else(|| Problem::bad(format!("the header {JSON_LENGTH} is not a number")))
}

fn refused(refusal: Refusal) -> Result<Response, Problem> {
    let (status, text) = match refusal {
        Refusal::Failed(
            error @ (Error::Library { .. } | Error::Python { .. } | Error::Io { .. }),
        ) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        Refusal::Failed(error) => (StatusCode::BAD_REQUEST, error.to_string()),
        Refusal::Busy => {
            let text = "too many requests wait for the model; try again later".to_owned();
            return Ok(busy(Problem(StatusCode::TOO_MANY_REQUESTS, text)));
        }
        Refusal::TimedOut => {
            (StatusCode::GATEWAY_TIMEOUT, "the model did not answer in time".to_owned())
        }
        Refusal::Broken => {
            tracing::error!("scoring a request ended in a panic");
            (StatusCode::INTERNAL_SERVER_ERROR, "internal error".to_owned())
        }
    };
    Ok(Problem(status, text).into_response())
}

/// Takes a request apart.
fn decode(body: &Bytes, json_length: Option<usize>, deployed: &Deployed) -> Result<Taken, Problem> {
    let length = json_length.unwrap_or(body.len());
    let (json, mut bytes) = body.split_at_checked(length).ok_or_else(|| {
        Problem::bad(format!("the header {JSON_LENGTH} is {length}, but the body is shorter"))
    })?;
    let asked: Asked = serde_json::from_slice(without_byte_order_mark(json))
        .map_err(|error| Problem::bad(format!("the request is not valid: {error}")))?;
    let mut tensors = Vec::with_capacity(asked.inputs.len());
    for given in asked.inputs {
        let name = given.name.clone();
        let tensor = given.tensor(&mut bytes);
        let tensor =
            tensor.map_err(|problem| Problem::bad(format!("the input `{name}`: {problem}")))?;
        tensors.push((name, tensor));
    }
    if !bytes.is_empty() {
        let text = format!("{} bytes belong to no input", bytes.len());
        return Err(Problem::bad(text));
    }
    let is_binary = asked.parameters.get("binary_data_output") == Some(&Value::Bool(true));
    let mut parameters = asked.parameters;
    parameters.retain(|name, _| !matches!(name.as_str(), "binary_data_output" | "content_type"));
    let form = Form { id: asked.id, outputs: asked.outputs, is_binary };
    Ok((input(tensors, deployed)?, parameters, form))
}

impl Given {
    /// Reads the values from the JSON, or from the front of the bytes behind it.
    fn tensor(self, bytes: &mut &[u8]) -> Result<Tensor, String> {
        let kind = kind(&self.datatype)
            .ok_or_else(|| format!("the datatype `{}` is not known", self.datatype))?;
        let count = count(&self.shape).ok_or("the shape is too large")?;
        let size = self.parameters.get("binary_data_size");
        let values = match (self.data, size.and_then(Value::as_u64)) {
            (Some(lists), None) => lists.into_values(kind.read_as)?,
            (None, Some(size)) => {
                let part = usize::try_from(size).ok().and_then(|size| bytes.split_at_checked(size));
                let (part, rest) = part.ok_or_else(|| format!("{size} bytes are missing"))?;
                *bytes = rest;
                binary::decode(part, kind, count)?
            }
            (Some(_), Some(_)) => {
                return Err("it has both `data` and `binary_data_size`".to_owned());
            }
            (None, None) => return Err("it has no `data`".to_owned()),
        };
        if let Some(value) = kind.stranger(&values) {
            return Err(format!("{value} is not of the datatype {}", self.datatype));
        }
        if values.len() != count {
            let found = values.len();
            return Err(format!("the shape is for {count} values, got {found}"));
        }
        Tensor::new(self.shape, values).map_err(|error| error.to_string())
    }
}

/// Counts the values of a shape; `None` when there are more than a body can hold, or nothing at
/// all has very many places.
fn count(shape: &[usize]) -> Option<usize> {
    const PLACES_OF_NOTHING_MAX: usize = 1 << 16;
    let place = |places: usize, size: &usize| places.checked_mul((*size).max(1));
    let places = shape.iter().try_fold(1, place)?;
    let count = if shape.contains(&0) { 0 } else { places };
    let most = if count == 0 { PLACES_OF_NOTHING_MAX } else { limits::JSON_BODY_BYTES_MAX };
    (places <= most).then_some(count)
}

/// Lays tensors out as the model takes them.
fn input(mut tensors: Vec<(String, Tensor)>, deployed: &Deployed) -> Result<Input, Problem> {
    if tensors.is_empty() {
        return Err(Problem::bad("the request has no inputs"));
    }
    let model = deployed.model();
    match model.input_schema() {
        Some(Schema::Columns(_)) => table(tensors),
        Some(schema) if schema.is_named() => Ok(Input::Named(tensors)),
        // A graph knows its inputs by name.
        None if model.flavor() == "onnx" => Ok(Input::Named(tensors)),
        _ if tensors.len() == 1 => Ok(Input::Tensor(tensors.remove(0).1)),
        _ => table(tensors),
    }
}

/// Makes columns of tensors; one value for each row may have a dimension of its own.
fn table(tensors: Vec<(String, Tensor)>) -> Result<Input, Problem> {
    let column = |(name, tensor): (String, Tensor)| match *tensor.shape() {
        [_, 1] => (name, Tensor::vector(tensor.into_parts().1)),
        _ => (name, tensor),
    };
    match <[_; 1]>::try_from(tensors) {
        // A matrix without the names of its columns.
        Ok([(_, tensor)]) if matches!(tensor.shape(), [_, width] if *width != 1) => {
            Ok(Input::Tensor(tensor))
        }
        Ok([only]) => Ok(Input::Table(Table::new(vec![column(only)])?)),
        Err(tensors) => Ok(Input::Table(Table::new(tensors.into_iter().map(column).collect())?)),
    }
}
