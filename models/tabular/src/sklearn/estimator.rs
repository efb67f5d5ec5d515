//! What every estimator is here, and how one is found for an object.

use super::frame::Frame;
use super::labels::{Labels, Output};
use super::skops::{Load, Object};
use super::*;
use mlctl_models_trees::recipe::{Recipe, Scaling};
use ndarray::Array2;
use std::fmt;
use std::sync::Arc;

/// Says in one line why rows cannot be scored.
#[derive(Clone, Debug)]
pub(super) struct Failure(pub(super) String);

/// What scoring returns.
pub(super) type Answer<T> = Result<T, Failure>;

/// Fails with a reason.
pub(super) fn fail<T>(problem: impl Into<String>) -> Answer<T> {
    Err(Failure(problem.into()))
}

/// An estimator that was fitted, ready to transform or to predict.
///
/// Which of the methods it has is known before it is asked: [`Estimator::methods`]. The number of
/// columns has been checked by [`Checked`].
pub(super) trait Estimator: fmt::Debug + Send + Sync {
    /// Names the methods that answer.
    fn methods(&self) -> Methods;

    /// Returns the classes of a classifier with one target.
    fn classes(&self) -> Option<&Arc<Labels>> {
        None
    }

    /// Returns new features.
    fn transform(&self, _frame: Frame) -> Answer<Frame> {
        fail("this estimator has no method `transform`")
    }

    /// Returns the features that `transform` makes into these.
    fn inverse(&self, _rows: Array2<f64>) -> Answer<Array2<f64>> {
        fail("this estimator has no method `inverse_transform`")
    }

    /// Returns what `predict` answers.
    fn predict(&self, _frame: &Frame) -> Answer<Output> {
        fail("this estimator has no method `predict`")
    }

    /// Returns a probability for each class.
    fn probabilities(&self, _frame: &Frame) -> Answer<Array2<f64>> {
        fail("this estimator has no method `predict_proba`")
    }

    /// Returns what `decision_function` answers; one column where that is a vector.
    fn decision(&self, _frame: &Frame) -> Answer<Array2<f64>> {
        fail("this estimator has no method `decision_function`")
    }

    /// Returns how many numbers one row becomes on its way, at most: for the size of a batch.
    fn numbers_per_row(&self) -> usize {
        1
    }

    /// Returns how many columns come out of `transform`, if that is known.
    fn width_out(&self) -> Option<usize> {
        None
    }

    /// Tells what the estimator predicts in the terms of ONNX; `None` when these do not know it at
    /// all, a reason when something in it is in the way.
    fn recipe(&self) -> Result<Option<Recipe>, String> {
        Ok(None)
    }

    /// Tells what `transform` does, when it scales each column.
    fn scaling(&self) -> Result<Option<Scaling>, String> {
        Ok(None)
    }
}

/// A set of methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Methods(u8);

impl Methods {
    pub(super) const TRANSFORM: Self = Self(1);
    pub(super) const PREDICT: Self = Self(2);
    pub(super) const PROBABILITIES: Self = Self(4);
    pub(super) const DECISION: Self = Self(8);
    pub(super) const INVERSE: Self = Self(16);

