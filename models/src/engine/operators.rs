//! Which operators of a graph run, and which are refused before they could answer wrongly.
//!
//! tract knows an operator by its name alone, so a stranger's `Add` would run as ONNX's: the domain
//! is checked here. Of ai.onnx.ml, what runs is what was compared with onnxruntime. tract's tree
//! ensembles answer wrong labels for two classes and are hundreds of times too slow.

use std::collections::BTreeSet;
use tract_onnx::Onnx;
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto};

const ML_DOMAIN: &str = "ai.onnx.ml";

/// Names every operator of a graph that must not run here: `Scaler (ai.onnx.ml)`.
pub(super) fn refused(onnx: &Onnx, model: &ModelProto) -> Vec<String> {
    let mut names = BTreeSet::new();
    if let Some(graph) = &model.graph {
        collect(onnx, graph, &mut names);
    }
    names.into_iter().collect()
}

fn collect(onnx: &Onnx, graph: &GraphProto, names: &mut BTreeSet<String>) {
    for node in &graph.node {
        if !runs(onnx, node) {
            names.insert(full_name(node));
        }
        for attribute in &node.attribute {
            attribute
                .g
                .iter()
                .chain(&attribute.graphs)
                .for_each(|inner| collect(onnx, inner, names));
        }
    }
}

fn full_name(node: &NodeProto) -> String {
    match node.domain.as_str() {
        "" | "ai.onnx" => node.op_type.clone(),
        domain => format!("{} ({domain})", node.op_type),
    }
}

fn runs(onnx: &Onnx, node: &NodeProto) -> bool {
    match node.domain.as_str() {
        "" | "ai.onnx" => onnx.op_register.0.contains_key(&node.op_type) && !is_ml(&node.op_type),
        ML_DOMAIN => runs_ml(node),
        _ => false,
    }
}

/// Tells the names that tract registers for ai.onnx.ml, which a graph may not use without it.
fn is_ml(name: &str) -> bool {
    const NAMES: [&str; 6] = [
        "CategoryMapper",
        "LinearClassifier",
        "LinearRegressor",
        "Normalizer",
        "TreeEnsembleClassifier",
        "TreeEnsembleRegressor",
    ];
    NAMES.contains(&name)
}

fn runs_ml(node: &NodeProto) -> bool {
    match node.op_type.as_str() {
        "LinearRegressor" => matches!(text(node, "post_transform"), None | Some(b"NONE")),
        // With fewer models than classes, tract's scores and onnxruntime's differ in shape.
        "LinearClassifier" => {
            let classes = attribute(node, "classlabels_ints").map_or(0, |labels| labels.ints.len());
            let models = attribute(node, "intercepts").map_or(0, |list| list.floats.len());
            classes > 1
                && classes == models
                && matches!(text(node, "post_transform"), Some(b"LOGISTIC" | b"SOFTMAX"))
        }
        // tract divides by the largest absolute value, ONNX by the largest value.
        "Normalizer" => matches!(text(node, "norm"), Some(b"L1" | b"L2")),
        _ => false,
    }
}

fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}

fn text<'a>(node: &'a NodeProto, name: &str) -> Option<&'a [u8]> {
    attribute(node, name).map(|attribute| attribute.s.as_slice())
}
