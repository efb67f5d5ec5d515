//! What `post_transform` makes of a model's scores.

use crate::exponential::{logistic_all, softmax_rows};
use crate::node::Node;
use mlctl_models_trees::transform::{probit, softmax_zero};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transform {
    None,
    Logistic,
    Softmax,
    SoftmaxZero,
    Probit,
}

/// What becomes of a score that stands alone for two classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Second {
    /// It is the probability of the second class.
    Probability,
    /// It is above zero for the second class.
    Margin,
}

impl Transform {
    pub(super) fn read(node: &mut Node<'_>) -> Result<Self, String> {
        match node.text("post_transform")?.as_deref() {
            None | Some("NONE") => Ok(Self::None),
            Some("LOGISTIC") => Ok(Self::Logistic),
            Some("SOFTMAX") => Ok(Self::Softmax),
            Some("SOFTMAX_ZERO") => Ok(Self::SoftmaxZero),
            Some("PROBIT") => Ok(Self::Probit),
            Some(other) => Err(format!("its post_transform `{other}` is not supported")),
        }
    }

    /// Changes rows of `width` scores.
    pub(super) fn rows(self, scores: &mut [f32], width: usize) {
        match self {
            Self::None => {}
            Self::Logistic => logistic_all(scores),
            Self::Probit => probit(scores),
            Self::Softmax => softmax_rows(scores, width),
            Self::SoftmaxZero => scores.chunks_exact_mut(width.max(1)).for_each(softmax_zero),
        }
    }

    /// Refuses what leaves the second of two scores without a value in onnxruntime.
    pub(super) fn can_pair(self) -> Result<(), String> {
        match self {
            Self::Probit => Err("its post_transform `PROBIT` has no second score".to_owned()),
            _ => Ok(()),
        }
    }

    /// Makes the scores of two classes out of one.
    pub(super) fn pair(self, score: f32, second: Second) -> [f32; 2] {
        match (second, self) {
            (_, Self::Logistic) => {
                let mut pair = [-score, score];
                logistic_all(&mut pair);
                pair
            }
            (Second::Probability, _) => [1.0 - score, score],
            (Second::Margin, _) => [-score, score],
        }
    }
}

/// Finds the first greatest score.
pub(super) fn best<T: PartialOrd + Copy>(scores: &[T]) -> usize {
    let better = |best: usize, at: usize| if scores[at] > scores[best] { at } else { best };
    (1..scores.len()).fold(0, better)
}

/// A score that stands alone is only ever made a quantile.
pub(super) fn transform_targets(transform: Transform, scores: &mut [f32], targets: usize) {
    if targets > 1 || transform == Transform::Probit {
        transform.rows(scores, targets);
    }
}
