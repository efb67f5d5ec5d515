//! A graph as a list of steps, and running it.

use super::array::Array;
use super::kernel::{self, Input, Inputs, Kernel};
use super::loader::Loader;
use super::node::{Node, domain, full_name};
use super::segment::{self, Declared, Segment};
use mlctl_table::limit::together;
use smallvec::SmallVec;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use tract_onnx::pb::{GraphProto, NodeProto};

/// Why a graph does not run here.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It needs operators that are missing.
    Operators(BTreeSet<String>),
    /// Another reason.
    Problem(String),
}

impl From<String> for Refusal {
    fn from(problem: String) -> Self {
        Self::Problem(problem)
    }
}

/// One operator, or a run of operators, with the places of its inputs and outputs.
struct Step {
    label: String,
    /// Where the inputs lie, and whether this step is the last one to need them.
    inputs: SmallVec<[Option<(usize, bool)>; 4]>,
    outputs: SmallVec<[Option<usize>; 2]>,
    kernel: Kernel,
    segment: Option<Arc<Segment>>,
}

/// A graph that is ready to run, from many threads at once.
pub(super) struct Program {
    /// What the graph itself holds, by place; `None` where a value is computed.
    constants: Vec<Option<Array>>,
    steps: Vec<Step>,
    inputs: Vec<usize>,
    outputs: Vec<usize>,
    /// Names of the enclosing graph that follow the graph's own inputs.
    pub(super) captured: Vec<String>,
}

impl fmt::Debug for Program {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.steps.iter().map(|step| &step.label)).finish()
    }
}

impl Program {
    /// Turns a graph into steps. `is_inner` graphs may use names of the graph around them.
    ///
    /// # Errors
    /// All operators that do not run here, or the first other problem.
    pub(super) fn compile(
        loader: &Loader<'_>,
        graph: &GraphProto,
        is_inner: bool,
    ) -> Result<Self, Refusal> {
        let kinds = sort(graph)?;
        Compiler::new(loader, graph, is_inner).run(&kinds)
    }

    /// Computes the outputs.
    ///
    /// # Errors
    /// Which step fails, and why.
    pub(super) fn run(&self, inputs: Vec<Array>) -> Result<Vec<Array>, String> {
        let mut values: SmallVec<[Option<Array>; 16]> = SmallVec::new();
        values.resize_with(self.constants.len(), || None);
        // The elements of all values that are there, which must not be too many together.
        let mut held = 0_usize;
        for (place, input) in self.inputs.iter().zip(inputs) {
            held += input.weight();
            values[*place] = Some(input);
        }
        for step in &self.steps {
            self.step(step, &mut values, &mut held)?;
        }
        let last = self.outputs.iter().enumerate();
        let outputs = last.map(|(at, place)| {
            let is_needed_again = self.outputs[at + 1..].contains(place);
            let value =
                if is_needed_again { values[*place].clone() } else { values[*place].take() };
            value
                .or_else(|| self.constants[*place].clone())
                .ok_or("an output is missing".to_owned())
        });
        outputs.collect()
    }

    fn step(
        &self,
        step: &Step,
        values: &mut [Option<Array>],
        held: &mut usize,
    ) -> Result<(), String> {
        let mut inputs = Inputs::default();
        for input in &step.inputs {
            inputs.0.push(match input {
                Some((place, true)) => values[*place].take().map(Input::Own),
                _ => None,
            });
        }
        let own = inputs.0.iter().flatten();
        *held -= own
            .map(|input| if let Input::Own(own) = input { own.weight() } else { 0 })
            .sum::<usize>();
        for (input, slot) in step.inputs.iter().zip(&mut inputs.0) {
            if let (Some((place, _)), None) = (input, &slot) {
                let value = self.constants[*place].as_ref().or(values[*place].as_ref());
                *slot = value.map(Input::Ref);
            }
        }
        let outputs = (step.kernel)(inputs);
        let outputs = outputs.map_err(|problem| format!("{}: {problem}", step.label))?;
        for (place, output) in step.outputs.iter().zip(outputs) {
            if let Some(place) = place {
                *held = held.saturating_add(output.weight());
                values[*place] = Some(output);
            }
        }
        together(*held).map_err(|problem| format!("{}: {problem}", step.label))
    }
}

/// Who runs a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ours,
    Tract,
}

