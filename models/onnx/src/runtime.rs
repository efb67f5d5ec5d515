//! Graphs run by Microsoft's onnxruntime, a shared library that the host names.

use super::array::{Array, Data, Shape};
use super::convert;
use super::external::external_files;
use super::graph::Port;
use mlctl_models_format::folder::DataFile;
use mlctl_models_format::{Error, Result};
use mlctl_table::Tensor;
use ort::environment::Environment;
use ort::session::{Session, SessionInputValue};
use ort::value::{DynValue, Outlet, TensorElementType, ValueType};
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};
use tract_onnx::pb::tensor_proto::DataType as Onnx;

/// The library of this process: it can be loaded once.
static LIBRARY: OnceLock<Environment> = OnceLock::new();

/// Loads the library; a second call keeps the first library.
pub fn use_library(path: &Path) -> Result<()> {
    if LIBRARY.get().is_some() {
        return Ok(());
    }
    let problem = |error: String| Error::Library { path: path.to_owned(), problem: error };
    let builder = ort::init_from(path).map_err(|error| problem(one_line(&error)))?;
    let builder = builder.with_name("mlctl").with_telemetry(false);
    match builder.build() {
        Ok(environment) => {
            LIBRARY.get_or_init(|| environment);
            Ok(())
        }
        // Another thread was faster.
        Err(_) if LIBRARY.get().is_some() => Ok(()),
        Err(error) => Err(problem(one_line(&error))),
    }
}

/// Tells whether there is a library.
pub fn is_loaded() -> bool {
    LIBRARY.get().is_some()
}

/// A graph in the library's hands.
pub struct Runtime {
    /// A session takes one call at a time, and uses all cores for it.
    session: Mutex<Session>,
    inputs: Vec<Port>,
    outputs: Vec<String>,
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Runtime").field("inputs", &self.inputs).finish_non_exhaustive()
    }
}

impl Runtime {
    /// Reads the graph in a file; external data lies beside it.
    ///
    /// # Errors
    /// [`Error::UnsupportedGraph`] with the library's reason, for external data outside of the
    /// graph's folder, and for inputs and outputs that are no tensors.
    pub fn open(file: &DataFile) -> Result<Self> {
        let path = file.path();
        let refused = |problem: String| Error::UnsupportedGraph { path: path.clone(), problem };
        let library = LIBRARY.get().ok_or_else(|| refused("ONNX Runtime is not loaded".into()))?;
        for weights in external_files(file)? {
            let inside = weights.to_str().map(|name| file.beside(name).open());
            if !matches!(inside, Some(Ok(_))) {
                return Err(refused(format!("`{}` is not a file next to it", weights.display())));
            }
        }
        let session =
            Session::builder(library).and_then(|mut builder| builder.commit_from_file(&path));
        let session = session.map_err(|error| refused(one_line(&error)))?;
        let inputs = session.inputs().iter().map(port);
        let inputs = inputs.collect::<Result<_, _>>().map_err(refused)?;
        let outputs = session
            .outputs()
            .iter()
            .map(|output| kind_of(output).map(|_| output.name().to_owned()));
        let outputs = outputs.collect::<Result<_, _>>().map_err(refused)?;
        Ok(Self { session: Mutex::new(session), inputs, outputs })
    }

    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// Computes the outputs; the inputs stand in the graph's order, and are of its types.
    ///
    /// # Errors
    /// [`Error::Evaluation`] with the library's reason.
    pub fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<(String, Tensor)>> {
        self.compute(inputs).map_err(|problem| Error::Evaluation { problem })
    }

    fn compute(&self, inputs: Vec<Tensor>) -> Result<Vec<(String, Tensor)>, String> {
        let mut fed = Vec::with_capacity(inputs.len());
        for (input, port) in inputs.into_iter().zip(&self.inputs) {
            let array = convert::take_in(input, port.kind)
                .map_err(|problem| format!("input `{}`: {problem}", port.name))?;
            fed.push((port.name.as_str(), SessionInputValue::from(lend(array)?)));
        }
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let answers = session.run(fed).map_err(|error| one_line(&error))?;
        let outputs = self.outputs.iter().map(|name| {
            let answer = answers.get(name).ok_or_else(|| format!("output `{name}` is missing"))?;
            Ok((name.clone(), convert::give_out(take_back(answer)?)?))
        });
        outputs.collect()
    }
}

