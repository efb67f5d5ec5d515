//! Fitted trees as scikit-learn writes them.

use crate::sklearn::skops::{Array, Data, Item, Load, Object, Refusal};
use mlctl_models_trees::{Node, Test, Tree, Weights};
use std::sync::Arc;

/// The nodes of a fitted tree.
pub(super) struct Grown {
    pub(super) features: usize,
    pub(super) left: Vec<i64>,
    pub(super) right: Vec<i64>,
    feature: Vec<i64>,
    threshold: Vec<f64>,
    pub(super) missing_left: Option<Vec<i64>>,
    /// All that the file says about the nodes.
    pub(super) nodes: Arc<Array>,
    /// The values of each node, one after the other: for each target those of each class.
    pub(super) values: Vec<f64>,
    pub(super) targets: usize,
    pub(super) classes: usize,
    pub(super) takes_missing: bool,
}

pub(super) fn grown(items: &[Item<'_>]) -> Load<Vec<Grown>> {
    if items.is_empty() {
        return Err(Refusal("a forest without trees".to_owned()));
    }
    items.iter().map(|item| Grown::read(&item.object()?)).collect()
}

impl Grown {
    /// Reads the tree of a `DecisionTree…` or `ExtraTree…`.
    pub(super) fn read(object: &Object<'_>) -> Load<Self> {
        let tree = object.object("tree_")?;
        let [features, ..] = tree.arguments()?[..] else { return object.unsupported("tree_") };
        let nodes = tree.get("nodes")?.array()?;
        let values = tree.get("values")?.array()?;
        let [count, targets, classes] = values.shape[..] else { return tree.unsupported("values") };
        let read = Self {
            features: features.count()?,
            left: whole(&tree, &nodes, "left_child")?,
            right: whole(&tree, &nodes, "right_child")?,
            feature: whole(&tree, &nodes, "feature")?,
            threshold: floats(&tree, &nodes, "threshold")?,
            missing_left: whole(&tree, &nodes, "missing_go_to_left").ok(),
            nodes: Arc::clone(&nodes),
            values: values.data.to_floats()?,
            targets,
            classes,
            takes_missing: takes_missing(object)?,
        };
        if count != read.left.len() || count == 0 || targets * classes == 0 {
            return tree.unsupported("values");
        }
        Ok(read)
    }

    pub(super) fn width(&self) -> usize {
        self.targets * self.classes
    }

    /// Returns the tree for the kernel; `leaf` says what a leaf gives, `features` which columns of
    /// the input it was grown with.
    pub(super) fn tree(
        &self,
        features: Option<&[usize]>,
        leaf: impl Fn(usize) -> Weights<f64>,
    ) -> Load<Tree<f64>> {
        let broken =
            || Refusal("a tree has a node with a child or feature that is not there".to_owned());
        let mut nodes = Vec::with_capacity(self.left.len());
        for at in 0..self.left.len() {
            // Both children of a leaf are -1.
            if self.left[at] == -1 {
                nodes.push(Node::Leaf { weights: leaf(at) });
                continue;
            }
            let feature = usize::try_from(self.feature[at]).map_err(|_| broken())?;
            let feature = match features {
                Some(features) => *features.get(feature).ok_or_else(broken)?,
                None => feature,
            };
            nodes.push(Node::Split {
                feature: u32::try_from(feature).map_err(|_| broken())?,
                test: Test::AtMost(self.threshold[at]),
                missing_yes: self.missing_left.as_ref().is_some_and(|left| left[at] != 0),
                yes: u32::try_from(self.left[at]).map_err(|_| broken())?,
                no: u32::try_from(self.right[at]).map_err(|_| broken())?,
            });
        }
        Ok(Tree { nodes })
    }

    pub(super) fn weights_of(&self, node: usize) -> Weights<f64> {
        let values = &self.values[node * self.width()..(node + 1) * self.width()];
        (0..).zip(values.iter().copied()).collect()
    }

    /// Returns the shares of the classes in a node. Before scikit-learn 1.3 they were counts.
    pub(super) fn shares_of(&self, node: usize) -> Weights<f64> {
        let mut shares = self.weights_of(node);
        for classes in shares.chunks_mut(self.classes) {
            let sum: f64 = classes.iter().map(|(_, share)| share).sum();
            if (sum - 1.0).abs() > 1e-9 && sum != 0.0 {
                classes.iter_mut().for_each(|(_, share)| *share /= sum);
            }
        }
        shares
    }
}

/// Tells whether NaN may come: where the tree's criterion knows missing values.
fn takes_missing(object: &Object<'_>) -> Load<bool> {
    let criterion = object.text("criterion")?;
    let knows = matches!(
        criterion.as_str(),
        "gini" | "log_loss" | "entropy" | "squared_error" | "friedman_mse" | "poisson"
    );
    Ok(knows && object.some("monotonic_cst").is_none())
}

fn field<'a>(object: &Object<'_>, array: &'a Array, name: &str) -> Load<&'a Data> {
    let Data::Record(fields) = &array.data else { return object.unsupported("nodes") };
    match fields.iter().find(|(field, _)| field == name) {
        Some((_, data)) => Ok(data),
        None => object.wrong(format!("its nodes have no `{name}`")),
    }
}

fn whole(object: &Object<'_>, array: &Array, name: &str) -> Load<Vec<i64>> {
    field(object, array, name)?.to_integers()
}

pub(super) fn floats(object: &Object<'_>, array: &Array, name: &str) -> Load<Vec<f64>> {
    field(object, array, name)?.to_floats()
}
