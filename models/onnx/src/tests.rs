//! Graphs that must not run, or not for long.

mod limits;

use super::Graph;
use super::loader::Loader;
use super::program::Refusal;
use mlctl_models_format::folder::DataFile;
use mlctl_table::{Tensor, Values};
use std::path::Path;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::{DataLocation, DataType};
use tract_onnx::pb::tensor_shape_proto::Dimension;
use tract_onnx::pb::type_proto::{self, Value};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto,
    TensorProto, TensorShapeProto, TypeProto, ValueInfoProto,
};

/// Makes a node `NAME(inputs) -> outputs`, in a domain when the name has one: `ai.onnx.ml:Scaler`.
fn node(op: &str, inputs: &[&str], outputs: &[&str], attributes: Vec<AttributeProto>) -> NodeProto {
    let (domain, op) = op.split_once(':').unwrap_or(("", op));
    let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    NodeProto {
        op_type: op.to_owned(),
        domain: domain.to_owned(),
        input: own(inputs),
        output: own(outputs),
        attribute: attributes,
        ..NodeProto::default()
    }
}

fn ints(name: &str, list: &[i64]) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        r#type: AttributeType::Ints as i32,
        ints: list.to_vec(),
        ..AttributeProto::default()
    }
}

fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        r#type: AttributeType::Int as i32,
        i,
        ..AttributeProto::default()
    }
}

fn floats(name: &str, list: &[f32]) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        r#type: AttributeType::Floats as i32,
        floats: list.to_vec(),
        ..AttributeProto::default()
    }
}

fn texts(name: &str, list: &[&str]) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        r#type: AttributeType::Strings as i32,
        strings: list.iter().map(|text| text.as_bytes().to_vec()).collect(),
        ..AttributeProto::default()
    }
}

fn whole_numbers(name: &str, dims: &[i64], list: &[i64]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        dims: dims.to_vec(),
        data_type: DataType::Int64 as i32,
        int64_data: list.to_vec(),
        ..TensorProto::default()
    }
}

