//! What can go wrong in a registry, named by what the caller can do about it.

use std::borrow::Cow;
use std::error;
use std::path::PathBuf;

use mlctl_wire::ErrorCode;

use crate::approval::RequestRefusal;
use crate::gate::GateReport;
use crate::id::{Alias, ModelName, Stage, VersionNumber};
use crate::source::SourceRefusal;
use crate::stages::listed;

/// Shortens every signature of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure of a registry or of one of its rules.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value breaks the rule of its kind.
    #[error("invalid {what} `{value}`: {rule}")]
    Invalid {
        /// The kind of value, as users call it.
        what: &'static str,
        /// The offending value, shortened when it is long.
        value: String,
        /// The rule that it breaks.
        rule: Cow<'static, str>,
        /// What MLflow says instead, where it has fixed words for it.
        phrase: Option<String>,
    },
    /// No registered model has this name.
    #[error("model `{0}` does not exist")]
    ModelNotFound(ModelName),
    /// A registered model has this name already.
    #[error("model `{0}` already exists")]
    ModelExists(ModelName),
    /// A prompt has this name already.
    #[error("prompt `{0}` already exists")]
    PromptExists(ModelName),
    /// A model was to get the name of a prompt.
    #[error("cannot create model `{0}`: a prompt has this name")]
    TakenByPrompt(ModelName),
    /// A prompt was to get the name of a model.
    #[error("cannot create prompt `{0}`: a model has this name")]
    TakenByModel(ModelName),
    /// The model has no such version, or it was deleted.
    #[error("model `{model}` has no version {version}")]
    VersionNotFound {
        /// The model that was asked.
        model: ModelName,
        /// The number that it lacks.
        version: VersionNumber,
        /// The newest version that it has, for a hint.
        newest: Option<VersionNumber>,
    },
    /// The model has no such alias.
    #[error("model `{model}` has no alias `{alias}`")]
    AliasNotFound {
        /// The model that was asked.
        model: ModelName,
        /// The alias that it lacks.
        alias: Alias,
    },
    /// No version of the model is in the stage.
    #[error("model `{model}` has no version in stage {stage}")]
    StageEmpty {
        /// The model that was asked.
        model: ModelName,
        /// The stage that nothing holds.
        stage: Stage,
    },
    /// The model has no version at all.
    #[error("model `{0}` has no versions")]
    NoVersions(ModelName),
    /// Existing versions can only be archived out of a stage that serves.
    #[error("cannot archive the existing versions in stage {stage}: only {}", listed(serving))]
    CannotArchive {
        /// The stage that was to be cleared.
        stage: Stage,
        /// The stages that can be.
        serving: Vec<Stage>,
    },
    /// The rules of the model's stages do not lead there.
    #[error(
        "version {} of `{}` may not go from {} to {}: from {} it may go to {}",
        .0.version, .0.model, .0.from, .0.stage, .0.from, listed(&.0.reachable)
    )]
    MoveNotAllowed(Box<GateReport>),
    /// The version does not meet the conditions of the stage.
    #[error("version {} of `{}` may not enter {}: {}", .0.version, .0.model, .0.stage, .0.failures())]
    GateClosed(Box<GateReport>),
    /// A request for a transition cannot be made or decided.
    #[error("{0}")]
    Request(Box<RequestRefusal>),
    /// The filter or order of a search cannot be read.
    #[error(transparent)]
    Search(#[from] mlctl_filter::Error),
    /// A URI names no registry that can be opened.
    #[error(transparent)]
    Uri(#[from] mlctl_uri::Error),
    /// The token is not of this search, or was changed on the way.
    #[error("Invalid page token")]
    PageToken,
    /// The source of a version is not where versions may come from.
    #[error("{0}")]
    Source(SourceRefusal),
    /// No webhook has this id.
    #[cfg(feature = "webhooks")]
    #[error("webhook `{0}` does not exist")]
    WebhookNotFound(crate::webhook::WebhookId),
    /// A webhook may not be as it is asked for; the text says why.
    #[cfg(feature = "webhooks")]
    #[error("{0}")]
    WebhookRefused(String),
    /// The database is too old to have tables for webhooks.
    #[cfg(feature = "webhooks")]
    #[error("`{path}` has no tables for webhooks; run `mlctl db upgrade {path}` first")]
    WebhooksAbsent {
        /// The database file.
        path: PathBuf,
    },
    /// The server says no.
    #[error("{message}")]
    Remote {
        /// The kind of failure.
        code: ErrorCode,
        /// What the server says.
        message: String,
    },
    /// The database holds registry tables of a form that this crate cannot use.
    #[error("cannot use the registry tables in `{path}`: {problem}")]
    Schema {
        /// The database file.
        path: PathBuf,
        /// What is missing, or too new.
        problem: String,
    },
    /// The database is opened for reading only.
    #[error("`{path}` is read-only: {why}")]
    ReadOnly {
        /// The database file.
        path: PathBuf,
        /// What forbids to write to it.
        why: String,
    },
    /// The disk is full, or a quota or limit of it is reached.
    #[error("{doing}: no space is left on the disk")]
    NoSpace {
        /// What the store was doing.
        doing: String,
    },
    /// Another program kept the database locked for longer than the store waits.
    #[error("`{path}` has been locked by another program for {waited_ms} ms")]
    Busy {
        /// The database file.
        path: PathBuf,
        /// How long the store waited.
        waited_ms: u128,
    },
    /// The storage beneath failed; the cause is in `source`.
    #[error("{doing}")]
    Backend {
        /// What the store was doing.
        doing: String,
        /// The cause.
        source: Box<dyn error::Error + Send + Sync>,
    },
}

impl Error {
    /// Returns the code that MLflow's clients know this failure by.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Invalid { .. }
            // MLflow blames the parameter, not the resource, for an unknown alias.
            | Self::AliasNotFound { .. }
            // MLflow calls this an internal error, which its own client would then retry.
            | Self::CannotArchive { .. }
            | Self::MoveNotAllowed(_)
            | Self::Search(_)
            | Self::PageToken
            | Self::Uri(_)
            | Self::Source(_) => ErrorCode::InvalidParameterValue,
            #[cfg(feature = "webhooks")]
            Self::WebhookRefused(_) => ErrorCode::InvalidParameterValue,
            #[cfg(feature = "webhooks")]
            Self::WebhookNotFound(_) => ErrorCode::ResourceDoesNotExist,
            #[cfg(feature = "webhooks")]
            Self::WebhooksAbsent { .. } => ErrorCode::NotImplemented,
            Self::Remote { code, .. } => *code,
            // MLflow's word for a wrong state would make its clients try again for minutes.
            Self::GateClosed(_) => ErrorCode::PermissionDenied,
            Self::Request(refusal) => refusal.code(),
            Self::ModelNotFound(_)
            | Self::VersionNotFound { .. }
            | Self::StageEmpty { .. }
            | Self::NoVersions(_) => ErrorCode::ResourceDoesNotExist,
            Self::ModelExists(_)
            | Self::PromptExists(_)
            | Self::TakenByPrompt(_)
            | Self::TakenByModel(_) => ErrorCode::ResourceAlreadyExists,
            Self::NoSpace { .. } => ErrorCode::InsufficientStorage,
            Self::ReadOnly { .. } => ErrorCode::PermissionDenied,
            Self::Busy { .. } => ErrorCode::TemporarilyUnavailable,
            Self::Schema { .. } | Self::Backend { .. } => ErrorCode::InternalError,
        }
    }

    /// Makes an error of the storage beneath.
    pub fn backend(
        doing: impl Into<String>,
        source: impl Into<Box<dyn error::Error + Send + Sync>>,
    ) -> Self {
        Self::Backend { doing: doing.into(), source: source.into() }
    }

    /// Says that `value` breaks `rule`; a long value is shortened.
    pub fn invalid(what: &'static str, value: &str, rule: impl Into<Cow<'static, str>>) -> Self {
        const SHOWN_CHARS_MAX: usize = 120;
        let mut shown: String = value.chars().take(SHOWN_CHARS_MAX).collect();
        if shown.len() < value.len() {
            shown.push('…');
        }
        Self::Invalid { what, value: shown, rule: rule.into(), phrase: None }
    }

    /// Adds the words that MLflow has for it; other errors stay as they are.
    #[must_use]
    pub(crate) fn in_words(self, words: impl Into<String>) -> Self {
        match self {
            Self::Invalid { what, value, rule, .. } => {
                Self::Invalid { what, value, rule, phrase: Some(words.into()) }
            }
            other => other,
        }
    }
}
