//! What leaves give, and adding it up.

use super::{Aggregate, Float, Weights};
use smallvec::smallvec;

/// The weights of leaves, found by node.
#[derive(Clone, Debug)]
pub(super) enum Leaves<T> {
    /// A leaf has one weight, for its tree's target.
    One(Vec<T>),
    /// A leaf has one weight for each target in turn; `row` numbers the leaves.
    Every { row: Vec<u32>, weights: Vec<T> },
    /// The weights of node `n` are those from `first[n]` to `first[n + 1]`.
    Some { first: Vec<u32>, weights: Vec<(u32, T)> },
}

impl<T: Float> Leaves<T> {
    /// Gives the weights of leaf `at` to the row's scores; `target` is its tree's.
    #[inline]
    pub(super) fn give(&self, at: u32, target: u32, aggregate: Aggregate, scores: &mut [T]) {
        let at = at as usize;
        match self {
            Self::One(weights) => aggregate.take(&mut scores[target as usize], weights[at]),
            Self::Every { row, weights } => {
                let first = row[at] as usize * scores.len();
                for (score, weight) in scores.iter_mut().zip(&weights[first..]) {
                    aggregate.take(score, *weight);
                }
            }
            Self::Some { first, weights } => {
                for (target, weight) in &weights[first[at] as usize..first[at + 1] as usize] {
                    aggregate.take(&mut scores[*target as usize], *weight);
                }
            }
        }
    }

    /// Lists the weights of leaf `at` with their targets.
    pub(super) fn list(&self, at: u32, target: u32, targets: usize) -> Weights<T> {
        let at = at as usize;
        match self {
            Self::One(weights) => smallvec![(target, weights[at])],
            Self::Every { row, weights } => {
                let first = row[at] as usize * targets;
                (0..).zip(weights[first..first + targets].iter().copied()).collect()
            }
            Self::Some { first, weights } => {
                Weights::from_slice(&weights[first[at] as usize..first[at + 1] as usize])
            }
        }
    }
}

impl Aggregate {
    /// Returns the score before the first tree. NaN stands for none: [`super::Ensemble::build`]
    /// allows no such weight where it matters.
    pub(super) fn start<T: Float>(self) -> T {
        match self {
            Self::Sum | Self::Average => T::default(),
            Self::Min | Self::Max => T::NAN,
        }
    }

    #[inline]
    fn take<T: Float>(self, score: &mut T, weight: T) {
        match self {
            Self::Sum | Self::Average => *score += weight,
            Self::Min if score.is_nan() || weight < *score => *score = weight,
            Self::Max if score.is_nan() || weight > *score => *score = weight,
            Self::Min | Self::Max => {}
        }
    }

    /// Makes what all trees gave into the score.
    pub(super) fn finish<T: Float>(self, score: T, trees: usize) -> T {
        match self {
            Self::Sum => score,
            Self::Average => score / T::nearest(trees.max(1) as f64),
            Self::Min | Self::Max if score.is_nan() => T::default(),
            Self::Min | Self::Max => score,
        }
    }
}
