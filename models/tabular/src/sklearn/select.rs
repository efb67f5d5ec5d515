//! Selectors: some of the features, chosen when the model was fitted.
//!
//! scikit-learn keeps what a choice follows from (scores, weights, trees) rather than the choice, so
//! it is made again here.

use super::estimator::{Answer, Estimator, Methods, fail, load_at};
use super::frame::Frame;
use super::labels::{Labels, Output};
use super::skops::{Data, Load, Object};
use ndarray::{Array2, Axis};
use std::sync::Arc;

/// Loads a selector, if the class is one.
pub(super) fn load(class: &str, object: &Object<'_>) -> Load<Option<Box<dyn Estimator>>> {
    let mask = match class {
        "VarianceThreshold" => {
            let threshold = object.number("threshold")?;
            object.vector("variances_")?.into_iter().map(|variance| variance > threshold).collect()
        }
        "SelectKBest" => best(object)?,
        "SelectPercentile" => percentile(object)?,
        "SelectFpr" => {
            let alpha = object.number("alpha")?;
            object.vector("pvalues_")?.into_iter().map(|p| p < alpha).collect()
        }
        "SelectFwe" => {
            let chances = object.vector("pvalues_")?;
            let alpha = object.number("alpha")? / chances.len() as f64;
            chances.into_iter().map(|p| p < alpha).collect()
        }
        "RFE" | "RFECV" | "SequentialFeatureSelector" => object.get("support_")?.flags()?,
        "SelectFromModel" => by_model(object)?,
        _ => return Ok(None),
    };
    let selector = Selector::new(object, &mask)?;
    if !class.starts_with("RFE") {
        return Ok(Some(Box::new(selector)));
    }
    Ok(Some(Box::new(Reduced { selector, inner: load_at(object, "estimator_")? })))
}

#[derive(Debug)]
struct Selector {
    width: usize,
    kept: Vec<usize>,
}

impl Selector {
    fn new(object: &Object<'_>, mask: &[bool]) -> Load<Self> {
        if object.find("n_features_in_").is_some() && object.features()? != mask.len() {
            return object.wrong("its choice does not fit the features");
        }
        Ok(Self { width: mask.len(), kept: (0..mask.len()).filter(|at| mask[*at]).collect() })
    }
}

impl Estimator for Selector {
    fn methods(&self) -> Methods {
        Methods::TRANSFORM
    }

    fn transform(&self, frame: Frame) -> Answer<Frame> {
        if frame.width() != self.width {
            return fail(format!("X has {} features, {} are expected", frame.width(), self.width));
        }
        Ok(frame.select(&self.kept))
    }

    fn width_out(&self) -> Option<usize> {
        Some(self.kept.len())
    }
}

/// A selector that also asks the estimator which it chose with.
#[derive(Debug)]
struct Reduced {
    selector: Selector,
    inner: Box<dyn Estimator>,
}

impl Reduced {
    fn selected(&self, frame: &Frame) -> Answer<Frame> {
        self.selector.transform(frame.clone())
    }
}

impl Estimator for Reduced {
    fn methods(&self) -> Methods {
        self.inner.methods().without(Methods::INVERSE).with(Methods::TRANSFORM)
    }

    fn classes(&self) -> Option<&Arc<Labels>> {
        self.inner.classes()
    }

    fn transform(&self, frame: Frame) -> Answer<Frame> {
        self.selector.transform(frame)
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        self.inner.predict(&self.selected(frame)?)
    }

    fn probabilities(&self, frame: &Frame) -> Answer<Array2<f64>> {
        self.inner.probabilities(&self.selected(frame)?)
    }

    fn decision(&self, frame: &Frame) -> Answer<Array2<f64>> {
        self.inner.decision(&self.selected(frame)?)
    }

    fn width_out(&self) -> Option<usize> {
        self.selector.width_out()
    }
}

/// Reads scores; one that is no number is the least of all.
fn scores(object: &Object<'_>) -> Load<Vec<f64>> {
    let clean = |score: f64| if score.is_nan() { f64::MIN } else { score };
    Ok(object.vector("scores_")?.into_iter().map(clean).collect())
}

fn best(object: &Object<'_>) -> Load<Vec<bool>> {
    let scores = scores(object)?;
    let item = object.get("k")?;
    if item.as_text().as_deref() == Some("all") {
        return Ok(vec![true; scores.len()]);
    }
    let count = item.count()?.min(scores.len());
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|one, other| scores[*one].total_cmp(&scores[*other]));
    let mut mask = vec![false; scores.len()];
    order[scores.len() - count..].iter().for_each(|at| mask[*at] = true);
    Ok(mask)
}

fn percentile(object: &Object<'_>) -> Load<Vec<bool>> {
    let scores = scores(object)?;
    let share = object.number("percentile")?;
    if share == 100.0 || share == 0.0 || scores.is_empty() {
        return Ok(vec![share == 100.0; scores.len()]);
    }
    let mut sorted = scores.clone();
    sorted.sort_by(f64::total_cmp);
    let at = (100.0 - share) / 100.0 * (sorted.len() - 1) as f64;
    let (low, part) = (at.floor() as usize, at.fract());
    let (below, above) = (sorted[low], sorted[(low + 1).min(sorted.len() - 1)]);
    // numpy goes from the nearer end.
    let threshold = match part {
        part if part >= 0.5 => above - (above - below) * (1.0 - part),
        part => below + (above - below) * part,
    };
    let mut mask: Vec<bool> = scores.iter().map(|score| *score > threshold).collect();
    let most = (scores.len() as f64 * share / 100.0) as usize;
    let left = most.saturating_sub(mask.iter().filter(|is_kept| **is_kept).count());
    let ties = (0..scores.len()).filter(|at| scores[*at] == threshold).take(left);
    ties.for_each(|at| mask[at] = true);
    Ok(mask)
}

