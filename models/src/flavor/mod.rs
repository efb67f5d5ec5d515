//! One module per flavor: what an `MLmodel` says about it, turned into a [`Predictor`].

mod lightgbm;
mod matrix;
#[cfg(feature = "onnx")]
pub(crate) mod onnx;
mod sklearn;
mod xgboost;

use crate::folder::DataFile;
use crate::{Error, ModelInfo, Predictor, Result};
use serde_json::{Map, Value};
use std::path::{Component, Path};

/// Opens the best of a model's flavors that runs here, and names it.
pub(crate) fn open(folder: &Path, info: &ModelInfo) -> Result<(&'static str, Box<dyn Predictor>)> {
    #[cfg(feature = "onnx")]
    if let Some(settings) = info.flavors.get(onnx::NAME) {
        return Ok((onnx::NAME, Box::new(onnx::open(folder, settings)?)));
    }
    if let Some(settings) = info.flavors.get(xgboost::NAME) {
        return Ok((xgboost::NAME, Box::new(xgboost::open(folder, settings)?)));
    }
    if let Some(settings) = info.flavors.get(lightgbm::NAME) {
        if let Some(path) = lightgbm::wrapper_file(folder, settings)? {
            return Ok((lightgbm::NAME, Box::new(sklearn::open_skops(&path, "predict")?)));
        }
        return Ok((lightgbm::NAME, Box::new(lightgbm::open(folder, settings)?)));
    }
    if let Some(settings) = info.flavors.get(sklearn::NAME) {
        return Ok((sklearn::NAME, Box::new(sklearn::open(folder, settings, info)?)));
    }
    tracing::debug!(folder = %folder.display(), "no flavor of this model runs here");
    Err(Error::NoFlavor { found: info.flavors.keys().cloned().collect() })
}

/// Tells what a model computes; or, in a line, what of it cannot be told.
#[cfg(feature = "onnx")]
pub(crate) fn recipe(
    folder: &Path,
    info: &ModelInfo,
) -> Result<std::result::Result<crate::convert::recipe::Recipe, String>> {
    if info.flavors.contains_key(onnx::NAME) {
        return Ok(Err("it is ONNX already".to_owned()));
    }
    if let Some(settings) = info.flavors.get(xgboost::NAME) {
        return Ok(xgboost::open(folder, settings)?.recipe());
    }
    if let Some(settings) = info.flavors.get(lightgbm::NAME) {
        if let Some(path) = lightgbm::wrapper_file(folder, settings)? {
            return Ok(sklearn::open_skops(&path, "predict")?.recipe());
        }
        return Ok(lightgbm::open(folder, settings)?.recipe());
    }
    if let Some(settings) = info.flavors.get(sklearn::NAME) {
        return Ok(sklearn::open(folder, settings, info)?.recipe());
    }
    let found: Vec<&str> = info.flavors.keys().map(String::as_str).collect();
    Ok(Err(format!(
        "it has the flavors {}; those of xgboost, lightgbm and sklearn can be",
        found.join(", ")
    )))
}

/// Returns a text of a flavor's settings.
fn setting<'a>(settings: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    settings.get(name).and_then(Value::as_str)
}

/// Finds the flavor's file, which must lie inside the model's folder.
fn data_file(folder: &Path, data: &str) -> Result<DataFile> {
    let refuse = |problem: String| Error::NotAModel { path: folder.to_owned(), problem };
    let is_inside = Path::new(data).components().all(|part| matches!(part, Component::Normal(_)));
    if !is_inside || data.is_empty() {
        return Err(refuse(format!("its data path `{data}` leads out of the folder")));
    }
    DataFile::new(folder, data)
}
