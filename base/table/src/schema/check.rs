//! Checking an input against a schema: which inputs there are, in which order, shape and type.

use super::cast::cast;
use super::{ColumnSpec, Schema, TensorSpec};
use crate::{Error, Input, Result, Table, Tensor};
use crate::{show_place, show_shape};
use std::collections::{HashMap, HashSet};

impl Schema {
    /// Checks an input and brings it into the schema's order and types.
    ///
    /// Required inputs must be there, optional ones may be, others are dropped with a warning. A
    /// schema of columns makes a table of whatever comes; one of tensors takes no cast at all.
    ///
    /// ```
    /// use mlctl_table::{Input, Table, Tensor, Values, schema::Schema};
    ///
    /// let schema: Schema = serde_json::from_str(r#"[{"type": "double", "name": "age"}]"#).unwrap();
    /// let column = Tensor::vector(Values::Integer(vec![59]));
    ///
    /// let checked = schema.enforce(Input::Table(Table::new(vec![("age".into(), column)])?))?;
    ///
    /// let Input::Table(table) = checked else { unreachable!() };
    /// assert_eq!(table.columns()[0].1.values(), &Values::Double(vec![59.0]));
    /// # Ok::<(), mlctl_table::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Mismatch`] names what is missing, or the column, tensor or type at fault.
    pub fn enforce(&self, input: Input) -> Result<Input> {
        match self {
            Self::Columns(columns) if self.is_named() => {
                named_columns(columns, into_table(input)?).map(Input::Table)
            }
            Self::Columns(columns) => {
                unnamed_columns(columns, into_table(input)?).map(Input::Table)
            }
            Self::Tensors(tensors) if self.is_named() => named_tensors(tensors, input),
            Self::Tensors(tensors) => match tensors.as_slice() {
                [tensor] => unnamed_tensor(tensor, input).map(Input::Tensor),
                _ => Err(Error::mismatch("the signature has several tensors without names")),
            },
        }
    }
}

/// Lays any input out as a table: unnamed columns are named by their position.
fn into_table(input: Input) -> Result<Table> {
    let columns = match input {
        Input::Table(table) => return Ok(table),
        Input::Named(columns) if columns.iter().all(|(_, value)| value.shape().is_empty()) => {
            columns
                .into_iter()
                .map(|(name, one)| (name, Tensor::vector(one.into_parts().1)))
                .collect()
        }
        Input::Named(columns) => columns,
        Input::Tensor(tensor) => match *tensor.shape() {
            [] | [_] => vec![("0".to_owned(), Tensor::vector(tensor.into_parts().1))],
            [_, width] => (0..width).map(|at| (at.to_string(), tensor.matrix_column(at))).collect(),
            _ => {
                return Err(Error::mismatch(format!(
                    "an input of shape {} is not a table, which this model's signature requires",
                    show_shape(tensor.shape())
                )));
            }
        },
    };
    Table::new(columns)
        .map_err(|error| Error::mismatch(format!("cannot convert the input to a table: {error}")))
}

fn named_columns(specs: &[ColumnSpec], table: Table) -> Result<Table> {
    let is_alike =
        |(spec, (name, _)): (&ColumnSpec, &(String, Tensor))| spec.name.as_ref() == Some(name);
    if specs.len() == table.columns().len() && specs.iter().zip(table.columns()).all(is_alike) {
        return in_order(specs, table);
    }
    let required = specs.iter().filter(|spec| spec.required).filter_map(|s| s.name.as_deref());
    let known: Vec<&str> = specs.iter().filter_map(|spec| spec.name.as_deref()).collect();
    let given: Vec<&str> = table.columns().iter().map(|(name, _)| name.as_str()).collect();
    refuse_missing(required, &known, &given)?;
    let mut columns: HashMap<String, Tensor> = table.into_columns().into_iter().collect();
    let mut ordered = Vec::with_capacity(specs.len());
    for spec in specs {
        let Some(name) = &spec.name else { continue };
        let Some(tensor) = columns.remove(name) else { continue };
        ordered.push((name.clone(), typed_column(spec, name, tensor)?));
    }
    Table::new(ordered)
}

/// Checks columns that stand as the schema has them.
fn in_order(specs: &[ColumnSpec], table: Table) -> Result<Table> {
    let columns = specs.iter().zip(table.into_columns()).map(|(spec, (name, tensor))| {
        let tensor = typed_column(spec, &name, tensor)?;
        Ok((name, tensor))
    });
    Table::new(columns.collect::<Result<_>>()?)
}

fn unnamed_columns(specs: &[ColumnSpec], table: Table) -> Result<Table> {
    let given = table.columns().len();
    if given < specs.len() {
        return Err(Error::mismatch(format!(
            "Model inference is missing inputs. The model signature declares {} inputs but the \
             provided value only has {given} inputs.",
            specs.len()
        )));
    }
    in_order(specs, table)
}

fn typed_column(spec: &ColumnSpec, name: &str, tensor: Tensor) -> Result<Tensor> {
    let Some(data_type) = spec.data_type() else {
        return Err(Error::mismatch(format!(
            "the signature declares column {name} as {}; columns of arrays, objects and maps are \
             not supported",
            spec.kind.get("type").and_then(|kind| kind.as_str()).unwrap_or("nothing")
        )));
    };
    if tensor.shape().len() != 1 {
        return Err(Error::mismatch(format!(
            "Incompatible input types for column {name}. Its cells are lists, the signature \
             declares {}.",
            data_type.numpy_name()
        )));
    }
    cast(name, tensor.into_parts().1, data_type).map(Tensor::vector)
}

