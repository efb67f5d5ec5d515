//! Decision trees, forests of them, and gradient boosting.
//!
//! scikit-learn rounds features to 32 bits and compares them with thresholds of 64; the kernel of
//! [`mlctl_models_trees`] does the same on rounded rows of 64 bits. Leaves are added up in 64 bits, in the
//! order of the trees.

mod boosting;
mod grown;
mod isolation;

use super::estimator::{Answer, Estimator, Methods, fail};
use super::frame::Frame;
use super::labels::{Labels, Output};
use super::linear::{first_of_largest, flat_if, largest_of_each};
use super::skops::{Load, Object};
use boosting::Boosting;
use grown::{Grown, grown};
use isolation::Isolation;
use mlctl_models_trees::recipe;
use mlctl_models_trees::recipe::{Recipe, Rule, Scores};
use mlctl_models_trees::{Aggregate, Ensemble, Tree};
use ndarray::Array2;
use std::borrow::Borrow;
use std::sync::Arc;

/// Loads a tree or a forest, if the class is one.
pub(super) fn load(class: &str, object: &Object<'_>) -> Load<Option<Box<dyn Estimator>>> {
    Ok(Some(match class {
        "DecisionTreeClassifier" | "ExtraTreeClassifier" => {
            classifier(object, &[Grown::read(object)?])?
        }
        "DecisionTreeRegressor" | "ExtraTreeRegressor" => {
            Box::new(Regressor::new(object, &[Grown::read(object)?])?)
        }
        "RandomForestClassifier" | "ExtraTreesClassifier" => {
            classifier(object, &grown(&object.list("estimators_")?)?)?
        }
        "RandomForestRegressor" | "ExtraTreesRegressor" => {
            Box::new(Regressor::new(object, &grown(&object.list("estimators_")?)?)?)
        }
        "GradientBoostingClassifier" | "GradientBoostingRegressor" => {
            Box::new(Boosting::read(object, class == "GradientBoostingClassifier")?)
        }
        "IsolationForest" => Box::new(Isolation::read(object)?),
        _ => return Ok(None),
    }))
}

/// Returns the rows as trees see them: rounded to 32 bits.
fn rounded(frame: &Frame, takes_missing: bool) -> Answer<Array2<f64>> {
    let mut rows = frame.numbers()?.into_owned();
    rows.mapv_inplace(|value| f64::from(value as f32));
    for value in &rows {
        if value.is_infinite() {
            return fail("the input contains an infinity, or a value too large for 32 bits");
        }
        if value.is_nan() && !takes_missing {
            return fail("the input contains NaN, which this model does not accept");
        }
    }
    Ok(super::frame::row_major(rows))
}

/// Scores rows that are in row-major order.
fn scored(ensemble: &Ensemble<f64>, rows: &Array2<f64>) -> Array2<f64> {
    let mut scores = Array2::zeros((rows.nrows(), ensemble.targets()));
    if let (Some(rows), Some(scores)) = (rows.as_slice(), scores.as_slice_mut()) {
        ensemble.score(rows, scores);
    }
    scores
}

fn build(
    object: &Object<'_>,
    trees: impl IntoIterator<Item = impl Borrow<Tree<f64>>>,
    targets: usize,
    aggregate: Aggregate,
) -> Load<Ensemble<f64>> {
    Ensemble::build(trees, object.features()?, targets, aggregate, &[])
        .or_else(|problem| object.wrong(problem))
}

/// Averages the shares of the classes in the leaves that a row reaches.
#[derive(Debug)]
struct Forest {
    ensemble: Ensemble<f64>,
    takes_missing: bool,
}

impl Forest {
    fn new(object: &Object<'_>, grown: &[Grown], of_classes: bool) -> Load<Self> {
        let first = &grown[0];
        let features = object.features()?;
        if grown.iter().any(|tree| tree.width() != first.width() || tree.features != features) {
            return object.wrong("its trees do not fit each other");
        }
        let trees =
            grown.iter().map(|tree| {
                tree.tree(None, |node| {
                    if of_classes { tree.shares_of(node) } else { tree.weights_of(node) }
                })
            });
        let mut broken = None;
        // Each tree is laid out as soon as it is made, while it lies in the cache.
        let trees = trees.map_while(|tree| tree.map_err(|problem| broken = Some(problem)).ok());
        let ensemble = build(object, trees, first.width(), Aggregate::Average);
        if let Some(broken) = broken {
            return Err(broken);
        }
        let ensemble = ensemble?;
        Ok(Self { ensemble, takes_missing: first.takes_missing && first.missing_left.is_some() })
    }

