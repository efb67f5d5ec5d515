//! Trees as a `TreeEnsembleRegressor`, which answers for every `f32` as the model does.

use super::graph::{floats, int, ints, text, texts};
use mlctl_models_trees::recipe::{Forest, Scaling};
use mlctl_models_trees::{Node, Test, round_down};
use smallvec::smallvec;
use tract_onnx::pb::AttributeProto;

/// The columns of the operator's attributes.
#[derive(Default)]
struct Lists<'a> {
    trees: Vec<i64>,
    nodes: Vec<i64>,
    features: Vec<i64>,
    modes: Vec<&'a str>,
    values: Vec<f32>,
    yes: Vec<i64>,
    no: Vec<i64>,
    missing: Vec<i64>,
    leaf_trees: Vec<i64>,
    leaf_nodes: Vec<i64>,
    targets: Vec<i64>,
    weights: Vec<f32>,
}

/// Writes the operator's attributes; what `scalings` do is in the thresholds.
pub(super) fn attributes(forest: &Forest, scalings: &[Scaling]) -> Vec<AttributeProto> {
    let mut lists = Lists::default();
    for (tree, nodes) in (0..).zip(&forest.trees) {
        for (at, node) in (0..).zip(&nodes.nodes) {
            lists.push(tree, at, node, forest, scalings);
        }
    }
    if forest.trees.is_empty() {
        // An operator without a tree is refused.
        lists.push(0, 0, &Node::Leaf { weights: smallvec![(0, 0.0)] }, forest, scalings);
    }
    let base = forest.base.iter().map(|value| *value as f32).collect();
    vec![
        text("aggregate_function", if forest.is_average { "AVERAGE" } else { "SUM" }),
        floats("base_values", base),
        int("n_targets", forest.targets as i64),
        ints("nodes_falsenodeids", lists.no),
        ints("nodes_featureids", lists.features),
        ints("nodes_missing_value_tracks_true", lists.missing),
        texts("nodes_modes", &lists.modes),
        ints("nodes_nodeids", lists.nodes),
        ints("nodes_treeids", lists.trees),
        ints("nodes_truenodeids", lists.yes),
        floats("nodes_values", lists.values),
        text("post_transform", "NONE"),
        ints("target_ids", lists.targets),
        ints("target_nodeids", lists.leaf_nodes),
        ints("target_treeids", lists.leaf_trees),
        floats("target_weights", lists.weights),
    ]
}

impl Lists<'_> {
    fn push(
        &mut self,
        tree: i64,
        at: i64,
        node: &Node<f64>,
        forest: &Forest,
        scalings: &[Scaling],
    ) {
        self.trees.push(tree);
        self.nodes.push(at);
        let (mode, feature, value, children, missing) = match node {
            Node::Split { feature, test: Test::AtMost(t), missing_yes, yes, no } => {
                let value = threshold(*t, *feature as usize, scalings, forest.rounds);
                ("BRANCH_LEQ", *feature, value, [*yes, *no], *missing_yes)
            }
            // A recipe has no other tests.
            _ => ("LEAF", 0, 0.0, [0, 0], false),
        };
        self.modes.push(mode);
        self.features.push(i64::from(feature));
        self.values.push(value);
        self.yes.push(i64::from(children[0]));
        self.no.push(i64::from(children[1]));
        self.missing.push(i64::from(missing));
        if let Node::Leaf { weights } = node {
            for (target, weight) in weights {
                self.leaf_trees.push(tree);
                self.leaf_nodes.push(at);
                self.targets.push(i64::from(*target));
                self.weights.push(*weight as f32);
            }
        }
    }
}

/// Returns the greatest `f32` that passes `x <= limit` once it is scaled; NaN when none does.
fn threshold(limit: f64, column: usize, scalings: &[Scaling], rounds: bool) -> f32 {
    if scalings.is_empty() {
        return round_down(limit);
    }
    let passes = |x: f32| {
        let scaled = scalings.iter().fold(f64::from(x), |x, scaling| scaling.apply(column, x));
        let scaled = if rounds { f64::from(scaled as f32) } else { scaled };
        scaled <= limit
    };
    // Scaling keeps the order, so those that pass are all before those that do not.
    let [mut low, mut high] = [order(f32::NEG_INFINITY), order(f32::INFINITY)];
    if !passes(f32::NEG_INFINITY) {
        return f32::NAN;
    }
    while low < high {
        let middle = low + (high - low).div_euclid(2) + (high - low).rem_euclid(2);
        if passes(at_order(middle)) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    at_order(low)
}

/// Numbers floats by their order; both zeros have one number.
fn order(value: f32) -> i64 {
    let size = i64::from(value.to_bits() & 0x7fff_ffff);
    if value.is_sign_negative() { -size } else { size }
}

/// Returns the float with a number of [`order`].
fn at_order(number: i64) -> f32 {
    let size = f32::from_bits(number.unsigned_abs() as u32);
    if number < 0 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(scaling: &Scaling, limit: f64) {
        let scalings = [scaling.clone()];
        for rounds in [false, true] {
            let got = threshold(limit, 0, &scalings, rounds);
            let near = if got.is_finite() { got } else { 1.0 };
            for x in [near, near.next_up(), near.next_down(), 0.0, 1.0, -1.0, f32::MAX, f32::MIN] {
                let scaled = scaling.apply(0, f64::from(x));
                let scaled = if rounds { f64::from(scaled as f32) } else { scaled };
                assert_eq!(x <= got, scaled <= limit, "{x} <= {limit} scaled");
            }
        }
    }

    #[test]
    fn thresholds_take_scaling_over_without_loss() {
        let standard =
            Scaling { minus: Some(vec![0.1]), by: Some(vec![3.7e-3]), ..Scaling::default() };
        let clipped = Scaling {
            times: Some(vec![0.3]),
            plus: Some(vec![-0.7]),
            clip: Some((0.0, 1.0)),
            ..Scaling::default()
        };
        for limit in [0.0, -0.1, 0.3, 1.0, 1e-40, -1e30, 2.5] {
            check(&standard, limit);
            check(&clipped, limit);
        }
        assert!(threshold(-0.5, 0, std::slice::from_ref(&clipped), false).is_nan());
        assert_eq!(threshold(1.0, 0, &[clipped], false), f32::INFINITY);
    }
}
