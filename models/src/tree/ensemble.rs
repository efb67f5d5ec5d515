//! Many trees, laid out for speed.

use super::kernel::{Any, Gaps, LANES, Mixed, Ordered, Plain, Set, Walk, descend};
use super::leaves::Leaves;
use super::{Aggregate, Float};

/// Rows that pass through all trees together: few enough to stay in the nearest cache.
const BLOCK: usize = 64;

/// Trees that are checked and ready to score.
#[derive(Clone, Debug)]
pub(crate) struct Ensemble<T> {
    pub(super) splits: Splits<T>,
    pub(super) roots: Vec<Root>,
    pub(super) leaves: Leaves<T>,
    pub(super) features: usize,
    pub(super) targets: usize,
    pub(super) aggregate: Aggregate,
    /// One value for each target.
    pub(super) base: Vec<T>,
}

/// The nodes of all trees; children are named by their place in the list.
#[derive(Clone, Debug)]
pub(super) enum Splits<T> {
    /// All splits are of the usual form.
    Ordered { nodes: Vec<Ordered<T>>, any_missing_left: bool },
    /// Some are not.
    Mixed { nodes: Vec<Mixed<T>>, sets: Vec<Set<T>> },
}

/// Where a tree begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Root {
    pub(super) node: u32,
    /// Steps to its deepest leaf.
    pub(super) depth: u32,
    /// What its leaves give to, when they have one weight each.
    pub(super) target: u32,
}

impl<T: Float> Ensemble<T> {
    /// Returns how many columns a row has.
    pub(crate) fn features(&self) -> usize {
        self.features
    }

    /// Returns how many scores a row gets.
    pub(crate) fn targets(&self) -> usize {
        self.targets
    }

    /// Returns how the trees' weights become a score.
    pub(crate) fn aggregate(&self) -> Aggregate {
        self.aggregate
    }

    /// Returns what is added to each target's score in the end.
    pub(crate) fn base(&self) -> &[T] {
        &self.base
    }

    /// Scores `rows`, a row-major matrix of n × [`features`](Self::features), into `out`, one of
    /// n × [`targets`](Self::targets). What a row gets does not depend on the rows beside it.
    ///
    /// # Panics
    /// Panics when the two have not equally many rows.
    pub(crate) fn score(&self, rows: &[T], out: &mut [T]) {
        let count = out.len() / self.targets;
        assert_eq!(out.len(), count * self.targets, "the scores do not fill their rows");
        assert_eq!(rows.len(), count * self.features, "there are other rows than scores");
        out.fill(self.aggregate.start());
        for (block, out) in out.chunks_mut(BLOCK * self.targets).enumerate() {
            let first = block * BLOCK * self.features;
            let length = out.len() / self.targets * self.features;
            self.score_block(&rows[first..first + length], out);
        }
        let finish = |score| self.aggregate.finish(score, self.roots.len());
        for row in out.chunks_exact_mut(self.targets) {
            for (score, base) in row.iter_mut().zip(&self.base) {
                *score = finish(*score) + *base;
            }
        }
    }

    fn score_block(&self, rows: &[T], out: &mut [T]) {
        match &self.splits {
            Splits::Ordered { nodes, any_missing_left: true }
                if rows.iter().any(|value| value.is_nan()) =>
            {
                self.walk_block(Gaps(nodes), rows, out);
            }
            Splits::Ordered { nodes, .. } => self.walk_block(Plain(nodes), rows, out),
            Splits::Mixed { nodes, sets } => self.walk_block(Any { nodes, sets }, rows, out),
        }
    }

    /// Takes eight rows at a time through each tree, and the rest row by row.
    fn walk_block<W: Walk<T>>(&self, walk: W, rows: &[T], out: &mut [T]) {
        let count = out.len() / self.targets;
        let row = |at: usize| &rows[at * self.features..(at + 1) * self.features];
        let (eights, rest) = out.split_at_mut(count / LANES * LANES * self.targets);
        for root in &self.roots {
            for (eight, scores) in eights.chunks_exact_mut(LANES * self.targets).enumerate() {
                let first = eight * LANES * self.features;
                let rows = &rows[first..first + LANES * self.features];
                let mut at = [root.node; LANES];
                descend(walk, &mut at, rows, self.features, root.depth);
                self.give(root, &at, scores);
            }
        }
        let walked = count / LANES * LANES;
        for (at, scores) in rest.chunks_exact_mut(self.targets).enumerate() {
            self.walk_row(walk, row(walked + at), scores);
        }
    }

    #[inline]
    fn give(&self, root: &Root, at: &[u32; LANES], scores: &mut [T]) {
        if let (Leaves::One(weights), Aggregate::Sum | Aggregate::Average) =
            (&self.leaves, self.aggregate)
        {
            let scores = scores[root.target as usize..].iter_mut().step_by(self.targets);
            for (score, at) in scores.zip(at) {
                *score += weights[*at as usize];
            }
            return;
        }
        for (scores, at) in scores.chunks_exact_mut(self.targets).zip(at) {
            self.leaves.give(*at, root.target, self.aggregate, scores);
        }
    }

    /// Takes one row through eight trees at a time, and adds up in the order of the trees.
    fn walk_row<W: Walk<T>>(&self, walk: W, row: &[T], scores: &mut [T]) {
        for roots in self.roots.chunks(LANES) {
            let last = roots[roots.len() - 1];
            // A last group that is not full walks its last tree several times.
            let mut at = std::array::from_fn(|lane| roots.get(lane).unwrap_or(&last).node);
            let depth = roots.iter().map(|root| root.depth).max().unwrap_or(0);
            descend(walk, &mut at, row, 0, depth);
            for (root, at) in roots.iter().zip(at) {
                self.leaves.give(at, root.target, self.aggregate, scores);
            }
        }
    }
}
