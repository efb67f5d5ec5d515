//! Where a registry is kept: the contract of every store, and the stores.

use std::fmt;
use std::sync::Arc;

use crate::approval::{Candidate, Request};
use crate::entity::{
    ModelVersion, NewModel, NewVersion, Page, PageSize, RegisteredModel, Stamp, VersionStatus,
};
use crate::error::Result;
use crate::event::{Event, EventId};
use crate::gate::{GateReport, RunMetrics};
use crate::id::{Alias, ModelName, Stage, TagKey, TagValue, VersionNumber};
use crate::lifecycle::Transition;
use crate::search::{ModelQuery, VersionQuery};
use crate::source::NoTracking;
use crate::stages::StageRules;
use crate::uri::{ModelUri, VersionRef};

mod compound;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod memory;
#[cfg(feature = "sqlite")]
pub mod sqlite;

pub use compound::{
    Rollback, all_events, all_models, all_versions, copy_version, gates, own_stage_rules,
    plan_rollback, resolve, set_gates, set_stage_rules,
};

/// Keeps registered models, their versions and their history.
///
/// One method is one atomic change: all of it and its events are kept, or nothing is. What a
/// method answers after a change is durable. Two callers at the same time see one order of
/// changes. Searches have an order without ties and page by the last row seen, so that what is
/// added meanwhile neither repeats nor hides a row. Times are those of the stamps, but for a store
/// behind a server, which has a clock of its own.
pub trait RegistryStore: fmt::Debug + Send + Sync + 'static {
    /// Creates a model; one of the same name, in the same case, may not exist.
    fn create_model(&self, new: &NewModel, stamp: &Stamp) -> Result<RegisteredModel>;

    /// Returns a model with its latest versions.
    fn get_model(&self, name: &ModelName) -> Result<RegisteredModel>;

    /// Gives a model another name, which no other model may have, and touches it and its versions.
    ///
    /// Its history goes along; its old name is free.
    fn rename_model(
        &self,
        name: &ModelName,
        to: &ModelName,
        stamp: &Stamp,
    ) -> Result<RegisteredModel>;

    /// Describes a model anew, or not at all, and touches it.
    fn describe_model(
        &self,
        name: &ModelName,
        description: Option<&str>,
        stamp: &Stamp,
    ) -> Result<RegisteredModel>;

    /// Deletes a model with its versions, tags and aliases; its events stay.
    fn delete_model(&self, name: &ModelName, stamp: &Stamp) -> Result<()>;

    /// Sets a tag of a model in the place of one with the same key.
    ///
    /// One of [`crate::policy`] must be readable.
    fn set_model_tag(
        &self,
        name: &ModelName,
        key: &TagKey,
        value: &TagValue,
        stamp: &Stamp,
    ) -> Result<()>;

    /// Deletes a tag of a model; one that does not exist is fine and leaves no event.
    fn delete_model_tag(&self, name: &ModelName, key: &TagKey, stamp: &Stamp) -> Result<()>;

    /// Finds models; prompts only when the filter asks for them.
    fn search_models(&self, query: &ModelQuery) -> Result<Page<RegisteredModel, String>>;

    /// Creates the next version of a model, ready and in stage `None`, and touches the model.
    ///
    /// A number is never given twice while the model exists, even when its version is deleted.
    fn create_version(&self, new: &NewVersion, stamp: &Stamp) -> Result<ModelVersion>;

    /// Returns the version that `which` says; of several in a stage, the newest.
    fn get_version(&self, model: &ModelName, which: &VersionRef) -> Result<ModelVersion>;

    /// Describes a version anew, or not at all, and touches it.
    fn describe_version(
        &self,
        model: &ModelName,
        version: VersionNumber,
        description: Option<&str>,
        stamp: &Stamp,
    ) -> Result<ModelVersion>;

    /// Deletes a version and the aliases that name it, and touches the model.
    fn delete_version(
        &self,
        model: &ModelName,
        version: VersionNumber,
        stamp: &Stamp,
    ) -> Result<()>;

    /// Sets a tag of a version in the place of one with the same key.
    fn set_version_tag(
        &self,
        model: &ModelName,
        version: VersionNumber,
        key: &TagKey,
        value: &TagValue,
        stamp: &Stamp,
    ) -> Result<()>;

    /// Deletes a tag of a version; one that does not exist is fine and leaves no event.
    fn delete_version_tag(
        &self,
        model: &ModelName,
        version: VersionNumber,
        key: &TagKey,
        stamp: &Stamp,
    ) -> Result<()>;

    /// Finds versions; those of prompts only when the filter asks for them.
    fn search_versions(&self, query: &VersionQuery) -> Result<Page<ModelVersion, String>>;

    /// Returns the newest version of each of these stages that has one, by number; no stages
    /// means all.
    fn latest_versions(&self, model: &ModelName, stages: &[Stage]) -> Result<Vec<ModelVersion>>;

    /// Moves a version to a stage, archives who holds it when asked, and touches the model and
    /// every version that moves.
    ///
    /// After any number of these at once that archive, the stage has one holder. The stage is one
    /// of the model's [`StageRules`], whose arrows lead there, and the version meets the
    /// conditions of its [`Gates`](crate::Gates), if it is not there already; what the registry
    /// knows of that is looked at in the same change. A request for it is done with.
    fn transition(&self, asked: &Transition, stamp: &Stamp) -> Result<ModelVersion>;

    /// Moves a version like [`Self::transition`], whatever arrows and conditions say.
    ///
    /// It takes a reason. What was not met is told by an event of its own.
    fn force_transition(&self, asked: &Transition, stamp: &Stamp) -> Result<ModelVersion>;

    /// Tells what stands between a version and a stage, and moves nothing.
    fn check_transition(&self, candidate: &Candidate) -> Result<GateReport>;

    /// Requests that a version enters a stage; there is one request for that at a time.
    fn request_transition(&self, candidate: &Candidate, stamp: &Stamp) -> Result<Request>;

    /// Approves a request that another user has made.
    fn approve_transition(&self, candidate: &Candidate, stamp: &Stamp) -> Result<Request>;

    /// Says how far the names of those who request and approve are to be trusted, where that is
    /// not the business of whoever opened the store: on a server.
    ///
    /// # Errors
    /// As [`RegistryStore::requests`].
    fn who_approves(&self, model: &ModelName) -> Result<Option<String>> {
        let _ = model;
        Ok(None)
    }

    /// Rejects a request, approved or not, and returns it; whoever made it may withdraw it so.
    fn reject_transition(&self, candidate: &Candidate, stamp: &Stamp) -> Result<Request>;

    /// Lists the requests of a model that are not done with, by version and stage.
    fn requests(&self, model: &ModelName) -> Result<Vec<Request>>;

    /// Makes an alias name a version, which it takes from any other.
    fn set_alias(
        &self,
        model: &ModelName,
        alias: &Alias,
        version: VersionNumber,
        stamp: &Stamp,
    ) -> Result<()>;

    /// Deletes an alias; one that does not exist is fine and leaves no event.
    fn delete_alias(&self, model: &ModelName, alias: &Alias, stamp: &Stamp) -> Result<()>;

    /// Lists what happened to a model, or to one version of it, after `after`, oldest first.
    ///
    /// A model that never was has no history, which is no error; one that is gone keeps its own. A
    /// renamed model's events before are told with the name that it had then.
    fn events(
        &self,
        model: &ModelName,
        version: Option<VersionNumber>,
        after: Option<EventId>,
        size: PageSize,
    ) -> Result<Page<Event, EventId>>;
}

