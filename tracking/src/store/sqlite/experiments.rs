//! Experiments and their tags.

use super::database::{Failure, Session};
use super::search;
use crate::entity::{Experiment, LifecycleStage, Tag};
use crate::search::{ExperimentQuery, Page};
use crate::store::{Millis, NewExperiment};
use crate::{Error, ExperimentId, ExperimentName, Key, Thing, rules};
use mlctl_filter::Entity;
use rusqlite::{Params, Row};
use std::collections::HashMap;

/// Reads the number that the file knows an experiment by.
pub(super) fn number(id: &ExperimentId) -> Result<i64, Error> {
    let refuse = |_| Error::no_experiment_id(id.as_str(), "in a database it must be a number");
    id.as_str().parse().map_err(refuse)
}

/// Reads the numbers of several experiments, as a JSON list that a statement can take apart.
pub(super) fn numbers(ids: &[ExperimentId]) -> Result<String, Error> {
    let numbers = ids.iter().map(number).collect::<Result<Vec<i64>, _>>()?;
    Ok(serde_json::Value::from(numbers).to_string())
}

/// Reads how far a thing is in its life; what MLflow left open is active.
pub(super) fn stage(text: Option<&str>) -> LifecycleStage {
    match text {
        Some("deleted") => LifecycleStage::Deleted,
        _ => LifecycleStage::Active,
    }
}

pub(super) fn load_experiment(db: &Session<'_>, id: &ExperimentId) -> Result<Experiment, Failure> {
    let found = select(db, "e.experiment_id = ?1", [number(id)?])?.pop();
    Ok(found.ok_or_else(|| Error::ExperimentNotFound(id.clone()))?)
}

/// Reads an experiment that may be changed.
pub(super) fn active(db: &Session<'_>, id: &ExperimentId) -> Result<Experiment, Failure> {
    let experiment = load_experiment(db, id)?;
    rules::require_active_experiment(&experiment)?;
    Ok(experiment)
}

pub(super) fn find_by_name(db: &Session<'_>, name: &str) -> Result<Experiment, Failure> {
    let found = match select(db, "e.name = ?1", [name])?.pop() {
        None if !name.is_ascii() => rules::find_experiment_by_name(name, all(db)?),
        found => found,
    };
    Ok(found.ok_or_else(|| Error::ExperimentNameNotFound(name.to_owned()))?)
}

pub(super) fn all(db: &Session<'_>) -> Result<Vec<Experiment>, Failure> {
    select(db, "TRUE", [])
}

/// Finds a page of experiments. Of all of them only the tags that the query looks at are read, the
/// others of those on the page.
pub(super) fn search(
    db: &Session<'_>,
    query: &ExperimentQuery,
) -> Result<Page<Experiment>, Failure> {
    let keys = search::keys(&query.compile()?, Entity::Tag);
    let mut seen = rows(db, "TRUE", [])?;
    add_tags(db, &mut seen, "t.key IN (SELECT value FROM json_each(?1))", [keys])?;
    let mut page = crate::search::select_experiments(query, seen.into_iter())?;
    let ids: Vec<ExperimentId> =
        page.items.iter().map(|experiment| experiment.experiment_id.clone()).collect();
    let condition = "e.experiment_id IN (SELECT value FROM json_each(?1))";
    add_tags(db, &mut page.items, condition, [numbers(&ids)?])?;
    Ok(page)
}

/// Reads the experiments that meet a condition, in two statements.
fn select(
    db: &Session<'_>,
    condition: &str,
    params: impl Params + Clone,
) -> Result<Vec<Experiment>, Failure> {
    let mut experiments = rows(db, condition, params.clone())?;
    add_tags(db, &mut experiments, condition, params)?;
    Ok(experiments)
}

/// Reads the experiments that meet a condition, without their tags.
fn rows(
    db: &Session<'_>,
    condition: &str,
    params: impl Params,
) -> Result<Vec<Experiment>, Failure> {
    let mut statement = db.prepare(&format!(
        "SELECT e.experiment_id, e.name, e.artifact_location, e.lifecycle_stage, e.creation_time,
                e.last_update_time
         FROM experiments AS e WHERE e.workspace = 'default' AND {condition}"
    ))?;
    let rows = statement.query_map(params, experiment)?;
    Ok(rows.filter_map(Result::transpose).collect::<Result<_, _>>()?)
}

/// Gives each experiment those of its tags that meet a condition, in place of what it had.
fn add_tags(
    db: &Session<'_>,
    experiments: &mut [Experiment],
    condition: &str,
    params: impl Params,
) -> Result<(), Failure> {
    let mut tags: HashMap<String, Vec<Tag>> = HashMap::new();
    let mut statement = db.prepare(&format!(
        "SELECT t.experiment_id, t.key, t.value
         FROM experiments AS e JOIN experiment_tags AS t ON t.experiment_id = e.experiment_id
         WHERE e.workspace = 'default' AND {condition} ORDER BY t.key"
    ))?;
    let mut rows = statement.query(params)?;
    while let Some(row) = rows.next()? {
        if let Ok(key) = Key::parse(row.get::<_, String>(1)?) {
            let value: Option<String> = row.get(2)?;
            let owner = row.get::<_, i64>(0)?.to_string();
            tags.entry(owner).or_default().push(Tag::new(key, value.unwrap_or_default()));
        }
    }
    for experiment in experiments {
        experiment.tags = tags.remove(experiment.experiment_id.as_str()).unwrap_or_default();
    }
    Ok(())
}

