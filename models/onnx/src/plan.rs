//! What tract has planned for inputs of which something is known, and how large it becomes.

use super::array::{Array, Data, Shape};
use super::convert;
use super::kernel::Outputs;
use mlctl_table::limit;
use smallvec::SmallVec;
use std::sync::{Arc, Mutex, PoisonError};
use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::array::{DynTile, Range};
use tract_onnx::tract_core::ops::konst::Const;
use tract_onnx::tract_core::ops::scan::Scan;
use tract_onnx::tract_core::plan::eval;

/// Plans that are kept: each holds a copy of the weights.
const PLANS_MAX: usize = 6;

/// An input whose value decides shapes is no larger than this.
pub(super) const FOLDED_MAX: usize = 64;

/// What is known of one input before planning.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Known {
    /// Its type, and its shape behind the rows.
    Rows(DatumType, Shape),
    Shape(DatumType, Shape),
    Value(Array),
}

/// Finds what to plan for; `None` when that cannot be said of these inputs.
pub(super) type Ask = fn(&[&Array]) -> Option<Vec<Known>>;

/// Leaves the first dimension open where all inputs have one, and the same.
pub(super) fn by_rows(arrays: &[&Array]) -> Option<Vec<Known>> {
    let rows = *arrays.first()?.shape.first()?;
    let one = |array: &&Array| match array.shape.split_first() {
        Some((size, rest)) if *size == rows => {
            Some(Known::Rows(convert::datum_type(&array.data)?, rest.into()))
        }
        _ => None,
    };
    arrays.iter().map(one).collect()
}

pub(super) fn by_shape(arrays: &[&Array]) -> Option<Vec<Known>> {
    arrays.iter().map(|array| shape_of(array)).collect()
}

fn shape_of(array: &Array) -> Option<Known> {
    Some(Known::Shape(convert::datum_type(&array.data)?, array.shape.clone()))
}

pub(super) fn by_whole_numbers(arrays: &[&Array]) -> Option<Vec<Known>> {
    let one = |array: &&Array| match array.data {
        Data::I64(_) | Data::I32(_) if array.len() <= FOLDED_MAX => {
            Some(Known::Value((*array).clone()))
        }
        _ => shape_of(array),
    };
    arrays.iter().map(one).collect()
}

pub(super) fn by_values(arrays: &[&Array]) -> Option<Vec<Known>> {
    let one = |array: &&Array| {
        if array.len() <= FOLDED_MAX {
            Some(Known::Value((*array).clone()))
        } else {
            shape_of(array)
        }
    };
    arrays.iter().map(one).collect()
}

/// A plan, or why there is none.
pub(super) type Planned = Result<Arc<Plan>, String>;

/// Plans by what they know of the inputs; the newest stand last.
#[derive(Default)]
pub(super) struct Plans {
    made: Vec<(Vec<Known>, Planned)>,
    /// How often shapes came for which a wider plan was good enough.
    seen: Vec<(Vec<Known>, usize)>,
}

impl Plans {
    /// Finds a plan, or why there is none; it is the newest one then.
    pub(super) fn find(&mut self, known: &[Known]) -> Option<Planned> {
        let at = self.made.iter().position(|(for_what, _)| for_what == known)?;
        let found = self.made.remove(at);
        let planned = found.1.clone();
        self.made.push(found);
        Some(planned)
    }

    pub(super) fn keep(&mut self, known: &[Known], planned: Planned) {
        if self.made.len() == PLANS_MAX {
            drop(self.made.remove(0));
        }
        self.made.push((known.to_vec(), planned));
    }

    /// Counts a call; returns how many there were with these shapes of late.
    pub(super) fn count(&mut self, exact: &[Known]) -> usize {
        let found = self.seen.iter().position(|(shapes, _)| shapes == exact);
        let (shapes, calls) = found.map_or((exact.to_vec(), 0), |at| self.seen.remove(at));
        if self.seen.len() == PLANS_MAX {
            self.seen.remove(0);
        }
        self.seen.push((shapes, calls + 1));
        calls + 1
    }
}