    fn score(&self, frame: &Frame) -> Answer<Array2<f64>> {
        Ok(scored(&self.ensemble, &rounded(frame, self.takes_missing)?))
    }
}

/// Tells what is made of trees that see numbers rounded to 32 bits.
fn recipe_of(ensemble: &Ensemble<f64>, answer: recipe::Answer) -> Result<Recipe, String> {
    let forest = recipe::Forest { rounds: true, ..recipe::Forest::of(ensemble)? };
    Ok(Recipe {
        features: ensemble.features(),
        names: None,
        rewrites_names: false,
        scalings: Vec::new(),
        scores: Scores::Trees(forest),
        answer,
    })
}

/// Makes a classifier of one target or of several.
fn classifier(object: &Object<'_>, grown: &[Grown]) -> Load<Box<dyn Estimator>> {
    let forest = Forest::new(object, grown, true)?;
    let classes = object.get("classes_")?;
    let targets = grown[0].targets;
    if targets == 1 {
        let labels = Labels::read(classes)?;
        if labels.len() != grown[0].classes {
            return object.unsupported("classes_");
        }
        return Ok(Box::new(Classifier { forest, labels }));
    }
    let labels: Vec<_> = classes.list()?.into_iter().map(Labels::read).collect::<Load<_>>()?;
    if labels.len() != targets || labels.iter().any(|labels| labels.len() > grown[0].classes) {
        return object.unsupported("classes_");
    }
    Ok(Box::new(Targets { forest, labels, classes: grown[0].classes }))
}

#[derive(Debug)]
struct Classifier {
    forest: Forest,
    labels: Arc<Labels>,
}

impl Estimator for Classifier {
    fn methods(&self) -> Methods {
        Methods::PREDICT.with(Methods::PROBABILITIES)
    }

    fn classes(&self) -> Option<&Arc<Labels>> {
        Some(&self.labels)
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        let shares = self.forest.score(frame)?;
        let winners = largest_of_each(&shares);
        Ok(Output::Classes(winners, Arc::clone(&self.labels)))
    }

    fn probabilities(&self, frame: &Frame) -> Answer<Array2<f64>> {
        self.forest.score(frame)
    }

    fn recipe(&self) -> Result<Option<Recipe>, String> {
        let labels = self.labels.classes();
        let odds = Some(Vec::new());
        let answer = recipe::Answer::Classes { labels, rule: Rule::Largest, odds };
        recipe_of(&self.forest.ensemble, answer).map(Some)
    }
}

/// A classifier of several targets at once.
#[derive(Debug)]
struct Targets {
    forest: Forest,
    labels: Vec<Arc<Labels>>,
    classes: usize,
}

impl Estimator for Targets {
    fn methods(&self) -> Methods {
        Methods::PREDICT
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        let shares = self.forest.score(frame)?;
        let targets = self.labels.iter().enumerate().map(|(at, labels)| {
            let first = at * self.classes;
            let winners = shares.rows().into_iter().map(|row| {
                let known = row.iter().skip(first).take(labels.len());
                first_of_largest(&ndarray::ArrayView1::from(&known.copied().collect::<Vec<_>>()))
            });
            (winners.collect(), Arc::clone(labels))
        });
        Ok(Output::Targets(targets.collect()))
    }

    fn recipe(&self) -> Result<Option<Recipe>, String> {
        Err("it gives several labels to a row".to_owned())
    }
}

#[derive(Debug)]
struct Regressor {
    forest: Forest,
}

impl Regressor {
    fn new(object: &Object<'_>, grown: &[Grown]) -> Load<Self> {
        if grown[0].classes != 1 {
            return object.wrong("its trees are of a classifier");
        }
        Ok(Self { forest: Forest::new(object, grown, false)? })
    }
}

impl Estimator for Regressor {
    fn methods(&self) -> Methods {
        Methods::PREDICT
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        Ok(flat_if(true, self.forest.score(frame)?))
    }

    fn recipe(&self) -> Result<Option<Recipe>, String> {
        recipe_of(&self.forest.ensemble, recipe::Answer::Amounts(Vec::new())).map(Some)
    }
}
