//! Gradient boosting.

use super::recipe_of;
use super::{Grown, build, rounded, scored};
use crate::sklearn::estimator::Failure;
use crate::sklearn::estimator::{Answer, Estimator, Methods, fail, load_at};
use crate::sklearn::frame::Frame;
use crate::sklearn::labels::{Labels, Output};
use crate::sklearn::linear::{flat_if, largest_of_each, logistic, softmax, two_columns};
use crate::sklearn::skops::{Load, Object};
use mlctl_models_trees::recipe;
use mlctl_models_trees::recipe::{Link, Recipe, Rule, Scores};
use mlctl_models_trees::{Aggregate, Ensemble};
use ndarray::Array2;
use smallvec::smallvec;
use std::sync::Arc;

/// How the sums of boosted trees are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    Identity,
    Logistic,
    /// The exponential loss, where sums are half of log odds.
    HalfLogistic,
    Softmax,
}

impl Loss {
    fn of(object: &Object<'_>, is_classifier: bool, sums: usize) -> Load<Self> {
        Ok(match (object.text("loss")?.as_str(), is_classifier) {
            ("log_loss" | "deviance", true) if sums == 1 => Self::Logistic,
            ("log_loss" | "deviance", true) => Self::Softmax,
            ("exponential", true) if sums == 1 => Self::HalfLogistic,
            ("squared_error" | "absolute_error" | "huber" | "quantile" | "ls" | "lad", false) => {
                Self::Identity
            }
            _ => return object.unsupported("loss"),
        })
    }

    fn probabilities(self, sums: Array2<f64>) -> Array2<f64> {
        let rows = sums.nrows();
        match self {
            Self::Softmax => softmax(sums),
            Self::HalfLogistic => two_columns(sums.iter().map(|sum| logistic(2.0 * sum)), rows),
            Self::Logistic | Self::Identity => {
                two_columns(sums.iter().map(|sum| logistic(*sum)), rows)
            }
        }
    }

    /// Turns what an initial estimator says into sums.
    fn start(self, shares: &Array2<f64>) -> Array2<f64> {
        let edge = f64::EPSILON;
        let share = |value: f64| value.clamp(edge, 1.0 - edge);
        let log_odds = |row: usize| {
            let positive = share(shares[[row, 1]]);
            (positive / (1.0 - positive)).ln()
        };
        match self {
            Self::Identity => shares.clone(),
            Self::Logistic => Array2::from_shape_fn((shares.nrows(), 1), |(row, _)| log_odds(row)),
            Self::HalfLogistic => {
                Array2::from_shape_fn((shares.nrows(), 1), |(row, _)| 0.5 * log_odds(row))
            }
            Self::Softmax => {
                let mut logs = shares.mapv(|value| share(value).ln());
                for mut row in logs.rows_mut() {
                    let mean = row.sum() / row.len() as f64;
                    row -= mean;
                }
                logs
            }
        }
    }
}

/// Gradient boosting over trees of the plain kind.
#[derive(Debug)]
pub(super) struct Boosting {
    ensemble: Ensemble<f64>,
    init: Option<Box<dyn Estimator>>,
    /// Whether the initial estimator says the same of all rows.
    is_init_constant: bool,
    loss: Loss,
    labels: Option<Arc<Labels>>,
}

impl Boosting {
    pub(super) fn read(object: &Object<'_>, is_classifier: bool) -> Load<Self> {
        let stages = object.get("estimators_")?.rows()?;
        let sums = stages.first().map_or(0, Vec::len);
        let rate = object.number("learning_rate")?;
        let mut trees = Vec::new();
        for stage in &stages {
            if stage.len() != sums {
                return object.unsupported("estimators_");
            }
            for (target, item) in (0..).zip(stage) {
                let grown = Grown::read(&item.object()?)?;
                if grown.width() != 1 {
                    return object.unsupported("estimators_");
                }
                trees
                    .push(grown.tree(None, |node| smallvec![(target, rate * grown.values[node])])?);
            }
        }
        let loss = Loss::of(object, is_classifier, sums)?;
        let init = init_of(object)?;
        let labels = is_classifier.then(|| Labels::of(object)).transpose()?;
        let classes = labels.as_ref().map_or(sums, |labels| labels.len());
        if classes != sums && (classes, sums) != (2, 1) {
            return object.unsupported("classes_");
        }
        let needed = if is_classifier { Methods::PROBABILITIES } else { Methods::PREDICT };
        if init.as_ref().is_some_and(|init| !init.methods().has(needed)) {
            return object.unsupported("init_");
        }
        Ok(Self {
            ensemble: build(object, &trees, sums, Aggregate::Sum)?,
            is_init_constant: object
                .get("init_")?
                .object()
                .is_ok_and(|init| init.class().starts_with("Dummy")),
            init,
            loss,
            labels,
        })
    }

