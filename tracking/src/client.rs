//! A [`TrackingStore`] that is somewhere else, over MLflow's REST API.
//!
//! Talks to `mlctl server` and to MLflow's own server. Calls block: use it outside of async code.

mod artifacts;
mod facts;
mod transport;

use crate::entity::{
    DatasetInput, DatasetSummary, Experiment, LoggedModel, LoggedModelInput, LoggedModelOutput,
    LoggedModelStatus, Metric, ModelParam, Param, Run, RunInfo, Tag, ViewType,
};
use crate::field::EnumValue;
use crate::message::*;
use crate::search::{DatasetScope, ExperimentQuery, LoggedModelQuery, Page, RunQuery};
use crate::store::{
    Batch, HistoryPage, LoggedModelStore, Millis, NewExperiment, NewLoggedModel, NewRun,
    PurgeStore, RunChange, TrackingStore,
};
use crate::{Error, ExperimentId, ExperimentName, Key, ModelId, Result, RunId, rules};
use artifacts::HttpArtifacts;
use mlctl_artifacts::{ArtifactStore, Locations};
pub use mlctl_client::Credentials;
use mlctl_wire::limits;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use transport::Transport;

/// A tracking store behind a URL.
#[derive(Clone, Debug)]
pub struct HttpStore {
    transport: Arc<Transport>,
    locations: Locations,
    /// Held while the versions of a logged model are read and written back.
    versions: Arc<Mutex<()>>,
}

/// An answer of which nothing is needed.
#[derive(Deserialize)]
struct Ignored {}

impl HttpStore {
    /// Prepares to talk to the server at `url`, such as `https://host/prefix`. Nothing is sent.
    ///
    /// # Errors
    /// [`Error::Invalid`] when `url` is no HTTP URL.
    pub fn new(url: &str, credentials: Credentials) -> Result<Self> {
        let transport = Arc::new(Transport::new(url, credentials)?);
        Ok(Self { transport, locations: Locations::default(), versions: Arc::default() })
    }

    /// Reaches artifacts in object stores through `locations`.
    #[must_use]
    pub fn with_locations(self, locations: Locations) -> Self {
        Self { locations, ..self }
    }

    fn model(&self, path: &str) -> String {
        format!("logged-models/{path}")
    }
}

/// Takes what an answer has to hold.
fn present<T>(value: Option<T>, what: &'static str) -> Result<T> {
    value.ok_or_else(|| {
        Error::backend(format!("the server's answer has no `{what}`"), "not an MLflow server")
    })
}

fn view(view: ViewType) -> Option<EnumValue> {
    let name = match view {
        ViewType::ActiveOnly => "ACTIVE_ONLY",
        ViewType::DeletedOnly => "DELETED_ONLY",
        ViewType::All => "ALL",
    };
    Some(EnumValue(name.to_owned()))
}

fn rows(max_results: usize) -> Option<i64> {
    i64::try_from(max_results).ok()
}

fn search_request(query: &RunQuery) -> SearchRuns {
    SearchRuns {
        experiment_ids: query.experiment_ids.clone(),
        filter: Some(query.filter.clone()),
        run_view_type: view(query.view),
        max_results: rows(query.max_results),
        order_by: query.order_by.clone(),
        page_token: query.page_token.clone(),
    }
}

/// The server says "Invalid page token" by its message only.
fn name_page_token(error: Error) -> Error {
    match error {
        Error::Remote { message, .. } if message == "Invalid page token" => Error::PageToken,
        other => other,
    }
}

impl TrackingStore for HttpStore {
    fn create_experiment(&self, new: &NewExperiment) -> Result<ExperimentId> {
        let request = CreateExperiment {
            name: Some(new.name.to_string()),
            artifact_location: new.artifact_location.clone(),
            tags: new.tags.clone(),
        };
        let answer: OfExperiment = self.transport.post("experiments/create", &request)?;
        present(answer.experiment_id, "experiment_id")
    }

