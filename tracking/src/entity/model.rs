//! Models that a run logged, before anyone registers them.

use super::{Metric, Param, Tag};
use crate::{Error, ExperimentId, Key, ModelId, Result, RunId, field};
use mlctl_wire::number;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// A model made by a run (MLflow 3's `LoggedModel`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Form", into = "Form")]
pub struct LoggedModel {
    /// Identifies it.
    pub model_id: ModelId,
    /// The experiment that it belongs to.
    pub experiment_id: ExperimentId,
    /// A name for people; not unique.
    pub name: String,
    /// When it was made, in milliseconds since 1970.
    pub creation_timestamp: i64,
    /// When it last changed, in milliseconds since 1970.
    pub last_updated_timestamp: i64,
    /// Where its files are: a folder or a URI.
    pub artifact_uri: String,
    /// Whether its files are complete.
    pub status: LoggedModelStatus,
    /// Why it has that status.
    pub status_message: Option<String>,
    /// What kind of model the user says it is.
    pub model_type: Option<String>,
    /// The run that made it.
    pub source_run_id: Option<RunId>,
    /// Its tags, in the order of their keys.
    pub tags: Vec<Tag>,
    /// Its params, in the order of their keys.
    pub params: Vec<Param>,
    /// All points of its metrics, in the order of their keys, then as they were logged.
    pub metrics: Vec<Metric>,
}

/// Whether a logged model's files are complete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LoggedModelStatus {
    /// They are being uploaded.
    #[default]
    #[serde(rename = "LOGGED_MODEL_PENDING")]
    Pending,
    /// They are complete.
    #[serde(rename = "LOGGED_MODEL_READY")]
    Ready,
    /// Uploading them failed.
    #[serde(rename = "LOGGED_MODEL_UPLOAD_FAILED")]
    Failed,
}

impl LoggedModelStatus {
    const ALL: [Self; 3] = [Self::Pending, Self::Ready, Self::Failed];

    /// Returns the name that searches use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Ready => "READY",
            Self::Failed => "FAILED",
        }
    }

    /// Reads a status by the name on the wire or the short one.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the names that exist.
    pub fn parse(text: &str) -> Result<Self> {
        match text.trim_start_matches("LOGGED_MODEL_") {
            "PENDING" => Ok(Self::Pending),
            "READY" => Ok(Self::Ready),
            "FAILED" | "UPLOAD_FAILED" => Ok(Self::Failed),
            _ => Err(Error::invalid(
                "logged model status",
                text,
                "it must be LOGGED_MODEL_PENDING, LOGGED_MODEL_READY or LOGGED_MODEL_UPLOAD_FAILED",
            )),
        }
    }

    /// Returns the number that MLflow's files hold (its protobuf enum).
    pub fn number(self) -> i64 {
        self as i64 + 1
    }

    /// Reads the number that MLflow's files hold.
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.number() == number)
    }
}

/// A param of a logged model on the wire: its key may be longer than that of a run's.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct ModelParam(pub(crate) Param);

impl<'de> Deserialize<'de> for ModelParam {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Form {
            key: String,
            #[serde(default, deserialize_with = "field::read")]
            value: String,
        }
        let Form { key, value } = Form::deserialize(deserializer)?;
        let key = Key::parse_model_param(key).map_err(D::Error::custom)?;
        Ok(Self(Param::new(key, value)))
    }
}

impl ModelParam {
    pub(crate) fn list(params: &[Param]) -> Vec<Self> {
        params.iter().cloned().map(Self).collect()
    }

    pub(crate) fn params(list: Vec<Self>) -> Vec<Param> {
        list.into_iter().map(|param| param.0).collect()
    }
}

/// MLflow's JSON of [`LoggedModel`].
#[derive(Serialize, Deserialize)]
struct Form {
    info: InfoForm,
    #[serde(default)]
    data: DataForm,
}

#[derive(Serialize, Deserialize)]
struct InfoForm {
    model_id: ModelId,
    experiment_id: ExperimentId,
    #[serde(default)]
    name: String,
    #[serde(default, deserialize_with = "number::int64::deserialize")]
    creation_timestamp_ms: i64,
    #[serde(default, deserialize_with = "number::int64::deserialize")]
    last_updated_timestamp_ms: i64,
    #[serde(default)]
    artifact_uri: String,
    #[serde(default)]
    status: LoggedModelStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status_message: Option<String>,
    // MLflow sends these also when there are none.
    #[serde(default)]
    model_type: String,
    #[serde(default)]
    source_run_id: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Tag>,
}

#[derive(Default, Serialize, Deserialize)]
struct DataForm {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    params: Vec<ModelParam>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    metrics: Vec<Metric>,
}

impl From<Form> for LoggedModel {
    fn from(Form { info, data }: Form) -> Self {
        Self {
            model_id: info.model_id,
            experiment_id: info.experiment_id,
            name: info.name,
            creation_timestamp: info.creation_timestamp_ms,
            last_updated_timestamp: info.last_updated_timestamp_ms,
            artifact_uri: info.artifact_uri,
            status: info.status,
            status_message: info.status_message,
            model_type: Some(info.model_type).filter(|text| !text.is_empty()),
            source_run_id: RunId::parse(info.source_run_id).ok(),
            tags: info.tags,
            params: ModelParam::params(data.params),
            metrics: data.metrics,
        }
    }
}

impl From<LoggedModel> for Form {
    fn from(model: LoggedModel) -> Self {
        Self {
            info: InfoForm {
                model_id: model.model_id,
                experiment_id: model.experiment_id,
                name: model.name,
                creation_timestamp_ms: model.creation_timestamp,
                last_updated_timestamp_ms: model.last_updated_timestamp,
                artifact_uri: model.artifact_uri,
                status: model.status,
                status_message: model.status_message,
                model_type: model.model_type.unwrap_or_default(),
                source_run_id: model.source_run_id.map(String::from).unwrap_or_default(),
                tags: model.tags,
            },
            data: DataForm { params: ModelParam::list(&model.params), metrics: model.metrics },
        }
    }
}
