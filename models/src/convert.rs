//! Models of trees and weighted sums as ONNX.
//!
//! A flavor tells what its model computes (a `Recipe`); one writer makes the graph of it. For
//! inputs of 32 bits, trees take the same ways as in the model itself: thresholds are rounded so
//! that every comparison stays what it was, and a scaler before trees is worked into them. What
//! has no such form is refused by its name.

use crate::flavor;
use mlctl_models_format::{Error, ModelInfo, Result, SavedExample, Signature, payload};
use mlctl_models_format::{manifest, read_info};
use mlctl_models_onnx::export as writer;
use mlctl_models_trees::recipe::Recipe;
use mlctl_table::Input;
use mlctl_table::schema::{ColumnSpec, DataType, Schema, TensorSpec};
use serde_json::Map;
use std::path::Path;

/// A model as ONNX, and what its folder says about its input.
#[derive(Clone, Debug)]
pub struct Converted {
    /// The ONNX file. Its only input is `input`, a matrix of 32-bit floats with a row for each
    /// row; NaN stands for what is missing. Classifiers answer `label` and `probabilities` (or
    /// `scores` where they have none), regressors `variable`.
    pub graph: Vec<u8>,
    /// The types: the model's own inputs, and the outputs of the graph.
    pub signature: Signature,
    /// The folder's example of an input.
    pub example: Option<Input>,
}

/// Converts a model folder of the flavors xgboost, lightgbm or sklearn (skops).
///
/// # Errors
/// [`Error::Unconvertible`] names what has no form in ONNX here; otherwise as
/// [`load`](crate::load).
pub fn to_onnx(folder: &Path) -> Result<Converted> {
    let info = read_info(folder)?;
    manifest::check(folder, &info)?;
    let refuse = |problem| Error::Unconvertible { path: folder.to_owned(), problem };
    let recipe = flavor::recipe(folder, &info)?.map_err(refuse)?;
    let signature = signature(&info, &recipe).map_err(refuse)?;
    let saved = SavedExample::read(folder, &info)?;
    let read =
        |saved: SavedExample| payload::from_json(saved.body.as_bytes(), signature.inputs.as_ref());
    let example = saved.map(read).transpose()?;
    Ok(Converted { graph: writer::write(&recipe), signature, example })
}

fn signature(info: &ModelInfo, recipe: &Recipe) -> Result<Signature, String> {
    let given = info.signature.as_ref().and_then(|signature| signature.inputs.clone());
    let inputs = match given {
        Some(Schema::Columns(columns)) => {
            let is_number =
                |kind: Option<DataType>| kind.is_some_and(|kind| kind != DataType::String);
            if columns.len() != recipe.features
                || !columns.iter().all(|column| is_number(column.data_type()))
            {
                return Err("the signature's columns are not the model's numbers".to_owned());
            }
            let schema = Schema::Columns(columns);
            check_order(&schema, recipe)?;
            schema
        }
        Some(Schema::Tensors(tensors)) => match tensors.as_slice() {
            [TensorSpec { name: None, .. }] => Schema::Tensors(tensors),
            _ => return Err("the signature names tensors, where one matrix is needed".to_owned()),
        },
        None if recipe.names.is_some() && !recipe.rewrites_names => named_columns(recipe),
        None => Schema::Tensors(vec![TensorSpec {
            name: None,
            dtype: "float32".to_owned(),
            shape: vec![-1, recipe.features as i64],
        }]),
    };
    let outputs = Some(Schema::Tensors(writer::specs(recipe)));
    Ok(Signature { inputs: Some(inputs), outputs, params: None })
}

/// Describes the columns of the training data.
fn named_columns(recipe: &Recipe) -> Schema {
    let column = |name: &String| ColumnSpec {
        name: Some(name.clone()),
        required: true,
        kind: Map::from_iter([("type".to_owned(), "double".into())]),
    };
    Schema::Columns(recipe.names.iter().flatten().map(column).collect())
}

/// Refuses a signature that has the model's columns in another order: a matrix has no names.
fn check_order(schema: &Schema, recipe: &Recipe) -> Result<(), String> {
    let (true, Some(names)) = (schema.is_named(), &recipe.names) else { return Ok(()) };
    let is_written = |given: &str, name: &String| {
        given == name || recipe.rewrites_names && given.replace(char::is_whitespace, "_") == *name
    };
    let given = schema.names();
    let has = |name: &String| given.iter().any(|given| is_written(given, name));
    let is_in_order = given.iter().zip(names).all(|(given, name)| is_written(given, name));
    if is_in_order || !names.iter().all(has) {
        return Ok(());
    }
    Err("the signature has the model's columns in another order".to_owned())
}
