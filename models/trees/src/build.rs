//! Trees as readers find them, checked and laid out.

use super::compact::CompactList;
use super::ensemble::{Root, Splits};
use super::kernel::{MISSING_LEFT, Mixed, Ordered, Question, Set};
use super::leaves::Leaves;
use super::{Aggregate, Ensemble, Float, Node, Test, Tree};
use mlctl_table::limit::volume;
use std::borrow::Borrow;
use std::collections::VecDeque;

/// The most nodes of an ensemble, and one more than its greatest column and category.
const LIMIT: usize = 1 << 31;

impl<T: Float> Ensemble<T> {
    /// Checks trees and lays them out. `base` has a value for each target, or none at all.
    ///
    /// # Errors
    /// The reason, as text for the reader to put its file's name to: a child, feature or target
    /// that does not exist, a node that is reached twice, no target, or a weight that is no number
    /// where the least or greatest is asked for.
    pub fn build(
        trees: impl IntoIterator<Item = impl Borrow<Tree<T>>>,
        features: usize,
        targets: usize,
        aggregate: Aggregate,
        base: &[T],
    ) -> Result<Self, String> {
        if targets == 0 || targets >= LIMIT {
            return Err(format!("{targets} targets cannot be scored"));
        }
        // A few bytes can name any number.
        volume(&[targets])?;
        if !base.is_empty() && base.len() != targets {
            return Err(format!("{} base values do not fit {targets} targets", base.len()));
        }
        let mut layout = Layout { features, targets, aggregate, ..Layout::default() };
        for (at, tree) in trees.into_iter().enumerate() {
            layout.add(tree.borrow()).map_err(|problem| format!("tree {at}: {problem}"))?;
        }
        let base = if base.is_empty() { vec![T::default(); targets] } else { base.to_vec() };
        Ok(layout.finish(base))
    }
}

/// An ensemble that grows tree by tree.
struct Layout<T> {
    nodes: Vec<Mixed<T>>,
    sets: Vec<Set<T>>,
    roots: Vec<Root>,
    first: Vec<u32>,
    weights: Vec<(u32, T)>,
    features: usize,
    targets: usize,
    aggregate: Aggregate,
}

impl<T> Default for Layout<T> {
    fn default() -> Self {
        Self {
            nodes: Vec::new(),
            sets: Vec::new(),
            roots: Vec::new(),
            first: Vec::new(),
            weights: Vec::new(),
            features: 0,
            targets: 0,
            aggregate: Aggregate::Sum,
        }
    }
}

impl<T: Float> Layout<T> {
    /// Appends a tree level by level, so that the nodes near its root share cache lines.
    fn add(&mut self, tree: &Tree<T>) -> Result<(), String> {
        let root = self.nodes.len();
        if root + tree.nodes.len() >= LIMIT {
            return Err(format!("the trees have more than {LIMIT} nodes"));
        }
        if tree.nodes.is_empty() {
            return Err("it has no nodes".to_owned());
        }
        let mut seen = vec![false; tree.nodes.len()];
        seen[0] = true;
        let mut queue = VecDeque::from([(0_u32, 0_u32)]);
        let mut deepest = 0;
        while let Some((at, depth)) = queue.pop_front() {
            deepest = deepest.max(depth);
            // The queue holds exactly the nodes that have a place but no content yet.
            let left = self.nodes.len() + queue.len() + 1;
            let children = self.place(&tree.nodes[at as usize], left as u32)?;
            for child in children.into_iter().flatten() {
                match seen.get_mut(child as usize) {
                    Some(seen) if !*seen => *seen = true,
                    Some(_) => return Err(format!("node {child} is reached twice")),
                    None => return Err(format!("node {at} has child {child}, which is not there")),
                }
                queue.push_back((child, depth + 1));
            }
        }
        let target = self.weights.get(self.first[root] as usize).map_or(0, |weight| weight.0);
        self.roots.push(Root { node: root as u32, depth: deepest, target });
        Ok(())
    }

