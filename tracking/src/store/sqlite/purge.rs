//! Deleting for good, in MLflow's tables.

use super::database::{Failure, Session};
use super::{experiments, load};
use crate::entity::LifecycleStage;
use crate::store::{Deleted, DeletedModel, Millis};
use crate::{Error, ExperimentId, ModelId, RunId};
use rusqlite::OptionalExtension;

/// What belongs to a run in tables whose foreign keys do not let it go.
const OF_RUN: [&str; 4] = [
    "DELETE FROM metrics WHERE run_uuid = ?1",
    "DELETE FROM latest_metrics WHERE run_uuid = ?1",
    "DELETE FROM params WHERE run_uuid = ?1",
    "DELETE FROM tags WHERE run_uuid = ?1",
];
/// What names a run or a model without a foreign key: its inputs and outputs, and their tags.
const LINKS: [&str; 2] = [
    "DELETE FROM input_tags WHERE input_uuid IN (
         SELECT input_uuid FROM inputs
         WHERE (source_type IN ('RUN_INPUT', 'RUN_OUTPUT') AND source_id = ?1)
             OR (destination_type IN ('RUN', 'MODEL_INPUT', 'MODEL_OUTPUT')
                 AND destination_id = ?1))",
    "DELETE FROM inputs
     WHERE (source_type IN ('RUN_INPUT', 'RUN_OUTPUT') AND source_id = ?1)
         OR (destination_type IN ('RUN', 'MODEL_INPUT', 'MODEL_OUTPUT') AND destination_id = ?1)",
];
/// Tables of MLflow 3.17 that name an experiment without a foreign key. SQLite gives its number
/// to a later one, which must not inherit them.
const ROLLUPS: [&str; 4] = [
    "sql_trace_rollup_rebuild_queue",
    "sql_trace_metric_daily_rollups",
    "sql_span_cost_daily_rollups",
    "sql_assessment_daily_rollups",
];

pub(super) fn deleted(db: &Session<'_>, before: Option<Millis>) -> Result<Deleted, Failure> {
    let mut experiments = experiments::all(db)?;
    experiments.retain(|one| {
        one.lifecycle_stage == LifecycleStage::Deleted
            && before.is_none_or(|before| one.last_update_time <= before)
    });
    let mut statement = db.prepare(
        "SELECT r.run_uuid FROM runs AS r JOIN experiments AS e USING (experiment_id)
         WHERE e.workspace = 'default' AND r.lifecycle_stage = 'deleted'
             AND (?1 IS NULL OR r.deleted_time <= ?1)",
    )?;
    let ids = statement.query_map([before], |row| row.get::<_, String>(0))?;
    let mut runs = Vec::new();
    for id in ids {
        // What cannot be named or read by the other methods is not deleted either.
        let Ok(id) = RunId::parse(id?) else { continue };
        match load::info(db, &id) {
            Ok(info) => runs.push(info),
            Err(Failure::Rule(error)) => tracing::warn!(%error, "skipping a deleted run"),
            Err(failure) => return Err(failure),
        }
    }
    let models = if db.layout().has_models() { models(db, before)? } else { Vec::new() };
    Ok(Deleted { experiments, runs, models }.sorted())
}

fn models(db: &Session<'_>, before: Option<Millis>) -> Result<Vec<DeletedModel>, Failure> {
    let mut statement = db.prepare(
        "SELECT m.model_id, m.experiment_id, m.artifact_location
         FROM logged_models AS m JOIN experiments AS e USING (experiment_id)
         WHERE e.workspace = 'default' AND m.lifecycle_stage = 'deleted'
             AND (?1 IS NULL OR m.last_updated_timestamp_ms <= ?1)",
    )?;
    let rows = statement.query_map([before], |row| {
        let ids = (row.get::<_, String>(0)?, row.get::<_, i64>(1)?.to_string());
        Ok((ids, row.get::<_, String>(2)?))
    })?;
    let mut models = Vec::new();
    for row in rows {
        let ((model_id, experiment_id), artifact_uri) = row?;
        let (Ok(model_id), Ok(experiment_id)) =
            (ModelId::parse(model_id), ExperimentId::parse(experiment_id))
        else {
            continue;
        };
        models.push(DeletedModel { model_id, experiment_id, artifact_uri });
    }
    Ok(models)
}

pub(super) fn run(db: &Session<'_>, id: &RunId) -> Result<(), Failure> {
    if load::info(db, id)?.lifecycle_stage == LifecycleStage::Active {
        return Err(Failure::Rule(Error::NotDeleted { what: format!("run `{id}`") }));
    }
    rows_of_run(db, id.as_str())
}

fn rows_of_run(db: &Session<'_>, id: &str) -> Result<(), Failure> {
    for sql in OF_RUN.iter().chain(&LINKS) {
        db.execute(sql, [id])?;
    }
    // Rows that come later may get the places of those that go.
    db.note_everything();
    // The points of logged models go with it.
    db.execute("DELETE FROM runs WHERE run_uuid = ?1", [id])?;
    Ok(())
}

