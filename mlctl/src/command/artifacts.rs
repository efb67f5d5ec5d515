//! `mlctl artifacts`.

use super::{Context, run_id};
use crate::Outcome;
use crate::cli::ArtifactsCommand;
use crate::output::{bytes, table};
use crate::stores::{self, Missing};
use anyhow::Result;
use mlctl_artifacts::{ArtifactInfo, ArtifactPath, ArtifactStore};
use mlctl_tracking::TrackingStore;
use serde_json::json;
use std::process::ExitCode;
use std::sync::Arc;

pub(crate) fn dispatch(context: &Context, command: ArtifactsCommand) -> Outcome {
    let store = stores::tracking(&context.config, Missing::Refuse)?.store;
    let store = store.as_ref();
    match command {
        ArtifactsCommand::List { run_id, path, recursive } => {
            let artifacts = of_run(store, &run_id)?;
            let path = ArtifactPath::parse(&path)?;
            let found = if recursive {
                mlctl_artifacts::walk(artifacts.as_ref(), &path)?
            } else {
                artifacts.list(&path)?
            };
            list(context, &found)?;
        }
        ArtifactsCommand::Get { run_id, path, output } => {
            let artifacts = of_run(store, &run_id)?;
            let path = ArtifactPath::parse(&path)?;
            let written = mlctl_artifacts::download(artifacts.as_ref(), &path, &output)?;
            let answer = json!({ "path": written });
            context.output.show(&answer, |_| format!("{}\n", written.display()))?;
        }
        ArtifactsCommand::Put { run_id: id, file, path } => {
            super::log::put(store, &run_id(store, &id)?, &file, &path)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn of_run(store: &dyn TrackingStore, id: &str) -> Result<Arc<dyn ArtifactStore>> {
    let info = store.run(&run_id(store, id)?)?.info;
    Ok(store.artifacts(&info.artifact_uri)?)
}

fn list(context: &Context, found: &[ArtifactInfo]) -> Result<()> {
    let as_json: Vec<_> = found
        .iter()
        .map(
            |info| json!({ "path": info.path, "is_dir": info.is_dir, "file_size": info.file_size }),
        )
        .collect();
    context.output.show(&as_json, |_| {
        let rows = found.iter().map(|info| {
            let slash = if info.is_dir { "/" } else { "" };
            let size = info.file_size.map_or_else(String::new, bytes);
            vec![format!("{}{slash}", info.path), size]
        });
        table(&["PATH", "SIZE"], rows.collect(), "no artifacts")
    })
}
