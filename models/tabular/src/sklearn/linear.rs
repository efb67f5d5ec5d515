//! Linear models: a weighted sum of the features, and what is made of it.

use super::estimator::{Answer, Estimator, Methods, load_at};
use super::frame::Frame;
use super::labels::{Labels, Output};
use super::skops::{Load, Object};
use mlctl_models_trees::recipe;
use mlctl_models_trees::recipe::{Link, Recipe, Rule, Scores};
use ndarray::{Array2, ArrayView1, Axis};
use std::sync::Arc;

/// Loads a linear model, if the class is one.
pub(super) fn load(class: &str, object: &Object<'_>) -> Load<Option<Box<dyn Estimator>>> {
    Ok(Some(match class {
        "LinearRegression"
        | "Ridge"
        | "RidgeCV"
        | "Lasso"
        | "LassoCV"
        | "ElasticNet"
        | "ElasticNetCV"
        | "SGDRegressor"
        | "PassiveAggressiveRegressor"
        | "LinearSVR"
        | "HuberRegressor"
        | "TheilSenRegressor"
        | "BayesianRidge"
        | "ARDRegression"
        | "Lars"
        | "LarsCV"
        | "LassoLars"
        | "LassoLarsCV"
        | "LassoLarsIC"
        | "OrthogonalMatchingPursuit"
        | "OrthogonalMatchingPursuitCV"
        | "QuantileRegressor"
        | "MultiTaskLasso"
        | "MultiTaskLassoCV"
        | "MultiTaskElasticNet"
        | "MultiTaskElasticNetCV" => {
            Box::new(Regressor { linear: Linear::read(object)?, is_exponential: false })
        }
        "PoissonRegressor" | "GammaRegressor" | "TweedieRegressor" => {
            let is_exponential = has_log_link(class, object)?;
            Box::new(Regressor { linear: Linear::read(object)?, is_exponential })
        }
        "LogisticRegression"
        | "LogisticRegressionCV"
        | "SGDClassifier"
        | "Perceptron"
        | "PassiveAggressiveClassifier"
        | "LinearSVC"
        | "RidgeClassifier"
        | "RidgeClassifierCV" => Box::new(Classifier::read(class, object)?),
        "RANSACRegressor" => return Ok(Some(load_at(object, "estimator_")?)),
        "SGDOneClassSVM" => Box::new(OneClass::read(object)?),
        "PLSRegression" | "PLSCanonical" | "CCA" => Box::new(PartialLeastSquares::read(object)?),
        _ => return Ok(None),
    }))
}

/// `X coef' + intercept`.
#[derive(Debug)]
pub(super) struct Linear {
    /// A column for each target.
    weights: Array2<f64>,
    intercept: Vec<f64>,
    is_flat: bool,
}

impl Linear {
    pub(super) fn read(object: &Object<'_>) -> Load<Self> {
        let item = object.get("coef_")?;
        let coefficients = item.matrix()?;
        let (targets, features) = coefficients.dim();
        if features != object.features()? {
            return item.wrong("it does not have a value for each feature");
        }
        let is_flat = item.array().is_ok_and(|array| array.shape.len() == 1);
        let mut intercept = object.vector("intercept_")?;
        if intercept.len() == 1 {
            intercept = vec![intercept[0]; targets];
        }
        if intercept.len() != targets {
            return object.wrong("`coef_` and `intercept_` have different numbers of targets");
        }
        Ok(Self { weights: transposed(&coefficients), intercept, is_flat })
    }

    pub(super) fn score(&self, frame: &Frame) -> Answer<Array2<f64>> {
        let rows = frame.numbers()?;
        Ok(weighted(&rows, &self.weights, &self.intercept))
    }

    pub(super) fn targets(&self) -> usize {
        self.intercept.len()
    }

    fn recipe(&self, answer: recipe::Answer) -> Recipe {
        let linear = recipe::Linear {
            weights: self.weights.iter().copied().collect(),
            intercepts: self.intercept.clone(),
            skips_missing: false,
        };
        Recipe {
            features: self.weights.nrows(),
            names: None,
            rewrites_names: false,
            scalings: Vec::new(),
            scores: Scores::Linear(linear),
            answer,
        }
    }
}

