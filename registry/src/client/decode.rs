//! Answers of a server as entities; what it says is taken as it is, like what a file holds.

use crate::entity::{ModelVersion, RegisteredModel, Tags, VersionStatus};
use crate::error::{Error, Result};
use crate::id::{Alias, ModelName, Stage, TagKey, TagValue, VersionNumber};
use crate::message::{Model, Tag, Version};

/// Takes what an answer has to hold.
pub(super) fn present<T>(value: Option<T>, what: &'static str) -> Result<T> {
    value.ok_or_else(|| {
        Error::backend(format!("the server's answer has no `{what}`"), "not an MLflow server")
    })
}

fn tags(list: Vec<Tag>) -> Tags {
    let tag = |tag: Tag| {
        (
            TagKey::stored(tag.key.unwrap_or_default()),
            TagValue::stored(tag.value.unwrap_or_default()),
        )
    };
    list.into_iter().map(tag).collect()
}

/// MLflow's server says empty text for none.
pub(super) fn said(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn number(text: Option<String>) -> Result<VersionNumber> {
    let text = present(text, "version")?;
    VersionNumber::parse(&text)
        .map_err(|error| Error::backend("the server's answer has no version number", error))
}

pub(super) fn model(answer: Option<Model>) -> Result<RegisteredModel> {
    let model = present(answer, "registered_model")?;
    let created = model.creation_timestamp.unwrap_or_default();
    let mut aliases = std::collections::BTreeMap::new();
    for alias in model.aliases {
        aliases.insert(Alias::stored(present(alias.alias, "alias")?), number(alias.version)?);
    }
    let latest = model.latest_versions.into_iter().map(|one| version(Some(one)));
    let mut latest_versions = latest.collect::<Result<Vec<_>>>()?;
    latest_versions.sort_by_key(|version| version.version);
    // MLflow's server leaves the aliases out of these.
    for version in &mut latest_versions {
        let names_it = aliases.iter().filter(|(_, number)| **number == version.version);
        version.aliases = names_it.map(|(alias, _)| alias.clone()).collect();
    }
    Ok(RegisteredModel {
        name: ModelName::stored(present(model.name, "name")?),
        creation_timestamp_ms: created,
        last_updated_timestamp_ms: model.last_updated_timestamp.unwrap_or(created),
        description: said(model.description),
        tags: tags(model.tags),
        aliases,
        latest_versions,
    })
}

pub(super) fn version(answer: Option<Version>) -> Result<ModelVersion> {
    let version = present(answer, "model_version")?;
    let created = version.creation_timestamp.unwrap_or_default();
    let mut aliases: Vec<_> = version.aliases.into_iter().map(Alias::stored).collect();
    aliases.sort_unstable();
    let source = version.source.unwrap_or_default();
    // The answer has no place for it: a source that is no reference stands for itself.
    let storage_location = (!source.starts_with("models:")).then(|| source.clone());
    Ok(ModelVersion {
        name: ModelName::stored(present(version.name, "name")?),
        version: number(version.version)?,
        creation_timestamp_ms: created,
        last_updated_timestamp_ms: version.last_updated_timestamp.unwrap_or(created),
        description: said(version.description),
        user_id: said(version.user_id),
        current_stage: Stage::stored(version.current_stage.unwrap_or_else(|| "None".to_owned())),
        source,
        storage_location,
        run_id: said(version.run_id),
        run_link: said(version.run_link),
        status: VersionStatus::from_stored(version.status.as_deref().unwrap_or("READY")),
        status_message: said(version.status_message),
        tags: tags(version.tags),
        aliases,
    })
}
