//! A booster: what computes margins, made of a model file.

use super::document::{Document, Encoding, GradientBooster, Learner, Model, read};
use super::objective::Objective;
use super::trees;
use mlctl_models_trees::{Aggregate, Ensemble};
use std::collections::HashMap;

/// The most outputs of a model: a small file must not ask for a large table.
const GROUPS_MAX: usize = 1 << 16;

/// XGBoost takes the base score of such a model now for a prediction, now for a margin.
const UNTRAINED: &str = "it is not trained: it has no boosting rounds";

/// A model that turns rows into margins, and margins into predictions.
#[derive(Debug)]
pub(super) struct Booster {
    pub(super) learner: Scorer,
    pub(super) objective: Objective,
    pub(super) objective_name: String,
    /// The columns' names; none when the training data had none.
    pub(super) names: Vec<String>,
    pub(super) features: usize,
    /// Margins for each row.
    pub(super) groups: usize,
    /// `num_class` as the file has it: 0 for all but several classes.
    pub(super) classes: usize,
    /// The codes of the categories that are text, by column.
    categories: Vec<HashMap<String, u32>>,
}

#[derive(Debug)]
pub(super) enum Scorer {
    Trees(Ensemble<f32>),
    Linear(Linear),
}

/// `gblinear`: a weight for each column and output.
#[derive(Debug)]
pub(super) struct Linear {
    /// columns × outputs
    pub(super) weights: Vec<f32>,
    /// What a row of missing values gets.
    pub(super) bias: Vec<f32>,
}

/// How much of a model counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Range {
    /// All iterations.
    All,
    /// Those up to the best, when early stopping found one.
    Best,
}

impl Booster {
    /// Reads a model file.
    ///
    /// # Errors
    /// What is wrong with it, or not known here.
    pub(super) fn from_bytes(bytes: &[u8], range: Range) -> Result<Self, String> {
        let Document { learner } = read(bytes)?;
        let param = &learner.learner_model_param;
        let features = number("num_feature", &param.num_feature)?;
        let classes = number("num_class", &param.num_class)?;
        let targets = param.num_target.as_deref().map_or(Ok(1), |n| number("num_target", n))?;
        if classes > 1 && targets > 1 {
            return Err(format!("it has {classes} classes and {targets} targets"));
        }
        let groups = classes.max(targets).max(1);
        if groups > GROUPS_MAX {
            return Err(format!("it has {groups} outputs; at most {GROUPS_MAX} are allowed"));
        }
        if !learner.feature_names.is_empty() && learner.feature_names.len() != features {
            let names = learner.feature_names.len();
            return Err(format!("it has {names} names for {features} features"));
        }
        let objective = Objective::parse(&learner.objective.name)?;
        if matches!(objective, Objective::Softprob | Objective::Softmax) && classes == 0 {
            return Err(format!("the objective `{}` has no classes", learner.objective.name));
        }
        let shape = Shape { features, groups, base: base(&param.base_score, objective, groups)? };
        let best = match range {
            Range::All => None,
            Range::Best => best_iteration(&learner)?,
        };
        let (scorer, categories) = scorer(learner.gradient_booster, &shape, best)?;
        Ok(Self {
            learner: scorer,
            objective,
            objective_name: learner.objective.name,
            names: learner.feature_names,
            features,
            groups,
            classes,
            categories,
        })
    }

    /// Computes the margins of row-major `rows`: `groups` for each.
    pub(super) fn margins(&self, rows: &[f32], count: usize) -> Vec<f32> {
        let mut margins = vec![0.0; count * self.groups];
        match &self.learner {
            Scorer::Trees(ensemble) => ensemble.score(rows, &mut margins),
            Scorer::Linear(linear) => linear.score(rows, &mut margins),
        }
        margins
    }

    /// Returns the code of a category that was text in the training data.
    pub(super) fn code(&self, column: usize, text: &str) -> Option<u32> {
        self.categories.get(column)?.get(text).copied()
    }
}

impl Linear {
    /// Missing values count as nothing.
    fn score(&self, rows: &[f32], margins: &mut [f32]) {
        let groups = self.bias.len();
        let features = self.weights.len() / groups;
        for (at, margins) in margins.chunks_exact_mut(groups).enumerate() {
            margins.copy_from_slice(&self.bias);
            let row = &rows[at * features..(at + 1) * features];
            for (value, weights) in row.iter().zip(self.weights.chunks_exact(groups)) {
                if !value.is_nan() {
                    let pairs = margins.iter_mut().zip(weights);
                    pairs.for_each(|(margin, weight)| *margin += value * weight);
                }
            }
        }
    }
}

