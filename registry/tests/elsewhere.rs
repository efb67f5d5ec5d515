//! A store as another author would write it: with the public interface of this crate only, and held
//! to the same suite as the stores that come with it.
//!
//! It keeps plain maps behind one lock. What it shows is where a store finds what it needs: the
//! rules in `lifecycle`, `policy`, `gate` and `history`, searches in `search`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use mlctl_registry::gate::{Attempt, Case, Measured, attempt_with_metrics};
use mlctl_registry::policy::{self, Policy};
use mlctl_registry::search::{self, ModelQuery, VersionQuery};
use mlctl_registry::source::NoTracking;
use mlctl_registry::store::{Location, created_version};
use mlctl_registry::{
    Alias, Candidate, Change, Error, Event, EventId, GateReport, ModelName, ModelVersion, NewModel,
    NewVersion, Page, PageSize, RegisteredModel, RegistryStore, Request, RequestRefusal, Result,
    Stage, StageRules, Stamp, TagKey, TagValue, Tags, Transition, VersionNumber, VersionRef,
    history, lifecycle,
};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

mod suite {
    use super::*;
    mlctl_registry::conformance_tests!(Maps::default());
}

/// A registry in plain maps.
#[derive(Debug, Default)]
struct Maps(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    models: BTreeMap<ModelName, Kept>,
    events: Vec<Event>,
}

#[derive(Debug)]
struct Kept {
    /// The model without its latest versions.
    model: RegisteredModel,
    /// The versions without their aliases.
    versions: BTreeMap<VersionNumber, ModelVersion>,
    highest: Option<VersionNumber>,
    requests: BTreeMap<(VersionNumber, Stage), Request>,
}

impl Kept {
    fn model(&self) -> RegisteredModel {
        RegisteredModel { latest_versions: self.latest(&[]), ..self.model.clone() }
    }

    fn latest(&self, stages: &[Stage]) -> Vec<ModelVersion> {
        let is_newest = |version: &&ModelVersion| {
            let newest = self.newest_in(&version.current_stage, None);
            newest.is_some_and(|newest| newest.version == version.version)
        };
        let is_asked =
            |version: &&ModelVersion| stages.is_empty() || stages.contains(&version.current_stage);
        let found = self.versions.values().filter(is_newest).filter(is_asked);
        found.map(|version| self.with_aliases(version)).collect()
    }

    fn newest_in(&self, stage: &Stage, but: Option<VersionNumber>) -> Option<&ModelVersion> {
        let mut newest_first = self.versions.values().rev();
        newest_first.find(|held| held.current_stage == *stage && Some(held.version) != but)
    }

    fn with_aliases(&self, version: &ModelVersion) -> ModelVersion {
        let aliases = self.model.aliases.iter().filter(|(_, named)| **named == version.version);
        ModelVersion {
            aliases: aliases.map(|(alias, _)| alias.clone()).collect(),
            ..version.clone()
        }
    }

    fn missing(&self, number: VersionNumber) -> Error {
        Error::VersionNotFound {
            model: self.model.name.clone(),
            version: number,
            newest: self.versions.keys().next_back().copied(),
        }
    }

    fn get(&self, number: VersionNumber) -> Result<&ModelVersion> {
        self.versions.get(&number).ok_or_else(|| self.missing(number))
    }

    fn get_mut(&mut self, number: VersionNumber) -> Result<&mut ModelVersion> {
        let missing = self.missing(number);
        self.versions.get_mut(&number).ok_or(missing)
    }

    /// Finds the stage that somebody reads from: one that a version is in, or one of the model's.
    fn stage(&self, stage: &Stage) -> Result<Stage> {
        match Stage::ALL.contains(stage) || self.newest_in(stage, None).is_some() {
            true => Ok(stage.clone()),
            false => self.policy()?.stages.find(stage.as_str()),
        }
    }