/// A value of a type with any number of rows and columns.
fn value(name: &str, kind: DataType) -> ValueInfoProto {
    let shape = TensorShapeProto { dim: vec![Dimension::default(); 2] };
    let tensor = type_proto::Tensor { elem_type: kind as i32, shape: Some(shape) };
    let kind = TypeProto { value: Some(Value::TensorType(tensor)), ..TypeProto::default() };
    ValueInfoProto { name: name.to_owned(), r#type: Some(kind), ..ValueInfoProto::default() }
}

/// Compiles a graph from `x`, a matrix of floats, to `y`.
fn compile(nodes: Vec<NodeProto>, initializer: Vec<TensorProto>) -> Result<Graph, String> {
    let import = |domain: &str, version| OperatorSetIdProto { domain: domain.to_owned(), version };
    let graph = GraphProto {
        node: nodes,
        initializer,
        input: vec![value("x", DataType::Float)],
        output: vec![value("y", DataType::Float)],
        ..GraphProto::default()
    };
    let model = ModelProto {
        ir_version: 9,
        opset_import: vec![import("", 18), import("ai.onnx.ml", 3)],
        graph: Some(graph),
        ..ModelProto::default()
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/external");
    let file = DataFile::alone(&folder.join("model.onnx"));
    Graph::compile(&Loader { model: &model, file: &file }).map_err(|refusal| match refusal {
        Refusal::Operators(names) => names.into_iter().collect::<Vec<_>>().join(", "),
        Refusal::Problem(problem) => problem,
    })
}

#[track_caller]
fn check_refused(nodes: Vec<NodeProto>, initializer: Vec<TensorProto>, want: &str) {
    let problem = compile(nodes, initializer).unwrap_err();
    assert!(problem.contains(want), "{problem}");
}

/// Runs a graph on one row of three numbers, which must fail.
#[track_caller]
fn check_fails(nodes: Vec<NodeProto>, initializer: Vec<TensorProto>, want: &str) {
    let graph = compile(nodes, initializer).unwrap();
    let row = Tensor::new(vec![1, 3], Values::Float(vec![1.0, 2.0, 3.0])).unwrap();
    let problem = graph.run(vec![row]).unwrap_err().to_string();
    assert!(problem.contains(want), "{problem}");
}

#[test]
fn an_axis_before_the_first_is_refused_at_once() {
    let axis = int("axis", -3);
    let outputs = ["y", "mean", "deviation"];
    let scale = TensorProto {
        name: "scale".to_owned(),
        dims: vec![3],
        data_type: DataType::Float as i32,
        float_data: vec![1.0; 3],
        ..TensorProto::default()
    };
    let nodes = vec![node("LayerNormalization", &["x", "scale"], &outputs, vec![axis])];
    check_refused(nodes, vec![scale], "there is no axis -3 of 2");
}

#[test]
fn strangers_are_refused_by_name() {
    let two = vec![
        node("Launch", &["x"], &["a"], vec![]),
        node("com.example:Scaler", &["a"], &["b"], vec![]),
        node("ai.onnx.ml:CastMap", &["b"], &["y"], vec![]),
    ];
    check_refused(two, vec![], "CastMap (ai.onnx.ml), Launch, Scaler (com.example)");
    for op in ["Loop", "SplitToSequence", "Upsample"] {
        check_refused(vec![node(op, &["x"], &["y"], vec![])], vec![], op);
    }
    let scale = || floats("scale", &[1.0]);
    check_refused(
        vec![node("ai.onnx.ml:Scaler", &["x"], &["y"], vec![scale(), floats("bias", &[0.0])])],
        vec![],
        "Scaler (ai.onnx.ml) does not run: it has no scale or no offset",
    );
    let attributes = vec![scale(), floats("offset", &[0.0]), floats("bias", &[0.0])];
    check_refused(
        vec![node("ai.onnx.ml:Scaler", &["x"], &["y"], attributes)],
        vec![],
        "its attribute `bias` is not supported",
    );
    check_refused(
        vec![node("Conv", &["x", "x"], &["y"], vec![ints("groups", &[1])])],
        vec![],
        "Conv does not run: its attribute `groups` is not supported",
    );
}

#[test]
fn a_network_without_any_plan_is_refused() {
    // A product of rows of 3 with rows of 3 never fits, however many there are.
    let weight = whole_numbers("w", &[1, 2], &[1, 2]);
    let cast = node("Cast", &["w"], &["c"], vec![int("to", 1)]);
    let product = node("MatMul", &["c", "c"], &["p"], vec![]);
    let nodes = vec![cast, product, node("Softplus", &["p"], &["q"], vec![])];
    let last = node("Add", &["q", "x"], &["y"], vec![]);
    check_refused([nodes, vec![last]].concat(), vec![weight], "the network: ");
}

#[test]
fn a_branch_needs_what_runs_here_and_nothing_else() {
    let branch = |name: &str, op: &str, weight: &str| {
        let output = ValueInfoProto { name: "b".to_owned(), ..ValueInfoProto::default() };
        let graph = GraphProto {
            node: vec![node(op, &["x", weight], &["b"], vec![])],
            output: vec![output],
            ..GraphProto::default()
        };
        let kind = AttributeType::Graph as i32;
        AttributeProto { name: name.to_owned(), r#type: kind, g: Some(graph), ..int(name, 0) }
    };
    let choice = |no: AttributeProto| {
        let condition = node("IsNaN", &["x"], &["n"], vec![]);
        let number = node("Cast", &["n"], &["k"], vec![int("to", 1)]);
        let some = node("ReduceMax", &["k"], &["m"], vec![int("keepdims", 0)]);
        let is_some = node("Cast", &["m"], &["c"], vec![int("to", 9)]);
        let attributes = vec![branch("then_branch", "MatMul", "w"), no];
        let choice = node("If", &["c"], &["y"], attributes);
        vec![condition, number, some, is_some, choice]
    };
    let weight = || {
        let kind = DataType::Float as i32;
        TensorProto { data_type: kind, float_data: vec![1.0], ..whole_numbers("w", &[1, 1], &[]) }
    };
    let row = |value| Tensor::new(vec![1, 3], Values::Float(vec![value, 2.0, 3.0])).unwrap();

    let graph = compile(choice(branch("else_branch", "PRelu", "w")), vec![weight()]).unwrap();

    assert_eq!(graph.run(vec![row(-1.0)]).unwrap(), [("y".to_owned(), row(-1.0))]);
    let problem = graph.run(vec![row(f32::NAN)]).unwrap_err().to_string();
    assert!(problem.contains("its then_branch: MatMul: the shapes"), "{problem}");
    let stranger = choice(branch("else_branch", "Launch", "w"));
    check_refused(stranger, vec![weight()], "its else_branch needs Launch");
}

#[test]
fn graphs_that_lead_nowhere_are_refused() {
    check_refused(vec![node("Neg", &["z"], &["y"], vec![])], vec![], "nothing computes `z`");
    check_refused(vec![], vec![], "nothing computes `y`");
    let twice = vec![node("Neg", &["x"], &["y"], vec![]), node("Abs", &["x"], &["y"], vec![])];
    check_refused(twice, vec![], "`y` is computed twice");
    let labels = || ints("classlabels_int64s", &[0, 1, 2]);
    let maps = vec![
        node("ai.onnx.ml:ZipMap", &["x"], &["maps"], vec![labels()]),
        node("Identity", &["maps"], &["y"], vec![]),
    ];
    check_refused(maps, vec![], "something uses the maps `maps`");
}

#[test]
fn tensors_must_hold_what_their_shape_says() {
    let add = || vec![node("Add", &["x", "w"], &["y"], vec![])];
    for (dims, list, want) in [
        (vec![3], vec![1, 2], "tensor `w` has 2 values for 3"),
        (vec![-3], vec![1], "tensor `w` has a negative dimension"),
        (vec![1 << 40], vec![], "tensor `w` has 0 values for 1099511627776"),
        (vec![i64::MAX, i64::MAX], vec![], "is too large"),
    ] {
        check_refused(add(), vec![whole_numbers("w", &dims, &list)], want);
    }
    let cut = TensorProto { raw_data: vec![0; 9], ..whole_numbers("w", &[1], &[]) };
    check_refused(add(), vec![cut.clone()], "the bytes of tensor `w` are incomplete");
    // A network reads its tensors elsewhere, and is checked all the same.
    check_refused(vec![node("Conv", &["x", "w"], &["y"], vec![])], vec![cut], "are incomplete");
}

#[test]
fn external_data_stays_in_the_folder() {
    let field = |key: &str, value: &str| StringStringEntryProto {
        key: key.to_owned(),
        value: value.to_owned(),
    };
    for (location, length, want) in [
        ("../elasticnet/model.onnx", "8", "is not a file inside the model's folder"),
        ("/etc/hostname", "8", "is not a file inside the model's folder"),
        ("", "8", "is not a file inside the model's folder"),
        (".", "8", "is not a file inside the model's folder"),
        ("model.onnx", "99999999999", "is shorter than the graph says"),
        ("model.onnx", "many", "is not a number"),
    ] {
        let tensor = TensorProto {
            data_location: Some(DataLocation::External as i32),
            external_data: vec![field("location", location), field("length", length)],
            ..whole_numbers("w", &[1], &[])
        };
        for op in ["Add", "Conv"] {
            check_refused(vec![node(op, &["x", "w"], &["y"], vec![])], vec![tensor.clone()], want);
        }
    }
}

#[test]
fn sizes_that_no_honest_graph_asks_for_fail() {
    let huge = || vec![whole_numbers("n", &[2], &[1 << 30, 3])];
    check_fails(vec![node("Expand", &["x", "n"], &["y"], vec![])], huge(), "is too large");
    check_fails(vec![node("Tile", &["x", "n"], &["y"], vec![])], huge(), "is too large");
    check_refused(vec![node("ConstantOfShape", &["n"], &["y"], vec![])], huge(), "is too large");
    let network = vec![
        node("ConstantOfShape", &["n"], &["a"], vec![]),
        node("Softplus", &["a"], &["y"], vec![]),
    ];
    check_refused(network, huge(), "is too large");
}

#[test]
fn an_axis_that_is_named_twice_is_refused_or_counts_once() {
    let two = || vec![whole_numbers("n", &[2], &[0, 0]), whole_numbers("e", &[2], &[1, 1])];
    let slice = node("Slice", &["x", "n", "e", "n"], &["y"], vec![]);
    check_fails(vec![slice], two(), "name axis 0 twice");
    let four = || vec![whole_numbers("p", &[4], &[0; 4]), whole_numbers("n", &[2], &[1, 1])];
    let pad = node("Pad", &["x", "p", "", "n"], &["y"], vec![]);
    check_fails(vec![pad], four(), "name axis 1 twice");
    // onnxruntime takes this for one axis.
    let sum = node("ReduceSum", &["x", "n"], &["y"], vec![]);
    let row = Tensor::new(vec![1, 3], Values::Float(vec![1.0, 2.0, 3.0])).unwrap();
    let answer = compile(vec![sum], two()).unwrap().run(vec![row.clone()]).unwrap();
    assert_eq!(answer, [("y".to_owned(), row)]);
}

#[test]
fn words_that_are_skipped_come_to_an_end() {
    let words = node("Cast", &["x"], &["s"], vec![int("to", 7)]);
    let grams = node(
        "TfIdfVectorizer",
        &["s"],
        &["y"],
        vec![
            AttributeProto {
                name: "mode".to_owned(),
                r#type: AttributeType::String as i32,
                s: b"TF".to_vec(),
                ..AttributeProto::default()
            },
            int("min_gram_length", 1),
            int("max_gram_length", 2),
            int("max_skip_count", i64::MAX),
            ints("ngram_counts", &[0, 2]),
            ints("ngram_indexes", &[0, 1, 2]),
            ints("pool_int64s", &[1, 3, 1, 3]),
        ],
    );
    let graph = compile(vec![words, grams], vec![]).unwrap();
    let row = Tensor::new(vec![1, 3], Values::Float(vec![1.0, 2.0, 3.0])).unwrap();

    let answer = graph.run(vec![row]).unwrap();

    assert_eq!(answer[0].1.values(), &Values::Float(vec![1.0, 1.0, 1.0]));
}

#[test]
fn trees_without_an_end_are_refused() {
    let tree = |yes: i64, weight_at: i64| {
        vec![node(
            "ai.onnx.ml:TreeEnsembleRegressor",
            &["x"],
            &["y"],
            vec![
                ints("nodes_treeids", &[0, 0, 0]),
                ints("nodes_nodeids", &[0, 1, 2]),
                ints("nodes_featureids", &[0, 0, 0]),
                texts("nodes_modes", &["BRANCH_LEQ", "BRANCH_LEQ", "LEAF"]),
                floats("nodes_values", &[0.0, 0.0, 0.0]),
                ints("nodes_truenodeids", &[1, yes, 0]),
                ints("nodes_falsenodeids", &[2, 2, 0]),
                ints("target_treeids", &[0]),
                ints("target_nodeids", &[weight_at]),
                ints("target_ids", &[0]),
                floats("target_weights", &[1.0]),
            ],
        )]
    };
    assert!(compile(tree(2, 2), vec![]).is_ok());
    check_refused(tree(1, 2), vec![], "tree 0 has no end");
    check_refused(tree(0, 2), vec![], "tree 0 has no root");
    check_refused(tree(7, 2), vec![], "there is no node 7 of tree 0");
    check_refused(tree(2, 9), vec![], "there is no node 9 of tree 0 for a weight");
}

#[test]
fn one_input_may_be_used_twice_and_is_left_alone() {
    let nodes = vec![
        node("Mul", &["x", "x"], &["a"], vec![]),
        node("Neg", &["a"], &["b"], vec![]),
        node("Add", &["b", "a"], &["c"], vec![]),
        node("Add", &["c", "x"], &["y"], vec![]),
    ];
    let graph = compile(nodes, vec![]).unwrap();
    let row = Tensor::new(vec![1, 3], Values::Float(vec![1.0, 2.0, 3.0])).unwrap();

    let answer = graph.run(vec![row.clone()]).unwrap();

    assert_eq!(answer, [("y".to_owned(), row)]);
}