/// Transposes a matrix in memory as well.
pub(super) fn transposed(matrix: &Array2<f64>) -> Array2<f64> {
    matrix.t().as_standard_layout().into_owned()
}

/// Returns `rows weights + intercept`.
pub(super) fn weighted(
    rows: &Array2<f64>,
    weights: &Array2<f64>,
    intercept: &[f64],
) -> Array2<f64> {
    if let [intercept] = intercept {
        let weights = weights.column(0);
        let sums = rows.rows().into_iter().map(|row| row.dot(&weights) + intercept).collect();
        // One sum for each row.
        return Array2::from_shape_vec((rows.nrows(), 1), sums).unwrap_or_default();
    }
    let mut scores = super::frame::row_major(rows.dot(weights));
    scores += &ArrayView1::from(intercept);
    scores
}

#[derive(Debug)]
struct Regressor {
    linear: Linear,
    is_exponential: bool,
}

impl Estimator for Regressor {
    fn methods(&self) -> Methods {
        Methods::PREDICT
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        let mut scores = self.linear.score(frame)?;
        if self.is_exponential {
            scores.mapv_inplace(f64::exp);
        }
        Ok(flat_if(self.linear.is_flat, scores))
    }

    fn recipe(&self) -> Result<Option<Recipe>, String> {
        let links = if self.is_exponential { vec![Link::Exp] } else { Vec::new() };
        Ok(Some(self.linear.recipe(recipe::Answer::Amounts(links))))
    }
}

/// Returns a matrix with one column as a vector where scikit-learn does.
pub(super) fn flat_if(is_flat: bool, scores: Array2<f64>) -> Output {
    if is_flat && scores.ncols() == 1 {
        return Output::Vector(scores.into_raw_vec_and_offset().0);
    }
    Output::Matrix(scores)
}

fn has_log_link(class: &str, object: &Object<'_>) -> Load<bool> {
    if class != "TweedieRegressor" {
        return Ok(true);
    }
    match object.text("link")?.as_str() {
        "auto" => Ok(object.number("power")? > 0.0),
        "log" => Ok(true),
        "identity" => Ok(false),
        _ => object.unsupported("link"),
    }
}

/// How probabilities come from the sums.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Probabilities {
    None,
    /// The logistic function of each, made to add up to 1.
    OneVsRest,
    /// The softmax of all; of `-s` and `s` when there is one.
    Softmax,
    /// What `modified_huber` means.
    ModifiedHuber,
}

#[derive(Debug)]
struct Classifier {
    linear: Linear,
    labels: Arc<Labels>,
    probabilities: Probabilities,
}

impl Classifier {
    fn read(class: &str, object: &Object<'_>) -> Load<Self> {
        let linear = Linear::read(object)?;
        let labels = if class.starts_with("RidgeClassifier") {
            let binarizer = object.object("_label_binarizer")?;
            binarizer.require_text("y_type_", &["binary", "multiclass"])?;
            Labels::of(&binarizer)?
        } else {
            Labels::of(object)?
        };
        check_targets(object, linear.targets(), labels.len())?;
        let probabilities = probabilities_of(class, object, labels.len())?;
        Ok(Self { linear, labels, probabilities })
    }
}

/// Refuses sums that are not one for each class, or a single one for two classes.
pub(super) fn check_targets(object: &Object<'_>, targets: usize, classes: usize) -> Load<()> {
    if targets == classes && classes != 2 || targets == 1 && classes == 2 {
        return Ok(());
    }
    // Softmax regression of two classes may have been forced to keep both rows.
    object.wrong(format!("{targets} rows of coefficients do not fit {classes} classes"))
}

fn probabilities_of(class: &str, object: &Object<'_>, classes: usize) -> Load<Probabilities> {
    match class {
        "LogisticRegression" | "LogisticRegressionCV" => {
            // Gone since scikit-learn 1.8, where what remains is what `auto` chose.
            let multi_class = object.some("multi_class").and_then(|item| item.as_text());
            let is_liblinear = object.text("solver")? == "liblinear";
            Ok(match multi_class.as_deref() {
                Some("ovr") => Probabilities::OneVsRest,
                Some("multinomial") => Probabilities::Softmax,
                Some("auto" | "deprecated" | "warn") | None if classes <= 2 || is_liblinear => {
                    Probabilities::OneVsRest
                }
                Some("auto" | "deprecated" | "warn") | None => Probabilities::Softmax,
                Some(_) => return object.unsupported("multi_class"),
            })
        }
        "SGDClassifier" => Ok(match object.text("loss")?.as_str() {
            "log_loss" | "log" => Probabilities::OneVsRest,
            "modified_huber" => Probabilities::ModifiedHuber,
            _ => Probabilities::None,
        }),
        _ => Ok(Probabilities::None),
    }
}