/// What tract runs.
#[derive(Debug)]
pub(super) struct Plan {
    runnable: Arc<TypedSimplePlan>,
    sizes: Sizes,
}

impl Plan {
    /// Plans a model; the sizes that depend on `rows` are looked at when they are known.
    pub(super) fn new(model: InferenceModel, rows: &Symbol) -> TractResult<Self> {
        let typed = model.into_typed()?;
        let mut inner = Vec::new();
        collect(&typed, &mut inner, false);
        // With one row nothing is too large already.
        let one = SymbolValues::default().with(rows, 1);
        for volume in typed.nodes.iter().flat_map(volumes).chain(inner.iter().cloned()) {
            check(&volume, &one)?;
        }
        let runnable = typed.into_optimized()?.into_runnable()?;
        let sizes = Sizes::of(&runnable, rows.clone(), inner);
        sizes.check(1)?;
        Ok(Self { runnable, sizes })
    }

    /// Computes the outputs.
    pub(super) fn run(&self, known: &[Known], arrays: &[&Array]) -> TractResult<Outputs> {
        let open = arrays.iter().zip(known).filter(|(_, known)| !matches!(known, Known::Value(_)));
        let rows = open.clone().find_map(|(array, known)| match known {
            Known::Rows(..) => array.shape.first().copied(),
            _ => None,
        });
        self.sizes.check(rows.unwrap_or(1))?;
        let inputs = open.map(|(array, _)| Ok(convert::to_tract(array)?.into_tvalue()));
        let inputs = inputs.collect::<TractResult<_>>()?;
        let outputs = if self.sizes.is_complete {
            self.runnable.run(inputs)?
        } else {
            self.runnable.spawn()?.run_plan_with_eval(inputs, |context, state, node, inputs| {
                check_node(context, node, &inputs)?;
                eval(context, state, node, inputs)
            })?
        };
        outputs.iter().map(|output| convert::from_tract(output)).collect()
    }
}

/// What one step makes, and which steps' results are not needed any more then.
#[derive(Debug)]
struct StepSizes {
    made: SmallVec<[TDim; 1]>,
    gone: SmallVec<[usize; 2]>,
}

/// What a plan holds while it runs.
#[derive(Debug)]
struct Sizes {
    /// In the order of the plan.
    steps: Vec<StepSizes>,
    /// What is made inside of loops.
    inner: Vec<TDim>,
    rows: Symbol,
    /// Whether all sizes follow from the number of rows.
    is_complete: bool,
    /// A number of rows that is fine, and the most elements that are there at once for it.
    checked: Mutex<Option<(usize, usize)>>,
}

impl Sizes {
    fn of(plan: &TypedSimplePlan, rows: Symbol, inner: Vec<TDim>) -> Self {
        let model = plan.model();
        let order = plan.order_without_consts();
        let places: HashMap<usize, usize> =
            order.iter().enumerate().map(|(at, node)| (*node, at)).collect();
        let size = |node: &usize| {
            let made = volumes(model.node(*node)).collect();
            StepSizes { made, gone: SmallVec::new() }
        };
        let mut steps: Vec<StepSizes> = order.iter().map(size).collect();
        for (at, node) in order.iter().enumerate() {
            let users = model.node(*node).outputs.iter().flat_map(|output| &output.successors);
            let is_output = model.outputs.iter().any(|output| output.node == *node);
            let last = users.filter_map(|user| places.get(&user.node)).max();
            if let (Some(last), false) = (last, is_output) {
                steps[*last].gone.push(at);
            }
        }
        let is_known = |volume: &TDim| volume.symbols().iter().all(|symbol| *symbol == rows);
        let is_complete = steps.iter().flat_map(|step| &step.made).chain(&inner).all(is_known);
        Self { steps, inner, rows, is_complete, checked: Mutex::default() }
    }

