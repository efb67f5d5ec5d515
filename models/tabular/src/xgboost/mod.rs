//! The xgboost flavor: a booster, alone or in one of the wrappers for scikit-learn.
//!
//! What comes out is what `mlflow.pyfunc` gives: `Booster.predict` of all iterations, or `predict`
//! of the wrapper, which stops at the best iteration and, for classifiers, gives labels.

mod booster;
mod document;
mod objective;
mod params;
mod recipe;
mod trees;
mod ubjson;

use crate::matrix::{Columns, Matrix, by_name, in_order, refuse};
use booster::{Booster, Range};
use mlctl_models_format::folder::{data_file, setting};
use mlctl_models_format::predictor::{method, no_method};
use mlctl_models_format::signature::Params;
use mlctl_models_format::{Answer, Error, Predictor, Result};
use mlctl_models_trees::transform;
use mlctl_table::{Input, Table, Tensor, Values};
use objective::{Objective, first_greatest};
use serde_json::{Map, Value};
use std::path::Path;

/// The flavor's name in `MLmodel`.
pub const NAME: &str = "xgboost";
const DATA_DEFAULT: &str = "model.xgb";
const CLASS_DEFAULT: &str = "xgboost.core.Booster";

/// Opens the model that the flavor's settings name.
pub fn open(folder: &Path, settings: &Map<String, Value>) -> Result<XgboostModel> {
    let file = data_file(folder, setting(settings, "data").unwrap_or(DATA_DEFAULT))?;
    let class = setting(settings, "model_class").unwrap_or(CLASS_DEFAULT);
    let model = Wrapper::parse(class).and_then(|wrapper| {
        let bytes = file.read().map_err(|error| error.to_string())?;
        XgboostModel::from_bytes(&bytes, wrapper)
    });
    model.map_err(|problem| Error::UnsupportedModel { path: file.path(), problem })
}

/// The class that the model had in Python.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrapper {
    Booster,
    Regressor,
    Ranker,
    Classifier,
}

impl Wrapper {
    fn parse(class: &str) -> std::result::Result<Self, String> {
        Ok(match class {
            "xgboost.core.Booster" => Self::Booster,
            "xgboost.sklearn.XGBModel"
            | "xgboost.sklearn.XGBRegressor"
            | "xgboost.sklearn.XGBRFRegressor" => Self::Regressor,
            "xgboost.sklearn.XGBRanker" => Self::Ranker,
            "xgboost.sklearn.XGBClassifier" | "xgboost.sklearn.XGBRFClassifier" => Self::Classifier,
            other => return Err(format!("the class `{other}` is not supported")),
        })
    }
}

/// A booster that scores tables and tensors.
#[derive(Debug)]
pub struct XgboostModel {
    booster: Booster,
    wrapper: Wrapper,
}

impl XgboostModel {
    fn from_bytes(bytes: &[u8], wrapper: Wrapper) -> std::result::Result<Self, String> {
        let range = if wrapper == Wrapper::Booster { Range::All } else { Range::Best };
        Ok(Self { booster: Booster::from_bytes(bytes, range)?, wrapper })
    }

    fn margins(&self, input: &Input) -> Result<(Vec<f32>, usize)> {
        let matrix = Matrix::<f32>::of(input, self)?;
        // XGBoost takes infinity for a mistake, and so a number that 32 bits do not hold.
        if matrix.values.iter().any(|value| value.is_infinite()) {
            return Err(refuse("a value is infinite, or too large for 32 bits".to_owned()));
        }
        matrix.room(self.booster.groups)?;
        Ok((self.booster.margins(&matrix.values, matrix.rows), matrix.rows))
    }

    /// Turns predictions into labels, as the wrapper does.
    fn labels(&self, predictions: &[f32], width: usize, rows: usize) -> Result<Tensor> {
        let above = |value: &f32| *value > 0.5;
        let classes = self.booster.classes.max(2);
        let is_softmax = self.booster.objective == Objective::Softmax;
        if !is_softmax && width > 1 && classes != 2 {
            let labels = predictions.chunks_exact(width).map(|row| first_greatest(row) as i64);
            return Ok(Tensor::vector(Values::Long(labels.collect())));
        }
        if !is_softmax && width > 1 {
            let labels = predictions.iter().map(|value| f64::from(u8::from(above(value))));
            return Ok(Tensor::new(vec![rows, width], Values::Double(labels.collect()))?);
        }
        if is_softmax {
            let labels = predictions.iter().map(|label| *label as i32);
            return Ok(Tensor::vector(Values::Integer(labels.collect())));
        }
        let labels = predictions.iter().map(|value| i64::from(above(value)));
        Ok(Tensor::vector(Values::Long(labels.collect())))
    }

