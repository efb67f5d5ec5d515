//! `mlctl registry`.

use super::Context;
use crate::Outcome;
use crate::cli::RegistryCommand;
use crate::output::{table, time};
use crate::resolve;
use crate::stores::{self, Missing};
use anyhow::Result;
use mlctl_registry::{
    ModelName, ModelQuery, ModelVersion, NewVersion, RegisteredModel, RegistryStore, Stage, Stamp,
    Transition, VersionNumber,
};
use mlctl_tracking::fluent::now;
use std::process::ExitCode;

pub(crate) fn dispatch(context: &Context, command: RegistryCommand) -> Outcome {
    match command {
        RegistryCommand::Register { model_uri, name, description, why } => {
            // A model that is not there must not leave a new registry behind.
            let located = resolve::locate(context, &model_uri)?;
            let mut new = NewVersion::of(ModelName::parse(&name)?, located.source);
            let place = format!("{}/{}", located.location, located.below);
            new.storage_location = Some(place.trim_end_matches('/').to_owned());
            new.run_id = located.run_id;
            new.description = description;
            new.create_model_if_missing = true;
            let store = stores::registry(&context.config, Missing::Make)?;
            let version = store.create_version(&new, &stamp(context, why))?;
            show_version(context, &version, "registered")
        }
        RegistryCommand::Transition { name, version, stage, archive_existing_versions, why } => {
            let transition = Transition {
                model: ModelName::parse(&name)?,
                version: VersionNumber::parse(&version)?,
                stage: Stage::parse(&stage)?,
                archive_existing_versions,
            };
            let store = stores::registry(&context.config, Missing::Refuse)?;
            let version = store.transition(&transition, &stamp(context, why))?;
            show_version(context, &version, "moved")
        }
        RegistryCommand::List => {
            list(context, stores::registry(&context.config, Missing::Refuse)?.as_ref())
        }
    }?;
    Ok(ExitCode::SUCCESS)
}

fn stamp(context: &Context, why: Option<String>) -> Stamp {
    let stamp = Stamp::new(context.config.user.value.clone(), now());
    match why {
        Some(reason) => stamp.because(reason),
        None => stamp,
    }
}

fn show_version(context: &Context, version: &ModelVersion, done: &str) -> Result<()> {
    context.output.show(version, |version| {
        format!(
            "{done} {} version {}, stage {}\n",
            version.name, version.version, version.current_stage
        )
    })
}

fn list(context: &Context, store: &dyn RegistryStore) -> Result<()> {
    let mut models: Vec<RegisteredModel> = Vec::new();
    let mut query = ModelQuery::default();
    loop {
        let page = store.search_models(&query)?;
        models.extend(page.items);
        query.page_token = page.next;
        if query.page_token.is_none() {
            break;
        }
    }
    context.output.show(&models, |models| {
        let rows = models.iter().flat_map(rows);
        table(&["MODEL", "VERSION", "STAGE", "ALIASES", "CHANGED"], rows.collect(), "no models")
    })
}

/// A row for each version that is the latest of its stage.
fn rows(model: &RegisteredModel) -> Vec<Vec<String>> {
    if model.latest_versions.is_empty() {
        let changed = time(model.last_updated_timestamp_ms);
        return vec![vec![model.name.to_string(), "-".into(), "-".into(), String::new(), changed]];
    }
    let row = |version: &ModelVersion| {
        let aliases: Vec<String> = version.aliases.iter().map(ToString::to_string).collect();
        vec![
            model.name.to_string(),
            version.version.to_string(),
            version.current_stage.to_string(),
            aliases.join(", "),
            time(version.last_updated_timestamp_ms),
        ]
    };
    model.latest_versions.iter().map(row).collect()
}
