//! The request formats of `/invocations`, and its answer. Pure.
//!
//! A JSON body holds exactly one of `dataframe_split`, `dataframe_records`, `instances` and
//! `inputs`. Where MLflow's own server would change a value without a word, this one refuses it:
//! 1.5 for an integer, 2^31 for a 32-bit one, "x" for a boolean.

mod answer;
#[cfg(feature = "parquet")]
mod arrow;
mod cell;
mod csv;
mod frame;
mod gather;
mod grid;

pub use answer::to_json;
#[cfg(feature = "parquet")]
pub use arrow::{from_arrow_file, from_arrow_stream, from_parquet};
pub use csv::from_csv;

use crate::signature::Schema;
use crate::{Error, Input, Result, Tensor};
pub(crate) use cell::Cell;
#[cfg(feature = "rest")]
pub(crate) use gather::tensor as gathered;
use grid::Grid;
use serde_json::Value;

const FORMS: [&str; 4] = ["dataframe_split", "dataframe_records", "instances", "inputs"];
const RULE: &str = "The input must be a JSON dictionary with exactly one of the input fields \
                    {'dataframe_split', 'dataframe_records', 'instances', 'inputs'}";

/// What the body of a request asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// What is to be scored.
    pub input: Input,
    /// The field `params`, as it stands; `None` when the body has none.
    pub params: Option<Value>,
}

/// Decodes the input in the JSON body of a request; values take the types that `schema` declares.
///
/// Python's `NaN`, `Infinity` and `-Infinity` are accepted as numbers, and null is NaN in a column
/// of floats. Other fields than the four are ignored.
///
/// ```
/// use mlctl_models::{Input, payload};
///
/// let input = payload::from_json(br#"{"inputs": [[1.5, NaN]]}"#, None)?;
/// assert!(matches!(input, Input::Tensor(tensor) if tensor.shape() == [1, 2]));
/// # Ok::<(), mlctl_models::Error>(())
/// ```
///
/// # Errors
/// [`Error::BadRequest`] says which rule of the format the body breaks.
pub fn from_json(body: &[u8], schema: Option<&Schema>) -> Result<Input> {
    request(body, schema).map(|request| request.input)
}

/// Decodes the JSON body of a request, with its `params`.
///
/// # Errors
/// As [`from_json`].
pub fn request(body: &[u8], schema: Option<&Schema>) -> Result<Request> {
    if let Some(input) = numbers(body, schema) {
        return Ok(Request { input, params: None });
    }
    let mut tree = cell::parse(body).map_err(|problem| {
        Error::bad_request(format!(
            "Ensure that input is a valid JSON formatted string. Error: '{problem}'"
        ))
    })?;
    let params = take_params(&mut tree);
    let (form, value) = only_form(tree)?;
    let input = match form {
        "dataframe_split" => frame::split(value, schema).map(Input::Table),
        "dataframe_records" => frame::records(value, schema).map(Input::Table),
        "instances" => instances(value, schema),
        _ => inputs(value, schema),
    }?;
    Ok(Request { input, params })
}

/// Decodes a body that holds nothing but a block of numbers, which all fit; `None` for any other.
fn numbers(body: &[u8], schema: Option<&Schema>) -> Option<Input> {
    if let Some((names, grid)) = Grid::of_split(body) {
        let columns = names.into_iter().zip(grid.columns().map(Cell::Numbers));
        return frame::table(columns, schema).map(Input::Table).ok();
    }
    let Grid { shape, numbers } = Grid::of_lists(body)?;
    let declared = schema.and_then(Schema::first_type);
    gather::numbers(shape, numbers, declared).ok().map(|tensor| placed(tensor, schema))
}

/// Takes the field `params` out of a body.
fn take_params(tree: &mut Cell) -> Option<Value> {
    let Cell::Object(fields) = tree else { return None };
    let (_, params) = fields.iter_mut().find(|(name, _)| name == "params")?;
    Some(std::mem::replace(params, Cell::Null).into_value())
}

