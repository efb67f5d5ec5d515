//! A run of nodes that tract plans and runs.
//!
//! tract wants to know shapes, and the values of what decides shapes, before it plans. Inputs are
//! asked for in the order of what costs least: rows may be any number; all shapes are as they came;
//! small whole numbers are as they came; all small values are as they came. Plans are kept.

use super::array::{Array, Data, Shape, volume};
use super::kernel::{Inputs, Outcome};
use super::loader::Loader;
use super::node::{domain, full_name};
use super::plan::{
    Ask, FOLDED_MAX, Known, Plan, Planned, Plans, by_rows, by_shape, by_values, by_whole_numbers,
};
use super::{attributes, bounded, convert};
use std::any::Any;
use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use tract_onnx::Onnx;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, ValueInfoProto};
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::ops::konst::Const;

/// So many calls with the same shapes are worth a plan of their own.
const HOT: usize = 16;

/// Sizes of open dimensions that a plan is tried with.
const TRIED: [usize; 5] = [1, 2, 8, 64, 224];

static ONNX: LazyLock<Onnx> = LazyLock::new(bounded::operators);

/// Names the operators of a node, and of the graphs in it, that tract does not have.
pub(super) fn missing(node: &NodeProto) -> Vec<String> {
    let is_there = domain(node).is_empty()
        && attributes::is_known(&node.op_type)
        && ONNX.op_register.0.contains_key(&node.op_type);
    let own = (!is_there).then(|| full_name(node)).into_iter();
    let inner = graphs(node).flat_map(|graph| graph.node.iter().flat_map(missing));
    own.chain(inner).collect()
}

/// Refuses attributes that would be left aside, and tensors that are not what they say; takes the
/// tensors in that lie in files of their own.
fn settle(node: &mut NodeProto, loader: &Loader<'_>) -> Result<(), String> {
    attributes::check(node)?;
    for attribute in &mut node.attribute {
        for tensor in attribute.t.iter_mut().chain(&mut attribute.tensors) {
            *tensor = loader.inlined(tensor)?;
        }
        for graph in attribute.g.iter_mut().chain(&mut attribute.graphs) {
            for tensor in &mut graph.initializer {
                *tensor = loader.inlined(tensor)?;
            }
            graph.node.iter_mut().try_for_each(|node| settle(node, loader))?;
        }
    }
    Ok(())
}

fn graphs(node: &NodeProto) -> impl Iterator<Item = &GraphProto> {
    node.attribute.iter().flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs))
}

/// Lists the names that a node uses, with those of the graphs in it.
pub(super) fn names(node: &NodeProto) -> Vec<&str> {
    let own = node.input.iter().map(String::as_str).filter(|name| !name.is_empty());
    let inner = graphs(node).flat_map(|graph| {
        let outputs = graph.output.iter().map(|output| output.name.as_str());
        graph.node.iter().flat_map(names).chain(outputs)
    });
    own.chain(inner).collect()
}

/// Nodes that tract runs together.
pub(super) struct Segment {
    model: InferenceModel,
    inputs: Vec<String>,
    /// The rows of all inputs.
    rows: Symbol,
    plans: Mutex<Plans>,
}

impl fmt::Debug for Segment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Segment").field("inputs", &self.inputs).finish_non_exhaustive()
    }
}

