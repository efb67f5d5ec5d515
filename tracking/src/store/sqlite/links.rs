//! The datasets and models that a run used, and the models that it made.

use super::database::{Failure, Session};
use super::{experiments, runs};
use crate::entity::{Dataset, DatasetInput, DatasetSummary, LoggedModelInput, LoggedModelOutput};
use crate::{ExperimentId, RunId, rules};
use mlctl_wire::limits;
use rusqlite::OptionalExtension;
use uuid::Uuid;

/// A row of the table `inputs`, which links all kinds of things.
struct Link<'a> {
    source: (&'a str, &'a str),
    destination: (&'a str, &'a str),
    step: i64,
}

pub(super) fn log_inputs(
    db: &Session<'_>,
    id: &RunId,
    datasets: &[DatasetInput],
    models: &[LoggedModelInput],
) -> Result<(), Failure> {
    let known = runs::active(db, id)?;
    if !models.is_empty() {
        db.layout().check_models()?;
    }
    for input in datasets {
        let dataset = put_dataset(db, known.experiment, &input.dataset)?;
        let link =
            Link { source: ("DATASET", &dataset), destination: ("RUN", id.as_str()), step: 0 };
        let Some(input_id) = put_link(db, &link)? else { continue };
        let mut insert = db.prepare(
            "INSERT INTO input_tags (input_uuid, name, value) VALUES (?1, ?2, ?3)
             ON CONFLICT DO NOTHING",
        )?;
        for tag in &input.tags {
            insert.execute((&input_id, tag.key.as_str(), &tag.value))?;
        }
    }
    for input in models {
        let destination = ("MODEL_INPUT", input.model_id.as_str());
        put_link(db, &Link { source: ("RUN_INPUT", id.as_str()), destination, step: 0 })?;
    }
    Ok(())
}

pub(super) fn log_outputs(
    db: &Session<'_>,
    id: &RunId,
    models: &[LoggedModelOutput],
) -> Result<(), Failure> {
    runs::active(db, id)?;
    db.layout().check_models()?;
    for output in models {
        let destination = ("MODEL_OUTPUT", output.model_id.as_str());
        let source = ("RUN_OUTPUT", id.as_str());
        put_link(db, &Link { source, destination, step: output.step })?;
    }
    Ok(())
}

/// Finds the datasets that runs of some experiments used, and what for.
pub(super) fn datasets(
    db: &Session<'_>,
    ids: &[ExperimentId],
) -> Result<Vec<DatasetSummary>, Failure> {
    // A dataset belongs to one experiment.
    let sql = "SELECT DISTINCT d.experiment_id, d.name, d.digest, t.value
               FROM datasets AS d
               JOIN inputs AS i ON i.source_type = 'DATASET' AND i.source_id = d.dataset_uuid
               LEFT JOIN input_tags AS t ON t.input_uuid = i.input_uuid AND t.name = ?2
               WHERE d.experiment_id IN (SELECT value FROM json_each(?1))
               ORDER BY CAST(d.experiment_id AS TEXT), d.name, d.digest, t.value LIMIT ?3";
    let list = experiments::numbers(ids)?;
    let mut statement = db.prepare(sql)?;
    let max = limits::DATASET_SUMMARIES_MAX as i64;
    let mut rows = statement.query((list, rules::tag::CONTEXT, max))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(DatasetSummary {
            experiment_id: ExperimentId::parse(row.get::<_, i64>(0)?.to_string())?,
            name: row.get(1)?,
            digest: row.get(2)?,
            context: row.get(3)?,
        });
    }
    Ok(found)
}

/// Notes a dataset, unless the experiment has it, and returns its id.
fn put_dataset(db: &Session<'_>, experiment: i64, dataset: &Dataset) -> Result<String, Failure> {
    let sql = "SELECT dataset_uuid FROM datasets
               WHERE experiment_id = ?1 AND name = ?2 AND digest = ?3";
    let known: Option<String> = db
        .prepare(sql)?
        .query_row((experiment, &dataset.name, &dataset.digest), |row| row.get(0))
        .optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    let id = new_id();
    db.execute(
        "INSERT INTO datasets (dataset_uuid, experiment_id, name, digest, dataset_source_type,
                               dataset_source, dataset_schema, dataset_profile)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        (
            &id,
            experiment,
            &dataset.name,
            &dataset.digest,
            &dataset.source_type,
            &dataset.source,
            &dataset.schema,
            &dataset.profile,
        ),
    )?;
    Ok(id)
}

/// Notes a link and returns its id; `None` when it is there already.
fn put_link(db: &Session<'_>, link: &Link<'_>) -> Result<Option<String>, Failure> {
    let id = new_id();
    let (source_type, source) = link.source;
    let (destination_type, destination) = link.destination;
    let row = (&id, source_type, source, destination_type, destination);
    // Files before MLflow 3 have no steps, and nothing to give one to.
    let added = if db.layout().has_models() {
        let sql = "INSERT INTO inputs (input_uuid, source_type, source_id, destination_type,
                                       destination_id, step)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING";
        db.execute(sql, (row.0, row.1, row.2, row.3, row.4, link.step))?
    } else {
        let sql = "INSERT INTO inputs (input_uuid, source_type, source_id, destination_type,
                                       destination_id)
                   VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
        db.execute(sql, row)?
    };
    Ok((added > 0).then_some(id))
}

fn new_id() -> String {
    Uuid::new_v4().simple().to_string()
}
