//! Errors as MLflow's clients know them: its codes, and its words where they are read.

use std::error::Error as _;

use mlctl_wire::ErrorCode;
use mlctl_wire::rest::Failure;

use crate::error::{Error, Result};
use crate::id::{ModelName, VersionNumber};

impl From<Error> for Failure {
    /// What broke inside is logged with its cause, and answered plainly: paths and SQL stay here.
    fn from(error: Error) -> Self {
        let code = error.code();
        if code != ErrorCode::InternalError || matches!(error, Error::Remote { .. }) {
            return Self::new(code, message(&error));
        }
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        tracing::error!(%error, cause, "a request failed");
        Self::new(code, "internal error: see the log of the server")
    }
}

/// Says that a model has no version of this number, possible or not.
pub(super) fn no_version(model: &ModelName, version: &str) -> Failure {
    let message = format!("Model Version (name={model}, version={version}) not found");
    Failure::new(ErrorCode::ResourceDoesNotExist, message)
}

/// Says that a model has no such alias, as it has none that is reserved.
pub(super) fn no_alias(alias: &str) -> Failure {
    let message = format!("Registered model alias {alias} not found.");
    Failure::new(ErrorCode::InvalidParameterValue, message)
}

fn taken(name: &ModelName, wanted: &str, owner: &str) -> String {
    format!(
        "Tried to create a {wanted} with name '{name}', but the name is already taken by a \
         {owner}. MLflow does not allow creating a model and a prompt with the same name."
    )
}

/// Takes the failure of a call about one version: of a model that does not exist, MLflow says that
/// it has no such version.
pub(super) fn of_version<T>(
    outcome: Result<T>,
    model: &ModelName,
    version: VersionNumber,
) -> Result<T> {
    outcome.map_err(|error| match error {
        Error::ModelNotFound(_) => {
            Error::VersionNotFound { model: model.clone(), version, newest: None }
        }
        other => other,
    })
}

fn message(error: &Error) -> String {
    match error {
        Error::Invalid { phrase: Some(phrase), .. } => phrase.clone(),
        Error::Search(error) => error.mlflow_message(),
        Error::ModelNotFound(name) => format!("Registered Model with name={name} not found"),
        Error::ModelExists(name) => format!("Registered Model (name={name}) already exists."),
        Error::PromptExists(name) => format!("Prompt (name={name}) already exists."),
        Error::TakenByPrompt(name) => taken(name, "registered model", "prompt"),
        Error::TakenByModel(name) => taken(name, "prompt", "registered model"),
        Error::VersionNotFound { model, version, .. } => {
            format!("Model Version (name={model}, version={version}) not found")
        }
        Error::AliasNotFound { alias, .. } => format!("Registered model alias {alias} not found."),
        Error::NoVersions(name) => format!("Latest version not found for model {name}."),
        Error::CannotArchive { stage, serving } => {
            let serving: Vec<_> = serving.iter().map(|stage| format!("'{stage}'")).collect();
            format!(
                "Model version transition cannot archive existing model versions because \
                 '{stage}' is not an Active stage. Valid stages are [{}]",
                serving.join(", ")
            )
        }
        #[cfg(feature = "webhooks")]
        Error::WebhookNotFound(id) => format!("Webhook with ID {id} not found."),
        #[cfg(feature = "webhooks")]
        Error::WebhooksAbsent { .. } => {
            "the database has no tables for webhooks; run `mlctl db upgrade FILE` on the server"
                .to_owned()
        }
        // The path of the file is no business of clients.
        Error::Busy { .. } => "the registry is busy; try again".to_owned(),
        Error::NoSpace { .. } => {
            "no space is left on the disk of the server: nothing of this request was stored"
                .to_owned()
        }
        Error::ReadOnly { why, .. } => {
            format!("the registry is read-only: {why}")
        }
        other => other.to_string(),
    }
}
