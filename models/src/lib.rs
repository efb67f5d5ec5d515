//! Model folders, and scoring them.
//!
//! A model folder is what `mlflow.<flavor>.save_model` writes: a file `MLmodel` that names the
//! flavors, and their data beside it. [`load`] reads one and makes it ready to score; what a
//! client sends passes through [`payload`], is checked against the model's [`Signature`], and ends
//! at a [`Predictor`].
//!
//! ```no_run
//! use mlctl_models::{load, payload};
//! use std::path::Path;
//!
//! let model = load(Path::new("mlruns/0/models/m-1/artifacts"))?;
//! let request = br#"{"dataframe_records": [{"age": 59.0, "bmi": 32.1}]}"#;
//! let input = payload::from_json(request, model.input_schema())?;
//! println!("{}", payload::to_json(&model.predict(input)?));
//! # Ok::<(), mlctl_models::Error>(())
//! ```
//!
//! What a `models:/` or `runs:/` address means is the caller's business: this crate opens folders.
//! With the feature `rest`, [`rest::router`] answers MLflow's scoring protocol; without `onnx`,
//! graphs do not run, but models of the other flavors do.

mod asked;
#[cfg(feature = "onnx")]
pub mod convert;
mod data;
#[cfg(feature = "onnx")]
mod engine;
mod error;
mod example;
pub mod files;
mod flavor;
mod folder;
#[cfg(any(feature = "parquet", feature = "rest"))]
#[cfg_attr(
    not(any(test, feature = "rest")),
    expect(dead_code, reason = "only a server takes answers apart again")
)]
mod join;
pub mod limit;
pub mod manifest;
pub mod mlmodel;
mod model;
#[cfg(feature = "onnxruntime")]
pub mod onnxruntime;
pub mod payload;
mod predictor;
#[cfg(unix)]
pub mod python;
#[cfg(feature = "rest")]
pub mod rest;
#[cfg(feature = "onnx")]
pub mod save;
#[cfg(feature = "rest")]
pub mod serving;
pub mod signature;
#[cfg_attr(
    not(any(test, feature = "onnx")),
    expect(
        dead_code,
        reason = "all that ONNX's tree ensembles can say is not in the other formats"
    )
)]
mod tree;

pub use asked::{Asked, Body, Media};
pub use data::{Input, Table, Tensor, Values};
pub use error::{Error, Result};
pub use example::SavedExample;
pub use manifest::Manifest;
pub use mlmodel::ModelInfo;
pub use model::{MLMODEL_FILE, Model, load, read_info};
pub use predictor::{Answer, Predictions, Predictor, method};
#[cfg(feature = "onnx")]
pub use save::Example;
pub use signature::Signature;