    fn find(&self, which: &VersionRef) -> Result<ModelVersion> {
        let model = self.model.name.clone();
        let found = match which {
            VersionRef::Number(number) => self.get(*number)?,
            VersionRef::Alias(alias) => match self.model.aliases.get(alias) {
                Some(number) => self.get(*number)?,
                None => return Err(Error::AliasNotFound { model, alias: alias.clone() }),
            },
            VersionRef::Stage(stage) => {
                let stage = self.stage(stage)?;
                self.newest_in(&stage, None).ok_or(Error::StageEmpty { model, stage })?
            }
            VersionRef::Latest => {
                self.versions.values().next_back().ok_or(Error::NoVersions(model))?
            }
        };
        Ok(self.with_aliases(found))
    }

    fn policy(&self) -> Result<Policy> {
        Policy::of(&self.model.tags, &StageRules::default())
    }

    fn report(&self, candidate: &Candidate, measured: &Measured) -> Result<Attempt<GateReport>> {
        let case = Case {
            version: self.get(candidate.version)?,
            stage: &candidate.stage,
            holder: self.newest_in(&candidate.stage, Some(candidate.version)),
            request: self.requests.get(&(candidate.version, candidate.stage.clone())),
        };
        Ok(match GateReport::judge(&case, &self.policy()?, measured) {
            Ok(report) => Attempt::Done(report),
            Err(runs) => Attempt::Needs(runs),
        })
    }
}

impl State {
    fn kept(&self, name: &ModelName) -> Result<&Kept> {
        self.models.get(name).ok_or_else(|| Error::ModelNotFound(name.clone()))
    }

    fn kept_mut(&mut self, name: &ModelName) -> Result<&mut Kept> {
        self.models.get_mut(name).ok_or_else(|| Error::ModelNotFound(name.clone()))
    }

    fn record(
        &mut self,
        model: &ModelName,
        version: Option<VersionNumber>,
        change: Change,
        stamp: &Stamp,
    ) {
        let Stamp { at_ms, who, why } = stamp.clone();
        let id = self.events.len() as EventId + 1;
        self.events.push(Event { id, at_ms, who, why, model: model.clone(), version, change });
    }

    fn create_model(&mut self, new: &NewModel, stamp: &Stamp) -> Result<()> {
        lifecycle::reject_taken_name(&new.name, self.models.keys().map(ModelName::as_str))?;
        let model = RegisteredModel {
            name: new.name.clone(),
            creation_timestamp_ms: stamp.at_ms,
            last_updated_timestamp_ms: stamp.at_ms,
            description: new.description.clone(),
            tags: new.tags.clone(),
            aliases: BTreeMap::new(),
            latest_versions: Vec::new(),
        };
        let (versions, requests) = (BTreeMap::new(), BTreeMap::new());
        let kept = Kept { model, versions, highest: None, requests };
        self.models.insert(new.name.clone(), kept);
        self.record(&new.name, None, Change::model_created(new), stamp);
        Ok(())
    }

    /// Finds the stage of a candidate, so that a wrong one is told before a missing model.
    fn known(&self, candidate: &Candidate) -> Result<Candidate> {
        let policy = self.models.get(&candidate.model).map(Kept::policy);
        let stages = policy.transpose()?.unwrap_or_default().stages;
        Ok(Candidate { stage: stages.find(candidate.stage.as_str())?, ..candidate.clone() })
    }

    fn requested(&self, candidate: &Candidate) -> Result<Request> {
        let candidate = self.known(candidate)?;
        let kept = self.kept(&candidate.model)?;
        kept.get(candidate.version)?;
        let request = kept.requests.get(&(candidate.version, candidate.stage.clone())).cloned();
        request.ok_or_else(|| RequestRefusal::Missing(candidate).into())
    }

    fn check(&self, candidate: &Candidate, measured: &Measured) -> Result<Attempt<GateReport>> {
        let candidate = self.known(candidate)?;
        self.kept(&candidate.model)?.report(&candidate, measured)
    }

