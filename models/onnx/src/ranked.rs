//! Operators of tract that count an axis from the end, and must not count past the beginning.
//!
//! tract takes the file's word for it, and for a value of fewer dimensions would count on and on.

use tract_onnx::Onnx;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{TVec, TractResult, TypedModel};
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::expandable::{Expansion, expand};

/// Returns tract's operators, with those guarded that need it.
pub(super) fn operators() -> Onnx {
    let mut onnx = tract_onnx::onnx();
    onnx.op_register.insert("LayerNormalization", guard);
    onnx.op_register.insert("RMSNormalization", guard);
    onnx
}

fn guard(
    context: &ParsingContext<'_>,
    node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let onnx = tract_onnx::onnx();
    let own = onnx.op_register.0.get(&node.op_type);
    let own = own.ok_or_else(|| anyhow!("there is no {}", node.op_type))?;
    let (op, names) = own(context, node)?;
    let op = op.into_any().downcast::<Box<dyn Expansion>>();
    let inner = *op.map_err(|_| anyhow!("{} has another form", node.op_type))?;
    let axis = node.attribute.iter().find(|attribute| attribute.name == "axis");
    let axis = axis.map_or(-1, |attribute| attribute.i);
    let least = usize::try_from(axis.saturating_neg()).unwrap_or(0);
    Ok((expand(Ranked { inner, least }), names))
}

/// An operator that runs on values of so many dimensions at least.
#[derive(Clone, Debug)]
struct Ranked {
    inner: Box<dyn Expansion>,
    least: usize,
}

impl Expansion for Ranked {
    fn name(&self) -> StaticName {
        self.inner.as_ref().name()
    }

    fn nboutputs(&self) -> TractResult<usize> {
        self.inner.as_ref().nboutputs()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        let least = self.least as i64;
        // All have the rank of the input, and any of them may be known first.
        for value in inputs.iter().take(1).chain(outputs) {
            s.given(&value.rank, move |_, rank| match rank < least {
                true => bail!("there is no axis {} of {rank}", -least),
                false => Ok(()),
            })?;
        }
        self.inner.as_ref().rules(s, inputs, outputs)
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        self.inner.as_ref().wire(prefix, model, inputs)
    }
}