    fn probabilities(&self, mut margins: Vec<f32>, rows: usize) -> Result<Tensor> {
        let groups = self.booster.groups;
        match self.booster.objective {
            Objective::Softprob | Objective::Softmax => {
                margins.chunks_exact_mut(groups).for_each(transform::softmax);
                Ok(Tensor::new(vec![rows, groups], Values::Float(margins))?)
            }
            Objective::Logistic if groups > 1 => {
                transform::logistic(&mut margins);
                Ok(Tensor::new(vec![rows, groups], Values::Float(margins))?)
            }
            Objective::Logistic => {
                transform::logistic(&mut margins);
                let pairs = margins.into_iter().flat_map(|value| [1.0 - value, value]);
                Ok(Tensor::new(vec![rows, 2], Values::Float(pairs.collect()))?)
            }
            Objective::Identity | Objective::Exp | Objective::Hinge => Err(refuse(format!(
                "the objective `{}` gives no probabilities",
                self.booster.objective_name
            ))),
        }
    }
}

impl Predictor for XgboostModel {
    fn has_independent_rows(&self) -> bool {
        true
    }

    fn predict(&self, input: &Input) -> Result<Answer> {
        let (margins, rows) = self.margins(input)?;
        let groups = self.booster.groups;
        let predictions = self.booster.objective.predictions(margins, groups);
        let width = if self.booster.objective == Objective::Softmax { 1 } else { groups };
        let output = match self.wrapper {
            Wrapper::Classifier => self.labels(&predictions, width, rows)?,
            Wrapper::Booster | Wrapper::Regressor | Wrapper::Ranker => {
                shape(predictions, width, rows)?
            }
        };
        Ok(Answer::Array(output))
    }

    fn predict_with(&self, input: Input, params: &Params) -> Result<Answer> {
        match params::wants_margin(params, self.wrapper)? {
            true => self.call(method::PREDICT_RAW, &input),
            false => self.predict(&input),
        }
    }

    fn call(&self, method: &str, input: &Input) -> Result<Answer> {
        let (margins, rows) = self.margins(input)?;
        match method {
            method::PREDICT_RAW => shape(margins, self.booster.groups, rows).map(Answer::Array),
            method::PREDICT_PROBA => self.probabilities(margins, rows).map(Answer::Array),
            method::PREDICT => self.predict(input),
            _ => Err(no_method(method)),
        }
    }
}

impl Columns<f32> for XgboostModel {
    fn count(&self) -> usize {
        self.booster.features
    }

    /// A model with names takes exactly these, in any order.
    fn places(&self, table: &Table) -> Result<Vec<usize>> {
        let names = &self.booster.names;
        if names.is_empty() {
            return in_order(self.booster.features, table);
        }
        let places = by_name(names.iter().map(String::as_str), table);
        let lacking = names.iter().zip(&places).filter(|(_, place)| place.is_none());
        let lacking: Vec<&str> = lacking.map(|(name, _)| name.as_str()).collect();
        if !lacking.is_empty() {
            return Err(refuse(format!("the input has no columns {}", list(&lacking))));
        }
        // A ranker's groups of rows mean nothing to a prediction.
        let is_extra = |name: &String| {
            let is_query = self.wrapper == Wrapper::Ranker && name == "qid";
            !names.contains(name) && !is_query
        };
        if table.columns().len() > names.len() {
            let given = table.columns().iter().map(|(name, _)| name);
            let extra: Vec<&str> =
                given.filter(|name| is_extra(name)).map(String::as_str).collect();
            if !extra.is_empty() {
                return Err(refuse(format!("the model has no columns {}", list(&extra))));
            }
        }
        Ok(places.into_iter().flatten().collect())
    }

    fn number(&self, column: usize, text: &str) -> Option<f32> {
        self.booster.code(column, text).map(|code| code as f32)
    }
}

fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// One value for each row is a vector, several are a matrix.
fn shape(values: Vec<f32>, width: usize, rows: usize) -> Result<Tensor> {
    match width {
        1 => Ok(Tensor::vector(Values::Float(values))),
        _ => Ok(Tensor::new(vec![rows, width], Values::Float(values))?),
    }
}
