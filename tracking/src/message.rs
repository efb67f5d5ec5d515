//! Requests and answers of MLflow's REST API 2.0, for the router and the client alike.
//!
//! Source: the protobuf `service.proto` behind MLflow 3.17.2, as its server answers. Entities are
//! sent as they are; here are only the frames around them. Every request field is optional on the
//! wire; the router says which one is missing.

#[cfg(feature = "client")]
use crate::entity::Experiment;
use crate::entity::{
    DatasetInput, DatasetSummary, LoggedModel, LoggedModelInput, LoggedModelOutput, Metric,
    ModelParam, Param, Run, RunInfo, Tag,
};
use crate::field::{self, EnumValue};
use crate::{ExperimentId, Key, RunId};
use mlctl_wire::number;
use serde::{Deserialize, Serialize};

/// Declares requests and answers: all fields default, absent ones are not sent.
macro_rules! messages {
    ($($(#[$doc:meta])* $name:ident { $($(#[$attr:meta])* $field:ident: $type:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, Default, Serialize, Deserialize)]
            #[serde(default)]
            pub(crate) struct $name {
                $(
                    $(#[$attr])*
                    #[serde(skip_serializing_if = "is_absent", deserialize_with = "field::read")]
                    pub(crate) $field: $type,
                )*
            }
        )*
    };
}

/// Tells whether a field is left out.
trait Absence {
    fn is_absent(&self) -> bool;
}

impl<T> Absence for Option<T> {
    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<T> Absence for Vec<T> {
    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

fn is_absent(value: &impl Absence) -> bool {
    value.is_absent()
}

mod facts;

pub(crate) use facts::*;

messages! {
    CreateExperiment {
        name: Option<String>,
        artifact_location: Option<String>,
        tags: Vec<Tag>,
    }
    /// Also the answer of `experiments/create`.
    OfExperiment {
        experiment_id: Option<ExperimentId>,
    }
    ExperimentByName {
        experiment_name: Option<String>,
    }
    #[cfg(feature = "client")]
    ExperimentAnswer {
        experiment: Option<Experiment>,
    }
    UpdateExperiment {
        experiment_id: Option<ExperimentId>,
        new_name: Option<String>,
    }
    ExperimentTag {
        experiment_id: Option<ExperimentId>,
        key: Option<String>,
        value: Option<String>,
    }
    SearchExperiments {
        max_results: Option<i64>,
        page_token: Option<String>,
        filter: Option<String>,
        order_by: Vec<String>,
        view_type: Option<EnumValue>,
    }
    #[cfg(feature = "client")]
    ExperimentsAnswer {
        experiments: Vec<Experiment>,
        next_page_token: Option<String>,
    }
    CreateRun {
        experiment_id: Option<ExperimentId>,
        user_id: Option<String>,
        run_name: Option<String>,
        start_time: Option<i64>,
        tags: Vec<Tag>,
    }
    /// Old clients say `run_uuid`.
    OfRun {
        run_id: Option<RunId>,
        run_uuid: Option<RunId>,
    }
    RunAnswer {
        run: Option<Run>,
    }
    UpdateRun {
        run_id: Option<RunId>,
        run_uuid: Option<RunId>,
        status: Option<EnumValue>,
        end_time: Option<i64>,
        run_name: Option<String>,
    }
    RunInfoAnswer {
        run_info: Option<RunInfo>,
    }
    #[cfg(feature = "rest")]
    LogMetric {
        run_id: Option<RunId>,
        run_uuid: Option<RunId>,
        key: Option<String>,
        value: Option<f64>,
        timestamp: Option<i64>,
        step: Option<i64>,
        model_id: Option<crate::ModelId>,
        dataset_name: Option<String>,
        dataset_digest: Option<String>,
    }
    /// A param, or a tag.
    RunPair {
        run_id: Option<RunId>,
        run_uuid: Option<RunId>,
        key: Option<String>,
        value: Option<String>,
    }
    LogBatch {
        run_id: Option<RunId>,
        metrics: Vec<Metric>,
        params: Vec<Param>,
        tags: Vec<Tag>,
    }
    LogInputs {
        run_id: Option<RunId>,
        datasets: Vec<DatasetInput>,
        models: Vec<LoggedModelInput>,
    }
    LogOutputs {
        run_id: Option<RunId>,
        models: Option<Vec<LoggedModelOutput>>,
    }
    SearchRuns {
        experiment_ids: Vec<ExperimentId>,
        filter: Option<String>,
        run_view_type: Option<EnumValue>,
        max_results: Option<i64>,
        order_by: Vec<String>,
        page_token: Option<String>,
    }
    RunsAnswer {
        runs: Vec<Run>,
        next_page_token: Option<String>,
    }
    MetricHistory {
        run_id: Option<RunId>,
        run_uuid: Option<RunId>,
        metric_key: Option<Key>,
        max_results: Option<i64>,
        page_token: Option<String>,
    }
    MetricsAnswer {
        metrics: Vec<Metric>,
        next_page_token: Option<String>,
    }
    LogModel {
        run_id: Option<RunId>,
        model_json: Option<String>,
    }
    SearchDatasets {
        experiment_ids: Vec<ExperimentId>,
    }
    DatasetsAnswer {
        dataset_summaries: Vec<DatasetSummary>,
    }
    #[cfg(feature = "rest")]
    BulkHistory {
        run_id: Vec<String>,
        metric_key: Option<Key>,
        max_results: Option<i64>,
    }
    #[cfg(feature = "rest")]
    SampledHistory {
        run_ids: Vec<String>,
        metric_key: Option<Key>,
        start_step: Option<i64>,
        end_step: Option<i64>,
        max_results: Option<i64>,
    }
    CreateLoggedModel {
        experiment_id: Option<ExperimentId>,
        name: Option<String>,
        model_type: Option<String>,
        source_run_id: Option<String>,
        params: Vec<ModelParam>,
        tags: Vec<Tag>,
    }
    LoggedModelAnswer {
        model: Option<LoggedModel>,
    }
    FinalizeLoggedModel {
        model_id: Option<crate::ModelId>,
        status: Option<EnumValue>,
    }
    LoggedModelPairs {
        model_id: Option<crate::ModelId>,
        params: Vec<ModelParam>,
        tags: Vec<Tag>,
    }
    SearchLoggedModels {
        experiment_ids: Option<Vec<ExperimentId>>,
        filter: Option<String>,
        datasets: Vec<DatasetFilter>,
        max_results: Option<i64>,
        order_by: Vec<LoggedModelOrderBy>,
        page_token: Option<String>,
    }
    DatasetFilter {
        dataset_name: Option<String>,
        dataset_digest: Option<String>,
    }
    LoggedModelOrderBy {
        field_name: Option<String>,
        ascending: Option<bool>,
        dataset_name: Option<String>,
        dataset_digest: Option<String>,
    }
    LoggedModelsAnswer {
        models: Vec<LoggedModel>,
        next_page_token: Option<String>,
    }
    #[cfg(feature = "rest")]
    ListArtifacts {
        run_id: Option<RunId>,
        run_uuid: Option<RunId>,
        path: Option<String>,
        page_token: Option<String>,
    }
    FilesAnswer {
        root_uri: Option<String>,
        files: Vec<FileInfo>,
        next_page_token: Option<String>,
    }
}

/// A file or folder among artifacts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct FileInfo {
    pub(crate) path: String,
    pub(crate) is_dir: bool,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "number::optional_int64::deserialize"
    )]
    pub(crate) file_size: Option<i64>,
}

impl From<&mlctl_artifacts::ArtifactInfo> for FileInfo {
    fn from(info: &mlctl_artifacts::ArtifactInfo) -> Self {
        Self {
            path: info.path.to_string(),
            is_dir: info.is_dir,
            file_size: info.file_size.and_then(|bytes| i64::try_from(bytes).ok()),
        }
    }
}
