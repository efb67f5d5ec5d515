//! A store as another author would write it: with the public interface of this crate only, and held
//! to the same suite as the stores that come with it.
//!
//! It keeps plain lists and cannot purge. What it shows is where a store finds what it needs: the
//! rules in `rules`, searches in `search`, the pages of a history in `store`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use mlctl_artifacts::{ArtifactStore, MemoryArtifacts};
use mlctl_tracking::entity::{
    DatasetInput, DatasetSummary, Experiment, LifecycleStage, LoggedModel, LoggedModelInput,
    LoggedModelOutput, LoggedModelStatus, Metric, Param, Run, RunData, RunInfo, RunInputs,
    RunOutputs, RunStatus, Tag,
};
use mlctl_tracking::facts::RunFacts;
use mlctl_tracking::rules::{self, tag};
use mlctl_tracking::search::{
    self, ExperimentQuery, LoggedModelQuery, Page, RunQuery, select_experiments,
    select_logged_models, select_runs,
};
use mlctl_tracking::store::{
    Batch, HistoryPage, LoggedModelStore, Millis, NewExperiment, NewLoggedModel, NewRun,
    PurgeStore, RunChange, TrackingStore, select_history,
};
use mlctl_tracking::{
    Error, ExperimentId, ExperimentName, Key, ModelId, Result, RunId, Thing, name,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

mod suite {
    use super::*;
    mlctl_tracking::conformance_tests!((Lists::new(), ()));
}

#[test]
fn a_store_that_cannot_purge_says_so() {
    let store: Arc<dyn TrackingStore> = Arc::new(Lists::new());

    let refused = store.deleted(None).unwrap_err();

    assert!(matches!(refused, Error::Unsupported(_)), "{refused}");
}

#[test]
fn a_store_can_compile_a_search_and_do_the_rest_itself() {
    let store = Lists::new();
    for name in ["a", "b", "c"] {
        let mut new = new_run();
        new.run_name = Some(name.to_owned());
        store.create_run(&new).unwrap();
    }
    let mut query = RunQuery::of(vec![ExperimentId::default_experiment()]);
    query.filter = "run_name != 'b'".to_owned();
    query.order_by = vec!["run_name DESC".to_owned()];

    let compiled = query.compile().unwrap();
    let lists = store.lists();
    let found = lists.runs.iter().map(|kept| &kept.run).filter(|run| compiled.admits(*run));
    let rows = found.map(|run| {
        let RunInfo { start_time, run_id, run_name, .. } = &run.info;
        (search::row_key(&compiled, run, *start_time, run_id.as_str()), run_name.as_str())
    });
    let page = search::page(rows.collect(), &compiled, 1, None).unwrap();

    assert_eq!(page.items, ["c"]);
    assert!(page.next_page_token.is_some());
}

fn new_run() -> NewRun {
    NewRun {
        experiment_id: ExperimentId::default_experiment(),
        user_id: "ada".to_owned(),
        run_name: None,
        start_time: 1,
        tags: Vec::new(),
    }
}

/// A tracking store in plain lists.
#[derive(Debug)]
struct Lists(Mutex<State>);

#[derive(Debug)]
struct State {
    experiments: Vec<Experiment>,
    runs: Vec<KeptRun>,
    models: Vec<LoggedModel>,
    artifacts: BTreeMap<String, Arc<MemoryArtifacts>>,
}

#[derive(Debug)]
struct KeptRun {
    run: Run,
    points: Vec<Metric>,
}

impl Lists {
    fn new() -> Self {
        let default = Experiment {
            experiment_id: ExperimentId::default_experiment(),
            name: "Default".to_owned(),
            artifact_location: "lists:/0".to_owned(),
            lifecycle_stage: LifecycleStage::Active,
            last_update_time: 0,
            creation_time: 0,
            tags: Vec::new(),
        };
        Self(Mutex::new(State {
            experiments: vec![default],
            runs: Vec::new(),
            models: Vec::new(),
            artifacts: BTreeMap::new(),
        }))
    }

    fn lists(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl State {
    fn experiment(&mut self, id: &ExperimentId) -> Result<&mut Experiment> {
        let found = self.experiments.iter_mut().find(|one| one.experiment_id == *id);
        found.ok_or_else(|| Error::ExperimentNotFound(id.clone()))
    }

    fn active_experiment(&mut self, id: &ExperimentId) -> Result<&mut Experiment> {
        let experiment = self.experiment(id)?;
        rules::require_active_experiment(experiment)?;
        Ok(experiment)
    }

    fn run(&mut self, id: &RunId) -> Result<&mut KeptRun> {
        let found = self.runs.iter_mut().find(|kept| kept.run.info.run_id == *id);
        found.ok_or_else(|| Error::RunNotFound(id.clone()))
    }

    fn active_run(&mut self, id: &RunId) -> Result<&mut KeptRun> {
        let kept = self.run(id)?;
        rules::require_active_run(&kept.run.info)?;
        Ok(kept)
    }

    fn model(&mut self, id: &ModelId) -> Result<&mut LoggedModel> {
        let found = self.models.iter_mut().find(|model| model.model_id == *id);
        found.ok_or_else(|| Error::ModelNotFound(id.clone()))
    }

    fn move_experiment(
        &mut self,
        id: &ExperimentId,
        stage: LifecycleStage,
        now: Millis,
    ) -> Result<()> {
        let experiment = self.experiment(id)?;
        rules::require_other_stage(experiment, stage)?;
        experiment.lifecycle_stage = stage;
        experiment.last_update_time = now;
        let runs = self.runs.iter_mut().map(|kept| &mut kept.run.info);
        runs.filter(|info| info.experiment_id == *id).for_each(|info| info.lifecycle_stage = stage);
        Ok(())
    }
}

/// Puts a tag in its place among others, which are in the order of their keys.
fn put_tag(tags: &mut Vec<Tag>, tag: &Tag) {
    tags.retain(|known| known.key != tag.key);
    tags.push(tag.clone());
    tags.sort_by(|a, b| a.key.cmp(&b.key));
}

fn put_param(params: &mut Vec<Param>, param: &Param) {
    params.retain(|known| known.key != param.key);
    params.push(param.clone());
    params.sort_by(|a, b| a.key.cmp(&b.key));
}

fn delete_tag(tags: &mut Vec<Tag>, key: &Key, owner: Thing) -> Result<()> {
    let count = tags.len();
    tags.retain(|tag| tag.key != *key);
    match tags.len() == count {
        true => Err(Error::TagNotFound { key: key.to_string(), owner }),
        false => Ok(()),
    }
}

fn find_tag<'a>(tags: &'a [Tag], key: &str) -> Option<&'a str> {
    tags.iter().find(|tag| tag.key.as_str() == key).map(|tag| tag.value.as_str())
}

impl TrackingStore for Lists {
    fn create_experiment(&self, new: &NewExperiment) -> Result<ExperimentId> {
        rules::reject_invalid_location(new.artifact_location.as_deref())?;
        new.tags.iter().try_for_each(rules::reject_long_experiment_tag)?;
        let mut lists = self.lists();
        rules::reject_taken_name(&new.name, lists.experiments.iter())?;
        let id = ExperimentId::random();
        let location = new.artifact_location.clone().unwrap_or_else(|| format!("lists:/{id}"));
        let mut tags = Vec::new();
        new.tags.iter().for_each(|tag| put_tag(&mut tags, tag));
        lists.experiments.push(Experiment {
            experiment_id: id.clone(),
            name: new.name.to_string(),
            artifact_location: location,
            lifecycle_stage: LifecycleStage::Active,
            last_update_time: new.time,
            creation_time: new.time,
            tags,
        });
        Ok(id)
    }

    fn experiment(&self, id: &ExperimentId) -> Result<Experiment> {
        self.lists().experiment(id).cloned()
    }

    fn experiment_by_name(&self, name: &str) -> Result<Experiment> {
        let found = rules::find_experiment_by_name(name, self.lists().experiments.clone());
        found.ok_or_else(|| Error::ExperimentNameNotFound(name.to_owned()))
    }

    fn rename_experiment(
        &self,
        id: &ExperimentId,
        name: &ExperimentName,
        now: Millis,
    ) -> Result<()> {
        let mut lists = self.lists();
        lists.active_experiment(id)?;
        rules::reject_taken_name(name, lists.experiments.iter())?;
        let experiment = lists.experiment(id)?;
        experiment.name = name.to_string();
        experiment.last_update_time = now;
        Ok(())
    }

    fn delete_experiment(&self, id: &ExperimentId, now: Millis) -> Result<()> {
        self.lists().move_experiment(id, LifecycleStage::Deleted, now)
    }

    fn restore_experiment(&self, id: &ExperimentId, now: Millis) -> Result<()> {
        self.lists().move_experiment(id, LifecycleStage::Active, now)
    }

    fn set_experiment_tag(&self, id: &ExperimentId, tag: &Tag) -> Result<()> {
        rules::reject_long_experiment_tag(tag)?;
        put_tag(&mut self.lists().active_experiment(id)?.tags, tag);
        Ok(())
    }

    fn delete_experiment_tag(&self, id: &ExperimentId, key: &Key) -> Result<()> {
        let owner = Thing::Experiment(id.clone());
        delete_tag(&mut self.lists().active_experiment(id)?.tags, key, owner)
    }

    fn search_experiments(&self, query: &ExperimentQuery) -> Result<Page<Experiment>> {
        select_experiments(query, self.lists().experiments.iter().cloned())
    }

    fn create_run(&self, new: &NewRun) -> Result<Run> {
        let mut lists = self.lists();
        let root = lists.active_experiment(&new.experiment_id)?.artifact_location.clone();
        let (run_name, named) = new.settle_name()?;
        let mut data = RunData::default();
        named.iter().for_each(|tag| put_tag(&mut data.tags, tag));
        let run_id = RunId::random();
        let info = RunInfo {
            artifact_uri: format!("{root}/{run_id}/artifacts"),
            run_id,
            run_name,
            experiment_id: new.experiment_id.clone(),
            user_id: new.user_id.clone(),
            status: RunStatus::Running,
            start_time: new.start_time,
            end_time: None,
            lifecycle_stage: LifecycleStage::Active,
        };
        let run = Run { info, data, inputs: RunInputs::default(), outputs: RunOutputs::default() };
        lists.runs.push(KeptRun { run: run.clone(), points: Vec::new() });
        Ok(run)
    }

    fn run(&self, id: &RunId) -> Result<Run> {
        Ok(self.lists().run(id)?.run.clone())
    }

    fn update_run(&self, id: &RunId, change: &RunChange) -> Result<RunInfo> {
        let mut lists = self.lists();
        let Run { info, data, .. } = &mut lists.active_run(id)?.run;
        info.status = change.status.unwrap_or(info.status);
        info.end_time = change.end_time.or(info.end_time);
        if let Some(name) = change.run_name.as_deref().filter(|name| !name.is_empty()) {
            info.run_name = name.to_owned();
            put_tag(&mut data.tags, &Tag::new(Key::parse(tag::RUN_NAME)?, name));
        }
        Ok(info.clone())
    }

    fn delete_run(&self, id: &RunId, _: Millis) -> Result<()> {
        self.lists().run(id)?.run.info.lifecycle_stage = LifecycleStage::Deleted;
        Ok(())
    }

    fn restore_run(&self, id: &RunId) -> Result<()> {
        self.lists().run(id)?.run.info.lifecycle_stage = LifecycleStage::Active;
        Ok(())
    }

    fn log_batch(&self, id: &RunId, batch: &Batch) -> Result<()> {
        let batch = rules::enforce_batch_limits(batch)?;
        let mut lists = self.lists();
        let KeptRun { run, points } = lists.active_run(id)?;
        for param in &batch.params {
            let known = run.data.params.iter().find(|known| known.key == param.key);
            if let Some(known) = known.filter(|known| known.value != param.value) {
                return Err(Error::ParamChanged {
                    run: id.clone(),
                    key: param.key.to_string(),
                    old: known.value.clone(),
                    new: param.value.clone(),
                });
            }
        }
        batch.params.iter().for_each(|param| put_param(&mut run.data.params, param));
        batch.tags.iter().for_each(|tag| put_tag(&mut run.data.tags, tag));
        if let Some(name) = batch.run_name() {
            run.info.run_name = name.to_owned();
        }
        for metric in &batch.metrics {
            points.push(metric.clone());
            let latest = &mut run.data.metrics;
            match latest.iter_mut().find(|known| known.key == metric.key) {
                Some(known) if metric.is_later_than(known) => *known = metric.clone(),
                Some(_) => {}
                None => latest.push(metric.clone()),
            }
            latest.sort_by(|a, b| a.key.cmp(&b.key));
        }
        for metric in &batch.metrics {
            let Some(model) = &metric.model_id else { continue };
            if let Ok(model) = lists.model(model) {
                model.metrics.push(Metric { run_id: Some(id.clone()), ..metric.clone() });
                model.metrics.sort_by(|a, b| a.key.cmp(&b.key));
            }
        }
        Ok(())
    }

    fn delete_tag(&self, id: &RunId, key: &Key) -> Result<()> {
        let owner = Thing::Run(id.clone());
        delete_tag(&mut self.lists().active_run(id)?.run.data.tags, key, owner)
    }

    fn metric_history(&self, id: &RunId, key: &Key, page: &HistoryPage) -> Result<Page<Metric>> {
        let mut points = self.lists().run(id)?.points.clone();
        points.retain(|point| point.key == *key);
        select_history(points, (id, key), page)
    }

    fn log_inputs(
        &self,
        id: &RunId,
        datasets: &[DatasetInput],
        models: &[LoggedModelInput],
    ) -> Result<()> {
        rules::reject_oversized_datasets(datasets)?;
        let mut lists = self.lists();
        let inputs = &mut lists.active_run(id)?.run.inputs;
        for input in datasets {
            let (name, digest) = (&input.dataset.name, &input.dataset.digest);
            let mut known = inputs.dataset_inputs.iter().map(|known| &known.dataset);
            if !known.any(|known| (&known.name, &known.digest) == (name, digest)) {
                inputs.dataset_inputs.push(input.clone());
            }
        }
        for input in models {
            if !inputs.model_inputs.contains(input) {
                inputs.model_inputs.push(input.clone());
            }
        }
        Ok(())
    }

    fn log_outputs(&self, id: &RunId, models: &[LoggedModelOutput]) -> Result<()> {
        let mut lists = self.lists();
        let outputs = &mut lists.active_run(id)?.run.outputs.model_outputs;
        for output in models {
            if !outputs.iter().any(|known| known.model_id == output.model_id) {
                outputs.push(output.clone());
            }
        }
        Ok(())
    }

    fn log_model_history(&self, id: &RunId, model: &serde_json::Value) -> Result<()> {
        let mut lists = self.lists();
        let tags = &mut lists.active_run(id)?.run.data.tags;
        let tag = rules::add_model_to_history(find_tag(tags, tag::MODEL_HISTORY), model)?;
        put_tag(tags, &tag);
        Ok(())
    }

    fn search_datasets(&self, experiments: &[ExperimentId]) -> Result<Vec<DatasetSummary>> {
        let lists = self.lists();
        let runs = lists.runs.iter().map(|kept| &kept.run);
        let used =
            runs.filter(|run| experiments.contains(&run.info.experiment_id)).flat_map(|run| {
                let inputs = run.inputs.dataset_inputs.iter();
                inputs.map(|input| DatasetSummary::of(&run.info.experiment_id, input))
            });
        Ok(rules::limit_dataset_summaries(used.collect()))
    }

    fn search_runs(&self, query: &RunQuery) -> Result<Page<Run>> {
        let lists = self.lists();
        let runs = lists.runs.iter().map(|kept| &kept.run);
        let wanted = runs.filter(|run| query.experiment_ids.contains(&run.info.experiment_id));
        select_runs(query, wanted.cloned())
    }

    fn artifacts(&self, location: &str) -> Result<Arc<dyn ArtifactStore>> {
        Ok(self.lists().artifacts.entry(location.to_owned()).or_default().clone())
    }
}

impl LoggedModelStore for Lists {
    fn create_logged_model(&self, new: &NewLoggedModel) -> Result<LoggedModel> {
        new.name.as_deref().map_or(Ok(()), rules::reject_invalid_model_name)?;
        rules::reject_too_many_model_pairs(&new.params, &new.tags)?;
        let mut lists = self.lists();
        let root = lists.active_experiment(&new.experiment_id)?.artifact_location.clone();
        let model_id = ModelId::random();
        let mut model = LoggedModel {
            artifact_uri: format!("{root}/models/{model_id}/artifacts"),
            model_id,
            experiment_id: new.experiment_id.clone(),
            name: new.name.clone().unwrap_or_else(name::make_up),
            creation_timestamp: new.time,
            last_updated_timestamp: new.time,
            status: LoggedModelStatus::Pending,
            status_message: None,
            model_type: new.model_type.clone(),
            source_run_id: new.source_run_id.clone(),
            tags: Vec::new(),
            params: Vec::new(),
            metrics: Vec::new(),
        };
        new.tags.iter().for_each(|tag| put_tag(&mut model.tags, tag));
        new.params.iter().for_each(|param| put_param(&mut model.params, param));
        lists.models.push(model.clone());
        Ok(model)
    }

    fn logged_model(&self, id: &ModelId) -> Result<LoggedModel> {
        self.lists().model(id).cloned()
    }

    fn finalize_logged_model(
        &self,
        id: &ModelId,
        status: LoggedModelStatus,
        now: Millis,
    ) -> Result<LoggedModel> {
        let mut lists = self.lists();
        let model = lists.model(id)?;
        model.status = status;
        model.last_updated_timestamp = now;
        Ok(model.clone())
    }

    fn delete_logged_model(&self, id: &ModelId, _: Millis) -> Result<()> {
        let mut lists = self.lists();
        lists.model(id)?;
        lists.models.retain(|model| model.model_id != *id);
        Ok(())
    }

    fn log_model_params(&self, id: &ModelId, params: &[Param]) -> Result<()> {
        rules::reject_too_many_model_pairs(params, &[])?;
        let mut lists = self.lists();
        let model = lists.model(id)?;
        for param in params {
            let known = model.params.iter().find(|known| known.key == param.key);
            rules::reject_changed_model_param(known.map(|known| known.value.as_str()), param)?;
        }
        params.iter().for_each(|param| put_param(&mut model.params, param));
        Ok(())
    }

    fn set_model_tags(&self, id: &ModelId, tags: &[Tag]) -> Result<()> {
        rules::reject_too_many_model_pairs(&[], tags)?;
        let mut lists = self.lists();
        let model = lists.model(id)?;
        tags.iter().for_each(|tag| put_tag(&mut model.tags, tag));
        Ok(())
    }

    fn add_model_version(&self, id: &ModelId, name: &str, version: u32) -> Result<()> {
        let mut lists = self.lists();
        let tags = &mut lists.model(id)?.tags;
        let noted = find_tag(tags, tag::MODEL_VERSIONS);
        if let Some(tag) = rules::add_model_version(noted, name, version)? {
            put_tag(tags, &tag);
        }
        Ok(())
    }

    fn delete_model_tag(&self, id: &ModelId, key: &Key) -> Result<()> {
        delete_tag(&mut self.lists().model(id)?.tags, key, Thing::Model(id.clone()))
    }

    fn search_logged_models(&self, query: &LoggedModelQuery) -> Result<Page<LoggedModel>> {
        let lists = self.lists();
        let wanted =
            lists.models.iter().filter(|model| query.experiment_ids.contains(&model.experiment_id));
        select_logged_models(query, wanted.cloned())
    }
}

/// Nothing is kept of what is deleted, so there is nothing to purge.
impl PurgeStore for Lists {}

/// Every run is looked at for every fact.
impl RunFacts for Lists {
    fn each_run(&self, query: &RunQuery, visit: &mut dyn FnMut(&Run)) -> Result<()> {
        let compiled = query.compile()?;
        let lists = self.lists();
        let runs = lists.runs.iter().map(|kept| &kept.run);
        runs.filter(|run| query.admits(run, &compiled)).for_each(visit);
        Ok(())
    }
}
