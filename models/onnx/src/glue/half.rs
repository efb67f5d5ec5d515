//! Floats of 16 bits: calculated with as floats of 32.

use crate::array::{Array, Data};
use crate::kernel::{Input, Inputs, Kernel};
use tract_onnx::prelude::f16;

/// Operators that calculate, and whose outputs are of their inputs' type or no floats at all.
const WIDENED: &[&str] = &[
    "Abs",
    "Add",
    "ArgMax",
    "ArgMin",
    "CausalConvWithState",
    "Ceil",
    "Celu",
    "Clip",
    "CumProd",
    "CumSum",
    "Det",
    "Div",
    "Erf",
    "Exp",
    "Floor",
    "Gemm",
    "Greater",
    "GreaterOrEqual",
    "IsNaN",
    "Less",
    "LessOrEqual",
    "Log",
    "LpNormalization",
    "LpPool",
    "MatMul",
    "Max",
    "Mean",
    "Min",
    "Mod",
    "Mul",
    "Neg",
    "NegativeLogLikelihoodLoss",
    "Pow",
    "Range",
    "Reciprocal",
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
    "Relu",
    "Round",
    "Sigmoid",
    "Sign",
    "Softmax",
    "SoftmaxCrossEntropyLoss",
    "Sqrt",
    "Sub",
    "Sum",
    "SwiGLU",
    "Tanh",
    "TopK",
];

/// Tells whether an operator's kernel needs [`widened`].
pub(super) fn is_widened(op: &str) -> bool {
    WIDENED.contains(&op)
}

/// Lets a kernel take floats of 16 bits; when its first input is of them, so are its outputs.
pub(super) fn widened(kernel: Kernel) -> Kernel {
    let is_half = |array: &Array| matches!(array.data, Data::F16(_));
    Box::new(move |inputs| {
        if !inputs.0.iter().flatten().any(|input| is_half(input.array())) {
            return kernel(inputs);
        }
        let narrows = inputs.optional(0).is_some_and(is_half);
        let widen = |input: Option<Input<'_>>| input.map(|input| Input::Own(widen(input.array())));
        let outputs = kernel(Inputs(inputs.0.into_iter().map(widen).collect()))?;
        Ok(if narrows { outputs.into_iter().map(narrow).collect() } else { outputs })
    })
}

fn widen(array: &Array) -> Array {
    match &array.data {
        Data::F16(list) => {
            let data = Data::F32(list.iter().map(|value| value.to_f32()).collect());
            Array { shape: array.shape.clone(), data }
        }
        _ => array.clone(),
    }
}

fn narrow(array: Array) -> Array {
    let data = match array.data {
        Data::F32(list) => Data::F16(list.into_iter().map(f16::from_f32).collect()),
        other => other,
    };
    Array { shape: array.shape, data }
}
