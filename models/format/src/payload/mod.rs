//! The request formats of `/invocations`, and its answer. Pure.
//!
//! A JSON body holds exactly one of `dataframe_split`, `dataframe_records`, `instances` and
//! `inputs`. Where MLflow's own server would change a value without a word, this one refuses it:
//! 1.5 for an integer, 2^31 for a 32-bit one, "x" for a boolean.

mod answer;
#[cfg(feature = "parquet")]
mod arrow;
mod block;
mod body;
mod cell;
mod columns;
mod csv;
mod frame;
mod grid;
mod lists;
mod place;
mod typed;

pub use answer::to_json;
#[cfg(feature = "parquet")]
pub use arrow::{from_arrow_file, from_arrow_stream, from_parquet};
pub use csv::from_csv;

use crate::{Error, Result};
use body::Body;
use grid::Grid;
pub use lists::{Lists, few, sizes};
use mlctl_table::schema::{Element, Lookup, Schema};
use mlctl_table::{Input, Tensor};
use place::{At, Reading};
use serde::de::DeserializeSeed;
use serde_json::Value;

/// So many cells of a table may be missing; beyond, values that are given must go with them.
const MISSING_MAX: usize = 1 << 20;

/// So many may be missing where reading must be quick.
const MISSING_MAX_AT_ONCE: usize = 1 << 14;

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
/// use mlctl_models_format::payload;
/// use mlctl_table::Input;
///
/// let input = payload::from_json(br#"{"inputs": [[1.5, NaN]]}"#, None)?;
/// assert!(matches!(input, Input::Tensor(tensor) if tensor.shape() == [1, 2]));
/// # Ok::<(), mlctl_models_format::Error>(())
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
    read(body, schema, MISSING_MAX).0
}

/// Does the same, unless the body makes far more cells than it has values, which takes its time.
pub fn request_at_once(body: &[u8], schema: Option<&Schema>) -> Option<Result<Request>> {
    let (request, is_sparse) = read(body, schema, MISSING_MAX_AT_ONCE);
    (!is_sparse).then_some(request)
}

/// Decodes a body, and tells whether more cells were missing than may be.
fn read(body: &[u8], schema: Option<&Schema>, missing_max: usize) -> (Result<Request>, bool) {
    let body = without_byte_order_mark(body);
    let types = Lookup::new(schema);
    if let Some(input) = numbers(body, &types) {
        return (Ok(Request { input, params: None }), false);
    }
    let json = cell::without_python_numbers(body);
    let reading = Reading::new(types, missing_max);
    let mut source = serde_json::Deserializer::from_slice(&json);
    let read = At(Body(&reading)).deserialize(&mut source);
    let request = read.and_then(|request| source.end().map(|()| request)).map_err(|error| {
        reading.take_problem().unwrap_or_else(|| {
            Error::bad_request(format!(
                "Ensure that input is a valid JSON formatted string. Error: '{error}'"
            ))
        })
    });
    (request, reading.is_sparse())
}

/// Leaves out the mark that some programs write before JSON; RFC 8259 lets a reader ignore it.
pub fn without_byte_order_mark(json: &[u8]) -> &[u8] {
    json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json)
}

/// Decodes a body that holds nothing but a block of numbers that fits the schema, and of which a
/// Python model gets the same as from MLflow; `None` for any other.
pub fn block(body: &[u8], schema: Option<&Schema>) -> Option<Input> {
    // Held in a wider type, they would reach the model in that one.
    if schema.and_then(Schema::first_element).is_some_and(Element::is_narrow) {
        return None;
    }
    if let Some((names, _)) = Grid::of_split(body) {
        // Several columns of one name are for pandas.
        let different: std::collections::HashSet<&String> = names.iter().collect();
        if different.len() < names.len() {
            return None;
        }
    }
    let input = numbers(body, &Lookup::new(schema))?;
    match (schema, &input) {
        (None, _) => Some(input),
        // MLflow makes a list what the column's type is first, and a table of it afterwards.
        (Some(Schema::Columns(_)), Input::Tensor(_) | Input::Named(_)) => None,
        (Some(schema), _) => schema.enforce(input).ok(),
    }
}

/// Decodes a body that holds nothing but a block of numbers, which all fit; `None` for any other.
fn numbers(body: &[u8], types: &Lookup<'_>) -> Option<Input> {
    if let Some((names, grid)) = Grid::of_split(body) {
        return grid.into_table(names, types).map(Input::Table);
    }
    let schema = types.schema();
    let grid = Grid::of_lists(body)?;
    let tensor = grid.into_tensor(schema.and_then(Schema::first_element))?;
    Some(placed(tensor, schema))
}

/// Gives a tensor the name of the model's only input.
fn placed(tensor: Tensor, schema: Option<&Schema>) -> Input {
    match schema.map(Schema::names).unwrap_or_default().as_slice() {
        [only] => Input::Named(vec![((*only).to_owned(), tensor)]),
        _ => Input::Tensor(tensor),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records of which each has a key of its own, and one that all have.
    fn records(count: usize) -> String {
        let record = |at| format!("{{\"all\":1,\"key{at}\":2}}");
        let records: Vec<String> = (0..count).map(record).collect();
        format!("{{\"dataframe_records\": [{}]}}", records.join(","))
    }

    #[test]
    fn a_sparse_table_is_read_in_proportion_to_its_body_or_refused() {
        assert!(request(records(900).as_bytes(), None).is_ok());

        let refused = request(records(3_000).as_bytes(), None).unwrap_err().to_string();

        assert!(refused.contains("send fewer rows at once"), "{refused}");
    }

    #[test]
    fn a_small_body_that_makes_a_large_table_is_not_read_at_once() {
        assert!(request_at_once(records(900).as_bytes(), None).is_none());
        assert!(request_at_once(records(90).as_bytes(), None).is_some_and(|read| read.is_ok()));
        assert!(request_at_once(b"{}", None).is_some_and(|read| read.is_err()));
    }

    #[test]
    fn a_byte_order_mark_before_a_body_is_ignored() {
        for body in [r#"{"inputs": [[1.5]]}"#, r#"{"dataframe_records": [{"a": "x"}]}"#] {
            let marked = format!("\u{feff}{body}");
            let [plain, marked] = [body, &marked].map(|body| from_json(body.as_bytes(), None));
            assert_eq!(marked.unwrap(), plain.unwrap(), "for {body}");
        }
    }
}
