//! `mlctl experiments`.

use super::{Context, experiment};
use crate::Outcome;
use crate::cli::ExperimentsCommand;
use crate::output::{table, time};
use crate::stores::{self, Missing};
use anyhow::Result;
use mlctl_tracking::entity::Experiment;
use mlctl_tracking::fluent::now;
use mlctl_tracking::search::ExperimentQuery;
use mlctl_tracking::store::NewExperiment;
use mlctl_tracking::{ExperimentName, TrackingStore};
use serde_json::json;
use std::process::ExitCode;

pub(crate) fn dispatch(context: &Context, command: ExperimentsCommand) -> Outcome {
    let missing = match command {
        ExperimentsCommand::Create { .. } => Missing::Make,
        _ => Missing::Refuse,
    };
    let store = stores::tracking(&context.config, missing)?.store;
    let store = store.as_ref();
    match command {
        ExperimentsCommand::Create { name, artifact_location } => {
            create(context, store, &name, artifact_location)
        }
        ExperimentsCommand::List { filter, view } => {
            let query = ExperimentQuery { filter, view: view.into(), ..ExperimentQuery::default() };
            list(context, store, query)
        }
        ExperimentsCommand::Show { experiment: name } => show(context, &experiment(store, &name)?),
        ExperimentsCommand::Rename { experiment: name, new_name } => {
            let found = experiment(store, &name)?;
            let new_name = ExperimentName::parse(new_name)?;
            store.rename_experiment(&found.experiment_id, &new_name, now())?;
            context.output.say(&format!("renamed `{}` to `{new_name}`", found.name))
        }
        ExperimentsCommand::Delete { experiment: name } => {
            let found = experiment(store, &name)?;
            store.delete_experiment(&found.experiment_id, now())?;
            context.output.say(&format!(
                "deleted `{}` and its runs; `mlctl experiments restore {}` brings them back",
                found.name, found.experiment_id
            ))
        }
        ExperimentsCommand::Restore { experiment: name } => {
            let found = experiment(store, &name)?;
            store.restore_experiment(&found.experiment_id, now())?;
            context.output.say(&format!("restored `{}` and its runs", found.name))
        }
    }?;
    Ok(ExitCode::SUCCESS)
}

fn create(
    context: &Context,
    store: &dyn TrackingStore,
    name: &str,
    artifact_location: Option<String>,
) -> Result<()> {
    let new = NewExperiment {
        name: ExperimentName::parse(name)?,
        artifact_location,
        tags: Vec::new(),
        time: now(),
    };
    let id = store.create_experiment(&new)?;
    context.output.show(&json!({ "experiment_id": id }), |_| format!("{id}\n"))
}

fn list(context: &Context, store: &dyn TrackingStore, mut query: ExperimentQuery) -> Result<()> {
    let mut all: Vec<Experiment> = Vec::new();
    loop {
        let page = store.search_experiments(&query)?;
        all.extend(page.items);
        match page.next_page_token {
            Some(token) => query.page_token = Some(token),
            None => break,
        }
    }
    context.output.show(&all, |all| {
        let rows = all.iter().map(|one| {
            vec![
                one.experiment_id.to_string(),
                one.name.clone(),
                one.lifecycle_stage.as_str().to_owned(),
                time(one.creation_time),
            ]
        });
        table(&["ID", "NAME", "STAGE", "CREATED"], rows.collect(), "no experiments")
    })
}

fn show(context: &Context, experiment: &Experiment) -> Result<()> {
    context.output.show(experiment, |one| {
        let mut rows = vec![
            vec!["id".to_owned(), one.experiment_id.to_string()],
            vec!["name".to_owned(), one.name.clone()],
            vec!["stage".to_owned(), one.lifecycle_stage.as_str().to_owned()],
            vec!["created".to_owned(), time(one.creation_time)],
            vec!["artifacts".to_owned(), one.artifact_location.clone()],
        ];
        rows.extend(one.tags.iter().map(|tag| vec![format!("tag {}", tag.key), tag.value.clone()]));
        table(&[], rows, "")
    })
}