fn named_tensors(specs: &[TensorSpec], input: Input) -> Result<Input> {
    let (given, is_table) = match input {
        Input::Table(table) => (table.into_columns(), true),
        Input::Named(tensors) => (tensors, false),
        Input::Tensor(tensor) => match specs {
            [TensorSpec { name: Some(name), .. }] => (vec![(name.clone(), tensor)], false),
            _ => {
                return Err(Error::mismatch(
                    "This model contains a tensor-based model signature with input names, which \
                     suggests a dictionary input mapping input name to tensor, but a tensor \
                     without a name was found.",
                ));
            }
        },
    };
    let known: Vec<&str> = specs.iter().filter_map(|spec| spec.name.as_deref()).collect();
    let names: Vec<&str> = given.iter().map(|(name, _)| name.as_str()).collect();
    refuse_missing(known.iter().copied(), &known, &names)?;
    let mut given: HashMap<String, Tensor> = given.into_iter().collect();
    let mut ordered = Vec::with_capacity(specs.len());
    for spec in specs {
        let Some(name) = &spec.name else { continue };
        let Some(tensor) = given.remove(name) else { continue };
        let tensor = if is_table { reshape_cells(spec, tensor)? } else { tensor };
        ordered.push((name.clone(), typed_tensor(spec, tensor)?));
    }
    Ok(Input::Named(ordered))
}

/// Cells hold a tensor flat or nested: what counts is that there are enough values for a row.
fn reshape_cells(spec: &TensorSpec, tensor: Tensor) -> Result<Tensor> {
    let rows = tensor.shape().first().copied().unwrap_or_default();
    let mut shape = vec![rows];
    for size in spec.shape.iter().skip(1) {
        match usize::try_from(*size) {
            Ok(size) => shape.push(size),
            Err(_) => return Ok(tensor),
        }
    }
    let (given, values) = tensor.into_parts();
    Tensor::new(shape, values).map_err(|_| shape_mismatch(&given, &spec.shape))
}

fn unnamed_tensor(spec: &TensorSpec, input: Input) -> Result<Tensor> {
    match input {
        Input::Tensor(tensor) => typed_tensor(spec, tensor),
        Input::Table(table) => match table.into_columns() {
            mut columns if columns.len() == 1 => {
                let (_, tensor) = columns.remove(0);
                typed_tensor(spec, reshape_cells(spec, tensor)?)
            }
            columns => {
                let matrix = Table::new(columns)?.into_matrix();
                let matrix = matrix.ok_or_else(|| {
                    Error::mismatch("the columns of the table do not have one type in common")
                })?;
                typed_tensor(spec, matrix)
            }
        },
        Input::Named(_) => Err(Error::invalid(
            "Failed to parse input data. This model contains an un-named model signature which \
             expects a single n-dimensional array as input, however, an object was found.",
        )),
    }
}

fn typed_tensor(spec: &TensorSpec, tensor: Tensor) -> Result<Tensor> {
    let fits = tensor.shape().len() == spec.shape.len()
        && tensor.shape().iter().zip(&spec.shape).all(|(given, declared)| {
            *declared == -1 || i64::try_from(*given).is_ok_and(|given| given == *declared)
        });
    if !fits {
        return Err(shape_mismatch(tensor.shape(), &spec.shape));
    }
    let given = tensor.values().data_type();
    if spec.data_type() != Some(given) {
        return Err(Error::mismatch(format!(
            "dtype of input {} does not match expected dtype {}",
            given.numpy_name(),
            spec.dtype
        )));
    }
    if let Some((at, value)) = spec.element().and_then(|element| element.stranger(tensor.values()))
    {
        return Err(Error::mismatch(format!(
            "the value {value} at {} does not fit the expected dtype {}",
            show_place(at, tensor.shape()),
            spec.dtype
        )));
    }
    Ok(tensor)
}

fn shape_mismatch(given: &[usize], declared: &[i64]) -> Error {
    Error::mismatch(format!(
        "Shape of input {} does not match expected shape {}.",
        show_shape(given),
        show_shape(declared)
    ))
}

fn refuse_missing<'a>(
    required: impl Iterator<Item = &'a str>,
    known: &[&str],
    given: &[&str],
) -> Result<()> {
    let is_known: HashSet<&str> = known.iter().copied().collect();
    let is_given: HashSet<&str> = given.iter().copied().collect();
    let missing: Vec<&str> = required.filter(|name| !is_given.contains(name)).collect();
    let extra: Vec<&str> = given.iter().copied().filter(|name| !is_known.contains(name)).collect();
    if missing.is_empty() {
        if !extra.is_empty() {
            tracing::warn!(inputs = ?extra, "ignoring inputs that the signature does not declare");
        }
        return Ok(());
    }
    let mut message = format!("Model is missing inputs {}.", list(&missing));
    if !extra.is_empty() {
        message.push_str(&format!(" Note that there were extra inputs: {}.", list(&extra)));
    }
    Err(Error::mismatch(message))
}

fn list(names: &[&str]) -> String {
    format!("[{}]", names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", "))
}