/// Finds who runs each node, or all operators that nobody does.
///
/// A graph without any operator that only we have is a network: tract plans it as a whole, and
/// better than the parts. What lies between its branches (`If`) is a network each. A graph that we
/// can run alone never meets tract.
fn sort(graph: &GraphProto) -> Result<Vec<Kind>, Refusal> {
    let ours = |node: &NodeProto| kernel::is_ours(domain(node), &node.op_type);
    let missing: BTreeSet<String> = graph
        .node
        .iter()
        .flat_map(|node| if ours(node) { Vec::new() } else { segment::missing(node) })
        .collect();
    if !missing.is_empty() {
        return Err(Refusal::Operators(missing));
    }
    let is_network =
        graph.node.iter().all(|node| is_branching(node) || segment::missing(node).is_empty());
    if !is_network {
        let kind = |node| if ours(node) { Kind::Ours } else { Kind::Tract };
        return Ok(graph.node.iter().map(kind).collect());
    }
    let mut kinds = Vec::with_capacity(graph.node.len());
    for part in graph.node.chunk_by(|a, b| !is_branching(a) && !is_branching(b)) {
        let kind = if part.iter().all(ours) { Kind::Ours } else { Kind::Tract };
        kinds.extend(std::iter::repeat_n(kind, part.len()));
    }
    Ok(kinds)
}

fn is_branching(node: &NodeProto) -> bool {
    node.op_type == "If" && domain(node).is_empty()
}

/// Copies a node with graphs inside, and the tensors of the graph around that they use: so that
/// they are as constant there as they are here.
fn with_tensors(node: &NodeProto, graph: &GraphProto) -> NodeProto {
    let mut node = node.clone();
    for inner in node.attribute.iter_mut().filter_map(|attribute| attribute.g.as_mut()) {
        let used: HashSet<&str> = inner.node.iter().flat_map(segment::names).collect();
        let own: HashSet<&str> = inner.initializer.iter().map(|one| one.name.as_str()).collect();
        let outer = graph
            .initializer
            .iter()
            .filter(|one| used.contains(one.name.as_str()) && !own.contains(one.name.as_str()));
        let outer: Vec<_> = outer.cloned().collect();
        inner.initializer.extend(outer);
    }
    node
}

/// A graph on its way to becoming steps.
struct Compiler<'a> {
    loader: &'a Loader<'a>,
    graph: &'a GraphProto,
    is_inner: bool,
    places: HashMap<String, usize>,
    constants: Vec<Option<Array>>,
    steps: Vec<Step>,
    captured: Vec<String>,
    initializers: HashMap<&'a str, usize>,
}

impl<'a> Compiler<'a> {
    fn new(loader: &'a Loader<'a>, graph: &'a GraphProto, is_inner: bool) -> Self {
        let initializers = graph.initializer.iter().enumerate();
        let initializers = initializers.map(|(at, one)| (one.name.as_str(), at)).collect();
        Self {
            loader,
            graph,
            is_inner,
            places: HashMap::new(),
            constants: Vec::new(),
            steps: Vec::new(),
            captured: Vec::new(),
            initializers,
        }
    }

    fn run(mut self, kinds: &[Kind]) -> Result<Program, Refusal> {
        if !self.graph.sparse_initializer.is_empty() {
            return Err("sparse tensors are not supported".to_owned().into());
        }
        let mut inputs = Vec::new();
        for input in &self.graph.input {
            // Since IR version 4 an initializer that is an input as well is a default. Nobody can
            // feed it here, as in MLflow.
            if !self.initializers.contains_key(input.name.as_str()) {
                inputs.push(self.define(&input.name)?);
            }
        }
        let mut at = 0;
        while at < kinds.len() {
            let end = match kinds[at] {
                Kind::Ours => at + 1,
                Kind::Tract => {
                    at + kinds[at..].iter().take_while(|kind| **kind == Kind::Tract).count()
                }
            };
            match kinds[at] {
                Kind::Ours => self.ours(&self.graph.node[at])?,
                Kind::Tract => self.segment(at..end)?,
            }
            at = end;
        }
        let outputs = self.graph.output.iter().map(|output| self.find(&output.name));
        let outputs = outputs.collect::<Result<Vec<_>, _>>()?;
        inputs.extend(self.captured.iter().map(|name| self.places[name]));
        let mut program = Program {
            constants: self.constants,
            steps: self.steps,
            inputs,
            outputs,
            captured: self.captured,
        };
        program.fold(self.is_inner)?;
        program.mark_last_uses();
        Ok(program)
    }

    fn place(&mut self, name: &str, constant: Option<Array>) -> usize {
        self.constants.push(constant);
        self.places.insert(name.to_owned(), self.constants.len() - 1);
        self.constants.len() - 1
    }

    /// Makes room for a value that is computed.
    fn define(&mut self, name: &str) -> Result<usize, String> {
        if self.places.contains_key(name) {
            return Err(format!("`{name}` is computed twice"));
        }
        Ok(self.place(name, None))
    }

    /// Finds where a value lies.
    fn find(&mut self, name: &str) -> Result<usize, String> {
        if let Some(place) = self.places.get(name) {
            return Ok(*place);
        }
        if let Some(at) = self.initializers.get(name) {
            let value = self.loader.array(&self.graph.initializer[*at])?;
            return Ok(self.place(name, Some(value)));
        }
        if !self.is_inner {
            return Err(format!("nothing computes `{name}`"));
        }
        self.captured.push(name.to_owned());
        Ok(self.place(name, None))
    }

