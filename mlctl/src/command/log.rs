//! `mlctl log`: what shell scripts log with.

use super::Context;
use crate::Outcome;
use crate::cli::{LogCommand, RunChoice};
use crate::failure::Hinted;
use crate::stores::{self, Missing};
use anyhow::Result;
use mlctl_artifacts::ArtifactPath;
use mlctl_tracking::entity::{Metric, Param, Tag};
use mlctl_tracking::store::Batch;
use mlctl_tracking::{Key, RunId, TrackingStore};
use std::path::Path;
use std::process::ExitCode;

pub(crate) fn log(context: &Context, command: LogCommand) -> Outcome {
    let store = stores::tracking(&context.config, Missing::Refuse)?.store;
    match command {
        LogCommand::Param { key, value, run } => {
            let params = vec![Param::new(Key::parse(key)?, value)];
            store.log_batch(&chosen(&run)?, &Batch { params, ..Batch::default() })?;
        }
        LogCommand::Metric { key, value, step, timestamp, run } => {
            let time = timestamp.unwrap_or_else(|| context.clock.now());
            let metrics = vec![Metric::new(Key::parse(key)?, value, time, step)];
            store.log_batch(&chosen(&run)?, &Batch { metrics, ..Batch::default() })?;
        }
        LogCommand::Tag { key, value, run } => {
            let tags = vec![Tag::new(Key::parse(key)?, value)];
            store.log_batch(&chosen(&run)?, &Batch { tags, ..Batch::default() })?;
        }
        LogCommand::Artifact { file, path, run } => {
            put(store.as_ref(), &chosen(&run)?, &file, &path)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn chosen(run: &RunChoice) -> Result<RunId> {
    match &run.run_id {
        Some(id) => Ok(RunId::parse(id.as_str())?),
        None => Err(Hinted::usage(
            "no run to log to: neither --run-id nor MLFLOW_RUN_ID is given",
            "pass --run-id ID; `mlctl run` sets MLFLOW_RUN_ID for the commands that it starts",
        )),
    }
}

/// Stores a file or folder under its own name in `folder` among a run's artifacts.
pub(super) fn put(store: &dyn TrackingStore, run: &RunId, file: &Path, folder: &str) -> Result<()> {
    let Some(name) = file.file_name().map(|name| name.to_string_lossy()) else {
        let message = format!("`{}` does not end with a file or folder name", file.display());
        return Err(Hinted::usage(
            message,
            "pass a path that ends with the name of the file or \
                                           folder",
        ));
    };
    let destination = ArtifactPath::parse(folder)?.join(&ArtifactPath::parse(&name)?);
    let info = store.run(run)?.info;
    mlctl_artifacts::upload(store.artifacts(&info.artifact_uri)?.as_ref(), file, &destination)?;
    Ok(())
}
