//! Microsoft's onnxruntime behind the graphs that do not run here by themselves.
//!
//! The library is not part of this crate: the host says where it lies, once per process. From then
//! on [`load`](crate::load) hands it those graphs that this crate refuses.
//!
//! ```no_run
//! use mlctl_models::{load, onnxruntime};
//! use std::path::Path;
//!
//! onnxruntime::use_library(Path::new("/usr/lib/libonnxruntime.so.1.31.1"))?;
//! let model = load(Path::new("detector"))?;
//! # Ok::<(), mlctl_models::Error>(())
//! ```

use mlctl_models_format::{Error, Model, Result, manifest, read_info};
use mlctl_models_onnx::{flavor, runtime};
use std::path::Path;

/// Loads the shared library, of version 1.17 or newer; a second call keeps the first one.
///
/// # Errors
/// [`Error::Library`] when there is no such library at `path`.
pub fn use_library(path: &Path) -> Result<()> {
    runtime::use_library(path)
}

/// Opens the onnx flavor of a model folder with the library, whether it runs here or not.
///
/// # Errors
/// As [`load`](crate::load); [`Error::UnsupportedGraph`] without a library too.
pub fn load(folder: &Path) -> Result<Model> {
    let info = read_info(folder)?;
    manifest::check(folder, &info)?;
    let Some(settings) = info.flavors.get(flavor::NAME) else {
        return Err(Error::NoFlavor { found: info.flavors.keys().cloned().collect() });
    };
    let predictor = Box::new(flavor::open_foreign(folder, settings)?);
    Ok(Model::with_flavor(info, flavor::NAME, predictor))
}
