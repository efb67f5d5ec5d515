//! The onnx flavor: an ONNX graph, and how a signature's inputs become the graph's.
//!
//! As in MLflow, a table goes whole into a graph with one input and column by column into one with
//! several. Values are cast to the types of the graph's inputs; MLflow casts only double to float.

#[cfg(feature = "onnxruntime")]
use crate::runtime;
use crate::{Graph, Port};
use mlctl_models_format::folder::{DataFile, data_file};
use mlctl_models_format::{Answer, Error, Predictor, Result};
use mlctl_table::schema::{DataType, TensorSpec};
use mlctl_table::{Input, Table, Tensor, Values};
use serde_json::{Map, Value};
use std::path::Path;

/// The flavor's name in `MLmodel`.
pub const NAME: &str = "onnx";
const DATA_DEFAULT: &str = "model.onnx";

/// Opens the graph that the flavor's settings name.
///
/// # Errors
/// [`Error::NotAModel`] without it; [`Error::UnsupportedOperators`] and
/// [`Error::UnsupportedGraph`] when it does not run here.
pub fn open(folder: &Path, settings: &Map<String, Value>) -> Result<OnnxModel> {
    let data = settings.get("data").and_then(Value::as_str).unwrap_or(DATA_DEFAULT);
    Ok(OnnxModel { graph: Engine::open(&data_file(folder, data)?)? })
}

/// Opens a graph that is in no model folder.
///
/// # Errors
/// As [`open`].
pub fn open_file(path: &Path) -> Result<OnnxModel> {
    Ok(OnnxModel { graph: Engine::open(&DataFile::alone(path))? })
}

/// Opens the graph that the flavor's settings name with onnxruntime.
///
/// # Errors
/// As [`open`]; [`Error::UnsupportedGraph`] without a library too.
#[cfg(feature = "onnxruntime")]
pub fn open_foreign(folder: &Path, settings: &Map<String, Value>) -> Result<OnnxModel> {
    let data = settings.get("data").and_then(Value::as_str).unwrap_or(DATA_DEFAULT);
    let graph = runtime::Runtime::open(&data_file(folder, data)?)?;
    Ok(OnnxModel { graph: Engine::Foreign(graph) })
}

/// Who runs a graph.
#[derive(Debug)]
enum Engine {
    Own(Graph),
    #[cfg(feature = "onnxruntime")]
    Foreign(runtime::Runtime),
}

impl Engine {
    /// Opens a graph here; one that does not run here where the host has given a library.
    fn open(file: &DataFile) -> Result<Self> {
        let own = Graph::open(file).map(Self::Own);
        #[cfg(feature = "onnxruntime")]
        if let Err(error @ (Error::UnsupportedOperators { .. } | Error::UnsupportedGraph { .. })) = &own
            // The library would take the memory.
            && !mlctl_table::limit::is_reason(&error.to_string())
            && runtime::is_loaded()
        {
            match runtime::Runtime::open(file) {
                Ok(graph) => return Ok(Self::Foreign(graph)),
                // What is missing here says more than what is broken there.
                Err(error) => tracing::debug!(%error, "ONNX Runtime cannot run the graph either"),
            }
        }
        own
    }

    fn inputs(&self) -> &[Port] {
        match self {
            Self::Own(graph) => graph.inputs(),
            #[cfg(feature = "onnxruntime")]
            Self::Foreign(graph) => graph.inputs(),
        }
    }

    fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<(String, Tensor)>> {
        match self {
            Self::Own(graph) => graph.run(inputs),
            #[cfg(feature = "onnxruntime")]
            Self::Foreign(graph) => graph.run(inputs),
        }
    }
}

/// Writes an input's shape as a signature has it; one whose rank is open counts rows at least.
fn sizes(port: &Port) -> Vec<i64> {
    let size = |size: &Option<usize>| size.map_or(-1, |size| size as i64);
    port.shape.as_ref().map_or_else(|| vec![-1], |shape| shape.iter().map(size).collect())
}

/// A graph that scores tables and tensors.
#[derive(Debug)]
pub struct OnnxModel {
    graph: Engine,
}

impl OnnxModel {
    /// Returns what the graph takes; a single input goes without its name, as in MLflow.
    pub fn inputs(&self) -> Vec<TensorSpec> {
        let ports = self.graph.inputs();
        let spec = |port: &Port| TensorSpec {
            name: (ports.len() > 1).then(|| port.name.clone()),
            dtype: port.data_type.numpy_name().to_owned(),
            shape: sizes(port),
        };
        ports.iter().map(spec).collect()
    }
}

impl Predictor for OnnxModel {
    fn predict(&self, input: &Input) -> Result<Answer> {
        self.predict_owned(input.clone())
    }

