//! Runs: making them, changing them, and what they log.

use super::database::{Failure, Session};
use super::{experiments, models};
use crate::entity::{
    LifecycleStage, Metric, Param, Run, RunData, RunInfo, RunInputs, RunOutputs, RunStatus, Tag,
};
use crate::store::{Batch, Millis, NewRun, RunChange};
use crate::{Error, Key, RunId, Thing, rules};
use rusqlite::OptionalExtension;
use std::collections::{BTreeMap, HashMap};

/// What a change of a run looks at first.
pub(super) struct Known {
    /// The number of its experiment.
    pub(super) experiment: i64,
    stage: LifecycleStage,
}

pub(super) fn require_run(db: &Session<'_>, id: &RunId) -> Result<Known, Failure> {
    let sql = "SELECT experiment_id, lifecycle_stage FROM runs WHERE run_uuid = ?1";
    let known = db.prepare(sql)?.query_row([id.as_str()], |row| {
        let stage = experiments::stage(row.get_ref(1)?.as_str_or_null()?);
        Ok(Known { experiment: row.get(0)?, stage })
    });
    Ok(known.optional()?.ok_or_else(|| Error::RunNotFound(id.clone()))?)
}

/// Finds a run that may be changed, and is going to be.
pub(super) fn active(db: &Session<'_>, id: &RunId) -> Result<Known, Failure> {
    let known = require_run(db, id)?;
    db.note_change(id.as_str());
    match known.stage {
        LifecycleStage::Active => Ok(known),
        LifecycleStage::Deleted => {
            Err(Failure::Rule(Error::NotActive { what: Thing::Run(id.clone()) }))
        }
    }
}

pub(super) fn create(db: &Session<'_>, new: &NewRun) -> Result<Run, Failure> {
    let experiment = experiments::active(db, &new.experiment_id)?;
    let (run_name, tags) = new.settle_name()?;
    let run_id = RunId::random();
    db.note_change(run_id.as_str());
    let info = RunInfo {
        artifact_uri: below(&experiment.artifact_location, &format!("{run_id}/artifacts")),
        run_id,
        run_name,
        experiment_id: new.experiment_id.clone(),
        user_id: new.user_id.clone(),
        status: RunStatus::Running,
        start_time: new.start_time,
        end_time: None,
        lifecycle_stage: LifecycleStage::Active,
    };
    db.execute(
        "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id,
                           status, start_time, source_version, lifecycle_stage, artifact_uri,
                           experiment_id)
         VALUES (?1, ?2, 'UNKNOWN', '', '', ?3, ?4, ?5, '', 'active', ?6, ?7)",
        (
            info.run_id.as_str(),
            &info.run_name,
            &info.user_id,
            info.status.as_str(),
            info.start_time,
            &info.artifact_uri,
            experiments::number(&info.experiment_id)?,
        ),
    )?;
    let tags: BTreeMap<Key, String> = tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
    let tags: Vec<Tag> = tags.into_iter().map(|(key, value)| Tag { key, value }).collect();
    put_tags(db, &info.run_id, &tags)?;
    let data = RunData { tags, ..RunData::default() };
    Ok(Run { info, data, inputs: RunInputs::default(), outputs: RunOutputs::default() })
}

/// Joins a location and a path below it.
pub(super) fn below(location: &str, path: &str) -> String {
    // MLflow's locations may end in a query, which stays at the end.
    match location.split_once('?') {
        Some((place, query)) => format!("{}/{path}?{query}", place.trim_end_matches('/')),
        None => format!("{}/{path}", location.trim_end_matches('/')),
    }
}

pub(super) fn update(db: &Session<'_>, id: &RunId, change: &RunChange) -> Result<(), Failure> {
    active(db, id)?;
    let name = change.run_name.as_deref().filter(|name| !name.is_empty());
    db.execute(
        "UPDATE runs SET status = coalesce(?2, status), end_time = coalesce(?3, end_time),
                         name = coalesce(?4, name)
         WHERE run_uuid = ?1",
        (id.as_str(), change.status.map(RunStatus::as_str), change.end_time, name),
    )?;
    if let Some(name) = name {
        put_tags(db, id, &[Tag::new(Key::parse(rules::tag::RUN_NAME)?, name)])?;
    }
    Ok(())
}

pub(super) fn set_stage(
    db: &Session<'_>,
    id: &RunId,
    stage: LifecycleStage,
    deleted_time: Option<Millis>,
) -> Result<(), Failure> {
    db.note_change(id.as_str());
    let sql = "UPDATE runs SET lifecycle_stage = ?2, deleted_time = ?3 WHERE run_uuid = ?1";
    match db.execute(sql, (id.as_str(), stage.as_str(), deleted_time))? {
        0 => Err(Failure::Rule(Error::RunNotFound(id.clone()))),
        _ => Ok(()),
    }
}