/// Writes what the library says about a failure, which may be of several lines.
fn one_line(error: &impl ToString) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Reads what the library says about an input.
fn port(input: &Outlet) -> Result<Port, String> {
    let kind = kind_of(input)? as i32;
    let name = input.name().to_owned();
    let data_type = convert::border(kind)
        .ok_or_else(|| format!("input `{name}` is of a type that is not supported"))?;
    let sizes = input.dtype().tensor_shape().into_iter().flat_map(|shape| shape.iter());
    let shape = Some(sizes.map(|size| usize::try_from(*size).ok()).collect());
    Ok(Port { name, data_type, shape, kind })
}

/// Returns the type of a tensor's values; other values do not pass the border of this crate.
fn kind_of(outlet: &Outlet) -> Result<Onnx, String> {
    let name = outlet.name();
    let ValueType::Tensor { ty, .. } = outlet.dtype() else {
        return Err(format!("`{name}` is not a tensor"));
    };
    Ok(match ty {
        TensorElementType::Bool => Onnx::Bool,
        TensorElementType::Int8 => Onnx::Int8,
        TensorElementType::Int16 => Onnx::Int16,
        TensorElementType::Int32 => Onnx::Int32,
        TensorElementType::Int64 => Onnx::Int64,
        TensorElementType::Uint8 => Onnx::Uint8,
        TensorElementType::Uint16 => Onnx::Uint16,
        TensorElementType::Uint32 => Onnx::Uint32,
        TensorElementType::Uint64 => Onnx::Uint64,
        TensorElementType::Float16 => Onnx::Float16,
        TensorElementType::Float32 => Onnx::Float,
        TensorElementType::Float64 => Onnx::Double,
        TensorElementType::String => Onnx::String,
        other => return Err(format!("`{name}` is of {other}, which is not supported")),
    })
}

/// Gives a value to the library, which reads it where it lies; texts are copied.
fn lend(array: Array) -> Result<DynValue, String> {
    let shape = array.shape.into_vec();
    macro_rules! lend {
        ($($variant:ident)*) => {
            match array.data {
                $(Data::$variant(list) => {
                    ort::value::Tensor::from_array((shape, list)).map(|value| value.into_dyn())
                })*
                Data::Str(list) => {
                    ort::value::Tensor::from_string_array((shape, &list[..]))
                        .map(|value| value.into_dyn())
                }
            }
        };
    }
    let value = lend!(Bool I8 I16 I32 I64 U8 U16 U32 U64 F16 F32 F64);
    value.map_err(|error| one_line(&error))
}

/// Copies a value out of the library.
fn take_back(value: &DynValue) -> Result<Array, String> {
    let ValueType::Tensor { ty, shape, .. } = value.dtype() else {
        return Err("an output is not a tensor".to_owned());
    };
    macro_rules! take_back {
        ($($element:ident => $variant:ident),*) => {
            match ty {
                $(TensorElementType::$element => value
                    .try_extract_tensor()
                    .map(|(_, list)| Data::$variant(list.to_vec())),)*
                TensorElementType::String => {
                    value.try_extract_strings().map(|(_, list)| Data::Str(list))
                }
                other => return Err(format!("an output is of {other}")),
            }
        };
    }
    let data = take_back!(
        Bool => Bool, Int8 => I8, Int16 => I16, Int32 => I32, Int64 => I64, Uint8 => U8,
        Uint16 => U16, Uint32 => U32, Uint64 => U64, Float16 => F16, Float32 => F32, Float64 => F64
    );
    let shape: Option<Shape> = shape.iter().map(|size| usize::try_from(*size).ok()).collect();
    Ok(Array {
        shape: shape.ok_or("an output has no shape")?,
        data: data.map_err(|error| one_line(&error))?,
    })
}