    pub(super) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(super) const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Which numbers an estimator takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finite {
    /// Neither NaN nor infinities.
    All,
    /// NaN where a value is missing, but no infinities.
    OrMissing,
    /// Its parts decide.
    Unchecked,
}

/// An estimator behind the checks that scikit-learn makes of every input.
#[derive(Debug)]
struct Checked {
    class: String,
    features: Option<usize>,
    finite: Finite,
    inner: Box<dyn Estimator>,
}

impl Checked {
    fn check(&self, frame: &Frame) -> Answer<()> {
        if let Some(features) = self.features
            && frame.width() != features
        {
            return fail(format!(
                "X has {} features, but {} is expecting {features} features as input",
                frame.width(),
                self.class
            ));
        }
        let Frame::Numbers(matrix) = frame else { return Ok(()) };
        let Some(values) = matrix.as_slice_memory_order() else { return Ok(()) };
        if self.finite == Finite::Unchecked || all_finite(values) {
            return Ok(());
        }
        if values.iter().any(|value| value.is_infinite()) {
            return fail(format!("the input of {} contains an infinity", self.class));
        }
        if self.finite == Finite::All {
            return fail(format!(
                "the input of {} contains NaN, which it does not accept",
                self.class
            ));
        }
        Ok(())
    }
}

/// Tells whether there is neither NaN nor an infinity, eight values at a time.
fn all_finite(values: &[f64]) -> bool {
    let (chunks, rest) = values.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for chunk in chunks {
        for (sum, value) in sums.iter_mut().zip(chunk) {
            *sum += value * 0.0;
        }
    }
    sums.iter().all(|sum| *sum == 0.0) && rest.iter().all(|value| value.is_finite())
}

impl Estimator for Checked {
    fn methods(&self) -> Methods {
        self.inner.methods()
    }

    fn classes(&self) -> Option<&Arc<Labels>> {
        self.inner.classes()
    }

    fn transform(&self, frame: Frame) -> Answer<Frame> {
        self.check(&frame)?;
        self.inner.transform(frame)
    }

    fn inverse(&self, rows: Array2<f64>) -> Answer<Array2<f64>> {
        self.inner.inverse(rows)
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        self.check(frame)?;
        self.inner.predict(frame)
    }

    fn probabilities(&self, frame: &Frame) -> Answer<Array2<f64>> {
        self.check(frame)?;
        self.inner.probabilities(frame)
    }

    fn decision(&self, frame: &Frame) -> Answer<Array2<f64>> {
        self.check(frame)?;
        self.inner.decision(frame)
    }

    fn numbers_per_row(&self) -> usize {
        self.inner.numbers_per_row().max(self.features.unwrap_or(1))
    }

    fn width_out(&self) -> Option<usize> {
        self.inner.width_out()
    }

    fn recipe(&self) -> Result<Option<Recipe>, String> {
        match self.inner.recipe()? {
            Some(recipe) => Ok(Some(recipe)),
            None => Err(format!("`{}` has no conversion to ONNX", self.class)),
        }
    }

    fn scaling(&self) -> Result<Option<Scaling>, String> {
        match self.inner.scaling()? {
            Some(scaling) => Ok(Some(scaling)),
            None => Err(format!("`{}` before the model has no conversion to ONNX", self.class)),
        }
    }
}

/// Makes an estimator of an object, or refuses it by its name.
pub(super) fn load(object: &Object<'_>) -> Load<Box<dyn Estimator>> {
    let class = object.class();
    let is_ours = object.module() == "sklearn" || object.module().starts_with("sklearn.");
    let found = match object.module() {
        _ if is_ours => load_class(class, object)?,
        "lightgbm.sklearn" => boosted::load(class, object)?,
        _ => None,
    };
    let Some(inner) = found else {
        return object.wrong(not_here(object.module()));
    };
    let features = match object.find("n_features_in_") {
        Some(item) if checks_width(class) => Some(item.count()?),
        _ => None,
    };
    Ok(Box::new(Checked { class: class.to_owned(), features, finite: finite(class), inner }))
}

fn not_here(module: &str) -> &'static str {
    match module.split('.').next() {
        Some("sklearn") => "this estimator is not supported",
        Some("lightgbm") => {
            "of LightGBM, only its own classifier, regressor and ranker are supported with skops"
        }
        Some("xgboost") => {
            "save the model with mlflow.xgboost instead: XGBoost with skops is \
                            not supported"
        }
        _ => "only estimators of scikit-learn are supported",
    }
}

