//! The changes of model versions.
//!
//! A deleted version stays as a row in a stage of MLflow's that nobody sees, which is how its
//! number is never given again.

use rusqlite::named_params;

use super::{Failure, Session, aliases, events, load, models, requests, tags, transitions};
use crate::entity::{ModelVersion, NewModel, NewVersion, Stamp, VersionStatus};
use crate::error::Error;
use crate::event::Change;
use crate::id::{ModelName, Stage, VersionNumber};
use crate::lifecycle;
use crate::stages::StageRules;
use crate::store::Location;

/// Creates the next version of a model, the model when asked, and their events.
pub(super) fn create(
    db: &Session<'_>,
    new: &NewVersion,
    configured: &StageRules,
    stamp: &Stamp,
) -> Result<ModelVersion, Failure> {
    let location = match Location::of_new_version(new)? {
        Location::Known(location) => location,
        Location::Of(uri) => {
            let original = transitions::version(db, &uri.model, &uri.version, configured)?;
            original.download_uri().to_owned()
        }
    };
    if !load::exists(db, &new.model)? {
        if !new.create_model_if_missing {
            return Err(Error::ModelNotFound(new.model.clone()).into());
        }
        models::create(db, &NewModel::named(new.model.clone()), stamp)?;
    }
    let version = lifecycle::next_version(&new.model, highest_ever(db, &new.model)?)?;
    insert(db, new, version, &location, stamp)?;
    tags::insert(db, &tags::Owner::Version(new.model.clone(), version), &new.tags)?;
    models::touch(db, &new.model, stamp.at_ms)?;
    events::record(db, &new.model, Some(version), &Change::version_created(new), stamp)?;
    Ok(crate::store::created_version(new, version, location, stamp))
}

fn highest_ever(db: &Session<'_>, model: &ModelName) -> Result<Option<VersionNumber>, Failure> {
    let sql = "SELECT max(version) FROM model_versions WHERE workspace = 'default' AND name = ?1";
    let highest: Option<u32> = db.prepare(sql)?.query_row([model.as_str()], |row| row.get(0))?;
    Ok(highest.and_then(VersionNumber::from_u32))
}

fn insert(
    db: &Session<'_>,
    new: &NewVersion,
    version: VersionNumber,
    location: &str,
    stamp: &Stamp,
) -> Result<(), Failure> {
    db.execute(
        "INSERT INTO model_versions (name, version, creation_time, last_updated_time, description,
             current_stage, source, storage_location, run_id, run_link, status)
         VALUES (:name, :version, :at_ms, :at_ms, :description,
             :stage, :source, :location, :run_id, :run_link, :status)",
        named_params! {
            ":name": new.model.as_str(),
            ":version": version.get(),
            ":at_ms": stamp.at_ms,
            ":description": new.description,
            ":stage": Stage::NONE.as_str(),
            ":source": new.source,
            ":location": location,
            ":run_id": new.run_id,
            ":run_link": new.run_link,
            ":status": VersionStatus::Ready.as_str(),
        },
    )?;
    Ok(())
}

/// Describes a version anew.
pub(super) fn describe(
    db: &Session<'_>,
    model: &ModelName,
    version: VersionNumber,
    description: Option<&str>,
    stamp: &Stamp,
) -> Result<(), Failure> {
    let from = load::version(db, model, &version.into())?.description;
    db.execute(
        "UPDATE model_versions SET description = :description, last_updated_time = :at_ms
         WHERE workspace = 'default' AND name = :name AND version = :version",
        named_params! {
            ":name": model.as_str(),
            ":version": version.get(),
            ":description": description,
            ":at_ms": stamp.at_ms,
        },
    )?;
    let change = Change::DescriptionChanged { from, to: description.map(str::to_owned) };
    events::record(db, model, Some(version), &change, stamp)
}

/// Deletes a version as MLflow does: its row stays without content.
pub(super) fn delete(
    db: &Session<'_>,
    model: &ModelName,
    version: VersionNumber,
    stamp: &Stamp,
) -> Result<(), Failure> {
    let deleted = load::version(db, model, &version.into())?;
    for alias in &deleted.aliases {
        aliases::delete(db, model, alias, stamp)?;
    }
    db.execute(
        "UPDATE model_versions
         SET current_stage = 'Deleted_Internal', last_updated_time = :at_ms, description = NULL,
             user_id = NULL, source = 'REDACTED-SOURCE-PATH', run_id = 'REDACTED-RUN-ID',
             run_link = 'REDACTED-RUN-LINK', status_message = NULL
         WHERE workspace = 'default' AND name = :name AND version = :version",
        named_params! {
            ":name": model.as_str(),
            ":version": version.get(),
            ":at_ms": stamp.at_ms,
        },
    )?;
    requests::forget(db, model, Some(version))?;
    models::touch(db, model, stamp.at_ms)?;
    let change = Change::VersionDeleted { from: deleted.current_stage };
    events::record(db, model, Some(version), &change, stamp)
}