pub(super) fn model(db: &Session<'_>, id: &ModelId) -> Result<(), Failure> {
    db.layout().check_models()?;
    let sql = "SELECT m.lifecycle_stage FROM logged_models AS m
               JOIN experiments AS e USING (experiment_id)
               WHERE e.workspace = 'default' AND m.model_id = ?1";
    let stage: Option<Option<String>> =
        db.prepare(sql)?.query_row([id.as_str()], |row| row.get(0)).optional()?;
    let stage = stage.ok_or_else(|| Error::ModelNotFound(id.clone()))?;
    if experiments::stage(stage.as_deref()) == LifecycleStage::Active {
        return Err(Failure::Rule(Error::NotDeleted { what: format!("logged model `{id}`") }));
    }
    rows_of_model(db, id.as_str())
}

fn rows_of_model(db: &Session<'_>, id: &str) -> Result<(), Failure> {
    for sql in &LINKS {
        db.execute(sql, [id])?;
    }
    // Its params, tags and points go with it.
    db.execute("DELETE FROM logged_models WHERE model_id = ?1", [id])?;
    Ok(())
}

pub(super) fn experiment(db: &Session<'_>, id: &ExperimentId) -> Result<(), Failure> {
    if experiments::load_experiment(db, id)?.lifecycle_stage == LifecycleStage::Active {
        return Err(Failure::Rule(Error::NotDeleted { what: format!("experiment `{id}`") }));
    }
    let number = experiments::number(id)?;
    for run in ids(db, "SELECT run_uuid FROM runs WHERE experiment_id = ?1", number)? {
        rows_of_run(db, &run)?;
    }
    if db.layout().has_models() {
        let sql = "SELECT model_id FROM logged_models WHERE experiment_id = ?1";
        for model in ids(db, sql, number)? {
            rows_of_model(db, &model)?;
        }
    }
    for table in ROLLUPS {
        if has_table(db, table)? {
            db.execute(&format!("DELETE FROM {table} WHERE experiment_id = ?1"), [number])?;
        }
    }
    delete_referring(db, "experiments", "experiment_id = ?1", number)?;
    db.execute("DELETE FROM experiments WHERE experiment_id = ?1", [number])?;
    Ok(())
}

fn ids(db: &Session<'_>, sql: &str, experiment: i64) -> Result<Vec<String>, Failure> {
    let mut statement = db.prepare(sql)?;
    let rows = statement.query_map([experiment], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn has_table(db: &Session<'_>, table: &str) -> Result<bool, Failure> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1)";
    Ok(db.prepare(sql)?.query_row([table], |row| row.get(0))?)
}

/// Deletes what refers to the rows of `table` that meet a condition, in whatever tables the file
/// has: MLflow's versions differ in what they refer to an experiment with, and in what goes by
/// itself. What is only set to NULL is left to SQLite.
fn delete_referring(
    db: &Session<'_>,
    table: &str,
    condition: &str,
    experiment: i64,
) -> Result<(), Failure> {
    for key in references_to(db, table)? {
        let wanted = format!(
            "({}) IN (SELECT {} FROM \"{table}\" WHERE {condition})",
            key.columns.join(", "),
            key.referred.join(", ")
        );
        delete_referring(db, &key.table, &wanted, experiment)?;
        db.execute(&format!("DELETE FROM \"{}\" WHERE {wanted}", key.table), [experiment])?;
    }
    Ok(())
}

/// A foreign key.
struct ForeignKey {
    table: String,
    columns: Vec<String>,
    referred: Vec<String>,
}

fn references_to(db: &Session<'_>, table: &str) -> Result<Vec<ForeignKey>, Failure> {
    let mut statement = db.prepare(
        "SELECT t.name, k.id, k.\"from\", coalesce(k.\"to\", k.\"from\")
         FROM sqlite_master AS t CROSS JOIN pragma_foreign_key_list(t.name) AS k
         WHERE t.type = 'table' AND k.\"table\" = ?1 COLLATE NOCASE AND t.name <> ?1
             AND k.on_delete NOT LIKE 'SET %'
         ORDER BY t.name, k.id, k.seq",
    )?;
    let mut rows = statement.query([table])?;
    let mut keys: Vec<(i64, ForeignKey)> = Vec::new();
    while let Some(row) = rows.next()? {
        let (name, id): (String, i64) = (row.get(0)?, row.get(1)?);
        let quoted = |at| row.get::<_, String>(at).map(|column| format!("\"{column}\""));
        let (column, referred) = (quoted(2)?, quoted(3)?);
        match keys.last_mut().filter(|(last, key)| *last == id && key.table == name) {
            Some((_, key)) => {
                key.columns.push(column);
                key.referred.push(referred);
            }
            None => {
                let (columns, referred) = (vec![column], vec![referred]);
                keys.push((id, ForeignKey { table: name, columns, referred }));
            }
        }
    }
    Ok(keys.into_iter().map(|(_, key)| key).collect())
}
