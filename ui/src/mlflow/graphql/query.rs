//! The fields of the query and the mutation.

use super::experiment::{ApiError, Experiment, GetExperimentResponse};
use super::inputs::{
    GetExperiment, GetRun, ListArtifacts, MetricHistory, SearchDatasets, SearchModelVersions,
    SearchRuns, ViewType,
};
use super::registered::{self, Search};
use super::registry::{ModelVersion, SearchModelVersionsResponse};
use super::run::{GetRunResponse, Run, SearchRunsResponse, number, objects};
use super::scalar::Long;
use super::{Context, refuse};
use juniper::{FieldResult, graphql_object};
use mlctl_artifacts::ArtifactPath;
use mlctl_tracking::rest::Service;
use mlctl_tracking::search::RunQuery;
use mlctl_tracking::store::HistorySample;
use mlctl_tracking::{Error, ExperimentId, Key, RunId, entity};
use mlctl_wire::ErrorCode;
use mlctl_wire::rest::Failure;
use std::collections::BTreeSet;

objects! {
    HistoryPoint as "MlflowMetricWithRunId" {
        key: String,
        value: f64,
        timestamp: Long,
        step: Long,
        run_id: String,
    }
    MetricHistoryResponse as "MlflowGetMetricHistoryBulkIntervalResponse" {
        metrics: Vec<HistoryPoint>,
        api_error: ApiError,
    }
    FileInfo as "MlflowFileInfo" { path: String, is_dir: bool, file_size: Long, }
    ListArtifactsResponse as "MlflowListArtifactsResponse" {
        root_uri: String,
        files: Vec<FileInfo>,
        next_page_token: String,
        api_error: ApiError,
    }
    DatasetSummary as "MlflowDatasetSummary" {
        experiment_id: String,
        name: String,
        digest: String,
        context: String,
    }
    SearchDatasetsResponse as "MlflowSearchDatasetsResponse" {
        dataset_summaries: Vec<DatasetSummary>,
        api_error: ApiError,
    }
}

/// What can be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Query;

#[graphql_object]
#[graphql(context = Context)]
impl Query {
    fn mlflow_get_experiment(
        context: &Context,
        input: Option<GetExperiment>,
    ) -> FieldResult<Option<GetExperimentResponse>> {
        let id = given(given(input, "input")?.experiment_id, "experiment_id")?;
        let id = ExperimentId::parse(id).map_err(refuse)?;
        let experiment = Experiment::read(&id, context)?;
        Ok(Some(GetExperimentResponse { experiment: Some(experiment), api_error: None }))
    }

    fn mlflow_get_run(
        context: &Context,
        input: Option<GetRun>,
    ) -> FieldResult<Option<GetRunResponse>> {
        let input = given(input, "input")?;
        let id = run_id(input.run_id, input.run_uuid)?;
        let run = Run(context.sources.tracking.run(&id).map_err(refuse)?);
        Ok(Some(GetRunResponse { run }))
    }

    fn mlflow_search_runs(
        context: &Context,
        input: Option<SearchRuns>,
    ) -> FieldResult<Option<SearchRunsResponse>> {
        search_runs(context, given(input, "input")?).map(Some)
    }

    fn mlflow_get_metric_history_bulk_interval(
        context: &Context,
        input: Option<MetricHistory>,
    ) -> FieldResult<Option<MetricHistoryResponse>> {
        metric_history(context, given(input, "input")?).map(Some)
    }

    fn mlflow_list_artifacts(
        context: &Context,
        input: Option<ListArtifacts>,
    ) -> FieldResult<Option<ListArtifactsResponse>> {
        let input = given(input, "input")?;
        let id = run_id(input.run_id, input.run_uuid)?;
        list_artifacts(context, &id, &input.path.unwrap_or_default()).map(Some)
    }

