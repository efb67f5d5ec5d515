//! Several classes from classifiers of two, several targets from estimators of one, and targets
//! that were transformed.

use super::ensemble::{all_have, predicted, require};
use super::estimator::{Answer, Estimator, Methods, fail, load_all, load_at};
use super::frame::Frame;
use super::labels::{Labels, Output};
use super::linear::{first_of_largest, flat_if, largest_of_each};
use super::skops::{Load, Object};
use ndarray::{Array2, ArrayViewMut1};
use std::sync::Arc;

/// Loads such an estimator, if the class is one.
pub(super) fn load(class: &str, object: &Object<'_>) -> Load<Option<Box<dyn Estimator>>> {
    Ok(Some(match class {
        "OneVsRestClassifier" => Box::new(OneVsRest::read(object)?),
        "_ConstantPredictor" => Box::new(Constant::read(object)?),
        "OneVsOneClassifier" => Box::new(OneVsOne::read(object)?),
        "OutputCodeClassifier" => Box::new(OutputCode::read(object)?),
        "MultiOutputClassifier" | "MultiOutputRegressor" => {
            let estimators = load_all(object, "estimators_")?;
            require(object, &estimators, Methods::PREDICT)?;
            Box::new(Several { estimators })
        }
        "ClassifierChain" | "RegressorChain" => Box::new(Chain::read(object)?),
        "TransformedTargetRegressor" => Box::new(Transformed::read(object)?),
        _ => return Ok(None),
    }))
}

/// Returns a score of the second class for each row.
fn positive(estimator: &dyn Estimator, frame: &Frame) -> Answer<Vec<f64>> {
    if estimator.methods().has(Methods::DECISION) {
        return column(&estimator.decision(frame)?, 0);
    }
    if estimator.methods().has(Methods::PROBABILITIES) {
        return column(&estimator.probabilities(frame)?, 1);
    }
    predicted(estimator, frame)
}

fn column(matrix: &Array2<f64>, at: usize) -> Answer<Vec<f64>> {
    if at + 1 != matrix.ncols() {
        return fail("an estimator in it is not one of two classes");
    }
    Ok(matrix.column(at).to_vec())
}

fn write(mut target: ArrayViewMut1<'_, f64>, list: Vec<f64>) {
    target.iter_mut().zip(list).for_each(|(cell, value)| *cell = value);
}

/// Puts the answers of several estimators side by side.
fn side_by_side(
    estimators: &[Box<dyn Estimator>],
    frame: &Frame,
    ask: impl Fn(&dyn Estimator, &Frame) -> Answer<Vec<f64>>,
) -> Answer<Array2<f64>> {
    let mut table = Array2::zeros((frame.rows(), estimators.len()));
    for (target, inner) in table.columns_mut().into_iter().zip(estimators) {
        write(target, ask(inner.as_ref(), frame)?);
    }
    Ok(table)
}

/// Refuses estimators that give no score.
fn require_scores(object: &Object<'_>, estimators: &[Box<dyn Estimator>]) -> Load<()> {
    if all_have(estimators, Methods::DECISION) {
        return require(object, estimators, Methods::DECISION);
    }
    require(object, estimators, Methods::PROBABILITIES)
}

/// What a classifier says that has seen one class only.
#[derive(Debug)]
struct Constant {
    value: usize,
    labels: Arc<Labels>,
}

impl Constant {
    fn read(object: &Object<'_>) -> Load<Self> {
        let value = match object.vector("y_")?[..] {
            [0.0] => 0,
            [1.0] => 1,
            _ => return object.unsupported("y_"),
        };
        Ok(Self { value, labels: Arc::new(Labels::Ints(vec![0, 1])) })
    }
}

impl Estimator for Constant {
    fn methods(&self) -> Methods {
        Methods::PREDICT.with(Methods::PROBABILITIES).with(Methods::DECISION)
    }

    fn classes(&self) -> Option<&Arc<Labels>> {
        Some(&self.labels)
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        Ok(Output::Classes(vec![self.value; frame.rows()], Arc::clone(&self.labels)))
    }

    fn probabilities(&self, frame: &Frame) -> Answer<Array2<f64>> {
        Ok(Array2::from_shape_fn((frame.rows(), 2), |(_, class)| {
            f64::from(u8::from(class == self.value))
        }))
    }

