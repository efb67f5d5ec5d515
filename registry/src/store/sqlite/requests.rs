//! The statements about requests for transitions.

use rusqlite::{OptionalExtension, Row, named_params};

use super::{Failure, Session, events, load, transitions};
use crate::approval::{Candidate, Request, RequestRefusal};
use crate::entity::Stamp;
use crate::event::Change;
use crate::id::{ModelName, Stage, VersionNumber};
use crate::stages::StageRules;

/// Makes a request, with its event.
pub(super) fn create(
    db: &Session<'_>,
    candidate: &Candidate,
    configured: &StageRules,
    stamp: &Stamp,
) -> Result<Request, Failure> {
    let candidate = with_known_stage(db, candidate, configured)?;
    let version = load::version(db, &candidate.model, &candidate.version.into())?;
    let other = find(db, &candidate)?;
    let request = Request::new(&candidate, &version.current_stage, other, stamp)?;
    // One of a version that another program made anew may be left.
    db.execute(
        "INSERT OR REPLACE INTO mlctl_registry_requests (name, version, stage,
             version_created_ms, requested_ms, requested_by, requested_why)
         VALUES (:name, :version, :stage, :created_ms, :at_ms, :who, :why)",
        named_params! {
            ":name": candidate.model.as_str(),
            ":version": candidate.version.get(),
            ":stage": candidate.stage.as_str(),
            ":created_ms": version.creation_timestamp_ms,
            ":at_ms": stamp.at_ms,
            ":who": stamp.who,
            ":why": stamp.why,
        },
    )?;
    let change = Change::TransitionRequested { to: candidate.stage };
    events::record(db, &candidate.model, Some(candidate.version), &change, stamp)?;
    Ok(request)
}

/// Approves a request, with its event.
pub(super) fn approve(
    db: &Session<'_>,
    candidate: &Candidate,
    configured: &StageRules,
    stamp: &Stamp,
) -> Result<Request, Failure> {
    let request = existing(db, candidate, configured)?.approve(stamp)?;
    db.execute(
        "UPDATE mlctl_registry_requests
         SET approved_ms = :at_ms, approved_by = :who, approved_why = :why
         WHERE workspace = 'default' AND name = :name AND version = :version AND stage = :stage",
        named_params! {
            ":name": request.model.as_str(),
            ":version": request.version.get(),
            ":stage": request.stage.as_str(),
            ":at_ms": stamp.at_ms,
            ":who": stamp.who,
            ":why": stamp.why,
        },
    )?;
    let requested_by = request.requested.who.clone();
    let change = Change::TransitionApproved { to: request.stage.clone(), requested_by };
    events::record(db, &request.model, Some(request.version), &change, stamp)?;
    Ok(request)
}

/// Rejects a request, with its event.
pub(super) fn reject(
    db: &Session<'_>,
    candidate: &Candidate,
    configured: &StageRules,
    stamp: &Stamp,
) -> Result<Request, Failure> {
    let request = existing(db, candidate, configured)?;
    delete(db, &request.candidate())?;
    let requested_by = request.requested.who.clone();
    let change = Change::TransitionRejected { to: request.stage.clone(), requested_by };
    events::record(db, &request.model, Some(request.version), &change, stamp)?;
    Ok(request)
}

fn existing(
    db: &Session<'_>,
    candidate: &Candidate,
    configured: &StageRules,
) -> Result<Request, Failure> {
    let candidate = with_known_stage(db, candidate, configured)?;
    load::version(db, &candidate.model, &candidate.version.into())?;
    let missing = |candidate| crate::Error::from(RequestRefusal::Missing(candidate)).into();
    find(db, &candidate)?.ok_or_else(|| missing(candidate))
}

/// Finds the stage of a candidate among those of its model.
fn with_known_stage(
    db: &Session<'_>,
    candidate: &Candidate,
    configured: &StageRules,
) -> Result<Candidate, Failure> {
    let stages = transitions::policy(db, &candidate.model, configured)?.stages;
    Ok(Candidate { stage: stages.find(candidate.stage.as_str())?, ..candidate.clone() })
}

/// Requests of versions that are the ones that were meant.
macro_rules! select_requests {
    ($rest:literal) => {
        concat!(
            "SELECT r.name, r.version, r.stage, r.requested_ms, r.requested_by, r.requested_why,
                    r.approved_ms, r.approved_by, r.approved_why
             FROM (SELECT * FROM mlctl_registry_requests WHERE workspace = 'default') AS r
             JOIN (SELECT name, version, coalesce(creation_time, 0) AS created_ms
                   FROM model_versions WHERE workspace = 'default') AS v
                 ON v.name = r.name AND v.version = r.version
                     AND v.created_ms = r.version_created_ms
             WHERE r.name = ?1 ",
            $rest
        )
    };
}

/// Reads the request of a candidate.
pub(super) fn find(db: &Session<'_>, candidate: &Candidate) -> Result<Option<Request>, Failure> {
    let sql = select_requests!("AND r.version = ?2 AND r.stage = ?3");
    let (model, stage) = (candidate.model.as_str(), candidate.stage.as_str());
    let found = db.prepare(sql)?.query_row((model, candidate.version.get(), stage), decode_request);
    Ok(found.optional()?)
}

/// Reads the requests of a model.
pub(super) fn list(db: &Session<'_>, model: &ModelName) -> Result<Vec<Request>, Failure> {
    load::must_exist(db, model)?;
    let mut select = db.prepare(select_requests!("ORDER BY r.version, r.stage"))?;
    let rows = select.query_map([model.as_str()], decode_request)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn decode_request(row: &Row<'_>) -> rusqlite::Result<Request> {
    let stamp = |at_ms, first: usize| {
        Ok::<_, rusqlite::Error>(Stamp { at_ms, who: row.get(first)?, why: row.get(first + 1)? })
    };
    let approved_ms: Option<i64> = row.get(6)?;
    Ok(Request {
        model: ModelName::stored(row.get(0)?),
        version: load::number(row, 1)?,
        stage: Stage::stored(row.get(2)?),
        requested: stamp(row.get(3)?, 4)?,
        approved: approved_ms.map(|at_ms| stamp(at_ms, 7)).transpose()?,
    })
}

/// Takes a request away, if there is one.
pub(super) fn delete(db: &Session<'_>, candidate: &Candidate) -> Result<(), Failure> {
    db.execute(
        "DELETE FROM mlctl_registry_requests
         WHERE workspace = 'default' AND name = ?1 AND version = ?2 AND stage = ?3",
        (candidate.model.as_str(), candidate.version.get(), candidate.stage.as_str()),
    )?;
    Ok(())
}

/// Takes the requests away of a version that is deleted, or of all versions.
pub(super) fn forget(
    db: &Session<'_>,
    model: &ModelName,
    version: Option<VersionNumber>,
) -> Result<(), Failure> {
    db.execute(
        "DELETE FROM mlctl_registry_requests
         WHERE workspace = 'default' AND name = ?1 AND (?2 IS NULL OR version = ?2)",
        (model.as_str(), version.map(VersionNumber::get)),
    )?;
    Ok(())
}

/// Gives the requests of a model its new name.
pub(super) fn rename(db: &Session<'_>, name: &ModelName, to: &ModelName) -> Result<(), Failure> {
    // Those that another program's deleted model left under the new name are of nothing.
    if name != to {
        forget(db, to, None)?;
    }
    db.execute(
        "UPDATE mlctl_registry_requests SET name = ?2 WHERE workspace = 'default' AND name = ?1",
        (name.as_str(), to.as_str()),
    )?;
    Ok(())
}