    fn ours(&mut self, proto: &'a NodeProto) -> Result<(), Refusal> {
        let mut inputs = SmallVec::new();
        for name in &proto.input {
            let place = if name.is_empty() { None } else { Some((self.find(name)?, false)) };
            inputs.push(place);
        }
        let with_tensors = is_branching(proto).then(|| with_tensors(proto, self.graph));
        let mut node = Node::new(with_tensors.as_ref().unwrap_or(proto), self.loader);
        let label = match proto.name.as_str() {
            "" => full_name(proto),
            name => format!("{} `{name}`", full_name(proto)),
        };
        let kernel = kernel::build(&mut node)
            .map_err(|problem| format!("{label} does not run: {problem}"))?;
        for name in node.inputs_of_inner_graphs() {
            inputs.push(Some((self.find(&name)?, false)));
        }
        let outputs = proto.output.iter().map(|name| self.output(name));
        let outputs = outputs.collect::<Result<_, String>>()?;
        self.steps.push(Step { label, inputs, outputs, kernel, segment: None });
        Ok(())
    }

    fn output(&mut self, name: &str) -> Result<Option<usize>, String> {
        if name.is_empty() { Ok(None) } else { self.define(name).map(Some) }
    }

    /// Makes one step of a run of nodes that tract plans.
    fn segment(&mut self, nodes: std::ops::Range<usize>) -> Result<(), Refusal> {
        let used: HashSet<&str> = self
            .graph
            .node
            .iter()
            .enumerate()
            .filter(|(at, _)| !nodes.contains(at))
            .flat_map(|(_, node)| segment::names(node))
            .chain(self.graph.output.iter().map(|output| output.name.as_str()))
            .collect();
        let is_whole = nodes.len() == self.graph.node.len() && !self.is_inner;
        let (segment, inputs, outputs) =
            Segment::new(self.loader, self.graph, nodes, &used, is_whole)?;
        let inputs = inputs.iter().map(|name| Ok(Some((self.find(name)?, false))));
        let inputs = inputs.collect::<Result<_, String>>()?;
        let outputs = outputs.iter().map(|name| self.output(name));
        let outputs = outputs.collect::<Result<_, String>>()?;
        let segment = Arc::new(segment);
        let planned = segment.clone();
        let kernel: Kernel = Box::new(move |inputs| planned.run(&inputs));
        let label = "the network".to_owned();
        self.steps.push(Step { label, inputs, outputs, kernel, segment: Some(segment) });
        Ok(())
    }
}

impl Program {
    /// Lets a network that is the whole graph plan for its inputs as the file declares them.
    ///
    /// # Errors
    /// Why it cannot run.
    pub(super) fn prepare(&self, inputs: &[Declared]) -> Result<(), String> {
        let [Step { segment: Some(segment), label, .. }] = &self.steps[..] else { return Ok(()) };
        segment.prepare(inputs).map_err(|problem| format!("{label}: {problem}"))
    }

    /// Computes once and for all what depends on nothing else than the graph.
    ///
    /// # Errors
    /// What cannot be computed, unless nobody may ever ask for it: a graph in a branch.
    fn fold(&mut self, is_inner: bool) -> Result<(), String> {
        let steps = std::mem::take(&mut self.steps);
        for step in steps {
            let places = step.inputs.iter().flatten();
            let is_constant = places.clone().all(|(place, _)| self.constants[*place].is_some());
            let inputs = step.inputs.iter();
            let inputs = inputs.map(|input| {
                input.and_then(|(place, _)| self.constants[place].as_ref().map(Input::Ref))
            });
            match is_constant.then(|| (step.kernel)(Inputs(inputs.collect()))) {
                Some(Ok(outputs)) => {
                    for (place, output) in step.outputs.iter().zip(outputs) {
                        if let Some(place) = place {
                            self.constants[*place] = Some(output);
                        }
                    }
                }
                Some(Err(problem)) if !is_inner => {
                    return Err(format!("{}: {problem}", step.label));
                }
                _ => self.steps.push(step),
            }
        }
        Ok(())
    }

    /// Finds the last step that needs each computed value.
    fn mark_last_uses(&mut self) {
        let mut needed: HashSet<usize> = self.outputs.iter().copied().collect();
        for step in self.steps.iter_mut().rev() {
            let places: SmallVec<[usize; 4]> =
                step.inputs.iter().flatten().map(|(place, _)| *place).collect();
            for (place, is_last) in step.inputs.iter_mut().flatten() {
                let is_once = places.iter().filter(|other| *other == place).count() == 1;
                *is_last = needed.insert(*place) && is_once && self.constants[*place].is_none();
            }
        }
    }
}