    fn mlflow_search_model_versions(
        context: &Context,
        input: Option<SearchModelVersions>,
    ) -> FieldResult<Option<SearchModelVersionsResponse>> {
        let input = given(input, "input")?;
        let mut search = Search::all(input.filter.unwrap_or_default());
        search.order_by = texts(input.order_by);
        search.page_token = input.page_token;
        if let Some(Long(rows)) = input.max_results {
            search = search.at_most(&rows.to_string(), Search::VERSIONS_MAX).map_err(refuse)?;
        }
        let found = registered::versions(&context.sources, &search).map_err(refuse)?;
        Ok(Some(SearchModelVersionsResponse {
            model_versions: Some(found.items.iter().map(ModelVersion::of).collect()),
            next_page_token: Some(found.next.unwrap_or_default()),
            api_error: None,
        }))
    }
}

/// MLflow declares these two searches as mutations too; they change nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mutation;

#[graphql_object]
#[graphql(context = Context)]
impl Mutation {
    fn mlflow_search_datasets(
        context: &Context,
        input: Option<SearchDatasets>,
    ) -> FieldResult<Option<SearchDatasetsResponse>> {
        search_datasets(context, texts(given(input, "input")?.experiment_ids)).map(Some)
    }

    fn mlflow_search_runs(
        context: &Context,
        input: Option<SearchRuns>,
    ) -> FieldResult<Option<SearchRunsResponse>> {
        search_runs(context, given(input, "input")?).map(Some)
    }
}

fn given<T>(value: Option<T>, parameter: &str) -> FieldResult<T> {
    value.ok_or_else(|| refuse(Failure::missing(parameter)))
}

fn texts(list: Option<Vec<Option<String>>>) -> Vec<String> {
    list.into_iter().flatten().flatten().collect()
}

fn run_id(id: Option<String>, uuid: Option<String>) -> FieldResult<RunId> {
    let given_id = id.filter(|id| !id.is_empty()).or(uuid);
    RunId::parse(given(given_id, "run_id")?).map_err(refuse)
}

fn experiment_ids(ids: Vec<String>) -> FieldResult<Vec<ExperimentId>> {
    ids.into_iter().map(ExperimentId::parse).collect::<Result<_, Error>>().map_err(refuse)
}

fn rows(max_results: Option<i32>, default: usize) -> FieldResult<usize> {
    match max_results {
        None => Ok(default),
        Some(rows) => usize::try_from(rows).map_err(|_| {
            let message = format!("invalid max_results `{rows}`: it must not be negative");
            refuse(Failure::new(ErrorCode::InvalidParameterValue, message))
        }),
    }
}

fn search_runs(context: &Context, input: SearchRuns) -> FieldResult<SearchRunsResponse> {
    let mut query = RunQuery::of(experiment_ids(texts(input.experiment_ids))?);
    query.filter = input.filter.unwrap_or_default();
    query.view = match input.run_view_type {
        None | Some(ViewType::ActiveOnly) => entity::ViewType::ActiveOnly,
        Some(ViewType::DeletedOnly) => entity::ViewType::DeletedOnly,
        Some(ViewType::All) => entity::ViewType::All,
    };
    query.max_results = rows(input.max_results, query.max_results)?;
    query.order_by = texts(input.order_by);
    query.page_token = input.page_token;
    let page = context.sources.tracking.search_runs(&query).map_err(refuse)?;
    Ok(SearchRunsResponse {
        runs: page.items.into_iter().map(Run).collect(),
        next_page_token: page.next_page_token.unwrap_or_default(),
    })
}

fn metric_history(context: &Context, input: MetricHistory) -> FieldResult<MetricHistoryResponse> {
    let sample = sample(input.start_step, input.end_step, input.max_results)?;
    let runs = texts(input.run_ids).into_iter().map(RunId::parse).collect::<Result<Vec<_>, _>>();
    let runs = runs.map_err(refuse)?;
    if runs.is_empty() {
        return Err(refuse(Failure::missing("run_ids")));
    }
    let key = Key::parse(given(input.metric_key, "metric_key")?).map_err(refuse)?;
    let points =
        context.sources.tracking.metric_history_sampled(&runs, &key, &sample).map_err(refuse)?;
    let point = |(run, metric): (RunId, entity::Metric)| HistoryPoint {
        key: Some(metric.key.to_string()),
        value: number(metric.value),
        timestamp: Some(Long(metric.timestamp)),
        step: Some(Long(metric.step)),
        run_id: Some(run.to_string()),
    };
    let metrics = points.into_iter().map(point).collect();
    Ok(MetricHistoryResponse { metrics: Some(metrics), api_error: None })
}

