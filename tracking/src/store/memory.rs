//! The reference backend: everything in memory, nothing kept. The easiest one to read.

mod facts;
mod models;
mod purge;

use super::{
    Batch, HistoryPage, Millis, NewExperiment, NewRun, RunChange, TrackingStore, select_history,
};
use crate::entity::{
    DatasetInput, DatasetSummary, Experiment, LifecycleStage, LoggedModel, LoggedModelInput,
    LoggedModelOutput, Metric, Param, Run, RunData, RunInfo, RunInputs, RunOutputs, RunStatus, Tag,
};
use crate::search::{self, ExperimentQuery, Page, RunQuery};
use crate::{Error, ExperimentId, ExperimentName, Key, ModelId, Result, RunId, Thing, rules};
use mlctl_artifacts::{ArtifactStore, MemoryArtifacts};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A tracking store in memory.
#[derive(Debug)]
pub struct MemoryStore(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    experiments: BTreeMap<ExperimentId, Experiment>,
    runs: BTreeMap<RunId, RunState>,
    models: BTreeMap<ModelId, LoggedModel>,
    deleted_models: BTreeMap<ModelId, LoggedModel>,
    artifacts: BTreeMap<String, Arc<MemoryArtifacts>>,
}

#[derive(Debug)]
struct RunState {
    run: Run,
    history: Vec<Metric>,
    /// When it was deleted; of no meaning in an active run.
    deleted_time: Millis,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// Makes a store that holds the default experiment.
    pub fn new() -> Self {
        let id = ExperimentId::default_experiment();
        let default = Experiment {
            experiment_id: id.clone(),
            name: "Default".to_owned(),
            artifact_location: location(&[id.as_str()]),
            lifecycle_stage: LifecycleStage::Active,
            last_update_time: 0,
            creation_time: 0,
            tags: Vec::new(),
        };
        let state = State { experiments: [(id, default)].into(), ..State::default() };
        Self(Mutex::new(state))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is made after its checks, so a panic leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn experiment(&mut self, id: &ExperimentId) -> Result<&mut Experiment> {
        self.experiments.get_mut(id).ok_or_else(|| Error::ExperimentNotFound(id.clone()))
    }

    fn active_experiment(&mut self, id: &ExperimentId) -> Result<&mut Experiment> {
        let experiment = self.experiment(id)?;
        rules::require_active_experiment(experiment)?;
        Ok(experiment)
    }

    fn run(&mut self, id: &RunId) -> Result<&mut RunState> {
        self.runs.get_mut(id).ok_or_else(|| Error::RunNotFound(id.clone()))
    }

    fn active_run(&mut self, id: &RunId) -> Result<&mut RunState> {
        let state = self.run(id)?;
        rules::require_active_run(&state.run.info)?;
        Ok(state)
    }

    fn model(&mut self, id: &ModelId) -> Result<&mut LoggedModel> {
        self.models.get_mut(id).ok_or_else(|| Error::ModelNotFound(id.clone()))
    }

    fn reject_taken_name(&self, name: &ExperimentName) -> Result<()> {
        rules::reject_taken_name(name, self.experiments.values())
    }

    fn set_stage(&mut self, id: &ExperimentId, stage: LifecycleStage, now: Millis) -> Result<()> {
        let experiment = self.experiment(id)?;
        rules::require_other_stage(experiment, stage)?;
        experiment.lifecycle_stage = stage;
        experiment.last_update_time = now;
        for state in self.runs.values_mut().filter(|state| &state.run.info.experiment_id == id) {
            state.run.info.lifecycle_stage = stage;
            state.deleted_time = now;
        }
        Ok(())
    }
}

impl TrackingStore for MemoryStore {
    fn create_experiment(&self, new: &NewExperiment) -> Result<ExperimentId> {
        rules::reject_invalid_location(new.artifact_location.as_deref())?;
        let mut state = self.state();
        state.reject_taken_name(&new.name)?;
        new.tags.iter().try_for_each(rules::reject_long_experiment_tag)?;
        let id = ExperimentId::random();
        let mut experiment = Experiment {
            experiment_id: id.clone(),
            name: new.name.to_string(),
            artifact_location: new
                .artifact_location
                .clone()
                .unwrap_or_else(|| location(&[id.as_str()])),
            lifecycle_stage: LifecycleStage::Active,
            last_update_time: new.time,
            creation_time: new.time,
            tags: Vec::new(),
        };
        new.tags.iter().for_each(|tag| set_tag(&mut experiment.tags, tag));
        state.experiments.insert(id.clone(), experiment);
        Ok(id)
    }

    fn experiment(&self, id: &ExperimentId) -> Result<Experiment> {
        self.state().experiment(id).cloned()
    }

    fn experiment_by_name(&self, name: &str) -> Result<Experiment> {
        let state = self.state();
        let found =
            rules::find_experiment_by_name(name, state.experiments.values().cloned().collect());
        found.ok_or_else(|| Error::ExperimentNameNotFound(name.to_owned()))
    }