    /// Appends a node, and returns its left and right child.
    fn place(&mut self, node: &Node<T>, left: u32) -> Result<Option<[u32; 2]>, String> {
        self.first.push(self.weights.len() as u32);
        match node {
            Node::Leaf { weights } => {
                self.place_leaf(weights)?;
                Ok(None)
            }
            Node::Split { feature, test, missing_yes, yes, no } => {
                if *feature as usize >= self.features.min(LIMIT) {
                    let features = self.features;
                    return Err(format!("column {feature} is asked, but rows have {features}"));
                }
                let (question, threshold, is_swapped, set) = ask(test)?;
                let set = set.map_or(0, |set| self.keep(set));
                let flag = if *missing_yes != is_swapped { MISSING_LEFT } else { 0 };
                let ordered = Ordered { threshold, feature: feature | flag, left };
                self.nodes.push(Mixed { ordered, question, set });
                Ok(Some(if is_swapped { [*no, *yes] } else { [*yes, *no] }))
            }
        }
    }

    fn place_leaf(&mut self, weights: &[(u32, T)]) -> Result<(), String> {
        let is_picky = matches!(self.aggregate, Aggregate::Min | Aggregate::Max);
        for (target, weight) in weights {
            if *target as usize >= self.targets {
                return Err(format!("a leaf has target {target} of {}", self.targets));
            }
            if is_picky && weight.is_nan() {
                return Err("a leaf has a weight that is not a number".to_owned());
            }
        }
        if self.weights.len() + weights.len() >= LIMIT {
            return Err(format!("the leaves have more than {LIMIT} weights"));
        }
        self.weights.extend_from_slice(weights);
        let left = (self.nodes.len() as u32).wrapping_sub(1);
        let ordered = Ordered { threshold: T::NAN, feature: 0, left };
        self.nodes.push(Mixed { ordered, question: Question::Never, set: 0 });
        Ok(())
    }

    fn keep(&mut self, set: Set<T>) -> u32 {
        self.sets.push(set);
        (self.sets.len() - 1) as u32
    }

    fn finish(mut self, base: Vec<T>) -> Ensemble<T> {
        self.first.push(self.weights.len() as u32);
        let leaves = self.leaves();
        let is_usual = |question| matches!(question, Question::AtMost | Question::Never);
        let splits = if self.nodes.iter().all(|node| is_usual(node.question)) {
            let nodes: Vec<_> = self.nodes.into_iter().map(|node| node.ordered).collect();
            let any_missing_left = nodes.iter().any(|node| node.feature & MISSING_LEFT != 0);
            match CompactList::pack(&nodes, self.features, &self.roots) {
                Some(nodes) => Splits::Compact { nodes, any_missing_left },
                None => Splits::Ordered { nodes, any_missing_left },
            }
        } else {
            Splits::Mixed { nodes: self.nodes, sets: self.sets }
        };
        Ensemble {
            splits,
            roots: self.roots,
            leaves,
            features: self.features,
            targets: self.targets,
            aggregate: self.aggregate,
            base,
        }
    }

    /// Chooses the plainest form that holds all weights, and finds each tree's target.
    fn leaves(&mut self) -> Leaves<T> {
        if self.has_one_target_per_tree() {
            let weight = |range: &[u32]| match range {
                [first, end] if first < end => self.weights[*first as usize].1,
                _ => T::default(),
            };
            return Leaves::One(self.first.windows(2).map(weight).collect());
        }
        let targets = self.targets;
        let is_every = |at: usize| {
            let weights = self.weights_of(at);
            weights.len() == targets && (0..).zip(weights).all(|(at, weight)| weight.0 == at)
        };
        if self.leaf_places().all(is_every) {
            let row = self.first.iter().map(|first| first / targets as u32).collect();
            let weights = self.weights.iter().map(|weight| weight.1).collect();
            return Leaves::Every { row, weights };
        }
        Leaves::Some {
            first: std::mem::take(&mut self.first),
            weights: std::mem::take(&mut self.weights),
        }
    }

