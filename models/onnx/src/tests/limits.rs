//! Graphs of a few bytes that ask for more memory than there is.

use super::{compile, int, ints, node, texts, whole_numbers};
use mlctl_table::{Tensor, Values};
use tract_onnx::pb::{NodeProto, TensorProto};

/// What one row asks for as well, where sizes follow from values.
const ROW: [f32; 3] = [9e9, 9e9, 9e9];

const HUGE: i64 = 1_000_000_000;

/// Returns how much memory this process has ever had, in MiB: what is asked for and not used is
/// none.
fn peak() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("VmHWM"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or(0) >> 10
}

/// Checks that a graph from `x` to `a` is refused, or fails, alone and as a part of a network.
#[track_caller]
fn check(name: &str, nodes: &[NodeProto], tensors: &[TensorProto]) {
    check_with(&["Identity", "Softplus", "Scaler"], name, nodes, tensors);
}

/// Does the same where the graph ends in some operator: with the second one, tract has all of it.
#[track_caller]
fn check_with(ends: &[&str], name: &str, nodes: &[NodeProto], tensors: &[TensorProto]) {
    for last in ends {
        let end = match *last {
            "Scaler" => node(
                "ai.onnx.ml:Scaler",
                &["a"],
                &["y"],
                vec![super::floats("scale", &[2.0]), super::floats("offset", &[0.0])],
            ),
            last => node(last, &["a"], &["y"], vec![]),
        };
        let nodes: Vec<NodeProto> = nodes.iter().cloned().chain([end]).collect();
        let row = || Tensor::new(vec![1, 3], Values::Float(ROW.to_vec())).unwrap();
        let ask = |graph: super::Graph| {
            let first = graph.run(vec![row()]).map(drop).map_err(|error| error.to_string());
            let second = graph.run(vec![row()]).map(drop).map_err(|error| error.to_string());
            assert_eq!(first, second, "{name} {last}");
            first
        };
        let problem = compile(nodes, tensors.to_vec()).and_then(ask);
        let problem = problem.expect_err(&format!("{name} {last} must fail"));
        assert!(problem.contains("too large"), "{name} {last}: {problem}");
    }
    assert!(peak() < 3000, "{name}: {} MiB", peak());
}

fn scales(name: &str, list: &[f32]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        dims: vec![list.len() as i64],
        data_type: 1,
        float_data: list.to_vec(),
        ..TensorProto::default()
    }
}

fn scalar(name: &str, value: i64) -> TensorProto {
    whole_numbers(name, &[], &[value])
}

/// A value of floats of any shape: `n` says which.
fn filled(to: &str) -> NodeProto {
    node("ConstantOfShape", &["n"], &[to], vec![])
}

#[test]
fn what_is_as_large_as_a_value_says_is_bounded() {
    let pair = || vec![whole_numbers("n", &[2], &[HUGE, HUGE])];
    let mode = || texts_of("mode", "nearest");
    check(
        "Resize",
        &[node("Resize", &["x", "", "s"], &["a"], vec![mode()])],
        &[scales("s", &[1e9, 1e9])],
    );
    check("Resize", &[node("Resize", &["x", "", "", "n"], &["a"], vec![mode()])], &pair());
    check(
        "Expand",
        &[node("Expand", &["x", "n"], &["a"], vec![])],
        &[whole_numbers("n", &[3], &[HUGE, 1, 3])],
    );
    check("Tile", &[node("Tile", &["x", "n"], &["a"], vec![])], &pair());
    let empty = whole_numbers("n", &[2], &[1 << 60, 0]);
    check_with(&["Identity"], "Tile", &[node("Tile", &["x", "n"], &["a"], vec![])], &[empty]);
    check("ConstantOfShape", &[filled("a")], &pair());
    let zero = whole_numbers("n", &[4], &[0, 0, HUGE, HUGE]);
    check("Pad", &[node("Pad", &["x", "n"], &["a"], vec![])], &[zero]);
    let range = node("Range", &["b", "l", "d"], &["r"], vec![]);
    let bounds = [scalar("b", 0), scalar("l", HUGE * 1000), scalar("d", 1)];
    check("Range", &[range, node("Cast", &["r"], &["a"], vec![int("to", 1)])], &bounds);
}

