//! `TreeEnsembleClassifier`: what becomes of the sums of leaves' weights.

use super::labels::Labels;
use super::scores::{Second, Transform, best};
use super::tree_lists::read;
use super::trees::{Parts, Trees};
use crate::array::{Array, Shape, volume};
use crate::kernel::Kernel;
use crate::node::Node;
use mlctl_models_trees::{Node as Branch, Tree};
use smallvec::smallvec;

/// What a classifier does with sums.
#[derive(Debug)]
struct Classes {
    labels: Labels,
    transform: Transform,
    base: Vec<f32>,
    are_all_positive: bool,
    /// All weights are of one class.
    is_binary: bool,
    reached: Reached,
}

/// Which classes get a weight of a row's leaves.
#[derive(Debug)]
enum Reached {
    /// The same ones for every row.
    Always(Vec<bool>),
    /// The second half of the targets counts them.
    Counted,
}

pub(super) fn classifier(node: &mut Node<'_>) -> Result<Kernel, String> {
    let labels = Labels::read(node, "classlabels_int64s")?;
    let count = labels.len();
    let (mut parts, base) = read(node, "class", count)?;
    let transform = Transform::read(node)?;
    if base.len() > count {
        return Err(format!("{} base values do not fit {count} classes", base.len()));
    }
    let leaves = parts.trees.iter().flat_map(|tree| &tree.nodes).filter_map(|node| match node {
        Branch::Leaf { weights } => Some(weights),
        Branch::Split { .. } => None,
    });
    let mut used = vec![false; count];
    let mut are_all_positive = true;
    for (target, weight) in leaves.flatten() {
        let place = used.get_mut(*target as usize);
        *place.ok_or_else(|| format!("there is no class {target} of {count}"))? = true;
        are_all_positive &= *weight >= 0.0;
    }
    if count == 2 && base.len() < 2 && used != [true; 2] && !used[1] {
        transform.can_pair()?;
    }
    let is_binary = count == 2 && used.iter().filter(|used| **used).count() == 1;
    let reached = if is_reached_always(&parts.trees, &used) {
        Reached::Always(used)
    } else {
        count_reached(&mut parts, count as u32);
        Reached::Counted
    };
    let base = base.iter().map(|value| *value as f32).collect();
    let classes = Classes { labels, transform, base, are_all_positive, is_binary, reached };
    let trees = Trees::new(&parts, node.loader.has_doubles())?;
    Ok(Box::new(move |inputs| {
        let (rows, sums) = trees.score(inputs.get(0)?)?;
        volume(&[rows, classes.labels.len()])?;
        let (places, scores, width) = classes.finish(rows, sums);
        let scores = Array::new(Shape::from_slice(&[rows, width]), scores);
        Ok(smallvec![classes.labels.pick(&places)?, scores])
    }))
}

/// Tells whether every class that gets a weight at all gets one for every row.
fn is_reached_always(trees: &[Tree<f64>], used: &[bool]) -> bool {
    let mut always = vec![false; used.len()];
    for tree in trees {
        let mut in_all = vec![true; used.len()];
        for node in &tree.nodes {
            if let Branch::Leaf { weights } = node {
                let mut here = vec![false; used.len()];
                weights.iter().for_each(|(target, _)| here[*target as usize] = true);
                in_all.iter_mut().zip(here).for_each(|(all, here)| *all &= here);
            }
        }
        always.iter_mut().zip(in_all).for_each(|(always, all)| *always |= all);
    }
    always == used
}

/// Gives every weight a companion of one, for a target of its own.
fn count_reached(parts: &mut Parts, count: u32) {
    for node in parts.trees.iter_mut().flat_map(|tree| &mut tree.nodes) {
        if let Branch::Leaf { weights } = node {
            let companions: Vec<(u32, f64)> =
                weights.iter().map(|(target, _)| (target + count, 1.0)).collect();
            weights.extend(companions);
        }
    }
    parts.targets *= 2;
}

impl Classes {
    /// Makes places of labels and scores of sums; a row has as many scores as there are classes.
    fn finish(&self, rows: usize, sums: Vec<f32>) -> (Vec<usize>, Vec<f32>, usize) {
        let count = self.labels.len();
        if let (Reached::Always(reached), true) = (&self.reached, count > 2)
            && (reached.iter().all(|reached| *reached) || self.base.len() == count)
        {
            return self.finish_many(sums, count);
        }
        let mut places = Vec::with_capacity(rows);
        let mut scores = Vec::with_capacity(rows * count);
        let (width, counts) = match &self.reached {
            Reached::Always(_) => (count, None),
            Reached::Counted => (2 * count, Some(count)),
        };
        for row in sums.chunks_exact(width.max(1)) {
            let reached: Vec<bool> = match (&self.reached, counts) {
                (Reached::Always(reached), _) => reached.clone(),
                (_, counts) => row[counts.unwrap_or(0)..].iter().map(|n| *n > 0.0).collect(),
            };
            let row = &row[..count];
            let (place, row) = match row {
                [first, second] => self.pair([*first, *second], [reached[0], reached[1]]),
                row => self.row(row, reached),
            };
            places.push(place);
            scores.extend(row);
        }
        (places, scores, count)
    }

    /// The usual case of several classes: all of them get weights.
    fn finish_many(&self, mut sums: Vec<f32>, count: usize) -> (Vec<usize>, Vec<f32>, usize) {
        for row in sums.chunks_exact_mut(count) {
            row.iter_mut().zip(&self.base).for_each(|(sum, base)| *sum += base);
        }
        let places = sums.chunks_exact(count).map(best).collect();
        self.transform.rows(&mut sums, count);
        (places, sums, count)
    }

    fn row(&self, row: &[f32], mut reached: Vec<bool>) -> (usize, Vec<f32>) {
        let mut row = row.to_vec();
        for (at, base) in self.base.iter().enumerate() {
            row[at] += base;
            reached[at] = true;
        }
        let best = (0..row.len())
            .filter(|at| reached[*at])
            .reduce(|best, at| if row[at] > row[best] { at } else { best });
        if row.len() == 1 {
            // One class alone: its own label, whatever the score.
            return (0, row);
        }
        self.transform.rows(&mut row, self.labels.len());
        (best.unwrap_or(0), row)
    }

    /// Two classes, of which one may get all the weights.
    fn pair(&self, [mut first, mut second]: [f32; 2], reached: [bool; 2]) -> (usize, Vec<f32>) {
        let mut is_alone = false;
        match self.base[..] {
            [_, base] if reached[1] => {
                second = base + first;
                first = -second;
            }
            [one, other] => {
                first += one;
                second += other;
            }
            [base] => {
                first += base;
                is_alone = !reached[1];
            }
            _ => is_alone = !reached[1],
        }
        let weight = if !is_alone && reached[1] {
            second
        } else if reached[0] {
            first
        } else {
            0.0
        };
        let (is_second, kind) = match (self.is_binary, self.are_all_positive) {
            (true, true) => (weight > 0.5, Second::Probability),
            _ => (weight > 0.0, Second::Margin),
        };
        let scores = if !is_alone {
            // A class without a weight has no score, whatever its base value.
            let score = |at: usize, sum: f32| if reached[at] { sum } else { 0.0 };
            let mut pair = vec![score(0, first), score(1, second)];
            self.transform.rows(&mut pair, 2);
            pair
        } else {
            self.transform.pair(first, kind).to_vec()
        };
        (usize::from(is_second), scores)
    }
}
