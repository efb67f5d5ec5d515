//! The sklearn flavor: a model of scikit-learn in a skops file, scored without Python.
//!
//! `skops` reads the file; `estimator` makes an estimator of each object in it, or refuses the
//! whole model with the name of what does not run here. Arithmetic is in 64 bits, in scikit-learn's
//! own order where that decides a label. A pickle is never opened.

mod bayes;
mod boosted;
mod calibrate;
mod compose;
mod dummy;
mod encode;
mod ensemble;
mod entry;
mod estimator;
mod expand;
mod frame;
mod histogram;
mod impute;
mod kernel;
mod labels;
mod linear;
mod multi;
mod neighbors;
mod network;
mod project;
mod scale;
mod select;
mod skops;
#[cfg(test)]
mod tests;
mod text;
mod tree;

use entry::Entry;
use estimator::{Estimator, Failure, Methods};
use frame::{Column, Frame};
use labels::Output;
use mlctl_models_format::folder::{DataFile, data_file, setting};
use mlctl_models_format::predictor::no_method;
use mlctl_models_format::{Answer, Error, ModelInfo, Predictor, Result};
use mlctl_table::limit::volume;
use mlctl_table::{Input, Tensor, Values};
use serde_json::{Map, Value};
use skops::{Document, Load, Refusal, refuse};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// The flavor's name in `MLmodel`.
pub const NAME: &str = "sklearn";
/// How many numbers a batch of rows becomes at most, and how many rows it has.
const BATCH_NUMBERS: usize = 1 << 21;
const BATCH_ROWS_MAX: usize = 4096;
/// More numbers for one row than any honest model makes.
const ROW_NUMBERS_MAX: usize = 1 << 24;

/// Opens the skops file that the flavor's settings name.
pub fn open(
    folder: &Path,
    settings: &Map<String, Value>,
    info: &ModelInfo,
) -> Result<SklearnModel> {
    let text = |name| setting(settings, name);
    let data = text("pickled_model").unwrap_or("model.pkl");
    let file = data_file(folder, data)?;
    let refused = |problem: String| Error::UnsupportedModel { path: file.path(), problem };
    if text("serialization_format").unwrap_or("pickle") != "skops" {
        return Err(refused(
            "it is a pickle file, which can run any code, so mlctl never opens it; save it again \
             with mlflow.sklearn.save_model(…, serialization_format=\"skops\"), or convert it to \
             ONNX with skl2onnx"
                .to_owned(),
        ));
    }
    let method = info.flavors.get("python_function").and_then(|flavor| flavor.get("predict_fn"));
    let method = method.and_then(Value::as_str).unwrap_or("predict");
    open_skops(&file, method)
}

/// Opens a skops file; `method` is what `predict` shall mean.
pub fn open_skops(file: &DataFile, method: &str) -> Result<SklearnModel> {
    let bytes = file.read()?;
    let read = catch_unwind(|| SklearnModel::read(bytes, method));
    read.unwrap_or_else(|_| refuse!("its attributes contradict each other"))
        .map_err(|Refusal(problem)| Error::UnsupportedModel { path: file.path(), problem })
}

/// A method of an estimator that a caller may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Predict,
    Probabilities,
    LogProbabilities,
    Decision,
    Transform,
}

impl Method {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "predict" => Self::Predict,
            "predict_proba" => Self::Probabilities,
            "predict_log_proba" => Self::LogProbabilities,
            "decision_function" => Self::Decision,
            "transform" => Self::Transform,
            _ => return None,
        })
    }

    fn needs(self) -> Methods {
        match self {
            Self::Predict => Methods::PREDICT,
            Self::Probabilities | Self::LogProbabilities => Methods::PROBABILITIES,
            Self::Decision => Methods::DECISION,
            Self::Transform => Methods::TRANSFORM,
        }
    }
}

/// A model of scikit-learn.
#[derive(Debug)]
pub struct SklearnModel {
    entry: Entry,
    estimator: Box<dyn Estimator>,
    method: Method,
}

impl SklearnModel {
    /// Reads a skops file; `method` is what `predict` shall mean.
    fn read(bytes: Vec<u8>, method: &str) -> Load<Self> {
        let (archive, schema) = skops::unpack(bytes)?;
        let document = Document::read(archive, &schema)?;
        let object = document.root()?;
        let estimator = estimator::load(&object)?;
        let numbers = estimator.numbers_per_row();
        if numbers > ROW_NUMBERS_MAX {
            return refuse!(
                "a row becomes {numbers} numbers; at most {ROW_NUMBERS_MAX} are \
                            allowed"
            );
        }
        let Some(method) = Method::parse(method) else {
            return refuse!("the method `{method}` is not supported");
        };
        let is_transformer = !estimator.methods().has(method.needs());
        // What cannot predict may still transform, when it is asked for that.
        if is_transformer
            && !(method == Method::Predict && estimator.methods().has(Methods::TRANSFORM))
        {
            return refuse!("`{}` has no such method", object.full_name());
        }
        Ok(Self { entry: Entry::read(&object)?, estimator, method })
    }

