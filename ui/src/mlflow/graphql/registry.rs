//! Versions of registered models as GraphQL sees them.

use super::experiment::ApiError;
use super::registered::{self, Search};
use super::run::objects;
use super::scalar::Long;
use super::{Context, refuse};
use juniper::{FieldResult, GraphQLEnum};
use mlctl_registry::VersionStatus;

#[derive(Clone, Copy, Debug, GraphQLEnum)]
#[graphql(name = "MlflowModelVersionStatus")]
pub(super) enum Status {
    PendingRegistration,
    FailedRegistration,
    Ready,
}

/// Of a service that only MLflow's vendor has; declared because queries may name it.
#[derive(Clone, Copy, Debug, GraphQLEnum)]
#[graphql(name = "MlflowDeploymentJobConnectionState")]
pub(super) enum JobState {
    DeploymentJobConnectionStateUnspecified,
    NotSetUp,
    Connected,
    NotFound,
    RequiredParametersChanged,
}

#[derive(Clone, Copy, Debug, GraphQLEnum)]
#[graphql(name = "MlflowModelVersionDeploymentJobStateDeploymentJobRunState")]
pub(super) enum JobRunState {
    DeploymentJobRunStateUnspecified,
    NoValidDeploymentJobFound,
    Running,
    Succeeded,
    Failed,
    Pending,
    Approval,
}

objects! {
    ModelParam as "MlflowModelParam" { name: String, value: String, }
    ModelMetric as "MlflowModelMetric" {
        key: String,
        value: f64,
        timestamp: Long,
        step: Long,
        dataset_name: String,
        dataset_digest: String,
        model_id: String,
        run_id: String,
    }
    VersionTag as "MlflowModelVersionTag" { key: String, value: String, }
    DeploymentJob as "MlflowModelVersionDeploymentJobState" {
        job_id: String,
        run_id: String,
        job_state: JobState,
        run_state: JobRunState,
        current_task_name: String,
    }
    ModelVersion as "MlflowModelVersion" {
        name: String,
        version: String,
        creation_timestamp: Long,
        last_updated_timestamp: Long,
        user_id: String,
        current_stage: String,
        description: String,
        source: String,
        run_id: String,
        status: Status,
        status_message: String,
        tags: Vec<VersionTag>,
        run_link: String,
        aliases: Vec<Option<String>>,
        model_id: String,
        model_params: Vec<ModelParam>,
        model_metrics: Vec<ModelMetric>,
        deployment_job_state: DeploymentJob,
    }
    SearchModelVersionsResponse as "MlflowSearchModelVersionsResponse" {
        model_versions: Vec<ModelVersion>,
        next_page_token: String,
        api_error: ApiError,
    }
}

impl ModelVersion {
    /// Finds the versions that came from a run.
    pub(super) fn of_run(run_id: &str, context: &Context) -> FieldResult<Vec<Self>> {
        let search = Search::all(format!("run_id = '{run_id}'"));
        let found = registered::versions(&context.sources, &search).map_err(refuse)?;
        Ok(found.items.iter().map(Self::of).collect())
    }

    pub(super) fn of(version: &mlctl_registry::ModelVersion) -> Self {
        let text = |text: &Option<String>| Some(text.clone().unwrap_or_default());
        let tag = |(key, value): (&mlctl_registry::TagKey, &mlctl_registry::TagValue)| VersionTag {
            key: Some(key.to_string()),
            value: Some(value.to_string()),
        };
        Self {
            name: Some(version.name.to_string()),
            version: Some(version.version.to_string()),
            creation_timestamp: Some(Long(version.creation_timestamp_ms)),
            last_updated_timestamp: Some(Long(version.last_updated_timestamp_ms)),
            user_id: text(&version.user_id),
            current_stage: Some(version.current_stage.to_string()),
            description: text(&version.description),
            source: Some(version.source.clone()),
            run_id: text(&version.run_id),
            status: Some(match version.status {
                VersionStatus::PendingRegistration => Status::PendingRegistration,
                VersionStatus::FailedRegistration => Status::FailedRegistration,
                VersionStatus::Ready => Status::Ready,
            }),
            status_message: text(&version.status_message),
            tags: Some(version.tags.iter().map(tag).collect()),
            run_link: text(&version.run_link),
            aliases: Some(version.aliases.iter().map(|alias| Some(alias.to_string())).collect()),
            model_id: Some(String::new()),
            model_params: Some(Vec::new()),
            model_metrics: Some(Vec::new()),
            deployment_job_state: None,
        }
    }
}