    fn decision(&self, frame: &Frame) -> Answer<Array2<f64>> {
        Ok(Array2::from_elem((frame.rows(), 1), self.value as f64))
    }
}

/// One classifier for each class, against all others.
#[derive(Debug)]
struct OneVsRest {
    estimators: Vec<Box<dyn Estimator>>,
    labels: Arc<Labels>,
    is_multilabel: bool,
    /// Whether the first of equal scores wins; before scikit-learn 1.9 it was the last, here only.
    first_wins: bool,
    methods: Methods,
}

impl OneVsRest {
    fn read(object: &Object<'_>) -> Load<Self> {
        let estimators = load_all(object, "estimators_")?;
        let binarizer = object.object("label_binarizer_")?;
        let is_multilabel = match binarizer.text("y_type_")?.as_str() {
            "multilabel-indicator" => true,
            "binary" | "multiclass" => false,
            _ => return binarizer.unsupported("y_type_"),
        };
        let labels = Labels::of(&binarizer)?;
        let count = if is_multilabel || labels.len() > 2 { labels.len() } else { 1 };
        if estimators.len() != count {
            return object.unsupported("estimators_");
        }
        require_scores(object, &estimators)?;
        let mut methods = Methods::PREDICT;
        for method in [Methods::PROBABILITIES, Methods::DECISION] {
            if all_have(&estimators, method) {
                methods = methods.with(method);
            }
        }
        Ok(Self { estimators, labels, is_multilabel, first_wins: object.is_since(1, 9), methods })
    }
}

impl Estimator for OneVsRest {
    fn methods(&self) -> Methods {
        self.methods
    }

    fn classes(&self) -> Option<&Arc<Labels>> {
        (!self.is_multilabel).then_some(&self.labels)
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        let scores = side_by_side(&self.estimators, frame, positive)?;
        let threshold = if self.methods.has(Methods::DECISION) { 0.0 } else { 0.5 };
        let above =
            |at: usize| scores.column(at).iter().map(|s| usize::from(*s > threshold)).collect();
        if self.is_multilabel {
            let marks = Arc::new(Labels::Ints(vec![0, 1]));
            let targets = (0..scores.ncols()).map(|at| (above(at), Arc::clone(&marks)));
            return Ok(Output::Targets(targets.collect()));
        }
        if scores.ncols() == 1 {
            return Ok(Output::Classes(above(0), Arc::clone(&self.labels)));
        }
        let winners = scores.rows().into_iter().map(|row| {
            if self.first_wins {
                return first_of_largest(&row);
            }
            let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            row.iter().rposition(|score| *score == most).unwrap_or(0)
        });
        Ok(Output::Classes(winners.collect(), Arc::clone(&self.labels)))
    }

    fn probabilities(&self, frame: &Frame) -> Answer<Array2<f64>> {
        let ask = |inner: &dyn Estimator, frame: &Frame| column(&inner.probabilities(frame)?, 1);
        let mut shares = side_by_side(&self.estimators, frame, ask)?;
        if shares.ncols() == 1 {
            let rows = shares.nrows();
            shares = super::linear::two_columns(shares.into_iter(), rows);
        }
        if !self.is_multilabel {
            for mut row in shares.rows_mut() {
                let sum = row.sum();
                if sum != 0.0 {
                    row /= sum;
                }
            }
        }
        Ok(shares)
    }

    fn decision(&self, frame: &Frame) -> Answer<Array2<f64>> {
        side_by_side(&self.estimators, frame, |inner, frame| column(&inner.decision(frame)?, 0))
    }
}

/// One classifier for each pair of classes.
#[derive(Debug)]
struct OneVsOne {
    estimators: Vec<Box<dyn Estimator>>,
    labels: Arc<Labels>,
}

impl OneVsOne {
    fn read(object: &Object<'_>) -> Load<Self> {
        if object.some("pairwise_indices_").is_some() {
            return object.unsupported("pairwise_indices_");
        }
        let estimators = load_all(object, "estimators_")?;
        require_scores(object, &estimators)?;
        require(object, &estimators, Methods::PREDICT)?;
        let labels = Labels::of(object)?;
        if estimators.len() != labels.len() * (labels.len() - 1) / 2 {
            return object.unsupported("estimators_");
        }
        Ok(Self { estimators, labels })
    }
}

