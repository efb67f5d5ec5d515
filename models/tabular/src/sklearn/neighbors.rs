//! Estimators that look for the training rows nearest to a row.
//!
//! Every training row is compared: trees over them only save time. Of rows at the same distance the
//! earlier one counts as nearer, where scikit-learn leaves the order open.

use super::estimator::{Answer, Estimator, Methods, fail};
use super::frame::Frame;
use super::labels::{Labels, Output};
use super::linear::{flat_if, largest_of_each, outlier_labels, softmax};
use super::skops::{Item, Load, Object};
use ndarray::{Array2, ArrayView1, Axis};
use std::sync::Arc;

/// Loads such an estimator, if the class is one.
pub(super) fn load(class: &str, object: &Object<'_>) -> Load<Option<Box<dyn Estimator>>> {
    Ok(Some(match class {
        "KNeighborsClassifier" | "RadiusNeighborsClassifier" => Box::new(Classifier::read(object)?),
        "KNeighborsRegressor" | "RadiusNeighborsRegressor" => Box::new(Regressor::read(object)?),
        "NearestCentroid" => Box::new(Centroids::read(object)?),
        "LocalOutlierFactor" => Box::new(Outliers::read(object)?),
        _ => return Ok(None),
    }))
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Metric {
    Euclidean,
    Manhattan,
    Chebyshev,
    Minkowski(f64),
    Cosine,
}

impl Metric {
    fn read(object: &Object<'_>) -> Load<Self> {
        if object
            .some("metric_params")
            .is_some_and(|item| !item.dict().is_ok_and(|dict| dict.is_empty()))
        {
            return object.unsupported("metric_params");
        }
        Ok(match object.get("effective_metric_")?.as_text().as_deref() {
            Some("euclidean" | "l2") => Self::Euclidean,
            Some("manhattan" | "l1" | "cityblock") => Self::Manhattan,
            Some("chebyshev") => Self::Chebyshev,
            Some("cosine") => Self::Cosine,
            Some("minkowski") => {
                let params = object.get("effective_metric_params_")?.dict()?;
                let is_known = |name: &str, item: &Item<'_>| name == "p" || item.is_none();
                if params.iter().any(|(name, item)| !is_known(name, item)) {
                    return object.unsupported("metric_params");
                }
                let p = params.iter().find(|(name, _)| *name == "p");
                let p = p.map_or(Ok(2.0), |(_, p)| p.number())?;
                if p == 2.0 { Self::Euclidean } else { Self::Minkowski(p) }
            }
            _ => return object.unsupported("metric"),
        })
    }

    fn between(self, one: &ArrayView1<'_, f64>, other: &ArrayView1<'_, f64>) -> f64 {
        let differences = one.iter().zip(other).map(|(one, other)| (one - other).abs());
        match self {
            Self::Euclidean => differences.map(|size| size * size).sum::<f64>().sqrt(),
            Self::Manhattan => differences.sum(),
            Self::Chebyshev => differences.fold(0.0, f64::max),
            Self::Minkowski(p) => differences.map(|size| size.powf(p)).sum::<f64>().powf(1.0 / p),
            Self::Cosine => {
                let norms = one.dot(one).sqrt() * other.dot(other).sqrt();
                if norms == 0.0 { 1.0 } else { (1.0 - one.dot(other) / norms).clamp(0.0, 2.0) }
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Reach {
    Count(usize),
    Radius(f64),
}

/// Finds training rows near to a row.
#[derive(Debug)]
struct Finder {
    training: Array2<f64>,
    metric: Metric,
    reach: Reach,
}

impl Finder {
    fn read(object: &Object<'_>, reach: Reach) -> Load<Self> {
        let training = object.matrix("_fit_X")?;
        if training.ncols() != object.features()? || training.nrows() == 0 {
            return object.unsupported("_fit_X");
        }
        let reach = match reach {
            Reach::Count(0) => return object.unsupported("n_neighbors"),
            Reach::Count(count) => Reach::Count(count.min(training.nrows())),
            Reach::Radius(radius) => Reach::Radius(radius),
        };
        Ok(Self { training, metric: Metric::read(object)?, reach })
    }

    fn reach(object: &Object<'_>) -> Load<Reach> {
        if object.class().starts_with("Radius") {
            return Ok(Reach::Radius(object.number("radius")?));
        }
        Ok(Reach::Count(object.count("n_neighbors")?))
    }

    /// Writes distances and indices, nearest first.
    fn find(&self, row: &ArrayView1<'_, f64>, near: &mut Vec<(f64, usize)>) {
        near.clear();
        let all = self.training.rows().into_iter().enumerate();
        near.extend(all.map(|(at, other)| (self.metric.between(row, &other), at)));
        let order = |one: &(f64, usize), other: &(f64, usize)| {
            one.0.total_cmp(&other.0).then(one.1.cmp(&other.1))
        };
        match self.reach {
            Reach::Count(count) => {
                if count < near.len() {
                    near.select_nth_unstable_by(count - 1, order);
                    near.truncate(count);
                }
                near.sort_unstable_by(order);
            }
            Reach::Radius(radius) => near.retain(|(distance, _)| *distance <= radius),
        }
    }
}

fn by_distance(object: &Object<'_>) -> Load<bool> {
    match object.get("weights")?.as_text().as_deref() {
        Some("uniform") => Ok(false),
        Some("distance") => Ok(true),
        None if object.get("weights")?.is_none() => Ok(false),
        _ => object.unsupported("weights"),
    }
}

/// Returns the weight of each neighbour: the same for all, or the inverse of its distance; those at
/// no distance leave nothing to the others.
fn weights(near: &[(f64, usize)], by_distance: bool) -> Vec<f64> {
    if !by_distance {
        return vec![1.0; near.len()];
    }
    let is_exact = near.iter().any(|(distance, _)| *distance == 0.0);
    let weight = |(distance, _): &(f64, usize)| match is_exact {
        true => f64::from(u8::from(*distance == 0.0)),
        false => 1.0 / distance,
    };
    near.iter().map(weight).collect()
}

#[derive(Debug)]
struct Classifier {
    finder: Finder,
    by_distance: bool,
    /// For each target the class of each training row, and the classes.
    targets: Vec<(Vec<usize>, Arc<Labels>)>,
    is_single: bool,
    /// The class of rows without neighbours.
    outlier: Option<usize>,
}

impl Classifier {
    fn read(object: &Object<'_>) -> Load<Self> {
        let finder = Finder::read(object, Finder::reach(object)?)?;
        let is_single = !object.flag("outputs_2d_")?;
        let classes = object.get("classes_")?;
        let labels = match is_single {
            true => vec![Labels::read(classes)?],
            false => classes.list()?.into_iter().map(Labels::read).collect::<Load<_>>()?,
        };
        let rows = finder.training.nrows();
        let list = object.get("_y")?.indices()?;
        if list.len() != rows * labels.len() {
            return object.unsupported("_y");
        }
        let count = labels.len();
        let targets = labels.into_iter().enumerate().map(|(at, labels)| {
            let list: Vec<usize> = list.iter().skip(at).step_by(count).copied().collect();
            if list.iter().any(|class| *class >= labels.len()) {
                return object.unsupported("_y");
            }
            Ok((list, labels))
        });
        let targets: Vec<_> = targets.collect::<Load<_>>()?;
        let outlier = outlier(object, &targets)?;
        Ok(Self { finder, by_distance: by_distance(object)?, targets, is_single, outlier })
    }

    /// Returns the shares of the classes of one target.
    fn shares(&self, frame: &Frame, target: usize) -> Answer<Array2<f64>> {
        let rows = frame.numbers()?;
        let (classes, labels) = &self.targets[target];
        let mut shares = Array2::zeros((rows.nrows(), labels.len()));
        let mut near = Vec::new();
        for (row, mut cells) in rows.rows().into_iter().zip(shares.rows_mut()) {
            self.finder.find(&row, &mut near);
            if near.is_empty() {
                let Some(outlier) = self.outlier else {
                    return fail("a row has no training rows within the radius");
                };
                cells[outlier] = 1.0;
                continue;
            }
            for ((_, at), weight) in near.iter().zip(weights(&near, self.by_distance)) {
                cells[classes[*at]] += weight;
            }
            let sum = cells.sum();
            cells /= sum;
        }
        Ok(shares)
    }
}

fn outlier(object: &Object<'_>, targets: &[(Vec<usize>, Arc<Labels>)]) -> Load<Option<usize>> {
    let Some(item) = object.some("outlier_label_") else { return Ok(None) };
    let [(_, labels)] = targets else { return object.unsupported("outlier_label_") };
    let wanted = Labels::read(item)?;
    match labels.position(&wanted, 0) {
        Some(at) => Ok(Some(at)),
        None => object.unsupported("outlier_label"),
    }
}

impl Estimator for Classifier {
    fn methods(&self) -> Methods {
        if self.is_single {
            Methods::PREDICT.with(Methods::PROBABILITIES)
        } else {
            Methods::PREDICT
        }
    }

    fn classes(&self) -> Option<&Arc<Labels>> {
        if self.is_single { Some(&self.targets[0].1) } else { None }
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        let mut answers = Vec::with_capacity(self.targets.len());
        for (at, (_, labels)) in self.targets.iter().enumerate() {
            let shares = self.shares(frame, at)?;
            let winners = largest_of_each(&shares);
            answers.push((winners, Arc::clone(labels)));
        }
        match answers.pop() {
            Some((winners, labels)) if self.is_single => Ok(Output::Classes(winners, labels)),
            last => {
                answers.extend(last);
                Ok(Output::Targets(answers))
            }
        }
    }

    fn probabilities(&self, frame: &Frame) -> Answer<Array2<f64>> {
        self.shares(frame, 0)
    }
}

#[derive(Debug)]
struct Regressor {
    finder: Finder,
    by_distance: bool,
    targets: Array2<f64>,
    is_flat: bool,
}

impl Regressor {
    fn read(object: &Object<'_>) -> Load<Self> {
        let finder = Finder::read(object, Finder::reach(object)?)?;
        let item = object.get("_y")?;
        let is_flat = item.array()?.shape.len() == 1;
        let targets = item.matrix()?;
        let targets = if is_flat { super::linear::transposed(&targets) } else { targets };
        if targets.nrows() != finder.training.nrows() {
            return object.unsupported("_y");
        }
        Ok(Self { finder, by_distance: by_distance(object)?, targets, is_flat })
    }
}

impl Estimator for Regressor {
    fn methods(&self) -> Methods {
        Methods::PREDICT
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        let rows = frame.numbers()?;
        let mut means = Array2::zeros((rows.nrows(), self.targets.ncols()));
        let mut near = Vec::new();
        for (row, mut cells) in rows.rows().into_iter().zip(means.rows_mut()) {
            self.finder.find(&row, &mut near);
            let weights = weights(&near, self.by_distance);
            for ((_, at), weight) in near.iter().zip(&weights) {
                cells.scaled_add(*weight, &self.targets.row(*at));
            }
            // Without neighbours this is NaN, as in scikit-learn.
            cells /= weights.iter().sum::<f64>();
        }
        Ok(flat_if(self.is_flat, means))
    }
}

/// The class whose mean is nearest.
#[derive(Debug)]
struct Centroids {
    centroids: Array2<f64>,
    metric: Metric,
    /// The spread of each feature and the logarithm of each class's share, where they count.
    scores: Option<(Vec<f64>, Vec<f64>)>,
    has_equal_shares: bool,
    labels: Arc<Labels>,
}

impl Centroids {
    fn read(object: &Object<'_>) -> Load<Self> {
        let metric = match object.get("metric")?.as_text().as_deref() {
            Some("euclidean") => Metric::Euclidean,
            Some("manhattan") => Metric::Manhattan,
            _ => return object.unsupported("metric"),
        };
        let labels = Labels::of(object)?;
        let features = object.features()?;
        let centroids = object.matrix_of("centroids_", (labels.len(), features))?;
        let mut has_equal_shares = true;
        let mut scores = None;
        if object.find("class_prior_").is_some() {
            let shares = object.vector_of("class_prior_", labels.len())?;
            let equal = 1.0 / labels.len() as f64;
            has_equal_shares =
                shares.iter().all(|share| (share - equal).abs() <= 1e-8 + 1e-5 * equal);
            let mut spread = object.vector_of("within_class_std_dev_", features)?;
            spread.iter_mut().filter(|value| **value == 0.0).for_each(|value| *value = 1.0);
            scores = Some((spread, shares.iter().map(|share| share.ln()).collect()));
        }
        if !has_equal_shares && metric != Metric::Euclidean {
            return object.unsupported("priors");
        }
        Ok(Self { centroids, metric, scores, has_equal_shares, labels })
    }

    fn scores(&self, frame: &Frame) -> Answer<Array2<f64>> {
        let Some((spread, shares)) = &self.scores else {
            return fail("this version of the model has no scores");
        };
        let spread = ArrayView1::from(spread);
        let mut rows = frame.numbers()?.into_owned();
        rows /= &spread;
        let centroids = &self.centroids / &spread;
        Ok(Array2::from_shape_fn((rows.nrows(), self.labels.len()), |(row, class)| {
            let distance = self.metric.between(&rows.row(row), &centroids.row(class));
            2.0 * shares[class] - distance * distance
        }))
    }
}

impl Estimator for Centroids {
    fn methods(&self) -> Methods {
        if self.scores.is_some() && self.metric == Metric::Euclidean {
            return Methods::PREDICT.with(Methods::DECISION).with(Methods::PROBABILITIES);
        }
        Methods::PREDICT
    }

    fn classes(&self) -> Option<&Arc<Labels>> {
        Some(&self.labels)
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        let scores = if self.has_equal_shares {
            let rows = frame.numbers()?;
            Array2::from_shape_fn((rows.nrows(), self.labels.len()), |(row, class)| {
                -self.metric.between(&rows.row(row), &self.centroids.row(class))
            })
        } else {
            self.scores(frame)?
        };
        let winners = largest_of_each(&scores);
        Ok(Output::Classes(winners, Arc::clone(&self.labels)))
    }

    fn decision(&self, frame: &Frame) -> Answer<Array2<f64>> {
        Ok(one_for_two(self.scores(frame)?))
    }

    fn probabilities(&self, frame: &Frame) -> Answer<Array2<f64>> {
        Ok(softmax(self.scores(frame)?))
    }
}

/// Returns of two scores the second less the first, and more than two as they are.
pub(super) fn one_for_two(scores: Array2<f64>) -> Array2<f64> {
    if scores.ncols() != 2 {
        return scores;
    }
    Array2::from_shape_fn((scores.nrows(), 1), |(row, _)| scores[[row, 1]] - scores[[row, 0]])
}

/// How much lonelier a row is than its neighbours.
#[derive(Debug)]
struct Outliers {
    finder: Finder,
    /// For each training row the distance of its last neighbour, and its density.
    reaches: Vec<f64>,
    densities: Vec<f64>,
    offset: f64,
    labels: Arc<Labels>,
}

impl Outliers {
    fn read(object: &Object<'_>) -> Load<Self> {
        if !object.flag("novelty")? {
            return object.unsupported("novelty");
        }
        let count = object.count("n_neighbors_")?;
        let finder = Finder::read(object, Reach::Count(count))?;
        let rows = finder.training.nrows();
        let distances = object.matrix("_distances_fit_X_")?;
        if distances.nrows() != rows || distances.ncols() < count {
            return object.unsupported("_distances_fit_X_");
        }
        Ok(Self {
            reaches: distances.index_axis(Axis(1), count - 1).to_vec(),
            densities: object.vector_of("_lrd", rows)?,
            offset: object.number("offset_")?,
            finder,
            labels: outlier_labels(),
        })
    }
}

impl Estimator for Outliers {
    fn methods(&self) -> Methods {
        Methods::PREDICT.with(Methods::DECISION)
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        let scores = self.decision(frame)?;
        let indices = scores.iter().map(|score| usize::from(*score >= 0.0)).collect();
        Ok(Output::Classes(indices, Arc::clone(&self.labels)))
    }

    fn decision(&self, frame: &Frame) -> Answer<Array2<f64>> {
        let rows = frame.numbers()?;
        let mut near = Vec::new();
        let scores = rows.rows().into_iter().map(|row| {
            self.finder.find(&row, &mut near);
            let count = near.len() as f64;
            let reach = near.iter().map(|(distance, at)| distance.max(self.reaches[*at]));
            let density = 1.0 / (reach.sum::<f64>() / count + 1e-10);
            let ratios = near.iter().map(|(_, at)| self.densities[*at] / density);
            -ratios.sum::<f64>() / count - self.offset
        });
        let scores: Vec<f64> = scores.collect();
        Ok(Array2::from_shape_vec((rows.nrows(), 1), scores).unwrap_or_default())
    }
}