fn texts_of(name: &str, text: &str) -> tract_onnx::pb::AttributeProto {
    let mut one = texts(name, &[]);
    one.r#type = tract_onnx::pb::attribute_proto::AttributeType::String as i32;
    one.s = text.as_bytes().to_vec();
    one
}

#[test]
fn sizes_that_follow_from_values_are_bounded() {
    let whole = node("Cast", &["x"], &["w"], vec![int("to", 7)]);
    let flat = || [whole.clone(), node("Reshape", &["w", "m"], &["v"], vec![])];
    let one = || whole_numbers("m", &[1], &[-1]);
    let with = |last: NodeProto| [flat().to_vec(), vec![last]].concat();
    check("ConstantOfShape", &with(node("ConstantOfShape", &["v"], &["a"], vec![])), &[one()]);
    let sum = node("ReduceSum", &["x"], &["u"], vec![int("keepdims", 0)]);
    let expand = node("Expand", &["u", "v"], &["a"], vec![]);
    check("Expand", &[with(sum), vec![expand]].concat(), &[one()]);
    let deep = node("Unsqueeze", &["x", "z"], &["u"], vec![]);
    let tile = node("Tile", &["u", "v"], &["a"], vec![]);
    let tensors = [one(), whole_numbers("z", &[1], &[0])];
    check("Tile", &[with(deep), vec![tile]].concat(), &tensors);
    let end = node("ReduceSum", &["x"], &["u"], vec![int("keepdims", 0)]);
    let whole = node("Cast", &["u"], &["e"], vec![int("to", 7)]);
    let range = node("Range", &["b", "e", "d"], &["r"], vec![]);
    let cast = node("Cast", &["r"], &["a"], vec![int("to", 1)]);
    check("Range", &[end, whole, range, cast], &[scalar("b", 0), scalar("d", 1)]);
}

#[test]
fn what_outgrows_its_inputs_is_bounded() {
    let rows = || whole_numbers("n", &[2], &[1 << 15, 1]);
    let turn = node("Transpose", &["f"], &["t"], vec![ints("perm", &[1, 0])]);
    let both = |op: &str, inputs: &[&str]| {
        vec![filled("f"), turn.clone(), node(op, inputs, &["a"], vec![])]
    };
    check("Add", &both("Add", &["f", "t"]), &[rows()]);
    check("Pow", &both("Pow", &["f", "t"]), &[rows()]);
    check("MatMul", &both("MatMul", &["f", "t"]), &[rows()]);
    check("Gemm", &both("Gemm", &["f", "t"]), &[rows()]);
    check("Max", &both("Max", &["f", "t"]), &[rows()]);
    let answers = node("Cast", &["f"], &["q"], vec![int("to", 9)]);
    let mut choice = both("Where", &["q", "f", "t"]);
    choice.insert(1, answers);
    check("Where", &choice, &[rows()]);
    let whole = node("Cast", &["f"], &["i"], vec![int("to", 7)]);
    let gather = node("Gather", &["f", "i"], &["a"], vec![int("axis", 1)]);
    check("Gather", &[filled("f"), whole.clone(), gather], &[rows()]);
    let hot = node("OneHot", &["i", "d", "v"], &["a"], vec![]);
    check(
        "OneHot",
        &[filled("f"), whole, hot],
        &[rows(), scalar("d", 1 << 15), scales("v", &[0.0, 1.0])],
    );
    let mut doubled = vec![];
    for turn in 0..40 {
        let from = if turn == 0 { "x".to_owned() } else { format!("c{turn}") };
        let to = if turn == 39 { "a".to_owned() } else { format!("c{}", turn + 1) };
        doubled.push(node("Concat", &[&from, &from], &[&to], vec![int("axis", 0)]));
    }
    check("Concat", &doubled, &[]);
}

