//! The statements about events: they are added and read, nothing else.

use rusqlite::{OptionalExtension, Row, named_params, types::Type};

use super::{Failure, Session, json, load};
use crate::entity::{PageSize, Stamp};
use crate::event::{Event, EventId};
use crate::history::{self, Segment};
use crate::id::{ModelName, VersionNumber};

/// Adds an event, and queues what webhooks are told of it.
pub(super) fn record(
    db: &Session<'_>,
    model: &ModelName,
    version: Option<VersionNumber>,
    change: &crate::event::Change,
    stamp: &Stamp,
) -> Result<(), Failure> {
    db.execute(
        "INSERT INTO mlctl_registry_events (at_ms, who, why, name, version, kind, change)
         VALUES (:at_ms, :who, :why, :name, :version, :kind, :change)",
        named_params! {
            ":at_ms": stamp.at_ms,
            ":who": stamp.who,
            ":why": stamp.why,
            ":name": model.as_str(),
            ":version": version.map(VersionNumber::get),
            ":kind": change.kind(),
            ":change": json(change)?,
        },
    )?;
    #[cfg(feature = "webhooks")]
    super::outbox::queue(db, model, version, change, stamp)?;
    Ok(())
}

/// Reads the events of a model after an id: one more than a page holds, if there is one.
pub(super) fn list(
    db: &Session<'_>,
    model: &ModelName,
    version: Option<VersionNumber>,
    after: Option<EventId>,
    size: PageSize,
) -> Result<Vec<Event>, Failure> {
    let mut events = Vec::new();
    let wanted = size.and_one_more();
    for mut segment in history::segments(model, |name, before| arrival(db, name, before))? {
        segment.first = segment.first.max(after.map_or(0, |after| after.saturating_add(1)));
        if segment.first < segment.end && events.len() < wanted {
            events.extend(of_segment(db, &segment, version, wanted - events.len())?);
        }
    }
    Ok(events)
}

/// Finds how a model came to a name.
fn arrival(
    db: &Session<'_>,
    name: &ModelName,
    before: EventId,
) -> Result<Option<(EventId, ModelName)>, Failure> {
    let sql = "SELECT id, change ->> 'from' FROM mlctl_registry_events
               WHERE workspace = 'default' AND name = ?1 AND kind = 'renamed_from' AND id < ?2
               ORDER BY id DESC LIMIT 1";
    let found = db.prepare(sql)?.query_row((name.as_str(), before), |row| {
        Ok((row.get(0)?, ModelName::stored(row.get(1)?)))
    });
    Ok(found.optional()?)
}

fn of_segment(
    db: &Session<'_>,
    segment: &Segment,
    version: Option<VersionNumber>,
    limit: usize,
) -> Result<Vec<Event>, Failure> {
    let (name, first, end) = (segment.name.as_str(), segment.first, segment.end);
    let limit = limit as i64;
    let mut select;
    let rows = match version {
        None => {
            select = db.prepare(
                "SELECT id, at_ms, who, why, name, version, change FROM mlctl_registry_events
                 WHERE workspace = 'default' AND name = ?1 AND id >= ?2 AND id < ?3
                 ORDER BY id LIMIT ?4",
            )?;
            select.query_map((name, first, end, limit), decode_event)?
        }
        Some(version) => {
            select = db.prepare(
                "SELECT id, at_ms, who, why, name, version, change FROM mlctl_registry_events
                 WHERE workspace = 'default' AND name = ?1 AND id >= ?2 AND id < ?3
                     AND version = ?5 ORDER BY id LIMIT ?4",
            )?;
            select.query_map((name, first, end, limit, version.get()), decode_event)?
        }
    };
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn decode_event(row: &Row<'_>) -> rusqlite::Result<Event> {
    let version = match row.get_ref(5)? {
        rusqlite::types::ValueRef::Null => None,
        _ => Some(load::number(row, 5)?),
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
