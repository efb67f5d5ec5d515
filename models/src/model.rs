//! A model folder, opened.

use crate::signature::Schema;
use crate::{
    Answer, Error, Input, ModelInfo, Predictions, Predictor, Result, Tensor, flavor, manifest,
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
    flavor: &'static str,
    predictor: Box<dyn Predictor>,
}

impl Model {
    /// Pairs a description with what computes: for predictors that no folder holds.
    pub fn new(info: ModelInfo, predictor: Box<dyn Predictor>) -> Self {
        Self { info, flavor: "custom", predictor }
    }

    #[cfg(feature = "onnxruntime")]
    pub(crate) fn of_flavor(
        info: ModelInfo,
        flavor: &'static str,
        predictor: Box<dyn Predictor>,
    ) -> Self {
        Self { info, flavor, predictor }
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
    pub fn predict(&self, input: Input) -> Result<Predictions> {
        let input = self.enforce(input)?;
        let rows = rows(&input);
        Ok(laid_out(self.predictor.predict_owned(input)?, rows))
    }

    /// Does the same with another method of the model, such as scikit-learn's `transform`.
    ///
    /// # Errors
    /// As [`predict`](Self::predict); [`Error::Evaluation`] when the model has no such method.
    pub fn call(&self, method: &str, input: Input) -> Result<Predictions> {
        let input = self.enforce(input)?;
        Ok(laid_out(self.predictor.call(method, &input)?, rows(&input)))
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
/// [`Error::NotAModel`] without an `MLmodel`, or when a file is not the one whose digest the
/// `MLmodel` states; [`Error::NoFlavor`] when none of its flavors runs
/// here; [`Error::UnsupportedOperators`] when its graph needs what is missing.
pub fn load(folder: &Path) -> Result<Model> {
    let info = read_info(folder)?;
    manifest::check(folder, &info)?;
    let (flavor, predictor) = flavor::open(folder, &info)?;
    Ok(Model { info, flavor, predictor })
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

fn laid_out(answer: Answer, rows: Option<usize>) -> Predictions {
    match (answer, rows) {
        (Answer::Array(array), _) => Predictions::Array(array),
        (Answer::Json(value), _) => Predictions::Json(value),
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
