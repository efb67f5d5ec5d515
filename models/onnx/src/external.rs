//! The files beside a graph that hold its weights.

use super::graph::read;
use mlctl_models_format::folder::DataFile;
use mlctl_models_format::{Error, Result};
use std::collections::BTreeSet;
use std::path::{Component, PathBuf};
use tract_onnx::pb::{GraphProto, TensorProto};

/// Lists the files that a graph's tensors lie in, relative to the graph's folder.
///
/// # Errors
/// [`Error::UnsupportedGraph`] when `graph` is no ONNX file, or names one outside of its folder.
pub fn external_files(graph: &DataFile) -> Result<Vec<PathBuf>> {
    let refuse =
        |problem: &str| Error::UnsupportedGraph { path: graph.path(), problem: problem.to_owned() };
    let proto = read(graph)?;
    let Some(body) = &proto.graph else { return Err(refuse("the file is not an ONNX model")) };
    let mut found = BTreeSet::new();
    collect(body, &mut found);
    let is_inside =
        |path: &PathBuf| path.components().all(|part| matches!(part, Component::Normal(_)));
    match found.iter().find(|path| !is_inside(path)) {
        Some(path) => {
            Err(refuse(&format!("its weights are in another file, `{}`", path.display())))
        }
        None => Ok(found.into_iter().collect()),
    }
}

fn collect(graph: &GraphProto, found: &mut BTreeSet<PathBuf>) {
    found.extend(graph.initializer.iter().flat_map(locations));
    for attribute in graph.node.iter().flat_map(|node| &node.attribute) {
        found.extend(attribute.t.iter().chain(&attribute.tensors).flat_map(locations));
        attribute.g.iter().chain(&attribute.graphs).for_each(|inner| collect(inner, found));
    }
}

fn locations(tensor: &TensorProto) -> impl Iterator<Item = PathBuf> + '_ {
    let entries = tensor.external_data.iter().filter(|entry| entry.key == "location");
    entries.map(|entry| PathBuf::from(&entry.value))
}
