//! Functions that a file defines: each call becomes the nodes of the function.
//!
//! What stands here runs when the file is read, so that nothing else knows of functions.

use super::node::domain;
use prost::Message;
use std::collections::HashMap;
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto};

/// How deep functions call one another.
const DEPTH_MAX: usize = 32;
/// How many bytes all calls together may become.
const BYTES_MAX: usize = 1 << 26;

/// The part of a file that defines functions, with the fields that tract's message lacks.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Functions {
    #[prost(message, repeated, tag = "25")]
    functions: Vec<Function>,
}

#[derive(Clone, PartialEq, Message)]
struct Function {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, repeated, tag = "4")]
    input: Vec<String>,
    #[prost(string, repeated, tag = "5")]
    output: Vec<String>,
    /// Names of attributes without a default.
    #[prost(string, repeated, tag = "6")]
    attribute: Vec<String>,
    #[prost(message, repeated, tag = "7")]
    node: Vec<NodeProto>,
    #[prost(message, repeated, tag = "9")]
    opset_import: Vec<OperatorSetIdProto>,
    #[prost(string, tag = "10")]
    domain: String,
    /// Attributes with their defaults.
    #[prost(message, repeated, tag = "11")]
    attribute_proto: Vec<AttributeProto>,
}

/// Reads a file, and puts the nodes of its functions where they are called.
pub(super) fn read(bytes: &[u8]) -> Result<ModelProto, String> {
    let broken = |_| "the file is not an ONNX model".to_owned();
    let mut model = ModelProto::decode(bytes).map_err(broken)?;
    if !model.functions.is_empty() {
        model.functions.clear();
        inline(&mut model, &Functions::decode(bytes).map_err(broken)?)?;
    }
    Ok(model)
}

fn inline(model: &mut ModelProto, functions: &Functions) -> Result<(), String> {
    let mut by_name = HashMap::new();
    for function in &functions.functions {
        if by_name.insert((plain(&function.domain), function.name.as_str()), function).is_some() {
            return Err(format!("there are several functions `{}`", function.name));
        }
    }
    let Some(graph) = &mut model.graph else { return Ok(()) };
    let mut inliner =
        Inliner { functions: by_name, imports: &mut model.opset_import, calls: 0, bytes: 0 };
    graph.node = inliner.expand(std::mem::take(&mut graph.node), 0)?;
    Ok(())
}

fn plain(domain: &str) -> &str {
    if domain == "ai.onnx" { "" } else { domain }
}

struct Inliner<'a> {
    functions: HashMap<(&'a str, &'a str), &'a Function>,
    imports: &'a mut Vec<OperatorSetIdProto>,
    /// How many there were.
    calls: usize,
    /// What they became.
    bytes: usize,
}

