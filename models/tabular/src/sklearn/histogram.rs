//! Gradient boosting over histograms: `HistGradientBoostingClassifier` and `…Regressor`.
//!
//! Thresholds and features have 64 bits. Categories are numbered by the model's own encoder, which
//! makes unknown ones missing; so a test of categories needs no list of the known ones.

use super::estimator::{Answer, Estimator, Methods, load_at};
use super::frame::{Frame, row_major};
use super::labels::{Labels, Output};
use super::linear::{flat_if, largest_of_each, logistic, softmax, two_columns};
use super::skops::{Data, Load, Object};
use mlctl_models_trees::recipe;
use mlctl_models_trees::recipe::{Forest, Link, Recipe, Rule, Scores};
use mlctl_models_trees::{Aggregate, Ensemble, Node, Test, Tree};
use ndarray::Array2;
use smallvec::smallvec;
use std::sync::Arc;

/// Loads such a model, if the class is one.
pub(super) fn load(class: &str, object: &Object<'_>) -> Load<Option<Box<dyn Estimator>>> {
    Ok(Some(match class {
        "HistGradientBoostingClassifier" => Box::new(Histograms::read(object, true)?),
        "HistGradientBoostingRegressor" => Box::new(Histograms::read(object, false)?),
        _ => return Ok(None),
    }))
}

#[derive(Debug)]
struct Histograms {
    /// Numbers the categories, and brings them to the front.
    encoder: Option<Box<dyn Estimator>>,
    ensemble: Ensemble<f64>,
    is_exponential: bool,
    labels: Option<Arc<Labels>>,
}

impl Histograms {
    fn read(object: &Object<'_>, is_classifier: bool) -> Load<Self> {
        let is_exponential = match (object.text("loss")?.as_str(), is_classifier) {
            ("log_loss", true) | ("squared_error" | "absolute_error" | "quantile", false) => false,
            ("poisson" | "gamma", false) => true,
            _ => return object.unsupported("loss"),
        };
        let has_categories = object.some("is_categorical_").is_some();
        let encoder = object.some("_preprocessor").map(|_| load_at(object, "_preprocessor"));
        let encoder = encoder.transpose()?;
        let features = object.features()?;
        if encoder.as_ref().is_some_and(|encoder| encoder.width_out() != Some(features)) {
            return object.unsupported("_preprocessor");
        }
        if has_categories && encoder.is_none() {
            return object.wrong("`categorical_features` is supported from scikit-learn 1.4 on");
        }
        let base = object.vector("_baseline_prediction")?;
        let labels = is_classifier.then(|| Labels::of(object)).transpose()?;
        let sums =
            labels.as_ref().map_or(1, |labels| if labels.len() == 2 { 1 } else { labels.len() });
        if base.len() != sums {
            return object.unsupported("_baseline_prediction");
        }
        let mut trees = Vec::new();
        for stage in object.get("_predictors")?.rows()? {
            if stage.len() != sums {
                return object.unsupported("_predictors");
            }
            for (target, predictor) in (0..).zip(stage) {
                trees.push(tree(&predictor.object()?, target)?);
            }
        }
        let ensemble = Ensemble::build(&trees, features, sums, Aggregate::Sum, &base)
            .or_else(|problem| object.wrong(problem))?;
        Ok(Self { encoder, ensemble, is_exponential, labels })
    }

    fn sums(&self, frame: &Frame) -> Answer<Array2<f64>> {
        let encoded = match &self.encoder {
            Some(encoder) => encoder.transform(frame.clone())?.into_numbers()?,
            None => frame.numbers()?.into_owned(),
        };
        let rows = row_major(encoded);
        let mut sums = Array2::zeros((rows.nrows(), self.ensemble.targets()));
        if let (Some(rows), Some(sums)) = (rows.as_slice(), sums.as_slice_mut()) {
            self.ensemble.score(rows, sums);
        }
        Ok(sums)
    }
}

/// The fields of a predictor's nodes.
struct Fields<'a> {
    fields: &'a [(String, Data)],
}

impl Fields<'_> {
    fn get(&self, object: &Object<'_>, name: &str) -> Load<&Data> {
        match self.fields.iter().find(|(field, _)| field == name) {
            Some((_, data)) => Ok(data),
            None => object.wrong(format!("its nodes have no `{name}`")),
        }
    }
}

