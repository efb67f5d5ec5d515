//! `mlctl experiments`.

mod csv;

use super::{Context, experiment};
use crate::Outcome;
use crate::cli::{ExperimentsCommand, ShowFormat, WhichExperiment};
use crate::output::{print, table, time};
use crate::stores::{self, Missing};
use anyhow::Result;
use mlctl_tracking::entity::Experiment;
use mlctl_tracking::search::ExperimentQuery;
use mlctl_tracking::store::NewExperiment;
use mlctl_tracking::{ExperimentId, ExperimentName, TrackingStore};
use serde_json::{Map, Value, json};
use std::process::ExitCode;

pub(crate) fn dispatch(context: &Context, command: ExperimentsCommand) -> Outcome {
    let missing = match command {
        ExperimentsCommand::Create { .. } => Missing::Make,
        _ => Missing::Refuse,
    };
    let store = stores::tracking(&context.config, missing)?.store;
    let store = store.as_ref();
    match command {
        ExperimentsCommand::Create { name, experiment_name, artifact_location } => {
            let name = name.or(experiment_name).unwrap_or_default();
            create(context, store, &name, artifact_location)
        }
        ExperimentsCommand::List { filter, view, max_results } => {
            let query = ExperimentQuery { filter, view: view.into(), ..ExperimentQuery::default() };
            list(context, store, query, max_results)
        }
        ExperimentsCommand::Show { which, output } => {
            let found = find(store, &which)?;
            match output {
                Some(ShowFormat::Json) => print(&format!("{:#}\n", as_mlflow(&found))),
                Some(ShowFormat::Table) | None => show(context, &found),
            }
        }
        ExperimentsCommand::Rename { which, new_name, new_name_flag } => {
            let found = find(store, &which)?;
            let new_name = new_name.or(new_name_flag).unwrap_or_default();
            let new_name = ExperimentName::parse(new_name)?;
            store.rename_experiment(&found.experiment_id, &new_name, context.clock.now())?;
            context.output.print_text(&format!("renamed `{}` to `{new_name}`", found.name))
        }
        ExperimentsCommand::Delete { which } => {
            let found = find(store, &which)?;
            store.delete_experiment(&found.experiment_id, context.clock.now())?;
            context.output.print_text(&format!(
                "deleted `{}` and its runs; `mlctl experiments restore {}` restores them",
                found.name, found.experiment_id
            ))
        }
        ExperimentsCommand::Restore { which } => {
            let found = find(store, &which)?;
            store.restore_experiment(&found.experiment_id, context.clock.now())?;
            context.output.print_text(&format!("restored `{}` and its runs", found.name))
        }
        ExperimentsCommand::Csv { which, output } => {
            csv::write(context, store, &find(store, &which)?, output.as_deref())
        }
    }?;
    Ok(ExitCode::SUCCESS)
}

/// Finds the experiment that the command line names.
fn find(store: &dyn TrackingStore, which: &WhichExperiment) -> Result<Experiment> {
    match (&which.id, &which.name, &which.experiment) {
        // An experiment may have another one's id as its name.
        (Some(id), _, _) => Ok(store.experiment(&ExperimentId::parse(id.as_str())?)?),
        (None, Some(name), _) => Ok(store.experiment_by_name(name)?),
        (None, None, name) => experiment(store, name.as_deref().unwrap_or_default()),
    }
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
        time: context.clock.now(),
    };
    let id = store.create_experiment(&new)?;
    context.output.show(&json!({ "experiment_id": id }), |_| format!("{id}\n"))
}

fn list(
    context: &Context,
    store: &dyn TrackingStore,
    mut query: ExperimentQuery,
    max_results: Option<usize>,
) -> Result<()> {
    let wanted = max_results.unwrap_or(usize::MAX);
    let mut all: Vec<Experiment> = Vec::new();
    while all.len() < wanted {
        let page = store.search_experiments(&query)?;
        all.extend(page.items);
        match page.next_page_token {
            Some(token) => query.page_token = Some(token),
            None => break,
        }
    }
    all.truncate(wanted);
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

/// Writes an experiment as `mlflow experiments get --output json` does.
fn as_mlflow(one: &Experiment) -> Value {
    let tags = one.tags.iter().map(|tag| (tag.key.to_string(), json!(tag.value)));
    json!({
        "artifact_location": one.artifact_location,
        "creation_time": one.creation_time,
        "effective_trace_archival_retention": null,
        "experiment_id": one.experiment_id,
        "last_update_time": one.last_update_time,
        "lifecycle_stage": one.lifecycle_stage.as_str(),
        "name": one.name,
        "tags": tags.collect::<Map<_, _>>(),
        "trace_location": null,
        "workspace": "default",
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
