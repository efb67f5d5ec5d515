//! What every store can do by the methods that it has.

use super::RegistryStore;
use crate::entity::{ModelVersion, NewVersion, PageSize, RegisteredModel, Stamp};
use crate::error::Result;
use crate::event::Event;
use crate::gate::Gates;
use crate::id::{ModelName, Stage, TagKey, TagValue, VersionNumber};
use crate::lifecycle::Transition;
use crate::past;
use crate::policy::{self, GATES_TAG, STAGES_TAG};
use crate::search::{ModelQuery, VersionQuery};
use crate::stages::StageRules;
use crate::uri::ModelUri;

/// The most rows that are asked for at once, so that no answer gets too large.
const PAGE_ROWS: u32 = 1000;

/// Returns the version that a `models:/` URI names.
pub fn resolve(store: &dyn RegistryStore, uri: &ModelUri) -> Result<ModelVersion> {
    store.get_version(&uri.model, &uri.version)
}

/// Lists all models that a filter lets through, page by page.
///
/// # Errors
/// Those of the store.
pub fn all_models(
    store: &dyn RegistryStore,
    filter: &str,
    order_by: &[String],
) -> Result<Vec<RegisteredModel>> {
    let mut models = Vec::new();
    let mut query = ModelQuery {
        filter: filter.to_owned(),
        order_by: order_by.to_vec(),
        size: PageSize::new(PAGE_ROWS)?,
        page_token: None,
    };
    loop {
        let page = store.search_models(&query)?;
        models.extend(page.items);
        query.page_token = page.next;
        if query.page_token.is_none() {
            return Ok(models);
        }
    }
}

/// Lists all versions of a model that a filter lets through, the newest first.
///
/// # Errors
/// Those of the store.
pub fn all_versions(
    store: &dyn RegistryStore,
    model: &ModelName,
    filter: &str,
) -> Result<Vec<ModelVersion>> {
    let quote = if model.as_str().contains('\'') { '"' } else { '\'' };
    let mut condition = format!("name = {quote}{model}{quote}");
    if !filter.trim().is_empty() {
        condition.push_str(&format!(" AND ({filter})"));
    }
    let mut versions = Vec::new();
    let mut query = VersionQuery {
        filter: condition,
        order_by: vec!["version_number DESC".to_owned()],
        size: PageSize::new(PAGE_ROWS)?,
        page_token: None,
    };
    loop {
        let page = store.search_versions(&query)?;
        versions.extend(page.items);
        query.page_token = page.next;
        if query.page_token.is_none() {
            return Ok(versions);
        }
    }
}

/// Lists everything that happened to a model, or to one of its versions, oldest first.
///
/// # Errors
/// Those of the store.
pub fn all_events(
    store: &dyn RegistryStore,
    model: &ModelName,
    version: Option<VersionNumber>,
) -> Result<Vec<Event>> {
    let mut events = Vec::new();
    let mut after = None;
    loop {
        let page = store.events(model, version, after, PageSize::new(PAGE_ROWS)?)?;
        events.extend(page.items);
        after = page.next;
        if after.is_none() {
            return Ok(events);
        }
    }
}

/// Returns the gates of a model.
///
/// # Errors
/// Those of the store, and [`Error::Invalid`](crate::Error::Invalid) when another program has
/// written what cannot be read.
pub fn gates(store: &dyn RegistryStore, model: &ModelName) -> Result<Gates> {
    let tags = store.get_model(model)?.tags;
    policy::tag_text(&tags, GATES_TAG).map_or(Ok(Gates::default()), Gates::parse)
}

/// Gives a model other gates, or none.
///
/// # Errors
/// Those of the store, and [`Error::Invalid`](crate::Error::Invalid) for a gate of a stage that
/// the model does not have.
pub fn set_gates(
    store: &dyn RegistryStore,
    model: &ModelName,
    gates: &Gates,
    stamp: &Stamp,
) -> Result<()> {
    let key = TagKey::parse(GATES_TAG)?;
    match gates.is_empty() {
        true => store.delete_model_tag(model, &key, stamp),
        false => store.set_model_tag(model, &key, &TagValue::parse(&gates.to_string())?, stamp),
    }
}

