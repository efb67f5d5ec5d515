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

#[cfg(feature = "onnx")]
pub mod convert;
mod flavor;
#[cfg(feature = "onnxruntime")]
pub mod onnxruntime;
#[cfg(unix)]
pub mod python;
#[cfg(feature = "onnx")]
pub mod save;

pub use flavor::load;
pub use mlctl_models_format::{
    Answer, Asked, Body, Error, Fault, MLMODEL_FILE, Manifest, Media, Model, ModelInfo,
    Predictions, Predictor, Result, SavedExample, Signature, files, manifest, method, mlmodel,
    payload, read_info, signature,
};
#[cfg(feature = "rest")]
pub use mlctl_models_serving::{self as serving, rest};
pub use mlctl_table::{Input, Table, Tensor, Values, limit};
#[cfg(feature = "onnx")]
pub use save::Example;
