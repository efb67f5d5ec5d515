//! `Cast`: from any type to any other, text included.

use crate::array::{Array, Data};
use crate::kernel::{Kernel, one};
use crate::node::Node;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::prelude::f16;

pub(super) fn build(node: &mut Node<'_>) -> Result<Kernel, String> {
    if node.op == "CastLike" {
        node.ignore(&["saturate", "round_mode"]);
        return one(|mut inputs| {
            let kind = kind(&inputs.get(1)?.data);
            let array = inputs.take(0)?;
            Ok(Array { shape: array.shape, data: cast(array.data, kind)? })
        });
    }
    let to = node.int("to")?.ok_or("its attribute `to` is missing")?;
    // Only 8-bit floats know the difference.
    node.ignore(&["saturate"]);
    let kind = DataType::try_from(to as i32).map_err(|_| format!("type {to} is unknown"))?;
    if !is_known(kind) {
        return Err(format!("casting to {} is not supported", kind.as_str_name()));
    }
    one(move |mut inputs| {
        let array = inputs.take(0)?;
        Ok(Array { shape: array.shape, data: cast(array.data, kind)? })
    })
}

/// Returns ONNX's type of values.
fn kind(data: &Data) -> DataType {
    match data {
        Data::Bool(_) => DataType::Bool,
        Data::I8(_) => DataType::Int8,
        Data::I16(_) => DataType::Int16,
        Data::I32(_) => DataType::Int32,
        Data::I64(_) => DataType::Int64,
        Data::U8(_) => DataType::Uint8,
        Data::U16(_) => DataType::Uint16,
        Data::U32(_) => DataType::Uint32,
        Data::U64(_) => DataType::Uint64,
        Data::F16(_) => DataType::Float16,
        Data::F32(_) => DataType::Float,
        Data::F64(_) => DataType::Double,
        Data::Str(_) => DataType::String,
    }
}

fn is_known(kind: DataType) -> bool {
    use DataType::{
        Bool, Double, Float, Float16, Int8, Int16, Int32, Int64, String, Uint8, Uint16, Uint32,
        Uint64,
    };
    matches!(
        kind,
        Bool | Double
            | Float
            | Float16
            | Int8
            | Int16
            | Int32
            | Int64
            | String
            | Uint8
            | Uint16
            | Uint32
            | Uint64
    )
}

/// A number on its way from one type to another, without loss.
#[derive(Clone, Copy)]
enum Wide {
    Whole(i128),
    Float(f64),
}

fn cast(data: Data, kind: DataType) -> Result<Data, String> {
    use DataType as To;
    // What models do most.
    let data = match (data, kind) {
        (Data::F32(list), To::Float) => return Ok(Data::F32(list)),
        (Data::I64(list), To::Int64) => return Ok(Data::I64(list)),
        (Data::Str(list), To::String) => return Ok(Data::Str(list)),
        (Data::I64(list), To::Float) => {
            return Ok(Data::F32(list.into_iter().map(|value| value as f32).collect()));
        }
        (Data::F32(list), To::Double) => {
            return Ok(Data::F64(list.into_iter().map(f64::from).collect()));
        }
        (Data::F64(list), To::Float) => {
            return Ok(Data::F32(list.into_iter().map(|value| value as f32).collect()));
        }
        (Data::F32(list), To::Int64) => {
            return Ok(Data::I64(list.into_iter().map(|value| value as i64).collect()));
        }
        (data, To::String) => return Ok(Data::Str(spell(&data)?)),
        (data, _) => data,
    };
    let wide = widen(&data)?;
    macro_rules! narrow {
        ($variant:ident, $kind:ty) => {
            Data::$variant(
                wide.iter()
                    .map(|value| match value {
                        // Whole numbers keep their lowest bits, as in C.
                        Wide::Whole(value) => *value as $kind,
                        Wide::Float(value) => *value as $kind,
                    })
                    .collect(),
            )
        };
    }
    Ok(match kind {
        To::Bool => Data::Bool(
            wide.iter()
                .map(|value| match value {
                    Wide::Whole(value) => *value != 0,
                    Wide::Float(value) => *value != 0.0,
                })
                .collect(),
        ),
        To::Int8 => narrow!(I8, i8),
        To::Int16 => narrow!(I16, i16),
        To::Int32 => narrow!(I32, i32),
        To::Int64 => narrow!(I64, i64),
        To::Uint8 => narrow!(U8, u8),
        To::Uint16 => narrow!(U16, u16),
        To::Uint32 => narrow!(U32, u32),
        To::Uint64 => narrow!(U64, u64),
        To::Float => narrow!(F32, f32),
        To::Double => narrow!(F64, f64),
        _ => Data::F16(
            wide.iter()
                .map(|value| match value {
                    Wide::Whole(value) => f16::from_f64(*value as f64),
                    Wide::Float(value) => f16::from_f64(*value),
                })
                .collect(),
        ),
    })
}

