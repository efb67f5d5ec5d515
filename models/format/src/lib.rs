//! What a model folder holds besides the model itself, and the requests and answers of scoring.
//!
//! `MLmodel` ([`ModelInfo`]), signatures, digests, examples, and the files of a folder; the bodies
//! of `/invocations` ([`payload`]) and of files ([`files`]); and the contract of what computes
//! ([`Predictor`]), which a [`Model`] pairs with its description.
//!
//! How a flavor computes is the business of the crates above. `mlctl-models` is the front door to
//! all of them.

mod asked;
mod error;
mod example;
pub mod files;
pub mod folder;
pub mod join;
pub mod manifest;
pub mod mlmodel;
mod model;
pub mod payload;
pub mod predictor;
pub mod signature;

pub use asked::{Asked, Body, Media};
pub use error::{Error, Fault, Result};
pub use example::{ANSWER, SavedExample};
pub use manifest::Manifest;
pub use mlmodel::ModelInfo;
pub use model::{MLMODEL_FILE, Model, read_info};
pub use predictor::{Answer, Predictions, Predictor, method};
pub use signature::Signature;