    fn experiment(&self, id: &ExperimentId) -> Result<Experiment> {
        let request = OfExperiment { experiment_id: Some(id.clone()) };
        let answer: ExperimentAnswer = self.transport.get("experiments/get", &request)?;
        present(answer.experiment, "experiment")
    }

    fn experiment_by_name(&self, name: &str) -> Result<Experiment> {
        let request = ExperimentByName { experiment_name: Some(name.to_owned()) };
        let answer: ExperimentAnswer = self.transport.get("experiments/get-by-name", &request)?;
        present(answer.experiment, "experiment")
    }

    fn rename_experiment(&self, id: &ExperimentId, name: &ExperimentName, _: Millis) -> Result<()> {
        let request =
            UpdateExperiment { experiment_id: Some(id.clone()), new_name: Some(name.to_string()) };
        self.transport.post("experiments/update", &request).map(|Ignored {}| ())
    }

    fn delete_experiment(&self, id: &ExperimentId, _: Millis) -> Result<()> {
        let request = OfExperiment { experiment_id: Some(id.clone()) };
        self.transport.post("experiments/delete", &request).map(|Ignored {}| ())
    }

    fn restore_experiment(&self, id: &ExperimentId, _: Millis) -> Result<()> {
        let request = OfExperiment { experiment_id: Some(id.clone()) };
        self.transport.post("experiments/restore", &request).map(|Ignored {}| ())
    }

    fn set_experiment_tag(&self, id: &ExperimentId, tag: &Tag) -> Result<()> {
        let request = ExperimentTag {
            experiment_id: Some(id.clone()),
            key: Some(tag.key.to_string()),
            value: Some(tag.value.clone()),
        };
        self.transport.post("experiments/set-experiment-tag", &request).map(|Ignored {}| ())
    }

    fn delete_experiment_tag(&self, id: &ExperimentId, key: &Key) -> Result<()> {
        let request = ExperimentTag {
            experiment_id: Some(id.clone()),
            key: Some(key.to_string()),
            value: None,
        };
        self.transport.post("experiments/delete-experiment-tag", &request).map(|Ignored {}| ())
    }

    fn search_experiments(&self, query: &ExperimentQuery) -> Result<Page<Experiment>> {
        let request = SearchExperiments {
            max_results: rows(query.max_results),
            page_token: query.page_token.clone(),
            filter: Some(query.filter.clone()),
            order_by: query.order_by.clone(),
            view_type: view(query.view),
        };
        let answer: ExperimentsAnswer =
            self.transport.post("experiments/search", &request).map_err(name_page_token)?;
        Ok(Page { items: answer.experiments, next_page_token: answer.next_page_token })
    }

    fn create_run(&self, new: &NewRun) -> Result<Run> {
        let request = CreateRun {
            experiment_id: Some(new.experiment_id.clone()),
            user_id: Some(new.user_id.clone()),
            run_name: new.run_name.clone(),
            start_time: Some(new.start_time),
            tags: new.tags.clone(),
        };
        let answer: RunAnswer = self.transport.post("runs/create", &request)?;
        present(answer.run, "run")
    }

    fn run(&self, id: &RunId) -> Result<Run> {
        let request = OfRun { run_id: Some(id.clone()), run_uuid: None };
        let answer: RunAnswer = self.transport.get("runs/get", &request)?;
        present(answer.run, "run")
    }

    fn update_run(&self, id: &RunId, change: &RunChange) -> Result<RunInfo> {
        let request = UpdateRun {
            run_id: Some(id.clone()),
            run_uuid: None,
            status: change.status.map(|status| EnumValue(status.as_str().to_owned())),
            end_time: change.end_time,
            run_name: change.run_name.clone(),
        };
        let answer: RunInfoAnswer = self.transport.post("runs/update", &request)?;
        present(answer.run_info, "run_info")
    }

    fn delete_run(&self, id: &RunId, _: Millis) -> Result<()> {
        let request = OfRun { run_id: Some(id.clone()), run_uuid: None };
        self.transport.post("runs/delete", &request).map(|Ignored {}| ())
    }

    fn restore_run(&self, id: &RunId) -> Result<()> {
        let request = OfRun { run_id: Some(id.clone()), run_uuid: None };
        self.transport.post("runs/restore", &request).map(|Ignored {}| ())
    }