impl Estimator for OneVsOne {
    fn methods(&self) -> Methods {
        Methods::PREDICT.with(Methods::DECISION)
    }

    fn classes(&self) -> Option<&Arc<Labels>> {
        Some(&self.labels)
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        let scores = self.decision(frame)?;
        let winners = if scores.ncols() == 1 {
            let threshold = if all_have(&self.estimators, Methods::DECISION) { 0.0 } else { 0.5 };
            scores.iter().map(|score| usize::from(*score > threshold)).collect()
        } else {
            largest_of_each(&scores)
        };
        Ok(Output::Classes(winners, Arc::clone(&self.labels)))
    }

    fn decision(&self, frame: &Frame) -> Answer<Array2<f64>> {
        let votes = side_by_side(&self.estimators, frame, predicted)?;
        let scores = side_by_side(&self.estimators, frame, positive)?;
        let all = votes_of_pairs(&votes, &scores, self.labels.len());
        if self.labels.len() > 2 {
            return Ok(all);
        }
        Ok(Array2::from_shape_fn((all.nrows(), 1), |(row, _)| all[[row, 1]]))
    }
}

/// Makes one score for each class of votes (0 or 1) and scores for each pair of classes.
pub(super) fn votes_of_pairs(
    votes: &Array2<f64>,
    scores: &Array2<f64>,
    classes: usize,
) -> Array2<f64> {
    let mut all = Array2::zeros((votes.nrows(), classes));
    let mut sums = vec![0.0; classes];
    for (row, mut target) in all.rows_mut().into_iter().enumerate() {
        sums.fill(0.0);
        let mut pair = 0;
        for one in 0..classes {
            for other in one + 1..classes {
                sums[one] -= scores[[row, pair]];
                sums[other] += scores[[row, pair]];
                target[if votes[[row, pair]] == 0.0 { one } else { other }] += 1.0;
                pair += 1;
            }
        }
        for (cell, sum) in target.iter_mut().zip(&sums) {
            *cell += sum / (3.0 * (sum.abs() + 1.0));
        }
    }
    all
}

/// One classifier for each bit of a code of the classes.
#[derive(Debug)]
struct OutputCode {
    estimators: Vec<Box<dyn Estimator>>,
    book: Array2<f64>,
    labels: Arc<Labels>,
}

impl OutputCode {
    fn read(object: &Object<'_>) -> Load<Self> {
        let estimators = load_all(object, "estimators_")?;
        require_scores(object, &estimators)?;
        let labels = Labels::of(object)?;
        let book = object.matrix_of("code_book_", (labels.len(), estimators.len()))?;
        Ok(Self { estimators, book, labels })
    }
}

impl Estimator for OutputCode {
    fn methods(&self) -> Methods {
        Methods::PREDICT
    }

    fn classes(&self) -> Option<&Arc<Labels>> {
        Some(&self.labels)
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        let scores = side_by_side(&self.estimators, frame, positive)?;
        let winners = scores.rows().into_iter().map(|row| {
            let near = self.book.rows().into_iter().map(|code| {
                -row.iter().zip(code).map(|(one, other)| (one - other) * (one - other)).sum::<f64>()
            });
            first_of_largest(&ndarray::ArrayView1::from(&near.collect::<Vec<_>>()))
        });
        Ok(Output::Classes(winners.collect(), Arc::clone(&self.labels)))
    }
}

/// An estimator for each target.
#[derive(Debug)]
struct Several {
    estimators: Vec<Box<dyn Estimator>>,
}

impl Estimator for Several {
    fn methods(&self) -> Methods {
        Methods::PREDICT
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        let outputs = self.estimators.iter().map(|inner| inner.predict(frame));
        let outputs: Vec<Output> = outputs.collect::<Answer<_>>()?;
        if let Some(targets) = outputs
            .iter()
            .map(|output| match output {
                Output::Classes(winners, labels) => Some((winners.clone(), Arc::clone(labels))),
                _ => None,
            })
            .collect()
        {
            return Ok(Output::Targets(targets));
        }
        let mut table = Array2::zeros((frame.rows(), outputs.len()));
        for (target, output) in table.columns_mut().into_iter().zip(outputs) {
            match output {
                Output::Vector(list) => write(target, list),
                _ => return fail("an estimator in it does not answer with one number a row"),
            }
        }
        Ok(Output::Matrix(table))
    }
}

