//! Whole logged models, many at once, in a fixed number of statements.

use super::database::{Failure, Session};
use super::{experiments, load, runs};
use crate::entity::{LoggedModel, LoggedModelStatus, Metric, Param, Tag};
use crate::search::{LoggedModelQuery, Page};
use crate::{Error, ExperimentId, Key, ModelId, RunId};
use mlctl_filter::Entity;
use rusqlite::Row;
use std::collections::HashMap;

/// Adds a row to the model that it belongs to, which its first column names.
type Add = fn(&mut LoggedModel, &Row<'_>) -> rusqlite::Result<()>;

/// A table of what belongs to models, each row under a key.
struct Part {
    entity: Entity,
    rows: &'static str,
    key: &'static str,
    order: &'static str,
    add: Add,
    /// Whether the table is one of ours, which MLflow's files may lack.
    is_own: bool,
}

const PARTS: [Part; 4] = [
    Part {
        entity: Entity::Param,
        rows: "SELECT p.model_id, p.param_key, p.param_value FROM m
               CROSS JOIN logged_model_params AS p ON p.model_id = m.model_id",
        key: "p.param_key",
        order: "p.param_key",
        add: add_param,
        is_own: false,
    },
    Part {
        entity: Entity::Tag,
        rows: "SELECT p.model_id, p.tag_key, p.tag_value FROM m
               CROSS JOIN logged_model_tags AS p ON p.model_id = m.model_id",
        key: "p.tag_key",
        order: "p.tag_key",
        add: add_tag,
        is_own: false,
    },
    Part {
        entity: Entity::Metric,
        rows: "SELECT p.model_id, p.metric_name, p.metric_value, p.metric_timestamp_ms,
                   p.metric_step, p.run_id, p.dataset_name, p.dataset_digest
               FROM m CROSS JOIN logged_model_metrics AS p ON p.model_id = m.model_id",
        key: "p.metric_name",
        order: "p.rowid",
        add: add_metric,
        is_own: false,
    },
    Part {
        entity: Entity::Metric,
        rows: "SELECT p.model_id, p.metric_name, p.metric_value, p.metric_timestamp_ms,
                   p.metric_step, p.run_id, p.dataset_name, p.dataset_digest
               FROM m CROSS JOIN mlctl_logged_model_metrics AS p ON p.model_id = m.model_id",
        key: "p.metric_name",
        order: "p.id",
        add: add_metric,
        is_own: true,
    },
];

const INFOS: &str = "SELECT m.model_id, m.experiment_id, m.name, m.artifact_location,
         m.creation_timestamp_ms, m.last_updated_timestamp_ms, m.status, m.model_type,
         m.source_run_id, m.status_message
     FROM m WHERE m.lifecycle_stage IS NOT 'deleted'";
const BY_ID: &str = "SELECT m.* FROM (SELECT value FROM json_each(?1)) AS id
     CROSS JOIN logged_models AS m ON m.model_id = id.value";
const BY_EXPERIMENT: &str = "SELECT m.* FROM logged_models AS m
     WHERE m.experiment_id IN (SELECT value FROM json_each(?1))";

/// Reads a model that is not deleted.
pub(super) fn load_model(db: &Session<'_>, id: &ModelId) -> Result<LoggedModel, Failure> {
    db.layout().check_models()?;
    let found = select(db, BY_ID, &load::id_list([id.as_str()]), |_| None)?.pop();
    Ok(found.ok_or_else(|| Error::ModelNotFound(id.clone()))?)
}

/// Finds a page of models that are not deleted. Of all models of the experiments only what the
/// query looks at is read, the rest of those on the page.
pub(super) fn search(
    db: &Session<'_>,
    query: &LoggedModelQuery,
) -> Result<Page<LoggedModel>, Failure> {
    db.layout().check_models()?;
    let compiled = query.compile()?;
    // A dataset that is named without a metric finds models by any of their metrics.
    let keys = |entity| match entity == Entity::Metric && !query.datasets.is_empty() {
        true => None,
        false => Some(super::search::keys(&compiled, entity)),
    };
    let list = experiments::numbers(&query.experiment_ids)?;
    let seen = select(db, BY_EXPERIMENT, &list, keys)?;
    let page = crate::search::select_logged_models(query, seen.into_iter())?;
    let ids = load::id_list(page.items.iter().map(|model| model.model_id.as_str()));
    let whole = select(db, BY_ID, &ids, |_| None)?;
    let mut whole: HashMap<ModelId, LoggedModel> =
        whole.into_iter().map(|model| (model.model_id.clone(), model)).collect();
    // One that was deleted since has nothing to show.
    let items = page.items.iter().filter_map(|model| whole.remove(&model.model_id)).collect();
    Ok(Page { items, next_page_token: page.next_page_token })
}

/// Reads the models that a statement selects, and what belongs to them: all of it, or what is
/// under the keys that `keys` lists for an entity as JSON.
fn select(
    db: &Session<'_>,
    wanted: &str,
    list: &str,
    keys: impl Fn(Entity) -> Option<String>,
) -> Result<Vec<LoggedModel>, Failure> {
    let with = |sql: &str| db.prepare(&format!("WITH m AS ({wanted}) {sql}"));
    let mut statement = with(INFOS)?;
    let rows = statement.query_map([list], model)?;
    let mut models = rows.filter_map(Result::transpose).collect::<Result<Vec<_>, _>>()?;
    let ids = models.iter().map(|model| model.model_id.to_string());
    let places: HashMap<String, usize> = ids.zip(0..).collect();
    for part in PARTS.iter().filter(|part| !part.is_own || db.layout().has_own()) {
        let Part { rows, key, order, .. } = part;
        let keys = keys(part.entity);
        let condition = match &keys {
            Some(_) => format!("WHERE {key} IN (SELECT value FROM json_each(?2))"),
            None => String::new(),
        };
        let mut statement = with(&format!("{rows} {condition} ORDER BY {order}"))?;
        let mut rows = match &keys {
            Some(keys) => statement.query([list, keys])?,
            None => statement.query([list])?,
        };
        while let Some(row) = rows.next()? {
            if let Some(at) = places.get(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?) {
                (part.add)(&mut models[*at], row)?;
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