    fn rename_experiment(
        &self,
        id: &ExperimentId,
        name: &ExperimentName,
        now: Millis,
    ) -> Result<()> {
        let mut state = self.state();
        state.active_experiment(id)?;
        state.reject_taken_name(name)?;
        let experiment = state.experiment(id)?;
        experiment.name = name.to_string();
        experiment.last_update_time = now;
        Ok(())
    }

    fn delete_experiment(&self, id: &ExperimentId, now: Millis) -> Result<()> {
        self.state().set_stage(id, LifecycleStage::Deleted, now)
    }

    fn restore_experiment(&self, id: &ExperimentId, now: Millis) -> Result<()> {
        self.state().set_stage(id, LifecycleStage::Active, now)
    }

    fn set_experiment_tag(&self, id: &ExperimentId, tag: &Tag) -> Result<()> {
        rules::reject_long_experiment_tag(tag)?;
        set_tag(&mut self.state().active_experiment(id)?.tags, tag);
        Ok(())
    }

    fn delete_experiment_tag(&self, id: &ExperimentId, key: &Key) -> Result<()> {
        let mut state = self.state();
        remove_tag(&mut state.active_experiment(id)?.tags, key, || Thing::Experiment(id.clone()))
    }

    fn search_experiments(&self, query: &ExperimentQuery) -> Result<Page<Experiment>> {
        search::select_experiments(query, self.state().experiments.values().cloned())
    }

    fn create_run(&self, new: &NewRun) -> Result<Run> {
        let mut state = self.state();
        let experiment = state.active_experiment(&new.experiment_id)?;
        let (run_name, tags) = new.settle_name()?;
        let run_id = RunId::random();
        let info = RunInfo {
            artifact_uri: format!(
                "{}/{run_id}/artifacts",
                experiment.artifact_location.trim_end_matches('/')
            ),
            run_id: run_id.clone(),
            run_name,
            experiment_id: new.experiment_id.clone(),
            user_id: new.user_id.clone(),
            status: RunStatus::Running,
            start_time: new.start_time,
            end_time: None,
            lifecycle_stage: LifecycleStage::Active,
        };
        let mut data = RunData::default();
        tags.iter().for_each(|tag| set_tag(&mut data.tags, tag));
        let run = Run { info, data, inputs: RunInputs::default(), outputs: RunOutputs::default() };
        state
            .runs
            .insert(run_id, RunState { run: run.clone(), history: Vec::new(), deleted_time: 0 });
        Ok(run)
    }

    fn run(&self, id: &RunId) -> Result<Run> {
        Ok(self.state().run(id)?.run.clone())
    }

    fn update_run(&self, id: &RunId, change: &RunChange) -> Result<RunInfo> {
        let mut state = self.state();
        let Run { info, data, .. } = &mut state.active_run(id)?.run;
        info.status = change.status.unwrap_or(info.status);
        info.end_time = change.end_time.or(info.end_time);
        if let Some(name) = change.run_name.as_deref().filter(|name| !name.is_empty()) {
            info.run_name = name.to_owned();
            set_tag(&mut data.tags, &Tag::new(Key::parse(rules::tag::RUN_NAME)?, name));
        }
        Ok(info.clone())
    }

    fn delete_run(&self, id: &RunId, now: Millis) -> Result<()> {
        let mut state = self.state();
        let state = state.run(id)?;
        state.run.info.lifecycle_stage = LifecycleStage::Deleted;
        state.deleted_time = now;
        Ok(())
    }

    fn restore_run(&self, id: &RunId) -> Result<()> {
        self.state().run(id)?.run.info.lifecycle_stage = LifecycleStage::Active;
        Ok(())
    }

    fn log_batch(&self, id: &RunId, batch: &Batch) -> Result<()> {
        let batch = rules::enforce_batch_limits(batch)?;
        let mut state = self.state();
        let RunState { run, history, .. } = state.active_run(id)?;
        for param in &batch.params {
            check_param(id, &run.data.params, param)?;
        }
        for param in &batch.params {
            if let Err(at) = run.data.params.binary_search_by(|old| old.key.cmp(&param.key)) {
                run.data.params.insert(at, param.clone());
            }
        }
        batch.tags.iter().for_each(|tag| set_tag(&mut run.data.tags, tag));
        if let Some(name) = batch.run_name() {
            run.info.run_name = name.to_owned();
        }
        for metric in &batch.metrics {
            set_latest(&mut run.data.metrics, metric);
            history.push(metric.clone());
        }
        for metric in &batch.metrics {
            if let Some(model) = metric.model_id.as_ref().and_then(|id| state.models.get_mut(id)) {
                let run_id = Some(id.clone());
                let after = model.metrics.partition_point(|old| old.key <= metric.key);
                model.metrics.insert(after, Metric { run_id, ..metric.clone() });
            }
        }
        Ok(())
    }

