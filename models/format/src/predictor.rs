//! What every flavor becomes: something that answers an input.

use crate::signature::Params;
use crate::{Body, Error, Result};
use mlctl_table::{Input, Tensor};
use serde_json::Value;
use std::fmt;
use std::time::Duration;

/// Names of the methods that models have, as scikit-learn calls them.
pub mod method {
    /// What every model answers.
    pub const PREDICT: &str = "predict";
    /// A probability for each class: a matrix.
    pub const PREDICT_PROBA: &str = "predict_proba";
    /// What the predictions of trees were made of: the sum before any transform.
    pub const PREDICT_RAW: &str = "predict_raw";
}

/// Answers inputs, from many threads at once.
///
/// The input has passed the model's signature, if it has one. Implementations answer an input that
/// they cannot take with [`Error::Evaluation`], never with a panic.
pub trait Predictor: fmt::Debug + Send + Sync {
    /// Computes the model's answer.
    fn predict(&self, input: &Input) -> Result<Answer>;

    /// Computes the model's answer to an input that nobody else needs, and so without a copy of it
    /// where the model can take it as it is.
    fn predict_owned(&self, input: Input) -> Result<Answer> {
        self.predict(&input)
    }

    /// Does the same under params that the model's signature declares. A model that has no use for
    /// them leaves them aside, as most of MLflow's flavors do.
    fn predict_with(&self, input: Input, _params: &Params) -> Result<Answer> {
        self.predict_owned(input)
    }

    /// Tells whether the model reads bodies of requests itself, in forms that nobody else knows.
    fn reads_bodies(&self) -> bool {
        false
    }

    /// Computes the answer to a body, which the model checks against its signature.
    fn predict_body(&self, _body: &Body) -> Result<Answer> {
        Err(Error::Evaluation { problem: "the model does not read request bodies".to_owned() })
    }

    /// Computes what another [`method`] of the model answers.
    fn call(&self, method: &str, input: &Input) -> Result<Answer> {
        match method {
            method::PREDICT => self.predict(input),
            _ => Err(no_method(method)),
        }
    }

    /// Tells whether what a row gets never depends on the rows beside it, so that rows of several
    /// callers may be scored together.
    fn has_independent_rows(&self) -> bool {
        false
    }

    /// Tells whether an answer may be waited for, as one from another process.
    fn waits(&self) -> bool {
        false
    }

    /// Says that nobody waits for an answer any longer than this. Who can give up then does.
    fn set_time_limit(&self, _limit: Duration) {}
}

/// Says that a model has no such method.
pub fn no_method(method: &str) -> Error {
    Error::Evaluation { problem: format!("the model has no method `{method}`") }
}

/// What a predictor answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Outputs with names, in the model's own order.
    Outputs(Vec<(String, Tensor)>),
    /// One array that goes without a name, as numpy has it.
    Array(Tensor),
    /// Anything else that JSON can hold.
    Json(Value),
    /// What the model has laid out itself.
    LaidOut(Predictions),
}

/// What a model answers, laid out.
#[derive(Clone, Debug, PartialEq)]
pub enum Predictions {
    /// One object per row: the answer to a table.
    Records(Vec<(String, Tensor)>),
    /// One array per output: the answer to tensors.
    Outputs(Vec<(String, Tensor)>),
    /// One array without a name.
    Array(Tensor),
    /// Anything else that JSON can hold.
    Json(Value),
    /// JSON text that is the whole answer, without `predictions` around it.
    Bare(String),
}

impl Predictions {
    /// Returns the outputs with their names, in the model's order; the name of an array is empty.
    /// What is only JSON has none.
    pub fn tensors(&self) -> Vec<(&str, &Tensor)> {
        match self {
            Self::Records(outputs) | Self::Outputs(outputs) => {
                outputs.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect()
            }
            Self::Array(array) => vec![("", array)],
            Self::Json(_) | Self::Bare(_) => Vec::new(),
        }
    }
}
