//! A run of nodes that tract plans and runs.
//!
//! tract wants to know shapes, and the values of what decides shapes, before it plans. Inputs are
//! asked for in the order of what costs least: rows may be any number; all shapes are as they came;
//! small whole numbers are as they came; all small values are as they came. Plans are kept.

use super::array::{Array, Data, Shape, volume};
use super::kernel::{Inputs, Outcome};
use super::loader::Loader;
use super::node::{domain, full_name};
use super::{attributes, convert, ranked};
use std::any::Any;
use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use tract_onnx::Onnx;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::ops::konst::Const;

/// Plans that are kept: each holds a copy of the weights.
const PLANS_MAX: usize = 6;

/// An input whose value decides shapes is no larger than this.
const FOLDED_MAX: usize = 64;

/// So many calls with the same shapes are worth a plan of their own.
const HOT: usize = 16;

static ONNX: LazyLock<Onnx> = LazyLock::new(ranked::operators);

/// Names the operators of a node, and of the graphs in it, that tract does not have.
pub(super) fn missing(node: &NodeProto) -> Vec<String> {
    let is_there = domain(node).is_empty()
        && attributes::is_known(&node.op_type)
        && ONNX.op_register.0.contains_key(&node.op_type);
    let own = (!is_there).then(|| full_name(node)).into_iter();
    let inner = graphs(node).flat_map(|graph| graph.node.iter().flat_map(missing));
    own.chain(inner).collect()
}

