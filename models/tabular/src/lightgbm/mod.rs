//! The lightgbm flavor: a booster's text file.
//!
//! What comes out is what `mlflow.pyfunc` gives: `Booster.predict`. The wrappers for scikit-learn
//! are saved by skops, with the same text inside, and read where scikit-learn's models are; or as a
//! pickle, which is never opened.

mod booster;
mod objective;
mod recipe;
mod text;
mod trees;

use crate::matrix::{Matrix, refuse};
pub(crate) use booster::Booster;
use mlctl_models_format::folder::DataFile;
use mlctl_models_format::folder::{data_file, setting};
use mlctl_models_format::predictor::{method, no_method};
use mlctl_models_format::{Answer, Error, Predictor, Result};
use mlctl_table::{Input, Tensor, Values};
use serde_json::{Map, Value};
use std::path::Path;

/// The flavor's name in `MLmodel`.
pub const NAME: &str = "lightgbm";
const DATA_DEFAULT: &str = "model.lgb";
const CLASS_DEFAULT: &str = "lightgbm.basic.Booster";

/// Finds the skops file of a wrapper for scikit-learn, if that is what the settings name.
pub fn wrapper_file(folder: &Path, settings: &Map<String, Value>) -> Result<Option<DataFile>> {
    match setting(settings, "serialization_format") {
        Some("skops") if setting(settings, "model_class") != Some(CLASS_DEFAULT) => {
            data_file(folder, setting(settings, "data").unwrap_or(DATA_DEFAULT)).map(Some)
        }
        _ => Ok(None),
    }
}

/// Opens the model that the flavor's settings name.
pub fn open(folder: &Path, settings: &Map<String, Value>) -> Result<LightgbmModel> {
    let file = data_file(folder, setting(settings, "data").unwrap_or(DATA_DEFAULT))?;
    let path = file.path();
    let class = setting(settings, "model_class").unwrap_or(CLASS_DEFAULT);
    if class != CLASS_DEFAULT {
        let problem = format!(
            "it is a pickled `{class}`; save it again with \
             mlflow.lightgbm.save_model(…, serialization_format=\"skops\"), or its booster with \
             mlflow.lightgbm.save_model(model.booster_, …)"
        );
        return Err(Error::UnsupportedModel { path, problem });
    }
    let bytes = file.read()?;
    let text = str::from_utf8(&bytes).map_err(|_| "it is not text".to_owned());
    let booster = text.and_then(|text| Booster::from_text(text, None));
    let booster = booster.map_err(|problem| Error::UnsupportedModel { path, problem })?;
    Ok(LightgbmModel { booster })
}

/// A booster that scores tables and tensors.
#[derive(Debug)]
pub struct LightgbmModel {
    booster: Booster,
}

impl Predictor for LightgbmModel {
    fn has_independent_rows(&self) -> bool {
        true
    }

    fn predict(&self, input: &Input) -> Result<Answer> {
        let matrix = Matrix::<f64>::of(input, &self.booster)?;
        matrix.room(self.booster.groups())?;
        let raw = self.booster.raw(&matrix.values, matrix.rows);
        let output = self.shape(self.booster.predictions(raw), matrix.rows)?;
        Ok(Answer::Array(output))
    }

    fn call(&self, method: &str, input: &Input) -> Result<Answer> {
        let matrix = Matrix::<f64>::of(input, &self.booster)?;
        matrix.room(self.booster.groups())?;
        let raw = self.booster.raw(&matrix.values, matrix.rows);
        match method {
            method::PREDICT_RAW => self.shape(raw, matrix.rows).map(Answer::Array),
            method::PREDICT_PROBA => {
                let probabilities = self.booster.probabilities(raw).map_err(refuse)?;
                let width = probabilities.len() / matrix.rows.max(1);
                let shape = vec![matrix.rows, width];
                Ok(Answer::Array(Tensor::new(shape, Values::Double(probabilities))?))
            }
            method::PREDICT => self.predict(input),
            _ => Err(no_method(method)),
        }
    }
}

impl LightgbmModel {
    /// Tells what the model computes; or what cannot be told.
    pub fn recipe(&self) -> std::result::Result<mlctl_models_trees::recipe::Recipe, String> {
        self.booster.recipe()
    }

    /// One value for each row is a vector, several are a matrix.
    fn shape(&self, values: Vec<f64>, rows: usize) -> Result<Tensor> {
        match self.booster.groups() {
            1 => Ok(Tensor::vector(Values::Double(values))),
            groups => Ok(Tensor::new(vec![rows, groups], Values::Double(values))?),
        }
    }
}