impl Estimator for Classifier {
    fn methods(&self) -> Methods {
        let methods = Methods::PREDICT.with(Methods::DECISION);
        if self.probabilities == Probabilities::None {
            return methods;
        }
        methods.with(Methods::PROBABILITIES)
    }

    fn classes(&self) -> Option<&Arc<Labels>> {
        Some(&self.labels)
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        let scores = self.linear.score(frame)?;
        Ok(Output::Classes(winners(&scores), Arc::clone(&self.labels)))
    }

    fn decision(&self, frame: &Frame) -> Answer<Array2<f64>> {
        self.linear.score(frame)
    }

    fn probabilities(&self, frame: &Frame) -> Answer<Array2<f64>> {
        let scores = self.linear.score(frame)?;
        Ok(match self.probabilities {
            Probabilities::Softmax if scores.ncols() == 1 => softmax(both_signs(&scores)),
            Probabilities::Softmax => softmax(scores),
            Probabilities::ModifiedHuber => modified_huber(&scores),
            Probabilities::OneVsRest | Probabilities::None => one_vs_rest(&scores),
        })
    }

    fn recipe(&self) -> Result<Option<Recipe>, String> {
        let is_single = self.linear.targets() == 1;
        let mut odds = match self.probabilities {
            Probabilities::None => None,
            // Of `-s` and `s`, which are `2 s` apart.
            Probabilities::Softmax if is_single => Some(vec![Link::Times(2.0), Link::Logistic]),
            Probabilities::Softmax => Some(vec![Link::Softmax]),
            Probabilities::OneVsRest => Some(vec![Link::Logistic]),
            Probabilities::ModifiedHuber => Some(vec![Link::Half]),
        };
        if let (false, Some(links), false) =
            (is_single, &mut odds, self.probabilities == Probabilities::Softmax)
        {
            links.push(Link::Share);
        }
        let rule = if is_single { Rule::Positive } else { Rule::Largest };
        let labels = self.labels.classes();
        Ok(Some(self.linear.recipe(recipe::Answer::Classes { labels, rule, odds })))
    }
}

/// Returns the class of each row: by the sign of a single score, or the first of the largest.
pub(super) fn winners(scores: &Array2<f64>) -> Vec<usize> {
    if scores.ncols() == 1 {
        return scores.iter().map(|score| usize::from(*score > 0.0)).collect();
    }
    largest_of_each(scores)
}

/// Finds the first of the largest values of each row.
pub(super) fn largest_of_each(scores: &Array2<f64>) -> Vec<usize> {
    scores.rows().into_iter().map(|row| first_of_largest(&row)).collect()
}

/// Finds the first of the largest values; NaN counts as the largest, as numpy has it.
pub(super) fn first_of_largest(row: &ArrayView1<'_, f64>) -> usize {
    let mut best = 0;
    for (at, value) in row.iter().enumerate() {
        if value.is_nan() {
            return at;
        }
        if *value > row[best] {
            best = at;
        }
    }
    best
}

fn both_signs(scores: &Array2<f64>) -> Array2<f64> {
    Array2::from_shape_fn((scores.nrows(), 2), |(row, class)| {
        if class == 0 { -scores[[row, 0]] } else { scores[[row, 0]] }
    })
}

/// Returns the logistic function.
pub(super) fn logistic(value: f64) -> f64 {
    1.0 / (1.0 + (-value).exp())
}

/// Makes each row's exponentials add up to 1.
pub(super) fn softmax(mut scores: Array2<f64>) -> Array2<f64> {
    for mut row in scores.rows_mut() {
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        row.mapv_inplace(|value| (value - largest).exp());
        let sum = row.sum();
        row /= sum;
    }
    scores
}

/// Returns `1 - p` and `p` for each row.
pub(super) fn two_columns(positive: impl Iterator<Item = f64>, rows: usize) -> Array2<f64> {
    let cells = positive.flat_map(|value| [1.0 - value, value]).collect();
    Array2::from_shape_vec((rows, 2), cells).unwrap_or_default()
}

