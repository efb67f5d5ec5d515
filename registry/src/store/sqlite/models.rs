//! The statements about registered models.

use rusqlite::{Row, named_params};

use super::database::Session;
use super::failure::Failure;
use super::{events, versions};
use crate::entity::{ModelVersion, NewModel, PageSize, RegisteredModel, Stamp, Tags};
use crate::error::Error;
use crate::event::Change;
use crate::id::{Alias, ModelName, TagKey, TagValue};

macro_rules! select_models {
    ($rest:literal) => {
        concat!(
            "SELECT name, coalesce(creation_time, 0),
                    coalesce(last_updated_time, creation_time, 0), description
             FROM registered_models
             WHERE workspace = 'default' AND ",
            $rest
        )
    };
}

/// Creates a model and its event.
pub(super) fn create(db: &Session<'_>, new: &NewModel, stamp: &Stamp) -> Result<(), Failure> {
    if exists(db, &new.name)? {
        return Err(Error::ModelExists(new.name.clone()).into());
    }
    db.prepare(
        "INSERT INTO registered_models (name, creation_time, last_updated_time, description)
         VALUES (:name, :at_ms, :at_ms, :description)",
    )?
    .execute(named_params! {
        ":name": new.name.as_str(),
        ":at_ms": stamp.at_ms,
        ":description": new.description,
    })?;
    let mut insert = db.prepare(
        "INSERT INTO registered_model_tags (name, key, value) VALUES (:name, :key, :value)",
    )?;
    for (key, value) in &new.tags {
        insert.execute(named_params! {
            ":name": new.name.as_str(),
            ":key": key.as_str(),
            ":value": value.as_str(),
        })?;
    }
    events::record(db, &new.name, None, &Change::ModelCreated, stamp)
}

/// Tells whether a model exists.
pub(super) fn exists(db: &Session<'_>, name: &ModelName) -> Result<bool, Failure> {
    let sql = "SELECT 1 FROM registered_models WHERE workspace = 'default' AND name = ?1";
    Ok(db.prepare(sql)?.exists([name.as_str()])?)
}

/// Fails when a model does not exist.
pub(super) fn must_exist(db: &Session<'_>, name: &ModelName) -> Result<(), Failure> {
    match exists(db, name)? {
        true => Ok(()),
        false => Err(Error::ModelNotFound(name.clone()).into()),
    }
}

/// Notes that a model, or a version of it, changed.
pub(super) fn touch(db: &Session<'_>, name: &ModelName, at_ms: i64) -> Result<(), Failure> {
    db.prepare(
        "UPDATE registered_models SET last_updated_time = :at_ms
         WHERE workspace = 'default' AND name = :name",
    )?
    .execute(named_params! { ":name": name.as_str(), ":at_ms": at_ms })?;
    Ok(())
}

/// Reads a model.
pub(super) fn get(db: &Session<'_>, name: &ModelName) -> Result<RegisteredModel, Failure> {
    let mut select = db.prepare(select_models!("name = ?1"))?;
    let found = select.query_map([name.as_str()], read)?.collect::<rusqlite::Result<_>>()?;
    let model = complete(db, found)?.pop();
    model.ok_or_else(|| Error::ModelNotFound(name.clone()).into())
}

/// Reads the models after a name: one more than a page holds, if there is one.
pub(super) fn list(
    db: &Session<'_>,
    after: Option<&ModelName>,
    size: PageSize,
) -> Result<Vec<RegisteredModel>, Failure> {
    let mut select = db.prepare(select_models!("name > ?1 ORDER BY name LIMIT ?2"))?;
    // No name is empty, so all come after the empty one.
    let after = after.map_or("", ModelName::as_str);
    let found =
        select.query_map((after, size.and_one_more()), read)?.collect::<rusqlite::Result<_>>()?;
    complete(db, found)
}

fn read(row: &Row<'_>) -> rusqlite::Result<RegisteredModel> {
    Ok(RegisteredModel {
        name: ModelName::stored(row.get(0)?),
        creation_timestamp_ms: row.get(1)?,
        last_updated_timestamp_ms: row.get(2)?,
        description: row.get(3)?,
        tags: Tags::new(),
        aliases: Default::default(),
        latest_versions: Vec::new(),
    })
}

/// Adds tags, aliases and latest versions: three statements for any number of models.
fn complete(
    db: &Session<'_>,
    mut models: Vec<RegisteredModel>,
) -> Result<Vec<RegisteredModel>, Failure> {
    let names: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
    let names = serde_json::to_string(&names)?;
    // Both lists are in the order of names, so each model takes its share from the front.
    let mut tags = tags(db, &names)?.into_iter().peekable();
    let mut aliases = aliases(db, &names)?.into_iter().peekable();
    let mut latest = versions::latest_of(db, &names)?.into_iter().peekable();
    models.sort_by(|a, b| a.name.cmp(&b.name));
    for model in &mut models {
        while let Some((_, key, value)) = tags.next_if(|(name, ..)| *name == model.name) {
            model.tags.insert(key, value);
        }
        while let Some((_, alias, version)) = aliases.next_if(|(name, ..)| *name == model.name) {
            model.aliases.insert(alias, version);
        }
        while let Some(version) = latest.next_if(|v: &ModelVersion| v.name == model.name) {
            model.latest_versions.push(version);
        }
    }
    Ok(models)
}

fn tags(db: &Session<'_>, names: &str) -> Result<Vec<(ModelName, TagKey, TagValue)>, Failure> {
    let mut select = db.prepare(
        "SELECT name, key, coalesce(value, '') FROM registered_model_tags
         WHERE workspace = 'default' AND name IN (SELECT value FROM json_each(?1))
         ORDER BY name",
    )?;
    let rows = select.query_map([names], |row| {
        let (name, key, value) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok((ModelName::stored(name), TagKey::stored(key), TagValue::stored(value)))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

type NamedAlias = (ModelName, Alias, crate::id::VersionNumber);

fn aliases(db: &Session<'_>, names: &str) -> Result<Vec<NamedAlias>, Failure> {
    let mut select = db.prepare(
        "SELECT name, alias, version FROM registered_model_aliases
         WHERE workspace = 'default' AND name IN (SELECT value FROM json_each(?1))
         ORDER BY name",
    )?;
    let rows = select.query_map([names], |row| {
        let (name, alias) = (row.get(0)?, row.get(1)?);
        Ok((ModelName::stored(name), Alias::stored(alias), versions::number(row, 2)?))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
