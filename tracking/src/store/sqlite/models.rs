//! Logged models: making them, changing them, and what they log.

use super::database::{Failure, Session};
use super::{experiments, load_models, runs};
use crate::entity::{LoggedModel, LoggedModelStatus, Metric, Param, Tag};
use crate::store::{Millis, NewLoggedModel};
use crate::{Error, Key, ModelId, RunId, Thing, name, rules};
use rusqlite::OptionalExtension;

pub(super) fn create(db: &Session<'_>, new: &NewLoggedModel) -> Result<LoggedModel, Failure> {
    db.layout().check_models()?;
    let experiment = experiments::active(db, &new.experiment_id)?;
    let number = experiments::number(&new.experiment_id)?;
    let id = ModelId::random();
    let place = format!("models/{id}/artifacts");
    db.execute(
        "INSERT INTO logged_models (model_id, experiment_id, name, artifact_location,
                                    creation_timestamp_ms, last_updated_timestamp_ms, status,
                                    lifecycle_stage, model_type, source_run_id)
         VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, 'active', ?7, ?8)",
        (
            id.as_str(),
            number,
            new.name.clone().unwrap_or_else(name::make_up),
            runs::below(&experiment.artifact_location, &place),
            new.time,
            LoggedModelStatus::Pending.number(),
            &new.model_type,
            new.source_run_id.as_ref().map(RunId::as_str),
        ),
    )?;
    put_params(db, &id, number, &new.params)?;
    put_tags(db, &id, number, &new.tags)?;
    load_models::load_model(db, &id)
}

/// Finds a model that is not deleted, and returns the number of its experiment.
fn live(db: &Session<'_>, id: &ModelId) -> Result<i64, Failure> {
    db.layout().check_models()?;
    let sql = "SELECT experiment_id FROM logged_models
               WHERE model_id = ?1 AND lifecycle_stage IS NOT 'deleted'";
    let number = db.prepare(sql)?.query_row([id.as_str()], |row| row.get(0)).optional()?;
    Ok(number.ok_or_else(|| Error::ModelNotFound(id.clone()))?)
}

pub(super) fn finalize(
    db: &Session<'_>,
    id: &ModelId,
    status: LoggedModelStatus,
    now: Millis,
) -> Result<LoggedModel, Failure> {
    live(db, id)?;
    db.execute(
        "UPDATE logged_models SET status = ?2, last_updated_timestamp_ms = ?3 WHERE model_id = ?1",
        (id.as_str(), status.number(), now),
    )?;
    load_models::load_model(db, id)
}

pub(super) fn delete(db: &Session<'_>, id: &ModelId, now: Millis) -> Result<(), Failure> {
    live(db, id)?;
    db.execute(
        "UPDATE logged_models SET lifecycle_stage = 'deleted', last_updated_timestamp_ms = ?2
         WHERE model_id = ?1",
        (id.as_str(), now),
    )?;
    Ok(())
}

pub(super) fn log_params(db: &Session<'_>, id: &ModelId, params: &[Param]) -> Result<(), Failure> {
    let number = live(db, id)?;
    let known = load_models::load_model(db, id)?.params;
    for param in params {
        let known = known.iter().find(|old| old.key == param.key);
        rules::reject_changed_model_param(known.map(|old| old.value.as_str()), param)?;
    }
    put_params(db, id, number, params)
}

pub(super) fn set_tags(db: &Session<'_>, id: &ModelId, tags: &[Tag]) -> Result<(), Failure> {
    let number = live(db, id)?;
    put_tags(db, id, number, tags)
}

fn put_params(
    db: &Session<'_>,
    id: &ModelId,
    experiment: i64,
    params: &[Param],
) -> Result<(), Failure> {
    let mut upsert = db.prepare(
        "INSERT INTO logged_model_params (model_id, experiment_id, param_key, param_value)
         VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (model_id, param_key) DO UPDATE SET param_value = excluded.param_value",
    )?;
    for param in params {
        upsert.execute((id.as_str(), experiment, param.key.as_str(), &param.value))?;
    }
    Ok(())
}

fn put_tags(db: &Session<'_>, id: &ModelId, experiment: i64, tags: &[Tag]) -> Result<(), Failure> {
    let mut upsert = db.prepare(
        "INSERT INTO logged_model_tags (model_id, experiment_id, tag_key, tag_value)
         VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (model_id, tag_key) DO UPDATE SET tag_value = excluded.tag_value",
    )?;
    for tag in tags {
        upsert.execute((id.as_str(), experiment, tag.key.as_str(), &tag.value))?;
    }
    Ok(())
}

