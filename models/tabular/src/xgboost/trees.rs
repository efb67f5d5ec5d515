//! The trees of a model file, as plain nodes.

use super::booster::{Shape, number};
use super::document::{Model, TreeDocument};
use mlctl_models_trees::{Node, Test, Tree, Weights};
use smallvec::smallvec;

/// XGBoost takes this category and all above for invalid.
const CATEGORY_END: u32 = 1 << 24;

/// What a leaf's left child is.
const NONE: i32 = -1;

/// Reads the trees up to iteration `best`; `factors` are what `dart` multiplies each with.
pub(super) fn read(
    model: Model,
    shape: &Shape,
    factors: Option<&[f32]>,
    best: Option<usize>,
) -> Result<Vec<Tree<f32>>, String> {
    let count = model.trees.len();
    if model.tree_info.len() != count || factors.is_some_and(|factors| factors.len() != count) {
        return Err(format!("its {count} trees have other counts of groups or weights"));
    }
    let end = match best {
        None => count,
        Some(best) => iteration_end(&model, shape, best)?,
    };
    let kept = model.trees.into_iter().zip(model.tree_info).take(end).enumerate();
    let trees = kept.map(|(at, (tree, group))| {
        let factor = factors.map_or(1.0, |factors| factors[at]);
        nodes(&tree, shape, group, factor).map_err(|problem| format!("tree {at}: {problem}"))
    });
    trees.collect()
}

/// Returns how many trees the iterations up to and with `best` have.
fn iteration_end(model: &Model, shape: &Shape, best: usize) -> Result<usize, String> {
    let count = model.trees.len();
    let param = model.gbtree_model_param.as_ref();
    let end = if model.iteration_indptr.is_empty() {
        let parallel = param.and_then(|param| param.num_parallel_tree.as_deref());
        let parallel = parallel.map_or(Ok(1), |text| number("num_parallel_tree", text))?;
        (best + 1).checked_mul(parallel.max(1)).and_then(|trees| trees.checked_mul(shape.groups))
    } else {
        model.iteration_indptr.get(best + 1).copied()
    };
    end.filter(|end| *end <= count)
        .ok_or_else(|| format!("its best iteration, {best}, has no trees"))
}

fn nodes(tree: &TreeDocument, shape: &Shape, group: u32, factor: f32) -> Result<Tree<f32>, String> {
    let count = tree.left_children.len();
    let is_even = tree.right_children.len() == count
        && tree.split_indices.len() == count
        && tree.split_conditions.len() == count
        && tree.default_left.len() == count
        && (tree.split_type.is_empty() || tree.split_type.len() == count);
    if !is_even {
        return Err("its columns differ in length".to_owned());
    }
    let leaves = Leaves::of(tree, shape, group, factor)?;
    let mut sets = sets(tree)?;
    let node = |at: usize| {
        if tree.left_children[at] == NONE {
            return Ok(Node::Leaf { weights: leaves.weights(tree, at)? });
        }
        let [left, right] = [tree.left_children[at], tree.right_children[at]].map(|child| {
            u32::try_from(child).map_err(|_| format!("node {at} has the child {child}"))
        });
        let [left, right] = [left?, right?];
        let feature = tree.split_indices[at];
        let missing_left = tree.default_left[at].0;
        Ok(match tree.split_type.get(at).copied().unwrap_or(0) {
            0 => Node::Split {
                feature,
                test: Test::Below(tree.split_conditions[at]),
                missing_yes: missing_left,
                yes: left,
                no: right,
            },
            // A category of the set goes right.
            1 => Node::Split {
                feature,
                test: Test::In(
                    sets[at].take().ok_or_else(|| format!("node {at} has no categories"))?,
                ),
                missing_yes: !missing_left,
                yes: right,
                no: left,
            },
            other => return Err(format!("node {at} has the split type {other}")),
        })
    };
    Ok(Tree { nodes: (0..count).map(node).collect::<Result<_, String>>()? })
}

/// Where the weights of a tree's leaves stand.
enum Leaves {
    /// In place of the threshold.
    Single { group: u32, factor: f32 },
    /// `targets` of them in a list of their own, at the place that the right child names.
    Listed { targets: usize, factor: f32 },
    /// `targets` of them for each node; before version 3.2.
    Every { targets: usize, factor: f32 },
}

impl Leaves {
    fn of(tree: &TreeDocument, shape: &Shape, group: u32, factor: f32) -> Result<Self, String> {
        let size = tree.tree_param.size_leaf_vector.as_deref();
        let targets = size.map_or(Ok(1), |size| number("size_leaf_vector", size))?;
        let leaves = tree.left_children.iter().filter(|child| **child == NONE).count();
        match targets {
            0 | 1 => Ok(Self::Single { group, factor }),
            targets if targets != shape.groups => {
                Err(format!("its leaves have {targets} weights for {} outputs", shape.groups))
            }
            // Leaves that shared weights could make a small file a large model.
            _ if tree.leaf_weights.as_ref().is_some_and(|list| list.len() / targets < leaves) => {
                Err(format!("its {leaves} leaves have too few weights"))
            }
            _ if tree.leaf_weights.is_some() => Ok(Self::Listed { targets, factor }),
            _ => Ok(Self::Every { targets, factor }),
        }
    }

    fn weights(&self, tree: &TreeDocument, node: usize) -> Result<Weights<f32>, String> {
        let (list, at, targets, factor) = match self {
            Self::Single { group, factor } => {
                return Ok(smallvec![(*group, tree.split_conditions[node] * factor)]);
            }
            Self::Listed { targets, factor } => {
                let at = usize::try_from(tree.right_children[node]).unwrap_or(usize::MAX);
                (tree.leaf_weights.as_deref().unwrap_or_default(), at, *targets, *factor)
            }
            Self::Every { targets, factor } => (&tree.base_weights[..], node, *targets, *factor),
        };
        let first = at.checked_mul(targets);
        let weights = first.and_then(|first| list.get(first..)?.get(..targets));
        let weights = weights.ok_or_else(|| format!("leaf {node} has no weights"))?;
        Ok((0..).zip(weights.iter().map(|weight| weight * factor)).collect())
    }
}

/// Finds the categories of each node that has some.
fn sets(tree: &TreeDocument) -> Result<Vec<Option<Vec<u32>>>, String> {
    let mut sets = vec![None; tree.left_children.len()];
    let parts = (tree.categories_segments.len(), tree.categories_sizes.len());
    if parts != (tree.categories_nodes.len(), tree.categories_nodes.len()) {
        return Err("the columns of its categories differ in length".to_owned());
    }
    let sizes = tree.categories_sizes.iter();
    let total = sizes.fold(0_usize, |total, size| total.saturating_add(*size));
    if total > tree.categories.len() {
        return Err("its nodes share categories".to_owned());
    }
    let places = tree.categories_segments.iter().zip(&tree.categories_sizes);
    for (node, (first, size)) in tree.categories_nodes.iter().zip(places) {
        let set = tree.categories.get(*first..).and_then(|rest| rest.get(..*size));
        let (Some(set), Some(place)) = (set, sets.get_mut(*node)) else {
            return Err(format!("the categories of node {node} are not there"));
        };
        if let Some(category) = set.iter().find(|category| **category >= CATEGORY_END) {
            return Err(format!("category {category} is out of range"));
        }
        if place.replace(set.to_vec()).is_some() {
            return Err(format!("node {node} has its categories twice"));
        }
    }
    Ok(sets)
}
