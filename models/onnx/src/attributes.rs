//! What ONNX's operators may say about themselves, for those that tract plans.
//!
//! tract leaves aside what it does not look for. An attribute that it should not leave aside is
//! refused here, unless it says what is the case anyway.

use std::collections::HashMap;
use std::sync::LazyLock;
use tract_onnx::pb::{AttributeProto, NodeProto};

/// Operators that tract has, each with the attributes of all its versions. A question mark stands
/// behind those that tract does not look for, and whose value would change the answer.
const KNOWN: &str = "\
Abs consumed_inputs
Acos
Acosh
Add axis broadcast consumed_inputs
And axis broadcast
ArgMax axis keepdims select_last_index
ArgMin axis keepdims select_last_index
Asin
Asinh
Atan
Atanh
AveragePool auto_pad ceil_mode count_include_pad dilations kernel_shape pads strides
BatchNormalization consumed_inputs epsilon is_test momentum spatial training_mode?
BitShift direction
BitwiseAnd
BitwiseNot
BitwiseOr
BitwiseXor
BlackmanWindow output_datatype periodic
Cast round_mode saturate to
CastLike round_mode saturate
Ceil consumed_inputs
Clip consumed_inputs max min
Compress axis
Concat axis
Constant sparse_value? value value_float value_floats value_int value_ints value_string value_strings
ConstantOfShape value
Conv auto_pad dilations group kernel_shape pads strides
ConvInteger auto_pad dilations group kernel_shape pads strides
ConvTranspose auto_pad dilations group kernel_shape output_padding output_shape pads strides
Cos
Cosh
CumSum exclusive reverse
DFT axis inverse onesided
DepthToSpace blocksize mode
DequantizeLinear axis block_size output_dtype?
Div axis broadcast consumed_inputs
Dropout consumed_inputs is_test ratio seed
DynamicQuantizeLinear
Einsum equation
Elu alpha consumed_inputs
Equal axis broadcast
Erf
Exp consumed_inputs
Expand
EyeLike dtype k
Flatten axis
Floor consumed_inputs
GRU activation_alpha? activation_beta? activations? clip? direction hidden_size layout linear_before_reset output_sequence
Gather axis
GatherElements axis
GatherND batch_dims
Gelu approximate
Gemm alpha beta broadcast transA transB
GlobalAveragePool
GlobalLpPool p
GlobalMaxPool
Greater axis broadcast
GreaterOrEqual
GridSample align_corners mode padding_mode
GroupNormalization epsilon num_groups stash_type
HammingWindow output_datatype periodic
HannWindow output_datatype periodic
HardSigmoid alpha beta consumed_inputs
HardSwish
Hardmax axis
Identity
InstanceNormalization consumed_inputs epsilon
IsInf detect_negative detect_positive
IsNaN
LRN alpha beta bias size
LSTM activation_alpha? activation_beta? activations? clip? direction hidden_size input_forget? layout output_sequence
LayerNormalization axis epsilon stash_type
LeakyRelu alpha consumed_inputs
Less axis broadcast
LessOrEqual
Log consumed_inputs
LogSoftmax axis
LpNormalization axis p
MatMul
MatMulInteger
Max consumed_inputs
MaxPool auto_pad ceil_mode dilations kernel_shape pads storage_order strides
Mean consumed_inputs
MeanVarianceNormalization axes
MelWeightMatrix output_datatype
Min consumed_inputs
Mish
Mod fmod
Mul axis broadcast consumed_inputs
Multinomial dtype sample_size seed
Neg consumed_inputs
NonMaxSuppression center_point_box
NonZero
Not
OneHot axis
Or axis broadcast
PRelu consumed_inputs
Pad mode paddings? pads value
Pow axis broadcast
QLinearConv auto_pad dilations group kernel_shape pads strides
QLinearMatMul
QuantizeLinear axis block_size output_dtype? precision? saturate
RMSNormalization axis epsilon stash_type
RNN activation_alpha? activation_beta? activations? clip? direction hidden_size layout output_sequence
RandomNormal dtype mean scale seed shape
RandomNormalLike dtype mean scale seed
RandomUniform dtype high low seed shape
RandomUniformLike dtype high low seed
Range stash_type
Reciprocal consumed_inputs
ReduceL1 axes keepdims noop_with_empty_axes
ReduceL2 axes keepdims noop_with_empty_axes
ReduceLogSum axes keepdims noop_with_empty_axes
ReduceLogSumExp axes keepdims noop_with_empty_axes
ReduceMax axes keepdims noop_with_empty_axes
ReduceMean axes keepdims noop_with_empty_axes
ReduceMin axes keepdims noop_with_empty_axes
ReduceProd axes keepdims noop_with_empty_axes
ReduceSum axes keepdims noop_with_empty_axes
ReduceSumSquare axes keepdims noop_with_empty_axes
Relu consumed_inputs
Reshape allowzero consumed_inputs shape
Resize antialias axes coordinate_transformation_mode cubic_coeff_a exclude_outside extrapolation_value keep_aspect_ratio_policy mode nearest_mode
RotaryEmbedding interleaved num_heads rotary_embedding_dim
Round
STFT onesided
Scan body directions? num_scan_inputs scan_input_axes scan_input_directions scan_output_axes scan_output_directions
Scatter axis
ScatterElements axis reduction
ScatterND reduction
Selu alpha consumed_inputs gamma
Shape end start
Shrink bias lambd
Sigmoid consumed_inputs
Sign
Sin
Sinh
Size
Slice axes ends starts
Softmax axis
Softplus
Softsign
SpaceToDepth blocksize mode
Split axis num_outputs split
Sqrt consumed_inputs
Squeeze axes
Sub axis broadcast consumed_inputs
Sum consumed_inputs
Swish alpha
Tan
Tanh consumed_inputs
ThresholdedRelu alpha
Tile
TopK axis k largest sorted
Transpose perm
Trilu upper
Unsqueeze axes
Where
Xor axis broadcast";