impl Segment {
    /// Cuts nodes out of a graph. Returns the segment, its inputs and its outputs, which `used`
    /// names.
    pub(super) fn new(
        loader: &Loader<'_>,
        graph: &GraphProto,
        nodes: Range<usize>,
        used: &HashSet<&str>,
        is_whole: bool,
    ) -> Result<(Self, Vec<String>, Vec<String>), String> {
        let nodes = &graph.node[nodes];
        let needed: HashSet<&str> = nodes.iter().flat_map(names).collect();
        let computed = nodes.iter().flat_map(|node| &node.output).filter(|name| !name.is_empty());
        let outputs: Vec<String> =
            computed.filter(|name| used.contains(name.as_str())).cloned().collect();
        let initializer = graph.initializer.iter();
        let initializer = initializer.filter(|one| needed.contains(one.name.as_str()));
        // tract takes the file's word for the size of its tensors, and would open any other file.
        let initializer =
            initializer.map(|tensor| loader.inlined(tensor)).collect::<Result<_, _>>()?;
        let input = if is_whole { graph.input.clone() } else { Vec::new() };
        let output =
            outputs.iter().map(|name| ValueInfoProto { name: name.clone(), ..Default::default() });
        let mut own = nodes.to_vec();
        own.iter_mut().try_for_each(|node| settle(node, loader))?;
        let part = GraphProto {
            node: own,
            name: graph.name.clone(),
            initializer,
            input,
            output: output.collect(),
            ..GraphProto::default()
        };
        let model = ModelProto {
            ir_version: loader.model.ir_version,
            opset_import: loader.model.opset_import.clone(),
            graph: Some(part),
            ..ModelProto::default()
        };
        let segment = guarded(|| parse(&model))?;
        let inputs = segment.inputs.clone();
        Ok((segment, inputs, outputs))
    }

    /// Computes the outputs with the widest plan that there is for the inputs.
    pub(super) fn run(&self, inputs: &Inputs<'_>) -> Outcome {
        let arrays = inputs.all()?;
        let steps: [Ask; 4] = [by_rows, by_shape, by_whole_numbers, by_values];
        let mut problem = "tract has no plan for these shapes".to_owned();
        let mut last = None;
        for step in steps {
            let Some(known) = step(&arrays).filter(|known| last.as_ref() != Some(known)) else {
                continue;
            };
            match self.plan(&known) {
                Ok(plan) => {
                    let hot = self.hotter(&known, &arrays).unwrap_or(plan);
                    match guarded(|| hot.run(&known, &arrays)) {
                        Ok(outputs) => return Ok(outputs),
                        Err(why) => problem = why,
                    }
                }
                Err(why) => problem = why,
            }
            last = Some(known);
        }
        Err(problem)
    }

    /// Finds or makes the plan for what is known. Why there is none is kept as well.
    fn plan(&self, known: &[Known]) -> Planned {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(planned) = plans.find(known) {
            return planned;
        }
        let planned = guarded(|| self.make(known)).map(Arc::new);
        plans.keep(known, planned.clone());
        planned
    }

    /// Returns a plan for exactly these shapes when they have come often.
    fn hotter(&self, known: &[Known], arrays: &[&Array]) -> Option<Arc<Plan>> {
        if !known.iter().any(|one| matches!(one, Known::Rows(..))) {
            return None;
        }
        let exact = by_shape(arrays)?;
        let is_hot = {
            let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
            plans.count(&exact) >= HOT
        };
        if is_hot { self.plan(&exact).ok() } else { None }
    }

    fn make(&self, known: &[Known]) -> TractResult<Plan> {
        let mut model = self.model.clone();
        let mut open = Vec::new();
        for (outlet, known) in self.model.input_outlets()?.to_vec().into_iter().zip(known) {
            let fact = match known {
                Known::Rows(kind, shape) => {
                    let mut dims: TVec<TDim> = tvec!(self.rows.clone().into());
                    dims.extend(shape.iter().map(|size| size.to_dim()));
                    InferenceFact::dt_shape(*kind, dims)
                }
                Known::Shape(kind, shape) => InferenceFact::dt_shape(*kind, shape.as_slice()),
                Known::Value(array) => {
                    let value = convert::to_tract(array)?.into_arc_tensor();
                    model.nodes[outlet.node].op = Box::new(Const::new(value.clone())?);
                    InferenceFact::try_from(value)?
                }
            };
            model.set_outlet_fact(outlet, fact)?;
            if !matches!(known, Known::Value(_)) {
                open.push(outlet);
            }
        }
        model.set_input_outlets(&open)?;
        Plan::new(model, &self.rows)
    }

