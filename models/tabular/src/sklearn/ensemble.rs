//! Estimators that ask several others and weigh what these say.

use super::estimator::{Answer, Estimator, Methods, fail, load_all, load_at};
use super::frame::Frame;
use super::labels::{Labels, Output};
use super::linear::{largest_of_each, softmax};
use super::skops::{Item, Load, Object};
use ndarray::{Array2, Axis};
use std::sync::Arc;

/// Loads such an ensemble, if the class is one.
pub(super) fn load(class: &str, object: &Object<'_>) -> Load<Option<Box<dyn Estimator>>> {
    Ok(Some(match class {
        "AdaBoostClassifier" => Box::new(AdaBoost::read(object)?),
        "AdaBoostRegressor" => Box::new(Median::read(object)?),
        "BaggingClassifier" => Box::new(Bagging::read(object, Some(Labels::of(object)?))?),
        "BaggingRegressor" => Box::new(Bagging::read(object, None)?),
        "VotingClassifier" => Box::new(Voting::read(object)?),
        "VotingRegressor" => Box::new(Mean::read(object)?),
        "StackingClassifier" => {
            let labels = Labels::of(&object.object("_label_encoder")?)?;
            Box::new(Stacking::read(object, Some(labels))?)
        }
        "StackingRegressor" => Box::new(Stacking::read(object, None)?),
        _ => return Ok(None),
    }))
}

/// Refuses estimators without a method that is needed.
pub(super) fn require(
    object: &Object<'_>,
    estimators: &[Box<dyn Estimator>],
    methods: Methods,
) -> Load<()> {
    if !estimators.is_empty() && estimators.iter().all(|inner| inner.methods().has(methods)) {
        return Ok(());
    }
    object.wrong("an estimator in it does not have the method that is needed")
}

/// Tells whether all have a method.
pub(super) fn all_have(estimators: &[Box<dyn Estimator>], methods: Methods) -> bool {
    estimators.iter().all(|inner| inner.methods().has(methods))
}

/// Returns a number for each row from an estimator of one target.
pub(super) fn predicted(estimator: &dyn Estimator, frame: &Frame) -> Answer<Vec<f64>> {
    match estimator.predict(frame)?.numbers() {
        Some(matrix) if matrix.ncols() == 1 => Ok(matrix.into_iter().collect()),
        Some(_) => fail("an estimator in it has several targets"),
        None => fail("an estimator in it predicts text where numbers are needed"),
    }
}

/// Returns for each class of an estimator its place among all classes.
pub(super) fn places(
    object: &Object<'_>,
    labels: &Labels,
    inner: &dyn Estimator,
) -> Load<Vec<usize>> {
    let Some(own) = inner.classes() else {
        return object.wrong("an estimator in it is not a classifier of one target");
    };
    let places: Option<Vec<_>> = (0..own.len()).map(|at| labels.position(own, at)).collect();
    match places {
        Some(places) => Ok(places),
        None => object.wrong("an estimator in it has other classes"),
    }
}

/// Returns the classes 0 to n - 1, which ensembles train their estimators with.
fn numbered(labels: &Labels) -> Labels {
    Labels::Ints((0..).take(labels.len()).collect())
}

/// Predicts the class of the largest number in each row.
pub(super) fn largest(scores: &Array2<f64>, labels: &Arc<Labels>) -> Output {
    let winners = largest_of_each(scores);
    Output::Classes(winners, Arc::clone(labels))
}

/// Boosted classifiers, with SAMME.
#[derive(Debug)]
struct AdaBoost {
    estimators: Vec<(Box<dyn Estimator>, Vec<usize>, f64)>,
    total: f64,
    labels: Arc<Labels>,
}

impl AdaBoost {
    fn read(object: &Object<'_>) -> Load<Self> {
        object.require_text("algorithm", &["SAMME", "deprecated"])?;
        let labels = Labels::of(object)?;
        let weights = object.vector("estimator_weights_")?;
        let estimators = load_all(object, "estimators_")?;
        require(object, &estimators, Methods::PREDICT)?;
        if weights.len() < estimators.len() {
            return object.unsupported("estimator_weights_");
        }
        let total = weights.iter().sum();
        let estimators = estimators.into_iter().zip(weights).map(|(inner, weight)| {
            let places = places(object, &labels, inner.as_ref())?;
            Ok((inner, places, weight))
        });
        Ok(Self { estimators: estimators.collect::<Load<_>>()?, total, labels })
    }
}

