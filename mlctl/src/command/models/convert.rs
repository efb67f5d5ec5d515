//! `mlctl models convert`: the same model in another format.

use super::save;
use crate::cli::{ConvertArgs, ConvertFormat};
use crate::command::Context;
use crate::failure::Hinted;
use crate::resolve;
use anyhow::{Context as _, Result};
use mlctl_models::Example;
use mlctl_models::convert::to_onnx;
use mlctl_models::save::{OnnxModel, save_onnx};
use serde_json::json;
use std::fs;

pub(super) fn run(context: &Context, args: &ConvertArgs) -> Result<()> {
    let ConvertFormat::Onnx = args.to;
    let folder = resolve::fetch(context, args.which.uri())?;
    let info = mlctl_models::read_info(&folder.path)
        .with_context(|| format!("cannot convert the model `{}`", args.which.uri()))?;
    if info.flavors.contains_key("onnx") {
        return Err(Hinted::error(
            format!("the model `{}` is already an ONNX model", args.which.uri()),
            "score it with `mlctl models predict`, or copy the folder",
        ));
    }
    let converted = to_onnx(&folder.path)?;
    let draft = resolve::draft()?;
    let graph = draft.path().join("model.onnx");
    fs::write(&graph, &converted.graph)
        .with_context(|| format!("cannot write `{}`", graph.display()))?;
    let mut model = OnnxModel {
        graph: &graph,
        signature: Some(converted.signature),
        example: converted.example.map(|input| Example { input, answer: None }),
        origin: save::new_origin(context.clock.now()),
        metadata: None,
    };
    model
        .complete()
        .with_context(|| format!("the converted model `{}` does not run", args.which.uri()))?;
    save_onnx(&args.output, &model)
        .with_context(|| format!("cannot save `{}`", args.output.display()))?;
    let told = json!({ "path": args.output });
    context.output.show(&told, |_| format!("saved {}\n", args.output.display()))
}
