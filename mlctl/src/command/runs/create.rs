//! `mlctl runs create`: a run of something that is over, such as an experiment on paper.

use crate::cli::{CreateRunArgs, EndedAs};
use crate::command::{Context, run_id};
use crate::failure::Hinted;
use anyhow::Result;
use mlctl_tracking::entity::{RunStatus, Tag};
use mlctl_tracking::store::{NewRun, RunChange};
use mlctl_tracking::{Key, TrackingStore};
use serde_json::json;

/// Tags of MLflow.
const DESCRIPTION: &str = "mlflow.note.content";
const PARENT: &str = "mlflow.parentRunId";

pub(super) fn create(
    context: &Context,
    store: &dyn TrackingStore,
    args: &CreateRunArgs,
) -> Result<()> {
    let new = NewRun {
        experiment_id: context.chosen_experiment(store, &args.experiment)?,
        user_id: context.config.user.value.clone(),
        run_name: args.run_name.clone(),
        start_time: context.clock.now(),
        tags: tags(store, args)?,
    };
    let status = match args.status {
        EndedAs::Finished => RunStatus::Finished,
        EndedAs::Failed => RunStatus::Failed,
        EndedAs::Killed => RunStatus::Killed,
    };
    let id = store.create_run(&new)?.info.run_id;
    let change = RunChange {
        status: Some(status),
        end_time: Some(context.clock.now()),
        ..RunChange::default()
    };
    let info = store.update_run(&id, &change)?;
    let answer = json!({
        "run_id": info.run_id,
        "experiment_id": info.experiment_id,
        "status": info.status.as_str(),
        "run_name": info.run_name,
    });
    context.output.show(&answer, |answer| format!("{answer:#}\n"))
}

fn tags(store: &dyn TrackingStore, args: &CreateRunArgs) -> Result<Vec<Tag>> {
    let mut tags: Vec<Tag> = Vec::new();
    for text in &args.tags {
        let Some((key, value)) = text.split_once('=') else {
            let hint = "for example: --tag team=growth";
            return Err(Hinted::usage(format!("the tag `{text}` is not KEY=VALUE"), hint));
        };
        if tags.iter().any(|tag| tag.key.as_str() == key) {
            let hint = "set each tag once";
            return Err(Hinted::usage(format!("the tag `{key}` is set twice"), hint));
        }
        tags.push(Tag::new(Key::parse(key)?, value));
    }
    if let Some(text) = &args.description {
        tags.push(Tag::new(Key::parse(DESCRIPTION)?, text));
    }
    if let Some(id) = &args.parent_run_id {
        let parent = store.run(&run_id(store, id)?)?.info.run_id;
        tags.push(Tag::new(Key::parse(PARENT)?, parent.to_string()));
    }
    Ok(tags)
}
