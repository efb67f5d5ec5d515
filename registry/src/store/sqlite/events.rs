//! The statements about events: they are added and read, nothing else.

use rusqlite::{Row, named_params, types::Type};

use super::database::Session;
use super::failure::Failure;
use super::versions;
use crate::entity::{PageSize, Stamp};
use crate::event::{Change, Event, EventId};
use crate::id::{ModelName, VersionNumber};

/// Adds an event.
pub(super) fn record(
    db: &Session<'_>,
    model: &ModelName,
    version: Option<VersionNumber>,
    change: &Change,
    stamp: &Stamp,
) -> Result<(), Failure> {
    db.prepare(
        "INSERT INTO mlctl_registry_events (at_ms, who, why, name, version, kind, change)
         VALUES (:at_ms, :who, :why, :name, :version, :kind, :change)",
    )?
    .execute(named_params! {
        ":at_ms": stamp.at_ms,
        ":who": stamp.who,
        ":why": stamp.why,
        ":name": model.as_str(),
        ":version": version.map(VersionNumber::get),
        ":kind": change.kind(),
        ":change": serde_json::to_string(change)?,
    })?;
    Ok(())
}

/// Reads the events after an id: one more than a page holds, if there is one.
pub(super) fn list(
    db: &Session<'_>,
    model: &ModelName,
    version: Option<VersionNumber>,
    after: Option<EventId>,
    size: PageSize,
) -> Result<Vec<Event>, Failure> {
    let (name, after, limit) = (model.as_str(), after.unwrap_or(0), size.and_one_more());
    let mut select;
    let rows = match version {
        None => {
            select = db.prepare(
                "SELECT id, at_ms, who, why, name, version, change FROM mlctl_registry_events
                 WHERE workspace = 'default' AND name = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
            )?;
            select.query_map((name, after, limit), read)?
        }
        Some(version) => {
            select = db.prepare(
                "SELECT id, at_ms, who, why, name, version, change FROM mlctl_registry_events
                 WHERE workspace = 'default' AND name = ?1 AND id > ?2 AND version = ?4
                 ORDER BY id LIMIT ?3",
            )?;
            select.query_map((name, after, limit, version.get()), read)?
        }
    };
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Event> {
    let version = match row.get_ref(5)? {
        rusqlite::types::ValueRef::Null => None,
        _ => Some(versions::number(row, 5)?),
    };
    let change = serde_json::from_str(row.get_ref(6)?.as_str()?)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(6, Type::Text, error.into()))?;
    Ok(Event {
        id: row.get(0)?,
        at_ms: row.get(1)?,
        who: row.get(2)?,
        why: row.get(3)?,
        model: ModelName::stored(row.get(4)?),
        version,
        change,
    })
}
