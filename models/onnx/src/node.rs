//! A node of a graph as its builder reads it: every attribute must be taken.

use super::array::Array;
use super::loader::Loader;
use std::collections::BTreeMap;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto};

/// What a builder sees of a node.
pub(super) struct Node<'a> {
    pub(super) op: &'a str,
    pub(super) domain: &'a str,
    /// The version of the operator set.
    pub(super) version: i64,
    pub(super) inputs: Vec<&'a str>,
    pub(super) outputs: Vec<&'a str>,
    pub(super) loader: &'a Loader<'a>,
    attributes: BTreeMap<&'a str, &'a AttributeProto>,
    captured: Vec<String>,
}

impl<'a> Node<'a> {
    pub(super) fn new(proto: &'a NodeProto, loader: &'a Loader<'a>) -> Self {
        Self {
            op: &proto.op_type,
            domain: domain(proto),
            version: loader.version(domain(proto)),
            inputs: proto.input.iter().map(String::as_str).collect(),
            outputs: proto.output.iter().map(String::as_str).collect(),
            loader,
            attributes: proto.attribute.iter().map(|one| (one.name.as_str(), one)).collect(),
            captured: Vec::new(),
        }
    }

    fn take(
        &mut self,
        name: &str,
        kind: AttributeType,
    ) -> Result<Option<&'a AttributeProto>, String> {
        let Some(found) = self.attributes.remove(name) else { return Ok(None) };
        if !found.ref_attr_name.is_empty() {
            return Err(format!("its attribute `{name}` stands for one of a function"));
        }
        // Files before IR version 2 leave the type out.
        if found.r#type != kind as i32 && found.r#type != 0 {
            return Err(format!("its attribute `{name}` is not of type {}", kind.as_str_name()));
        }
        Ok(Some(found))
    }

    pub(super) fn int(&mut self, name: &str) -> Result<Option<i64>, String> {
        Ok(self.take(name, AttributeType::Int)?.map(|found| found.i))
    }

    pub(super) fn flag(&mut self, name: &str, default: bool) -> Result<bool, String> {
        Ok(self.int(name)?.map_or(default, |value| value != 0))
    }

    pub(super) fn float(&mut self, name: &str) -> Result<Option<f32>, String> {
        Ok(self.take(name, AttributeType::Float)?.map(|found| found.f))
    }

    pub(super) fn ints(&mut self, name: &str) -> Result<Option<&'a [i64]>, String> {
        Ok(self.take(name, AttributeType::Ints)?.map(|found| found.ints.as_slice()))
    }

    pub(super) fn floats(&mut self, name: &str) -> Result<Option<&'a [f32]>, String> {
        Ok(self.take(name, AttributeType::Floats)?.map(|found| found.floats.as_slice()))
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, String> {
        let found = self.take(name, AttributeType::String)?;
        found.map(|found| utf8(name, &found.s)).transpose()
    }

    pub(super) fn texts(&mut self, name: &str) -> Result<Option<Vec<String>>, String> {
        let Some(found) = self.take(name, AttributeType::Strings)? else { return Ok(None) };
        found.strings.iter().map(|text| utf8(name, text)).collect::<Result<_, _>>().map(Some)
    }

    /// Returns texts as they stand in the file.
    pub(super) fn bytes(&mut self, name: &str) -> Result<Option<&'a [Vec<u8>]>, String> {
        Ok(self.take(name, AttributeType::Strings)?.map(|found| found.strings.as_slice()))
    }

    pub(super) fn tensor(&mut self, name: &str) -> Result<Option<Array>, String> {
        let found = self.take(name, AttributeType::Tensor)?;
        let tensor = found.and_then(|found| found.t.as_ref());
        tensor.map(|tensor| self.loader.array(tensor)).transpose()
    }

    pub(super) fn graph(&mut self, name: &str) -> Result<Option<&'a GraphProto>, String> {
        Ok(self.take(name, AttributeType::Graph)?.and_then(|found| found.g.as_ref()))
    }

    /// Adds inputs that graphs inside of the node need.
    pub(super) fn capture(&mut self, names: &[String]) {
        self.captured.extend_from_slice(names);
    }

    /// Lists the inputs that graphs inside of the node need; they follow the node's own.
    pub(super) fn inputs_of_inner_graphs(self) -> Vec<String> {
        self.captured
    }

    /// Drops attributes that change nothing here.
    pub(super) fn ignore(&mut self, names: &[&'a str]) {
        for name in names {
            self.attributes.remove(name);
        }
    }

    /// Fails when an attribute is left that nobody asked for.
    pub(super) fn finish(&self) -> Result<(), String> {
        match self.attributes.keys().next() {
            Some(name) => Err(format!("its attribute `{name}` is not supported")),
            None => Ok(()),
        }
    }
}

/// Returns a node's domain; ONNX's own is empty.
pub(super) fn domain(node: &NodeProto) -> &str {
    if node.domain == "ai.onnx" { "" } else { &node.domain }
}

/// Writes an operator with its domain when it is not ai.onnx.
pub(super) fn full_name(node: &NodeProto) -> String {
    match domain(node) {
        "" => node.op_type.clone(),
        domain => format!("{} ({domain})", node.op_type),
    }
}

fn utf8(name: &str, bytes: &[u8]) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| format!("its attribute `{name}` is not UTF-8"))
}
