//! The changes of aliases.

use rusqlite::{OptionalExtension, named_params};

use super::{Failure, Session, events, load};
use crate::entity::Stamp;
use crate::event::Change;
use crate::id::{Alias, ModelName, VersionNumber};
use crate::lifecycle;

/// Makes an alias name a version, with the events of it and of who loses it.
pub(super) fn set(
    db: &Session<'_>,
    model: &ModelName,
    alias: &Alias,
    version: VersionNumber,
    stamp: &Stamp,
) -> Result<(), Failure> {
    load::version(db, model, &version.into())?;
    let from = find_version(db, model, alias)?;
    // Both layouts have one unique key on this table, so the conflict needs no target.
    db.execute(
        "INSERT INTO registered_model_aliases (name, alias, version)
         VALUES (:name, :alias, :version)
         ON CONFLICT DO UPDATE SET version = :version",
        named_params! {
            ":name": model.as_str(),
            ":alias": alias.as_str(),
            ":version": version.get(),
        },
    )?;
    for (version, change) in lifecycle::set_alias(alias, from, version) {
        events::record(db, model, Some(version), &change, stamp)?;
    }
    Ok(())
}

/// Deletes an alias with its event, if it exists.
pub(super) fn delete(
    db: &Session<'_>,
    model: &ModelName,
    alias: &Alias,
    stamp: &Stamp,
) -> Result<(), Failure> {
    load::must_exist(db, model)?;
    let Some(from) = find_version(db, model, alias)? else { return Ok(()) };
    db.execute(
        "DELETE FROM registered_model_aliases
         WHERE workspace = 'default' AND name = :name AND alias = :alias",
        named_params! { ":name": model.as_str(), ":alias": alias.as_str() },
    )?;
    let change = Change::AliasDeleted { alias: alias.clone(), from, displaced_by: None };
    events::record(db, model, Some(from), &change, stamp)
}

fn find_version(
    db: &Session<'_>,
    model: &ModelName,
    alias: &Alias,
) -> Result<Option<VersionNumber>, Failure> {
    let sql = "SELECT version FROM registered_model_aliases
               WHERE workspace = 'default' AND name = ?1 AND alias = ?2";
    let version =
        db.prepare(sql)?.query_row([model.as_str(), alias.as_str()], |row| load::number(row, 0));
    Ok(version.optional()?)
}
