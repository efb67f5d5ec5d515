//! One ONNX graph, planned once and run from many threads.

use super::{operators, tensor};
use crate::data::show_shape;
use crate::signature::DataType;
use crate::{Error, Result, Tensor};
use std::any::Any;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use tract_onnx::Onnx;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::infer::Factoid;
use tract_onnx::tract_hir::internal::{DimLike, bail};

/// One input of a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Port {
    pub(crate) name: String,
    pub(crate) data_type: DataType,
    /// The dimensions; `None` where any size will do.
    pub(crate) shape: Vec<Option<usize>>,
}

impl Port {
    /// Tells whether a tensor of this shape can go in.
    pub(crate) fn takes(&self, shape: &[usize]) -> bool {
        shape.len() == self.shape.len()
            && shape
                .iter()
                .zip(&self.shape)
                .all(|(size, want)| want.is_none_or(|want| want == *size))
    }

    /// Writes the shape with -1 where any size will do.
    pub(crate) fn show_shape(&self) -> String {
        let sizes: Vec<String> =
            self.shape.iter().map(|size| size.map_or("-1".to_owned(), |s| s.to_string())).collect();
        show_shape(&sizes)
    }
}

/// A graph that is ready to run.
#[derive(Debug)]
pub(crate) struct Graph {
    plan: Arc<TypedSimplePlan>,
    inputs: Vec<Port>,
    outputs: Vec<String>,
}

impl Graph {
    /// Reads and plans the graph in a file; external data lies beside it.
    ///
    /// # Errors
    /// [`Error::UnsupportedOperators`] names the operators that do not run here;
    /// [`Error::UnsupportedGraph`] gives the engine's reason for everything else.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let onnx = tract_onnx::onnx();
        let proto = read(&onnx, path)?;
        let operators = operators::refused(&onnx, &proto);
        if !operators.is_empty() {
            return Err(Error::UnsupportedOperators { operators });
        }
        guarded(|| plan(&onnx, &proto, path))
            .map_err(|problem| Error::UnsupportedGraph { path: path.to_owned(), problem })
    }

    /// Returns the inputs in the graph's order.
    pub(crate) fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// Computes the outputs; the inputs stand in the graph's order.
    ///
    /// # Errors
    /// [`Error::Evaluation`] with the engine's reason.
    pub(crate) fn run(&self, inputs: &[Tensor]) -> Result<Vec<(String, Tensor)>> {
        let computed = guarded(|| {
            let inputs = inputs.iter().map(|input| Ok(tensor::to_tract(input)?.into_tvalue()));
            let outputs = self.plan.run(inputs.collect::<TractResult<_>>()?)?;
            outputs.iter().map(|output| tensor::from_tract(output)).collect::<TractResult<Vec<_>>>()
        });
        let outputs = computed.map_err(|problem| Error::Evaluation { problem })?;
        Ok(self.outputs.iter().cloned().zip(outputs).collect())
    }
}

fn read(onnx: &Onnx, path: &Path) -> Result<ModelProto> {
    let mut file = File::open(path).map_err(|error| Error::Io {
        doing: format!("opening `{}`", path.display()),
        source: error.into(),
    })?;
    onnx.proto_model_for_read(&mut file).map_err(|_| Error::UnsupportedGraph {
        path: path.to_owned(),
        problem: "the file is not an ONNX model".to_owned(),
    })
}

fn plan(onnx: &Onnx, proto: &ModelProto, path: &Path) -> TractResult<Graph> {
    let folder = path.parent().and_then(Path::to_str);
    let parsed = onnx.parse(proto, folder)?;
    if !parsed.unresolved_inputs.is_empty() {
        bail!("nothing computes {}", parsed.unresolved_inputs.join(", "));
    }
    let mut model = parsed.model;
    let inputs = settle_inputs(&mut model)?;
    let outputs = proto.graph.iter().flat_map(|graph| &graph.output);
    let outputs = outputs.map(|output| output.name.clone()).collect();
    let plan = model.into_optimized()?.into_runnable()?;
    Ok(Graph { plan, inputs, outputs })
}

/// Gives every dimension that the graph leaves open a symbol, without which tract plans nothing.
///
/// The first dimension of every input counts rows, so all of them share one symbol.
fn settle_inputs(model: &mut InferenceModel) -> TractResult<Vec<Port>> {
    let rows = model.symbols.sym("N");
    let mut ports = Vec::new();
    for index in 0..model.input_outlets()?.len() {
        let outlet = model.input_outlets()?[index];
        let name = model.node(outlet.node).name.clone();
        let fact = model.input_fact(index)?.clone();
        let Some(datum) = fact.datum_type.concretize() else { bail!("input {name} has no type") };
        let Some(data_type) = tensor::data_type(datum) else {
            bail!("input {name} is of type {datum:?}, which does not run here");
        };
        if fact.shape.is_open() {
            bail!("input {name} has no shape");
        }
        let mut dims: TVec<TDim> = tvec!();
        for (axis, dim) in fact.shape.dims().enumerate() {
            dims.push(match dim.concretize() {
                Some(dim) => dim,
                None if axis == 0 => rows.clone().into(),
                None => model.symbols.new_with_prefix("D").into(),
            });
        }
        let shape = dims.iter().map(|dim| dim.to_usize().ok()).collect();
        model.set_input_fact(index, InferenceFact::dt_shape(datum, dims))?;
        ports.push(Port { name, data_type, shape });
    }
    Ok(ports)
}

/// Runs the engine; its failures and its panics become text. A model must not end a server.
fn guarded<T>(work: impl FnOnce() -> TractResult<T>) -> std::result::Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(outcome) => outcome.map_err(|error| format!("{error:#}")),
        Err(panic) => Err(panic_text(panic.as_ref())),
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".to_owned())
}