/// Refuses attributes that would be left aside, and sizes that no honest graph asks for.
fn check(node: &NodeProto, loader: &Loader<'_>, tensors: &[TensorProto]) -> Result<(), String> {
    attributes::check(node)?;
    for attribute in &node.attribute {
        attribute.t.iter().try_for_each(|tensor| loader.check(tensor))?;
    }
    for graph in graphs(node) {
        graph.initializer.iter().try_for_each(|tensor| loader.check(tensor))?;
        graph.node.iter().try_for_each(|node| check(node, loader, &graph.initializer))?;
    }
    let wanted = match node.op_type.as_str() {
        "ConstantOfShape" => node.input.first(),
        "Expand" | "Tile" => node.input.get(1),
        _ => None,
    };
    if let Some(tensor) = tensors.iter().find(|one| Some(&one.name) == wanted) {
        let sizes: Shape =
            loader.array(tensor)?.whole()?.iter().map(|size| *size as usize).collect();
        volume(&sizes).map_err(|problem| format!("{}: {problem}", node.op_type))?;
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

/// What is known of one input before planning.
#[derive(Clone, Debug, PartialEq)]
enum Known {
    /// Its type, and its shape behind the rows.
    Rows(DatumType, Shape),
    Shape(DatumType, Shape),
    Value(Array),
}

/// Finds what to plan for; `None` when that cannot be said of these inputs.
type Ask = fn(&[&Array]) -> Option<Vec<Known>>;

/// Plans by what they know of the inputs; the newest stand last. `None`: there is no such plan.
#[derive(Default)]
struct Plans {
    made: Vec<(Vec<Known>, Option<Arc<TypedSimplePlan>>)>,
    /// How often shapes came for which a wider plan was good enough.
    seen: Vec<(Vec<Known>, usize)>,
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
        let initializer: Vec<_> = graph
            .initializer
            .iter()
            .filter(|one| needed.contains(one.name.as_str()))
            .cloned()
            .collect();
        for tensor in &initializer {
            // tract takes the file's word for the size of its tensors.
            loader.check(tensor)?;
        }
        let input = if is_whole { graph.input.clone() } else { Vec::new() };
        let value_info = if is_whole { graph.value_info.clone() } else { Vec::new() };
        let output =
            outputs.iter().map(|name| ValueInfoProto { name: name.clone(), ..Default::default() });
        nodes.iter().try_for_each(|node| check(node, loader, &initializer))?;
        let part = GraphProto {
            node: nodes.to_vec(),
            name: graph.name.clone(),
            initializer,
            input,
            output: output.collect(),
            value_info,
            ..GraphProto::default()
        };
        let model = ModelProto {
            ir_version: loader.model.ir_version,
            opset_import: loader.model.opset_import.clone(),
            graph: Some(part),
            ..ModelProto::default()
        };
        let segment = guarded(|| parse(&model, loader))?;
        let inputs = segment.inputs.clone();
        Ok((segment, inputs, outputs))
    }

    /// Computes the outputs with the widest plan that there is for the inputs.
    pub(super) fn run(&self, inputs: &Inputs<'_>) -> Outcome {
        let arrays = inputs.all()?;
        let steps: [Ask; 4] = [by_rows, by_shape, by_whole_numbers, by_values];
        let mut problem = String::new();
        let mut last = None;
        for step in steps {
            let Some(known) = step(&arrays).filter(|known| last.as_ref() != Some(known)) else {
                continue;
            };
            match self.plan(&known) {
                Ok(Some(plan)) => {
                    let hot = self.hotter(&known, &arrays).unwrap_or(plan);
                    match guarded(|| run(&hot, &known, &arrays)) {
                        Ok(outputs) => return Ok(outputs),
                        Err(why) => problem = why,
                    }
                }
                Ok(None) => {}
                Err(why) => problem = why,
            }
            last = Some(known);
        }
        let unplanned = "tract has no plan for these shapes";
        Err(if problem.is_empty() { unplanned.to_owned() } else { problem })
    }

    /// Finds or makes the plan for what is known. The reason why there is none is told once.
    fn plan(&self, known: &[Known]) -> Result<Option<Arc<TypedSimplePlan>>, String> {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = plans.made.iter().position(|(for_what, _)| for_what == known) {
            let found = plans.made.remove(at);
            let plan = found.1.clone();
            plans.made.push(found);
            return Ok(plan);
        }
        let made = guarded(|| self.make(known));
        if plans.made.len() == PLANS_MAX {
            plans.made.remove(0);
        }
        plans.made.push((known.to_vec(), made.as_ref().ok().cloned()));
        made.map(Some)
    }

    /// Returns a plan for exactly these shapes when they have come often.
    fn hotter(&self, known: &[Known], arrays: &[&Array]) -> Option<Arc<TypedSimplePlan>> {
        if !known.iter().any(|one| matches!(one, Known::Rows(..))) {
            return None;
        }
        let exact = by_shape(arrays)?;
        let is_hot = {
            let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
            plans.count(&exact) >= HOT
        };
        if is_hot { self.plan(&exact).ok().flatten() } else { None }
    }

    fn make(&self, known: &[Known]) -> TractResult<Arc<TypedSimplePlan>> {
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
        model.into_optimized()?.into_runnable()
    }

    /// Makes the plan for any number of rows, when the file tells ONNX's types of all inputs and
    /// their other dimensions.
    pub(super) fn prepare(&self, inputs: &[(i32, Option<Vec<Option<usize>>>)]) {
        let one = |(kind, shape): &(i32, Option<Vec<Option<usize>>>)| {
            let (_, rest) = shape.as_ref()?.split_first()?;
            let kind = convert::onnx_type(*kind)?;
            Some(Known::Rows(kind, rest.iter().copied().collect::<Option<Shape>>()?))
        };
        if let Some(known) = inputs.iter().map(one).collect::<Option<Vec<_>>>() {
            // Whoever comes may still have a plan for the shapes that came.
            let _ = self.plan(&known);
        }
    }
}

impl Plans {
    /// Counts a call; returns how many there were with these shapes of late.
    fn count(&mut self, exact: &[Known]) -> usize {
        let found = self.seen.iter().position(|(shapes, _)| shapes == exact);
        let (shapes, calls) = found.map_or((exact.to_vec(), 0), |at| self.seen.remove(at));
        if self.seen.len() == PLANS_MAX {
            self.seen.remove(0);
        }
        self.seen.push((shapes, calls + 1));
        calls + 1
    }
}

fn parse(model: &ModelProto, loader: &Loader<'_>) -> TractResult<Segment> {
    let parsed = ONNX.parse(model, loader.folder.to_str())?;
    let model = parsed.model;
    let outlets = model.input_outlets()?;
    let inputs = outlets.iter().map(|outlet| model.node(outlet.node).name.clone()).collect();
    let rows = model.symbols.sym("N");
    Ok(Segment { model, inputs, rows, plans: Mutex::default() })
}

fn run(
    plan: &Arc<TypedSimplePlan>,
    known: &[Known],
    arrays: &[&Array],
) -> TractResult<super::kernel::Outputs> {
    let open = arrays.iter().zip(known).filter(|(_, known)| !matches!(known, Known::Value(_)));
    let inputs = open.map(|(array, _)| Ok(convert::to_tract(array)?.into_tvalue()));
    let outputs = plan.run(inputs.collect::<TractResult<_>>()?)?;
    outputs.iter().map(|output| convert::from_tract(output)).collect()
}

/// Leaves the first dimension open where all inputs have one, and the same.
fn by_rows(arrays: &[&Array]) -> Option<Vec<Known>> {
    let rows = *arrays.first()?.shape.first()?;
    let one = |array: &&Array| match array.shape.split_first() {
        Some((size, rest)) if *size == rows => {
            Some(Known::Rows(convert::datum_type(&array.data)?, rest.into()))
        }
        _ => None,
    };
    arrays.iter().map(one).collect()
}

fn by_shape(arrays: &[&Array]) -> Option<Vec<Known>> {
    arrays.iter().map(|array| shape_of(array)).collect()
}

fn shape_of(array: &Array) -> Option<Known> {
    Some(Known::Shape(convert::datum_type(&array.data)?, array.shape.clone()))
}

fn by_whole_numbers(arrays: &[&Array]) -> Option<Vec<Known>> {
    let one = |array: &&Array| match array.data {
        Data::I64(_) | Data::I32(_) if array.len() <= FOLDED_MAX => {
            Some(Known::Value((*array).clone()))
        }
        _ => shape_of(array),
    };
    arrays.iter().map(one).collect()
}

fn by_values(arrays: &[&Array]) -> Option<Vec<Known>> {
    let one = |array: &&Array| {
        if array.len() <= FOLDED_MAX {
            Some(Known::Value((*array).clone()))
        } else {
            shape_of(array)
        }
    };
    arrays.iter().map(one).collect()
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
