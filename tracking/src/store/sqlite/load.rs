//! Whole runs, many at once, in a fixed number of statements.

use super::database::Session;
use super::experiments;
use super::failure::Failure;
use crate::entity::{
    Dataset, DatasetInput, LoggedModelInput, LoggedModelOutput, Metric, Param, Run, RunData,
    RunInfo, RunInputs, RunOutputs, RunStatus, Tag,
};
use crate::{Error, ExperimentId, Key, ModelId, RunId, rules};
use rusqlite::{OptionalExtension, Row};
use std::collections::HashMap;

// ?1 is a JSON array of ids of runs; the first column is a place in it.
const INFOS: &str =
    "SELECT id.key, r.run_uuid, r.name, r.experiment_id, r.user_id, r.status, r.start_time,
         r.end_time, r.artifact_uri, r.lifecycle_stage
     FROM json_each(?1) AS id CROSS JOIN runs AS r ON r.run_uuid = id.value";
const TAGS: &str = "SELECT id.key, t.key, t.value FROM json_each(?1) AS id
     CROSS JOIN tags AS t ON t.run_uuid = id.value";
const PARAMS: &str = "SELECT id.key, p.key, p.value FROM json_each(?1) AS id
     CROSS JOIN params AS p ON p.run_uuid = id.value";
const METRICS: &str = "SELECT id.key, m.key, m.value, m.is_nan, m.timestamp, m.step
     FROM json_each(?1) AS id CROSS JOIN latest_metrics AS m
     ON m.run_uuid = id.value";
const DATASET_TAGS: &str = "SELECT id.key, i.input_uuid, t.name, t.value FROM json_each(?1) AS id
     CROSS JOIN inputs AS i ON i.destination_type = 'RUN'
         AND i.destination_id = id.value AND i.source_type = 'DATASET'
     CROSS JOIN input_tags AS t ON t.input_uuid = i.input_uuid
     ORDER BY t.name";
const DATASETS: &str = "SELECT id.key, i.input_uuid, d.name, d.digest, d.dataset_source_type,
         d.dataset_source, d.dataset_schema, d.dataset_profile
     FROM json_each(?1) AS id
     CROSS JOIN inputs AS i ON i.destination_type = 'RUN'
         AND i.destination_id = id.value AND i.source_type = 'DATASET'
     CROSS JOIN datasets AS d ON d.dataset_uuid = i.source_id
     ORDER BY i.rowid";
const MODELS: &str =
    "SELECT id.key, i.source_type, i.destination_id, i.step FROM json_each(?1) AS id
     CROSS JOIN inputs AS i ON i.source_id = id.value
         AND i.source_type IN ('RUN_INPUT', 'RUN_OUTPUT')
         AND i.destination_type IN ('MODEL_INPUT', 'MODEL_OUTPUT')
     ORDER BY i.rowid";

/// All statements of this module, to look at their plans.
#[cfg(test)]
pub(super) const STATEMENTS: [&str; 7] =
    [INFOS, TAGS, PARAMS, METRICS, DATASET_TAGS, DATASETS, MODELS];

/// Spells ids as the JSON array that statements take apart with `json_each`.
pub(super) fn id_list<T: AsRef<str>>(ids: impl IntoIterator<Item = T>) -> String {
    let ids: Vec<serde_json::Value> =
        ids.into_iter().map(|id| serde_json::Value::from(id.as_ref())).collect();
    serde_json::Value::from(ids).to_string()
}

pub(super) fn run(db: &Session<'_>, id: &RunId) -> Result<Run, Failure> {
    let found = runs(db, &[id.as_str()])?.pop();
    Ok(found.ok_or_else(|| Error::RunNotFound(id.clone()))?)
}

/// Reads what a run is, without what it logged.
pub(super) fn info(db: &Session<'_>, id: &RunId) -> Result<RunInfo, Failure> {
    let list = id_list([id.as_str()]);
    let info = db.prepare(INFOS)?.query_row([list], run_info).optional()?.flatten();
    match info {
        // The name may stand in a tag.
        Some(info) if info.run_name.is_empty() => Ok(run(db, id)?.info),
        Some(info) => Ok(info),
        None => Err(Failure::Rule(Error::RunNotFound(id.clone()))),
    }
}

/// Reads the runs with these ids, in this order; one that is not there is left out.
pub(super) fn runs<T: AsRef<str>>(db: &Session<'_>, ids: &[T]) -> Result<Vec<Run>, Failure> {
    let list = id_list(ids.iter().map(AsRef::as_ref));
    let mut loader = Loader { db, list: &list, runs: Vec::new() };
    loader.runs.resize_with(ids.len(), || None);
    loader.infos()?;
    loader.pairs()?;
    loader.metrics()?;
    loader.datasets()?;
    if db.layout().has_models() {
        loader.models()?;
    }
    Ok(loader.runs.into_iter().flatten().map(settled).collect())
}

struct Loader<'a> {
    db: &'a Session<'a>,
    list: &'a str,
    /// By their places in the list.
    runs: Vec<Option<Run>>,
}