fn one_vs_rest(scores: &Array2<f64>) -> Array2<f64> {
    if scores.ncols() == 1 {
        return two_columns(scores.iter().map(|score| logistic(*score)), scores.nrows());
    }
    let mut shares = scores.mapv(logistic);
    for mut row in shares.rows_mut() {
        let sum = row.sum();
        row /= sum;
    }
    shares
}

fn modified_huber(scores: &Array2<f64>) -> Array2<f64> {
    let half = |score: &f64| f64::midpoint(score.clamp(-1.0, 1.0), 1.0);
    if scores.ncols() == 1 {
        return two_columns(scores.iter().map(half), scores.nrows());
    }
    let mut shares = scores.map(half);
    let classes = shares.ncols() as f64;
    for mut row in shares.rows_mut() {
        let sum = row.sum();
        if sum == 0.0 {
            // All scores are below -1: no class is likelier than another.
            row.fill(1.0 / classes);
        } else {
            row /= sum;
        }
    }
    shares
}

/// A linear one-class machine: 1 inside, -1 outside.
#[derive(Debug)]
struct OneClass {
    weights: Array2<f64>,
    offset: f64,
    labels: Arc<Labels>,
}

impl OneClass {
    fn read(object: &Object<'_>) -> Load<Self> {
        let weights = object.matrix_of("coef_", (1, object.features()?))?;
        let [offset] = object.vector("offset_")?[..] else { return object.unsupported("offset_") };
        Ok(Self { weights: transposed(&weights), offset, labels: outlier_labels() })
    }
}

/// Returns the classes of outlier detectors: outside first, so that a positive score is inside.
pub(super) fn outlier_labels() -> Arc<Labels> {
    Arc::new(Labels::Ints(vec![-1, 1]))
}

impl Estimator for OneClass {
    fn methods(&self) -> Methods {
        Methods::PREDICT.with(Methods::DECISION)
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        let scores = self.decision(frame)?;
        let indices = scores.iter().map(|score| usize::from(*score >= 0.0)).collect();
        Ok(Output::Classes(indices, Arc::clone(&self.labels)))
    }

    fn decision(&self, frame: &Frame) -> Answer<Array2<f64>> {
        Ok(weighted(&*frame.numbers()?, &self.weights, &[-self.offset]))
    }
}

/// Partial least squares: rotated, and regressed.
#[derive(Debug)]
struct PartialLeastSquares {
    mean: Vec<f64>,
    scale: Vec<f64>,
    weights: Array2<f64>,
    intercept: Vec<f64>,
    rotations: Array2<f64>,
    is_flat: bool,
}

impl PartialLeastSquares {
    fn read(object: &Object<'_>) -> Load<Self> {
        let features = object.features()?;
        let weights = transposed(&object.matrix("coef_")?);
        let intercept = object.vector_of("intercept_", weights.ncols())?;
        let rotations = object.matrix("x_rotations_")?;
        if weights.nrows() != features || rotations.nrows() != features {
            return object.wrong("`coef_` or `x_rotations_` do not have a row for each feature");
        }
        Ok(Self {
            mean: object.vector_of("_x_mean", features)?,
            scale: object.vector_of("_x_std", features)?,
            weights,
            intercept,
            rotations,
            is_flat: object.find("_predict_1d").is_some_and(|item| item.flag().unwrap_or(false)),
        })
    }
}

impl Estimator for PartialLeastSquares {
    fn methods(&self) -> Methods {
        Methods::PREDICT.with(Methods::TRANSFORM)
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        let centered = &*frame.numbers()? - &ArrayView1::from(&self.mean);
        Ok(flat_if(self.is_flat, weighted(&centered, &self.weights, &self.intercept)))
    }

    fn transform(&self, frame: Frame) -> Answer<Frame> {
        let mut rows = frame.into_numbers()?;
        rows -= &ArrayView1::from(&self.mean);
        rows /= &ArrayView1::from(&self.scale);
        Ok(Frame::Numbers(super::frame::row_major(rows.dot(&self.rotations))))
    }

    fn width_out(&self) -> Option<usize> {
        Some(self.rotations.len_of(Axis(1)))
    }
}