    /// Tells what the model computes; or what cannot be told.
    pub fn recipe(&self) -> std::result::Result<mlctl_models_trees::recipe::Recipe, String> {
        if !matches!(self.method, Method::Predict | Method::Probabilities) {
            return Err(format!("it answers {:?}, not what it predicts", self.method));
        }
        let Some(mut recipe) = self.estimator.recipe()? else {
            return Err("its estimator".to_owned());
        };
        recipe.names = self.entry.names().map(<[String]>::to_vec);
        Ok(recipe)
    }

    /// Computes an answer. Attributes that contradict each other, in a file that somebody changed,
    /// are an error of the model and must not end whoever serves it.
    fn run(&self, method: Method, input: &Input) -> Result<Answer> {
        catch_unwind(AssertUnwindSafe(|| self.answer(method, input))).unwrap_or_else(|_| {
            let problem = "its attributes contradict each other".to_owned();
            Err(Error::Evaluation { problem })
        })
    }

    fn answer(&self, method: Method, input: &Input) -> Result<Answer> {
        let failed = |Failure(problem)| Error::Evaluation { problem };
        if !self.estimator.methods().has(method.needs()) {
            return Err(failed(Failure(format!("the model has no method {method:?}"))));
        }
        let frame = self.entry.frame(input).map_err(failed)?;
        let width = match method {
            Method::Transform => self.estimator.width_out().unwrap_or(1),
            _ => 1,
        };
        volume(&[frame.rows(), width]).map_err(|problem| Error::Evaluation { problem })?;
        let batch =
            (BATCH_NUMBERS / self.estimator.numbers_per_row().max(1)).clamp(16, BATCH_ROWS_MAX);
        if frame.rows() <= batch {
            return self.run_batch(method, frame).map_err(failed)?.into_answer();
        }
        let starts = (0..frame.rows()).step_by(batch);
        let answers = starts.map(|from| {
            let part = frame.range(from, (from + batch).min(frame.rows()));
            self.run_batch(method, part)
        });
        let joined = answers.reduce(|all, more| {
            let mut all = all?;
            all.append(more?);
            volume(&[all.len()]).map_err(Failure)?;
            Ok(all)
        });
        joined
            .unwrap_or_else(|| Ok(Reply::Output(Output::Vector(Vec::new()))))
            .map_err(failed)?
            .into_answer()
    }

    fn run_batch(&self, method: Method, frame: Frame) -> estimator::Answer<Reply> {
        let scores = |matrix: ndarray::Array2<f64>| match matrix.ncols() {
            1 => Output::Vector(matrix.into_iter().collect()),
            _ => Output::Matrix(matrix),
        };
        Ok(match method {
            Method::Predict => Reply::Output(self.estimator.predict(&frame)?),
            Method::Probabilities => {
                Reply::Output(Output::Matrix(self.estimator.probabilities(&frame)?))
            }
            Method::LogProbabilities => {
                Reply::Output(Output::Matrix(self.estimator.probabilities(&frame)?.mapv(f64::ln)))
            }
            Method::Decision => Reply::Output(scores(self.estimator.decision(&frame)?)),
            Method::Transform => match self.estimator.transform(frame)? {
                Frame::Numbers(matrix) => Reply::Output(Output::Matrix(matrix)),
                Frame::Mixed { columns, .. } => Reply::Columns(columns),
            },
        })
    }
}

/// What a batch of rows is answered with.
enum Reply {
    Output(Output),
    Columns(Vec<Column>),
}

impl Reply {
    /// Returns how many values there are.
    fn len(&self) -> usize {
        match self {
            Self::Output(output) => output.len(),
            Self::Columns(columns) => columns.iter().map(Column::len).sum(),
        }
    }

    fn append(&mut self, more: Self) {
        match (self, more) {
            (Self::Output(all), Self::Output(more)) => all.append(more),
            (Self::Columns(all), Self::Columns(more)) => {
                for (column, more) in all.iter_mut().zip(more) {
                    match (column, more) {
                        (Column::Numbers(all), Column::Numbers(more)) => all.extend(more),
                        (Column::Text(all), Column::Text(more)) => all.extend(more),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }

    fn into_answer(self) -> Result<Answer> {
        match self {
            Self::Output(output) => Ok(Answer::Array(output.into_tensor()?)),
            Self::Columns(columns) => {
                let tensor = |column| match column {
                    Column::Numbers(list) => Tensor::vector(Values::Double(list)),
                    Column::Text(list) => Tensor::vector(Values::String(list)),
                };
                let named = columns.into_iter().enumerate();
                let named = named.map(|(at, column)| (at.to_string(), tensor(column)));
                Ok(Answer::Outputs(named.collect()))
            }
        }
    }
}

impl Predictor for SklearnModel {
    fn has_independent_rows(&self) -> bool {
        true
    }

    fn predict(&self, input: &Input) -> Result<Answer> {
        self.run(self.method, input)
    }

    fn call(&self, method: &str, input: &Input) -> Result<Answer> {
        match Method::parse(method) {
            Some(method) => self.run(method, input),
            None => Err(no_method(method)),
        }
    }
}
