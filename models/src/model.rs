//! A model folder, opened.

use crate::signature::Schema;
use crate::{
    Error, Form, Input, ModelInfo, Predictions, Predictor, Result, Scores, Tensor, flavor,
};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// The file that makes a folder a model folder.
pub const MLMODEL_FILE: &str = "MLmodel";

/// A model that is ready to score.
#[derive(Debug)]
pub struct Model {
    /// What its `MLmodel` says.
    pub info: ModelInfo,
    predictor: Box<dyn Predictor>,
}

impl Model {
    /// Pairs a description with what computes: for predictors that no folder holds.
    pub fn new(info: ModelInfo, predictor: Box<dyn Predictor>) -> Self {
        Self { info, predictor }
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
    pub fn predict(&self, input: Input) -> Result<Predictions> {
        let input = self.enforce(input)?;
        let outputs = self.predictor.predict(&input)?;
        Ok(in_form(outputs, &input))
    }

    /// Does the same with another method of the model, such as scikit-learn's `transform`.
    ///
    /// # Errors
    /// As [`predict`](Self::predict); [`Error::Evaluation`] when the model has no such method.
    pub fn call(&self, method: &str, input: Input) -> Result<Predictions> {
        let input = self.enforce(input)?;
        let outputs = self.predictor.call(method, &input)?;
        Ok(in_form(outputs, &input))
    }

    /// Checks the input against the signature, and computes what its predictions are made of.
    ///
    /// # Errors
    /// As [`predict`](Self::predict); [`Error::Evaluation`] when the model has no such scores.
    pub fn scores(&self, input: Input, scores: Scores) -> Result<Tensor> {
        self.predictor.scores(&self.enforce(input)?, scores)
    }

    fn enforce(&self, input: Input) -> Result<Input> {
        match self.input_schema() {
            Some(schema) => schema.enforce(input),
            None => Ok(input),
        }
    }
}

/// Opens a model folder with the best of its flavors that runs here.
///
/// # Errors
/// [`Error::NotAModel`] without an `MLmodel`; [`Error::NoFlavor`] when none of its flavors runs
/// here; [`Error::UnsupportedOperators`] when its graph needs what is missing.
pub fn load(folder: &Path) -> Result<Model> {
    let info = read_info(folder)?;
    let predictor = flavor::open(folder, &info)?;
    Ok(Model { info, predictor })
}

/// Reads a folder's `MLmodel` and nothing else.
///
/// # Errors
/// [`Error::NotAModel`] without such a file, [`Error::MalformedInfo`] when it cannot be understood.
pub fn read_info(folder: &Path) -> Result<ModelInfo> {
    let path = folder.join(MLMODEL_FILE);
    match fs::read_to_string(&path) {
        Ok(text) => ModelInfo::from_yaml(&text),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            let problem = format!("there is no file {MLMODEL_FILE} in it");
            Err(Error::NotAModel { path: folder.to_owned(), problem })
        }
        Err(error) => {
            Err(Error::Io { doing: format!("reading `{}`", path.display()), source: error.into() })
        }
    }
}

fn in_form(outputs: Vec<(String, Tensor)>, input: &Input) -> Predictions {
    let form = match input {
        Input::Table(table) if in_rows(&outputs, table.rows()) => Form::Records,
        _ => Form::Outputs,
    };
    Predictions { outputs, form }
}

fn in_rows(outputs: &[(String, Tensor)], rows: usize) -> bool {
    outputs.iter().all(|(_, output)| output.shape().first() == Some(&rows))
}
