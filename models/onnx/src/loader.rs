//! Tensors of a file, and what the file says about itself.

use super::array::{Array, Data, Shape};
use mlctl_models_format::Error;
use mlctl_models_format::folder::DataFile;
use tract_onnx::pb::tensor_proto::{DataLocation, DataType};
use tract_onnx::pb::type_proto::Value as Type;
use tract_onnx::pb::{ModelProto, TensorProto};
use tract_onnx::prelude::f16;

/// Reads parts of a file; external data lies beside it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loader<'a> {
    pub(super) model: &'a ModelProto,
    pub(super) file: &'a DataFile,
}

impl Loader<'_> {
    /// Returns the version of a domain's operators that the file is written for.
    pub(super) fn version(&self, domain: &str) -> i64 {
        let mut imports = self.model.opset_import.iter();
        let is = |name: &str| name == domain || (domain.is_empty() && name == "ai.onnx");
        imports.find(|import| is(&import.domain)).map_or(1, |import| import.version)
    }

    /// Reads a tensor, whose values must fill its shape.
    pub(super) fn array(&self, proto: &TensorProto) -> Result<Array, String> {
        let name = &proto.name;
        let shape: Option<Shape> = proto.dims.iter().map(|d| usize::try_from(*d).ok()).collect();
        let shape = shape.ok_or_else(|| format!("tensor `{name}` has a negative dimension"))?;
        // What lies in the file may be of any size; the values are there, or the file is refused.
        let want = shape.iter().try_fold(1_usize, |count, size| count.checked_mul((*size).max(1)));
        let want =
            want.ok_or_else(|| format!("tensor `{name}` of shape {shape:?} is too large"))?;
        let want = if shape.contains(&0) { 0 } else { want };
        let data = if proto.data_location == Some(DataLocation::External as i32) {
            raw(proto.data_type, &self.external(proto)?, name)?
        } else if !proto.raw_data.is_empty() {
            raw(proto.data_type, &proto.raw_data, name)?
        } else {
            listed(proto)?
        };
        if data.len() != want {
            return Err(format!("tensor `{name}` has {} values for {want}", data.len()));
        }
        Ok(Array { shape, data })
    }

    /// Reads a tensor's bytes from a file of their own.
    fn external(&self, proto: &TensorProto) -> Result<Vec<u8>, String> {
        let field = |key: &str| proto.external_data.iter().find(|one| one.key == key);
        let number = |key: &str| {
            field(key).map(|one| one.value.parse::<u64>()).transpose().map_err(|_| {
                format!("the {key} of tensor `{}`'s external data is not a number", proto.name)
            })
        };
        let location = field("location").map_or("", |one| one.value.as_str());
        let problem = |what: &str| format!("external data `{location}` {what}");
        let mut file = match self.file.beside(location).open() {
            Ok(file) => file,
            Err(Error::Io { .. }) => return Err(problem("cannot be opened")),
            Err(_) => return Err(problem("is not a file inside the model's folder")),
        };
        let size = file.size();
        let offset = number("offset")?.unwrap_or(0);
        let length = number("length")?.unwrap_or(size.saturating_sub(offset));
        if offset.checked_add(length).is_none_or(|end| end > size) {
            return Err(problem("is shorter than the graph says"));
        }
        file.part(offset, length).map_err(|_| problem("cannot be read"))
    }

    /// Returns a tensor with the bytes that lie in a file of their own; its values must fill its
    /// shape.
    pub(super) fn inlined(&self, proto: &TensorProto) -> Result<TensorProto, String> {
        let mut proto = proto.clone();
        if proto.data_location == Some(DataLocation::External as i32) {
            proto.raw_data = self.external(&proto)?;
            proto.data_location = None;
            proto.external_data = Vec::new();
        }
        self.array(&proto)?;
        Ok(proto)
    }

    /// Tells whether the graph may compute with floats of 64 bits.
    pub(super) fn has_doubles(&self) -> bool {
        const DOUBLE: i32 = DataType::Double as i32;
        let graph = self.model.graph.iter();
        graph.clone().flat_map(|graph| &graph.input).any(|input| {
            let kind = input.r#type.as_ref().and_then(|kind| kind.value.as_ref());
            matches!(kind, Some(Type::TensorType(tensor)) if tensor.elem_type == DOUBLE)
        }) || graph.clone().flat_map(|graph| &graph.node).any(|node| {
            node.op_type == "Cast" && node.attribute.iter().any(|to| to.i == i64::from(DOUBLE))
        }) || graph.flat_map(|graph| &graph.initializer).any(|one| one.data_type == DOUBLE)
    }
}

