//! `mlctl artifacts`.

use super::{Context, run_id};
use crate::Outcome;
use crate::cli::{ArtifactsCommand, GetArgs};
use crate::config;
use crate::failure::Hinted;
use crate::output::{Output, bytes, table};
use crate::resolve;
use crate::stores::{self, Missing};
use anyhow::{Context as _, Result};
use mlctl_artifacts::{ArtifactInfo, ArtifactPath, ArtifactStore};
use mlctl_tracking::TrackingStore;
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

pub(crate) fn dispatch(context: &Context, command: ArtifactsCommand) -> Outcome {
    let store = stores::tracking(&context.config, Missing::Refuse)?.store;
    let store = store.as_ref();
    match command {
        ArtifactsCommand::List { run, path, artifact_path, recursive } => {
            let artifacts = of_run(store, run.id())?;
            let path = ArtifactPath::parse(artifact_path.as_ref().unwrap_or(&path))?;
            let found = if recursive {
                mlctl_artifacts::walk(artifacts.as_ref(), &path)?
            } else {
                artifacts.list(&path)?
            };
            // MLflow prints JSON.
            let output = Output { json: context.output.json || run.is_flag() };
            list(output, &found)?;
        }
        ArtifactsCommand::Get(args) => get(context, store, &args)?,
        ArtifactsCommand::Put { run_id: id, file, path } => {
            super::log::put(store, &run_id(store, &id)?, &file, &path)?;
        }
        ArtifactsCommand::LogArtifact { local_file, to } => {
            let id = run_id(store, &to.run_id)?;
            super::log::put(store, &id, &local_file, &to.artifact_path)?;
        }
        ArtifactsCommand::LogArtifacts { local_dir, to } => {
            if !local_dir.is_dir() {
                return Err(Hinted::usage(
                    format!("`{}` is not a folder", local_dir.display()),
                    "use `mlctl artifacts put RUN_ID FILE` to upload a file",
                ));
            }
            let artifacts = of_run(store, &to.run_id)?;
            let path = ArtifactPath::parse(&to.artifact_path)?;
            mlctl_artifacts::upload(artifacts.as_ref(), &local_dir, &path)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn get(context: &Context, store: &dyn TrackingStore, args: &GetArgs) -> Result<()> {
    let run = args.run.as_ref().or(args.run_flag.as_ref());
    let (artifacts, path) = match (&args.artifact_uri, run) {
        (Some(uri), _) => resolve::artifact(context, store, uri)?,
        (None, run) => {
            let path = args.artifact_path.as_ref().unwrap_or(&args.path);
            (of_run(store, run.map_or("", String::as_str))?, ArtifactPath::parse(path)?)
        }
    };
    let target = target(args)?;
    let written = mlctl_artifacts::download(artifacts.as_ref(), &path, &target)?;
    let answer = json!({ "path": written });
    context.output.show(&answer, |_| format!("{}\n", written.display()))
}

/// Settles where artifacts are downloaded to. MLflow's spelling puts them into a folder that it
/// names, or into a new one: its users do not expect the current folder to be written to.
fn target(args: &GetArgs) -> Result<PathBuf> {
    if let Some(folder) = &args.dst_path {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create the folder `{}`", folder.display()))?;
        return Ok(folder.clone());
    }
    match &args.output {
        Some(output) => Ok(output.clone()),
        None if args.run.is_some() => Ok(PathBuf::from(".")),
        None => {
            let mut folder = tempfile::Builder::new();
            folder.prefix("mlctl-artifacts-").permissions(fs::Permissions::from_mode(0o700));
            Ok(folder.tempdir_in(config::temporary_folder())?.keep())
        }
    }
}

fn of_run(store: &dyn TrackingStore, id: &str) -> Result<Arc<dyn ArtifactStore>> {
    let info = store.run(&run_id(store, id)?)?.info;
    Ok(store.artifacts(&info.artifact_uri)?)
}

fn list(output: Output, found: &[ArtifactInfo]) -> Result<()> {
    let as_json: Vec<_> = found
        .iter()
        .map(
            |info| json!({ "path": info.path, "is_dir": info.is_dir, "file_size": info.file_size }),
        )
        .collect();
    output.show(&as_json, |_| {
        let rows = found.iter().map(|info| {
            let slash = if info.is_dir { "/" } else { "" };
            let size = info.file_size.map_or_else(String::new, bytes);
            vec![format!("{}{slash}", info.path), size]
        });
        table(&["PATH", "SIZE"], rows.collect(), "no artifacts")
    })
}