/// Logs a batch that was checked.
pub(super) fn log_batch(db: &Session<'_>, id: &RunId, batch: &Batch) -> Result<(), Failure> {
    let known = active(db, id)?;
    if !batch.params.is_empty() {
        put_params(db, id, &batch.params)?;
    }
    if !batch.metrics.is_empty() {
        put_metrics(db, id, &batch.metrics)?;
        models::put_metrics(db, id, known.experiment, &batch.metrics)?;
    }
    if !batch.tags.is_empty() {
        put_tags(db, id, &batch.tags)?;
    }
    if let Some(name) = batch.run_name() {
        db.execute("UPDATE runs SET name = ?2 WHERE run_uuid = ?1", (id.as_str(), name))?;
    }
    Ok(())
}

fn put_params(db: &Session<'_>, id: &RunId, params: &[Param]) -> Result<(), Failure> {
    let mut insert = db.prepare(
        "INSERT INTO params (key, value, run_uuid) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
    )?;
    for param in params {
        if insert.execute((param.key.as_str(), &param.value, id.as_str()))? > 0 {
            continue;
        }
        let sql = "SELECT value FROM params WHERE key = ?1 AND run_uuid = ?2";
        let pair = (param.key.as_str(), id.as_str());
        let old: String = db.prepare(sql)?.query_row(pair, |row| row.get(0))?;
        if old != param.value {
            return Err(Failure::Rule(Error::ParamChanged {
                run: id.clone(),
                key: param.key.to_string(),
                old,
                new: param.value.clone(),
            }));
        }
    }
    Ok(())
}

/// Splits a value as MLflow stores it: `NaN` is a flag, as SQLite takes it for `NULL`.
///
/// The largest number stands for infinity, as MLflow's pages cannot show a run with the real one.
pub(super) fn stored(value: f64) -> (f64, bool) {
    if value.is_nan() { (0.0, true) } else { (value.clamp(f64::MIN, f64::MAX), false) }
}

/// Reads a number as it was logged.
pub(super) fn restored(value: f64) -> f64 {
    match value {
        f64::MAX => f64::INFINITY,
        f64::MIN => f64::NEG_INFINITY,
        value => value,
    }
}

fn put_metrics(db: &Session<'_>, id: &RunId, metrics: &[Metric]) -> Result<(), Failure> {
    // MLflow's key knows a point by all its parts, so that a repeated one is there once.
    let mut insert = db.prepare(
        "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
    )?;
    let mut latest: HashMap<&Key, &Metric> = HashMap::new();
    for metric in metrics {
        let (value, is_nan) = stored(metric.value);
        let key = metric.key.as_str();
        insert.execute((key, value, metric.timestamp, id.as_str(), metric.step, is_nan))?;
        let newest = latest.entry(&metric.key).or_insert(metric);
        if metric.is_later_than(newest) {
            *newest = metric;
        }
    }
    // The order is that of Metric::is_later_than.
    let mut upsert = db.prepare(
        "INSERT INTO latest_metrics AS old (key, value, timestamp, step, is_nan, run_uuid)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (key, run_uuid) DO UPDATE
         SET value = excluded.value, timestamp = excluded.timestamp, step = excluded.step,
             is_nan = excluded.is_nan
         WHERE (excluded.step, excluded.timestamp, excluded.is_nan, excluded.value)
             > (old.step, coalesce(old.timestamp, 0), old.is_nan, old.value)",
    )?;
    for metric in latest.into_values() {
        let (value, is_nan) = stored(metric.value);
        let key = metric.key.as_str();
        upsert.execute((key, value, metric.timestamp, metric.step, is_nan, id.as_str()))?;
    }
    Ok(())
}

fn put_tags(db: &Session<'_>, id: &RunId, tags: &[Tag]) -> Result<(), Failure> {
    let mut upsert = db.prepare(
        "INSERT INTO tags (key, value, run_uuid) VALUES (?1, ?2, ?3)
         ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value",
    )?;
    for tag in tags {
        upsert.execute((tag.key.as_str(), &tag.value, id.as_str()))?;
    }
    Ok(())
}

pub(super) fn log_model(
    db: &Session<'_>,
    id: &RunId,
    model: &serde_json::Value,
) -> Result<(), Failure> {
    active(db, id)?;
    let sql = "SELECT value FROM tags WHERE run_uuid = ?1 AND key = ?2";
    let pair = (id.as_str(), rules::tag::MODEL_HISTORY);
    let known: Option<Option<String>> =
        db.prepare(sql)?.query_row(pair, |row| row.get(0)).optional()?;
    let tag = rules::add_model_to_history(known.flatten().as_deref(), model)?;
    put_tags(db, id, &[tag])
}

pub(super) fn delete_tag(db: &Session<'_>, id: &RunId, key: &Key) -> Result<(), Failure> {
    active(db, id)?;
    let sql = "DELETE FROM tags WHERE run_uuid = ?1 AND key = ?2";
    match db.execute(sql, (id.as_str(), key.as_str()))? {
        0 => Err(Failure::Rule(Error::TagNotFound {
            key: key.to_string(),
            owner: Thing::Run(id.clone()),
        })),
        _ => Ok(()),
    }
}