/// Reads a row; `None` for one with a number that is no id.
fn experiment(row: &Row<'_>) -> rusqlite::Result<Option<Experiment>> {
    let Ok(experiment_id) = ExperimentId::parse(row.get::<_, i64>(0)?.to_string()) else {
        return Ok(None);
    };
    Ok(Some(Experiment {
        experiment_id,
        name: row.get(1)?,
        artifact_location: row.get::<_, Option<String>>(2)?.unwrap_or_default(),
        lifecycle_stage: stage(row.get_ref(3)?.as_str_or_null()?),
        creation_time: row.get::<_, Option<i64>>(4)?.unwrap_or_default(),
        last_update_time: row.get::<_, Option<i64>>(5)?.unwrap_or_default(),
        tags: Vec::new(),
    }))
}

pub(super) fn create(
    db: &Session<'_>,
    new: &NewExperiment,
    artifact_root: &str,
) -> Result<ExperimentId, Failure> {
    rules::reject_invalid_location(new.artifact_location.as_deref())?;
    rules::reject_taken_name(&new.name, rows(db, "TRUE", [])?.iter())?;
    new.tags.iter().try_for_each(rules::reject_long_experiment_tag)?;
    let number = db
        .prepare(
            "INSERT INTO experiments (name, artifact_location, lifecycle_stage, creation_time,
                                      last_update_time)
             VALUES (?1, ?2, 'active', ?3, ?3)",
        )?
        .insert((new.name.as_str(), &new.artifact_location, new.time))?;
    if new.artifact_location.is_none() {
        // Only now is it known which number SQLite gave it.
        db.execute(
            "UPDATE experiments SET artifact_location = ?2 WHERE experiment_id = ?1",
            (number, format!("{artifact_root}/{number}")),
        )?;
    }
    for tag in &new.tags {
        put_tag(db, number, tag)?;
    }
    Ok(ExperimentId::parse(number.to_string())?)
}

pub(super) fn rename(
    db: &Session<'_>,
    id: &ExperimentId,
    name: &ExperimentName,
    now: Millis,
) -> Result<(), Failure> {
    active(db, id)?;
    rules::reject_taken_name(name, rows(db, "TRUE", [])?.iter())?;
    db.execute(
        "UPDATE experiments SET name = ?2, last_update_time = ?3 WHERE experiment_id = ?1",
        (number(id)?, name.as_str(), now),
    )?;
    Ok(())
}

pub(super) fn delete(db: &Session<'_>, id: &ExperimentId, now: Millis) -> Result<(), Failure> {
    rules::require_other_stage(&load_experiment(db, id)?, LifecycleStage::Deleted)?;
    set_stage(db, id, LifecycleStage::Deleted, now)?;
    db.note_everything();
    // A run that was deleted before keeps its time.
    db.execute(
        "UPDATE runs SET lifecycle_stage = 'deleted', deleted_time = ?2
         WHERE experiment_id = ?1 AND lifecycle_stage = 'active'",
        (number(id)?, now),
    )?;
    Ok(())
}

pub(super) fn restore(db: &Session<'_>, id: &ExperimentId, now: Millis) -> Result<(), Failure> {
    rules::require_other_stage(&load_experiment(db, id)?, LifecycleStage::Active)?;
    set_stage(db, id, LifecycleStage::Active, now)?;
    db.note_everything();
    db.execute(
        "UPDATE runs SET lifecycle_stage = 'active', deleted_time = NULL WHERE experiment_id = ?1",
        [number(id)?],
    )?;
    Ok(())
}

fn set_stage(
    db: &Session<'_>,
    id: &ExperimentId,
    stage: LifecycleStage,
    now: Millis,
) -> Result<(), Failure> {
    db.execute(
        "UPDATE experiments SET lifecycle_stage = ?2, last_update_time = ?3
         WHERE experiment_id = ?1",
        (number(id)?, stage.as_str(), now),
    )?;
    Ok(())
}

pub(super) fn set_tag(db: &Session<'_>, id: &ExperimentId, tag: &Tag) -> Result<(), Failure> {
    rules::reject_long_experiment_tag(tag)?;
    active(db, id)?;
    Ok(put_tag(db, number(id)?, tag)?)
}

fn put_tag(db: &Session<'_>, number: i64, tag: &Tag) -> rusqlite::Result<()> {
    let sql = "INSERT INTO experiment_tags (experiment_id, key, value) VALUES (?1, ?2, ?3)
               ON CONFLICT (key, experiment_id) DO UPDATE SET value = excluded.value";
    db.execute(sql, (number, tag.key.as_str(), &tag.value)).map(drop)
}

pub(super) fn delete_tag(db: &Session<'_>, id: &ExperimentId, key: &Key) -> Result<(), Failure> {
    active(db, id)?;
    let sql = "DELETE FROM experiment_tags WHERE experiment_id = ?1 AND key = ?2";
    match db.execute(sql, (number(id)?, key.as_str()))? {
        0 => Err(Failure::Rule(Error::TagNotFound {
            key: key.to_string(),
            owner: Thing::Experiment(id.clone()),
        })),
        _ => Ok(()),
    }
}