fn widen(data: &Data) -> Result<Vec<Wide>, String> {
    macro_rules! whole {
        ($list:ident) => {
            $list.iter().map(|value| Wide::Whole(i128::from(*value))).collect()
        };
    }
    Ok(match data {
        Data::Bool(list) => whole!(list),
        Data::I8(list) => whole!(list),
        Data::I16(list) => whole!(list),
        Data::I32(list) => whole!(list),
        Data::I64(list) => whole!(list),
        Data::U8(list) => whole!(list),
        Data::U16(list) => whole!(list),
        Data::U32(list) => whole!(list),
        Data::U64(list) => whole!(list),
        Data::F16(list) => list.iter().map(|value| Wide::Float(value.to_f64())).collect(),
        Data::F32(list) => list.iter().map(|value| Wide::Float(f64::from(*value))).collect(),
        Data::F64(list) => list.iter().map(|value| Wide::Float(*value)).collect(),
        Data::Str(list) => list.iter().map(|text| parse(text)).collect::<Result<_, _>>()?,
    })
}

/// Reads a number as C does.
fn parse(text: &str) -> Result<Wide, String> {
    if let Ok(whole) = text.trim().parse::<i64>() {
        return Ok(Wide::Whole(i128::from(whole)));
    }
    text.trim().parse().map(Wide::Float).map_err(|_| format!("`{text}` is not a number"))
}

/// Writes values as onnxruntime does: floats with 8 significant digits.
fn spell(data: &Data) -> Result<Vec<String>, String> {
    macro_rules! plain {
        ($list:ident) => {
            $list.iter().map(ToString::to_string).collect()
        };
    }
    Ok(match data {
        Data::Bool(list) => list.iter().map(|value| u8::from(*value).to_string()).collect(),
        Data::I8(list) => plain!(list),
        Data::I16(list) => plain!(list),
        Data::I32(list) => plain!(list),
        Data::I64(list) => plain!(list),
        Data::U8(list) => plain!(list),
        Data::U16(list) => plain!(list),
        Data::U32(list) => plain!(list),
        Data::U64(list) => plain!(list),
        Data::F16(list) => list.iter().map(|value| general(value.to_f64(), 8)).collect(),
        Data::F32(list) => list.iter().map(|value| general(f64::from(*value), 8)).collect(),
        Data::F64(list) => list.iter().map(|value| general(*value, 8)).collect(),
        Data::Str(list) => list.clone(),
    })
}

/// Writes a number as C's `%g` with so many digits.
fn general(value: f64, digits: usize) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "INF" } else { "-INF" }.to_owned();
    }
    if value == 0.0 {
        return if value.is_sign_negative() { "-0" } else { "0" }.to_owned();
    }
    let scientific = format!("{value:.*e}", digits - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let trim = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if exponent < -4 || exponent >= digits as i32 {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trim(mantissa), exponent.abs());
    }
    trim(&format!("{value:.*}", (digits as i32 - 1 - exponent).max(0) as usize))
}
