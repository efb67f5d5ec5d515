//! Forests that tell outliers.

use super::grown::{floats, grown};
use super::{Grown, build, rounded, scored};
use crate::sklearn::estimator::{Answer, Estimator, Methods};
use crate::sklearn::frame::Frame;
use crate::sklearn::labels::{Labels, Output};
use crate::sklearn::linear::outlier_labels;
use crate::sklearn::skops::{Load, Object};
use mlctl_models_trees::{Aggregate, Ensemble};
use ndarray::Array2;
use smallvec::smallvec;
use std::sync::Arc;

/// Isolation trees: how soon a row is alone.
#[derive(Debug)]
pub(super) struct Isolation {
    /// Sums the lengths of the paths.
    ensemble: Ensemble<f64>,
    /// What the sum is for a row like all others.
    usual: f64,
    offset: f64,
    takes_missing: bool,
    labels: Arc<Labels>,
}

impl Isolation {
    pub(super) fn read(object: &Object<'_>) -> Load<Self> {
        let grown = grown(&object.list("estimators_")?)?;
        let features = object.list("estimators_features_")?;
        if features.len() != grown.len() {
            return object.unsupported("estimators_features_");
        }
        let mut trees = Vec::with_capacity(grown.len());
        for (tree, features) in grown.iter().zip(&features) {
            let samples = floats(object, &tree.nodes, "n_node_samples")?;
            let lengths = tree.path_lengths(&samples).or_else(|problem| object.wrong(problem))?;
            trees
                .push(tree.tree(Some(&features.indices()?), |node| smallvec![(0, lengths[node])])?);
        }
        let samples =
            if object.find("_max_samples").is_some() { "_max_samples" } else { "max_samples_" };
        Ok(Self {
            usual: grown.len() as f64 * average_path_length(object.number(samples)?),
            ensemble: build(object, &trees, 1, Aggregate::Sum)?,
            offset: object.number("offset_")?,
            takes_missing: grown.iter().all(|tree| tree.missing_left.is_some()),
            labels: outlier_labels(),
        })
    }
}

impl Grown {
    /// Returns for each leaf how many splits lead to it, and how many more would be needed to part
    /// the training rows in it; `samples` are those in each node.
    fn path_lengths(&self, samples: &[f64]) -> Result<Vec<f64>, String> {
        let mut lengths = vec![0.0; self.left.len()];
        let mut open = vec![(0_usize, 0_usize)];
        while let Some((node, depth)) = open.pop() {
            if depth > self.left.len() {
                return Err("a tree has a circle".to_owned());
            }
            lengths[node] = depth as f64 + average_path_length(samples[node]);
            if self.left[node] == -1 {
                continue;
            }
            for child in [self.left[node], self.right[node]] {
                match usize::try_from(child) {
                    Ok(child) if child > node && child < self.left.len() => {
                        open.push((child, depth + 1));
                    }
                    // scikit-learn numbers children after their parents.
                    _ => return Err("a tree has a child that is not behind its parent".to_owned()),
                }
            }
            if open.len() > self.left.len() {
                return Err("a tree has a node that is reached twice".to_owned());
            }
        }
        Ok(lengths)
    }
}

/// Returns the average length of an unsuccessful search in a binary tree of so many rows.
fn average_path_length(rows: f64) -> f64 {
    const EULER_GAMMA: f64 = 0.577_215_664_901_532_9;
    if rows <= 1.0 {
        0.0
    } else if rows == 2.0 {
        1.0
    } else {
        2.0 * ((rows - 1.0).ln() + EULER_GAMMA) - 2.0 * (rows - 1.0) / rows
    }
}

impl Estimator for Isolation {
    fn methods(&self) -> Methods {
        Methods::PREDICT.with(Methods::DECISION)
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        let scores = self.decision(frame)?;
        let indices = scores.iter().map(|score| usize::from(*score >= 0.0)).collect();
        Ok(Output::Classes(indices, Arc::clone(&self.labels)))
    }

    fn decision(&self, frame: &Frame) -> Answer<Array2<f64>> {
        let mut depths = scored(&self.ensemble, &rounded(frame, self.takes_missing)?);
        depths.mapv_inplace(|depth| {
            let share = if self.usual == 0.0 { 1.0 } else { depth / self.usual };
            -(-share).exp2() - self.offset
        });
        Ok(depths)
    }
}
