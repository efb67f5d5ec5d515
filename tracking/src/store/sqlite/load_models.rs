//! Whole logged models, many at once, in a fixed number of statements.

use super::database::Session;
use super::failure::Failure;
use super::{experiments, load, runs};
use crate::entity::{LoggedModel, LoggedModelStatus, Metric, Param, Tag};
use crate::{Error, ExperimentId, Key, ModelId, RunId};
use rusqlite::Row;
use std::collections::HashMap;

/// Adds a row to the model that it belongs to, which its first column names.
type Add = fn(&mut LoggedModel, &Row<'_>) -> rusqlite::Result<()>;

const INFOS: &str = "SELECT m.model_id, m.experiment_id, m.name, m.artifact_location,
         m.creation_timestamp_ms, m.last_updated_timestamp_ms, m.status, m.model_type,
         m.source_run_id, m.status_message
     FROM m WHERE m.lifecycle_stage IS NOT 'deleted'";
const PARAMS: &str = "SELECT p.model_id, p.param_key, p.param_value FROM m
     CROSS JOIN logged_model_params AS p ON p.model_id = m.model_id ORDER BY p.param_key";
const TAGS: &str = "SELECT t.model_id, t.tag_key, t.tag_value FROM m
     CROSS JOIN logged_model_tags AS t ON t.model_id = m.model_id ORDER BY t.tag_key";
const METRICS: &str = "SELECT p.model_id, p.metric_name, p.metric_value, p.metric_timestamp_ms,
         p.metric_step, p.run_id, p.dataset_name, p.dataset_digest
     FROM m CROSS JOIN logged_model_metrics AS p ON p.model_id = m.model_id ORDER BY p.rowid";
const OWN_METRICS: &str = "SELECT p.model_id, p.metric_name, p.metric_value,
         p.metric_timestamp_ms, p.metric_step, p.run_id, p.dataset_name, p.dataset_digest
     FROM m CROSS JOIN mlctl_logged_model_metrics AS p ON p.model_id = m.model_id
     ORDER BY p.id";

/// Reads a model that is not deleted.
pub(super) fn get(db: &Session<'_>, id: &ModelId) -> Result<LoggedModel, Failure> {
    db.check_models()?;
    let list = load::id_list([id.as_str()]);
    let sql = "SELECT m.* FROM (SELECT value FROM json_each(?1)) AS id
               CROSS JOIN logged_models AS m ON m.model_id = id.value";
    let found = select(db, sql, &list)?.pop();
    Ok(found.ok_or_else(|| Error::ModelNotFound(id.clone()))?)
}

/// Reads the models of some experiments that are not deleted.
pub(super) fn of(db: &Session<'_>, ids: &[ExperimentId]) -> Result<Vec<LoggedModel>, Failure> {
    db.check_models()?;
    let list = experiments::numbers(ids)?;
    let sql = "SELECT m.* FROM logged_models AS m
               WHERE m.experiment_id IN (SELECT value FROM json_each(?1))";
    select(db, sql, &list)
}

/// Reads the models that a statement selects, and what belongs to them.
fn select(db: &Session<'_>, wanted: &str, list: &str) -> Result<Vec<LoggedModel>, Failure> {
    let with = |sql: &str| db.prepare(&format!("WITH m AS ({wanted}) {sql}"));
    let mut statement = with(INFOS)?;
    let rows = statement.query_map([list], model)?;
    let mut models = rows.filter_map(Result::transpose).collect::<Result<Vec<_>, _>>()?;
    let ids = models.iter().map(|model| model.model_id.to_string());
    let places: HashMap<String, usize> = ids.zip(0..).collect();
    let parts: [(&str, Add); 4] =
        [(PARAMS, add_param), (TAGS, add_tag), (METRICS, add_metric), (OWN_METRICS, add_metric)];
    let there = parts.into_iter().filter(|(sql, _)| *sql != OWN_METRICS || db.layout().has_own());
    for (sql, add) in there {
        let mut statement = with(sql)?;
        let mut rows = statement.query([list])?;
        while let Some(row) = rows.next()? {
            if let Some(at) = places.get(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?) {
                add(&mut models[*at], row)?;
            }
        }
    }
    for model in &mut models {
        // By key only: the points of one stay in the order of logging.
        model.metrics.sort_by(|a, b| a.key.cmp(&b.key));
    }
    Ok(models)
}

/// Reads a model's own row; `None` when its ids cannot be ids.
fn model(row: &Row<'_>) -> rusqlite::Result<Option<LoggedModel>> {
    let (Ok(model_id), Ok(experiment_id)) = (
        ModelId::parse(row.get::<_, String>(0)?),
        ExperimentId::parse(row.get::<_, i64>(1)?.to_string()),
    ) else {
        return Ok(None);
    };
    let source: Option<String> = row.get(8)?;
    Ok(Some(LoggedModel {
        model_id,
        experiment_id,
        name: row.get(2)?,
        artifact_uri: row.get(3)?,
        creation_timestamp: row.get(4)?,
        last_updated_timestamp: row.get(5)?,
        status: LoggedModelStatus::from_number(row.get(6)?).unwrap_or_default(),
        model_type: row.get(7)?,
        source_run_id: source.and_then(|id| RunId::parse(id).ok()),
        status_message: row.get(9)?,
        tags: Vec::new(),
        params: Vec::new(),
        metrics: Vec::new(),
    }))
}

fn add_param(model: &mut LoggedModel, row: &Row<'_>) -> rusqlite::Result<()> {
    if let Ok(key) = Key::parse_model_param(row.get_ref(1)?.as_str()?) {
        model.params.push(Param::new(key, row.get::<_, String>(2)?));
    }
    Ok(())
}

fn add_tag(model: &mut LoggedModel, row: &Row<'_>) -> rusqlite::Result<()> {
    if let Ok(key) = Key::parse(row.get_ref(1)?.as_str()?) {
        model.tags.push(Tag::new(key, row.get::<_, String>(2)?));
    }
    Ok(())
}

fn add_metric(model: &mut LoggedModel, row: &Row<'_>) -> rusqlite::Result<()> {
    let Ok(key) = Key::parse(row.get_ref(1)?.as_str()?) else { return Ok(()) };
    let value = row.get::<_, Option<f64>>(2)?.map_or(f64::NAN, runs::restored);
    let metric = Metric {
        dataset_name: row.get(6)?,
        dataset_digest: row.get(7)?,
        model_id: Some(model.model_id.clone()),
        run_id: RunId::parse(row.get::<_, String>(5)?).ok(),
        ..Metric::new(key, value, row.get(3)?, row.get(4)?)
    };
    model.metrics.push(metric);
    Ok(())
}