    fn delete_tag(&self, id: &RunId, key: &Key) -> Result<()> {
        let mut state = self.state();
        remove_tag(&mut state.active_run(id)?.run.data.tags, key, || Thing::Run(id.clone()))
    }

    fn metric_history(&self, id: &RunId, key: &Key, page: &HistoryPage) -> Result<Page<Metric>> {
        let mut state = self.state();
        let points: Vec<Metric> =
            state.run(id)?.history.iter().filter(|point| &point.key == key).cloned().collect();
        select_history(points, (id, key), page)
    }

    fn log_inputs(
        &self,
        id: &RunId,
        datasets: &[DatasetInput],
        models: &[LoggedModelInput],
    ) -> Result<()> {
        rules::reject_oversized_datasets(datasets)?;
        let mut state = self.state();
        let inputs = &mut state.active_run(id)?.run.inputs;
        for input in datasets {
            let same = |old: &DatasetInput| {
                old.dataset.name == input.dataset.name && old.dataset.digest == input.dataset.digest
            };
            if !inputs.dataset_inputs.iter().any(same) {
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
        let mut state = self.state();
        let outputs = &mut state.active_run(id)?.run.outputs.model_outputs;
        for output in models {
            if !outputs.iter().any(|old| old.model_id == output.model_id) {
                outputs.push(output.clone());
            }
        }
        Ok(())
    }

    fn log_model_history(&self, id: &RunId, model: &serde_json::Value) -> Result<()> {
        let mut state = self.state();
        let tags = &mut state.active_run(id)?.run.data.tags;
        let known = tags.iter().find(|tag| tag.key.as_str() == rules::tag::MODEL_HISTORY);
        let tag = rules::add_model_to_history(known.map(|tag| tag.value.as_str()), model)?;
        set_tag(tags, &tag);
        Ok(())
    }

    fn search_datasets(&self, experiments: &[ExperimentId]) -> Result<Vec<DatasetSummary>> {
        let state = self.state();
        let runs = state.runs.values().map(|state| &state.run);
        let wanted = runs.filter(|run| experiments.contains(&run.info.experiment_id));
        let summaries = wanted.flat_map(|run| {
            let of = |input| DatasetSummary::of(&run.info.experiment_id, input);
            run.inputs.dataset_inputs.iter().map(of)
        });
        Ok(rules::limit_dataset_summaries(summaries.collect()))
    }

    fn search_runs(&self, query: &RunQuery) -> Result<Page<Run>> {
        let state = self.state();
        let runs = state.runs.values().map(|state| &state.run);
        let wanted = runs.filter(|run| query.experiment_ids.contains(&run.info.experiment_id));
        search::select_runs(query, wanted.cloned())
    }

    fn artifacts(&self, location: &str) -> Result<Arc<dyn ArtifactStore>> {
        let mut state = self.state();
        let artifacts = state.artifacts.entry(location.to_owned()).or_default();
        Ok(artifacts.clone())
    }
}

fn location(parts: &[&str]) -> String {
    format!("memory:/{}", parts.join("/"))
}

fn set_tag(tags: &mut Vec<Tag>, tag: &Tag) {
    match tags.binary_search_by(|old| old.key.cmp(&tag.key)) {
        Ok(at) => tags[at].value.clone_from(&tag.value),
        Err(at) => tags.insert(at, tag.clone()),
    }
}

fn set_param(params: &mut Vec<Param>, param: &Param) {
    match params.binary_search_by(|old| old.key.cmp(&param.key)) {
        Ok(at) => params[at].value.clone_from(&param.value),
        Err(at) => params.insert(at, param.clone()),
    }
}

fn remove_tag(tags: &mut Vec<Tag>, key: &Key, owner: impl FnOnce() -> Thing) -> Result<()> {
    match tags.binary_search_by(|old| old.key.cmp(key)) {
        Ok(at) => {
            tags.remove(at);
            Ok(())
        }
        Err(_) => Err(Error::TagNotFound { key: key.to_string(), owner: owner() }),
    }
}

fn check_param(run: &RunId, known: &[Param], param: &Param) -> Result<()> {
    match known.iter().find(|old| old.key == param.key) {
        Some(old) if old.value != param.value => Err(Error::ParamChanged {
            run: run.clone(),
            key: param.key.to_string(),
            old: old.value.clone(),
            new: param.value.clone(),
        }),
        _ => Ok(()),
    }
}

fn set_latest(metrics: &mut Vec<Metric>, metric: &Metric) {
    match metrics.binary_search_by(|old| old.key.cmp(&metric.key)) {
        Ok(at) if metric.is_later_than(&metrics[at]) => metrics[at] = metric.clone(),
        Ok(_) => {}
        Err(at) => metrics.insert(at, metric.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    crate::conformance_tests!((MemoryStore::new(), ()));
    crate::purge_conformance_tests!((MemoryStore::new(), ()));
}
