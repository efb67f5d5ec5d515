//! The messages between us and the process: a header in JSON, then the bytes of its arrays.

use mlctl_models_format::signature::Params;
use mlctl_models_format::{Answer, Body, Predictions, Result};
use mlctl_table::{Input, Tensor, Values};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::io::{self, Read, Write};

/// A header longer than this is no answer of ours: text lies in it.
const HEADER_BYTES_MAX: u32 = 1 << 30;

/// What begins a message.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Header {
    /// Which kind of input or answer it is.
    #[serde(default)]
    pub(super) form: String,
    /// What the arrays are.
    pub(super) arrays: Vec<About>,
    /// What else is to be passed to the model.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    params: Map<String, Value>,
    /// Params that count instead of a body's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    own_params: Option<Value>,
    /// The answer, when it is none of arrays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) json: Option<Value>,
    /// MLflow's code for why there is no answer, when the reason is MLflow's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<String>,
    /// Why there is no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

/// What the header says about an array.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct About {
    name: String,
    dtype: String,
    shape: Vec<usize>,
    /// How many bytes follow the header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bytes: Option<usize>,
    /// The values themselves, of text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    values: Option<Vec<Option<String>>>,
}

/// The values of an array.
pub(super) type Array = Values;

impl Header {
    /// Reads a message.
    pub(super) fn read(stream: &mut impl Read) -> io::Result<(Self, Vec<Array>)> {
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let length = u32::from_le_bytes(length);
        if length > HEADER_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut text = Vec::new();
        stream.take(u64::from(length)).read_to_end(&mut text)?;
        let mut header: Self = serde_json::from_slice(&text)?;
        let arrays = header.arrays.iter_mut().map(|about| about.read(stream));
        let arrays = arrays.collect::<io::Result<_>>()?;
        Ok((header, arrays))
    }
}

impl About {
    fn read(&mut self, stream: &mut impl Read) -> io::Result<Values> {
        if let Some(values) = self.values.take() {
            return Ok(Values::String(values));
        }
        let want = self.bytes.unwrap_or_default();
        let mut bytes = Vec::new();
        if stream.take(want as u64).read_to_end(&mut bytes)? < want {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(match self.dtype.as_str() {
            "bool" => Values::Boolean(bytes.iter().map(|byte| *byte != 0).collect()),
            "int32" => Values::Integer(numbers(&bytes, i32::from_le_bytes)),
            "int64" => Values::Long(numbers(&bytes, i64::from_le_bytes)),
            "float32" => Values::Float(numbers(&bytes, f32::from_le_bytes)),
            "float64" => Values::Double(numbers(&bytes, f64::from_le_bytes)),
            _ => return Err(io::ErrorKind::InvalidData.into()),
        })
    }
}

fn numbers<T, const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks().0.iter().map(|chunk| number(*chunk)).collect()
}

/// Sends an input, with params for the model.
pub(super) fn write(stream: &mut impl Write, input: &Input, params: &Params) -> io::Result<()> {
    let (form, arrays): (_, Vec<(&str, &Tensor)>) = match input {
        Input::Table(table) => {
            let columns = table.columns().iter();
            ("table", columns.map(|(name, tensor)| (name.as_str(), tensor)).collect())
        }
        Input::Tensor(tensor) => ("tensor", vec![("", tensor)]),
        Input::Named(tensors) => {
            let named = tensors.iter();
            ("named", named.map(|(name, tensor)| (name.as_str(), tensor)).collect())
        }
    };
    let (abouts, buffers): (Vec<About>, Vec<Vec<u8>>) =
        arrays.into_iter().map(|(name, tensor)| described(name, tensor)).unzip();
    let params = params.as_object().clone();
    let header = Header { form: form.to_owned(), arrays: abouts, params, ..Header::default() };
    send(stream, &header)?;
    buffers.iter().try_for_each(|buffer| stream.write_all(buffer))
}

/// Sends a body as it came.
pub(super) fn write_body(stream: &mut impl Write, body: &Body) -> io::Result<()> {
    let about = About {
        name: body.media.content_type().to_owned(),
        dtype: "body".to_owned(),
        shape: Vec::new(),
        bytes: Some(body.bytes.len()),
        values: None,
    };
    let header = Header {
        form: "body".to_owned(),
        arrays: vec![about],
        own_params: body.params.clone(),
        ..Header::default()
    };
    send(stream, &header)?;
    stream.write_all(&body.bytes)
}

fn send(stream: &mut impl Write, header: &Header) -> io::Result<()> {
    let text = serde_json::to_vec(header)?;
    let length = u32::try_from(text.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
    stream.write_all(&length.to_le_bytes())?;
    stream.write_all(&text)
}

fn described(name: &str, tensor: &Tensor) -> (About, Vec<u8>) {
    let buffer: Option<Vec<u8>> = match tensor.values() {
        Values::Boolean(list) => Some(list.iter().map(|value| u8::from(*value)).collect()),
        Values::Integer(list) => Some(list.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Values::Long(list) => Some(list.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Values::Float(list) => Some(list.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Values::Double(list) => Some(list.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Values::String(_) => None,
    };
    let values = match tensor.values() {
        Values::String(list) => Some(list.clone()),
        _ => None,
    };
    let about = About {
        name: name.to_owned(),
        dtype: tensor.values().data_type().numpy_name().to_owned(),
        shape: tensor.shape().to_vec(),
        bytes: buffer.as_ref().map(Vec::len),
        values,
    };
    (about, buffer.unwrap_or_default())
}

/// Makes an answer of a message.
pub(super) fn answer(header: Header, arrays: Vec<Array>) -> Result<Answer> {
    match header.json {
        Some(Value::String(text)) if header.form == "bare" => {
            return Ok(Answer::LaidOut(Predictions::Bare(text)));
        }
        Some(value) => return Ok(Answer::Json(value)),
        None if header.form == "json" => return Ok(Answer::Json(Value::Null)),
        None => {}
    }
    let pairs = header.arrays.into_iter().zip(arrays);
    let outputs = pairs.map(|(about, values)| Ok((about.name, Tensor::new(about.shape, values)?)));
    let mut outputs = outputs.collect::<Result<Vec<_>>>()?;
    Ok(match header.form.as_str() {
        "records" => Answer::LaidOut(Predictions::Records(outputs)),
        "outputs" => Answer::LaidOut(Predictions::Outputs(outputs)),
        _ => match outputs.pop() {
            Some((_, only)) => Answer::Array(only),
            None => Answer::Outputs(outputs),
        },
    })
}
