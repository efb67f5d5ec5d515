//! Runs as GraphQL sees them.
//!
//! Source: the schema of MLflow 3.17.2. What a run lacks is spelled as its protobuf messages do:
//! empty text, `0`, an empty list.

use super::Context;
use super::experiment::{ApiError, Experiment};
use super::registry::ModelVersion;
use super::scalar::Long;
use juniper::{FieldResult, GraphQLEnum, graphql_object};
use mlctl_tracking::entity::{self, RunInfo, RunStatus};

#[derive(Clone, Copy, Debug, GraphQLEnum)]
#[graphql(name = "MlflowRunStatus")]
pub(super) enum Status {
    Running,
    Scheduled,
    Finished,
    Failed,
    Killed,
}

impl From<RunStatus> for Status {
    fn from(status: RunStatus) -> Self {
        match status {
            RunStatus::Running => Self::Running,
            RunStatus::Scheduled => Self::Scheduled,
            RunStatus::Finished => Self::Finished,
            RunStatus::Failed => Self::Failed,
            RunStatus::Killed => Self::Killed,
        }
    }
}

/// Declares objects whose fields are plain data.
macro_rules! objects {
    ($($name:ident as $graphql:literal { $($field:ident: $type:ty,)* })*) => {
        $(
            #[derive(Clone, Debug, juniper::GraphQLObject)]
            #[graphql(name = $graphql)]
            pub(super) struct $name {
                $(pub(super) $field: Option<$type>,)*
            }
        )*
    };
}
pub(super) use objects;

objects! {
    Info as "MlflowRunInfo" {
        run_id: String,
        run_uuid: String,
        run_name: String,
        experiment_id: String,
        user_id: String,
        status: Status,
        start_time: Long,
        end_time: Long,
        artifact_uri: String,
        lifecycle_stage: String,
    }
    Metric as "MlflowMetricExtension" {
        key: String,
        value: f64,
        timestamp: Long,
        step: Long,
        dataset_name: String,
        dataset_digest: String,
        model_id: String,
        run_id: String,
    }
    Param as "MlflowParam" { key: String, value: String, }
    Tag as "MlflowRunTag" { key: String, value: String, }
    InputTag as "MlflowInputTag" { key: String, value: String, }
    Data as "MlflowRunData" { metrics: Vec<Metric>, params: Vec<Param>, tags: Vec<Tag>, }
    Dataset as "MlflowDataset" {
        name: String,
        digest: String,
        source_type: String,
        source: String,
        schema: String,
        profile: String,
    }
    DatasetInput as "MlflowDatasetInput" { tags: Vec<InputTag>, dataset: Dataset, }
    ModelInput as "MlflowModelInput" { model_id: String, }
    Inputs as "MlflowRunInputs" {
        dataset_inputs: Vec<DatasetInput>,
        model_inputs: Vec<ModelInput>,
    }
    ModelOutput as "MlflowModelOutput" { model_id: String, step: Long, }
    Outputs as "MlflowRunOutputs" { model_outputs: Vec<ModelOutput>, }
}

/// A run; what belongs to it elsewhere is read when it is asked for.
#[derive(Debug)]
pub(super) struct Run(pub(super) entity::Run);

#[graphql_object]
#[graphql(name = "MlflowRunExtension", context = Context)]
impl Run {
    fn info(&self, context: &Context) -> Option<Info> {
        Some(info(&self.0.info, context))
    }

    fn data(&self) -> Option<Data> {
        let data = &self.0.data;
        Some(Data {
            metrics: Some(data.metrics.iter().map(metric).collect()),
            params: Some(data.params.iter().map(param).collect()),
            tags: Some(data.tags.iter().map(tag).collect()),
        })
    }

    fn inputs(&self) -> Option<Inputs> {
        let inputs = &self.0.inputs;
        let model = |input: &entity::LoggedModelInput| ModelInput {
            model_id: Some(input.model_id.to_string()),
        };
        Some(Inputs {
            dataset_inputs: Some(inputs.dataset_inputs.iter().map(dataset_input).collect()),
            model_inputs: Some(inputs.model_inputs.iter().map(model).collect()),
        })
    }

