//! One file per flavor: what an `MLmodel` says about it, turned into a [`Predictor`].

#[cfg(feature = "onnx")]
pub(crate) mod onnx;

use crate::{Error, ModelInfo, Predictor, Result};
use std::path::Path;

/// Opens the best of a model's flavors that runs here, and names it.
pub(crate) fn open(folder: &Path, info: &ModelInfo) -> Result<(&'static str, Box<dyn Predictor>)> {
    #[cfg(feature = "onnx")]
    if let Some(settings) = info.flavors.get(onnx::NAME) {
        return Ok((onnx::NAME, Box::new(onnx::open(folder, settings)?)));
    }
    tracing::debug!(folder = %folder.display(), "no flavor of this model runs here");
    Err(Error::NoFlavor { found: info.flavors.keys().cloned().collect() })
}
