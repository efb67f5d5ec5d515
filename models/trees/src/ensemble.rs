//! Many trees, laid out for speed.

use super::compact::{CompactList, Groups, LARGE, SMALL, descend_group};
use super::kernel::{Any, LANES, Mixed, Ordered, Plain, Rows, Set, Walk, descend};
use super::leaves::Leaves;
use super::{Aggregate, Float};

/// Rows that pass through all trees together: few enough to stay in the nearest cache.
const BLOCK: usize = 64;

/// Trees that are checked and ready to score.
#[derive(Clone, Debug)]
pub struct Ensemble<T> {
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
    /// All splits are of the usual form, and small.
    Compact { nodes: CompactList<T>, any_missing_left: bool },
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
    pub fn features(&self) -> usize {
        self.features
    }

    /// Returns how many scores a row gets.
    pub fn targets(&self) -> usize {
        self.targets
    }

    /// Returns how the trees' weights become a score.
    pub fn aggregate(&self) -> Aggregate {
        self.aggregate
    }

    /// Returns what is added to each target's score in the end.
    pub fn base(&self) -> &[T] {
        &self.base
    }

    /// Scores `rows`, a row-major matrix of n × [`features`](Self::features), into `out`, one of
    /// n × [`targets`](Self::targets). What a row gets does not depend on the rows beside it.
    ///
    /// # Panics
    /// Panics when the two have not equally many rows.
    pub fn score(&self, rows: &[T], out: &mut [T]) {
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
        let has_gaps =
            |any_missing_left: &bool| *any_missing_left && rows.iter().any(|value| value.is_nan());
        match &self.splits {
            Splits::Compact { nodes, any_missing_left } if has_gaps(any_missing_left) => {
                self.walk_compact::<true>(nodes, rows, out);
            }
            Splits::Compact { nodes, .. } => self.walk_compact::<false>(nodes, rows, out),
            Splits::Ordered { nodes, any_missing_left } if has_gaps(any_missing_left) => {
                self.walk_block(rows, out, |rows| Plain::<_, true> { nodes, rows });
            }
            Splits::Ordered { nodes, .. } => {
                self.walk_block(rows, out, |rows| Plain::<_, false> { nodes, rows });
            }
            Splits::Mixed { nodes, sets } => {
                self.walk_block(rows, out, |rows| Any { nodes, sets, rows });
            }
        }
    }

    /// Takes eight rows at a time through each tree, and the rest row by row.
    fn walk_block<'a, W: Walk>(
        &self,
        rows: &'a [T],
        out: &mut [T],
        walk: impl Fn(Rows<'a, T>) -> W,
    ) {
        let (eights, rest) = self.split(out);
        for root in &self.roots {
            for (eight, scores) in eights.chunks_exact_mut(LANES * self.targets).enumerate() {
                let size = LANES * self.features;
                let values = &rows[eight * size..(eight + 1) * size];
                let walk = walk(Rows { values, step: self.features });
                let at = descend(walk, [root.node as usize; LANES], root.depth);
                self.give(root, &at, scores);
            }
        }
        for (row, scores) in self.last_rows(rows, rest) {
            self.walk_row(|_| walk(Rows { values: row, step: 0 }), scores);
        }
    }

    /// Does the same with compact splits.
    fn walk_compact<const GAPS: bool>(&self, nodes: &CompactList<T>, rows: &[T], out: &mut [T]) {
        let (eights, rest) = self.split(out);
        match nodes.window {
            SMALL => self.walk_groups::<SMALL, GAPS>(nodes, rows, eights),
            _ => self.walk_groups::<LARGE, GAPS>(nodes, rows, eights),
        }
        for (row, scores) in self.last_rows(rows, rest) {
            self.walk_row(|roots| nodes.row::<GAPS>(row, roots), scores);
        }
    }

    fn walk_groups<const SIZE: usize, const GAPS: bool>(
        &self,
        nodes: &CompactList<T>,
        rows: &[T],
        eights: &mut [T],
    ) {
        let count = eights.len() / (LANES * self.targets);
        if count == 0 {
            return;
        }
        let groups = Groups::of(rows, self.features, count);
        for root in &self.roots {
            let nodes = nodes.window::<SIZE>(root.node);
            for (at, scores) in eights.chunks_exact_mut(LANES * self.targets).enumerate() {
                let at = descend_group::<T, SIZE, GAPS>(nodes, groups.get(at), root.depth);
                self.give(root, &at.map(|at| (at + root.node) as usize), scores);
            }
        }
    }

    /// Parts the scores of whole groups of rows from those of the rows behind them.
    fn split<'a>(&self, out: &'a mut [T]) -> (&'a mut [T], &'a mut [T]) {
        let group = LANES * self.targets;
        out.split_at_mut(out.len() / group * group)
    }

    /// Pairs the rows behind the last whole group with their scores.
    fn last_rows<'r, 's>(
        &self,
        rows: &'r [T],
        scores: &'s mut [T],
    ) -> impl Iterator<Item = (&'r [T], &'s mut [T])> + use<'r, 's, T> {
        let (features, targets) = (self.features, self.targets);
        let first = rows.len() - scores.len() / targets * features;
        let row = move |at| &rows[first + at * features..first + (at + 1) * features];
        scores.chunks_exact_mut(targets).enumerate().map(move |(at, scores)| (row(at), scores))
    }

    #[inline]
    fn give(&self, root: &Root, at: &[usize; LANES], scores: &mut [T]) {
        if let (Leaves::One(weights), Aggregate::Sum | Aggregate::Average) =
            (&self.leaves, self.aggregate)
        {
            let give = |(score, at): (&mut T, &usize)| *score += weights[*at];
            match self.targets {
                1 => scores.iter_mut().zip(at).for_each(give),
                targets => {
                    let scores = scores[root.target as usize..].iter_mut().step_by(targets);
                    scores.zip(at).for_each(give);
                }
            }
            return;
        }
        for (scores, at) in scores.chunks_exact_mut(self.targets).zip(at) {
            self.leaves.give(*at as u32, root.target, self.aggregate, scores);
        }
    }

    /// Takes one row through eight trees at a time, and adds up in the order of the trees.
    fn walk_row<W: Walk>(&self, walk: impl Fn([usize; LANES]) -> W, scores: &mut [T]) {
        for roots in self.roots.chunks(LANES) {
            let last = roots[roots.len() - 1];
            // A last group that is not full walks its last tree several times.
            let start = std::array::from_fn(|lane| roots.get(lane).unwrap_or(&last).node as usize);
            let depth = roots.iter().map(|root| root.depth).max().unwrap_or(0);
            let at = descend(walk(start), start, depth);
            for (root, at) in roots.iter().zip(at) {
                self.leaves.give(at as u32, root.target, self.aggregate, scores);
            }
        }
    }
}
