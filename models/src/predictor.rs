//! What every flavor becomes: something that answers an input.

use crate::{Error, Input, Result, Tensor};
use std::fmt;

/// Answers inputs, from many threads at once.
///
/// The input has passed the model's signature, if it has one. Implementations answer an input that
/// they cannot take with [`Error::Evaluation`], never with a panic.
pub trait Predictor: fmt::Debug + Send + Sync {
    /// Computes the outputs, in the model's own order. A single output without a name is what
    /// MLflow calls a bare array.
    fn predict(&self, input: &Input) -> Result<Vec<(String, Tensor)>>;

    /// Computes what another method of the model answers, such as scikit-learn's `transform`.
    /// Models that have no such method say so with [`Error::Evaluation`].
    fn call(&self, method: &str, input: &Input) -> Result<Vec<(String, Tensor)>> {
        match method {
            "predict" => self.predict(input),
            _ => Err(Error::Evaluation { problem: format!("it has no method `{method}`") }),
        }
    }

    /// Computes what the predictions were made of, one row for each row of the input. Models that
    /// have no such thing say so with [`Error::Evaluation`].
    fn scores(&self, input: &Input, scores: Scores) -> Result<Tensor> {
        let _ = input;
        let what = match scores {
            Scores::Probability => "probabilities",
            Scores::Raw => "raw scores",
        };
        Err(Error::Evaluation { problem: format!("it has no {what}") })
    }
}

/// What stands behind predictions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scores {
    /// A probability for each class: a matrix.
    Probability,
    /// The sum before any transform: a vector, or a matrix when a row has several.
    Raw,
}

/// How predictions are laid out when they are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One object per row: the answer to a table.
    Records,
    /// One array per output: the answer to tensors.
    Outputs,
}

/// What a model answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictions {
    /// The outputs by name, in the model's order.
    pub outputs: Vec<(String, Tensor)>,
    /// How they are laid out.
    pub form: Form,
}