    fn sums(&self, frame: &Frame) -> Answer<Array2<f64>> {
        let rows = rounded(frame, false)?;
        let mut sums = scored(&self.ensemble, &rows);
        let Some(init) = &self.init else { return Ok(sums) };
        let rows = Frame::Numbers(rows);
        let start = if self.labels.is_some() {
            init.probabilities(&rows)?
        } else {
            init.predict(&rows)?.numbers().unwrap_or_default()
        };
        let expected = self.labels.as_ref().map_or(1, |labels| labels.len());
        if start.ncols() != expected {
            return fail("the initial estimator does not fit the classes");
        }
        sums += &self.loss.start(&start);
        Ok(sums)
    }
}

impl Boosting {
    /// Returns the sums of a row that no tree has seen, when they are the same for all rows.
    fn constant_start(&self) -> Result<Vec<f64>, String> {
        let Some(init) = &self.init else { return Ok(vec![0.0; self.ensemble.targets()]) };
        if !self.is_init_constant {
            return Err("its initial estimator (`init`) looks at the rows".to_owned());
        }
        let row = Frame::Numbers(Array2::zeros((1, self.ensemble.features())));
        let start = if self.labels.is_some() {
            init.probabilities(&row)
        } else {
            init.predict(&row).map(|output| output.numbers().unwrap_or_default())
        };
        let start = self.loss.start(&start.map_err(|Failure(problem)| problem)?);
        if start.len() != self.ensemble.targets() {
            return Err("its initial estimator (`init`) does not fit the classes".to_owned());
        }
        Ok(start.iter().copied().collect())
    }
}

fn init_of(object: &Object<'_>) -> Load<Option<Box<dyn Estimator>>> {
    let item = object.get("init_")?;
    if item.as_text().as_deref() == Some("zero") {
        return Ok(None);
    }
    let class = item.object()?.class();
    // How near to 0 and 1 its probabilities may come has changed.
    if !class.starts_with("Dummy") && !object.is_since(1, 9) {
        return object.wrong(format!("`init` = `{class}` is supported from scikit-learn 1.9 on"));
    }
    load_at(object, "init_").map(Some)
}

impl Estimator for Boosting {
    fn methods(&self) -> Methods {
        match self.labels {
            Some(_) => Methods::PREDICT.with(Methods::PROBABILITIES).with(Methods::DECISION),
            None => Methods::PREDICT,
        }
    }

    fn classes(&self) -> Option<&Arc<Labels>> {
        self.labels.as_ref()
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        let sums = self.sums(frame)?;
        let Some(labels) = &self.labels else { return Ok(flat_if(true, sums)) };
        let winners = if sums.ncols() == 1 {
            sums.iter().map(|sum| usize::from(*sum >= 0.0)).collect()
        } else {
            largest_of_each(&sums)
        };
        Ok(Output::Classes(winners, Arc::clone(labels)))
    }

    fn decision(&self, frame: &Frame) -> Answer<Array2<f64>> {
        self.sums(frame)
    }

    fn probabilities(&self, frame: &Frame) -> Answer<Array2<f64>> {
        Ok(self.loss.probabilities(self.sums(frame)?))
    }

    fn recipe(&self) -> Result<Option<Recipe>, String> {
        let odds = match self.loss {
            Loss::Identity => Vec::new(),
            Loss::Logistic => vec![Link::Logistic],
            Loss::HalfLogistic => vec![Link::Times(2.0), Link::Logistic],
            Loss::Softmax => vec![Link::Softmax],
        };
        let answer = match &self.labels {
            None => recipe::Answer::Amounts(odds),
            Some(labels) => {
                let is_single = self.ensemble.targets() == 1;
                let rule = if is_single { Rule::NotNegative } else { Rule::Largest };
                recipe::Answer::Classes { labels: labels.classes(), rule, odds: Some(odds) }
            }
        };
        let mut told = recipe_of(&self.ensemble, answer)?;
        if let Scores::Trees(forest) = &mut told.scores {
            forest.base = self.constant_start()?;
        }
        Ok(Some(told))
    }
}