/// An estimator for each target, which sees the answers of those before.
#[derive(Debug)]
struct Chain {
    estimators: Vec<Box<dyn Estimator>>,
    order: Vec<usize>,
    /// What the ones before are asked for.
    asked: Methods,
    methods: Methods,
}

impl Chain {
    fn read(object: &Object<'_>) -> Load<Self> {
        let estimators = load_all(object, "estimators_")?;
        require(object, &estimators, Methods::PREDICT)?;
        let order = object.get("order_")?.indices()?;
        let mut seen = order.clone();
        seen.sort_unstable();
        if !seen.into_iter().eq(0..estimators.len()) {
            return object.unsupported("order_");
        }
        let asked =
            object.some("chain_method_").map_or(Ok("predict".to_owned()), |item| item.text())?;
        let asked = match asked.as_str() {
            "predict" => Methods::PREDICT,
            "predict_proba" => Methods::PROBABILITIES,
            "decision_function" => Methods::DECISION,
            _ => return object.unsupported("chain_method_"),
        };
        require(object, &estimators, asked)?;
        let mut methods = Methods::PREDICT;
        for method in [Methods::PROBABILITIES, Methods::DECISION] {
            if all_have(&estimators, method) {
                methods = methods.with(method);
            }
        }
        Ok(Self { estimators, order, asked, methods })
    }

    fn run(&self, frame: &Frame, wanted: Methods) -> Answer<Array2<f64>> {
        let mut seen = frame.numbers()?.into_owned();
        let mut answers = Array2::zeros((frame.rows(), self.estimators.len()));
        for (inner, place) in self.estimators.iter().zip(&self.order) {
            let frame = Frame::Numbers(seen);
            let next = ask(inner.as_ref(), &frame, self.asked)?;
            let answer = if wanted == self.asked {
                next.clone()
            } else {
                ask(inner.as_ref(), &frame, wanted)?
            };
            write(answers.column_mut(*place), answer);
            let rows = frame.rows();
            let next = Array2::from_shape_vec((rows, 1), next).unwrap_or_default();
            seen = Frame::beside(rows, vec![frame, Frame::Numbers(next)])?.into_numbers()?;
        }
        Ok(answers)
    }
}

fn ask(inner: &dyn Estimator, frame: &Frame, method: Methods) -> Answer<Vec<f64>> {
    if method == Methods::PROBABILITIES {
        return column(&inner.probabilities(frame)?, 1);
    }
    if method == Methods::DECISION {
        return column(&inner.decision(frame)?, 0);
    }
    predicted(inner, frame)
}

impl Estimator for Chain {
    fn methods(&self) -> Methods {
        self.methods
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        Ok(Output::Matrix(self.run(frame, Methods::PREDICT)?))
    }

    fn probabilities(&self, frame: &Frame) -> Answer<Array2<f64>> {
        self.run(frame, Methods::PROBABILITIES)
    }

    fn decision(&self, frame: &Frame) -> Answer<Array2<f64>> {
        self.run(frame, Methods::DECISION)
    }
}

/// A regressor of a target that was transformed, and is transformed back.
#[derive(Debug)]
struct Transformed {
    regressor: Box<dyn Estimator>,
    transformer: Box<dyn Estimator>,
    is_flat: bool,
}

impl Transformed {
    fn read(object: &Object<'_>) -> Load<Self> {
        let regressor = load_at(object, "regressor_")?;
        let transformer = load_at(object, "transformer_")?;
        if !regressor.methods().has(Methods::PREDICT)
            || !transformer.methods().has(Methods::INVERSE)
        {
            return object.wrong("the inverse of the target's transformer is not supported");
        }
        Ok(Self { regressor, transformer, is_flat: object.count("_training_dim")? == 1 })
    }
}

impl Estimator for Transformed {
    fn methods(&self) -> Methods {
        Methods::PREDICT
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        let Some(numbers) = self.regressor.predict(frame)?.numbers() else {
            return fail("the regressor predicts text");
        };
        Ok(flat_if(self.is_flat, self.transformer.inverse(numbers)?))
    }
}