#[test]
fn models_of_tables_are_bounded() {
    let tree = |targets: i64| {
        let leaf = |name: &str, list: &[i64]| ints(name, list);
        let attributes = vec![
            leaf("nodes_treeids", &[0]),
            leaf("nodes_nodeids", &[0]),
            leaf("nodes_featureids", &[0]),
            texts("nodes_modes", &["LEAF"]),
            super::floats("nodes_values", &[0.0]),
            leaf("nodes_truenodeids", &[0]),
            leaf("nodes_falsenodeids", &[0]),
            leaf("target_treeids", &[0]),
            leaf("target_nodeids", &[0]),
            leaf("target_ids", &[0]),
            super::floats("target_weights", &[1.0]),
            int("n_targets", targets),
        ];
        node("ai.onnx.ml:TreeEnsembleRegressor", &["x"], &["a"], attributes)
    };
    check_with(&["Identity", "Scaler"], "TreeEnsembleRegressor", &[tree(1 << 30)], &[]);
    let wide = vec![ints("inputdimensions", &[i64::MAX, i64::MAX])];
    let vectorizer = node("ai.onnx.ml:FeatureVectorizer", &["x", "x"], &["a"], wide);
    check_with(&["Identity", "Scaler"], "FeatureVectorizer", &[vectorizer], &[]);
    // Few values, and a long text for each.
    let long = "a".repeat(1 << 20);
    let keys = vec![super::floats("keys_floats", &[0.0]), texts("values_strings", &[&long])];
    let text = node("ai.onnx.ml:LabelEncoder", &["f"], &["t"], keys);
    let hash = node("com.microsoft:MurmurHash3", &["t"], &["h"], vec![]);
    let cast = node("Cast", &["h"], &["a"], vec![int("to", 1)]);
    let rows = whole_numbers("n", &[1], &[1 << 16]);
    check_with(&["Identity"], "LabelEncoder", &[filled("f"), text, hash, cast], &[rows]);
}

#[test]
fn all_values_together_are_bounded() {
    let size = node("Shape", &["x"], &["s"], vec![]);
    let sizes = node("Mul", &["s", "n"], &["m"], vec![]);
    let filled = ["f", "g", "h"].map(|to| node("ConstantOfShape", &["m"], &[to], vec![]));
    let sum = node("Sum", &["f", "g", "h"], &["a"], vec![]);
    let nodes = [vec![size, sizes], filled.to_vec(), vec![sum]].concat();
    // tract adds up as it goes, and so never holds all of them.
    check_with(&["Identity"], "Sum", &nodes, &[whole_numbers("n", &[2], &[1 << 25, 1])]);
}

#[test]
fn what_only_networks_have_is_bounded() {
    let n = |value: i64| [scalar("n", value)];
    let grows = |op: &str, attributes| vec![node(op, &["n"], &["a"], attributes)];
    for op in ["HannWindow", "HammingWindow", "BlackmanWindow"] {
        check(op, &grows(op, vec![]), &n(HUGE * 1000));
    }
    for op in ["RandomNormal", "RandomUniform"] {
        check(op, &[node(op, &[], &["a"], vec![ints("shape", &[HUGE, HUGE])])], &[]);
    }
    let eye =
        [node("Expand", &["x", "n"], &["e"], vec![]), node("EyeLike", &["e"], &["a"], vec![])];
    check("EyeLike", &eye, &[whole_numbers("n", &[2], &[HUGE, 3])]);
    let rows = || whole_numbers("n", &[2], &[1 << 15, 1]);
    let product = node("Einsum", &["f", "f"], &["a"], vec![texts_of("equation", "ij,kl->ik")]);
    check("Einsum", &[filled("f"), product], &[rows()]);
    let image = || node("Reshape", &["x", "m"], &["i"], vec![]);
    let shape = || whole_numbers("m", &[3], &[1, 1, 3]);
    let weight = || TensorProto { dims: vec![1, 1, 1], ..scales("k", &[1.0]) };
    let conv = |op: &str, attributes| vec![image(), node(op, &["i", "k"], &["a"], attributes)];
    check("Conv", &conv("Conv", vec![ints("pads", &[HUGE, HUGE])]), &[shape(), weight()]);
    check(
        "ConvTranspose",
        &conv("ConvTranspose", vec![ints("strides", &[HUGE])]),
        &[shape(), weight()],
    );
    let pool = node(
        "MaxPool",
        &["i"],
        &["a"],
        vec![ints("kernel_shape", &[HUGE]), ints("pads", &[HUGE - 1, HUGE - 1])],
    );
    check("MaxPool", &[image(), pool], &[shape()]);
    let draw = node("Multinomial", &["x"], &["d"], vec![int("sample_size", HUGE)]);
    check("Multinomial", &[draw, node("Cast", &["d"], &["a"], vec![int("to", 1)])], &[]);
}
