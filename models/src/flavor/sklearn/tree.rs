//! Decision trees, forests of them, and gradient boosting.
//!
//! scikit-learn rounds features to 32 bits and compares them with thresholds of 64; the kernel of
//! [`crate::tree`] does the same on rounded rows of 64 bits. Leaves are added up in 64 bits, in the
//! order of the trees.

#[cfg(feature = "onnx")]
use super::estimator::Failure;
use super::estimator::{Answer, Estimator, Methods, fail, load_at};
use super::frame::Frame;
use super::labels::{Labels, Output};
use super::linear::{
    first_of_largest, flat_if, largest_of_each, logistic, outlier_labels, softmax, two_columns,
};
use super::skops::{Array, Data, Item, Load, Object, Refusal};
#[cfg(feature = "onnx")]
use crate::convert::recipe::{self, Link, Recipe, Rule, Scores};
use crate::tree::{Aggregate, Ensemble, Node, Test, Tree, Weights};
use ndarray::Array2;
use smallvec::smallvec;
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

/// The nodes of a fitted tree.
struct Grown {
    features: usize,
    left: Vec<i64>,
    right: Vec<i64>,
    feature: Vec<i64>,
    threshold: Vec<f64>,
    missing_left: Option<Vec<i64>>,
    /// All that the file says about the nodes.
    nodes: Arc<Array>,
    /// The values of each node, one after the other: for each target those of each class.
    values: Vec<f64>,
    targets: usize,
    classes: usize,
    takes_missing: bool,
}