fn by_model(object: &Object<'_>) -> Load<Vec<bool>> {
    let inner = object.object(if object.find("estimator_").is_some() {
        "estimator_"
    } else {
        "estimator"
    })?;
    object.require_text("importance_getter", &["auto"])?;
    let importances = if inner.find("coef_").is_some() {
        if object.number("norm_order")? != 1.0 {
            return object.unsupported("norm_order");
        }
        inner.matrix("coef_")?.mapv(f64::abs).sum_axis(Axis(0)).to_vec()
    } else {
        tree_importances(&inner)?
    };
    let threshold = threshold(object, &inner, &importances)?;
    let mut mask: Vec<bool> = importances.iter().map(|value| *value >= threshold).collect();
    if let Some(most) = object.some("max_features_").or_else(|| object.some("max_features")) {
        let mut order: Vec<usize> = (0..mask.len()).collect();
        order.sort_by(|one, other| importances[*other].total_cmp(&importances[*one]));
        order.iter().skip(most.count()?).for_each(|at| mask[*at] = false);
    }
    Ok(mask)
}

fn threshold(object: &Object<'_>, inner: &Object<'_>, importances: &[f64]) -> Load<f64> {
    let mean = || importances.iter().sum::<f64>() / importances.len() as f64;
    let Some(item) = object.some("threshold") else {
        let is = |name: &str, value: f64| {
            inner.find(name).is_some_and(|ratio| {
                ratio.number().is_ok_and(|ratio| (ratio - value).abs() <= 1e-8 + 1e-5 * value)
            })
        };
        let is_lasso = inner.class().contains("Lasso")
            || inner.find("penalty").and_then(|item| item.as_text()).as_deref() == Some("l1")
            || (inner.class() == "ElasticNet" && is("l1_ratio", 1.0))
            || (inner.class() == "ElasticNetCV" && is("l1_ratio_", 1.0));
        if inner.class().starts_with("LogisticRegression") && is("l1_ratio", 1.0) {
            // Whether this counts as a lasso depends on the version of scikit-learn.
            return object.unsupported("threshold");
        }
        return Ok(if is_lasso { 1e-5 } else { mean() });
    };
    let Some(text) = item.as_text() else { return item.number() };
    let (factor, name) = text.split_once('*').unwrap_or(("1", &text));
    let Ok(factor) = factor.trim().parse::<f64>() else { return object.unsupported("threshold") };
    match name.trim() {
        "mean" => Ok(factor * mean()),
        "median" => {
            let mut sorted = importances.to_vec();
            sorted.sort_by(f64::total_cmp);
            let half = sorted.len() / 2;
            let is_even = sorted.len().is_multiple_of(2);
            Ok(factor
                * if is_even {
                    f64::midpoint(sorted[half - 1], sorted[half])
                } else {
                    sorted[half]
                })
        }
        _ => object.unsupported("threshold"),
    }
}

/// Adds up how much purer the splits of each feature make their nodes.
fn tree_importances(object: &Object<'_>) -> Load<Vec<f64>> {
    match object.class() {
        "DecisionTreeClassifier"
        | "DecisionTreeRegressor"
        | "ExtraTreeClassifier"
        | "ExtraTreeRegressor" => importances_of(object),
        "RandomForestClassifier"
        | "RandomForestRegressor"
        | "ExtraTreesClassifier"
        | "ExtraTreesRegressor" => {
            let mut sums = vec![0.0; object.features()?];
            let mut count = 0.0;
            for item in object.list("estimators_")? {
                let tree = item.object()?;
                // A tree that never splits does not count.
                if tree.object("tree_")?.get("nodes")?.array()?.shape != [1] {
                    let own = importances_of(&tree)?;
                    sums.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
                    count += 1.0;
                }
            }
            if count > 0.0 {
                sums.iter_mut().for_each(|sum| *sum /= count);
            }
            Ok(normalized(sums))
        }
        _ => object.wrong("its feature importances are not supported"),
    }
}

fn normalized(mut values: Vec<f64>) -> Vec<f64> {
    let sum: f64 = values.iter().sum();
    if sum > 0.0 {
        values.iter_mut().for_each(|value| *value /= sum);
    }
    values
}

fn importances_of(object: &Object<'_>) -> Load<Vec<f64>> {
    let nodes = object.object("tree_")?.get("nodes")?.array()?;
    let Data::Record(fields) = &nodes.data else { return object.unsupported("tree_") };
    let field = |name: &str| match fields.iter().find(|(field, _)| field == name) {
        Some((_, data)) => data.to_floats(),
        None => object.unsupported("tree_"),
    };
    let (left, right, feature) = (field("left_child")?, field("right_child")?, field("feature")?);
    let (weight, impurity) = (field("weighted_n_node_samples")?, field("impurity")?);
    let mut sums = vec![0.0; object.features()?];
    for at in (0..left.len()).filter(|at| left[*at] >= 0.0) {
        let value = |node: f64| {
            let node = node as usize;
            Some(weight.get(node)? * impurity.get(node)?)
        };
        let target = sums.get_mut(feature[at] as usize);
        match (value(left[at]), value(right[at]), target) {
            (Some(left), Some(right), Some(sum)) => {
                *sum += weight[at] * impurity[at] - left - right
            }
            _ => return object.unsupported("tree_"),
        }
    }
    if let Some(all) = weight.first() {
        sums.iter_mut().for_each(|sum| *sum /= all);
    }
    Ok(normalized(sums))
}
