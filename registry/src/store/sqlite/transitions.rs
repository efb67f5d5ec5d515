//! Moves of versions between stages, and what they go by.

use rusqlite::named_params;

use super::{Failure, Session, events, load, models, requests, tags};
use crate::approval::Candidate;
use crate::entity::{ModelVersion, Stamp};
use crate::gate::{Attempt, Case, GateReport, Measured};
use crate::id::{ModelName, Stage, TagKey, TagValue, VersionNumber};
use crate::lifecycle::Transition;
use crate::policy::{self, Policy};
use crate::stages::StageRules;
use crate::uri::VersionRef;

/// Reads the rules that a model's transitions go by; one that is not there has the common ones.
pub(super) fn policy(
    db: &Session<'_>,
    model: &ModelName,
    configured: &StageRules,
) -> Result<Policy, Failure> {
    Ok(Policy::of(&tags::policy(db, model)?, configured)?)
}

/// Refuses a change of a model's tag that would leave rules which cannot be read.
pub(super) fn check_change(
    db: &Session<'_>,
    model: &ModelName,
    key: &TagKey,
    to: Option<&TagValue>,
    configured: &StageRules,
) -> Result<(), Failure> {
    if !policy::is_policy_tag(key) {
        return Ok(());
    }
    load::must_exist(db, model)?;
    Ok(policy::reject_unreadable_policy(&tags::policy(db, model)?, key, to, configured)?)
}

/// Reads the version that `which` says, in a stage of the model's own too.
pub(super) fn version(
    db: &Session<'_>,
    model: &ModelName,
    which: &VersionRef,
    configured: &StageRules,
) -> Result<ModelVersion, Failure> {
    match which {
        VersionRef::Stage(stage) => {
            let stage = known(db, model, stage, configured)?;
            load::version(db, model, &VersionRef::Stage(stage))
        }
        other => load::version(db, model, other),
    }
}

/// Finds a stage to read from; one that a version is in is known.
pub(super) fn known(
    db: &Session<'_>,
    model: &ModelName,
    stage: &Stage,
    configured: &StageRules,
) -> Result<Stage, Failure> {
    if Stage::ALL.contains(stage) || !holders(db, model, stage)?.is_empty() {
        return Ok(stage.clone());
    }
    load::must_exist(db, model)?;
    Ok(policy(db, model, configured)?.stages.find(stage.as_str())?)
}

/// Tells what stands between a version and a stage.
pub(super) fn check(
    db: &Session<'_>,
    candidate: &Candidate,
    measured: &Measured,
    configured: &StageRules,
) -> Result<Attempt<GateReport>, Failure> {
    let policy = policy(db, &candidate.model, configured)?;
    let stage = policy.stages.find(candidate.stage.as_str())?;
    let candidate = Candidate { stage, ..candidate.clone() };
    let holders = holders(db, &candidate.model, &candidate.stage)?;
    report(db, &candidate, &policy, &holders, measured)
}

fn report(
    db: &Session<'_>,
    candidate: &Candidate,
    policy: &Policy,
    holders: &[VersionNumber],
    measured: &Measured,
) -> Result<Attempt<GateReport>, Failure> {
    let version = load::version(db, &candidate.model, &candidate.version.into())?;
    let holder = holders.iter().rev().find(|holder| **holder != candidate.version);
    let holder = holder.map(|holder| load::version(db, &candidate.model, &(*holder).into()));
    let holder = holder.transpose()?;
    let request = requests::find(db, candidate)?;
    let case = Case {
        version: &version,
        stage: &candidate.stage,
        holder: holder.as_ref(),
        request: request.as_ref(),
    };
    Ok(match GateReport::judge(&case, policy, measured) {
        Ok(report) => Attempt::Done(report),
        Err(runs) => Attempt::Needs(runs),
    })
}

/// Moves a version to a stage, and who must make room, with an event for each.
pub(super) fn transition(
    db: &Session<'_>,
    asked: &Transition,
    force: bool,
    measured: &Measured,
    configured: &StageRules,
    stamp: &Stamp,
) -> Result<Attempt<ModelVersion>, Failure> {
    let policy = policy(db, &asked.model, configured)?;
    let asked = asked.among(&policy.stages)?;
    let candidate = asked.candidate();
    let is_gated = policy.gates.conditions(&asked.stage).next().is_some();
    let holders = match asked.archive_existing_versions || is_gated {
        true => holders(db, &asked.model, &asked.stage)?,
        false => Vec::new(),
    };
    let report = match report(db, &candidate, &policy, &holders, measured)? {
        Attempt::Done(report) => report,
        Attempt::Needs(runs) => return Ok(Attempt::Needs(runs)),
    };
    if let Some(noted) = report.admit(force)? {
        events::record(db, &asked.model, Some(asked.version), &noted, stamp)?;
    }
    requests::delete(db, &candidate)?;
    let mut update = db.prepare(
        "UPDATE model_versions SET current_stage = :stage, last_updated_time = :at_ms
         WHERE workspace = 'default' AND name = :name AND version = :version",
    )?;
    for step in asked.plan(report.from, &holders) {
        update.execute(named_params! {
            ":name": asked.model.as_str(),
            ":version": step.version.get(),
            ":stage": step.to.as_str(),
            ":at_ms": stamp.at_ms,
        })?;
        let version = Some(step.version);
        events::record(db, &asked.model, version, &step.into(), stamp)?;
    }
    models::touch(db, &asked.model, stamp.at_ms)?;
    load::version(db, &asked.model, &asked.version.into()).map(Attempt::Done)
}

/// Finds who is in the stage, by number.
fn holders(
    db: &Session<'_>,
    model: &ModelName,
    stage: &Stage,
) -> Result<Vec<VersionNumber>, Failure> {
    let mut select = db.prepare(
        "SELECT version FROM model_versions
         WHERE workspace = 'default' AND name = ?1 AND current_stage = ?2 ORDER BY version",
    )?;
    let rows = select.query_map([model.as_str(), stage.as_str()], |row| load::number(row, 0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