/// Reads values of a type from their bytes.
pub(super) fn raw(kind: i32, bytes: &[u8], name: &str) -> Result<Data, String> {
    macro_rules! read {
        ($kind:ty) => {{
            let (chunks, rest) = bytes.as_chunks();
            if !rest.is_empty() {
                return Err(format!("the bytes of tensor `{name}` are incomplete"));
            }
            chunks.iter().map(|chunk| <$kind>::from_le_bytes(*chunk)).collect()
        }};
    }
    Ok(match DataType::try_from(kind) {
        Ok(DataType::Float) => Data::F32(read!(f32)),
        Ok(DataType::Double) => Data::F64(read!(f64)),
        Ok(DataType::Float16) => Data::F16(read!(f16)),
        Ok(DataType::Int8) => Data::I8(read!(i8)),
        Ok(DataType::Int16) => Data::I16(read!(i16)),
        Ok(DataType::Int32) => Data::I32(read!(i32)),
        Ok(DataType::Int64) => Data::I64(read!(i64)),
        Ok(DataType::Uint8) => Data::U8(bytes.to_vec()),
        Ok(DataType::Uint16) => Data::U16(read!(u16)),
        Ok(DataType::Uint32) => Data::U32(read!(u32)),
        Ok(DataType::Uint64) => Data::U64(read!(u64)),
        Ok(DataType::Bool) => Data::Bool(bytes.iter().map(|byte| *byte != 0).collect()),
        _ => return Err(unknown(kind, name)),
    })
}

/// Reads the values that stand in fields of the message itself.
fn listed(proto: &TensorProto) -> Result<Data, String> {
    let small = &proto.int32_data;
    Ok(match DataType::try_from(proto.data_type) {
        Ok(DataType::Float) => Data::F32(proto.float_data.clone()),
        Ok(DataType::Double) => Data::F64(proto.double_data.clone()),
        Ok(DataType::Float16) => {
            Data::F16(small.iter().map(|bits| f16::from_bits(*bits as u16)).collect())
        }
        Ok(DataType::Int8) => Data::I8(small.iter().map(|value| *value as i8).collect()),
        Ok(DataType::Int16) => Data::I16(small.iter().map(|value| *value as i16).collect()),
        Ok(DataType::Int32) => Data::I32(small.clone()),
        Ok(DataType::Int64) => Data::I64(proto.int64_data.clone()),
        Ok(DataType::Uint8) => Data::U8(small.iter().map(|value| *value as u8).collect()),
        Ok(DataType::Uint16) => Data::U16(small.iter().map(|value| *value as u16).collect()),
        Ok(DataType::Uint32) => {
            Data::U32(proto.uint64_data.iter().map(|value| *value as u32).collect())
        }
        Ok(DataType::Uint64) => Data::U64(proto.uint64_data.clone()),
        Ok(DataType::Bool) => Data::Bool(small.iter().map(|value| *value != 0).collect()),
        Ok(DataType::String) => {
            let texts = proto.string_data.iter().map(|text| String::from_utf8(text.clone()));
            Data::Str(
                texts
                    .collect::<Result<_, _>>()
                    .map_err(|_| format!("tensor `{}` holds text that is not UTF-8", proto.name))?,
            )
        }
        _ => return Err(unknown(proto.data_type, &proto.name)),
    })
}

fn unknown(kind: i32, name: &str) -> String {
    let kind = DataType::try_from(kind).map_or("an unknown type", |kind| kind.as_str_name());
    format!("tensor `{name}` is of {kind}, which is not supported")
}