    fn predict_owned(&self, input: Input) -> Result<Answer> {
        let fed = match (input, self.graph.inputs()) {
            (Input::Table(table), [port]) => vec![whole(port, table)?],
            (Input::Table(table), ports) => by_name(ports, table.into_columns())?,
            (Input::Tensor(tensor), [port]) => vec![fit(port, tensor)?],
            (Input::Tensor(_), ports) => {
                return Err(Error::Evaluation {
                    problem: format!(
                        "a tensor without a name fits a model with one input; this one has {}",
                        names(ports)
                    ),
                });
            }
            (Input::Named(tensors), ports) => by_name(ports, tensors)?,
        };
        self.graph.run(fed).map(Answer::Outputs)
    }
}

/// Makes one tensor of a whole table: a matrix, or its only column as it is.
fn whole(port: &Port, table: Table) -> Result<Tensor> {
    let mut columns = table.into_columns();
    if let [(_, only)] = &columns[..]
        && (only.shape().len() > 1 || port.rank() == Some(1))
    {
        return fit(port, columns.remove(0).1);
    }
    let columns = columns.into_iter().map(|(name, column)| {
        let (shape, values) = column.into_parts();
        Ok((name, Tensor::new(shape, convert(&port.name, values, port.data_type)?)?))
    });
    let matrix = Table::new(columns.collect::<Result<_>>()?)?.into_matrix();
    let matrix = matrix.ok_or_else(|| Error::Evaluation {
        problem: format!(
            "the columns of the table do not match the matrix for input `{}`",
            port.name
        ),
    })?;
    fit(port, matrix)
}

/// Feeds inputs by their names; each must be there, and nothing else.
fn by_name(ports: &[Port], mut given: Vec<(String, Tensor)>) -> Result<Vec<Tensor>> {
    if let Some((stranger, _)) =
        given.iter().find(|(name, _)| ports.iter().all(|port| port.name != *name))
    {
        return Err(Error::Evaluation {
            problem: format!("the model has no input `{stranger}`; it has {}", names(ports)),
        });
    }
    let fed = ports.iter().map(|port| {
        let found = given.iter().position(|(name, _)| *name == port.name);
        let found = found.ok_or_else(|| Error::Evaluation {
            problem: format!("the input has no `{}`; the model has {}", port.name, names(ports)),
        })?;
        fit(port, given.swap_remove(found).1)
    });
    fed.collect()
}

/// Casts a tensor to an input's type; a column becomes a matrix of width 1 where one is asked for.
fn fit(port: &Port, tensor: Tensor) -> Result<Tensor> {
    let (mut shape, values) = tensor.into_parts();
    if shape.len() == 1 && matches!(port.shape.as_deref(), Some([_, Some(1) | None])) {
        shape.push(1);
    }
    if !port.takes(&shape) {
        return Err(Error::Evaluation {
            problem: format!(
                "input `{}` has shape {}, got {}",
                port.name,
                port.show_shape(),
                mlctl_table::show_shape(&shape)
            ),
        });
    }
    Ok(Tensor::new(shape, convert(&port.name, values, port.data_type)?)?)
}

/// Casts numbers to the type of a graph's input; a float never becomes an integer.
fn convert(input: &str, values: Values, to: DataType) -> Result<Values> {
    use DataType::{Double, Float, Long};
    if values.data_type() == to {
        return Ok(values);
    }
    let from = values.data_type();
    Ok(match (values, to) {
        (Values::Double(list), Float) => {
            Values::Float(list.into_iter().map(|value| value as f32).collect())
        }
        (Values::Float(list), Double) => Values::Double(list.into_iter().map(f64::from).collect()),
        (Values::Long(list), Float) => {
            Values::Float(list.into_iter().map(|value| value as f32).collect())
        }
        (Values::Long(list), Double) => {
            Values::Double(list.into_iter().map(|value| value as f64).collect())
        }
        (Values::Integer(list), Float) => {
            Values::Float(list.into_iter().map(|value| value as f32).collect())
        }
        (Values::Integer(list), Double) => {
            Values::Double(list.into_iter().map(f64::from).collect())
        }
        (Values::Integer(list), Long) => Values::Long(list.into_iter().map(i64::from).collect()),
        (Values::Boolean(list), Float) => {
            Values::Float(list.into_iter().map(|value| f32::from(u8::from(value))).collect())
        }
        (Values::Boolean(list), Double) => {
            Values::Double(list.into_iter().map(|value| f64::from(u8::from(value))).collect())
        }
        (Values::Boolean(list), Long) => Values::Long(list.into_iter().map(i64::from).collect()),
        _ => {
            return Err(Error::Evaluation {
                problem: format!(
                    "input `{input}` expects {}; cannot convert {} to it",
                    to.numpy_name(),
                    from.numpy_name()
                ),
            });
        }
    })
}

fn names(ports: &[Port]) -> String {
    ports.iter().map(|port| format!("`{}`", port.name)).collect::<Vec<_>>().join(", ")
}
