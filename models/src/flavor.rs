//! Which flavor of a folder answers: the best one that runs here.

use mlctl_models_format::{Error, Model, ModelInfo, Predictor, Result, manifest, read_info};
#[cfg(feature = "onnx")]
use mlctl_models_onnx::flavor as onnx;
use mlctl_models_tabular::{lightgbm, sklearn, xgboost};
use std::path::Path;

/// Opens the best of a model's flavors that runs here, and names it.
fn open(folder: &Path, info: &ModelInfo) -> Result<(&'static str, Box<dyn Predictor>)> {
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
    tracing::debug!(folder = %folder.display(), "mlctl supports no flavor of this model");
    Err(Error::NoFlavor { found: info.flavors.keys().cloned().collect() })
}

/// Tells what a model computes; or, in a line, what of it cannot be told.
#[cfg(feature = "onnx")]
pub(crate) fn recipe(
    folder: &Path,
    info: &ModelInfo,
) -> Result<std::result::Result<mlctl_models_trees::recipe::Recipe, String>> {
    if info.flavors.contains_key(onnx::NAME) {
        return Ok(Err("it is already an ONNX model".to_owned()));
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
        "it has the flavors {}; supported are xgboost, lightgbm and sklearn",
        found.join(", ")
    )))
}

/// Opens a model folder with the best of its flavors that runs here.
///
/// # Errors
/// [`Error::NotAModel`] without an `MLmodel`, or when a file is not the one whose digest the
/// `MLmodel` states; [`Error::NoFlavor`] when none of its flavors runs
/// here; [`Error::UnsupportedOperators`] when its graph needs what is missing.
///
/// [`Error::NotAModel`]: Error::NotAModel
/// [`Error::NoFlavor`]: Error::NoFlavor
/// [`Error::UnsupportedOperators`]: Error::UnsupportedOperators
pub fn load(folder: &Path) -> Result<Model> {
    let info = read_info(folder)?;
    manifest::check(folder, &info)?;
    let (flavor, predictor) = open(folder, &info)?;
    Ok(Model::with_flavor(info, flavor, predictor))
}
