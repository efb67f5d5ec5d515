//! `LinearClassifier` and `LinearRegressor`.

use super::features::{floats, rows_of};
use super::labels::Labels;
use super::scores::{Second, Transform, best, transform_targets};
use crate::array::{Array, Shape, volume};
use crate::glue::multiply_into;
use crate::kernel::{Kernel, one};
use crate::node::Node;
use smallvec::smallvec;
use std::borrow::Cow;

/// For no more targets than this, the product of matrices does not pay.
const FEW: usize = 4;

/// Multiplies and adds up, in four lanes side by side.
fn dot(left: &[f32], right: &[f32]) -> f32 {
    let (left, left_rest) = left.as_chunks::<4>();
    let (right, right_rest) = right.as_chunks::<4>();
    let mut lanes = [0.0; 4];
    for (one, other) in left.iter().zip(right) {
        for lane in 0..4 {
            lanes[lane] += one[lane] * other[lane];
        }
    }
    let rest: f32 = left_rest.iter().zip(right_rest).map(|(a, b)| a * b).sum();
    (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]) + rest
}

/// Weights and intercepts of one or several targets.
#[derive(Debug)]
struct Linear {
    /// One row for each feature.
    weights: Vec<f32>,
    /// The same, one row for each target.
    by_target: Vec<f32>,
    intercepts: Vec<f32>,
    features: usize,
    targets: usize,
}

impl Linear {
    /// Takes coefficients of one row for each target.
    fn new(coefficients: &[f32], intercepts: &[f32], targets: usize) -> Result<Self, String> {
        if targets == 0 || coefficients.is_empty() || !coefficients.len().is_multiple_of(targets) {
            return Err(format!(
                "{} coefficients are not those of {targets} targets",
                coefficients.len()
            ));
        }
        let features = coefficients.len() / targets;
        let weight = |at: usize| coefficients[at % targets * features + at / targets];
        Ok(Self {
            weights: (0..coefficients.len()).map(weight).collect(),
            by_target: coefficients.to_vec(),
            intercepts: intercepts.to_vec(),
            features,
            targets,
        })
    }

    /// Computes a row of scores for each row.
    fn scores(&self, array: &Array) -> Result<(usize, Vec<f32>), String> {
        let (rows, width) = rows_of(array);
        if width != self.features {
            return Err(format!("{width} columns are given to a model of {}", self.features));
        }
        let input: Cow<'_, [f32]> = floats(array)?;
        let mut scores = vec![0.0; volume(&[rows, self.targets])?];
        if self.targets <= FEW && rows > 1 {
            for (row, scores) in
                input.chunks_exact(width).zip(scores.chunks_exact_mut(self.targets))
            {
                for (score, weights) in scores.iter_mut().zip(self.by_target.chunks_exact(width)) {
                    *score = dot(row, weights);
                }
            }
        } else if rows > 0 {
            multiply_into(&input, &self.weights, &mut scores, [rows, width, self.targets]);
        }
        if !self.intercepts.is_empty() {
            for row in scores.chunks_exact_mut(self.targets) {
                row.iter_mut().zip(&self.intercepts).for_each(|(score, add)| *score += add);
            }
        }
        Ok((rows, scores))
    }
}

pub(super) fn regressor(node: &mut Node<'_>) -> Result<Kernel, String> {
    let targets = usize::try_from(node.int("targets")?.unwrap_or(1)).unwrap_or(0);
    let intercepts = node.floats("intercepts")?.unwrap_or_default();
    let linear =
        Linear::new(node.floats("coefficients")?.unwrap_or_default(), intercepts, targets)?;
    if !intercepts.is_empty() && intercepts.len() != targets {
        return Err(format!("{} intercepts are not those of {targets} targets", intercepts.len()));
    }
    let transform = Transform::read(node)?;
    one(move |inputs| {
        let (rows, mut scores) = linear.scores(inputs.get(0)?)?;
        transform_targets(transform, &mut scores, targets);
        Ok(Array::new(Shape::from_slice(&[rows, targets]), scores))
    })
}

pub(super) fn classifier(node: &mut Node<'_>) -> Result<Kernel, String> {
    let labels = Labels::read(node, "classlabels_ints")?;
    let intercepts = node.floats("intercepts")?.unwrap_or_default();
    let targets = intercepts.len();
    let linear =
        Linear::new(node.floats("coefficients")?.unwrap_or_default(), intercepts, targets)?;
    let transform = Transform::read(node)?;
    node.ignore(&["multi_class"]);
    if targets > 1 && labels.len() < targets {
        return Err(format!("{} labels do not name {targets} classes", labels.len()));
    }
    let is_pair = targets == 1 && labels.len() == 2;
    if is_pair {
        transform.can_pair()?;
    }
    let labels = if targets == 1 { labels.no_and_yes() } else { labels };
    Ok(Box::new(move |inputs| {
        let (rows, mut scores) = linear.scores(inputs.get(0)?)?;
        let places: Vec<usize> = match targets {
            1 => scores.iter().map(|score| usize::from(*score > 0.0)).collect(),
            _ => scores.chunks_exact(targets).map(best).collect(),
        };
        let mut width = targets;
        if is_pair {
            let pair = |score: &f32| transform.pair(*score, Second::Probability);
            scores = scores.iter().flat_map(pair).collect();
            width = 2;
        } else {
            transform_targets(transform, &mut scores, targets);
        }
        Ok(smallvec![labels.pick(&places)?, Array::new(Shape::from_slice(&[rows, width]), scores)])
    }))
}