fn tree(object: &Object<'_>, target: u32) -> Load<Tree<f64>> {
    let array = object.get("nodes")?.array()?;
    let Data::Record(fields) = &array.data else { return object.unsupported("nodes") };
    let fields = Fields { fields };
    let whole = |name| fields.get(object, name)?.to_integers();
    let floats = |name| fields.get(object, name)?.to_floats();
    let (values, thresholds) = (floats("value")?, floats("num_threshold")?);
    let (left, right, features) = (whole("left")?, whole("right")?, whole("feature_idx")?);
    let (is_leaf, is_categorical) = (whole("is_leaf")?, whole("is_categorical")?);
    let (missing_left, sets) = (whole("missing_go_to_left")?, whole("bitset_idx")?);
    let bits = object.get("raw_left_cat_bitsets")?.array()?;
    let [rows, words] = bits.shape[..] else { return object.unsupported("raw_left_cat_bitsets") };
    let bits = Array2::from_shape_vec((rows, words), bits.data.to_integers()?)
        .or_else(|_| object.unsupported("raw_left_cat_bitsets"))?;
    let index = |value: i64| match u32::try_from(value) {
        Ok(index) => Ok(index),
        Err(_) => object.wrong("a node has a child or feature that is not there"),
    };
    let node = |at: usize| {
        if is_leaf[at] != 0 {
            return Ok(Node::Leaf { weights: smallvec![(target, values[at])] });
        }
        let test = if is_categorical[at] == 0 {
            Test::AtMost(thresholds[at])
        } else {
            Test::In(categories(object, &bits, sets[at])?)
        };
        Ok(Node::Split {
            feature: index(features[at])?,
            test,
            missing_yes: missing_left[at] != 0,
            yes: index(left[at])?,
            no: index(right[at])?,
        })
    };
    Ok(Tree { nodes: (0..values.len()).map(node).collect::<Load<_>>()? })
}

/// Lists the categories that go left: the bits of words of 32.
fn categories(object: &Object<'_>, bits: &Array2<i64>, row: i64) -> Load<Vec<u32>> {
    let row = usize::try_from(row).ok().filter(|row| *row < bits.nrows());
    let Some(row) = row else { return object.unsupported("raw_left_cat_bitsets") };
    let set = (0_u32..).zip(bits.row(row)).flat_map(|(at, word)| {
        (0..32).filter(move |bit| word >> bit & 1 == 1).map(move |bit| at * 32 + bit)
    });
    Ok(set.collect())
}

impl Estimator for Histograms {
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
        let mut sums = self.sums(frame)?;
        let Some(labels) = &self.labels else {
            if self.is_exponential {
                sums.mapv_inplace(f64::exp);
            }
            return Ok(flat_if(true, sums));
        };
        let winners = if sums.ncols() == 1 {
            sums.iter().map(|sum| usize::from(*sum > 0.0)).collect()
        } else {
            largest_of_each(&sums)
        };
        Ok(Output::Classes(winners, Arc::clone(labels)))
    }

    fn decision(&self, frame: &Frame) -> Answer<Array2<f64>> {
        self.sums(frame)
    }

    fn probabilities(&self, frame: &Frame) -> Answer<Array2<f64>> {
        let sums = self.sums(frame)?;
        let rows = sums.nrows();
        if sums.ncols() > 1 {
            return Ok(softmax(sums));
        }
        Ok(two_columns(sums.iter().map(|sum| logistic(*sum)), rows))
    }

    fn recipe(&self) -> Result<Option<Recipe>, String> {
        if self.encoder.is_some() {
            return Err("its features are categories (`categorical_features`)".to_owned());
        }
        let is_single = self.ensemble.targets() == 1;
        let answer = match &self.labels {
            None if self.is_exponential => recipe::Answer::Amounts(vec![Link::Exp]),
            None => recipe::Answer::Amounts(Vec::new()),
            Some(labels) => recipe::Answer::Classes {
                labels: labels.classes(),
                rule: if is_single { Rule::Positive } else { Rule::Largest },
                odds: Some(vec![if is_single { Link::Logistic } else { Link::Softmax }]),
            },
        };
        Ok(Some(Recipe {
            features: self.ensemble.features(),
            names: None,
            rewrites_names: false,
            scalings: Vec::new(),
            scores: Scores::Trees(Forest::of(&self.ensemble)?),
            answer,
        }))
    }
}