    /// Refuses a number of rows for which something becomes too large, or all of it together.
    fn check(&self, rows: usize) -> TractResult<()> {
        let checked = *self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, most)) = checked.filter(|(fine, _)| *fine == rows) {
            return limit::memory(most).map_err(|problem| anyhow!(problem));
        }
        let values = SymbolValues::default().with(&self.rows, i64::try_from(rows)?);
        for volume in &self.inner {
            check(volume, &values)?;
        }
        let mut made = vec![0_usize; self.steps.len()];
        let (mut held, mut most) = (0_usize, 0);
        for (at, step) in self.steps.iter().enumerate() {
            for volume in &step.made {
                made[at] = made[at].saturating_add(check(volume, &values)?);
            }
            held = held.saturating_add(made[at]);
            limit::together(held).map_err(|problem| anyhow!(problem))?;
            most = most.max(held);
            held -= step.gone.iter().map(|other| made[*other]).sum::<usize>().min(held);
        }
        *self.checked.lock().unwrap_or_else(PoisonError::into_inner) = Some((rows, most));
        Ok(())
    }
}

/// Lists what a node makes; what is there already does not count.
fn volumes(node: &TypedNode) -> impl Iterator<Item = TDim> + '_ {
    let is_made = !node.op_is::<Const>();
    let outputs = node.outputs.iter().filter(move |_| is_made);
    outputs.filter(|output| output.fact.konst.is_none()).map(|output| output.fact.shape.volume())
}

/// Lists what the models inside of loops make.
fn collect(model: &TypedModel, found: &mut Vec<TDim>, is_inner: bool) {
    for node in &model.nodes {
        if is_inner {
            found.extend(volumes(node));
        }
        if let Some(scan) = node.op_as::<Scan>() {
            collect(&scan.body, found, true);
        }
    }
}

/// Refuses a size that is too large; one that is not known yet counts for nothing.
fn check(volume: &TDim, values: &SymbolValues) -> TractResult<usize> {
    match volume.eval(values).to_i64() {
        Ok(size) => {
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            limit::volume(&[size]).map_err(|problem| anyhow!(problem))
        }
        Err(_) => Ok(0),
    }
}

/// Looks at what a node is about to make, when sizes follow from values.
fn check_node(context: &EvalContext<'_>, node: &TypedNode, inputs: &[TValue]) -> TractResult<()> {
    for volume in volumes(node) {
        check(&volume, context.symbols)?;
    }
    let number = |at: usize| -> TractResult<f64> {
        if inputs[at].datum_type().is_tdim() {
            return Ok(dims_of(&inputs[at], context)?.first().map_or(0.0, |dim| *dim as f64));
        }
        inputs[at].cast_to_scalar::<f64>()
    };
    let size = if node.op_is::<Range>() {
        let step = number(2)?.abs();
        ((number(1)? - number(0)?).abs() / step).ceil() as usize
    } else if node.op_is::<DynTile>() {
        let times = dims_of(&inputs[1], context)?;
        let times = times.iter().map(|times| usize::try_from(*times).unwrap_or(0));
        inputs[0].shape().iter().copied().chain(times).fold(1, usize::saturating_mul)
    } else {
        return Ok(());
    };
    limit::volume(&[size]).map_err(|problem| anyhow!(problem))?;
    Ok(())
}

/// Reads dimensions, some of which tract still writes as symbols.
fn dims_of(tensor: &Tensor, context: &EvalContext<'_>) -> TractResult<Vec<i64>> {
    let dims = tensor.cast_to::<TDim>()?;
    let dims = dims.try_as_plain_ram()?;
    let dims = dims.as_slice::<TDim>()?.iter();
    dims.map(|dim| Ok(dim.eval(context.symbols).to_i64()?)).collect()
}