fn list_artifacts(context: &Context, id: &RunId, path: &str) -> FieldResult<ListArtifactsResponse> {
    let location = context.sources.tracking.run(id).map_err(refuse)?.info.artifact_uri;
    let path = ArtifactPath::parse(path).map_err(|error| refuse(Error::from(error)))?;
    let store = Service::new(context.sources.tracking.clone(), context.sources.served.clone())
        .artifacts_at(&location)
        .map_err(refuse)?;
    let files = store.list(&path).map_err(|error| refuse(Error::from(error)))?;
    let file = |info: &mlctl_artifacts::ArtifactInfo| FileInfo {
        path: Some(info.path.to_string()),
        is_dir: Some(info.is_dir),
        file_size: Some(Long(i64::try_from(info.file_size.unwrap_or(0)).unwrap_or(i64::MAX))),
    };
    Ok(ListArtifactsResponse {
        root_uri: Some(context.sources.served.outward(&location)),
        files: Some(files.iter().map(file).collect()),
        next_page_token: Some(String::new()),
        api_error: None,
    })
}

/// Reads which points are wanted; both ends of the steps or none.
fn sample(start: Option<i32>, end: Option<i32>, max: Option<i32>) -> FieldResult<HistorySample> {
    /// How many points of a run there are when nothing is said, and at most; MLflow's bound.
    const POINTS_MAX: usize = 2_500;
    let refused =
        |message: String| Err(refuse(Failure::new(ErrorCode::InvalidParameterValue, message)));
    match (start, end) {
        (Some(start), Some(end)) if start > end => {
            return refused(format!("end_step {end} must not be before start_step {start}"));
        }
        (Some(_), None) | (None, Some(_)) => {
            return refused("start_step and end_step must be given together".to_owned());
        }
        _ => {}
    }
    let max_results = rows(max, POINTS_MAX)?;
    if !(1..=POINTS_MAX).contains(&max_results) {
        return refused(format!("max_results must be from 1 to {POINTS_MAX}"));
    }
    Ok(HistorySample {
        start_step: start.map(i64::from),
        end_step: end.map(i64::from),
        max_results,
    })
}

/// Gathers the datasets that the active runs of some experiments used, each once per experiment.
fn search_datasets(context: &Context, ids: Vec<String>) -> FieldResult<SearchDatasetsResponse> {
    /// MLflow's bound.
    const SUMMARIES_MAX: usize = 1_000;
    let mut found = BTreeSet::new();
    let mut query = RunQuery::of(experiment_ids(ids)?);
    while found.len() < SUMMARIES_MAX {
        let page = context.sources.tracking.search_runs(&query).map_err(refuse)?;
        for run in &page.items {
            found.extend(run.inputs.dataset_inputs.iter().map(|input| summary(run, input)));
        }
        match page.next_page_token {
            Some(token) => query.page_token = Some(token),
            None => break,
        }
    }
    let summaries =
        found.into_iter().take(SUMMARIES_MAX).map(|(experiment_id, name, digest, context)| {
            DatasetSummary {
                experiment_id: Some(experiment_id),
                name: Some(name),
                digest: Some(digest),
                context: Some(context),
            }
        });
    Ok(SearchDatasetsResponse { dataset_summaries: Some(summaries.collect()), api_error: None })
}

fn summary(run: &entity::Run, input: &entity::DatasetInput) -> (String, String, String, String) {
    let context = input.tags.iter().find(|tag| tag.key.as_str() == "mlflow.data.context");
    (
        run.info.experiment_id.to_string(),
        input.dataset.name.clone(),
        input.dataset.digest.clone(),
        context.map(|tag| tag.value.clone()).unwrap_or_default(),
    )
}