pub(super) fn add_version(
    db: &Session<'_>,
    id: &ModelId,
    name: &str,
    version: u32,
) -> Result<(), Failure> {
    let number = live(db, id)?;
    let sql = "SELECT tag_value FROM logged_model_tags WHERE model_id = ?1 AND tag_key = ?2";
    let pair = (id.as_str(), rules::tag::MODEL_VERSIONS);
    let known: Option<Option<String>> =
        db.prepare(sql)?.query_row(pair, |row| row.get(0)).optional()?;
    match rules::add_model_version(known.flatten().as_deref(), name, version)? {
        Some(tag) => put_tags(db, id, number, &[tag]),
        None => Ok(()),
    }
}

pub(super) fn delete_tag(db: &Session<'_>, id: &ModelId, key: &Key) -> Result<(), Failure> {
    live(db, id)?;
    let sql = "DELETE FROM logged_model_tags WHERE model_id = ?1 AND tag_key = ?2";
    match db.execute(sql, (id.as_str(), key.as_str()))? {
        0 => Err(Failure::Rule(Error::TagNotFound {
            key: key.to_string(),
            owner: Thing::Model(id.clone()),
        })),
        _ => Ok(()),
    }
}

/// Notes those points of a run that measure a model; a model that is not here is passed over.
pub(super) fn put_metrics(
    db: &Session<'_>,
    run: &RunId,
    experiment: i64,
    metrics: &[Metric],
) -> Result<(), Failure> {
    for metric in metrics {
        let Some(model) = &metric.model_id else { continue };
        match live(db, model) {
            Ok(_) => put_metric(db, run, experiment, (model, metric))?,
            Err(Failure::Rule(_)) => {
                tracing::warn!(model.id = %model, "a metric refers to a model that does not exist");
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(())
}

fn put_metric(
    db: &Session<'_>,
    run: &RunId,
    experiment: i64,
    (model, metric): (&ModelId, &Metric),
) -> Result<(), Failure> {
    let key = metric.key.as_str();
    let point = (model.as_str(), key, metric.timestamp, metric.step, run.as_str());
    let (value, is_nan) = runs::stored(metric.value);
    if !is_nan {
        let sql = "INSERT INTO logged_model_metrics
                       (model_id, metric_name, metric_timestamp_ms, metric_step, run_id,
                        metric_value, experiment_id, dataset_name, dataset_digest, dataset_uuid)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,
                           (SELECT dataset_uuid FROM datasets
                            WHERE experiment_id = ?7 AND name = ?8 AND digest = ?9))
                   ON CONFLICT DO NOTHING";
        let (name, digest) = (&metric.dataset_name, &metric.dataset_digest);
        let (a, b, c, d, e) = point;
        if db.execute(sql, (a, b, c, d, e, value, experiment, name, digest))? > 0 {
            return Ok(());
        }
    }
    // MLflow's table takes neither NaN nor a second dataset at the same step and time. A point that
    // is there already is there once.
    db.execute(
        "INSERT INTO mlctl_logged_model_metrics
             (model_id, metric_name, metric_timestamp_ms, metric_step, run_id, metric_value,
              dataset_name, dataset_digest)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8
         WHERE NOT EXISTS (
             SELECT 1 FROM logged_model_metrics
             WHERE model_id = ?1 AND metric_name = ?2 AND metric_timestamp_ms = ?3
                 AND metric_step = ?4 AND run_id = ?5 AND metric_value IS ?6
                 AND dataset_name IS ?7 AND dataset_digest IS ?8
             UNION ALL
             SELECT 1 FROM mlctl_logged_model_metrics
             WHERE model_id = ?1 AND metric_name = ?2 AND metric_timestamp_ms = ?3
                 AND metric_step = ?4 AND run_id = ?5 AND metric_value IS ?6
                 AND dataset_name IS ?7 AND dataset_digest IS ?8)",
        (
            point.0,
            point.1,
            point.2,
            point.3,
            point.4,
            (!is_nan).then_some(value),
            &metric.dataset_name,
            &metric.dataset_digest,
        ),
    )?;
    Ok(())
}
