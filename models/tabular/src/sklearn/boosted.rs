//! LightGBM's wrappers for scikit-learn: `LGBMRegressor`, `LGBMRanker` and `LGBMClassifier`.
//!
//! In a skops file the booster is its text. The wrappers predict with the best iteration of an early
//! stopping, and leave NaN and infinities to the booster.

use super::estimator::{Answer, Estimator, Methods, fail};
use super::frame::{Frame, row_major};
use super::labels::{Labels, Output};
use super::linear::{flat_if, largest_of_each, two_columns};
use super::skops::{Load, Object};
use crate::lightgbm::Booster;
use ndarray::Array2;
use std::sync::Arc;

/// Loads such a model, if the class is one.
pub(super) fn load(class: &str, object: &Object<'_>) -> Load<Option<Box<dyn Estimator>>> {
    Ok(Some(match class {
        "LGBMClassifier" => Box::new(Boosted::read(object, true)?),
        "LGBMRegressor" | "LGBMRanker" => Box::new(Boosted::read(object, false)?),
        _ => return Ok(None),
    }))
}

#[derive(Debug)]
struct Boosted {
    class: String,
    booster: Booster,
    labels: Option<Arc<Labels>>,
}

impl Boosted {
    fn read(object: &Object<'_>, is_classifier: bool) -> Load<Self> {
        // A function of the user's: its classifier answers sums in place of labels.
        if object.get("_objective")?.as_text().is_none() {
            return object.unsupported("_objective");
        }
        let others = object.get("_other_params")?.dict()?;
        // `pred_early_stop` and the like.
        if others.iter().any(|(name, _)| name.starts_with("pred")) {
            return object.unsupported("_other_params");
        }
        let booster = object.within("_Booster", booster(&object.object("_Booster")?))?;
        let labels = match is_classifier {
            true => Some(Labels::of(&object.object("_le")?)?),
            false => None,
        };
        if let Some(labels) = &labels {
            let sums = if labels.len() == 2 { 1 } else { labels.len() };
            if labels.len() < 2 || booster.groups() != sums {
                return object.unsupported("_n_classes");
            }
        }
        Ok(Self { class: object.class().to_owned(), booster, labels })
    }

    /// Returns what the booster predicts: a column, or one for each class.
    fn predictions(&self, frame: &Frame) -> Answer<Array2<f64>> {
        let features = self.booster.features();
        if frame.width() != features {
            return fail(format!(
                "X has {} features, but {} is expecting {features} features as input",
                frame.width(),
                self.class
            ));
        }
        let rows = row_major(frame.numbers()?.into_owned());
        let Some(cells) = rows.as_slice() else { return fail("the rows are not in one piece") };
        let raw = self.booster.raw(cells, rows.nrows());
        let shape = (rows.nrows(), self.booster.groups());
        Array2::from_shape_vec(shape, self.booster.predictions(raw))
            .or_else(|error| fail(error.to_string()))
    }
}

fn booster(object: &Object<'_>) -> Load<Booster> {
    let has_categories = match object.some("pandas_categorical") {
        Some(lists) => !lists.list()?.is_empty(),
        None => false,
    };
    if has_categories {
        return object.wrong("columns of pandas' categories run from `model.lgb` only");
    }
    let best = object.get("best_iteration")?.integer()?;
    let iterations = usize::try_from(best).ok().filter(|best| *best > 0);
    let text = object.text("_handle")?;
    Booster::from_text(&text, iterations).or_else(|problem| object.wrong(problem))
}

impl Estimator for Boosted {
    fn methods(&self) -> Methods {
        match self.labels {
            Some(_) => Methods::PREDICT.with(Methods::PROBABILITIES),
            None => Methods::PREDICT,
        }
    }

    fn classes(&self) -> Option<&Arc<Labels>> {
        self.labels.as_ref()
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        match &self.labels {
            None => Ok(flat_if(true, self.predictions(frame)?)),
            Some(labels) => {
                let winners = largest_of_each(&self.probabilities(frame)?);
                Ok(Output::Classes(winners, Arc::clone(labels)))
            }
        }
    }

    fn probabilities(&self, frame: &Frame) -> Answer<Array2<f64>> {
        let predictions = self.predictions(frame)?;
        if predictions.ncols() > 1 {
            return Ok(predictions);
        }
        Ok(two_columns(predictions.iter().copied(), predictions.nrows()))
    }
}