    fn log_batch(&self, id: &RunId, batch: &Batch) -> Result<()> {
        let request = LogBatch {
            run_id: Some(id.clone()),
            metrics: batch.metrics.clone(),
            params: batch.params.clone(),
            tags: batch.tags.clone(),
        };
        self.transport.post("runs/log-batch", &request).map(|Ignored {}| ())
    }

    fn delete_tag(&self, id: &RunId, key: &Key) -> Result<()> {
        let request = RunPair {
            run_id: Some(id.clone()),
            run_uuid: None,
            key: Some(key.to_string()),
            value: None,
        };
        self.transport.post("runs/delete-tag", &request).map(|Ignored {}| ())
    }

    fn metric_history(&self, id: &RunId, key: &Key, page: &HistoryPage) -> Result<Page<Metric>> {
        let request = MetricHistory {
            run_id: Some(id.clone()),
            run_uuid: None,
            metric_key: Some(key.clone()),
            max_results: page.max_results.and_then(rows),
            page_token: page.page_token.clone(),
        };
        let answer: MetricsAnswer =
            self.transport.get("metrics/get-history", &request).map_err(name_page_token)?;
        Ok(Page { items: answer.metrics, next_page_token: answer.next_page_token })
    }

    fn log_inputs(
        &self,
        id: &RunId,
        datasets: &[DatasetInput],
        models: &[LoggedModelInput],
    ) -> Result<()> {
        let request = LogInputs {
            run_id: Some(id.clone()),
            datasets: datasets.to_vec(),
            models: models.to_vec(),
        };
        self.transport.post("runs/log-inputs", &request).map(|Ignored {}| ())
    }

    fn log_outputs(&self, id: &RunId, models: &[LoggedModelOutput]) -> Result<()> {
        let request = LogOutputs { run_id: Some(id.clone()), models: Some(models.to_vec()) };
        self.transport.post("runs/outputs", &request).map(|Ignored {}| ())
    }

    fn log_model_history(&self, id: &RunId, model: &serde_json::Value) -> Result<()> {
        let request = LogModel { run_id: Some(id.clone()), model_json: Some(model.to_string()) };
        self.transport.post("runs/log-model", &request).map(|Ignored {}| ())
    }

    fn search_datasets(&self, experiments: &[ExperimentId]) -> Result<Vec<DatasetSummary>> {
        let mut found = BTreeSet::new();
        for ids in experiments.chunks(limits::DATASET_EXPERIMENTS_MAX) {
            let request = SearchDatasets { experiment_ids: ids.to_vec() };
            let answer: DatasetsAnswer =
                self.transport.post_as_page("experiments/search-datasets", &request)?;
            found.extend(answer.dataset_summaries);
        }
        Ok(rules::limit_dataset_summaries(found))
    }

    fn search_runs(&self, query: &RunQuery) -> Result<Page<Run>> {
        let request = search_request(query);
        let answer: RunsAnswer =
            self.transport.post("runs/search", &request).map_err(name_page_token)?;
        Ok(Page { items: answer.runs, next_page_token: answer.next_page_token })
    }

    fn artifacts(&self, location: &str) -> Result<Arc<dyn ArtifactStore>> {
        if let Some(path) = location.strip_prefix("mlflow-artifacts:") {
            return Ok(Arc::new(HttpArtifacts::new(self.transport.clone(), path)?));
        }
        Ok(self.locations.open(location)?)
    }
}

impl LoggedModelStore for HttpStore {
    fn create_logged_model(&self, new: &NewLoggedModel) -> Result<LoggedModel> {
        let request = CreateLoggedModel {
            experiment_id: Some(new.experiment_id.clone()),
            name: new.name.clone(),
            model_type: new.model_type.clone(),
            source_run_id: new.source_run_id.as_ref().map(ToString::to_string),
            params: ModelParam::list(&new.params),
            tags: new.tags.clone(),
        };
        let answer: LoggedModelAnswer = self.transport.post("logged-models", &request)?;
        present(answer.model, "model")
    }