fn grown(items: &[Item<'_>]) -> Load<Vec<Grown>> {
    if items.is_empty() {
        return Err(Refusal("a forest without trees".to_owned()));
    }
    items.iter().map(|item| Grown::read(&item.object()?)).collect()
}

impl Grown {
    /// Reads the tree of a `DecisionTree…` or `ExtraTree…`.
    fn read(object: &Object<'_>) -> Load<Self> {
        let tree = object.object("tree_")?;
        let [features, ..] = tree.arguments()?[..] else { return object.unsupported("tree_") };
        let nodes = tree.get("nodes")?.array()?;
        let values = tree.get("values")?.array()?;
        let [count, targets, classes] = values.shape[..] else { return tree.unsupported("values") };
        let read = Self {
            features: features.count()?,
            left: whole(&tree, &nodes, "left_child")?,
            right: whole(&tree, &nodes, "right_child")?,
            feature: whole(&tree, &nodes, "feature")?,
            threshold: floats(&tree, &nodes, "threshold")?,
            missing_left: whole(&tree, &nodes, "missing_go_to_left").ok(),
            nodes: Arc::clone(&nodes),
            values: values.data.to_floats()?,
            targets,
            classes,
            takes_missing: takes_missing(object)?,
        };
        if count != read.left.len() || count == 0 || targets * classes == 0 {
            return tree.unsupported("values");
        }
        Ok(read)
    }

    fn width(&self) -> usize {
        self.targets * self.classes
    }

    /// Returns the tree for the kernel; `leaf` says what a leaf gives, `features` which columns of
    /// the input it was grown with.
    fn tree(
        &self,
        features: Option<&[usize]>,
        leaf: impl Fn(usize) -> Weights<f64>,
    ) -> Load<Tree<f64>> {
        let broken =
            || Refusal("a tree has a node with a child or feature that is not there".to_owned());
        let mut nodes = Vec::with_capacity(self.left.len());
        for at in 0..self.left.len() {
            // Both children of a leaf are -1.
            if self.left[at] == -1 {
                nodes.push(Node::Leaf { weights: leaf(at) });
                continue;
            }
            let feature = usize::try_from(self.feature[at]).map_err(|_| broken())?;
            let feature = match features {
                Some(features) => *features.get(feature).ok_or_else(broken)?,
                None => feature,
            };
            nodes.push(Node::Split {
                feature: u32::try_from(feature).map_err(|_| broken())?,
                test: Test::AtMost(self.threshold[at]),
                missing_yes: self.missing_left.as_ref().is_some_and(|left| left[at] != 0),
                yes: u32::try_from(self.left[at]).map_err(|_| broken())?,
                no: u32::try_from(self.right[at]).map_err(|_| broken())?,
            });
        }
        Ok(Tree { nodes })
    }

    fn weights_of(&self, node: usize) -> Weights<f64> {
        let values = &self.values[node * self.width()..(node + 1) * self.width()];
        (0..).zip(values.iter().copied()).collect()
    }

    /// Returns the shares of the classes in a node. Before scikit-learn 1.3 they were counts.
    fn shares_of(&self, node: usize) -> Weights<f64> {
        let mut shares = self.weights_of(node);
        for classes in shares.chunks_mut(self.classes) {
            let sum: f64 = classes.iter().map(|(_, share)| share).sum();
            if (sum - 1.0).abs() > 1e-9 && sum != 0.0 {
                classes.iter_mut().for_each(|(_, share)| *share /= sum);
            }
        }
        shares
    }
}

/// Tells whether NaN may come: where the tree's criterion knows missing values.
fn takes_missing(object: &Object<'_>) -> Load<bool> {
    let criterion = object.text("criterion")?;
    let knows = matches!(
        criterion.as_str(),
        "gini" | "log_loss" | "entropy" | "squared_error" | "friedman_mse" | "poisson"
    );
    Ok(knows && object.some("monotonic_cst").is_none())
}

fn field<'a>(object: &Object<'_>, array: &'a Array, name: &str) -> Load<&'a Data> {
    let Data::Record(fields) = &array.data else { return object.unsupported("nodes") };
    match fields.iter().find(|(field, _)| field == name) {
        Some((_, data)) => Ok(data),
        None => object.wrong(format!("its nodes have no `{name}`")),
    }
}

fn whole(object: &Object<'_>, array: &Array, name: &str) -> Load<Vec<i64>> {
    field(object, array, name)?.to_integers()
}

fn floats(object: &Object<'_>, array: &Array, name: &str) -> Load<Vec<f64>> {
    field(object, array, name)?.to_floats()
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
            return fail("the input contains NaN, which this model does not take");
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
#[cfg(feature = "onnx")]
fn recipe(ensemble: &Ensemble<f64>, answer: recipe::Answer) -> Result<Recipe, String> {
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

    #[cfg(feature = "onnx")]
    fn recipe(&self) -> Result<Option<Recipe>, String> {
        let labels = self.labels.classes();
        let odds = Some(Vec::new());
        let answer = recipe::Answer::Classes { labels, rule: Rule::Largest, odds };
        recipe(&self.forest.ensemble, answer).map(Some)
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

    #[cfg(feature = "onnx")]
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

    #[cfg(feature = "onnx")]
    fn recipe(&self) -> Result<Option<Recipe>, String> {
        recipe(&self.forest.ensemble, recipe::Answer::Amounts(Vec::new())).map(Some)
    }
}

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
struct Boosting {
    ensemble: Ensemble<f64>,
    init: Option<Box<dyn Estimator>>,
    /// Whether the initial estimator says the same of all rows.
    #[cfg(feature = "onnx")]
    is_init_constant: bool,
    loss: Loss,
    labels: Option<Arc<Labels>>,
}

impl Boosting {
    fn read(object: &Object<'_>, is_classifier: bool) -> Load<Self> {
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
            #[cfg(feature = "onnx")]
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

#[cfg(feature = "onnx")]
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
        return object.wrong(format!("`init` = `{class}` runs here from scikit-learn 1.9 on"));
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

    #[cfg(feature = "onnx")]
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
        let mut told = recipe(&self.ensemble, answer)?;
        if let Scores::Trees(forest) = &mut told.scores {
            forest.base = self.constant_start()?;
        }
        Ok(Some(told))
    }
}

/// Isolation trees: how soon a row is alone.
#[derive(Debug)]
struct Isolation {
    /// Sums the lengths of the paths.
    ensemble: Ensemble<f64>,
    /// What the sum is for a row like all others.
    usual: f64,
    offset: f64,
    takes_missing: bool,
    labels: Arc<Labels>,
}

impl Isolation {
    fn read(object: &Object<'_>) -> Load<Self> {
        let grown = grown(&object.list("estimators_")?)?;
        let features = object.list("estimators_features_")?;
        if features.len() != grown.len() {
            return object.unsupported("estimators_features_");
        }
        let mut trees = Vec::with_capacity(grown.len());
        for (tree, features) in grown.iter().zip(&features) {
            let samples = floats(object, &tree.nodes, "n_node_samples")?;
            let lengths = tree.path_lengths(&samples).or_else(|problem| object.wrong(problem))?;
            trees
                .push(tree.tree(Some(&features.indices()?), |node| smallvec![(0, lengths[node])])?);
        }
        let samples =
            if object.find("_max_samples").is_some() { "_max_samples" } else { "max_samples_" };
        Ok(Self {
            usual: grown.len() as f64 * average_path_length(object.number(samples)?),
            ensemble: build(object, &trees, 1, Aggregate::Sum)?,
            offset: object.number("offset_")?,
            takes_missing: grown.iter().all(|tree| tree.missing_left.is_some()),
            labels: outlier_labels(),
        })
    }
}

impl Grown {
    /// Returns for each leaf how many splits lead to it, and how many more would be needed to part
    /// the training rows in it; `samples` are those in each node.
    fn path_lengths(&self, samples: &[f64]) -> Result<Vec<f64>, String> {
        let mut lengths = vec![0.0; self.left.len()];
        let mut open = vec![(0_usize, 0_usize)];
        while let Some((node, depth)) = open.pop() {
            if depth > self.left.len() {
                return Err("a tree has a circle".to_owned());
            }
            lengths[node] = depth as f64 + average_path_length(samples[node]);
            if self.left[node] == -1 {
                continue;
            }
            for child in [self.left[node], self.right[node]] {
                match usize::try_from(child) {
                    Ok(child) if child > node && child < self.left.len() => {
                        open.push((child, depth + 1));
                    }
                    // scikit-learn numbers children after their parents.
                    _ => return Err("a tree has a child that is not behind its parent".to_owned()),
                }
            }
            if open.len() > self.left.len() {
                return Err("a tree has a node that is reached twice".to_owned());
            }
        }
        Ok(lengths)
    }
}

/// Returns the average length of an unsuccessful search in a binary tree of so many rows.
fn average_path_length(rows: f64) -> f64 {
    const EULER_GAMMA: f64 = 0.577_215_664_901_532_9;
    if rows <= 1.0 {
        0.0
    } else if rows == 2.0 {
        1.0
    } else {
        2.0 * ((rows - 1.0).ln() + EULER_GAMMA) - 2.0 * (rows - 1.0) / rows
    }
}

impl Estimator for Isolation {
    fn methods(&self) -> Methods {
        Methods::PREDICT.with(Methods::DECISION)
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        let scores = self.decision(frame)?;
        let indices = scores.iter().map(|score| usize::from(*score >= 0.0)).collect();
        Ok(Output::Classes(indices, Arc::clone(&self.labels)))
    }

    fn decision(&self, frame: &Frame) -> Answer<Array2<f64>> {
        let mut depths = scored(&self.ensemble, &rounded(frame, self.takes_missing)?);
        depths.mapv_inplace(|depth| {
            let share = if self.usual == 0.0 { 1.0 } else { depth / self.usual };
            -(-share).exp2() - self.offset
        });
        Ok(depths)
    }
}