/// What all parts of a model must fit.
pub(super) struct Shape {
    pub(super) features: usize,
    pub(super) groups: usize,
    /// A margin for each group.
    base: Vec<f32>,
}

fn scorer(
    booster: GradientBooster,
    shape: &Shape,
    best: Option<usize>,
) -> Result<(Scorer, Vec<HashMap<String, u32>>), String> {
    let missing = || format!("the booster `{}` has no model", booster.name);
    let mut model = match booster.name.as_str() {
        "gbtree" => booster.model.ok_or_else(missing)?,
        "dart" => booster.gbtree.ok_or_else(missing)?.model,
        "gblinear" => {
            let linear = linear(booster.model.ok_or_else(missing)?, shape)?;
            return Ok((Scorer::Linear(linear), Vec::new()));
        }
        other => return Err(format!("the booster `{other}` is not supported")),
    };
    let factors = (booster.name == "dart").then_some(booster.weight_drop.as_slice());
    if model.trees.is_empty() {
        return Err(UNTRAINED.to_owned());
    }
    let encodings = model.cats.take().map(|cats| cats.enc).unwrap_or_default();
    let categories = encodings.iter().map(codes).collect::<Result<_, _>>()?;
    let trees = trees::read(model, shape, factors, best)?;
    let Shape { features, groups, base } = shape;
    let ensemble = Ensemble::build(&trees, *features, *groups, Aggregate::Sum, base)?;
    Ok((Scorer::Trees(ensemble), categories))
}

fn linear(model: Model, shape: &Shape) -> Result<Linear, String> {
    let mut weights = model.weights;
    if model.boosted_rounds == Some(0) {
        return Err(UNTRAINED.to_owned());
    }
    let count = shape.features.checked_mul(shape.groups);
    if count.and_then(|count| count.checked_add(shape.groups)) != Some(weights.len()) {
        let Shape { features, groups, .. } = shape;
        return Err(format!(
            "{} weights do not fit {features} features and {groups} outputs",
            weights.len()
        ));
    }
    let mut bias = weights.split_off(weights.len() - shape.groups);
    // XGBoost 3.2 has a base score for each output here too, but adds the first to all.
    bias.iter_mut().for_each(|bias| *bias += shape.base[0]);
    Ok(Linear { weights, bias })
}

fn codes(encoding: &Encoding) -> Result<HashMap<String, u32>, String> {
    let broken = || "the texts of a feature's categories cannot be read".to_owned();
    let bytes: Vec<u8> = match encoding.offsets.as_slice() {
        [] => return Ok(HashMap::new()),
        // Signed bytes are written as such.
        _ => encoding.values.iter().map(|value| (*value as i64) as u8).collect(),
    };
    let text = |range: &[usize]| -> Result<String, String> {
        let part = bytes.get(range[0]..range[1]).ok_or_else(broken)?;
        String::from_utf8(part.to_vec()).map_err(|_| broken())
    };
    let texts = encoding.offsets.windows(2).map(text);
    (0..).zip(texts).map(|(code, text)| Ok((text?, code))).collect()
}

/// Reads `5E-1`, or `[5E-1,2E0]` with one value for all outputs or one for each.
fn base(text: &str, objective: Objective, groups: usize) -> Result<Vec<f32>, String> {
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let scores = inner.split(',').map(|score| score.trim().parse::<f32>());
    let scores: Vec<f32> = scores.collect::<Result<_, _>>().map_err(|_| {
        format!(
            "the base score `{text}` is not a \
                                                              number"
        )
    })?;
    let margins: Vec<f32> = scores.iter().map(|score| objective.margin(*score)).collect();
    match margins.as_slice() {
        _ if margins.iter().any(|margin| !margin.is_finite()) => {
            Err(format!("the base score `{text}` has no margin"))
        }
        [one] => Ok(vec![*one; groups]),
        _ if margins.len() == groups => Ok(margins),
        _ => Err(format!("the base score `{text}` does not fit {groups} outputs")),
    }
}

fn best_iteration(learner: &Learner) -> Result<Option<usize>, String> {
    let best = learner.attributes.get("best_iteration");
    best.map(|best| number("best_iteration", best)).transpose()
}

/// Counts stay so small that their products fit.
pub(super) fn number(name: &str, text: &str) -> Result<usize, String> {
    let number = text.parse::<u32>().ok().filter(|number| *number < 1 << 24);
    number.map(|number| number as usize).ok_or_else(|| format!("`{name}` is `{text}`"))
}