/// Finds the one field that holds the data.
fn only_form(tree: Cell) -> Result<(&'static str, Cell)> {
    let fields = match tree {
        Cell::Object(fields) => fields,
        Cell::List(_) | Cell::Numbers(_) => {
            return Err(Error::bad_request(format!("{RULE}. Received a list.")));
        }
        other => {
            return Err(Error::bad_request(format!(
                "{RULE}. Received unexpected input type '{}'.",
                other.kind()
            )));
        }
    };
    let names: Vec<String> = fields.iter().map(|(name, _)| format!("'{name}'")).collect();
    let mut found = fields.into_iter().filter_map(|(name, value)| {
        FORMS.into_iter().find(|form| *form == name).map(|form| (form, value))
    });
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(Error::BadRequest(format!(
            "{RULE}. Received dictionary with input fields: [{}]",
            names.join(", ")
        ))),
    }
}

/// Turns row-wise objects into columns; anything else counts as `inputs`.
fn instances(value: Cell, schema: Option<&Schema>) -> Result<Input> {
    let rows = match value {
        Cell::List(rows) if matches!(rows.first(), Some(Cell::Object(_))) => rows,
        other => return inputs(other, schema),
    };
    let mut columns = frame::Columns::default();
    for (at, row) in rows.into_iter().enumerate() {
        let Cell::Object(fields) = row else {
            return Err(Error::bad_request("`instances` mixes objects with other values"));
        };
        let known = columns.iter().count();
        columns.push_row(at, fields).map_err(Error::bad_request)?;
        if let Some((name, _)) = columns
            .iter()
            .enumerate()
            .find(|(column, (_, cells))| cells.len() != at + 1 || (at > 0 && *column >= known))
            .map(|(_, column)| column)
        {
            return Err(Error::bad_request(format!(
                "The length of values for each input/column name are not the same: instance {at} \
                 or one before it lacks `{name}`"
            )));
        }
    }
    let columns = columns.into_iter().map(|(name, cells)| {
        let tensor =
            gather::tensor(Cell::List(cells), schema.and_then(|schema| schema.type_named(&name)));
        tensor.map(|tensor| (name, tensor)).map_err(Error::bad_request)
    });
    columns.collect::<Result<_>>().map(Input::Named)
}

/// Takes columns or tensors as they are.
fn inputs(value: Cell, schema: Option<&Schema>) -> Result<Input> {
    let is_named = schema.is_some_and(Schema::is_named);
    match value {
        Cell::Object(_) if schema.is_some() && !is_named => Err(Error::bad_request(
            "Failed to parse input data. This model contains an un-named model signature which \
             expects a single n-dimensional array or a single value as input, however, an object \
             was found.",
        )),
        Cell::Object(fields) => {
            let columns = fields.into_iter().map(|(name, value)| {
                let tensor =
                    gather::tensor(value, schema.and_then(|schema| schema.type_named(&name)));
                tensor.map(|tensor| (name, tensor)).map_err(Error::bad_request)
            });
            columns.collect::<Result<_>>().map(Input::Named)
        }
        Cell::List(rows) if matches!(rows.first(), Some(Cell::Object(_))) => {
            frame::records(Cell::List(rows), schema).map(Input::Table)
        }
        other => {
            let declared = schema.and_then(Schema::first_type);
            let tensor = gather::tensor(other, declared).map_err(Error::bad_request)?;
            Ok(placed(tensor, schema))
        }
    }
}

/// Gives a tensor the name of the model's only input.
fn placed(tensor: Tensor, schema: Option<&Schema>) -> Input {
    match schema.map(Schema::names).unwrap_or_default().as_slice() {
        [only] => Input::Named(vec![((*only).to_owned(), tensor)]),
        _ => Input::Tensor(tensor),
    }
}
