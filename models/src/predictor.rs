//! What every flavor becomes: something that answers an input.

use crate::{Error, Input, Result, Tensor};
use std::fmt;

/// Answers inputs, from many threads at once.
///
/// The input has passed the model's signature, if it has one. Implementations answer an input that
/// they cannot take with [`Error::Evaluation`](crate::Error::Evaluation), never with a panic.
pub trait Predictor: fmt::Debug + Send + Sync {
    /// Computes the outputs, in the model's own order.
    fn predict(&self, input: &Input) -> Result<Vec<(String, Tensor)>>;

    /// Computes what another method of the model answers, such as scikit-learn's `predict_proba`.
    fn call(&self, method: &str, input: &Input) -> Result<Vec<(String, Tensor)>> {
        match method {
            "predict" => self.predict(input),
            _ => Err(Error::Evaluation { problem: format!("the model has no method `{method}`") }),
        }
    }

    /// Tells whether the answer is one array that goes without its name, as numpy has it.
    fn is_nameless(&self) -> bool {
        false
    }
}

/// How predictions are laid out when they are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One object per row: the answer to a table.
    Records,
    /// One array per output: the answer to tensors.
    Outputs,
    /// The only output, without its name: the answer of models that return one array.
    Array,
}

/// What a model answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictions {
    /// The outputs by name, in the model's order.
    pub outputs: Vec<(String, Tensor)>,
    /// How they are laid out.
    pub form: Form,
}