impl Loader<'_> {
    /// Runs a statement whose first column is a place in the list.
    fn each(
        &mut self,
        sql: &str,
        mut add: impl FnMut(&mut Run, &Row<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), Failure> {
        let mut statement = self.db.prepare(sql)?;
        let mut rows = statement.query([self.list])?;
        while let Some(row) = rows.next()? {
            let place = row.get::<_, u32>(0)? as usize;
            if let Some(Some(run)) = self.runs.get_mut(place) {
                add(run, row)?;
            }
        }
        Ok(())
    }

    fn infos(&mut self) -> Result<(), Failure> {
        let mut statement = self.db.prepare(INFOS)?;
        let mut rows = statement.query([self.list])?;
        while let Some(row) = rows.next()? {
            let place = row.get::<_, u32>(0)? as usize;
            if let Some(slot) = self.runs.get_mut(place) {
                *slot = run_info(row)?.map(|info| Run {
                    info,
                    data: RunData::default(),
                    inputs: RunInputs::default(),
                    outputs: RunOutputs::default(),
                });
            }
        }
        Ok(())
    }

    fn pairs(&mut self) -> Result<(), Failure> {
        self.each(TAGS, |run, row| {
            if let Ok(key) = Key::parse(row.get_ref(1)?.as_str()?) {
                let value: Option<String> = row.get(2)?;
                run.data.tags.push(Tag::new(key, value.unwrap_or_default()));
            }
            Ok(())
        })?;
        self.each(PARAMS, |run, row| {
            if let Ok(key) = Key::parse(row.get_ref(1)?.as_str()?) {
                run.data.params.push(Param::new(key, row.get::<_, String>(2)?));
            }
            Ok(())
        })
    }

    fn metrics(&mut self) -> Result<(), Failure> {
        self.each(METRICS, |run, row| {
            if let Ok(key) = Key::parse(row.get_ref(1)?.as_str()?) {
                let value = if row.get(3)? { f64::NAN } else { row.get(2)? };
                let time: Option<i64> = row.get(4)?;
                run.data.metrics.push(Metric::new(
                    key,
                    value,
                    time.unwrap_or_default(),
                    row.get(5)?,
                ));
            }
            Ok(())
        })
    }

    fn datasets(&mut self) -> Result<(), Failure> {
        let mut tags: HashMap<String, Vec<Tag>> = HashMap::new();
        self.each(DATASET_TAGS, |_, row| {
            if let Ok(key) = Key::parse(row.get_ref(2)?.as_str()?) {
                let tag = Tag::new(key, row.get::<_, String>(3)?);
                tags.entry(row.get(1)?).or_default().push(tag);
            }
            Ok(())
        })?;
        self.each(DATASETS, |run, row| {
            let dataset = Dataset {
                name: row.get(2)?,
                digest: row.get(3)?,
                source_type: row.get(4)?,
                source: row.get(5)?,
                schema: row.get(6)?,
                profile: row.get(7)?,
            };
            let tags = tags.remove(row.get_ref(1)?.as_str()?).unwrap_or_default();
            run.inputs.dataset_inputs.push(DatasetInput { tags, dataset });
            Ok(())
        })
    }

    fn models(&mut self) -> Result<(), Failure> {
        self.each(MODELS, |run, row| {
            let Ok(model_id) = ModelId::parse(row.get::<_, String>(2)?) else { return Ok(()) };
            if row.get_ref(1)?.as_str()? == "RUN_INPUT" {
                run.inputs.model_inputs.push(LoggedModelInput { model_id });
            } else {
                let step = row.get(3)?;
                run.outputs.model_outputs.push(LoggedModelOutput { model_id, step });
            }
            Ok(())
        })
    }
}

/// Reads a run's own row; `None` when its ids cannot be ids.
fn run_info(row: &Row<'_>) -> rusqlite::Result<Option<RunInfo>> {
    let (Ok(run_id), Ok(experiment_id)) = (
        RunId::parse(row.get::<_, String>(1)?),
        ExperimentId::parse(row.get::<_, i64>(3)?.to_string()),
    ) else {
        return Ok(None);
    };
    let status = row.get_ref(5)?.as_str_or_null()?.and_then(|text| RunStatus::parse(text).ok());
    Ok(Some(RunInfo {
        run_id,
        run_name: row.get::<_, Option<String>>(2)?.unwrap_or_default(),
        experiment_id,
        user_id: row.get::<_, Option<String>>(4)?.unwrap_or_default(),
        status: status.unwrap_or(RunStatus::Running),
        start_time: row.get::<_, Option<i64>>(6)?.unwrap_or_default(),
        end_time: row.get(7)?,
        artifact_uri: row.get::<_, Option<String>>(8)?.unwrap_or_default(),
        lifecycle_stage: experiments::stage(row.get_ref(9)?.as_str_or_null()?),
    }))
}

/// Puts a run's parts in order. The runs of old MLflows have their names in a tag only.
fn settled(mut run: Run) -> Run {
    let data = &mut run.data;
    data.tags.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    data.params.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    data.metrics.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    if run.info.run_name.is_empty()
        && let Some(tag) = data.tags.iter().find(|tag| tag.key.as_str() == rules::tag::RUN_NAME)
    {
        run.info.run_name.clone_from(&tag.value);
    }
    run
}
