//! A model folder, opened.

use crate::folder::Folder;
use crate::signature::Params;
use crate::{Answer, Body, ModelInfo, Predictions, Predictor, Result};
use mlctl_table::schema::Schema;
use mlctl_table::{Input, Tensor};
use serde_json::Value;
use std::path::Path;

/// The file that makes a folder a model folder.
pub const MLMODEL_FILE: &str = "MLmodel";

/// A model that is ready to score.
#[derive(Debug)]
pub struct Model {
    /// What its `MLmodel` says.
    pub info: ModelInfo,
    flavor: &'static str,
    predictor: Box<dyn Predictor>,
    /// The params of a request that gives none.
    defaults: Params,
}

impl Model {
    /// Pairs a description with what computes: for predictors that no folder holds.
    pub fn new(info: ModelInfo, predictor: Box<dyn Predictor>) -> Self {
        Self::with_flavor(info, "custom", predictor)
    }

    /// Pairs a description with what computes, and names the flavor that this is of.
    pub fn with_flavor(
        info: ModelInfo,
        flavor: &'static str,
        predictor: Box<dyn Predictor>,
    ) -> Self {
        // Without a value there is nothing to refuse.
        let defaults = Params::check(info.signature.as_ref(), None).unwrap_or_default();
        Self { info, flavor, predictor, defaults }
    }

    /// Returns the name of the flavor that answers, or `custom` for a predictor from elsewhere.
    pub fn flavor(&self) -> &'static str {
        self.flavor
    }

    /// Returns the schema of the input, when the model has a signature.
    pub fn input_schema(&self) -> Option<&Schema> {
        self.info.signature.as_ref()?.inputs.as_ref()
    }

    /// Checks the input against the signature, and scores it.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] when the input does not fit; [`Error::Evaluation`] when the model
    /// itself cannot take it.
    ///
    /// [`Error::SchemaMismatch`]: crate::Error::SchemaMismatch
    /// [`Error::Evaluation`]: crate::Error::Evaluation
    pub fn predict(&self, input: Input) -> Result<Predictions> {
        self.predict_checked(input, &self.defaults)
    }

    /// Does the same under the params of a request, which [`Params::check`] checks.
    ///
    /// # Errors
    /// As [`predict`](Self::predict); [`Error::SchemaMismatch`] names params that do not fit, and
    /// [`Error::Evaluation`] those whose values the model cannot honour.
    ///
    /// [`Error::SchemaMismatch`]: crate::Error::SchemaMismatch
    /// [`Error::Evaluation`]: crate::Error::Evaluation
    pub fn predict_with(&self, input: Input, params: Option<&Value>) -> Result<Predictions> {
        if params.is_none() {
            return self.predict(input);
        }
        let params = self.check_params(params)?;
        self.predict_checked(input, &params)
    }

    fn predict_checked(&self, input: Input, params: &Params) -> Result<Predictions> {
        self.answer(self.enforce(input)?, params)
    }

    /// Scores an input that the signature has let pass.
    pub fn answer(&self, input: Input, params: &Params) -> Result<Predictions> {
        let rows = rows(&input);
        let answer = match params.is_empty() {
            true => self.predictor.predict_owned(input)?,
            false => self.predictor.predict_with(input, params)?,
        };
        Ok(laid_out(answer, rows))
    }

    /// Tells whether the model reads bodies of requests itself.
    pub fn reads_bodies(&self) -> bool {
        self.predictor.reads_bodies()
    }

    /// Scores a body that the model reads itself.
    pub fn predict_body(&self, body: &Body) -> Result<Predictions> {
        Ok(laid_out(self.predictor.predict_body(body)?, None))
    }

    /// Checks the params of a request; without any, those hold that the signature has by default.
    pub fn check_params(&self, params: Option<&Value>) -> Result<Params> {
        match params {
            None => Ok(self.defaults.clone()),
            params => Params::check(self.info.signature.as_ref(), params),
        }
    }

    /// Returns what computes.
    pub fn predictor(&self) -> &dyn Predictor {
        self.predictor.as_ref()
    }

    /// Does the same with another method of the model, such as scikit-learn's `transform`.
    ///
    /// # Errors
    /// As [`predict`](Self::predict); [`Error::Evaluation`] when the model has no such method.
    ///
    /// [`Error::Evaluation`]: crate::Error::Evaluation
    pub fn call(&self, method: &str, input: Input) -> Result<Predictions> {
        let input = self.enforce(input)?;
        Ok(laid_out(self.predictor.call(method, &input)?, rows(&input)))
    }

    /// Checks an input against the signature, and brings it into its order and types.
    pub fn enforce(&self, input: Input) -> Result<Input> {
        match self.input_schema() {
            Some(schema) => Ok(schema.enforce(input)?),
            None => Ok(input),
        }
    }
}

/// Reads a folder's `MLmodel` and nothing else.
///
/// # Errors
/// [`Error::NotAModel`](crate::Error::NotAModel) without such a file,
/// [`Error::MalformedInfo`](crate::Error::MalformedInfo) when it cannot be understood.
pub fn read_info(folder: &Path) -> Result<ModelInfo> {
    ModelInfo::from_yaml(&Folder::new(folder).text(MLMODEL_FILE)?)
}

fn laid_out(answer: Answer, rows: Option<usize>) -> Predictions {
    match (answer, rows) {
        (Answer::Array(array), _) => Predictions::Array(array),
        (Answer::Json(value), _) => Predictions::Json(value),
        (Answer::LaidOut(predictions), _) => predictions,
        (Answer::Outputs(outputs), Some(rows)) if in_rows(&outputs, rows) => {
            Predictions::Records(outputs)
        }
        (Answer::Outputs(outputs), _) => Predictions::Outputs(outputs),
    }
}

/// Counts the rows of a table; other inputs have none.
fn rows(input: &Input) -> Option<usize> {
    match input {
        Input::Table(table) => Some(table.rows()),
        _ => None,
    }
}

fn in_rows(outputs: &[(String, Tensor)], rows: usize) -> bool {
    outputs.iter().all(|(_, output)| output.shape().first() == Some(&rows))
}
