//! Our tensors to tract's and back.

use crate::signature::DataType;
use crate::{Tensor, Values};
use tract_onnx::prelude::{Datum, DatumType, Tensor as Tract, TractResult};
use tract_onnx::tract_hir::internal::{anyhow, bail};

/// Returns the type that holds values of a graph's type; `None` when none does.
pub(super) fn data_type(datum: DatumType) -> Option<DataType> {
    match datum {
        DatumType::Bool => Some(DataType::Boolean),
        DatumType::I32 => Some(DataType::Integer),
        DatumType::I64 => Some(DataType::Long),
        DatumType::F32 => Some(DataType::Float),
        DatumType::F64 => Some(DataType::Double),
        _ => None,
    }
}

/// Copies a tensor into tract's form. Text has none.
pub(super) fn to_tract(tensor: &Tensor) -> TractResult<Tract> {
    let shape = tensor.shape();
    match tensor.values() {
        Values::Boolean(list) => Tract::from_shape(shape, list),
        Values::Integer(list) => Tract::from_shape(shape, list),
        Values::Long(list) => Tract::from_shape(shape, list),
        Values::Float(list) => Tract::from_shape(shape, list),
        Values::Double(list) => Tract::from_shape(shape, list),
        Values::String(_) => Err(anyhow!("text does not run here")),
    }
}

/// Copies a tensor out of tract's form; small integers and half floats widen.
pub(super) fn from_tract(tensor: &Tract) -> TractResult<Tensor> {
    fn list<T: Datum>(tensor: &Tract) -> TractResult<Vec<T>> {
        let cast = tensor.cast_to::<T>()?;
        Ok(cast.to_plain_array_view::<T>()?.iter().cloned().collect())
    }
    let values = match tensor.datum_type() {
        DatumType::Bool => Values::Boolean(list(tensor)?),
        DatumType::I8 | DatumType::I16 | DatumType::I32 | DatumType::U8 | DatumType::U16 => {
            Values::Integer(list(tensor)?)
        }
        DatumType::I64 | DatumType::U32 | DatumType::TDim => Values::Long(list(tensor)?),
        DatumType::F16 | DatumType::F32 => Values::Float(list(tensor)?),
        DatumType::F64 => Values::Double(list(tensor)?),
        DatumType::String => Values::String(list(tensor)?.into_iter().map(Some).collect()),
        other => bail!("outputs of type {other:?} do not run here"),
    };
    Tensor::new(tensor.shape().to_vec(), values).map_err(|error| anyhow!("{error}"))
}