    fn has_one_target_per_tree(&mut self) -> bool {
        let mut found = Vec::with_capacity(self.roots.len());
        let ends = self.roots.iter().skip(1).map(|root| root.node as usize);
        let ends = ends.chain([self.nodes.len()]);
        for (root, end) in self.roots.iter().zip(ends) {
            let first = self.first[root.node as usize] as usize;
            let Some((target, _)) = self.weights.get(first) else { return false };
            let is_alike = |at: usize| {
                !self.is_leaf(at) || matches!(self.weights_of(at), [(only, _)] if only == target)
            };
            if !(root.node as usize..end).all(is_alike) {
                return false;
            }
            found.push(*target);
        }
        for (root, target) in self.roots.iter_mut().zip(found) {
            root.target = target;
        }
        true
    }

    fn weights_of(&self, node: usize) -> &[(u32, T)] {
        &self.weights[self.first[node] as usize..self.first[node + 1] as usize]
    }

    fn is_leaf(&self, node: usize) -> bool {
        self.nodes[node].question == Question::Never
    }

    fn leaf_places(&self) -> impl Iterator<Item = usize> {
        (0..self.nodes.len()).filter(|at| self.is_leaf(*at))
    }
}

/// Turns a test into a question that goes left on yes: the question, its threshold, whether the
/// children change sides, and its set.
///
/// All comparisons become `x <= t`. A NaN as threshold is passed by nothing, except by `!=`.
#[expect(clippy::type_complexity, reason = "it is taken apart at the only call")]
fn ask<T: Float>(test: &Test<T>) -> Result<(Question, T, bool, Option<Set<T>>), String> {
    let at_most = |threshold, is_swapped| Ok((Question::AtMost, threshold, is_swapped, None));
    match test {
        Test::AtLeast(t) | Test::Above(t) if t.is_nan() => at_most(T::NAN, false),
        Test::AtMost(t) => at_most(*t, false),
        Test::Below(t) => at_most(below(*t), false),
        Test::AtLeast(t) => at_most(below(*t), true),
        Test::Above(t) => at_most(*t, true),
        Test::Equal(t) => Ok((Question::Equal, *t, false, None)),
        Test::NotEqual(t) => Ok((Question::Equal, *t, true, None)),
        Test::AtMostUnlessZero(t) => Ok((Question::AtMostUnlessZero, *t, false, None)),
        Test::In(list) => Ok((Question::In, T::NAN, false, Some(categories(list)?))),
        Test::InTruncated(list) => {
            Ok((Question::InTruncated, T::NAN, false, Some(categories(list)?)))
        }
        Test::OneOf(list) => {
            let mut list: Vec<T> = list.iter().copied().filter(|value| !value.is_nan()).collect();
            list.sort_by(|a, b| a.wide().total_cmp(&b.wide()));
            Ok((Question::OneOf, T::NAN, false, Some(Set::Values(list))))
        }
    }
}

/// Returns the t for which `x <= t` is what `x < threshold` was: NaN where nothing passes.
fn below<T: Float>(threshold: T) -> T {
    if threshold == T::LEAST { T::NAN } else { threshold.below() }
}

fn categories<T>(list: &[u32]) -> Result<Set<T>, String> {
    let mut list = list.to_vec();
    list.sort_unstable();
    list.dedup();
    let Some(greatest) = list.last().copied() else { return Ok(Set::Bits(Vec::new())) };
    if greatest as usize >= LIMIT {
        return Err(format!("category {greatest} is out of range"));
    }
    let words = greatest as usize / 64 + 1;
    // A set of few far categories must not take much more memory than its file.
    if words > 16 && words > list.len() {
        return Ok(Set::List(list));
    }
    let mut bits = vec![0_u64; words];
    for category in list {
        bits[category as usize / 64] |= 1 << (category % 64);
    }
    Ok(Set::Bits(bits))
}
