//! The reference store: everything in one map behind one lock, gone with the process.

mod transitions;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::approval::{Candidate, Request};
use crate::entity::{
    ModelVersion, NewModel, NewVersion, Page, PageSize, RegisteredModel, Stamp, Tags,
};
use crate::error::{Error, Result};
use crate::event::{Change, Event, EventId};
use crate::gate::{GateReport, RunMetrics, attempt_with_metrics};
use crate::history;
use crate::id::{Alias, ModelName, Stage, TagKey, TagValue, VersionNumber};
use crate::lifecycle::{self, Transition, reject_taken_name};
use crate::policy;
use crate::search::{self, ModelQuery, VersionQuery};
use crate::stages::StageRules;
use crate::store::{Location, RegistryStore, Settings, created_version};
use crate::uri::VersionRef;
#[cfg(feature = "webhooks")]
use crate::webhook::{Notice, WebhookStore};

#[cfg(feature = "webhooks")]
mod webhooks;

/// Keeps a registry in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
    settings: Settings,
}

impl MemoryStore {
    /// Makes an empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the stages of models that have no rules of their own.
    #[must_use]
    pub fn with_stages(mut self, stages: StageRules) -> Self {
        self.settings.stages = Arc::new(stages);
        self
    }

    /// Sets who knows the metrics that gates ask for.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Arc<dyn RunMetrics>) -> Self {
        self.settings.metrics = metrics;
        self
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct State {
    models: BTreeMap<ModelName, Model>,
    events: Vec<Event>,
    #[cfg(feature = "webhooks")]
    hooks: webhooks::Hooks,
}

#[derive(Debug)]
struct Model {
    creation_timestamp_ms: i64,
    last_updated_timestamp_ms: i64,
    description: Option<String>,
    tags: Tags,
    aliases: BTreeMap<Alias, VersionNumber>,
    /// Versions as they are answered, but for the aliases.
    versions: BTreeMap<VersionNumber, ModelVersion>,
    /// The highest number ever given, deleted versions included.
    highest: Option<VersionNumber>,
    requests: BTreeMap<(VersionNumber, Stage), Request>,
}

impl State {
    fn model(&self, name: &ModelName) -> Result<&Model> {
        self.models.get(name).ok_or_else(|| Error::ModelNotFound(name.clone()))
    }

    fn model_mut(&mut self, name: &ModelName) -> Result<&mut Model> {
        self.models.get_mut(name).ok_or_else(|| Error::ModelNotFound(name.clone()))
    }

    fn record(
        &mut self,
        model: &ModelName,
        version: Option<VersionNumber>,
        change: Change,
        stamp: &Stamp,
    ) {
        #[cfg(feature = "webhooks")]
        self.tell_of(model, version, &change, stamp);
        self.events.push(Event {
            id: self.events.len() as EventId + 1,
            at_ms: stamp.at_ms,
            who: stamp.who.clone(),
            why: stamp.why.clone(),
            model: model.clone(),
            version,
            change,
        });
    }

    fn create_model(&mut self, new: &NewModel, stamp: &Stamp) -> Result<()> {
        reject_taken_name(&new.name, self.models.keys().map(ModelName::as_str))?;
        let model = Model {
            creation_timestamp_ms: stamp.at_ms,
            last_updated_timestamp_ms: stamp.at_ms,
            description: new.description.clone(),
            tags: new.tags.clone(),
            aliases: BTreeMap::new(),
            versions: BTreeMap::new(),
            highest: None,
            requests: BTreeMap::new(),
        };
        self.models.insert(new.name.clone(), model);
        self.record(&new.name, None, Change::model_created(new), stamp);
        Ok(())
    }

    fn locate(&self, new: &NewVersion, configured: &StageRules) -> Result<String> {
        match Location::of_new_version(new)? {
            Location::Known(location) => Ok(location),
            Location::Of(uri) => {
                let model = self.model(&uri.model)?;
                let original = model.find_known(&uri.model, &uri.version, configured)?;
                Ok(original.download_uri().to_owned())
            }
        }
    }
}

impl Model {
    fn entity(&self, name: &ModelName) -> RegisteredModel {
        RegisteredModel {
            name: name.clone(),
            creation_timestamp_ms: self.creation_timestamp_ms,
            last_updated_timestamp_ms: self.last_updated_timestamp_ms,
            description: self.description.clone(),
            tags: self.tags.clone(),
            aliases: self.aliases.clone(),
            latest_versions: self.latest(&[]),
        }
    }

    fn version(&self, stored: &ModelVersion) -> ModelVersion {
        let names_it = |(alias, version): (&Alias, &VersionNumber)| {
            (*version == stored.version).then(|| alias.clone())
        };
        ModelVersion {
            aliases: self.aliases.iter().filter_map(names_it).collect(),
            ..stored.clone()
        }
    }

