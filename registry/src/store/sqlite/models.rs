//! The changes of registered models.

use rusqlite::named_params;

use super::{Failure, Session, events, load, requests, tags};
use crate::entity::{NewModel, Stamp};
use crate::event::Change;
use crate::id::ModelName;
use crate::lifecycle::reject_taken_name;

/// Creates a model and its event.
pub(super) fn create(db: &Session<'_>, new: &NewModel, stamp: &Stamp) -> Result<(), Failure> {
    reject_taken_name(&new.name, &load::names(db)?)?;
    db.execute(
        "INSERT INTO registered_models (name, creation_time, last_updated_time, description)
         VALUES (:name, :at_ms, :at_ms, :description)",
        named_params! {
            ":name": new.name.as_str(),
            ":at_ms": stamp.at_ms,
            ":description": new.description,
        },
    )?;
    tags::insert(db, &tags::Owner::Model(new.name.clone()), &new.tags)?;
    events::record(db, &new.name, None, &Change::model_created(new), stamp)
}

/// Notes that a model, or a version of it, changed.
pub(super) fn touch(db: &Session<'_>, name: &ModelName, at_ms: i64) -> Result<(), Failure> {
    db.execute(
        "UPDATE registered_models SET last_updated_time = ?2
         WHERE workspace = 'default' AND name = ?1",
        (name.as_str(), at_ms),
    )?;
    Ok(())
}

/// Gives a model another name; the keys into it go along.
pub(super) fn rename(
    db: &Session<'_>,
    name: &ModelName,
    to: &ModelName,
    stamp: &Stamp,
) -> Result<(), Failure> {
    load::must_exist(db, name)?;
    let mut others = load::names(db)?;
    others.retain(|other| other != name.as_str());
    reject_taken_name(to, &others)?;
    db.execute(
        "UPDATE registered_models SET name = :to, last_updated_time = :at_ms
         WHERE workspace = 'default' AND name = :name",
        named_params! { ":name": name.as_str(), ":to": to.as_str(), ":at_ms": stamp.at_ms },
    )?;
    db.execute(
        "UPDATE model_versions SET last_updated_time = ?2
         WHERE workspace = 'default' AND name = ?1",
        (to.as_str(), stamp.at_ms),
    )?;
    requests::rename(db, name, to)?;
    if name != to {
        events::record(db, name, None, &Change::RenamedTo { to: to.clone() }, stamp)?;
    }
    events::record(db, to, None, &Change::RenamedFrom { from: name.clone() }, stamp)
}

/// Describes a model anew.
pub(super) fn describe(
    db: &Session<'_>,
    name: &ModelName,
    description: Option<&str>,
    stamp: &Stamp,
) -> Result<(), Failure> {
    load::must_exist(db, name)?;
    let sql = "SELECT description FROM registered_models WHERE workspace = 'default' AND name = ?1";
    let from: Option<String> = db.prepare(sql)?.query_row([name.as_str()], |row| row.get(0))?;
    db.execute(
        "UPDATE registered_models SET description = :description, last_updated_time = :at_ms
         WHERE workspace = 'default' AND name = :name",
        named_params! {
            ":name": name.as_str(),
            ":description": description,
            ":at_ms": stamp.at_ms,
        },
    )?;
    let change = Change::DescriptionChanged { from, to: description.map(str::to_owned) };
    events::record(db, name, None, &change, stamp)
}

/// Deletes a model with all that hangs on it; its events stay.
pub(super) fn delete(db: &Session<'_>, name: &ModelName, stamp: &Stamp) -> Result<(), Failure> {
    load::must_exist(db, name)?;
    for sql in [
        "DELETE FROM registered_model_aliases WHERE workspace = 'default' AND name = ?1",
        "DELETE FROM model_version_tags WHERE workspace = 'default' AND name = ?1",
        "DELETE FROM model_versions WHERE workspace = 'default' AND name = ?1",
        "DELETE FROM registered_model_tags WHERE workspace = 'default' AND name = ?1",
        "DELETE FROM registered_models WHERE workspace = 'default' AND name = ?1",
    ] {
        db.execute(sql, [name.as_str()])?;
    }
    requests::forget(db, name, None)?;
    events::record(db, name, None, &Change::ModelDeleted, stamp)
}