impl Estimator for AdaBoost {
    fn methods(&self) -> Methods {
        Methods::PREDICT.with(Methods::PROBABILITIES).with(Methods::DECISION)
    }

    fn classes(&self) -> Option<&Arc<Labels>> {
        Some(&self.labels)
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        let scores = self.decision(frame)?;
        if self.labels.len() > 2 {
            return Ok(largest(&scores, &self.labels));
        }
        let winners = scores.iter().map(|score| usize::from(*score > 0.0)).collect();
        Ok(Output::Classes(winners, Arc::clone(&self.labels)))
    }

    fn decision(&self, frame: &Frame) -> Answer<Array2<f64>> {
        let classes = self.labels.len();
        let mut scores = Array2::zeros((frame.rows(), classes));
        if classes == 1 {
            return Ok(scores);
        }
        for (inner, places, weight) in &self.estimators {
            let Output::Classes(winners, _) = inner.predict(frame)? else {
                return fail("an estimator in it is not a classifier");
            };
            let others = -weight / (classes - 1) as f64;
            for (mut row, winner) in scores.rows_mut().into_iter().zip(winners) {
                let winner = places[winner];
                for (class, score) in row.iter_mut().enumerate() {
                    *score += if class == winner { *weight } else { others };
                }
            }
        }
        scores /= self.total;
        if classes > 2 {
            return Ok(scores);
        }
        Ok(Array2::from_shape_fn((frame.rows(), 1), |(row, _)| scores[[row, 1]] - scores[[row, 0]]))
    }

    fn probabilities(&self, frame: &Frame) -> Answer<Array2<f64>> {
        let scores = self.decision(frame)?;
        match self.labels.len() {
            1 => Ok(Array2::ones((frame.rows(), 1))),
            2 => Ok(softmax(Array2::from_shape_fn((frame.rows(), 2), |(row, class)| {
                let half = scores[[row, 0]] / 2.0;
                if class == 0 { -half } else { half }
            }))),
            classes => Ok(softmax(scores / (classes - 1) as f64)),
        }
    }
}

/// Boosted regressors: the weighted median of what they say.
#[derive(Debug)]
struct Median {
    estimators: Vec<Box<dyn Estimator>>,
    weights: Vec<f64>,
}

impl Median {
    fn read(object: &Object<'_>) -> Load<Self> {
        let estimators = load_all(object, "estimators_")?;
        require(object, &estimators, Methods::PREDICT)?;
        let weights = object.vector("estimator_weights_")?;
        if weights.len() < estimators.len() {
            return object.unsupported("estimator_weights_");
        }
        Ok(Self { estimators, weights })
    }
}

impl Estimator for Median {
    fn methods(&self) -> Methods {
        Methods::PREDICT
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        let all: Vec<Vec<f64>> = self
            .estimators
            .iter()
            .map(|inner| predicted(inner.as_ref(), frame))
            .collect::<Answer<_>>()?;
        let mut order: Vec<usize> = (0..all.len()).collect();
        let medians = (0..frame.rows()).map(|row| {
            order.sort_by(|one, other| all[*one][row].total_cmp(&all[*other][row]));
            let mut sum = 0.0;
            let sums = order.iter().map(|at| {
                sum += self.weights[*at];
                sum
            });
            let sums: Vec<f64> = sums.collect();
            let half = 0.5 * sums[sums.len() - 1];
            let at = sums.iter().position(|sum| *sum >= half).unwrap_or(0);
            all[order[at]][row]
        });
        Ok(Output::Vector(medians.collect()))
    }
}

/// One of the estimators of a bag.
#[derive(Debug)]
struct Bagged {
    inner: Box<dyn Estimator>,
    /// The features that it knows, unless it knows all.
    features: Option<Vec<usize>>,
    /// For each of its classes the place among all.
    places: Vec<usize>,
}

/// Estimators that were each trained with some of the rows and features.
#[derive(Debug)]
struct Bagging {
    estimators: Vec<Bagged>,
    labels: Option<Arc<Labels>>,
    methods: Methods,
}