impl Inliner<'_> {
    fn expand(&mut self, nodes: Vec<NodeProto>, depth: usize) -> Result<Vec<NodeProto>, String> {
        let mut expanded = Vec::with_capacity(nodes.len());
        for mut node in nodes {
            for graph in node.attribute.iter_mut().flat_map(graphs) {
                graph.node = self.expand(std::mem::take(&mut graph.node), depth)?;
            }
            match self.functions.get(&(domain(&node), node.op_type.as_str())) {
                Some(function) => expanded.extend(self.call(function, &node, depth)?),
                None => expanded.push(node),
            }
        }
        Ok(expanded)
    }

    /// Returns the nodes of a function, with the names and attributes of a call.
    fn call(
        &mut self,
        function: &Function,
        node: &NodeProto,
        depth: usize,
    ) -> Result<Vec<NodeProto>, String> {
        let problem = |what: &str| Err(format!("the function `{}` {what}", function.name));
        if depth == DEPTH_MAX {
            return problem("calls itself, or too many others");
        }
        let is_known = |name: &String| {
            function.attribute.contains(name)
                || function.attribute_proto.iter().any(|one| one.name == *name)
        };
        if node.input.len() > function.input.len() || node.output.len() > function.output.len() {
            return problem("is called with more inputs or outputs than it has");
        }
        if let Some(stranger) = node.attribute.iter().find(|one| !is_known(&one.name)) {
            return problem(&format!("has no attribute `{}`", stranger.name));
        }
        let size = |one: &AttributeProto| one.encoded_len() * function.node.len();
        self.bytes += function.encoded_len() + node.attribute.iter().map(size).sum::<usize>();
        if self.bytes > BYTES_MAX {
            return problem("is called too often for its size");
        }
        self.import(function)?;
        self.calls += 1;
        let call = Call::new(function, node, format!("{}#{}/", function.name, self.calls));
        let mut body = function.node.iter().map(|one| call.node(one)).collect::<Result<_, _>>()?;
        call.passed(&mut body);
        self.expand(body, depth + 1)
    }

    /// Checks that a function is written for the operators of the graph, or adds those it needs.
    fn import(&mut self, function: &Function) -> Result<(), String> {
        for import in &function.opset_import {
            let name = plain(&import.domain);
            match self.imports.iter().find(|own| plain(&own.domain) == name) {
                None => self.imports.push(import.clone()),
                Some(own) if own.version == import.version => {}
                Some(own) if self.uses(&function.node, name) => {
                    return Err(format!(
                        "the function `{}` is written for version {} of the operators{}, the \
                         graph for {}",
                        function.name,
                        import.version,
                        if name.is_empty() { String::new() } else { format!(" of {name}") },
                        own.version
                    ));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Tells whether nodes are operators of a domain, and no functions.
    fn uses(&self, nodes: &[NodeProto], name: &str) -> bool {
        nodes.iter().any(|node| {
            let is_function = self.functions.contains_key(&(domain(node), node.op_type.as_str()));
            let inner = node.attribute.iter().flat_map(|one| one.g.iter().chain(&one.graphs));
            (domain(node) == name && !is_function)
                || inner.into_iter().any(|graph| self.uses(&graph.node, name))
        })
    }
}

fn graphs(attribute: &mut AttributeProto) -> impl Iterator<Item = &mut GraphProto> {
    attribute.g.iter_mut().chain(&mut attribute.graphs)
}

/// One call: what the names and attributes of a function's body stand for.
struct Call<'a> {
    function: &'a Function,
    attributes: &'a [AttributeProto],
    names: HashMap<&'a str, &'a str>,
    /// Outputs that are inputs as they came.
    passed: Vec<(&'a str, &'a str)>,
    /// Stands before all names that only the body knows.
    prefix: String,
}

impl<'a> Call<'a> {
    fn new(function: &'a Function, node: &'a NodeProto, prefix: String) -> Self {
        let given = node.input.iter().map(String::as_str).chain(std::iter::repeat(""));
        let mut names: HashMap<&str, &str> =
            function.input.iter().map(String::as_str).zip(given).collect();
        let mut passed = Vec::new();
        for (inner, outer) in function.output.iter().zip(&node.output) {
            if outer.is_empty() {
                continue;
            }
            match names.get(inner.as_str()) {
                Some(given) => passed.push((*given, outer.as_str())),
                None => {
                    names.insert(inner, outer);
                }
            }
        }
        Self { function, attributes: &node.attribute, names, passed, prefix }
    }

    /// Adds nodes for the outputs that nothing in the body computes.
    fn passed(&self, body: &mut Vec<NodeProto>) {
        for (from, to) in &self.passed {
            body.push(NodeProto {
                op_type: "Identity".to_owned(),
                input: vec![(*from).to_owned()],
                output: vec![(*to).to_owned()],
                ..NodeProto::default()
            });
        }
    }

    fn name(&self, name: &str) -> String {
        match self.names.get(name) {
            Some(outer) => (*outer).to_owned(),
            None if name.is_empty() => String::new(),
            None => format!("{}{name}", self.prefix),
        }
    }

    fn rename(&self, name: &mut String) {
        *name = self.name(name);
    }

    fn node(&self, node: &NodeProto) -> Result<NodeProto, String> {
        let mut attributes = Vec::with_capacity(node.attribute.len());
        for attribute in &node.attribute {
            attributes.extend(self.attribute(attribute)?);
        }
        Ok(NodeProto {
            input: node.input.iter().map(|name| self.name(name)).collect(),
            output: node.output.iter().map(|name| self.name(name)).collect(),
            name: if node.name.is_empty() { String::new() } else { self.name(&node.name) },
            op_type: node.op_type.clone(),
            domain: node.domain.clone(),
            attribute: attributes,
            doc_string: String::new(),
        })
    }

    /// Returns an attribute of the body; `None` for one that the call leaves out.
    fn attribute(&self, own: &AttributeProto) -> Result<Option<AttributeProto>, String> {
        if own.ref_attr_name.is_empty() {
            let mut own = own.clone();
            graphs(&mut own).try_for_each(|graph| self.graph(graph))?;
            return Ok(Some(own));
        }
        let mut given = self.attributes.iter().chain(&self.function.attribute_proto);
        let Some(given) = given.find(|one| one.name == own.ref_attr_name) else { return Ok(None) };
        if own.r#type != given.r#type && own.r#type != 0 && given.r#type != 0 {
            return Err(format!(
                "the attribute `{}` of the function `{}` is of another type",
                given.name, self.function.name
            ));
        }
        Ok(Some(AttributeProto { name: own.name.clone(), ..given.clone() }))
    }

    fn graph(&self, graph: &mut GraphProto) -> Result<(), String> {
        graph.value_info.clear();
        graph.input.iter_mut().for_each(|one| self.rename(&mut one.name));
        graph.output.iter_mut().for_each(|one| self.rename(&mut one.name));
        graph.initializer.iter_mut().for_each(|one| self.rename(&mut one.name));
        let nodes = graph.node.iter().map(|node| self.node(node));
        graph.node = nodes.collect::<Result<_, _>>()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::ValueInfoProto;
    use tract_onnx::pb::attribute_proto::AttributeType;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|name| (*name).to_owned()).collect()
    }

    fn node(domain: &str, op: &str, input: &[&str], output: &[&str]) -> NodeProto {
        NodeProto {
            domain: domain.to_owned(),
            op_type: op.to_owned(),
            input: names(input),
            output: names(output),
            ..NodeProto::default()
        }
    }

    fn number(name: &str, i: i64) -> AttributeProto {
        let name = name.to_owned();
        AttributeProto { name, i, r#type: AttributeType::Int as i32, ..Default::default() }
    }

    fn reference(name: &str, to: &str) -> AttributeProto {
        AttributeProto { ref_attr_name: to.to_owned(), i: 0, ..number(name, 0) }
    }

    fn with(mut node: NodeProto, attribute: AttributeProto) -> NodeProto {
        node.attribute.push(attribute);
        node
    }

    fn import(domain: &str, version: i64) -> OperatorSetIdProto {
        OperatorSetIdProto { domain: domain.to_owned(), version }
    }

    /// `own:double(x, y) -> (z, x)` with the attribute `axis`, 1 when it is left out.
    fn double() -> Function {
        let body = [node("", "Concat", &["x", "x"], &["t"]), node("", "Neg", &["t"], &["z"])];
        let [concat, neg] = body;
        Function {
            name: "double".to_owned(),
            domain: "own".to_owned(),
            input: names(&["x", "y"]),
            output: names(&["z", "x"]),
            node: vec![with(concat, reference("axis", "along")), neg],
            opset_import: vec![import("", 18)],
            attribute_proto: vec![number("along", 1)],
            ..Function::default()
        }
    }

    /// Writes a file with functions and reads it; returns its nodes in a line each.
    fn read_nodes(nodes: Vec<NodeProto>, functions: Vec<Function>) -> Result<Vec<String>, String> {
        let output = ValueInfoProto { name: "out".to_owned(), ..Default::default() };
        let graph = GraphProto { node: nodes, output: vec![output], ..GraphProto::default() };
        let opset_import = vec![import("", 18), import("own", 1)];
        let model = ModelProto { graph: Some(graph), opset_import, ..ModelProto::default() };
        let mut bytes = model.encode_to_vec();
        bytes.extend(Functions { functions }.encode_to_vec());
        let nodes = read(&bytes)?.graph.unwrap().node;
        let line = |node: &NodeProto| {
            let axis = node.attribute.iter().map(|one| format!(" {}={}", one.name, one.i));
            let axis: String = axis.collect();
            format!("{}{axis} {} -> {}", node.op_type, node.input.join(" "), node.output.join(" "))
        };
        Ok(nodes.iter().map(line).collect())
    }

    #[test]
    fn a_call_becomes_the_nodes_of_its_function() {
        let calls =
            [node("own", "double", &["a"], &["b"]), node("own", "double", &["b"], &["c", "d"])];
        let [first, second] = calls;

        let nodes = read_nodes(vec![first, with(second, number("along", 0))], vec![double()]);

        let want = [
            "Concat axis=1 a a -> double#1/t",
            "Neg double#1/t -> b",
            "Concat axis=0 b b -> double#2/t",
            "Neg double#2/t -> c",
            "Identity b -> d",
        ];
        assert_eq!(nodes.unwrap(), want);
    }

    #[test]
    fn functions_call_functions_from_inner_graphs_too() {
        let inner = GraphProto {
            node: vec![node("own", "double", &["x"], &["u"])],
            output: vec![ValueInfoProto { name: "u".to_owned(), ..Default::default() }],
            ..GraphProto::default()
        };
        let branch = AttributeProto { g: Some(inner), ..number("then_branch", 0) };
        let outer = Function {
            name: "outer".to_owned(),
            node: vec![with(node("", "If", &["y"], &["z"]), branch)],
            ..double()
        };
        let nodes = vec![node("own", "outer", &["a", "b"], &["out"])];
        let mut bytes = ModelProto {
            graph: Some(GraphProto { node: nodes, ..GraphProto::default() }),
            ..ModelProto::default()
        }
        .encode_to_vec();
        bytes.extend(Functions { functions: vec![outer, double()] }.encode_to_vec());

        let model = read(&bytes).unwrap();

        let node = &model.graph.unwrap().node[0];
        assert_eq!((&node.input[..], &node.output[..]), (&names(&["b"])[..], &names(&["out"])[..]));
        let inner = node.attribute[0].g.as_ref().unwrap();
        assert_eq!(inner.node[0].input, ["a", "a"]);
        assert_eq!(inner.node[1].output, ["outer#1/u"]);
        assert_eq!(inner.output[0].name, "outer#1/u");
        assert_eq!(model.opset_import, [import("", 18)]);
    }

    #[test]
    fn calls_that_cannot_be_are_refused() {
        #[track_caller]
        fn check(call: NodeProto, function: Function, want: &str) {
            let problem = read_nodes(vec![call], vec![function]).unwrap_err();
            assert!(problem.contains(want), "{problem}");
        }
        let call = || node("own", "double", &["a"], &["b"]);
        let changed = |change: fn(&mut Function)| {
            let mut function = double();
            change(&mut function);
            function
        };
        check(with(call(), number("axis", 1)), double(), "has no attribute `axis`");
        check(node("own", "double", &["a", "b", "c"], &["d"]), double(), "more inputs");
        check(call(), changed(|one| one.opset_import[0].version = 17), "version 17");
        let calls_itself = |one: &mut Function| {
            one.node.push(node("own", "double", &["x"], &["q"]));
        };
        check(call(), changed(calls_itself), "calls itself");
        let grows = |one: &mut Function| {
            one.node = (0..9).map(|_| node("own", "double", &["x"], &[""])).collect();
        };
        check(call(), changed(grows), "function `double`");
    }
}
