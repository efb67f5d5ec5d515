//! The operators of ai.onnx that surround models of tabular data.

mod arithmetic;
mod arrange;
mod attention;
mod bits;
mod branch;
mod broadcast;
mod cast;
mod compare;
mod crop;
mod distance;
mod gather;
mod half;
mod losses;
mod matrix;
mod pad;
mod pool;
mod range;
mod reduce;
mod scan;
mod select;
mod sequence;
mod shape;
mod unique;

pub(super) use broadcast::{combine, shape as broadcast_shape};
pub(super) use gather::along;
pub(super) use matrix::multiply_into;

use super::kernel::Kernel;
use super::node::Node;

/// Domain and name of each.
pub(super) const NAMES: &[(&str, &str)] = &[
    ("", "Abs"),
    ("", "Add"),
    ("", "And"),
    ("", "ArgMax"),
    ("", "ArgMin"),
    ("", "Attention"),
    ("", "BitCast"),
    ("", "Cast"),
    ("", "CastLike"),
    ("", "CausalConvWithState"),
    ("", "Ceil"),
    ("", "Celu"),
    ("", "CenterCropPad"),
    ("", "Clip"),
    ("", "Compress"),
    ("", "Concat"),
    ("", "Constant"),
    ("", "ConstantOfShape"),
    ("", "CumProd"),
    ("", "CumSum"),
    ("", "Det"),
    ("", "Div"),
    ("", "Equal"),
    ("", "Erf"),
    ("", "Exp"),
    ("", "Expand"),
    ("", "Flatten"),
    ("", "Floor"),
    ("", "Gather"),
    ("", "GatherElements"),
    ("", "Gemm"),
    ("", "Greater"),
    ("", "GreaterOrEqual"),
    ("", "Identity"),
    ("", "If"),
    ("", "IsNaN"),
    ("", "Less"),
    ("", "LessOrEqual"),
    ("", "Log"),
    ("", "LpNormalization"),
    ("", "LpPool"),
    ("", "MatMul"),
    ("", "Max"),
    ("", "Mean"),
    ("", "Min"),
    ("", "Mod"),
    ("", "Mul"),
    ("", "Neg"),
    ("", "NegativeLogLikelihoodLoss"),
    ("", "NonZero"),
    ("", "Not"),
    ("", "Or"),
    ("", "Pad"),
    ("", "Pow"),
    ("", "Range"),
    ("", "Reciprocal"),
    ("", "ReduceL1"),
    ("", "ReduceL2"),
    ("", "ReduceLogSum"),
    ("", "ReduceLogSumExp"),
    ("", "ReduceMax"),
    ("", "ReduceMean"),
    ("", "ReduceMin"),
    ("", "ReduceProd"),
    ("", "ReduceSum"),
    ("", "ReduceSumSquare"),
    ("", "Relu"),
    ("", "Reshape"),
    ("", "ReverseSequence"),
    ("", "Round"),
    ("", "Scan"),
    ("", "ScatterElements"),
    ("", "Shape"),
    ("", "Sigmoid"),
    ("", "Sign"),
    ("", "Size"),
    ("", "Slice"),
    ("", "Softmax"),
    ("", "SoftmaxCrossEntropyLoss"),
    ("", "Sqrt"),
    ("", "Squeeze"),
    ("", "Sub"),
    ("", "Sum"),
    ("", "SwiGLU"),
    ("", "Tanh"),
    ("", "TensorScatter"),
    ("", "Tile"),
    ("", "TopK"),
    ("", "Transpose"),
    ("", "Unique"),
    ("", "Unsqueeze"),
    ("", "Where"),
    ("", "Xor"),
    ("com.microsoft", "CDist"),
];

/// Makes the kernel of a node whose operator is in [`NAMES`].
pub(super) fn build(node: &mut Node<'_>) -> Result<Kernel, String> {
    let (op, kernel) = (node.op, plain(node)?);
    Ok(if half::is_widened(op) { half::widened(kernel) } else { kernel })
}

fn plain(node: &mut Node<'_>) -> Result<Kernel, String> {
    match node.op {
        "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Mod" | "Max" | "Min" | "Sum" | "Mean" => {
            arithmetic::many(node)
        }
        "Abs" | "Ceil" | "Erf" | "Exp" | "Floor" | "Log" | "Neg" | "Reciprocal" | "Relu"
        | "Round" | "Celu" | "Sigmoid" | "Sign" | "Sqrt" | "Tanh" | "Clip" => {
            arithmetic::single(node)
        }
        "And" | "Or" | "Xor" | "Not" | "Equal" | "Greater" | "GreaterOrEqual" | "Less"
        | "LessOrEqual" | "IsNaN" | "Where" => compare::build(node),
        "Cast" | "CastLike" => cast::build(node),
        "Identity" | "Constant" | "ConstantOfShape" | "Shape" | "Size" | "Reshape" | "Flatten"
        | "Squeeze" | "Unsqueeze" => shape::build(node),
        "Concat" | "Slice" | "Transpose" | "Expand" | "Tile" => arrange::build(node),
        "Gather" | "GatherElements" | "ScatterElements" | "Compress" | "NonZero" => {
            gather::build(node)
        }
        "ArgMax" | "ArgMin" | "TopK" => select::build(node),
        "MatMul" | "Gemm" => matrix::build(node),
        "Scan" => scan::build(node),
        "Attention" => attention::build(node),
        "BitCast" => bits::build(node),
        "If" => branch::build(node),
        "CenterCropPad" => crop::build(node),
        "Det" => matrix::determinant(),
        "NegativeLogLikelihoodLoss" | "SoftmaxCrossEntropyLoss" => losses::build(node),
        "LpPool" => pool::build(node),
        "Pad" => pad::build(node),
        "Range" => range::build(node),
        "CausalConvWithState" | "ReverseSequence" | "SwiGLU" | "TensorScatter" => {
            sequence::build(node)
        }
        "Unique" => unique::build(node),
        "CDist" => distance::build(node),
        _ => reduce::build(node),
    }
}
