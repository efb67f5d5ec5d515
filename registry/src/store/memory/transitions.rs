//! Moves between stages, and the requests for them.

use super::{Model, State};
use crate::approval::{Candidate, Request, RequestRefusal};
use crate::entity::{ModelVersion, Stamp};
use crate::error::Result;
use crate::event::Change;
use crate::gate::{Attempt, Case, GateReport, Measured};
use crate::id::{ModelName, Stage, VersionNumber};
use crate::lifecycle::Transition;
use crate::policy::Policy;
use crate::stages::StageRules;
use crate::uri::VersionRef;

impl Model {
    /// Returns the newest version in a stage, but for one.
    pub(super) fn holder(
        &self,
        stage: &Stage,
        other_than: Option<VersionNumber>,
    ) -> Option<&ModelVersion> {
        let mut newest_first = self.versions.values().rev();
        newest_first.find(|held| held.current_stage == *stage && Some(held.version) != other_than)
    }

    /// Finds a stage to read from; one that a version is in is known.
    pub(super) fn known_stage(&self, stage: &Stage, configured: &StageRules) -> Result<Stage> {
        if Stage::ALL.contains(stage) || self.holder(stage, None).is_some() {
            return Ok(stage.clone());
        }
        Policy::of(&self.tags, configured)?.stages.find(stage.as_str())
    }

    /// Finds a version, in a stage of the model's own too.
    pub(super) fn find_known(
        &self,
        name: &ModelName,
        which: &VersionRef,
        configured: &StageRules,
    ) -> Result<ModelVersion> {
        match which {
            VersionRef::Stage(stage) => {
                let stage = self.known_stage(stage, configured)?;
                self.find(name, &VersionRef::Stage(stage))
            }
            other => self.find(name, other),
        }
    }

    fn report(
        &self,
        candidate: &Candidate,
        policy: &Policy,
        known: &Measured,
    ) -> Result<Attempt<GateReport>> {
        let case = Case {
            version: self.require_version(&candidate.model, candidate.version)?,
            stage: &candidate.stage,
            holder: self.holder(&candidate.stage, Some(candidate.version)),
            request: self.requests.get(&key(candidate)),
        };
        Ok(match GateReport::judge(&case, policy, known) {
            Ok(report) => Attempt::Done(report),
            Err(runs) => Attempt::Needs(runs),
        })
    }
}

fn key(candidate: &Candidate) -> (VersionNumber, Stage) {
    (candidate.version, candidate.stage.clone())
}

impl State {
    /// Reads the rules that a transition goes by; a model that is not there has the common ones.
    fn policy(&self, candidate: &Candidate, configured: &StageRules) -> Result<Policy> {
        match self.models.get(&candidate.model) {
            Some(model) => Policy::of(&model.tags, configured),
            None => Ok(Policy { stages: configured.clone(), ..Policy::default() }),
        }
    }

    /// Finds the stage of a candidate among those of its model.
    fn with_known_stage(
        &self,
        candidate: &Candidate,
        configured: &StageRules,
    ) -> Result<Candidate> {
        let stages = self.policy(candidate, configured)?.stages;
        Ok(Candidate { stage: stages.find(candidate.stage.as_str())?, ..candidate.clone() })
    }

    pub(super) fn judge(
        &self,
        candidate: &Candidate,
        known: &Measured,
        configured: &StageRules,
    ) -> Result<Attempt<GateReport>> {
        let policy = self.policy(candidate, configured)?;
        let candidate = self.with_known_stage(candidate, configured)?;
        self.model(&candidate.model)?.report(&candidate, &policy, known)
    }

    pub(super) fn transition(
        &mut self,
        asked: &Transition,
        force: bool,
        known: &Measured,
        configured: &StageRules,
        stamp: &Stamp,
    ) -> Result<Attempt<ModelVersion>> {
        let policy = self.policy(&asked.candidate(), configured)?;
        let asked = asked.among(&policy.stages)?;
        let candidate = asked.candidate();
        let model = self.model_mut(&asked.model)?;
        let report = match model.report(&candidate, &policy, known)? {
            Attempt::Done(report) => report,
            Attempt::Needs(runs) => return Ok(Attempt::Needs(runs)),
        };
        let noted = report.admit(force)?;
        let in_stage = model.versions.values().filter(|v| v.current_stage == asked.stage);
        let holders: Vec<_> = in_stage.map(|version| version.version).collect();
        let steps = asked.plan(report.from, &holders);
        model.requests.remove(&key(&candidate));
        model.last_updated_timestamp_ms = stamp.at_ms;
        for step in &steps {
            if let Some(version) = model.versions.get_mut(&step.version) {
                version.current_stage = step.to.clone();
                version.last_updated_timestamp_ms = stamp.at_ms;
            }
        }
        let moved = model.find(&asked.model, &asked.version.into())?;
        if let Some(noted) = noted {
            self.record(&asked.model, Some(asked.version), noted, stamp);
        }
        for step in steps {
            self.record(&asked.model, Some(step.version), step.into(), stamp);
        }
        Ok(Attempt::Done(moved))
    }

    pub(super) fn request(
        &mut self,
        candidate: &Candidate,
        configured: &StageRules,
        stamp: &Stamp,
    ) -> Result<Request> {
        let candidate = self.with_known_stage(candidate, configured)?;
        let model = self.model_mut(&candidate.model)?;
        let from = &model.require_version(&candidate.model, candidate.version)?.current_stage;
        let other = model.requests.get(&key(&candidate)).cloned();
        let request = Request::new(&candidate, from, other, stamp)?;
        model.requests.insert(key(&candidate), request.clone());
        let change = Change::TransitionRequested { to: candidate.stage };
        self.record(&candidate.model, Some(candidate.version), change, stamp);
        Ok(request)
    }

    pub(super) fn approve(
        &mut self,
        candidate: &Candidate,
        configured: &StageRules,
        stamp: &Stamp,
    ) -> Result<Request> {
        let request = self.requested(candidate, configured)?.approve(stamp)?;
        let requests = &mut self.model_mut(&request.model)?.requests;
        requests.insert((request.version, request.stage.clone()), request.clone());
        let requested_by = request.requested.who.clone();
        let change = Change::TransitionApproved { to: request.stage.clone(), requested_by };
        self.record(&request.model, Some(request.version), change, stamp);
        Ok(request)
    }

    pub(super) fn reject(
        &mut self,
        candidate: &Candidate,
        configured: &StageRules,
        stamp: &Stamp,
    ) -> Result<Request> {
        let request = self.requested(candidate, configured)?;
        self.model_mut(&request.model)?.requests.remove(&key(&request.candidate()));
        let requested_by = request.requested.who.clone();
        let change = Change::TransitionRejected { to: request.stage.clone(), requested_by };
        self.record(&request.model, Some(request.version), change, stamp);
        Ok(request)
    }

    fn requested(&self, candidate: &Candidate, configured: &StageRules) -> Result<Request> {
        let candidate = self.with_known_stage(candidate, configured)?;
        let model = self.model(&candidate.model)?;
        model.require_version(&candidate.model, candidate.version)?;
        let request = model.requests.get(&key(&candidate)).cloned();
        request.ok_or_else(|| RequestRefusal::Missing(candidate).into())
    }
}
