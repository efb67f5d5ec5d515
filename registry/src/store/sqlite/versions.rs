//! The statements about model versions.
//!
//! A deleted version stays as a row in a stage of MLflow's that nobody sees, which is how its
//! number is never given again.

use std::collections::HashMap;

use rusqlite::{Params, Row, named_params, types::Type};

use super::database::Session;
use super::failure::Failure;
use super::{events, models};
use crate::entity::{ModelVersion, NewModel, NewVersion, PageSize, Stamp, Tags, VersionStatus};
use crate::error::Error;
use crate::event::Change;
use crate::id::{Alias, ModelName, Stage, TagKey, TagValue, VersionNumber};
use crate::lifecycle::{self, Transition};
use crate::store::Location;
use crate::uri::VersionRef;

macro_rules! select_versions {
    ($rest:literal) => {
        concat!(
            "SELECT name, version, coalesce(creation_time, 0),
                    coalesce(last_updated_time, creation_time, 0), description, user_id,
                    current_stage, coalesce(source, ''), storage_location, run_id, run_link,
                    coalesce(status, ''), status_message
             FROM model_versions
             WHERE workspace = 'default' AND current_stage <> 'Deleted_Internal' AND ",
            $rest
        )
    };
}

/// Creates the next version of a model, the model when asked, and their events.
pub(super) fn create(
    db: &Session<'_>,
    new: &NewVersion,
    stamp: &Stamp,
) -> Result<ModelVersion, Failure> {
    let location = match Location::of(new)? {
        Location::Known(location) => location,
        Location::Of(uri) => find(db, &uri.model, &uri.version)?.download_uri().to_owned(),
    };
    if !models::exists(db, &new.model)? {
        if !new.create_model_if_missing {
            return Err(Error::ModelNotFound(new.model.clone()).into());
        }
        models::create(db, &NewModel::named(new.model.clone()), stamp)?;
    }
    let version = lifecycle::next_version(&new.model, highest_ever(db, &new.model)?)?;
    insert(db, new, version, &location, stamp)?;
    insert_tags(db, new, version)?;
    models::touch(db, &new.model, stamp.at_ms)?;
    let change = Change::VersionCreated { source: new.source.clone(), run_id: new.run_id.clone() };
    events::record(db, &new.model, Some(version), &change, stamp)?;
    by_number(db, &new.model, version)
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
    db.prepare(
        "INSERT INTO model_versions (name, version, creation_time, last_updated_time, description,
             current_stage, source, storage_location, run_id, run_link, status)
         VALUES (:name, :version, :at_ms, :at_ms, :description,
             :stage, :source, :location, :run_id, :run_link, :status)",
    )?
    .execute(named_params! {
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
    })?;
    Ok(())
}

fn insert_tags(db: &Session<'_>, new: &NewVersion, version: VersionNumber) -> Result<(), Failure> {
    let mut insert = db.prepare(
        "INSERT INTO model_version_tags (name, version, key, value)
         VALUES (:name, :version, :key, :value)",
    )?;
    for (key, value) in &new.tags {
        insert.execute(named_params! {
            ":name": new.model.as_str(),
            ":version": version.get(),
            ":key": key.as_str(),
            ":value": value.as_str(),
        })?;
    }
    Ok(())
}