/// What the host of a store decides about transitions.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The stages of models that have no rules of their own.
    pub(crate) stages: Arc<StageRules>,
    /// Who knows the metrics that gates ask for.
    pub(crate) metrics: Arc<dyn RunMetrics>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { stages: Arc::default(), metrics: Arc::new(NoTracking) }
    }
}

/// Says how to find out where a new version's files lie.
#[derive(Debug)]
pub enum Location {
    /// The text itself, which the version notes as MLflow does.
    Known(String),
    /// Where the version of this URI has them.
    Of(ModelUri),
}

impl Location {
    /// Reads a new version's source and, when it has one, its storage location.
    pub fn of_new_version(new: &NewVersion) -> Result<Self> {
        crate::lifecycle::reject_empty_source(&new.source)?;
        if let Some(location) = &new.storage_location {
            return Ok(Self::Known(location.clone()));
        }
        let is_models_uri = new
            .source
            .split_once(':')
            .is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("models"));
        match is_models_uri {
            true => ModelUri::parse(&new.source).map(Self::Of),
            false => Ok(Self::Known(new.source.clone())),
        }
    }
}

/// Makes the version that a store has just created.
pub fn created_version(
    new: &NewVersion,
    version: VersionNumber,
    location: String,
    stamp: &Stamp,
) -> ModelVersion {
    ModelVersion {
        name: new.model.clone(),
        version,
        creation_timestamp_ms: stamp.at_ms,
        last_updated_timestamp_ms: stamp.at_ms,
        description: new.description.clone(),
        user_id: None,
        current_stage: Stage::NONE,
        source: new.source.clone(),
        storage_location: Some(location),
        run_id: new.run_id.clone(),
        run_link: new.run_link.clone(),
        status: VersionStatus::Ready,
        status_message: None,
        tags: new.tags.clone(),
        aliases: Vec::new(),
    }
}
