//! Our values to tract's and back, and to those at the border of this crate.

use super::array::{Array, Data, Shape, any, volume};
use mlctl_table::schema::DataType;
use mlctl_table::{Tensor, Values};
use tract_onnx::pb::tensor_proto;
use tract_onnx::prelude::{Datum, DatumType, Tensor as Tract, TractResult, f16};
use tract_onnx::tract_hir::internal::{anyhow, bail};

/// Returns the type at the border that holds values of a graph's type; `None` when none does.
pub(super) fn border(kind: i32) -> Option<DataType> {
    use tensor_proto::DataType as Onnx;
    match Onnx::try_from(kind).ok()? {
        Onnx::Bool => Some(DataType::Boolean),
        Onnx::Int8 | Onnx::Int16 | Onnx::Int32 | Onnx::Uint8 | Onnx::Uint16 => {
            Some(DataType::Integer)
        }
        Onnx::Int64 | Onnx::Uint32 | Onnx::Uint64 => Some(DataType::Long),
        Onnx::Float16 | Onnx::Float => Some(DataType::Float),
        Onnx::Double => Some(DataType::Double),
        Onnx::String => Some(DataType::String),
        _ => None,
    }
}

/// Takes a tensor in as a graph's type, which [`border`] has turned into the tensor's.
pub(super) fn take_in(tensor: Tensor, kind: i32) -> Result<Array, String> {
    use tensor_proto::DataType as Onnx;
    let (shape, values) = tensor.into_parts();
    volume(&shape)?;
    let kind = Onnx::try_from(kind).unwrap_or(Onnx::Undefined);
    let data = match (values, kind) {
        (Values::Boolean(list), Onnx::Bool) => Data::Bool(list),
        (Values::Integer(list), Onnx::Int32) => Data::I32(list),
        (Values::Integer(list), Onnx::Int8) => Data::I8(narrow(&list)?),
        (Values::Integer(list), Onnx::Int16) => Data::I16(narrow(&list)?),
        (Values::Integer(list), Onnx::Uint8) => Data::U8(narrow(&list)?),
        (Values::Integer(list), Onnx::Uint16) => Data::U16(narrow(&list)?),
        (Values::Long(list), Onnx::Int64) => Data::I64(list),
        (Values::Long(list), Onnx::Uint32) => Data::U32(narrow(&list)?),
        (Values::Long(list), Onnx::Uint64) => Data::U64(narrow(&list)?),
        (Values::Float(list), Onnx::Float) => Data::F32(list),
        (Values::Float(list), Onnx::Float16) => {
            Data::F16(list.into_iter().map(f16::from_f32).collect())
        }
        (Values::Double(list), Onnx::Double) => Data::F64(list),
        (Values::String(list), Onnx::String) => {
            let texts = list.into_iter().collect::<Option<Vec<_>>>();
            Data::Str(texts.ok_or("a text is missing, which the graph does not accept")?)
        }
        (values, kind) => {
            let from = values.data_type().numpy_name();
            return Err(format!("cannot convert values of type {from} to {}", kind.as_str_name()));
        }
    };
    Ok(Array { shape: Shape::from_vec(shape), data })
}

fn narrow<From: Copy + ToString, To: TryFrom<From>>(list: &[From]) -> Result<Vec<To>, String> {
    let one = |value: &From| {
        To::try_from(*value).map_err(|_| format!("{} is out of range", value.to_string()))
    };
    list.iter().map(one).collect()
}

/// Gives a value out; small integers and half floats widen.
pub(super) fn give_out(array: Array) -> Result<Tensor, String> {
    fn widen<From: Into<To>, To>(list: Vec<From>) -> Vec<To> {
        list.into_iter().map(Into::into).collect()
    }
    let values = match array.data {
        Data::Bool(list) => Values::Boolean(list),
        Data::I8(list) => Values::Integer(widen(list)),
        Data::I16(list) => Values::Integer(widen(list)),
        Data::I32(list) => Values::Integer(list),
        Data::U8(list) => Values::Integer(widen(list)),
        Data::U16(list) => Values::Integer(widen(list)),
        Data::I64(list) => Values::Long(list),
        Data::U32(list) => Values::Long(widen(list)),
        Data::U64(list) => Values::Long(narrow(&list)?),
        Data::F16(list) => Values::Float(list.into_iter().map(f16::to_f32).collect()),
        Data::F32(list) => Values::Float(list),
        Data::F64(list) => Values::Double(list),
        Data::Str(list) => Values::String(list.into_iter().map(Some).collect()),
    };
    Tensor::new(array.shape.into_vec(), values).map_err(|error| error.to_string())
}

/// Returns tract's type for values; `None` for text, which tract only holds.
pub(super) fn datum_type(data: &Data) -> Option<DatumType> {
    fn of<T: Datum>(_: &[T]) -> DatumType {
        T::datum_type()
    }
    Some(any!(data, list => of(list)))
}

/// Returns tract's type for ONNX's number of it.
pub(super) fn onnx_type(kind: i32) -> Option<DatumType> {
    tensor_proto::DataType::try_from(kind).ok()?.try_into().ok()
}

/// Copies a value into tract's form.
pub(super) fn to_tract(array: &Array) -> TractResult<Tract> {
    if let Data::Str(list) = &array.data {
        let array = tract_onnx::tract_core::ndarray::ArrayD::from_shape_vec(
            &array.shape[..],
            list.clone(),
        )?;
        return Ok(array.into());
    }
    fn copy<T: Datum>(shape: &[usize], list: &[T]) -> TractResult<Tract> {
        let array = tract_onnx::tract_core::ndarray::ArrayViewD::from_shape(shape, list)?;
        Ok(array.to_owned().into())
    }
    any!(&array.data, list => copy(&array.shape, list))
}

/// Copies a value out of tract's form.
pub(super) fn from_tract(tensor: &Tract) -> TractResult<Array> {
    fn list<T: Datum>(tensor: &Tract) -> TractResult<Vec<T>> {
        Ok(tensor.try_as_plain_ram()?.as_slice::<T>()?.to_vec())
    }
    let data = match tensor.datum_type() {
        DatumType::Bool => Data::Bool(list(tensor)?),
        DatumType::I8 => Data::I8(list(tensor)?),
        DatumType::I16 => Data::I16(list(tensor)?),
        DatumType::I32 => Data::I32(list(tensor)?),
        DatumType::I64 => Data::I64(list(tensor)?),
        DatumType::U8 => Data::U8(list(tensor)?),
        DatumType::U16 => Data::U16(list(tensor)?),
        DatumType::U32 => Data::U32(list(tensor)?),
        DatumType::U64 => Data::U64(list(tensor)?),
        DatumType::F16 => Data::F16(list(tensor)?),
        DatumType::F32 => Data::F32(list(tensor)?),
        DatumType::F64 => Data::F64(list(tensor)?),
        DatumType::String => Data::Str(list(tensor)?),
        // Shapes, which ONNX counts in 64 bits.
        DatumType::TDim => {
            let cast = tensor.cast_to::<i64>()?;
            Data::I64(list(&cast)?)
        }
        other => bail!("values of type {other:?} are not supported"),
    };
    if data.len() != tensor.len() {
        return Err(anyhow!("a value is incomplete"));
    }
    Ok(Array { shape: tensor.shape().into(), data })
}