    fn require_version(&self, name: &ModelName, number: VersionNumber) -> Result<&ModelVersion> {
        self.versions.get(&number).ok_or_else(|| Error::VersionNotFound {
            model: name.clone(),
            version: number,
            newest: self.versions.keys().next_back().copied(),
        })
    }

    fn find(&self, name: &ModelName, which: &VersionRef) -> Result<ModelVersion> {
        let found = match which {
            VersionRef::Number(number) => self.require_version(name, *number)?,
            VersionRef::Alias(alias) => {
                let number = self.aliases.get(alias).ok_or_else(|| Error::AliasNotFound {
                    model: name.clone(),
                    alias: alias.clone(),
                })?;
                self.require_version(name, *number)?
            }
            VersionRef::Stage(stage) => {
                let empty = || Error::StageEmpty { model: name.clone(), stage: stage.clone() };
                self.holder(stage, None).ok_or_else(empty)?
            }
            VersionRef::Latest => {
                let newest = self.versions.values().next_back();
                newest.ok_or_else(|| Error::NoVersions(name.clone()))?
            }
        };
        Ok(self.version(found))
    }

    fn require_version_mut(
        &mut self,
        name: &ModelName,
        number: VersionNumber,
    ) -> Result<&mut ModelVersion> {
        self.require_version(name, number)?;
        let absent = || Error::NoVersions(name.clone());
        self.versions.get_mut(&number).ok_or_else(absent)
    }

    fn latest(&self, stages: &[Stage]) -> Vec<ModelVersion> {
        let mut newest: BTreeMap<&Stage, &ModelVersion> = BTreeMap::new();
        for version in self.versions.values() {
            newest.insert(&version.current_stage, version);
        }
        let mut latest: Vec<_> = newest
            .into_iter()
            .filter(|(stage, _)| stages.is_empty() || stages.contains(stage))
            .map(|(_, version)| self.version(version))
            .collect();
        latest.sort_by_key(|version| version.version);
        latest
    }
}

impl RegistryStore for MemoryStore {
    fn create_model(&self, new: &NewModel, stamp: &Stamp) -> Result<RegisteredModel> {
        let mut state = self.state();
        policy::Policy::of(&new.tags, &self.settings.stages)?;
        state.create_model(new, stamp)?;
        Ok(state.model(&new.name)?.entity(&new.name))
    }

    fn get_model(&self, name: &ModelName) -> Result<RegisteredModel> {
        Ok(self.state().model(name)?.entity(name))
    }

    fn rename_model(
        &self,
        name: &ModelName,
        to: &ModelName,
        stamp: &Stamp,
    ) -> Result<RegisteredModel> {
        let mut state = self.state();
        state.model(name)?;
        let others = state.models.keys().filter(|other| *other != name);
        reject_taken_name(to, others.map(ModelName::as_str))?;
        if let Some(mut model) = state.models.remove(name) {
            model.last_updated_timestamp_ms = stamp.at_ms;
            for version in model.versions.values_mut() {
                version.name = to.clone();
                version.last_updated_timestamp_ms = stamp.at_ms;
            }
            for request in model.requests.values_mut() {
                request.model = to.clone();
            }
            state.models.insert(to.clone(), model);
        }
        if name != to {
            state.record(name, None, Change::RenamedTo { to: to.clone() }, stamp);
        }
        state.record(to, None, Change::RenamedFrom { from: name.clone() }, stamp);
        Ok(state.model(to)?.entity(to))
    }

    fn describe_model(
        &self,
        name: &ModelName,
        description: Option<&str>,
        stamp: &Stamp,
    ) -> Result<RegisteredModel> {
        let mut state = self.state();
        let model = state.model_mut(name)?;
        let to = description.map(str::to_owned);
        let from = std::mem::replace(&mut model.description, to.clone());
        model.last_updated_timestamp_ms = stamp.at_ms;
        let described = model.entity(name);
        state.record(name, None, Change::DescriptionChanged { from, to }, stamp);
        Ok(described)
    }

    fn delete_model(&self, name: &ModelName, stamp: &Stamp) -> Result<()> {
        let mut state = self.state();
        state.model(name)?;
        state.models.remove(name);
        state.record(name, None, Change::ModelDeleted, stamp);
        Ok(())
    }

    fn set_model_tag(
        &self,
        name: &ModelName,
        key: &TagKey,
        value: &TagValue,
        stamp: &Stamp,
    ) -> Result<()> {
        let mut state = self.state();
        let tags = &mut state.model_mut(name)?.tags;
        policy::reject_unreadable_policy(tags, key, Some(value), &self.settings.stages)?;
        let from = tags.insert(key.clone(), value.clone());
        let change = Change::TagSet { key: key.clone(), from, to: value.clone() };
        state.record(name, None, change, stamp);
        Ok(())
    }

