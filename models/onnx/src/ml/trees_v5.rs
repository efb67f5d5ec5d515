//! `TreeEnsemble` of version 5 of ai.onnx.ml: one operator for all kinds of trees.

use super::scores::{Transform, transform_targets};
use super::trees::{Parts, Trees};
use crate::array::{Array, Data, Shape};
use crate::kernel::{Kernel, one};
use crate::node::Node;
use mlctl_models_trees::{Aggregate, Node as Branch, Test, Tree};
use smallvec::smallvec;

/// The attributes that describe inner nodes, which are equally long, and those of leaves.
struct Lists<'a> {
    features: &'a [i64],
    modes: Vec<u8>,
    splits: Vec<f64>,
    yes: &'a [i64],
    yes_is_leaf: &'a [i64],
    no: &'a [i64],
    no_is_leaf: &'a [i64],
    missing_yes: &'a [i64],
    targets: &'a [i64],
    weights: Vec<f64>,
    /// The sets of the nodes that ask for membership, in their order.
    members: Vec<Vec<f64>>,
}

pub(super) fn build(node: &mut Node<'_>) -> Result<Kernel, String> {
    let aggregate = match node.int("aggregate_function")?.unwrap_or(1) {
        0 => Aggregate::Average,
        1 => Aggregate::Sum,
        2 => Aggregate::Min,
        3 => Aggregate::Max,
        other => return Err(format!("its aggregate_function {other} is not supported")),
    };
    let transform = match node.int("post_transform")?.unwrap_or(0) {
        0 => Transform::None,
        1 => Transform::Softmax,
        2 => Transform::Logistic,
        3 => Transform::SoftmaxZero,
        4 => Transform::Probit,
        other => return Err(format!("its post_transform {other} is not supported")),
    };
    let targets = usize::try_from(node.int("n_targets")?.unwrap_or(1)).unwrap_or(0);
    let roots = node.ints("tree_roots")?.unwrap_or_default();
    node.ignore(&["nodes_hitrates"]);
    let (splits, is_wide) = numbers(node, "nodes_splits")?.unwrap_or_default();
    let Some(Data::U8(modes)) = node.tensor("nodes_modes")?.map(|array| array.data) else {
        return Err("it has no modes".to_owned());
    };
    let members = numbers(node, "membership_values")?.unwrap_or_default().0;
    let weights = numbers(node, "leaf_weights")?.unwrap_or_default().0;
    let mut ints = |name: &str| node.ints(name).map(Option::unwrap_or_default);
    let lists = Lists {
        features: ints("nodes_featureids")?,
        yes: ints("nodes_truenodeids")?,
        yes_is_leaf: ints("nodes_trueleafs")?,
        no: ints("nodes_falsenodeids")?,
        no_is_leaf: ints("nodes_falseleafs")?,
        missing_yes: ints("nodes_missing_value_tracks_true")?,
        targets: ints("leaf_targetids")?,
        members: members.split(|value| value.is_nan()).map(<[f64]>::to_vec).collect(),
        modes,
        splits,
        weights,
    };
    lists.check()?;
    let trees = roots.iter().map(|root| lists.tree(*root)).collect::<Result<_, _>>()?;
    let parts = Parts { trees, targets, aggregate, base: Vec::new(), is_wide };
    let trees = Trees::new(&parts, node.loader.has_doubles())?;
    one(move |inputs| {
        let array = inputs.get(0)?;
        let (rows, mut scores) = trees.score(array)?;
        transform_targets(transform, &mut scores, targets);
        let shape = Shape::from_slice(&[rows, targets]);
        // Answers are of the rows' type.
        Ok(match array.data {
            Data::F64(_) => Array::new(shape, scores.into_iter().map(f64::from).collect()),
            _ => Array::new(shape, scores),
        })
    })
}

fn numbers(node: &mut Node<'_>, name: &str) -> Result<Option<(Vec<f64>, bool)>, String> {
    match node.tensor(name)?.map(|array| array.data) {
        None => Ok(None),
        Some(Data::F32(list)) => Ok(Some((list.into_iter().map(f64::from).collect(), false))),
        Some(Data::F64(list)) => Ok(Some((list, true))),
        Some(other) => Err(format!("its `{name}` are of type {}", other.kind())),
    }
}

