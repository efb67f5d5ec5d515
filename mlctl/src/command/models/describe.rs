//! `mlctl models describe`: everything about a model folder.

use crate::command::Context;
use crate::output::{bytes, table};
use crate::resolve;
use anyhow::{Context as _, Result};
use mlctl_models::signature::{ColumnSpec, Schema, TensorSpec};
use mlctl_models::{Manifest, ModelInfo};
use serde_json::{Value, json};

/// Columns of a signature that are shown; the rest is counted.
const COLUMNS_SHOWN: usize = 30;

pub(super) fn run(context: &Context, uri: &str) -> Result<()> {
    let folder = resolve::fetch(context, uri)?;
    let cannot = || format!("cannot describe the model `{uri}`");
    let info = mlctl_models::read_info(&folder.path).with_context(cannot)?;
    let manifest = Manifest::read(&folder.path).with_context(cannot)?;
    let runs = match mlctl_models::load(&folder.path) {
        Ok(model) => Ok(model.flavor().to_owned()),
        Err(error) => Err(error.to_string()),
    };
    let told = json!({
        "uri": uri,
        "flavors": info.flavors.keys().collect::<Vec<_>>(),
        "runs_with": runs.as_ref().ok(),
        "problem": runs.as_ref().err(),
        "signature": info.signature,
        "run_id": info.run_id,
        "model_id": info.model_id,
        "model_uuid": info.model_uuid,
        "mlflow_version": info.mlflow_version,
        "utc_time_created": info.utc_time_created,
        "metadata": info.other.get("metadata"),
        "bytes": manifest.bytes(),
        "sha256": manifest.digest(),
        "files": manifest.files.iter().map(|file| json!({
            "path": file.path, "bytes": file.bytes, "sha256": file.sha256,
        })).collect::<Vec<_>>(),
    });
    context.output.show(&told, |_| text(&info, &manifest, &runs))
}

fn text(info: &ModelInfo, manifest: &Manifest, runs: &Result<String, String>) -> String {
    let flavors = info.flavors.keys().cloned().collect::<Vec<_>>().join(", ");
    let mut rows = vec![vec!["flavors".to_owned(), flavors]];
    // One line of the table for each line of a value.
    let mut list = |name: &str, values: Vec<String>| {
        let names = std::iter::once(name).chain(std::iter::repeat(""));
        rows.extend(names.zip(values).map(|(name, value)| vec![name.to_owned(), value]));
    };
    list(
        "runs with",
        vec![match runs {
            Ok(flavor) => flavor.clone(),
            Err(problem) => format!("not supported: {problem}"),
        }],
    );
    let signature = info.signature.as_ref();
    list("takes", shown(signature.and_then(|signature| signature.inputs.as_ref())));
    list("answers", shown(signature.and_then(|signature| signature.outputs.as_ref())));
    let params = signature.and_then(|signature| signature.params.as_ref());
    list("params", params.into_iter().flatten().map(param).collect());
    list("logged model", info.model_id.iter().cloned().collect());
    list("run", info.run_id.iter().cloned().collect());
    if let Some(time) = &info.utc_time_created {
        let by = info.mlflow_version.as_ref().map(|version| format!(", as MLflow {version}"));
        list("saved", vec![format!("{time} UTC{}", by.unwrap_or_default())]);
    }
    if let Some(Value::Object(metadata)) = info.other.get("metadata") {
        let lines = metadata.iter().map(|(key, value)| format!("{key} = {value}"));
        list("metadata", lines.collect());
    }
    let files = manifest.files.iter().map(|file| format!("{} ({})", file.path, bytes(file.bytes)));
    list("files", files.collect());
    list("size", vec![bytes(manifest.bytes())]);
    list("sha256", vec![manifest.digest()]);
    table(&[], rows, "")
}

fn shown(schema: Option<&Schema>) -> Vec<String> {
    let mut lines: Vec<String> = match schema {
        None => return vec!["not specified".to_owned()],
        Some(Schema::Columns(columns)) => columns.iter().map(column).collect(),
        Some(Schema::Tensors(tensors)) => tensors.iter().map(tensor).collect(),
    };
    if lines.len() > COLUMNS_SHOWN {
        let more = lines.len() - COLUMNS_SHOWN;
        lines.truncate(COLUMNS_SHOWN);
        lines.push(format!("and {more} more"));
    }
    lines
}

fn column(column: &ColumnSpec) -> String {
    let kind = match column.kind.get("type").and_then(Value::as_str) {
        Some(name) if column.kind.len() == 1 => name.to_owned(),
        _ => Value::Object(column.kind.clone()).to_string(),
    };
    let name = column.name.as_deref().map(|name| format!("{name}: ")).unwrap_or_default();
    format!("{name}{kind}{}", if column.required { "" } else { ", optional" })
}

fn tensor(tensor: &TensorSpec) -> String {
    let name = tensor.name.as_deref().map(|name| format!("{name}: ")).unwrap_or_default();
    let sizes: Vec<String> = tensor.shape.iter().map(ToString::to_string).collect();
    format!("{name}{} [{}]", tensor.dtype, sizes.join(", "))
}

fn param(param: &serde_json::Map<String, Value>) -> String {
    let text = |key: &str| param.get(key).map(ToString::to_string).unwrap_or_default();
    let name = param.get("name").and_then(Value::as_str).unwrap_or_default();
    let kind = param.get("type").and_then(Value::as_str).unwrap_or_default();
    format!("{name}: {kind} = {}", text("default"))
}
