//! Runs, with what went in and what came out.

use super::{LifecycleStage, Metric, Param, Tag};
use crate::{Error, ExperimentId, ModelId, Result, RunId, field, rules};
use mlctl_wire::number;
use serde::{Deserialize, Serialize};

/// One execution of some code, and all that it logged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Who, when, how it ended.
    pub info: RunInfo,
    /// Metrics, params and tags.
    #[serde(default)]
    pub data: RunData,
    /// The datasets and models that it used.
    #[serde(default)]
    pub inputs: RunInputs,
    /// The models that it made.
    #[serde(default)]
    pub outputs: RunOutputs,
}

/// A run without what it logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "InfoForm", into = "InfoForm")]
pub struct RunInfo {
    /// Identifies the run.
    pub run_id: RunId,
    /// A name for people; not unique.
    pub run_name: String,
    /// The experiment that it belongs to.
    pub experiment_id: ExperimentId,
    /// Who started it.
    pub user_id: String,
    /// How it goes, or went.
    pub status: RunStatus,
    /// When it began, in milliseconds since 1970.
    pub start_time: i64,
    /// When it ended, in milliseconds since 1970.
    pub end_time: Option<i64>,
    /// Where its artifacts are: a folder or a URI.
    pub artifact_uri: String,
    /// Whether it is deleted.
    pub lifecycle_stage: LifecycleStage,
}

/// MLflow's JSON of [`RunInfo`].
#[derive(Serialize, Deserialize)]
struct InfoForm {
    #[serde(default)]
    run_uuid: Option<RunId>,
    run_id: RunId,
    #[serde(default)]
    run_name: String,
    experiment_id: ExperimentId,
    #[serde(default)]
    user_id: String,
    status: RunStatus,
    #[serde(default, deserialize_with = "number::int64::deserialize")]
    start_time: i64,
    #[serde(
        default,
        deserialize_with = "number::optional_int64::deserialize",
        skip_serializing_if = "Option::is_none"
    )]
    end_time: Option<i64>,
    #[serde(default)]
    artifact_uri: String,
    lifecycle_stage: LifecycleStage,
}

impl From<InfoForm> for RunInfo {
    fn from(form: InfoForm) -> Self {
        Self {
            run_id: form.run_id,
            run_name: form.run_name,
            experiment_id: form.experiment_id,
            user_id: form.user_id,
            status: form.status,
            start_time: form.start_time,
            end_time: form.end_time,
            artifact_uri: form.artifact_uri,
            lifecycle_stage: form.lifecycle_stage,
        }
    }
}

impl From<RunInfo> for InfoForm {
    fn from(info: RunInfo) -> Self {
        Self {
            run_uuid: Some(info.run_id.clone()),
            run_id: info.run_id,
            run_name: info.run_name,
            experiment_id: info.experiment_id,
            user_id: info.user_id,
            status: info.status,
            start_time: info.start_time,
            // MLflow leaves a zero out.
            end_time: info.end_time.filter(|time| *time != 0),
            artifact_uri: info.artifact_uri,
            lifecycle_stage: info.lifecycle_stage,
        }
    }
}

/// How a run goes, or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RunStatus {
    /// It is going on.
    Running,
    /// It waits to be started.
    Scheduled,
    /// It ended well.
    Finished,
    /// It ended badly.
    Failed,
    /// Somebody ended it.
    Killed,
}

impl RunStatus {
    /// All states.
    pub const ALL: [Self; 5] =
        [Self::Running, Self::Scheduled, Self::Finished, Self::Failed, Self::Killed];

    /// Returns MLflow's name of the status.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Scheduled => "SCHEDULED",
            Self::Finished => "FINISHED",
            Self::Failed => "FAILED",
            Self::Killed => "KILLED",
        }
    }

    /// Reads MLflow's name of a status.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the names that exist.
    pub fn parse(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or_else(|| {
            Error::invalid(
                "run status",
                text,
                "it must be RUNNING, SCHEDULED, FINISHED, FAILED or KILLED",
            )
        })
    }

    /// Returns the number that MLflow's files hold (the `RunStatus` enum of its protobuf).
    pub fn number(self) -> i64 {
        self as i64 + 1
    }

    /// Reads the number that MLflow's files hold.
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.number() == number)
    }

    /// Tells whether the run is over.
    pub fn is_terminated(self) -> bool {
        matches!(self, Self::Finished | Self::Failed | Self::Killed)
    }
}

/// What a run logged: the current value of each metric, its params and its tags.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunData {
    /// The latest point of each metric, in the order of their keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric>,
    /// The params, in the order of their keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<Param>,
    /// The tags, in the order of their keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

/// What a run used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInputs {
    /// Datasets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dataset_inputs: Vec<DatasetInput>,
    /// Logged models.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub model_inputs: Vec<LoggedModelInput>,
}

/// What a run made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunOutputs {
    /// Logged models.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub model_outputs: Vec<LoggedModelOutput>,
}

/// A dataset that a run used, and what for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetInput {
    /// Notes on the use, such as `mlflow.data.context`: `training`.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "field::read")]
    pub tags: Vec<Tag>,
    /// The dataset.
    pub dataset: Dataset,
}

/// A description of data, not the data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dataset {
    /// Its name.
    #[serde(default, deserialize_with = "field::read")]
    pub name: String,
    /// A fingerprint of its content.
    #[serde(default, deserialize_with = "field::read")]
    pub digest: String,
    /// The kind of its source, such as `local` or `http`.
    #[serde(default, deserialize_with = "field::read")]
    pub source_type: String,
    /// Where it comes from, as JSON text.
    #[serde(default, deserialize_with = "field::read")]
    pub source: String,
    /// Its columns, as JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Its size, as JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
}

/// A logged model that a run used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedModelInput {
    /// The model.
    pub model_id: ModelId,
}

/// A logged model that a run made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedModelOutput {
    /// The model.
    pub model_id: ModelId,
    /// The step of the training at which it was made.
    #[serde(default, deserialize_with = "field::read")]
    pub step: i64,
}

/// A dataset that runs of an experiment used, once for each use.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DatasetSummary {
    /// The experiment.
    pub experiment_id: ExperimentId,
    /// The dataset's name.
    pub name: String,
    /// The dataset's digest.
    pub digest: String,
    /// What it was used for, such as `training`: the value of `mlflow.data.context`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
}

impl DatasetSummary {
    /// Says which dataset an input of a run is, and what it was used for.
    pub fn of(experiment_id: &ExperimentId, input: &DatasetInput) -> Self {
        let context = input.tags.iter().find(|tag| tag.key.as_str() == rules::tag::CONTEXT);
        Self {
            experiment_id: experiment_id.clone(),
            name: input.dataset.name.clone(),
            digest: input.dataset.digest.clone(),
            context: context.map(|tag| tag.value.clone()),
        }
    }
}
