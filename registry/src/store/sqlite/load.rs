//! Reads models and versions, each with what hangs on it.

use std::collections::HashMap;

use rusqlite::{Params, Row, types::Type};

use super::{Failure, Session, json};
use crate::entity::{ModelVersion, RegisteredModel, Tags, VersionStatus};
use crate::error::Error;
use crate::id::{Alias, ModelName, Stage, TagKey, TagValue, VersionNumber};
use crate::uri::VersionRef;

/// A version with its tags and aliases in one row.
macro_rules! select_versions {
    ($rest:literal) => {
        concat!(
            "SELECT m.name, m.version, coalesce(m.creation_time, 0),
                    coalesce(m.last_updated_time, m.creation_time, 0), m.description, m.user_id,
                    m.current_stage, coalesce(m.source, ''), m.storage_location, m.run_id,
                    m.run_link, coalesce(m.status, ''), m.status_message,
                    (SELECT json_group_array(json_array(key, coalesce(value, '')))
                     FROM model_version_tags AS t
                     WHERE workspace = 'default' AND t.name = m.name AND t.version = m.version),
                    (SELECT json_group_array(alias) FROM registered_model_aliases AS a
                     WHERE workspace = 'default' AND a.name = m.name AND a.version = m.version)
             FROM model_versions AS m ",
            $rest
        )
    };
}

/// Makes the statement that reads the versions whose rows another one finds.
pub(super) fn versions_of(rows: &str) -> String {
    format!("{} WHERE m.rowid IN ({rows})", select_versions!(""))
}

/// Makes the statement that reads the models whose rows another one finds.
pub(super) fn models_of(rows: &str) -> String {
    format!("{SELECT_MODELS} WHERE m.rowid IN ({rows})")
}

/// Reads the version that `which` says.
pub(super) fn version(
    db: &Session<'_>,
    model: &ModelName,
    which: &VersionRef,
) -> Result<ModelVersion, Failure> {
    let name = model.as_str();
    let found = match which {
        VersionRef::Number(number) => versions(
            db,
            select_versions!(
                "WHERE workspace = 'default' AND m.current_stage <> 'Deleted_Internal'
                 AND m.name = ?1 AND m.version = ?2"
            ),
            (name, number.get()),
        ),
        VersionRef::Alias(alias) => versions(
            db,
            select_versions!(
                "WHERE workspace = 'default' AND m.current_stage <> 'Deleted_Internal'
                 AND m.name = ?1 AND m.version = (
                     SELECT x.version FROM registered_model_aliases AS x
                     WHERE workspace = 'default' AND x.name = ?1 AND x.alias = ?2)"
            ),
            (name, alias.as_str()),
        ),
        VersionRef::Stage(stage) => versions(
            db,
            select_versions!(
                "WHERE workspace = 'default' AND m.name = ?1 AND m.current_stage = ?2
                 ORDER BY m.version DESC LIMIT 1"
            ),
            (name, stage.as_str()),
        ),
        VersionRef::Latest => versions(
            db,
            select_versions!(
                "WHERE workspace = 'default' AND m.current_stage <> 'Deleted_Internal'
                 AND m.name = ?1 ORDER BY m.version DESC LIMIT 1"
            ),
            [name],
        ),
    };
    match found?.pop() {
        Some(version) => Ok(version),
        None => Err(missing(db, model, which)?.into()),
    }
}

/// Says what lacks, and what a hint needs.
fn missing(db: &Session<'_>, model: &ModelName, which: &VersionRef) -> Result<Error, Failure> {
    if !exists(db, model)? {
        return Ok(Error::ModelNotFound(model.clone()));
    }
    let model = model.clone();
    Ok(match which {
        VersionRef::Number(version) => {
            let newest = newest(db, &model)?;
            Error::VersionNotFound { model, version: *version, newest }
        }
        VersionRef::Alias(alias) => Error::AliasNotFound { model, alias: alias.clone() },
        VersionRef::Stage(stage) => Error::StageEmpty { model, stage: stage.clone() },
        VersionRef::Latest => Error::NoVersions(model),
    })
}

fn newest(db: &Session<'_>, model: &ModelName) -> Result<Option<VersionNumber>, Failure> {
    let sql = "SELECT max(version) FROM model_versions
               WHERE workspace = 'default' AND current_stage <> 'Deleted_Internal' AND name = ?1";
    let newest: Option<u32> = db.prepare(sql)?.query_row([model.as_str()], |row| row.get(0))?;
    Ok(newest.and_then(VersionNumber::from_u32))
}

/// Tells whether a model exists.
pub(super) fn exists(db: &Session<'_>, name: &ModelName) -> Result<bool, Failure> {
    let sql = "SELECT 1 FROM registered_models WHERE workspace = 'default' AND name = ?1";
    Ok(db.prepare(sql)?.exists([name.as_str()])?)
}