impl Bagging {
    fn read(object: &Object<'_>, labels: Option<Arc<Labels>>) -> Load<Self> {
        let estimators = load_all(object, "estimators_")?;
        require(object, &estimators, Methods::PREDICT)?;
        let mut methods = Methods::PREDICT;
        if labels.is_some() {
            methods = methods.with(Methods::PROBABILITIES);
            if all_have(&estimators, Methods::DECISION) {
                methods = methods.with(Methods::DECISION);
            }
        }
        let width = object.features()?;
        let features = object.list("estimators_features_")?;
        if features.len() != estimators.len() {
            return object.unsupported("estimators_features_");
        }
        let both = estimators.into_iter().zip(&features).map(|(inner, features)| {
            let features = features.indices()?;
            if features.iter().any(|feature| *feature >= width) {
                return object.unsupported("estimators_features_");
            }
            let places = match &labels {
                Some(labels) => places(object, &numbered(labels), inner.as_ref())?,
                None => Vec::new(),
            };
            let is_all = features.iter().copied().eq(0..width);
            Ok(Bagged { inner, features: (!is_all).then_some(features), places })
        });
        Ok(Self { estimators: both.collect::<Load<_>>()?, labels, methods })
    }

    /// Calls something for each estimator with the features that it knows.
    fn each(
        &self,
        frame: &Frame,
        mut call: impl FnMut(&dyn Estimator, &[usize], &Frame) -> Answer<()>,
    ) -> Answer<()> {
        for Bagged { inner, features, places } in &self.estimators {
            match features {
                Some(features) => call(inner.as_ref(), places, &frame.select(features))?,
                None => call(inner.as_ref(), places, frame)?,
            }
        }
        Ok(())
    }
}

impl Estimator for Bagging {
    fn methods(&self) -> Methods {
        self.methods
    }

    fn classes(&self) -> Option<&Arc<Labels>> {
        self.labels.as_ref()
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        if let Some(labels) = &self.labels {
            return Ok(largest(&self.probabilities(frame)?, labels));
        }
        let mut sums: Option<Array2<f64>> = None;
        let mut is_flat = true;
        self.each(frame, |inner, _, frame| {
            let output = inner.predict(frame)?;
            is_flat = matches!(output, Output::Vector(_));
            let Some(more) = output.numbers() else { return fail("an estimator predicts text") };
            match &mut sums {
                Some(sums) => *sums += &more,
                None => sums = Some(more),
            }
            Ok(())
        })?;
        let means = sums.unwrap_or_default() / self.estimators.len() as f64;
        Ok(super::linear::flat_if(is_flat, means))
    }

    fn probabilities(&self, frame: &Frame) -> Answer<Array2<f64>> {
        let classes = self.labels.as_ref().map_or(0, |labels| labels.len());
        let mut sums = Array2::zeros((frame.rows(), classes));
        self.each(frame, |inner, places, frame| {
            if inner.methods().has(Methods::PROBABILITIES) {
                let shares = inner.probabilities(frame)?;
                for (column, place) in shares.axis_iter(Axis(1)).zip(places) {
                    let mut target = sums.column_mut(*place);
                    target += &column;
                }
                return Ok(());
            }
            if let Output::Classes(winners, _) = inner.predict(frame)? {
                for (row, winner) in winners.into_iter().enumerate() {
                    sums[[row, places[winner]]] += 1.0;
                }
            }
            Ok(())
        })?;
        Ok(sums / self.estimators.len() as f64)
    }

    fn decision(&self, frame: &Frame) -> Answer<Array2<f64>> {
        let mut sums: Option<Array2<f64>> = None;
        self.each(frame, |inner, _, frame| {
            let more = inner.decision(frame)?;
            match &mut sums {
                Some(sums) => *sums += &more,
                None => sums = Some(more),
            }
            Ok(())
        })?;
        Ok(sums.unwrap_or_default() / self.estimators.len() as f64)
    }
}