    fn outputs(&self) -> Option<Outputs> {
        let model = |output: &entity::LoggedModelOutput| ModelOutput {
            model_id: Some(output.model_id.to_string()),
            step: Some(Long(output.step)),
        };
        let models = self.0.outputs.model_outputs.iter().map(model).collect();
        Some(Outputs { model_outputs: Some(models) })
    }

    fn experiment(&self, context: &Context) -> FieldResult<Option<Experiment>> {
        Experiment::read(&self.0.info.experiment_id, context).map(Some)
    }

    fn model_versions(&self, context: &Context) -> FieldResult<Option<Vec<ModelVersion>>> {
        ModelVersion::of_run(self.0.info.run_id.as_str(), context).map(Some)
    }
}

#[derive(Debug)]
pub(super) struct GetRunResponse {
    pub(super) run: Run,
}

#[graphql_object]
#[graphql(name = "MlflowGetRunResponse", context = Context)]
impl GetRunResponse {
    fn run(&self) -> Option<&Run> {
        Some(&self.run)
    }

    fn api_error() -> Option<ApiError> {
        None
    }
}

#[derive(Debug)]
pub(super) struct SearchRunsResponse {
    pub(super) runs: Vec<Run>,
    pub(super) next_page_token: String,
}

#[graphql_object]
#[graphql(name = "MlflowSearchRunsResponse", context = Context)]
impl SearchRunsResponse {
    fn runs(&self) -> Option<Vec<&Run>> {
        Some(self.runs.iter().collect())
    }

    fn next_page_token(&self) -> Option<&str> {
        Some(&self.next_page_token)
    }

    fn api_error() -> Option<ApiError> {
        None
    }
}

/// Spells a metric's value as a number of GraphQL's: NaN, which is none, becomes null, and what is
/// infinite the largest number there is.
pub(super) fn number(value: f64) -> Option<f64> {
    (!value.is_nan()).then(|| value.clamp(f64::MIN, f64::MAX))
}

fn info(info: &RunInfo, context: &Context) -> Info {
    Info {
        run_id: Some(info.run_id.to_string()),
        run_uuid: Some(info.run_id.to_string()),
        run_name: Some(info.run_name.clone()),
        experiment_id: Some(info.experiment_id.to_string()),
        user_id: Some(info.user_id.clone()),
        status: Some(info.status.into()),
        start_time: Some(Long(info.start_time)),
        end_time: Some(Long(info.end_time.unwrap_or_default())),
        artifact_uri: Some(context.sources.served.outward(&info.artifact_uri)),
        lifecycle_stage: Some(info.lifecycle_stage.as_str().to_owned()),
    }
}

fn metric(metric: &entity::Metric) -> Metric {
    let text = |text: &Option<String>| Some(text.clone().unwrap_or_default());
    Metric {
        key: Some(metric.key.to_string()),
        value: number(metric.value),
        timestamp: Some(Long(metric.timestamp)),
        step: Some(Long(metric.step)),
        dataset_name: text(&metric.dataset_name),
        dataset_digest: text(&metric.dataset_digest),
        model_id: Some(metric.model_id.as_ref().map(ToString::to_string).unwrap_or_default()),
        run_id: Some(metric.run_id.as_ref().map(ToString::to_string).unwrap_or_default()),
    }
}

fn param(param: &entity::Param) -> Param {
    Param { key: Some(param.key.to_string()), value: Some(param.value.clone()) }
}

fn tag(tag: &entity::Tag) -> Tag {
    Tag { key: Some(tag.key.to_string()), value: Some(tag.value.clone()) }
}

fn dataset_input(input: &entity::DatasetInput) -> DatasetInput {
    let tag = |tag: &entity::Tag| InputTag {
        key: Some(tag.key.to_string()),
        value: Some(tag.value.clone()),
    };
    let dataset = &input.dataset;
    DatasetInput {
        tags: Some(input.tags.iter().map(tag).collect()),
        dataset: Some(Dataset {
            name: Some(dataset.name.clone()),
            digest: Some(dataset.digest.clone()),
            source_type: Some(dataset.source_type.clone()),
            source: Some(dataset.source.clone()),
            schema: Some(dataset.schema.clone().unwrap_or_default()),
            profile: Some(dataset.profile.clone().unwrap_or_default()),
        }),
    }
}