/// Lists the names of all models.
pub(super) fn names(db: &Session<'_>) -> Result<Vec<String>, Failure> {
    let sql = "SELECT name FROM registered_models WHERE workspace = 'default'";
    let mut statement = db.prepare(sql)?;
    Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// Fails when a model does not exist.
pub(super) fn must_exist(db: &Session<'_>, name: &ModelName) -> Result<(), Failure> {
    match exists(db, name)? {
        true => Ok(()),
        false => Err(Error::ModelNotFound(name.clone()).into()),
    }
}

/// Reads the newest version of each of some stages of a model, or of all, by number.
pub(super) fn latest(
    db: &Session<'_>,
    model: &ModelName,
    stages: &[Stage],
) -> Result<Vec<ModelVersion>, Failure> {
    must_exist(db, model)?;
    let mut latest = latest_of(db, &json(&[model.as_str()])?)?;
    latest.retain(|version| stages.is_empty() || stages.contains(&version.current_stage));
    Ok(latest)
}

/// Reads the newest version of each stage of some models, by name and number.
fn latest_of(db: &Session<'_>, names: &str) -> Result<Vec<ModelVersion>, Failure> {
    let sql = select_versions!(
        "WHERE workspace = 'default' AND (m.name, m.version) IN (
             SELECT name, max(version) FROM model_versions
             WHERE workspace = 'default' AND current_stage <> 'Deleted_Internal'
                 AND name IN (SELECT value FROM json_each(?1))
             GROUP BY name, current_stage)
         ORDER BY m.name, m.version"
    );
    versions(db, sql, [names])
}

/// Reads the versions that a statement of this file finds.
pub(super) fn versions(
    db: &Session<'_>,
    sql: &str,
    params: impl Params,
) -> Result<Vec<ModelVersion>, Failure> {
    let mut select = db.prepare(sql)?;
    let rows = select.query_map(params, read_version)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn read_version(row: &Row<'_>) -> rusqlite::Result<ModelVersion> {
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
        tags: tags(row, 13)?,
        aliases: aliases(row, 14)?,
    })
}

/// Reads a version number out of a column.
pub(super) fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<VersionNumber> {
    let number = row.get(column)?;
    VersionNumber::from_u32(number).ok_or_else(|| {
        let problem = format!("{number} is not a version number");
        rusqlite::Error::FromSqlConversionFailure(column, Type::Integer, problem.into())
    })
}

fn from_json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
    })
}

fn tags(row: &Row<'_>, column: usize) -> rusqlite::Result<Tags> {
    if row.get_ref(column)?.as_str()? == "[]" {
        return Ok(Tags::new());
    }
    let pairs: Vec<(String, String)> = from_json(row, column)?;
    let stored = |(key, value)| (TagKey::stored(key), TagValue::stored(value));
    Ok(pairs.into_iter().map(stored).collect())
}

fn aliases(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<Alias>> {
    if row.get_ref(column)?.as_str()? == "[]" {
        return Ok(Vec::new());
    }
    let names: Vec<String> = from_json(row, column)?;
    let mut aliases: Vec<Alias> = names.into_iter().map(Alias::stored).collect();
    aliases.sort_unstable();
    Ok(aliases)
}

/// A model with its tags and aliases in one row.
const SELECT_MODELS: &str = "
    SELECT m.name, coalesce(m.creation_time, 0),
           coalesce(m.last_updated_time, m.creation_time, 0), m.description,
           (SELECT json_group_array(json_array(key, coalesce(value, '')))
            FROM registered_model_tags AS t WHERE workspace = 'default' AND t.name = m.name),
           (SELECT json_group_array(json_array(alias, version))
            FROM registered_model_aliases AS a WHERE workspace = 'default' AND a.name = m.name)
    FROM registered_models AS m";

/// Reads a model.
pub(super) fn model(db: &Session<'_>, name: &ModelName) -> Result<RegisteredModel, Failure> {
    let sql = format!("{SELECT_MODELS} WHERE workspace = 'default' AND m.name = ?1");
    let model = models(db, &sql, [name.as_str()])?.pop();
    model.ok_or_else(|| Error::ModelNotFound(name.clone()).into())
}

/// Reads the models that a statement of this file finds, and their latest versions: two
/// statements for any number of models.
pub(super) fn models(
    db: &Session<'_>,
    sql: &str,
    params: impl Params,
) -> Result<Vec<RegisteredModel>, Failure> {
    let mut select = db.prepare(sql)?;
    let rows = select.query_map(params, read_model)?;
    let mut models = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    let names: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
    let mut shares: HashMap<String, Vec<ModelVersion>> = HashMap::new();
    for version in latest_of(db, &json(&names)?)? {
        shares.entry(version.name.to_string()).or_default().push(version);
    }
    for model in &mut models {
        model.latest_versions = shares.remove(model.name.as_str()).unwrap_or_default();
    }
    Ok(models)
}

fn read_model(row: &Row<'_>) -> rusqlite::Result<RegisteredModel> {
    let aliases: Vec<(String, u32)> = from_json(row, 5)?;
    let known = |(alias, version)| Some((Alias::stored(alias), VersionNumber::from_u32(version)?));
    Ok(RegisteredModel {
        name: ModelName::stored(row.get(0)?),
        creation_timestamp_ms: row.get(1)?,
        last_updated_timestamp_ms: row.get(2)?,
        description: row.get(3)?,
        tags: tags(row, 4)?,
        aliases: aliases.into_iter().filter_map(known).collect(),
        latest_versions: Vec::new(),
    })
}