    fn enter(
        &mut self,
        asked: &Transition,
        force: bool,
        measured: &Measured,
        stamp: &Stamp,
    ) -> Result<Attempt<ModelVersion>> {
        let candidate = self.known(&asked.candidate())?;
        let kept = self.kept_mut(&asked.model);
        let stages = match &kept {
            Ok(kept) => kept.policy()?.stages,
            Err(_) => StageRules::default(),
        };
        let asked = asked.among(&stages)?;
        let kept = kept?;
        let report = match kept.report(&candidate, measured)? {
            Attempt::Done(report) => report,
            Attempt::Needs(runs) => return Ok(Attempt::Needs(runs)),
        };
        let noted = report.admit(force)?;
        let in_stage = kept.versions.values().filter(|one| one.current_stage == asked.stage);
        let holders: Vec<_> = in_stage.map(|version| version.version).collect();
        let steps = asked.plan(report.from, &holders);
        kept.requests.remove(&(asked.version, asked.stage.clone()));
        kept.model.last_updated_timestamp_ms = stamp.at_ms;
        for step in &steps {
            let version = kept.get_mut(step.version)?;
            version.current_stage = step.to.clone();
            version.last_updated_timestamp_ms = stamp.at_ms;
        }
        let moved = kept.find(&asked.version.into())?;
        if let Some(noted) = noted {
            self.record(&asked.model, Some(asked.version), noted, stamp);
        }
        for step in steps {
            self.record(&asked.model, Some(step.version), step.into(), stamp);
        }
        Ok(Attempt::Done(moved))
    }
}

impl Maps {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Changes a tag in `tags`, and returns what that is in the history.
    fn put_tag(tags: &mut Tags, key: &TagKey, value: &TagValue) -> Change {
        let from = tags.insert(key.clone(), value.clone());
        Change::TagSet { key: key.clone(), from, to: value.clone() }
    }
}

impl RegistryStore for Maps {
    fn create_model(&self, new: &NewModel, stamp: &Stamp) -> Result<RegisteredModel> {
        Policy::of(&new.tags, &StageRules::default())?;
        let mut state = self.state();
        state.create_model(new, stamp)?;
        Ok(state.kept(&new.name)?.model())
    }

    fn get_model(&self, name: &ModelName) -> Result<RegisteredModel> {
        Ok(self.state().kept(name)?.model())
    }

    fn rename_model(
        &self,
        name: &ModelName,
        to: &ModelName,
        stamp: &Stamp,
    ) -> Result<RegisteredModel> {
        let mut state = self.state();
        state.kept(name)?;
        let others = state.models.keys().filter(|other| *other != name);
        lifecycle::reject_taken_name(to, others.map(ModelName::as_str))?;
        let mut kept = state.models.remove(name).unwrap();
        kept.model.name = to.clone();
        kept.model.last_updated_timestamp_ms = stamp.at_ms;
        for version in kept.versions.values_mut() {
            version.name = to.clone();
            version.last_updated_timestamp_ms = stamp.at_ms;
        }
        kept.requests.values_mut().for_each(|request| request.model = to.clone());
        let renamed = kept.model();
        state.models.insert(to.clone(), kept);
        if name != to {
            state.record(name, None, Change::RenamedTo { to: to.clone() }, stamp);
        }
        state.record(to, None, Change::RenamedFrom { from: name.clone() }, stamp);
        Ok(renamed)
    }

    fn describe_model(
        &self,
        name: &ModelName,
        description: Option<&str>,
        stamp: &Stamp,
    ) -> Result<RegisteredModel> {
        let mut state = self.state();
        let kept = state.kept_mut(name)?;
        let to = description.map(str::to_owned);
        let from = std::mem::replace(&mut kept.model.description, to.clone());
        kept.model.last_updated_timestamp_ms = stamp.at_ms;
        let described = kept.model();
        state.record(name, None, Change::DescriptionChanged { from, to }, stamp);
        Ok(described)
    }

    fn delete_model(&self, name: &ModelName, stamp: &Stamp) -> Result<()> {
        let mut state = self.state();
        state.kept(name)?;
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
        let tags = &mut state.kept_mut(name)?.model.tags;
        policy::reject_unreadable_policy(tags, key, Some(value), &StageRules::default())?;
        let change = Self::put_tag(tags, key, value);
        state.record(name, None, change, stamp);
        Ok(())
    }

