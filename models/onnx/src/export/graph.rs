//! An ONNX graph that grows node by node.
//!
//! The messages are those of <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>.

use prost::Message as _;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TypeProto, ValueInfoProto, type_proto,
};

/// The domain of trees.
pub(super) const ML: &str = "ai.onnx.ml";
const IR_VERSION: i64 = 8;
const OPSET: i64 = 17;
const ML_OPSET: i64 = 3;

/// The operators and constants so far.
#[derive(Debug, Default)]
pub(super) struct Graph {
    nodes: Vec<NodeProto>,
    constants: Vec<TensorProto>,
}

/// The numbers that scores are computed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    Single,
    Double,
}

impl Width {
    pub(super) fn kind(self) -> DataType {
        match self {
            Self::Single => DataType::Float,
            Self::Double => DataType::Double,
        }
    }
}

impl Graph {
    /// Appends an operator of ai.onnx, and returns the name of its output.
    pub(super) fn op(
        &mut self,
        op: &str,
        inputs: &[&str],
        attributes: Vec<AttributeProto>,
    ) -> String {
        let output = format!("{}_{}", op.to_lowercase(), self.nodes.len());
        self.op_to(("", op), inputs, attributes, &output);
        output
    }

    /// Appends an operator of a domain, whose output gets a name.
    pub(super) fn op_to(
        &mut self,
        (domain, op): (&str, &str),
        inputs: &[&str],
        attribute: Vec<AttributeProto>,
        output: &str,
    ) {
        self.nodes.push(NodeProto {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![output.to_owned()],
            name: format!("{op}_{}", self.nodes.len()),
            op_type: op.to_owned(),
            domain: domain.to_owned(),
            attribute,
            ..NodeProto::default()
        });
    }

    /// Casts to another type.
    pub(super) fn cast(&mut self, input: &str, to: DataType) -> String {
        self.op("Cast", &[input], vec![int("to", to as i64)])
    }

    /// Keeps numbers, rounded to a width.
    pub(super) fn numbers(&mut self, width: Width, shape: &[usize], values: &[f64]) -> String {
        let mut tensor = TensorProto::default();
        match width {
            Width::Single => tensor.float_data = values.iter().map(|value| *value as f32).collect(),
            Width::Double => tensor.double_data = values.to_vec(),
        }
        self.keep(width.kind(), shape, tensor)
    }

    /// Keeps one number.
    pub(super) fn number(&mut self, width: Width, value: f64) -> String {
        self.numbers(width, &[], &[value])
    }

    pub(super) fn ints(&mut self, values: &[i64]) -> String {
        let tensor = TensorProto { int64_data: values.to_vec(), ..TensorProto::default() };
        self.keep(DataType::Int64, &[values.len()], tensor)
    }

    pub(super) fn bools(&mut self, shape: &[usize], values: &[bool]) -> String {
        let int32_data = values.iter().map(|value| i32::from(*value)).collect();
        self.keep(DataType::Bool, shape, TensorProto { int32_data, ..TensorProto::default() })
    }

    pub(super) fn texts(&mut self, values: &[String]) -> String {
        let string_data = values.iter().map(|text| text.as_bytes().to_vec()).collect();
        let tensor = TensorProto { string_data, ..TensorProto::default() };
        self.keep(DataType::String, &[values.len()], tensor)
    }

    fn keep(&mut self, kind: DataType, shape: &[usize], tensor: TensorProto) -> String {
        let name = format!("constant_{}", self.constants.len());
        let dims = shape.iter().map(|size| *size as i64).collect();
        let tensor = TensorProto { name: name.clone(), dims, data_type: kind as i32, ..tensor };
        self.constants.push(tensor);
        name
    }

    /// Writes the file.
    pub(super) fn finish(self, input: ValueInfoProto, outputs: Vec<ValueInfoProto>) -> Vec<u8> {
        let graph = GraphProto {
            name: "model".to_owned(),
            node: self.nodes,
            initializer: self.constants,
            input: vec![input],
            output: outputs,
            ..GraphProto::default()
        };
        let opset =
            |domain: &str, version| OperatorSetIdProto { domain: domain.to_owned(), version };
        let model = ModelProto {
            ir_version: IR_VERSION,
            opset_import: vec![opset("", OPSET), opset(ML, ML_OPSET)],
            producer_name: "mlctl".to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            graph: Some(graph),
            ..ModelProto::default()
        };
        model.encode_to_vec()
    }
}

/// Describes an input or output with a row for each row, and so many columns if there are any.
pub(super) fn port(name: &str, kind: DataType, columns: Option<usize>) -> ValueInfoProto {
    let dimension = |value| Dimension { value: Some(value), ..Dimension::default() };
    let mut dim = vec![dimension(dimension::Value::DimParam("N".to_owned()))];
    dim.extend(columns.map(|columns| dimension(dimension::Value::DimValue(columns as i64))));
    let shape = Some(TensorShapeProto { dim });
    let tensor = type_proto::Tensor { elem_type: kind as i32, shape };
    let kind =
        TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..TypeProto::default() };
    ValueInfoProto { name: name.to_owned(), r#type: Some(kind), ..ValueInfoProto::default() }
}

fn attribute(name: &str, kind: AttributeType) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type: kind as i32, ..AttributeProto::default() }
}

pub(super) fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto { i, ..attribute(name, AttributeType::Int) }
}

pub(super) fn text(name: &str, text: &str) -> AttributeProto {
    AttributeProto { s: text.as_bytes().to_vec(), ..attribute(name, AttributeType::String) }
}

pub(super) fn ints(name: &str, ints: Vec<i64>) -> AttributeProto {
    AttributeProto { ints, ..attribute(name, AttributeType::Ints) }
}

pub(super) fn floats(name: &str, floats: Vec<f32>) -> AttributeProto {
    AttributeProto { floats, ..attribute(name, AttributeType::Floats) }
}

pub(super) fn texts(name: &str, texts: &[&str]) -> AttributeProto {
    let strings = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    AttributeProto { strings, ..attribute(name, AttributeType::Strings) }
}