/// Loads the estimator that an attribute holds.
pub(super) fn load_at(object: &Object<'_>, name: &str) -> Load<Box<dyn Estimator>> {
    object.within(name, object.object(name).and_then(|inner| load(&inner)))
}

/// Loads the estimators of a list.
pub(super) fn load_all(object: &Object<'_>, name: &str) -> Load<Vec<Box<dyn Estimator>>> {
    let items = object.list(name)?;
    let loaded = items.iter().map(|item| load(&item.object()?)).collect();
    object.within(name, loaded)
}

fn load_class(class: &str, object: &Object<'_>) -> Load<Option<Box<dyn Estimator>>> {
    let tables = [
        compose::load,
        scale::load,
        encode::load,
        impute::load,
        linear::load,
        tree::load,
        histogram::load,
        ensemble::load,
        calibrate::load,
        multi::load,
        kernel::load,
        neighbors::load,
        bayes::load,
        network::load,
        project::load,
        expand::load,
        select::load,
        text::load,
        dummy::load,
    ];
    for table in tables {
        if let Some(found) = table(class, object)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Tells whether the columns of an input are counted: not by text vectorizers, nor by those who
/// choose columns by name.
fn checks_width(class: &str) -> bool {
    !matches!(
        class,
        "CountVectorizer"
            | "TfidfVectorizer"
            | "HashingVectorizer"
            | "Pipeline"
            | "FunctionTransformer"
            | "DummyClassifier"
            | "DummyRegressor"
    )
}

fn finite(class: &str) -> Finite {
    match class {
        "Pipeline" | "FeatureUnion" | "ColumnTransformer" | "FunctionTransformer" | "GridSearchCV"
        | "RandomizedSearchCV" | "HalvingGridSearchCV" | "HalvingRandomSearchCV"
        | "VotingClassifier" | "VotingRegressor" | "StackingClassifier" | "StackingRegressor"
        | "BaggingClassifier" | "BaggingRegressor" | "AdaBoostClassifier" | "AdaBoostRegressor"
        | "CalibratedClassifierCV" | "FrozenEstimator" | "OneVsRestClassifier" | "OneVsOneClassifier"
        | "OutputCodeClassifier" | "MultiOutputClassifier" | "MultiOutputRegressor"
        | "ClassifierChain" | "RegressorChain" | "TransformedTargetRegressor" | "RANSACRegressor"
        | "SelectFromModel" | "RFE" | "RFECV" | "SequentialFeatureSelector" | "OneHotEncoder"
        | "OrdinalEncoder" | "TargetEncoder" | "DummyClassifier" | "DummyRegressor"
        | "FixedThresholdClassifier" | "TunedThresholdClassifierCV"
        // LightGBM and HistGradientBoosting take infinities as well.
        | "LGBMClassifier" | "LGBMRegressor" | "LGBMRanker"
        | "HistGradientBoostingClassifier" | "HistGradientBoostingRegressor"
        // Trees look at numbers of 32 bits, and check these themselves.
        | "DecisionTreeClassifier" | "DecisionTreeRegressor" | "ExtraTreeClassifier"
        | "ExtraTreeRegressor" | "RandomForestClassifier" | "RandomForestRegressor"
        | "ExtraTreesClassifier" | "ExtraTreesRegressor" | "GradientBoostingClassifier"
        | "GradientBoostingRegressor" | "IsolationForest" | "RandomTreesEmbedding" => {
            Finite::Unchecked
        }
        "StandardScaler" | "MinMaxScaler" | "MaxAbsScaler" | "RobustScaler" | "PowerTransformer"
        | "QuantileTransformer" | "SimpleImputer" | "KNNImputer" | "MissingIndicator"
        | "IterativeImputer" | "VarianceThreshold" | "SelectKBest" | "SelectPercentile" | "SelectFpr"
        | "SelectFdr" | "SelectFwe" | "GenericUnivariateSelect" => Finite::OrMissing,
        _ => Finite::All,
    }
}
