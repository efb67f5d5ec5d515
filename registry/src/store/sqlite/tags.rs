//! The changes of tags, a model's and a version's alike.

use rusqlite::{OptionalExtension, named_params};

use super::{Failure, Session, events, load};
use crate::entity::{Stamp, Tags};
use crate::event::Change;
use crate::id::{ModelName, TagKey, TagValue, VersionNumber};
use crate::policy::{GATES_TAG, STAGES_TAG};
use crate::uri::VersionRef;

/// Whose tags they are.
#[derive(Clone, Debug)]
pub(super) enum Owner {
    Model(ModelName),
    Version(ModelName, VersionNumber),
}

impl Owner {
    pub(super) fn model(&self) -> &ModelName {
        match self {
            Self::Model(name) | Self::Version(name, _) => name,
        }
    }

    fn version(&self) -> Option<VersionNumber> {
        match self {
            Self::Model(_) => None,
            Self::Version(_, number) => Some(*number),
        }
    }

    fn must_exist(&self, db: &Session<'_>) -> Result<(), Failure> {
        match self {
            Self::Model(name) => load::must_exist(db, name),
            Self::Version(name, number) => {
                load::version(db, name, &VersionRef::Number(*number)).map(drop)
            }
        }
    }

    /// Puts a value in the place of the one that is there.
    fn put(&self, db: &Session<'_>, key: &TagKey, value: &TagValue) -> Result<(), Failure> {
        // Both layouts have one unique key on these tables, so the conflict needs no target.
        match self {
            Self::Model(name) => db.execute(
                "INSERT INTO registered_model_tags (name, key, value) VALUES (:name, :key, :value)
                 ON CONFLICT DO UPDATE SET value = :value",
                named_params! {
                    ":name": name.as_str(),
                    ":key": key.as_str(),
                    ":value": value.as_str(),
                },
            ),
            Self::Version(name, number) => db.execute(
                "INSERT INTO model_version_tags (name, version, key, value)
                 VALUES (:name, :version, :key, :value)
                 ON CONFLICT DO UPDATE SET value = :value",
                named_params! {
                    ":name": name.as_str(),
                    ":version": number.get(),
                    ":key": key.as_str(),
                    ":value": value.as_str(),
                },
            ),
        }?;
        Ok(())
    }

    fn get(&self, db: &Session<'_>, key: &TagKey) -> Result<Option<TagValue>, Failure> {
        let value: Option<String> = match self {
            Self::Model(name) => db
                .prepare(
                    "SELECT coalesce(value, '') FROM registered_model_tags
                     WHERE workspace = 'default' AND key = ?1 AND name = ?2",
                )?
                .query_row((key.as_str(), name.as_str()), |row| row.get(0)),
            Self::Version(name, number) => db
                .prepare(
                    "SELECT coalesce(value, '') FROM model_version_tags
                     WHERE workspace = 'default' AND key = ?1 AND name = ?2 AND version = ?3",
                )?
                .query_row((key.as_str(), name.as_str(), number.get()), |row| row.get(0)),
        }
        .optional()?;
        Ok(value.map(TagValue::stored))
    }

    fn remove(&self, db: &Session<'_>, key: &TagKey) -> Result<(), Failure> {
        match self {
            Self::Model(name) => db.execute(
                "DELETE FROM registered_model_tags
                 WHERE workspace = 'default' AND key = ?1 AND name = ?2",
                (key.as_str(), name.as_str()),
            ),
            Self::Version(name, number) => db.execute(
                "DELETE FROM model_version_tags
                 WHERE workspace = 'default' AND key = ?1 AND name = ?2 AND version = ?3",
                (key.as_str(), name.as_str(), number.get()),
            ),
        }?;
        Ok(())
    }
}

/// Reads those tags of a model that say something about its stages and gates.
pub(super) fn policy(db: &Session<'_>, model: &ModelName) -> Result<Tags, Failure> {
    let mut select = db.prepare(
        "SELECT key, coalesce(value, '') FROM registered_model_tags
         WHERE workspace = 'default' AND key IN (?1, ?2) AND name = ?3",
    )?;
    let rows = select.query_map((STAGES_TAG, GATES_TAG, model.as_str()), |row| {
        Ok((TagKey::stored(row.get(0)?), TagValue::stored(row.get(1)?)))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Adds the first tags of what was just created, of which its own event tells.
pub(super) fn insert(db: &Session<'_>, owner: &Owner, tags: &Tags) -> Result<(), Failure> {
    tags.iter().try_for_each(|(key, value)| owner.put(db, key, value))
}

/// Sets a tag, with its event.
pub(super) fn set(
    db: &Session<'_>,
    owner: &Owner,
    key: &TagKey,
    value: &TagValue,
    stamp: &Stamp,
) -> Result<(), Failure> {
    owner.must_exist(db)?;
    let from = owner.get(db, key)?;
    owner.put(db, key, value)?;
    let change = Change::TagSet { key: key.clone(), from, to: value.clone() };
    events::record(db, owner.model(), owner.version(), &change, stamp)
}

/// Deletes a tag with its event, if it is there.
pub(super) fn delete(
    db: &Session<'_>,
    owner: &Owner,
    key: &TagKey,
    stamp: &Stamp,
) -> Result<(), Failure> {
    owner.must_exist(db)?;
    let Some(from) = owner.get(db, key)? else { return Ok(()) };
    owner.remove(db, key)?;
    let change = Change::TagDeleted { key: key.clone(), from };
    events::record(db, owner.model(), owner.version(), &change, stamp)
}