    /// Plans for inputs as the file declares them, and keeps the plan for any number of rows if
    /// there is one.
    ///
    /// # Errors
    /// Why there is no plan, when no input can be of shapes for which there might be one.
    pub(super) fn prepare(&self, inputs: &[Declared]) -> Result<(), String> {
        let by_rows = inputs.iter().map(Declared::by_rows).collect::<Option<Vec<_>>>();
        if by_rows.as_ref().is_some_and(|known| self.plan(known).is_ok()) {
            return Ok(());
        }
        // Values that are not there yet may decide shapes.
        if inputs.iter().any(Declared::may_decide) {
            return Ok(());
        }
        let mut problems = BTreeSet::new();
        for size in TRIED {
            let known = inputs.iter().map(|input| input.with(size)).collect::<Option<Vec<_>>>();
            let Some(known) = known else { return Ok(()) };
            let values = known.iter().map(ones).collect::<Option<Vec<_>>>();
            match guarded(|| self.make(&known)) {
                Ok(_) => return Ok(()),
                // Small values may decide shapes, whatever their type.
                Err(_) if values.is_some_and(|known| guarded(|| self.make(&known)).is_ok()) => {
                    return Ok(());
                }
                Err(problem) => problems.insert(problem),
            };
        }
        let is_same = problems.len() == 1 || by_rows.is_some();
        problems.pop_first().filter(|_| is_same).map_or(Ok(()), Err)
    }
}

/// Takes ones for a small value of floats.
fn ones(known: &Known) -> Option<Known> {
    let Known::Shape(kind, shape) = known else { return None };
    let count = volume(shape).ok().filter(|count| *count <= FOLDED_MAX)?;
    let data = match kind {
        DatumType::F16 => Data::F16(vec![f16::ONE; count]),
        DatumType::F32 => Data::F32(vec![1.0; count]),
        DatumType::F64 => Data::F64(vec![1.0; count]),
        _ => return None,
    };
    Some(Known::Value(Array { shape: shape.clone(), data }))
}

/// An input as the file declares it: ONNX's number of its type, and its dimensions.
#[derive(Clone, Debug)]
pub(super) struct Declared {
    pub(super) kind: i32,
    pub(super) shape: Option<Vec<Option<usize>>>,
}

impl Declared {
    /// Leaves the rows open, where everything else is known.
    fn by_rows(&self) -> Option<Known> {
        let (_, rest) = self.shape.as_ref()?.split_first()?;
        let kind = convert::onnx_type(self.kind)?;
        Some(Known::Rows(kind, rest.iter().copied().collect::<Option<Shape>>()?))
    }

    /// Takes a size for every dimension that is open.
    fn with(&self, size: usize) -> Option<Known> {
        let dims = self.shape.as_ref()?.iter().map(|dim| dim.unwrap_or(size)).collect();
        Some(Known::Shape(convert::onnx_type(self.kind)?, dims))
    }

    /// Tells whether the values may decide shapes: whole numbers and lists do.
    fn may_decide(&self) -> bool {
        let is_float = convert::onnx_type(self.kind).is_some_and(|kind| kind.is_float());
        !is_float || self.shape.as_ref().is_none_or(|shape| shape.len() < 2)
    }
}

fn parse(model: &ModelProto) -> TractResult<Segment> {
    let parsed = ONNX.parse(model, None)?;
    let model = parsed.model;
    let outlets = model.input_outlets()?;
    let inputs = outlets.iter().map(|outlet| model.node(outlet.node).name.clone()).collect();
    let rows = model.symbols.sym("N");
    Ok(Segment { model, inputs, rows, plans: Mutex::default() })
}

/// Runs the engine; its failures and its panics become text. A model must not end a server.
pub(super) fn guarded<T, E: fmt::Display>(
    work: impl FnOnce() -> Result<T, E>,
) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(outcome) => outcome.map_err(|error| format!("{error:#}")),
        Err(panic) => Err(panic_text(panic.as_ref())),
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".to_owned())
}
