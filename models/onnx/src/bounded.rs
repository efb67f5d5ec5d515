//! Operators of tract, which must not make anything larger than the limit while they plan.
//!
//! tract computes what depends on constants only as soon as it knows the constants. What comes out
//! is of any size that they ask for, so its shape is looked at first.

use super::ranked;
use mlctl_table::limit;
use std::collections::HashMap;
use std::sync::LazyLock;
use tract_onnx::Onnx;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{TVec, TractResult, TypedModel};
use tract_onnx::tract_hir::internal::*;

/// Operators that tract looks for by their type, or that never make anything.
const PLAIN: [&str; 4] = ["Constant", "Identity", "Shape", "Size"];

/// Operators whose result is as large as a value says. They only compute what has a known shape.
const MAKERS: [&str; 17] = [
    "BlackmanWindow",
    "ConstantOfShape",
    "Expand",
    "EyeLike",
    "HammingWindow",
    "HannWindow",
    "MelWeightMatrix",
    "Multinomial",
    "OneHot",
    "Pad",
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
    "Range",
    "Resize",
    "Tile",
];

static UNBOUNDED: LazyLock<Onnx> = LazyLock::new(ranked::operators);

/// Returns tract's operators, all of them bounded.
pub(super) fn operators() -> Onnx {
    // What a file notes about values is no part of the computation, and may be wrong.
    let mut onnx = UNBOUNDED.clone().with_ignore_value_info(true);
    for (name, builder) in &mut onnx.op_register.0 {
        if !PLAIN.contains(&name.as_str()) {
            *builder = bound;
        }
    }
    onnx
}

fn bound(
    context: &ParsingContext<'_>,
    node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let own = UNBOUNDED.op_register.0.get(&node.op_type);
    let own = own.ok_or_else(|| anyhow!("there is no {}", node.op_type))?;
    let (inner, names) = own(context, node)?;
    let is_maker = MAKERS.contains(&node.op_type.as_str());
    Ok((Box::new(Bounded { inner, is_maker }), names))
}

/// An operator whose results are looked at before they are made.
#[derive(Clone, Debug)]
struct Bounded {
    inner: Box<dyn InferenceOp>,
    is_maker: bool,
}

impl PartialEq for Bounded {
    fn eq(&self, _: &Self) -> bool {
        false
    }
}

impl Eq for Bounded {}

impl Op for Bounded {
    fn name(&self) -> StaticName {
        self.inner.name()
    }

    fn info(&self) -> TractResult<Vec<String>> {
        self.inner.info()
    }

    fn validation(&self) -> Validation {
        self.inner.validation()
    }

    not_a_typed_op!();
}

impl EvalOp for Bounded {
    fn eval(&self, context: &EvalContext<'_>, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        self.inner.eval(context, inputs)
    }

    fn eval_out_of_plan(&self, inputs: TVec<TValue>) -> TractResult<Option<TVec<TValue>>> {
        self.inner.eval_out_of_plan(inputs)
    }

    fn state(&self, context: &EvalContext<'_>) -> TractResult<Option<Box<dyn OpState>>> {
        self.inner.state(context)
    }
}

type Facts = TVec<InferenceFact>;

impl InferenceOp for Bounded {
    fn infer(
        &mut self,
        inputs: TVec<&InferenceFact>,
        outputs: TVec<&InferenceFact>,
        observed: TVec<&InferenceFact>,
    ) -> TractResult<(Facts, Facts, Facts)> {
        let facts = self.infer_facts(inputs.clone(), outputs.clone(), observed.clone())?;
        for fact in &facts.1 {
            check(fact)?;
        }
        let is_known = facts.0.iter().all(|fact| fact.value.is_concrete());
        if !is_known || (self.is_maker && !facts.1.iter().all(|fact| fact.shape.is_concrete())) {
            return Ok(facts);
        }
        self.inner.infer(inputs, outputs, observed)
    }

    fn observe_outlets(
        &self,
        model: &InferenceModel,
        node: &InferenceNode,
    ) -> TractResult<Vec<OutletId>> {
        self.inner.observe_outlets(model, node)
    }

    fn infer_facts(
        &mut self,
        inputs: TVec<&InferenceFact>,
        outputs: TVec<&InferenceFact>,
        observed: TVec<&InferenceFact>,
    ) -> TractResult<(Facts, Facts, Facts)> {
        self.inner.infer_facts(inputs, outputs, observed)
    }

    fn incorporate(
        &self,
        model: &InferenceModel,
        node: &InferenceNode,
    ) -> TractResult<Option<InferenceModelPatch>> {
        self.inner.incorporate(model, node)
    }

    fn nboutputs(&self) -> TractResult<usize> {
        self.inner.nboutputs()
    }

    fn to_typed(
        &self,
        source: &InferenceModel,
        node: &InferenceNode,
        target: &mut TypedModel,
        mapping: &HashMap<OutletId, OutletId>,
    ) -> TractResult<TVec<OutletId>> {
        self.inner.to_typed(source, node, target, mapping)
    }

    as_op!();
}

/// Refuses a result whose dimensions, as far as they are known, are too large.
fn check(fact: &InferenceFact) -> TractResult<()> {
    let dims = fact.shape.dims();
    let sizes = dims.filter_map(|dim| dim.concretize()?.to_usize().ok());
    limit::volume(&sizes.collect::<Vec<_>>()).map_err(|problem| anyhow!(problem))?;
    Ok(())
}