    fn delete_model_tag(&self, name: &ModelName, key: &TagKey, stamp: &Stamp) -> Result<()> {
        let mut state = self.state();
        let tags = &mut state.model_mut(name)?.tags;
        policy::reject_unreadable_policy(tags, key, None, &self.settings.stages)?;
        if let Some(from) = tags.remove(key) {
            state.record(name, None, Change::TagDeleted { key: key.clone(), from }, stamp);
        }
        Ok(())
    }

    fn search_models(&self, query: &ModelQuery) -> Result<Page<RegisteredModel, String>> {
        let state = self.state();
        search::select_models(query, state.models.iter().map(|(name, model)| model.entity(name)))
    }

    fn create_version(&self, new: &NewVersion, stamp: &Stamp) -> Result<ModelVersion> {
        let mut state = self.state();
        let location = state.locate(new, &self.settings.stages)?;
        if new.create_model_if_missing && !state.models.contains_key(&new.model) {
            state.create_model(&NewModel::named(new.model.clone()), stamp)?;
        }
        let model = state.model_mut(&new.model)?;
        let number = lifecycle::next_version(&new.model, model.highest)?;
        let version = created_version(new, number, location, stamp);
        model.last_updated_timestamp_ms = stamp.at_ms;
        model.highest = Some(number);
        model.versions.insert(number, version.clone());
        state.record(&new.model, Some(number), Change::version_created(new), stamp);
        Ok(version)
    }

    fn get_version(&self, model: &ModelName, which: &VersionRef) -> Result<ModelVersion> {
        let state = self.state();
        state.model(model)?.find_known(model, which, &self.settings.stages)
    }

    fn describe_version(
        &self,
        model: &ModelName,
        version: VersionNumber,
        description: Option<&str>,
        stamp: &Stamp,
    ) -> Result<ModelVersion> {
        let mut state = self.state();
        let stored = state.model_mut(model)?;
        let to = description.map(str::to_owned);
        let changed = stored.require_version_mut(model, version)?;
        let from = std::mem::replace(&mut changed.description, to.clone());
        changed.last_updated_timestamp_ms = stamp.at_ms;
        let described = stored.find(model, &version.into())?;
        state.record(model, Some(version), Change::DescriptionChanged { from, to }, stamp);
        Ok(described)
    }

    fn delete_version(
        &self,
        model: &ModelName,
        version: VersionNumber,
        stamp: &Stamp,
    ) -> Result<()> {
        let mut state = self.state();
        let stored = state.model_mut(model)?;
        let deleted = stored.find(model, &version.into())?;
        stored.versions.remove(&version);
        stored.aliases.retain(|_, named| *named != version);
        stored.requests.retain(|(number, _), _| *number != version);
        stored.last_updated_timestamp_ms = stamp.at_ms;
        for alias in deleted.aliases {
            let change = Change::AliasDeleted { alias, from: version, displaced_by: None };
            state.record(model, Some(version), change, stamp);
        }
        let change = Change::VersionDeleted { from: deleted.current_stage };
        state.record(model, Some(version), change, stamp);
        Ok(())
    }

    fn set_version_tag(
        &self,
        model: &ModelName,
        version: VersionNumber,
        key: &TagKey,
        value: &TagValue,
        stamp: &Stamp,
    ) -> Result<()> {
        let mut state = self.state();
        let tagged = state.model_mut(model)?.require_version_mut(model, version)?;
        let from = tagged.tags.insert(key.clone(), value.clone());
        let change = Change::TagSet { key: key.clone(), from, to: value.clone() };
        state.record(model, Some(version), change, stamp);
        Ok(())
    }

    fn delete_version_tag(
        &self,
        model: &ModelName,
        version: VersionNumber,
        key: &TagKey,
        stamp: &Stamp,
    ) -> Result<()> {
        let mut state = self.state();
        let tagged = state.model_mut(model)?.require_version_mut(model, version)?;
        if let Some(from) = tagged.tags.remove(key) {
            let change = Change::TagDeleted { key: key.clone(), from };
            state.record(model, Some(version), change, stamp);
        }
        Ok(())
    }

    fn search_versions(&self, query: &VersionQuery) -> Result<Page<ModelVersion, String>> {
        let state = self.state();
        let versions = state.models.values().flat_map(|model| {
            let of_prompt = search::is_prompt(&model.tags);
            model.versions.values().map(move |stored| (of_prompt, model.version(stored)))
        });
        search::select_versions(query, versions)
    }

    fn latest_versions(&self, model: &ModelName, stages: &[Stage]) -> Result<Vec<ModelVersion>> {
        let state = self.state();
        let found = state.model(model)?;
        let known = stages.iter().map(|stage| found.known_stage(stage, &self.settings.stages));
        Ok(found.latest(&known.collect::<Result<Vec<_>>>()?))
    }

