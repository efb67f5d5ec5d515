//! Whole runs, many at once, in a fixed number of statements.

use super::database::{Failure, Session};
use super::{experiments, runs};
use crate::entity::{
    Dataset, DatasetInput, LoggedModelInput, LoggedModelOutput, Metric, Param, Run, RunData,
    RunInfo, RunInputs, RunOutputs, RunStatus, Tag,
};
use crate::{Error, ExperimentId, Key, ModelId, RunId, rules};
use rusqlite::{OptionalExtension, Row};
use std::collections::HashMap;

/// The statements that load runs; each yields a place in the list of ids first.
struct Statements {
    infos: &'static str,
    tags: &'static str,
    params: &'static str,
    metrics: &'static str,
    datasets: &'static str,
    dataset_tags: &'static str,
    models: &'static str,
}

/// Writes the statements: `$place` is the place of `$id` in the list that `$from` takes apart.
macro_rules! statements {
    ($place:literal, $from:literal, $id:literal) => {
        Statements {
            infos: concat!(
                "SELECT ",
                $place,
                ", r.run_uuid, r.name, r.experiment_id, r.user_id, r.status,
                     r.start_time, r.end_time, r.artifact_uri, r.lifecycle_stage
                 FROM ",
                $from,
                " runs AS r WHERE r.run_uuid = ",
                $id
            ),
            tags: concat!(
                "SELECT ",
                $place,
                ", t.key, t.value
                 FROM ",
                $from,
                " tags AS t WHERE t.run_uuid = ",
                $id
            ),
            params: concat!(
                "SELECT ",
                $place,
                ", p.key, p.value
                 FROM ",
                $from,
                " params AS p WHERE p.run_uuid = ",
                $id
            ),
            metrics: concat!(
                "SELECT ",
                $place,
                ", m.key, m.value, m.is_nan, m.timestamp, m.step
                 FROM ",
                $from,
                " latest_metrics AS m WHERE m.run_uuid = ",
                $id
            ),
            datasets: concat!(
                "SELECT ",
                $place,
                ", i.input_uuid, d.name, d.digest, d.dataset_source_type,
                     d.dataset_source, d.dataset_schema, d.dataset_profile
                 FROM ",
                $from,
                " inputs AS i
                 CROSS JOIN datasets AS d ON d.dataset_uuid = i.source_id
                 WHERE i.destination_type = 'RUN' AND i.destination_id = ",
                $id,
                "
                     AND i.source_type = 'DATASET'
                 ORDER BY i.rowid"
            ),
            dataset_tags: concat!(
                "SELECT ",
                $place,
                ", i.input_uuid, t.name, t.value
                 FROM ",
                $from,
                " inputs AS i
                 CROSS JOIN input_tags AS t ON t.input_uuid = i.input_uuid
                 WHERE i.destination_type = 'RUN' AND i.destination_id = ",
                $id,
                "
                     AND i.source_type = 'DATASET'
                 ORDER BY t.name"
            ),
            // Two lists of kinds, or an order, would each make a temporary table for each run.
            models: concat!(
                "SELECT ",
                $place,
                ", i.source_type, i.destination_id, i.step, i.rowid
                 FROM ",
                $from,
                " inputs AS i
                 WHERE i.source_type = 'RUN_INPUT' AND i.source_id = ",
                $id,
                " AND i.destination_type = 'MODEL_INPUT'
                 UNION ALL
                 SELECT ",
                $place,
                ", i.source_type, i.destination_id, i.step, i.rowid
                 FROM ",
                $from,
                " inputs AS i
                 WHERE i.source_type = 'RUN_OUTPUT' AND i.source_id = ",
                $id,
                " AND i.destination_type = 'MODEL_OUTPUT'"
            ),
        }
    };
}

/// For ?1, a JSON array of ids.
const OF_MANY: Statements = statements!("id.key", "json_each(?1) AS id CROSS JOIN", "id.value");
/// For ?1, an id: taking an array apart costs more than reading a run.
const OF_ONE: Statements = statements!("0", "", "?1");