/// Returns the text of a model's own rules of stages; none when it has those of the host.
///
/// # Errors
/// Those of the store.
pub fn own_stage_rules(store: &dyn RegistryStore, model: &ModelName) -> Result<Option<String>> {
    let tags = store.get_model(model)?.tags;
    Ok(policy::tag_text(&tags, STAGES_TAG).map(str::to_owned))
}

/// Gives a model rules of stages of its own; with no text, it gets those of the host again.
///
/// # Errors
/// Those of the store, and [`Error::Invalid`](crate::Error::Invalid) for rules that cannot be read.
pub fn set_stage_rules(
    store: &dyn RegistryStore,
    model: &ModelName,
    text: &str,
    stamp: &Stamp,
) -> Result<()> {
    let (key, text) = (TagKey::parse(STAGES_TAG)?, text.trim());
    if text.is_empty() {
        return store.delete_model_tag(model, &key, stamp);
    }
    StageRules::parse(text)?;
    store.set_model_tag(model, &key, &TagValue::parse(text)?, stamp)
}

/// Registers a version of one model as the next version of another, which is made when it is
/// missing. The copy points to the original, and takes its run, description and tags along.
///
/// # Errors
/// Those of the store.
pub fn copy_version(
    store: &dyn RegistryStore,
    from: &ModelUri,
    to: ModelName,
    stamp: &Stamp,
) -> Result<ModelVersion> {
    let original = resolve(store, from)?;
    let source = ModelUri { model: original.name, version: original.version.into() };
    let mut new = NewVersion::of(to, source.to_string());
    new.run_id = original.run_id;
    new.description = original.description;
    new.tags = original.tags;
    new.create_model_if_missing = true;
    store.create_version(&new, stamp)
}

/// What it takes to give a stage back to the version that held it before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rollback {
    /// This transition. The version has been there before, so it need not meet the gates again:
    /// [`force_transition`](RegistryStore::force_transition) makes it.
    To(Transition),
    /// The stage does not serve, so there is nothing to go back to.
    NothingServes {
        /// The stage.
        stage: Stage,
        /// The stages that do serve.
        serving: Vec<Stage>,
    },
    /// No other version that is still there was in the stage before.
    NoneBefore {
        /// The stage.
        stage: Stage,
    },
}

/// Plans to give a stage of a model back to the version that held it before; nothing is changed.
///
/// `configured` are the host's rules of stages, for a model without its own.
///
/// # Errors
/// Those of the store, and [`Error::Invalid`](crate::Error::Invalid) for a stage that the model
/// does not have.
pub fn plan_rollback(
    store: &dyn RegistryStore,
    model: &ModelName,
    stage: &Stage,
    configured: &StageRules,
) -> Result<Rollback> {
    let rules = policy::stages_of(&store.get_model(model)?.tags, configured)?;
    let stage = rules.find(stage.as_str())?;
    if !rules.serves(&stage) {
        return Ok(Rollback::NothingServes { stage, serving: rules.serving() });
    }
    let events = all_events(store, model, None)?;
    let stage_of = |version: VersionNumber| {
        store.get_version(model, &version.into()).ok().map(|known| known.current_stage)
    };
    let exists = |version| stage_of(version).is_some();
    let holds = |version| stage_of(version).as_ref() == Some(&stage);
    Ok(match past::previous_holder(&events, &stage, exists, holds) {
        Some(version) => Rollback::To(Transition {
            model: model.clone(),
            version,
            stage,
            archive_existing_versions: true,
        }),
        None => Rollback::NoneBefore { stage },
    })
}

#[cfg(test)]
mod tests;
