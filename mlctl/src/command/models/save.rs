//! `mlctl models save`: model folders, and logged models.

use super::rows_of;
use crate::cli::{SaveCommand, SaveOnnxArgs};
use crate::command::{Context, run_id};
use crate::failure::Hinted;
use crate::output::notice;
use crate::resolve;
use crate::stores::{self, Missing};
use anyhow::{Context as _, Result};
use jiff::{Timestamp, tz::TimeZone};
use mlctl_artifacts::ArtifactPath;
use mlctl_models::save::{OnnxModel, Origin, save_onnx};
use mlctl_models::{Example, Input, Signature, files};
use mlctl_tracking::entity::{LoggedModel, LoggedModelOutput, LoggedModelStatus};
use mlctl_tracking::store::{Millis, NewLoggedModel};
use mlctl_tracking::{RunId, TrackingStore};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use uuid::Uuid;

pub(super) fn dispatch(context: &Context, command: SaveCommand) -> Result<()> {
    let SaveCommand::Onnx(args) = command;
    match (&args.output, &args.run_id) {
        (Some(folder), _) => into_folder(context, &args, folder),
        (None, Some(id)) => into_run(context, &args, id),
        (None, None) => Err(Hinted::usage("no folder to save to", "pass --output DIR")),
    }
}

fn into_folder(context: &Context, args: &SaveOnnxArgs, folder: &Path) -> Result<()> {
    write(args, folder, new_origin(context.clock.now()))?;
    context.output.show(&json!({ "path": folder }), |_| format!("saved {}\n", folder.display()))
}

/// Logs the model as MLflow 3 does: a logged model of its own, which the run names as its output.
fn into_run(context: &Context, args: &SaveOnnxArgs, id: &str) -> Result<()> {
    let store = stores::tracking(&context.config, Missing::Refuse)?.store;
    let run = run_id(store.as_ref(), id)?;
    let experiment_id = store.run(&run)?.info.experiment_id;
    let draft = resolve::draft()?;
    let model = store.create_logged_model(&NewLoggedModel {
        experiment_id,
        name: Some(args.name.clone()),
        model_type: None,
        source_run_id: Some(run.clone()),
        tags: Vec::new(),
        params: Vec::new(),
        time: context.clock.now(),
    })?;
    let origin = new_origin(context.clock.now());
    let draft = draft.path().join("model");
    let status = match fill(store.as_ref(), args, &model, &run, &draft, origin) {
        Ok(()) => LoggedModelStatus::Ready,
        Err(error) => {
            // What failed is what people should hear of.
            let failed = LoggedModelStatus::Failed;
            let _ = store.finalize_logged_model(&model.model_id, failed, context.clock.now());
            return Err(error);
        }
    };
    store.finalize_logged_model(&model.model_id, status, context.clock.now())?;
    let output = LoggedModelOutput { model_id: model.model_id.clone(), step: 0 };
    store.log_outputs(&run, &[output])?;
    let uri = format!("models:/{}", model.model_id);
    let told =
        json!({ "model_id": model.model_id.to_string(), "uri": uri, "run_id": run.to_string() });
    context.output.show(&told, |_| format!("logged {uri} (runs:/{run}/{})\n", args.name))
}

fn fill(
    store: &dyn TrackingStore,
    args: &SaveOnnxArgs,
    model: &LoggedModel,
    run: &RunId,
    draft: &Path,
    origin: Origin,
) -> Result<()> {
    let origin = Origin {
        model_id: Some(model.model_id.to_string()),
        run_id: Some(run.to_string()),
        artifact_path: Some(model.artifact_uri.clone()),
        ..origin
    };
    write(args, draft, origin)?;
    let artifacts = store.artifacts(&model.artifact_uri)?;
    mlctl_artifacts::upload(artifacts.as_ref(), draft, &ArtifactPath::root())?;
    Ok(())
}

/// Writes the folder, and tells when the model does not run here.
fn write(args: &SaveOnnxArgs, folder: &Path, origin: Origin) -> Result<()> {
    let cannot = || format!("cannot save `{}`", args.file.display());
    fs::metadata(&args.file).with_context(cannot)?;
    let mut model = OnnxModel {
        graph: &args.file,
        signature: args.signature.as_deref().map(signature).transpose()?,
        example: args.example.as_deref().map(example).transpose()?,
        origin,
        metadata: None,
    };
    let doubt = match model.complete() {
        Ok(()) => None,
        Err(error) if args.example.is_some() => {
            return Err(error).context("the model cannot score its input example");
        }
        Err(error) => Some(error),
    };
    save_onnx(folder, &model).with_context(cannot)?;
    if let Some(error) = doubt {
        notice(&format!("the model was saved, but mlctl cannot run it: {error}"));
    }
    Ok(())
}

/// Returns the origin of a model that is saved at `now`, under a new id.
pub(super) fn new_origin(now: Millis) -> Origin {
    let utc = Timestamp::from_millisecond(now).unwrap_or_default().to_zoned(TimeZone::UTC);
    Origin {
        model_uuid: Uuid::new_v4().simple().to_string(),
        utc_time_created: utc.strftime("%Y-%m-%d %H:%M:%S.%6f").to_string(),
        ..Origin::default()
    }
}

fn example(path: &Path) -> Result<Example> {
    /// An example is to be looked at.
    const ROWS: usize = 5;
    let cannot = || format!("cannot read the example in `{}`", path.display());
    let (format, source) = rows_of(path, None)?;
    let rows = files::read(format, source, None, ROWS).with_context(cannot)?.next();
    let input = rows.map(|rows| rows?.decode()).transpose().with_context(cannot)?;
    match input {
        Some(input @ (Input::Table(_) | Input::Tensor(_) | Input::Named(_))) => {
            Ok(Example { input, answer: None })
        }
        None => Err(Hinted::error(cannot(), "it needs at least one row")),
    }
}

/// Reads a signature; each side may be a list, or the text of one as in an `MLmodel`.
fn signature(path: &Path) -> Result<Signature> {
    let cannot = || format!("cannot read the signature in `{}`", path.display());
    let text = fs::read_to_string(path).with_context(cannot)?;
    let mut value: Value =
        serde_json::from_str(text.trim_start_matches('\u{feff}')).with_context(cannot)?;
    let sides = value.as_object_mut().with_context(|| {
        format!("{}: it is not an object with `inputs` and `outputs`", cannot())
    })?;
    for side in sides.values_mut().filter(|side| side.is_array()) {
        *side = Value::String(side.to_string());
    }
    serde_json::from_value(value).with_context(cannot)
}