impl Lists<'_> {
    fn check(&self) -> Result<(), String> {
        let count = self.features.len();
        let lists = [self.yes, self.yes_is_leaf, self.no, self.no_is_leaf].map(<[i64]>::len);
        let fits = lists == [count; 4]
            && (self.modes.len(), self.splits.len()) == (count, count)
            && (self.missing_yes.is_empty() || self.missing_yes.len() == count);
        if !fits {
            return Err("the lists of its nodes have different lengths".to_owned());
        }
        if self.targets.len() != self.weights.len() {
            return Err("the lists of its leaves have different lengths".to_owned());
        }
        let asked = self.modes.iter().filter(|mode| **mode == 6).count();
        if asked > self.members.len() {
            return Err("a node that asks for membership has no set".to_owned());
        }
        Ok(())
    }

    /// Copies the nodes that a root reaches.
    fn tree(&self, root: i64) -> Result<Tree<f64>, String> {
        let mut nodes: Vec<Branch<f64>> = Vec::new();
        // A node with equal children is a leaf that stands alone.
        let mut open = vec![(root, false, None)];
        while let Some((at, is_leaf, parent)) = open.pop() {
            let place = nodes.len() as u32;
            if let Some((parent, is_yes)) = parent
                && let Some(Branch::Split { yes, no, .. }) = nodes.get_mut::<usize>(parent)
            {
                *(if is_yes { yes } else { no }) = place;
            }
            if nodes.len() > self.features.len() + self.targets.len() + 1 {
                return Err(format!("the tree at node {root} has no end"));
            }
            if is_leaf {
                nodes.push(self.leaf(at)?);
                continue;
            }
            let at = usize::try_from(at).ok().filter(|at| *at < self.features.len());
            let at = at.ok_or_else(|| format!("the tree at node {root} leaves the list"))?;
            let (yes, no) = (self.yes[at], self.no[at]);
            let (yes_is_leaf, no_is_leaf) = (self.yes_is_leaf[at] != 0, self.no_is_leaf[at] != 0);
            if yes == no && yes_is_leaf && no_is_leaf {
                nodes.push(self.leaf(yes)?);
                continue;
            }
            nodes.push(self.split(at)?);
            let parent = nodes.len() - 1;
            open.push((no, no_is_leaf, Some((parent, false))));
            open.push((yes, yes_is_leaf, Some((parent, true))));
        }
        Ok(Tree { nodes })
    }

    fn leaf(&self, at: i64) -> Result<Branch<f64>, String> {
        let at = usize::try_from(at).ok().filter(|at| *at < self.targets.len());
        let at = at.ok_or("there is a leaf named that does not exist")?;
        let target = u32::try_from(self.targets[at]).map_err(|_| "a leaf has no target")?;
        Ok(Branch::Leaf { weights: smallvec![(target, self.weights[at])] })
    }

    fn split(&self, at: usize) -> Result<Branch<f64>, String> {
        let value = self.splits[at];
        let test = match self.modes[at] {
            0 => Test::AtMost(value),
            1 => Test::Below(value),
            2 => Test::AtLeast(value),
            3 => Test::Above(value),
            4 => Test::Equal(value),
            5 => Test::NotEqual(value),
            6 => {
                let before = self.modes[..at].iter().filter(|mode| **mode == 6).count();
                Test::OneOf(self.members[before].clone())
            }
            other => return Err(format!("its node mode {other} is not supported")),
        };
        let feature = u32::try_from(self.features[at])
            .map_err(|_| format!("there is no feature {}", self.features[at]))?;
        let missing_yes = self.missing_yes.get(at).is_some_and(|tracks| *tracks != 0)
            || matches!(test, Test::NotEqual(_));
        Ok(Branch::Split { feature, test, missing_yes, yes: 0, no: 0 })
    }
}