/// Reads the weights of the estimators that were not dropped.
fn weights(object: &Object<'_>, count: usize) -> Load<Vec<f64>> {
    let Some(item) = object.some("weights") else { return Ok(vec![1.0; count]) };
    let weights = item.floats()?;
    let given = object.list("estimators")?;
    let mut kept = Vec::new();
    for (pair, weight) in given.iter().zip(weights) {
        let is_dropped = pair.list()?.get(1).and_then(Item::as_text).as_deref() == Some("drop");
        if !is_dropped {
            kept.push(weight);
        }
    }
    if kept.len() != count { object.unsupported("weights") } else { Ok(kept) }
}

/// The weighted mean of what regressors say.
#[derive(Debug)]
struct Mean {
    estimators: Vec<Box<dyn Estimator>>,
    weights: Vec<f64>,
}

impl Mean {
    fn read(object: &Object<'_>) -> Load<Self> {
        let estimators = load_all(object, "estimators_")?;
        require(object, &estimators, Methods::PREDICT)?;
        Ok(Self { weights: weights(object, estimators.len())?, estimators })
    }

    fn table(&self, frame: &Frame) -> Answer<Array2<f64>> {
        table(&self.estimators, frame)
    }
}

/// Puts the predictions of several estimators side by side.
fn table(estimators: &[Box<dyn Estimator>], frame: &Frame) -> Answer<Array2<f64>> {
    let mut table = Array2::zeros((frame.rows(), estimators.len()));
    for (mut column, inner) in table.columns_mut().into_iter().zip(estimators) {
        let list = predicted(inner.as_ref(), frame)?;
        column.iter_mut().zip(list).for_each(|(cell, value)| *cell = value);
    }
    Ok(table)
}

impl Estimator for Mean {
    fn methods(&self) -> Methods {
        Methods::PREDICT.with(Methods::TRANSFORM)
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        let total: f64 = self.weights.iter().sum();
        let weights = ndarray::ArrayView1::from(&self.weights);
        let table = self.table(frame)?;
        let means = table.rows().into_iter().map(|row| row.dot(&weights) / total).collect();
        Ok(Output::Vector(means))
    }

    fn transform(&self, frame: Frame) -> Answer<Frame> {
        Ok(Frame::Numbers(self.table(&frame)?))
    }

    fn width_out(&self) -> Option<usize> {
        Some(self.estimators.len())
    }
}

/// The votes of classifiers, or the weighted mean of their probabilities.
#[derive(Debug)]
struct Voting {
    estimators: Vec<Box<dyn Estimator>>,
    weights: Vec<f64>,
    is_soft: bool,
    is_flat: bool,
    labels: Arc<Labels>,
}

impl Voting {
    fn read(object: &Object<'_>) -> Load<Self> {
        let is_soft = match object.text("voting")?.as_str() {
            "soft" => true,
            "hard" => false,
            _ => return object.unsupported("voting"),
        };
        let labels = Labels::of(&object.object("le_")?)?;
        let estimators = load_all(object, "estimators_")?;
        require(
            object,
            &estimators,
            if is_soft { Methods::PROBABILITIES } else { Methods::PREDICT },
        )?;
        for inner in &estimators {
            if !places(object, &numbered(&labels), inner.as_ref())?.into_iter().eq(0..labels.len())
            {
                return object.wrong("an estimator in it does not know all classes");
            }
        }
        Ok(Self {
            weights: weights(object, estimators.len())?,
            is_flat: object.flag("flatten_transform")?,
            estimators,
            is_soft,
            labels,
        })
    }
}

impl Estimator for Voting {
    fn methods(&self) -> Methods {
        let methods = Methods::PREDICT;
        let methods = if self.is_soft { methods.with(Methods::PROBABILITIES) } else { methods };
        if self.is_soft && !self.is_flat { methods } else { methods.with(Methods::TRANSFORM) }
    }

    fn classes(&self) -> Option<&Arc<Labels>> {
        Some(&self.labels)
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        if self.is_soft {
            return Ok(largest(&self.probabilities(frame)?, &self.labels));
        }
        let mut votes = Array2::zeros((frame.rows(), self.labels.len()));
        for (inner, weight) in self.estimators.iter().zip(&self.weights) {
            if let Output::Classes(winners, _) = inner.predict(frame)? {
                for (row, winner) in winners.into_iter().enumerate() {
                    votes[[row, winner]] += weight;
                }
            }
        }
        Ok(largest(&votes, &self.labels))
    }