/// Moves a version to a stage, and who must make room, with an event for each.
pub(super) fn transition(
    db: &Session<'_>,
    asked: &Transition,
    stamp: &Stamp,
) -> Result<ModelVersion, Failure> {
    asked.check()?;
    models::must_exist(db, &asked.model)?;
    let from = by_number(db, &asked.model, asked.version)?.current_stage;
    let holders = holders(db, &asked.model, &asked.stage)?;
    let mut update = db.prepare(
        "UPDATE model_versions SET current_stage = :stage, last_updated_time = :at_ms
         WHERE workspace = 'default' AND name = :name AND version = :version",
    )?;
    for step in asked.plan(from, &holders)? {
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
    by_number(db, &asked.model, asked.version)
}

fn holders(
    db: &Session<'_>,
    model: &ModelName,
    stage: &Stage,
) -> Result<Vec<VersionNumber>, Failure> {
    let mut select = db.prepare(
        "SELECT version FROM model_versions
         WHERE workspace = 'default' AND name = ?1 AND current_stage = ?2 ORDER BY version",
    )?;
    let rows = select.query_map([model.as_str(), stage.as_str()], |row| number(row, 0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Reads the version that `which` says.
pub(super) fn find(
    db: &Session<'_>,
    model: &ModelName,
    which: &VersionRef,
) -> Result<ModelVersion, Failure> {
    models::must_exist(db, model)?;
    match which {
        VersionRef::Number(number) => by_number(db, model, *number),
        VersionRef::Alias(alias) => by_alias(db, model, alias),
        VersionRef::Stage(stage) => {
            let sql =
                select_versions!("name = ?1 AND current_stage = ?2 ORDER BY version DESC LIMIT 1");
            let found = select(db, sql, [model.as_str(), stage.as_str()])?.pop();
            let (model, stage) = (model.clone(), stage.clone());
            found.ok_or_else(|| Error::StageEmpty { model, stage }.into())
        }
        VersionRef::Latest => {
            newest(db, model)?.ok_or_else(|| Error::NoVersions(model.clone()).into())
        }
    }
}

fn by_number(
    db: &Session<'_>,
    model: &ModelName,
    version: VersionNumber,
) -> Result<ModelVersion, Failure> {
    let sql = select_versions!("name = ?1 AND version = ?2");
    if let Some(found) = select(db, sql, (model.as_str(), version.get()))?.pop() {
        return Ok(found);
    }
    let newest = newest(db, model)?.map(|newest| newest.version);
    Err(Error::VersionNotFound { model: model.clone(), version, newest }.into())
}

fn by_alias(db: &Session<'_>, model: &ModelName, alias: &Alias) -> Result<ModelVersion, Failure> {
    let sql = select_versions!(
        "name = ?1 AND version = (SELECT a.version FROM registered_model_aliases AS a
                                  WHERE workspace = 'default' AND a.name = ?1 AND a.alias = ?2)"
    );
    let found = select(db, sql, [model.as_str(), alias.as_str()])?.pop();
    let (model, alias) = (model.clone(), alias.clone());
    found.ok_or_else(|| Error::AliasNotFound { model, alias }.into())
}

fn newest(db: &Session<'_>, model: &ModelName) -> Result<Option<ModelVersion>, Failure> {
    let sql = select_versions!("name = ?1 ORDER BY version DESC LIMIT 1");
    Ok(select(db, sql, [model.as_str()])?.pop())
}

/// Reads the versions below a number, newest first: one more than a page holds, if there is one.
pub(super) fn list(
    db: &Session<'_>,
    model: &ModelName,
    before: Option<VersionNumber>,
    size: PageSize,
) -> Result<Vec<ModelVersion>, Failure> {
    models::must_exist(db, model)?;
    let below = before.map_or(i64::MAX, |before| before.get().into());
    let sql = select_versions!("name = ?1 AND version < ?2 ORDER BY version DESC LIMIT ?3");
    select(db, sql, (model.as_str(), below, size.and_one_more()))
}

/// Reads the newest version of each stage of some models, by name and number.
pub(super) fn latest_of(db: &Session<'_>, names_json: &str) -> Result<Vec<ModelVersion>, Failure> {
    let sql = select_versions!(
        "(name, version) IN (
             SELECT name, max(version) FROM model_versions
             WHERE workspace = 'default' AND current_stage <> 'Deleted_Internal'
                 AND name IN (SELECT value FROM json_each(?1))
             GROUP BY name, current_stage)
         ORDER BY name, version"
    );
    select(db, sql, [names_json])
}

/// Reads the newest version of each of some stages of a model, or of all.
pub(super) fn latest(
    db: &Session<'_>,
    model: &ModelName,
    stages: &[Stage],
) -> Result<Vec<ModelVersion>, Failure> {
    models::must_exist(db, model)?;
    let mut latest = latest_of(db, &serde_json::to_string(&[model.as_str()])?)?;
    latest.retain(|version| stages.is_empty() || stages.contains(&version.current_stage));
    Ok(latest)
}

/// Reads versions with their tags and aliases: three statements for any number of versions.
fn select(db: &Session<'_>, sql: &str, params: impl Params) -> Result<Vec<ModelVersion>, Failure> {
    let mut select = db.prepare(sql)?;
    let found: Vec<_> = select.query_map(params, read)?.collect::<rusqlite::Result<_>>()?;
    complete(db, found)
}

fn read(row: &Row<'_>) -> rusqlite::Result<ModelVersion> {
    Ok(ModelVersion {
        name: ModelName::stored(row.get(0)?),
        version: number(row, 1)?,
        creation_timestamp_ms: row.get(2)?,
        last_updated_timestamp_ms: row.get(3)?,
        description: row.get(4)?,
        user_id: row.get(5)?,
        current_stage: Stage::stored(row.get(6)?),
        source: row.get(7)?,
        storage_location: row.get(8)?,
        run_id: row.get(9)?,
        run_link: row.get(10)?,
        status: VersionStatus::from_stored(row.get_ref(11)?.as_str()?),
        status_message: row.get(12)?,
        tags: Tags::new(),
        aliases: Vec::new(),
    })
}

/// Reads a version number out of a column.
pub(super) fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<VersionNumber> {
    let number = row.get(column)?;
    VersionNumber::from_u32(number).ok_or_else(|| {
        let problem = format!("{number} is no version number");
        rusqlite::Error::FromSqlConversionFailure(column, Type::Integer, problem.into())
    })
}

fn complete(
    db: &Session<'_>,
    mut versions: Vec<ModelVersion>,
) -> Result<Vec<ModelVersion>, Failure> {
    if versions.is_empty() {
        return Ok(versions);
    }
    let keys: Vec<_> = versions.iter().map(|v| (v.name.as_str(), v.version.get())).collect();
    let keys = serde_json::to_string(&keys)?;
    let mut places = HashMap::new();
    for (place, version) in versions.iter().enumerate() {
        places.insert((version.name.as_str().to_owned(), version.version), place);
    }
    for (key, tag, value) in tags(db, &keys)? {
        if let Some(place) = places.get(&key) {
            versions[*place].tags.insert(tag, value);
        }
    }
    for (key, alias) in aliases(db, &keys)? {
        if let Some(place) = places.get(&key) {
            versions[*place].aliases.push(alias);
        }
    }
    Ok(versions)
}

type Key = (String, VersionNumber);

fn tags(db: &Session<'_>, keys: &str) -> Result<Vec<(Key, TagKey, TagValue)>, Failure> {
    let mut select = db.prepare(
        "SELECT t.name, t.version, t.key, coalesce(t.value, '')
         FROM json_each(?1) AS wanted
         JOIN model_version_tags AS t
             ON t.name = wanted.value ->> 0 AND t.version = wanted.value ->> 1
         WHERE workspace = 'default'",
    )?;
    let rows = select.query_map([keys], |row| {
        let (tag, value) = (TagKey::stored(row.get(2)?), TagValue::stored(row.get(3)?));
        Ok(((row.get(0)?, number(row, 1)?), tag, value))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn aliases(db: &Session<'_>, keys: &str) -> Result<Vec<(Key, Alias)>, Failure> {
    let mut select = db.prepare(
        "SELECT a.name, a.version, a.alias
         FROM json_each(?1) AS wanted
         JOIN registered_model_aliases AS a
             ON a.name = wanted.value ->> 0 AND a.version = wanted.value ->> 1
         WHERE workspace = 'default'
         ORDER BY a.alias",
    )?;
    let rows = select.query_map([keys], |row| {
        Ok(((row.get(0)?, number(row, 1)?), Alias::stored(row.get(2)?)))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
