//! Errors as MLflow's clients know them: its codes, and its words where programs match on them.
//!
//! Each message begins with MLflow's phrase, the values in MLflow's form; more may follow.

use crate::entity::LifecycleStage;
use crate::{Error, Thing};
use mlctl_artifacts::Error as ArtifactError;
use mlctl_wire::rest::Failure;
use mlctl_wire::{ErrorCode, phrase};
use std::error::Error as _;

impl From<Error> for Failure {
    /// What broke inside is logged with its cause, and answered plainly: paths and SQL stay here.
    fn from(error: Error) -> Self {
        let code = error.code();
        if let Error::Artifacts(ArtifactError::Denied { source, .. }) = &error {
            tracing::error!(%error, cause = %source, "the object store refused a request");
        }
        let is_inside = matches!(code, ErrorCode::InternalError | ErrorCode::InsufficientStorage);
        if !is_inside || matches!(error, Error::Remote { .. }) {
            return Self::new(code, message(&error));
        }
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        tracing::error!(%error, cause, "a request failed");
        Self::new(code, plain(code))
    }
}

/// Says what broke inside as far as it concerns clients.
fn plain(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::InsufficientStorage => {
            "no space is left on the disk of the server: nothing of this request was stored"
        }
        _ => "internal error: see the log of the server",
    }
}

/// The same for the key of a metric, which MLflow calls a name.
pub(super) fn of_metric(error: Error) -> Failure {
    let code = error.code();
    match error.metric_message() {
        Some(message) => Failure::new(code, message),
        None => error.into(),
    }
}

/// The same for the key of a param.
pub(super) fn of_param(error: Error) -> Failure {
    let code = error.code();
    match error.param_message() {
        Some(message) => Failure::new(code, message),
        None => error.into(),
    }
}

fn message(error: &Error) -> String {
    match error {
        Error::Invalid { phrase: Some(phrase), .. } => phrase.clone(),
        Error::ExperimentNotFound(id) => format!("No Experiment with id={id} exists"),
        Error::ExperimentNameNotFound(name) => {
            format!("Could not find experiment with name '{name}'")
        }
        Error::ExperimentExists { name, deleted } => {
            let more = match deleted {
                true => " It is in the deleted state: restore it or use another name.",
                false => "",
            };
            format!("Experiment(name={name}) already exists.{more}")
        }
        Error::ExperimentStage { id, stage } => {
            let wanted = match stage {
                LifecycleStage::Active => LifecycleStage::Deleted,
                LifecycleStage::Deleted => LifecycleStage::Active,
            };
            format!(
                "No Experiment with id={id} exists in the {} state: it is already {}",
                wanted.as_str(),
                stage.as_str()
            )
        }
        Error::RunNotFound(id) => format!("Run with id={id} not found"),
        Error::ModelNotFound(id) => format!("Logged model with ID '{id}' not found."),
        Error::TagNotFound { key, owner } => match owner {
            Thing::Run(id) => format!("No tag with name: {key} in run with id {id}"),
            Thing::Experiment(id) => format!("No tag with name: {key} in experiment with id {id}"),
            Thing::Model(id) => format!("No tag with key '{key}' found for model with ID '{id}'."),
        },
        Error::NotActive { what } => {
            let what = match what {
                Thing::Run(id) => format!("run {id}"),
                Thing::Experiment(id) => format!("experiment {id}"),
                Thing::Model(id) => format!("logged model {id}"),
            };
            format!(
                "The {what} must be in the 'active' state. Current state is deleted. Restore it \
                 first."
            )
        }
        Error::TooLong { what, parameter, chars_max, begin } => {
            let phrase = phrase::too_long(parameter, *chars_max);
            format!("{phrase}: the {what} begins with '{begin}'")
        }
        Error::ParamChanged { run, key, old, new } => format!(
            "Changing param values is not allowed. Param with key='{key}' was already logged with \
             value='{old}' for run ID='{run}'. Attempted logging new value '{new}'."
        ),
        Error::ParamTwice { key } => format!(
            "Duplicate parameter keys have been submitted: ['{key}']. Please ensure the request \
             contains only one param value per param key."
        ),
        Error::BatchTooLarge { what, max, got } => format!(
            "A batch logging request can contain at most {max} {what}. Got {got} {what}. Please \
             split up {what} across multiple requests and try again."
        ),
        Error::NegativeTime { parameter, key, value, timestamp } => format!(
            "Invalid value {timestamp} for parameter '{parameter}' supplied: metric '{key}' \
             (value={value:?}). Timestamp must be a nonnegative long (64-bit integer) of \
             milliseconds since 1970"
        ),
        Error::TwoRunNames { name, tag } => format!(
            "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different \
             values (run_name='{name}', mlflow.runName='{tag}')."
        ),
        Error::PageRows { rows, max } => {
            let bound = match *rows > 0 {
                true => "at most",
                false => "a positive integer, at most",
            };
            format!(
                "Invalid value {rows} for parameter 'max_results' supplied. It must be {bound} {max}"
            )
        }
        Error::Filter(error) => error.mlflow_message(),
        Error::Artifacts(error @ ArtifactError::InvalidPath { .. }) => {
            format!("Invalid path: {error}")
        }
        Error::Artifacts(ArtifactError::NotFound { path }) => {
            format!("No such artifact: '{path}'")
        }
        other => other.to_string(),
    }
}