    fn delete_model_tag(&self, name: &ModelName, key: &TagKey, stamp: &Stamp) -> Result<()> {
        let mut state = self.state();
        let tags = &mut state.kept_mut(name)?.model.tags;
        policy::reject_unreadable_policy(tags, key, None, &StageRules::default())?;
        if let Some(from) = tags.remove(key) {
            state.record(name, None, Change::TagDeleted { key: key.clone(), from }, stamp);
        }
        Ok(())
    }

    fn search_models(&self, query: &ModelQuery) -> Result<Page<RegisteredModel, String>> {
        search::select_models(query, self.state().models.values().map(Kept::model))
    }

    fn create_version(&self, new: &NewVersion, stamp: &Stamp) -> Result<ModelVersion> {
        let mut state = self.state();
        let location = match Location::of_new_version(new)? {
            Location::Known(location) => location,
            Location::Of(uri) => {
                state.kept(&uri.model)?.find(&uri.version)?.download_uri().to_owned()
            }
        };
        if new.create_model_if_missing && !state.models.contains_key(&new.model) {
            state.create_model(&NewModel::named(new.model.clone()), stamp)?;
        }
        let kept = state.kept_mut(&new.model)?;
        let number = lifecycle::next_version(&new.model, kept.highest)?;
        let version = created_version(new, number, location, stamp);
        kept.model.last_updated_timestamp_ms = stamp.at_ms;
        kept.highest = Some(number);
        kept.versions.insert(number, version.clone());
        state.record(&new.model, Some(number), Change::version_created(new), stamp);
        Ok(version)
    }

    fn get_version(&self, model: &ModelName, which: &VersionRef) -> Result<ModelVersion> {
        self.state().kept(model)?.find(which)
    }

    fn describe_version(
        &self,
        model: &ModelName,
        version: VersionNumber,
        description: Option<&str>,
        stamp: &Stamp,
    ) -> Result<ModelVersion> {
        let mut state = self.state();
        let kept = state.kept_mut(model)?;
        let to = description.map(str::to_owned);
        let changed = kept.get_mut(version)?;
        let from = std::mem::replace(&mut changed.description, to.clone());
        changed.last_updated_timestamp_ms = stamp.at_ms;
        let described = kept.find(&version.into())?;
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
        let kept = state.kept_mut(model)?;
        let deleted = kept.find(&version.into())?;
        kept.versions.remove(&version);
        kept.model.aliases.retain(|_, named| *named != version);
        kept.requests.retain(|(number, _), _| *number != version);
        kept.model.last_updated_timestamp_ms = stamp.at_ms;
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
        let tagged = state.kept_mut(model)?.get_mut(version)?;
        let change = Self::put_tag(&mut tagged.tags, key, value);
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
        let removed = state.kept_mut(model)?.get_mut(version)?.tags.remove(key);
        if let Some(from) = removed {
            let change = Change::TagDeleted { key: key.clone(), from };
            state.record(model, Some(version), change, stamp);
        }
        Ok(())
    }

    fn search_versions(&self, query: &VersionQuery) -> Result<Page<ModelVersion, String>> {
        let state = self.state();
        let versions = state.models.values().flat_map(|kept| {
            let of_prompt = search::is_prompt(&kept.model.tags);
            kept.versions.values().map(move |version| (of_prompt, kept.with_aliases(version)))
        });
        search::select_versions(query, versions)
    }

    fn latest_versions(&self, model: &ModelName, stages: &[Stage]) -> Result<Vec<ModelVersion>> {
        let state = self.state();
        let kept = state.kept(model)?;
        let stages = stages.iter().map(|stage| kept.stage(stage)).collect::<Result<Vec<_>>>()?;
        Ok(kept.latest(&stages))
    }

    fn transition(&self, asked: &Transition, stamp: &Stamp) -> Result<ModelVersion> {
        attempt_with_metrics(&NoTracking, |measured| {
            self.state().enter(asked, false, &measured, stamp)
        })
    }