static ATTRIBUTES: LazyLock<HashMap<&str, Vec<&str>>> = LazyLock::new(|| {
    let lines = KNOWN.lines().map(|line| {
        let mut words = line.split(' ');
        (words.next().unwrap_or_default(), words.collect())
    });
    lines.collect()
});

/// Tells whether ONNX has an operator of this name, and tract has it too.
pub(super) fn is_known(op: &str) -> bool {
    ATTRIBUTES.contains_key(op)
}

/// Refuses a node with an attribute that would be left aside.
pub(super) fn check(node: &NodeProto) -> Result<(), String> {
    let known = ATTRIBUTES.get(node.op_type.as_str()).map(Vec::as_slice).unwrap_or_default();
    for attribute in &node.attribute {
        let name = attribute.name.as_str();
        if !attribute.ref_attr_name.is_empty() {
            return Err(format!(
                "the attribute `{name}` of {} stands for one of a function",
                node.op_type
            ));
        }
        if is_far(attribute) {
            return Err(format!("{} does not run: its `{name}` names no axis", node.op_type));
        }
        let is_ignored = known.iter().any(|one| one.strip_suffix('?') == Some(name));
        if is_misread(&node.op_type, attribute)
            || (is_ignored && !is_default(attribute))
            || (!is_ignored && !known.contains(&name))
        {
            let op = &node.op_type;
            return Err(format!("{op} does not run: its attribute `{name}` is not supported"));
        }
    }
    Ok(())
}

/// Tells whether an attribute names an axis that no value has.
fn is_far(attribute: &AttributeProto) -> bool {
    const RANK_MAX: i64 = 64;
    let is_axis = matches!(
        attribute.name.as_str(),
        "axes" | "axis" | "batch_dims" | "perm" | "scan_input_axes" | "scan_output_axes"
    );
    let mut named = attribute.ints.iter().chain([&attribute.i]);
    is_axis && named.any(|at| !(-RANK_MAX..=RANK_MAX).contains(at))
}

/// Tells whether tract looks for an attribute and still answers otherwise than ONNX wants.
fn is_misread(op: &str, attribute: &AttributeProto) -> bool {
    match (op, attribute.name.as_str()) {
        ("GRU" | "LSTM" | "RNN", "direction") => attribute.s == b"reverse",
        ("SpaceToDepth", "mode") => attribute.s != b"DCR",
        ("Swish", "alpha") => attribute.f != 1.0,
        _ => false,
    }
}

/// Tells whether an attribute says what is the case without it: nothing, zero, or the activations
/// that recurrent networks have by default.
fn is_default(attribute: &AttributeProto) -> bool {
    let usual: [&[u8]; 3] = [b"Sigmoid", b"Tanh", b"Tanh"];
    let texts: Vec<&[u8]> = attribute.strings.iter().map(Vec::as_slice).collect();
    let is_usual = texts.is_empty()
        || [&usual[..], &usual[..2], &usual[1..2]].iter().any(|list| {
            texts.len().is_multiple_of(list.len())
                && texts.chunks(list.len()).all(|own| own == *list)
        });
    is_usual
        && attribute.i == 0
        && attribute.f == 0.0
        && attribute.floats.is_empty()
        && attribute.ints.is_empty()
        && attribute.t.is_none()
        && attribute.sparse_tensor.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_node(op: &str, attribute: AttributeProto, want: bool) {
        let name = attribute.name.clone();
        let node = NodeProto {
            op_type: op.to_owned(),
            attribute: vec![attribute],
            ..NodeProto::default()
        };
        assert_eq!(check(&node).is_ok(), want, "{op}: {name}");
    }

    #[test]
    fn attributes_that_would_be_left_aside_are_refused() {
        let named = |name: &str| AttributeProto { name: name.to_owned(), ..Default::default() };
        let number = |name: &str, i| AttributeProto { i, ..named(name) };
        let texts = |list: &[&str]| AttributeProto {
            strings: list.iter().map(|text| text.as_bytes().to_vec()).collect(),
            ..named("activations")
        };

        check_node("Conv", number("group", 4), true);
        check_node("Conv", number("groups", 4), false);
        check_node("BatchNormalization", number("training_mode", 0), true);
        check_node("BatchNormalization", number("training_mode", 1), false);
        check_node("LayerNormalization", number("axis", -3), true);
        check_node("LayerNormalization", number("axis", -257), false);
        check_node("LSTM", texts(&["Sigmoid", "Tanh", "Tanh"]), true);
        check_node("GRU", texts(&["Sigmoid", "Tanh", "Sigmoid", "Tanh"]), true);
        check_node("LSTM", texts(&["Sigmoid", "Relu", "Tanh"]), false);
    }
}