    fn transition(&self, asked: &Transition, stamp: &Stamp) -> Result<ModelVersion> {
        let moved = attempt_with_metrics(self.settings.metrics.as_ref(), |known| {
            self.state().transition(asked, false, &known, &self.settings.stages, stamp)
        });
        #[cfg(feature = "webhooks")]
        if let Err(Error::GateClosed(report)) = &moved {
            let notice = Notice::of_refusal(report, stamp);
            // The refusal is the answer, whether or not somebody can be told of it.
            if let Err(error) = self.queue_notice(&notice, stamp.at_ms) {
                tracing::warn!(%error, "cannot notify webhooks of a refused transition");
            }
        }
        moved
    }

    fn force_transition(&self, asked: &Transition, stamp: &Stamp) -> Result<ModelVersion> {
        policy::require_reason(stamp)?;
        attempt_with_metrics(self.settings.metrics.as_ref(), |known| {
            self.state().transition(asked, true, &known, &self.settings.stages, stamp)
        })
    }

    fn check_transition(&self, candidate: &Candidate) -> Result<GateReport> {
        attempt_with_metrics(self.settings.metrics.as_ref(), |known| {
            self.state().judge(candidate, &known, &self.settings.stages)
        })
    }

    fn request_transition(&self, candidate: &Candidate, stamp: &Stamp) -> Result<Request> {
        self.state().request(candidate, &self.settings.stages, stamp)
    }

    fn approve_transition(&self, candidate: &Candidate, stamp: &Stamp) -> Result<Request> {
        self.state().approve(candidate, &self.settings.stages, stamp)
    }

    fn reject_transition(&self, candidate: &Candidate, stamp: &Stamp) -> Result<Request> {
        self.state().reject(candidate, &self.settings.stages, stamp)
    }

    fn requests(&self, model: &ModelName) -> Result<Vec<Request>> {
        Ok(self.state().model(model)?.requests.values().cloned().collect())
    }

    fn set_alias(
        &self,
        model: &ModelName,
        alias: &Alias,
        version: VersionNumber,
        stamp: &Stamp,
    ) -> Result<()> {
        let mut state = self.state();
        let stored = state.model_mut(model)?;
        stored.require_version(model, version)?;
        let from = stored.aliases.insert(alias.clone(), version);
        for (version, change) in lifecycle::set_alias(alias, from, version) {
            state.record(model, Some(version), change, stamp);
        }
        Ok(())
    }

    fn delete_alias(&self, model: &ModelName, alias: &Alias, stamp: &Stamp) -> Result<()> {
        let mut state = self.state();
        if let Some(from) = state.model_mut(model)?.aliases.remove(alias) {
            let change = Change::AliasDeleted { alias: alias.clone(), from, displaced_by: None };
            state.record(model, Some(from), change, stamp);
        }
        Ok(())
    }

    fn events(
        &self,
        model: &ModelName,
        version: Option<VersionNumber>,
        after: Option<EventId>,
        size: PageSize,
    ) -> Result<Page<Event, EventId>> {
        let state = self.state();
        let arrival = |name: &ModelName, before: EventId| {
            let mut latest_first = state.events.iter().rev();
            let found = latest_first.find_map(|event| match &event.change {
                Change::RenamedFrom { from } if event.model == *name && event.id < before => {
                    Some((event.id, from.clone()))
                }
                _ => None,
            });
            Ok::<_, Error>(found)
        };
        let segments = history::segments(model, arrival)?;
        let concerned = state.events.iter().filter(|event| {
            let of_model = segments.iter().any(|segment| {
                segment.name == event.model && (segment.first..segment.end).contains(&event.id)
            });
            of_model
                && version.is_none_or(|version| event.version == Some(version))
                && after.is_none_or(|after| event.id > after)
        });
        let events = concerned.take(size.and_one_more()).cloned().collect();
        Ok(Page::cut(events, size, |event| event.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance;

    crate::conformance_tests!(MemoryStore::new());

    #[cfg(feature = "webhooks")]
    crate::webhook::suite::webhook_tests!(MemoryStore::new());

    #[test]
    fn gates_look_at_metrics() {
        let logged = || MemoryStore::new().with_metrics(Arc::new(conformance::NamedRuns));
        conformance::a_gate_looks_at_the_metrics_of_runs(&logged());
        conformance::the_better_version_stays_whoever_comes_first(&logged());
    }

    #[test]
    fn stages_of_the_host_are_those_of_models_without_their_own() {
        let stages = StageRules::parse(conformance::CONFIGURED).unwrap();
        conformance::configured_stages_give_way(&MemoryStore::new().with_stages(stages));
    }

    #[test]
    fn a_version_of_a_logged_model_keeps_where_its_files_lie() {
        conformance::a_location_of_another_component_is_kept(&MemoryStore::new());
    }
}
