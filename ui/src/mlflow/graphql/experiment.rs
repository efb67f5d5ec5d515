//! Experiments as GraphQL sees them, and what every answer has.

use super::run::objects;
use super::scalar::Long;
use super::{Context, refuse};
use juniper::FieldResult;
use mlctl_tracking::ExperimentId;
use mlctl_tracking::entity;

objects! {
    ExperimentTag as "MlflowExperimentTag" { key: String, value: String, }
    Experiment as "MlflowExperiment" {
        experiment_id: String,
        name: String,
        artifact_location: String,
        lifecycle_stage: String,
        last_update_time: Long,
        creation_time: Long,
        tags: Vec<ExperimentTag>,
        effective_trace_archival_retention: String,
        workspace: String,
    }
    GetExperimentResponse as "MlflowGetExperimentResponse" {
        experiment: Experiment,
        api_error: ApiError,
    }
    ErrorDetail as "ErrorDetail" { field: String, message: String, }
    ApiError as "ApiError" {
        code: String,
        message: String,
        help_url: String,
        trace_id: String,
        error_details: Vec<Option<ErrorDetail>>,
    }
}

impl Experiment {
    pub(super) fn read(id: &ExperimentId, context: &Context) -> FieldResult<Self> {
        let experiment = context.sources.tracking.experiment(id).map_err(refuse)?;
        Ok(Self::of(&experiment, context))
    }

    fn of(experiment: &entity::Experiment, context: &Context) -> Self {
        let tag = |tag: &entity::Tag| ExperimentTag {
            key: Some(tag.key.to_string()),
            value: Some(tag.value.clone()),
        };
        Self {
            experiment_id: Some(experiment.experiment_id.to_string()),
            name: Some(experiment.name.to_string()),
            artifact_location: Some(context.sources.served.outward(&experiment.artifact_location)),
            lifecycle_stage: Some(experiment.lifecycle_stage.as_str().to_owned()),
            last_update_time: Some(Long(experiment.last_update_time)),
            creation_time: Some(Long(experiment.creation_time)),
            tags: Some(experiment.tags.iter().map(tag).collect()),
            effective_trace_archival_retention: Some(String::new()),
            workspace: Some("default".to_owned()),
        }
    }
}