/// All statements of this module, to look at their plans.
#[cfg(test)]
pub(super) fn statements() -> Vec<&'static str> {
    let all = |s: Statements| {
        [s.infos, s.tags, s.params, s.metrics, s.dataset_tags, s.datasets, s.models]
    };
    [all(OF_MANY), all(OF_ONE)].concat()
}

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
    let info = db.prepare(OF_ONE.infos)?.query_row([id.as_str()], run_info).optional()?.flatten();
    match info {
        // The name may stand in a tag.
        Some(info) if info.run_name.is_empty() => Ok(run(db, id)?.info),
        Some(info) => Ok(info),
        None => Err(Failure::Rule(Error::RunNotFound(id.clone()))),
    }
}

/// Reads the runs with these ids, in this order; one that is not there is left out.
pub(super) fn runs<T: AsRef<str>>(db: &Session<'_>, ids: &[T]) -> Result<Vec<Run>, Failure> {
    let many;
    let (sql, list) = match ids {
        [only] => (OF_ONE, only.as_ref()),
        _ => {
            many = id_list(ids.iter().map(AsRef::as_ref));
            (OF_MANY, many.as_str())
        }
    };
    let mut loader = Loader { db, sql, list, runs: Vec::new() };
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
    sql: Statements,
    /// What the statements are bound to.
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
        let mut statement = self.db.prepare(self.sql.infos)?;
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
        self.each(self.sql.tags, |run, row| {
            if let Ok(key) = Key::parse(row.get_ref(1)?.as_str()?) {
                let value: Option<String> = row.get(2)?;
                run.data.tags.push(Tag::new(key, value.unwrap_or_default()));
            }
            Ok(())
        })?;
        self.each(self.sql.params, |run, row| {
            if let Ok(key) = Key::parse(row.get_ref(1)?.as_str()?) {
                run.data.params.push(Param::new(key, row.get::<_, String>(2)?));
            }
            Ok(())
        })
    }

    fn metrics(&mut self) -> Result<(), Failure> {
        self.each(self.sql.metrics, |run, row| {
            if let Ok(key) = Key::parse(row.get_ref(1)?.as_str()?) {
                let value = if row.get(3)? { f64::NAN } else { runs::restored(row.get(2)?) };
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
        // By the ids of the links, which tell where the tags go.
        let mut places: HashMap<String, usize> = HashMap::new();
        self.each(self.sql.datasets, |run, row| {
            let dataset = Dataset {
                name: row.get(2)?,
                digest: row.get(3)?,
                source_type: row.get(4)?,
                source: row.get(5)?,
                schema: row.get(6)?,
                profile: row.get(7)?,
            };
            let inputs = &mut run.inputs.dataset_inputs;
            places.insert(row.get(1)?, inputs.len());
            inputs.push(DatasetInput { tags: Vec::new(), dataset });
            Ok(())
        })?;
        if places.is_empty() {
            return Ok(());
        }
        self.each(self.sql.dataset_tags, |run, row| {
            let place = places.get(row.get_ref(1)?.as_str()?);
            let input = place.and_then(|at| run.inputs.dataset_inputs.get_mut(*at));
            if let (Some(input), Ok(key)) = (input, Key::parse(row.get_ref(2)?.as_str()?)) {
                input.tags.push(Tag::new(key, row.get::<_, String>(3)?));
            }
            Ok(())
        })
    }

    fn models(&mut self) -> Result<(), Failure> {
        let mut links = Vec::new();
        self.each(self.sql.models, |_, row| {
            let place = row.get::<_, u32>(0)? as usize;
            if let Ok(model_id) = ModelId::parse(row.get::<_, String>(2)?) {
                let is_input = row.get_ref(1)?.as_str()? == "RUN_INPUT";
                links.push((row.get::<_, i64>(4)?, place, is_input, model_id, row.get(3)?));
            }
            Ok(())
        })?;
        // In the order in which they were noted.
        links.sort_unstable_by_key(|(rowid, ..)| *rowid);
        for (_, place, is_input, model_id, step) in links {
            let Some(Some(run)) = self.runs.get_mut(place) else { continue };
            match is_input {
                true => run.inputs.model_inputs.push(LoggedModelInput { model_id }),
                false => run.outputs.model_outputs.push(LoggedModelOutput { model_id, step }),
            }
        }
        Ok(())
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