    fn logged_model(&self, id: &ModelId) -> Result<LoggedModel> {
        let answer: LoggedModelAnswer = self.transport.get(&self.model(id.as_str()), &())?;
        present(answer.model, "model")
    }

    fn finalize_logged_model(
        &self,
        id: &ModelId,
        status: LoggedModelStatus,
        _: Millis,
    ) -> Result<LoggedModel> {
        let name = match status {
            LoggedModelStatus::Failed => "LOGGED_MODEL_UPLOAD_FAILED".to_owned(),
            other => format!("LOGGED_MODEL_{}", other.as_str()),
        };
        let request =
            FinalizeLoggedModel { model_id: Some(id.clone()), status: Some(EnumValue(name)) };
        let answer: LoggedModelAnswer = self.transport.patch(&self.model(id.as_str()), &request)?;
        present(answer.model, "model")
    }

    fn delete_logged_model(&self, id: &ModelId, _: Millis) -> Result<()> {
        self.transport.delete(&self.model(id.as_str())).map(|Ignored {}| ())
    }

    fn log_model_params(&self, id: &ModelId, params: &[Param]) -> Result<()> {
        let (model_id, params) = (Some(id.clone()), ModelParam::list(params));
        let request = LoggedModelPairs { model_id, params, tags: Vec::new() };
        let path = self.model(&format!("{id}/params"));
        self.transport.post(&path, &request).map(|Ignored {}| ())
    }

    fn set_model_tags(&self, id: &ModelId, tags: &[Tag]) -> Result<()> {
        let (model_id, tags) = (Some(id.clone()), tags.to_vec());
        let request = LoggedModelPairs { model_id, tags, params: Vec::new() };
        let path = self.model(&format!("{id}/tags"));
        self.transport.patch(&path, &request).map(|Ignored {}| ())
    }

    /// MLflow's API has no request for it: versions that this value adds are all kept, and one that
    /// another program adds to the same model at the same moment may be lost.
    fn add_model_version(&self, id: &ModelId, name: &str, version: u32) -> Result<()> {
        let _held = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        let tags = self.logged_model(id)?.tags;
        let known = tags.iter().find(|tag| tag.key.as_str() == rules::tag::MODEL_VERSIONS);
        match rules::add_model_version(known.map(|tag| tag.value.as_str()), name, version)? {
            Some(tag) => self.set_model_tags(id, &[tag]),
            None => Ok(()),
        }
    }

    fn delete_model_tag(&self, id: &ModelId, key: &Key) -> Result<()> {
        let key = mlctl_client::path_segment(key.as_str());
        self.transport.delete(&self.model(&format!("{id}/tags/{key}"))).map(|Ignored {}| ())
    }

    fn search_logged_models(&self, query: &LoggedModelQuery) -> Result<Page<LoggedModel>> {
        let order_by = query.order_by.iter().map(|clause| LoggedModelOrderBy {
            field_name: Some(clause.field_name.clone()),
            ascending: Some(clause.ascending),
            dataset_name: clause.dataset.as_ref().map(|set| set.dataset_name.clone()),
            dataset_digest: clause.dataset.as_ref().and_then(|set| set.dataset_digest.clone()),
        });
        let dataset = |set: &DatasetScope| DatasetFilter {
            dataset_name: Some(set.dataset_name.clone()),
            dataset_digest: set.dataset_digest.clone(),
        };
        let request = SearchLoggedModels {
            experiment_ids: Some(query.experiment_ids.clone()),
            filter: Some(query.filter.clone()),
            datasets: query.datasets.iter().map(dataset).collect(),
            max_results: rows(query.max_results),
            order_by: order_by.collect(),
            page_token: query.page_token.clone(),
        };
        let answer: LoggedModelsAnswer =
            self.transport.post("logged-models/search", &request).map_err(name_page_token)?;
        Ok(Page { items: answer.models, next_page_token: answer.next_page_token })
    }
}

/// MLflow's API has no request that deletes permanently.
impl PurgeStore for HttpStore {}

#[cfg(test)]
mod tests;