    fn force_transition(&self, asked: &Transition, stamp: &Stamp) -> Result<ModelVersion> {
        policy::require_reason(stamp)?;
        attempt_with_metrics(&NoTracking, |measured| {
            self.state().enter(asked, true, &measured, stamp)
        })
    }

    fn check_transition(&self, candidate: &Candidate) -> Result<GateReport> {
        attempt_with_metrics(&NoTracking, |measured| self.state().check(candidate, &measured))
    }

    fn request_transition(&self, candidate: &Candidate, stamp: &Stamp) -> Result<Request> {
        let mut state = self.state();
        let candidate = state.known(candidate)?;
        let kept = state.kept_mut(&candidate.model)?;
        let from = kept.get(candidate.version)?.current_stage.clone();
        let key = (candidate.version, candidate.stage.clone());
        let request = Request::new(&candidate, &from, kept.requests.get(&key).cloned(), stamp)?;
        kept.requests.insert(key, request.clone());
        let change = Change::TransitionRequested { to: candidate.stage };
        state.record(&candidate.model, Some(candidate.version), change, stamp);
        Ok(request)
    }

    fn approve_transition(&self, candidate: &Candidate, stamp: &Stamp) -> Result<Request> {
        let mut state = self.state();
        let request = state.requested(candidate)?.approve(stamp)?;
        let key = (request.version, request.stage.clone());
        state.kept_mut(&request.model)?.requests.insert(key, request.clone());
        let requested_by = request.requested.who.clone();
        let change = Change::TransitionApproved { to: request.stage.clone(), requested_by };
        state.record(&request.model, Some(request.version), change, stamp);
        Ok(request)
    }

    fn reject_transition(&self, candidate: &Candidate, stamp: &Stamp) -> Result<Request> {
        let mut state = self.state();
        let request = state.requested(candidate)?;
        let key = (request.version, request.stage.clone());
        state.kept_mut(&request.model)?.requests.remove(&key);
        let requested_by = request.requested.who.clone();
        let change = Change::TransitionRejected { to: request.stage.clone(), requested_by };
        state.record(&request.model, Some(request.version), change, stamp);
        Ok(request)
    }

    fn requests(&self, model: &ModelName) -> Result<Vec<Request>> {
        Ok(self.state().kept(model)?.requests.values().cloned().collect())
    }

    fn set_alias(
        &self,
        model: &ModelName,
        alias: &Alias,
        version: VersionNumber,
        stamp: &Stamp,
    ) -> Result<()> {
        let mut state = self.state();
        let kept = state.kept_mut(model)?;
        kept.get(version)?;
        let from = kept.model.aliases.insert(alias.clone(), version);
        for (version, change) in lifecycle::set_alias(alias, from, version) {
            state.record(model, Some(version), change, stamp);
        }
        Ok(())
    }

    fn delete_alias(&self, model: &ModelName, alias: &Alias, stamp: &Stamp) -> Result<()> {
        let mut state = self.state();
        let removed = state.kept_mut(model)?.model.aliases.remove(alias);
        if let Some(from) = removed {
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
            let latest_first = state.events.iter().rev();
            let mut earlier = latest_first.filter(|e| e.model == *name && e.id < before);
            Ok::<_, Error>(earlier.find_map(|event| match &event.change {
                Change::RenamedFrom { from } => Some((event.id, from.clone())),
                _ => None,
            }))
        };
        let segments = history::segments(model, arrival)?;
        let is_concerned = |event: &&Event| {
            let mut names = segments.iter().filter(|segment| segment.name == event.model);
            names.any(|segment| (segment.first..segment.end).contains(&event.id))
                && version.is_none_or(|version| event.version == Some(version))
                && after.is_none_or(|after| event.id > after)
        };
        let found = state.events.iter().filter(is_concerned).take(size.and_one_more()).cloned();
        Ok(Page::cut(found.collect(), size, |event| event.id))
    }
}
