//! The reference store: everything in one map behind one lock, gone with the process.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::entity::{
    ModelVersion, NewModel, NewVersion, Page, PageSize, RegisteredModel, Stamp, Tags, VersionStatus,
};
use crate::error::{Error, Result};
use crate::event::{Change, Event, EventId};
use crate::id::{Alias, ModelName, Stage, VersionNumber};
use crate::lifecycle::{self, Transition};
use crate::store::{Location, RegistryStore};
use crate::uri::VersionRef;

/// Keeps a registry in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

impl MemoryStore {
    /// Makes an empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct State {
    models: BTreeMap<ModelName, Model>,
    events: Vec<Event>,
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
        if self.models.contains_key(&new.name) {
            return Err(Error::ModelExists(new.name.clone()));
        }
        let model = Model {
            creation_timestamp_ms: stamp.at_ms,
            last_updated_timestamp_ms: stamp.at_ms,
            description: new.description.clone(),
            tags: new.tags.clone(),
            aliases: BTreeMap::new(),
            versions: BTreeMap::new(),
        };
        self.models.insert(new.name.clone(), model);
        self.record(&new.name, None, Change::ModelCreated, stamp);
        Ok(())
    }

    fn locate(&self, new: &NewVersion) -> Result<String> {
        match Location::of(new)? {
            Location::Known(location) => Ok(location),
            Location::Of(uri) => {
                let model = self.model(&uri.model)?;
                Ok(model.find(&uri.model, &uri.version)?.download_uri().to_owned())
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

    fn get(&self, name: &ModelName, number: VersionNumber) -> Result<&ModelVersion> {
        self.versions.get(&number).ok_or_else(|| Error::VersionNotFound {
            model: name.clone(),
            version: number,
            newest: self.versions.keys().next_back().copied(),
        })
    }

    fn find(&self, name: &ModelName, which: &VersionRef) -> Result<ModelVersion> {
        let found = match which {
            VersionRef::Number(number) => self.get(name, *number)?,
            VersionRef::Alias(alias) => {
                let number = self.aliases.get(alias).ok_or_else(|| Error::AliasNotFound {
                    model: name.clone(),
                    alias: alias.clone(),
                })?;
                self.get(name, *number)?
            }
            VersionRef::Stage(stage) => {
                let mut newest_first = self.versions.values().rev();
                newest_first.find(|version| version.current_stage == *stage).ok_or_else(|| {
                    Error::StageEmpty { model: name.clone(), stage: stage.clone() }
                })?
            }
            VersionRef::Latest => {
                let newest = self.versions.values().next_back();
                newest.ok_or_else(|| Error::NoVersions(name.clone()))?
            }
        };
        Ok(self.version(found))
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
        state.create_model(new, stamp)?;
        Ok(state.model(&new.name)?.entity(&new.name))
    }

    fn get_model(&self, name: &ModelName) -> Result<RegisteredModel> {
        Ok(self.state().model(name)?.entity(name))
    }

    fn list_models(
        &self,
        after: Option<&ModelName>,
        size: PageSize,
    ) -> Result<Page<RegisteredModel, ModelName>> {
        let state = self.state();
        let listed =
            state.models.iter().filter(|(name, _)| after.is_none_or(|after| *name > after));
        let models = listed.take(size.get() + 1).map(|(name, model)| model.entity(name)).collect();
        Ok(Page::cut(models, size, |model| model.name.clone()))
    }

    fn create_version(&self, new: &NewVersion, stamp: &Stamp) -> Result<ModelVersion> {
        let mut state = self.state();
        let location = state.locate(new)?;
        if new.create_model_if_missing && !state.models.contains_key(&new.model) {
            state.create_model(&NewModel::named(new.model.clone()), stamp)?;
        }
        let model = state.model_mut(&new.model)?;
        let highest = model.versions.keys().next_back().copied();
        let version =
            stored_version(new, lifecycle::next_version(&new.model, highest)?, location, stamp);
        model.last_updated_timestamp_ms = stamp.at_ms;
        model.versions.insert(version.version, version.clone());
        let change =
            Change::VersionCreated { source: new.source.clone(), run_id: new.run_id.clone() };
        state.record(&new.model, Some(version.version), change, stamp);
        Ok(version)
    }

    fn get_version(&self, model: &ModelName, which: &VersionRef) -> Result<ModelVersion> {
        self.state().model(model)?.find(model, which)
    }

    fn list_versions(
        &self,
        model: &ModelName,
        before: Option<VersionNumber>,
        size: PageSize,
    ) -> Result<Page<ModelVersion, VersionNumber>> {
        let state = self.state();
        let model = state.model(model)?;
        let newest_first = model.versions.values().rev();
        let listed = newest_first.filter(|v| before.is_none_or(|before| v.version < before));
        let versions = listed.take(size.get() + 1).map(|v| model.version(v)).collect();
        Ok(Page::cut(versions, size, |version| version.version))
    }

    fn latest_versions(&self, model: &ModelName, stages: &[Stage]) -> Result<Vec<ModelVersion>> {
        Ok(self.state().model(model)?.latest(stages))
    }

    fn transition(&self, asked: &Transition, stamp: &Stamp) -> Result<ModelVersion> {
        asked.check()?;
        let mut state = self.state();
        let model = state.model_mut(&asked.model)?;
        let from = model.get(&asked.model, asked.version)?.current_stage.clone();
        let in_stage = model.versions.values().filter(|v| v.current_stage == asked.stage);
        let holders: Vec<_> = in_stage.map(|version| version.version).collect();
        let steps = asked.plan(from, &holders)?;
        model.last_updated_timestamp_ms = stamp.at_ms;
        for step in &steps {
            if let Some(version) = model.versions.get_mut(&step.version) {
                version.current_stage = step.to.clone();
                version.last_updated_timestamp_ms = stamp.at_ms;
            }
        }
        let moved = model.find(&asked.model, &asked.version.into())?;
        for step in steps {
            state.record(&asked.model, Some(step.version), step.into(), stamp);
        }
        Ok(moved)
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
        stored.get(model, version)?;
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
        let concerned = state.events.iter().filter(|event| {
            event.model == *model
                && version.is_none_or(|version| event.version == Some(version))
                && after.is_none_or(|after| event.id > after)
        });
        let events = concerned.take(size.get() + 1).cloned().collect();
        Ok(Page::cut(events, size, |event| event.id))
    }
}

fn stored_version(
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

#[cfg(test)]
mod tests {
    use super::*;

    crate::conformance_tests!(MemoryStore::new());
}
