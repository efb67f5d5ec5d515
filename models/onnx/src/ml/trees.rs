//! Trees of ONNX on the one kernel for trees, and `TreeEnsembleRegressor`.

use super::features::rows_of;
use super::scores::{Transform, transform_targets};
use super::tree_lists::read;
use crate::array::{Array, Data, Shape, volume};
use crate::kernel::{Kernel, one};
use crate::node::Node;
use mlctl_models_trees::{Aggregate, Ensemble, Node as Branch, Test, Tree};
use std::borrow::Cow;

/// Trees with thresholds of 32 bits, and of 64 where rows of 64 bits may come.
#[derive(Debug)]
pub(super) struct Trees {
    narrow: Ensemble<f32>,
    wide: Option<Ensemble<f64>>,
    /// Thresholds that 32 bits would round.
    is_wide: bool,
}

/// What an ensemble is made of, before it is laid out.
pub(super) struct Parts {
    pub(super) trees: Vec<Tree<f64>>,
    pub(super) targets: usize,
    pub(super) aggregate: Aggregate,
    pub(super) base: Vec<f64>,
    /// Whether the file holds numbers of 64 bits.
    pub(super) is_wide: bool,
}

impl Trees {
    pub(super) fn new(parts: &Parts, may_be_wide: bool) -> Result<Self, String> {
        let splits =
            parts.trees.iter().flat_map(|tree| &tree.nodes).filter_map(|node| match node {
                Branch::Split { feature, .. } => Some(*feature as usize + 1),
                Branch::Leaf { .. } => None,
            });
        let features = splits.max().unwrap_or(0);
        // Each tree is laid out as soon as it is narrow, while it lies in the cache.
        let narrow = parts.trees.iter().map(narrow);
        let base: Vec<f32> = parts.base.iter().map(|value| *value as f32).collect();
        let wide = (may_be_wide || parts.is_wide).then(|| {
            Ensemble::build(&parts.trees, features, parts.targets, parts.aggregate, &parts.base)
        });
        Ok(Self {
            narrow: Ensemble::build(narrow, features, parts.targets, parts.aggregate, &base)?,
            wide: wide.transpose()?,
            is_wide: parts.is_wide,
        })
    }

    /// Scores rows of numbers of any type.
    pub(super) fn score(&self, array: &Array) -> Result<(usize, Vec<f32>), String> {
        let (rows, width) = rows_of(array);
        let features = self.narrow.features();
        if width < features {
            return Err(format!("{width} columns are given to trees that ask for {features}"));
        }
        let mut out = vec![0.0_f32; volume(&[rows, self.narrow.targets()])?];
        if let (Some(wide), true) = (&self.wide, self.is_wide || is_wide(&array.data)) {
            let list = cut(wide_list(&array.data)?, width, features);
            let mut sums = vec![0.0; out.len()];
            wide.score(&list, &mut sums);
            out.iter_mut().zip(sums).for_each(|(out, sum)| *out = sum as f32);
        } else {
            let list = cut(super::features::floats(array)?, width, features);
            self.narrow.score(&list, &mut out);
        }
        Ok((rows, out))
    }
}

fn is_wide(data: &Data) -> bool {
    matches!(data, Data::F64(_))
}

fn wide_list(data: &Data) -> Result<Cow<'_, [f64]>, String> {
    Ok(match data {
        Data::F64(list) => Cow::Borrowed(list),
        Data::F32(list) => Cow::Owned(list.iter().copied().map(f64::from).collect()),
        Data::I64(list) => Cow::Owned(list.iter().map(|value| *value as f64).collect()),
        Data::I32(list) => Cow::Owned(list.iter().copied().map(f64::from).collect()),
        other => return Err(format!("values of type {} are not features", other.kind())),
    })
}

/// Drops the columns behind those that trees ask for.
fn cut<T: Copy>(list: Cow<'_, [T]>, width: usize, features: usize) -> Cow<'_, [T]> {
    if width == features {
        return list;
    }
    let rows = list.chunks_exact(width.max(1));
    Cow::Owned(rows.flat_map(|row| &row[..features]).copied().collect())
}

/// Takes a tree over to 32 bits, which are what the file held or what rows are compared in.
fn narrow(tree: &Tree<f64>) -> Tree<f32> {
    let test = |test: &Test<f64>| match test {
        Test::AtMost(t) => Test::AtMost(*t as f32),
        Test::Below(t) => Test::Below(*t as f32),
        Test::AtLeast(t) => Test::AtLeast(*t as f32),
        Test::Above(t) => Test::Above(*t as f32),
        Test::Equal(t) => Test::Equal(*t as f32),
        Test::NotEqual(t) => Test::NotEqual(*t as f32),
        Test::AtMostUnlessZero(t) => Test::AtMostUnlessZero(*t as f32),
        Test::In(set) => Test::In(set.clone()),
        Test::InTruncated(set) => Test::InTruncated(set.clone()),
        Test::OneOf(set) => Test::OneOf(set.iter().map(|value| *value as f32).collect()),
    };
    let node = |node: &Branch<f64>| match node {
        Branch::Split { feature, test: asked, missing_yes, yes, no } => Branch::Split {
            feature: *feature,
            test: test(asked),
            missing_yes: *missing_yes,
            yes: *yes,
            no: *no,
        },
        Branch::Leaf { weights } => Branch::Leaf {
            weights: weights.iter().map(|(target, weight)| (*target, *weight as f32)).collect(),
        },
    };
    Tree { nodes: tree.nodes.iter().map(node).collect() }
}

pub(super) fn regressor(node: &mut Node<'_>) -> Result<Kernel, String> {
    let targets = usize::try_from(node.int("n_targets")?.unwrap_or(1)).unwrap_or(0);
    let (mut parts, base) = read(node, "target", targets)?;
    if targets == 1 {
        keep_first_weights(&mut parts.trees);
    }
    // Other base values are not looked at.
    parts.base = if base.len() == targets { base } else { Vec::new() };
    let transform = Transform::read(node)?;
    let trees = Trees::new(&parts, node.loader.has_doubles())?;
    one(move |inputs| {
        let (rows, mut scores) = trees.score(inputs.get(0)?)?;
        transform_targets(transform, &mut scores, targets);
        Ok(Array::new(Shape::from_slice(&[rows, targets]), scores))
    })
}

/// Keeps what onnxruntime looks at when there is one target: the first weight of each leaf.
fn keep_first_weights(trees: &mut [Tree<f64>]) {
    for node in trees.iter_mut().flat_map(|tree| &mut tree.nodes) {
        if let Branch::Leaf { weights } = node {
            weights.truncate(1);
        }
    }
}