    fn probabilities(&self, frame: &Frame) -> Answer<Array2<f64>> {
        let mut sums = Array2::zeros((frame.rows(), self.labels.len()));
        for (inner, weight) in self.estimators.iter().zip(&self.weights) {
            sums.scaled_add(*weight, &inner.probabilities(frame)?);
        }
        Ok(sums / self.weights.iter().sum::<f64>())
    }

    fn transform(&self, frame: Frame) -> Answer<Frame> {
        if !self.is_soft {
            return Ok(Frame::Numbers(table(&self.estimators, &frame)?));
        }
        let shares =
            self.estimators.iter().map(|inner| Ok(Frame::Numbers(inner.probabilities(&frame)?)));
        Frame::beside(frame.rows(), shares.collect::<Answer<_>>()?)
    }
}

/// Estimators whose answers are the features of another.
#[derive(Debug)]
struct Stacking {
    estimators: Vec<(Box<dyn Estimator>, Methods)>,
    last: Box<dyn Estimator>,
    passes_through: bool,
    labels: Option<Arc<Labels>>,
}

impl Stacking {
    fn read(object: &Object<'_>, labels: Option<Arc<Labels>>) -> Load<Self> {
        let estimators = load_all(object, "estimators_")?;
        let methods = object.get("stack_method_")?.texts()?;
        if methods.len() != estimators.len() {
            return object.unsupported("stack_method_");
        }
        let estimators = estimators.into_iter().zip(methods).map(|(inner, method)| {
            let method = match method.as_str() {
                "predict" => Methods::PREDICT,
                "predict_proba" => Methods::PROBABILITIES,
                "decision_function" => Methods::DECISION,
                _ => return object.unsupported("stack_method_"),
            };
            if !inner.methods().has(method) {
                return object.wrong("an estimator in it does not have the method that is needed");
            }
            Ok((inner, method))
        });
        let last = load_at(object, "final_estimator_")?;
        if let Some(labels) = &labels
            && !places(object, &numbered(labels), last.as_ref())?.into_iter().eq(0..labels.len())
        {
            return object.wrong("the final estimator does not know all classes");
        }
        Ok(Self {
            estimators: estimators.collect::<Load<_>>()?,
            last,
            passes_through: object.flag("passthrough")?,
            labels,
        })
    }

    fn features(&self, frame: &Frame) -> Answer<Frame> {
        let is_binary = self.labels.as_ref().is_some_and(|labels| labels.len() == 2);
        let mut parts = Vec::with_capacity(self.estimators.len() + 1);
        for (inner, method) in &self.estimators {
            let part = if *method == Methods::PROBABILITIES {
                inner.probabilities(frame)?
            } else if *method == Methods::DECISION {
                inner.decision(frame)?
            } else {
                match inner.predict(frame)?.numbers() {
                    Some(numbers) => numbers,
                    None => return fail("an estimator predicts text where numbers are needed"),
                }
            };
            // Of two probabilities the first says nothing new.
            let is_double = is_binary && *method == Methods::PROBABILITIES && part.ncols() == 2;
            let part = Frame::Numbers(part);
            parts.push(if is_double { part.select(&[1]) } else { part });
        }
        if self.passes_through {
            parts.push(frame.clone());
        }
        Frame::beside(frame.rows(), parts)
    }
}

impl Estimator for Stacking {
    fn methods(&self) -> Methods {
        self.last.methods().without(Methods::TRANSFORM).with(Methods::TRANSFORM)
    }

    fn classes(&self) -> Option<&Arc<Labels>> {
        self.labels.as_ref()
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        let output = self.last.predict(&self.features(frame)?)?;
        match (output, &self.labels) {
            (Output::Classes(winners, _), Some(labels)) => {
                Ok(Output::Classes(winners, Arc::clone(labels)))
            }
            (output, _) => Ok(output),
        }
    }

    fn probabilities(&self, frame: &Frame) -> Answer<Array2<f64>> {
        self.last.probabilities(&self.features(frame)?)
    }

    fn decision(&self, frame: &Frame) -> Answer<Array2<f64>> {
        self.last.decision(&self.features(frame)?)
    }

    fn transform(&self, frame: Frame) -> Answer<Frame> {
        self.features(&frame)
    }
}
