//! One ONNX graph, made ready once and run from many threads.

use super::loader::Loader;
use super::node::{Node, domain};
use super::program::{Program, Refusal};
use super::segment::Declared;
use super::{convert, functions, segment};
use mlctl_models_format::folder::DataFile;
use mlctl_models_format::{Error, Result};
use mlctl_table::Tensor;
use mlctl_table::schema::DataType;
use mlctl_table::show_shape;
use std::sync::Arc;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Size;
use tract_onnx::pb::type_proto::Value as Type;
use tract_onnx::pb::{GraphProto, ModelProto, ValueInfoProto};

/// One input of a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The name that inputs go by.
    pub name: String,
    /// The type that its elements are held in.
    pub data_type: DataType,
    /// The dimensions, `None` where any size will do; no list where any shape will do.
    pub shape: Option<Vec<Option<usize>>>,
    /// ONNX's number of the type.
    pub(super) kind: i32,
}

impl Port {
    /// Tells whether a tensor of this shape can go in.
    pub fn takes(&self, shape: &[usize]) -> bool {
        let Some(own) = &self.shape else { return true };
        shape.len() == own.len()
            && shape.iter().zip(own).all(|(size, want)| want.is_none_or(|want| want == *size))
    }

    fn declared(&self) -> Declared {
        Declared { kind: self.kind, shape: self.shape.clone() }
    }

    /// Returns the number of dimensions, where the graph tells it.
    pub fn rank(&self) -> Option<usize> {
        self.shape.as_ref().map(Vec::len)
    }

    /// Writes the shape with -1 where any size will do.
    pub fn show_shape(&self) -> String {
        let sizes = self.shape.iter().flatten();
        let sizes: Vec<String> =
            sizes.map(|size| size.map_or("-1".to_owned(), |s| s.to_string())).collect();
        show_shape(&sizes)
    }
}

/// One output of a graph.
#[derive(Debug)]
struct Output {
    name: String,
    /// What the columns are called, when the graph ends in a ZipMap.
    classes: Option<Arc<[String]>>,
}

/// A graph that is ready to run.
#[derive(Debug)]
pub struct Graph {
    program: Program,
    inputs: Vec<Port>,
    outputs: Vec<Output>,
}

impl Graph {
    /// Reads and plans the graph in a file; external data lies beside it.
    ///
    /// # Errors
    /// [`Error::UnsupportedOperators`] names the operators that do not run here;
    /// [`Error::UnsupportedGraph`] gives the reason for everything else.
    pub fn open(file: &DataFile) -> Result<Self> {
        let model = read(file)?;
        let loader = Loader { model: &model, file };
        let refused = |problem| Error::UnsupportedGraph { path: file.path(), problem };
        let compiled = segment::guarded(|| Ok::<_, String>(Self::compile(&loader)));
        compiled.map_err(refused)?.map_err(|refusal| match refusal {
            Refusal::Operators(names) => {
                Error::UnsupportedOperators { operators: names.into_iter().collect() }
            }
            Refusal::Problem(problem) => refused(problem),
        })
    }

    pub(super) fn compile(loader: &Loader<'_>) -> Result<Self, Refusal> {
        let graph = loader.model.graph.as_ref();
        let graph = graph.ok_or_else(|| "the file holds no graph".to_owned())?;
        let own: Vec<&str> = graph.initializer.iter().map(|one| one.name.as_str()).collect();
        let inputs = graph.input.iter().filter(|input| !own.contains(&input.name.as_str()));
        let program = Program::compile(loader, graph, false)?;
        let inputs = inputs.map(port).collect::<Result<Vec<_>, _>>()?;
        let outputs = graph.output.iter().map(|output| {
            let classes = classes(loader, graph, &output.name)?.map(Arc::from);
            Ok(Output { name: output.name.clone(), classes })
        });
        let outputs = outputs.collect::<Result<_, String>>()?;
        let declared = inputs.iter().map(Port::declared).collect::<Vec<_>>();
        program.prepare(&declared)?;
        Ok(Self { program, inputs, outputs })
    }

    /// Returns the inputs in the graph's order.
    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// Computes the outputs; the inputs stand in the graph's order, and are of its types.
    ///
    /// # Errors
    /// [`Error::Evaluation`] with the reason.
    pub fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<(String, Tensor)>> {
        segment::guarded(|| self.compute(inputs)).map_err(|problem| Error::Evaluation { problem })
    }

    fn compute(&self, inputs: Vec<Tensor>) -> Result<Vec<(String, Tensor)>, String> {
        let inputs = inputs.into_iter().zip(&self.inputs).map(|(input, port)| {
            convert::take_in(input, port.kind)
                .map_err(|problem| format!("input `{}`: {problem}", port.name))
        });
        let arrays = self.program.run(inputs.collect::<Result<_, _>>()?)?;
        let outputs = arrays.into_iter().zip(&self.outputs).map(|(array, output)| {
            let tensor = convert::give_out(array)?;
            let tensor = match &output.classes {
                Some(classes) => tensor.with_classes(classes.clone()),
                None => tensor,
            };
            Ok((output.name.clone(), tensor))
        });
        outputs.collect()
    }
}

/// Reads a file, with the nodes of its functions where they are called.
pub(super) fn read(file: &DataFile) -> Result<ModelProto> {
    functions::read(&file.read()?)
        .map_err(|problem| Error::UnsupportedGraph { path: file.path(), problem })
}

/// Reads what the graph says about an input.
fn port(info: &ValueInfoProto) -> Result<Port, String> {
    let name = &info.name;
    let Some(Type::TensorType(tensor)) = info.r#type.as_ref().and_then(|kind| kind.value.as_ref())
    else {
        return Err(format!("input `{name}` is not a tensor"));
    };
    let data_type = convert::border(tensor.elem_type)
        .ok_or_else(|| format!("input `{name}` is of a type that is not supported"))?;
    let shape = tensor.shape.as_ref().map(|shape| {
        let sizes = shape.dim.iter().map(|dim| match dim.value {
            Some(Size::DimValue(size)) => usize::try_from(size).ok(),
            _ => None,
        });
        sizes.collect()
    });
    Ok(Port { name: name.clone(), data_type, shape, kind: tensor.elem_type })
}

/// Finds the labels that a ZipMap gives to the columns of an output.
fn classes(
    loader: &Loader<'_>,
    graph: &GraphProto,
    output: &str,
) -> Result<Option<Vec<String>>, String> {
    let is_zip_map = |node: &&tract_onnx::pb::NodeProto| {
        node.op_type == "ZipMap" && domain(node) == "ai.onnx.ml"
    };
    for proto in graph.node.iter().filter(is_zip_map) {
        let Some(name) = proto.output.first() else { continue };
        if graph.node.iter().any(|node| segment::names(node).contains(&name.as_str())) {
            return Err(format!(
                "something uses the maps `{name}`, which are only supported as an \
                                output of the graph"
            ));
        }
        if name == output {
            return super::ml::class_labels(&mut Node::new(proto, loader)).map(Some);
        }
    }
    Ok(None)
}
