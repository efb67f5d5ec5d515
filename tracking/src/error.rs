//! The one error of this crate, and what each means on the wire.

use crate::entity::LifecycleStage;
use crate::{ExperimentId, ModelId, RunId};
use mlctl_wire::ErrorCode;
use std::error;
use std::path::PathBuf;

/// What can go wrong in a tracking store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value breaks a rule.
    #[error("invalid {what} `{value}`: {rule}")]
    Invalid {
        /// The kind of value.
        what: &'static str,
        /// The value, shortened when it is long.
        value: String,
        /// What would be right.
        rule: &'static str,
    },
    /// No experiment has this id.
    #[error("experiment `{0}` does not exist")]
    ExperimentNotFound(ExperimentId),
    /// No experiment has this name.
    #[error("there is no experiment named `{0}`")]
    ExperimentNameNotFound(String),
    /// The name is taken.
    #[error("experiment `{name}` already exists{}", if *.deleted { " in deleted state; restore it or take another name" } else { "" })]
    ExperimentExists {
        /// The name that was asked for.
        name: String,
        /// Whether the experiment that has it is deleted.
        deleted: bool,
    },
    /// No run has this id.
    #[error("run `{0}` does not exist")]
    RunNotFound(RunId),
    /// No logged model has this id.
    #[error("logged model `{0}` does not exist")]
    ModelNotFound(ModelId),
    /// There is no such tag to delete.
    #[error("{owner} has no tag `{key}`")]
    TagNotFound {
        /// The tag's key.
        key: String,
        /// What was asked for it, such as "run `a1`".
        owner: String,
    },
    /// A deleted run or experiment was to be changed.
    #[error("{what} must be in the 'active' state; it is deleted: restore it first")]
    NotActive {
        /// What is deleted, such as "run `a1`".
        what: String,
    },
    /// An active run, experiment or logged model was to be deleted for good.
    #[error("{what} is not deleted: only what is in the 'deleted' state can be deleted for good")]
    NotDeleted {
        /// What is active, such as "run `a1`".
        what: String,
    },
    /// Something was to be deleted for good that was deleted only just.
    #[error(
        "{what} was not deleted long enough ago: it is younger than the age that was asked for"
    )]
    TooYoung {
        /// What is too young, such as "run `a1`".
        what: String,
    },
    /// What is deleted was to be deleted, or what is active to be restored.
    #[error("experiment `{id}` is {} already", .stage.as_str())]
    ExperimentStage {
        /// The experiment.
        id: ExperimentId,
        /// The stage that it has.
        stage: LifecycleStage,
    },
    /// A text is longer than MLflow takes it.
    #[error("the {what} `{begin}…` exceeds the maximum length of {chars_max} characters")]
    TooLong {
        /// The kind of text.
        what: &'static str,
        /// How many characters it may have.
        chars_max: usize,
        /// How it begins.
        begin: String,
    },
    /// A param was to be given a second value.
    #[error(
        "param `{key}` of run `{run}` already has the value `{old}` and cannot become `{new}`: \
         changing param values is not allowed"
    )]
    ParamChanged {
        /// The run.
        run: RunId,
        /// The param's key.
        key: String,
        /// The value that stays.
        old: String,
        /// The value that was refused.
        new: String,
    },
    /// One batch gives the same param twice.
    #[error("the batch gives param `{key}` more than once: send one value for each key")]
    ParamTwice {
        /// The param's key.
        key: String,
    },
    /// A batch holds too much.
    #[error(
        "a batch logging request can contain at most {max} {what}; got {got}: \
         split them over several requests"
    )]
    BatchTooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How many are allowed.
        max: usize,
        /// How many were sent.
        got: usize,
    },
    /// A filter or an order clause cannot be understood.
    #[error(transparent)]
    Filter(#[from] mlctl_filter::Error),
    /// A page token is not of this query.
    #[error("Invalid page token")]
    PageToken,
    /// Reading or writing an artifact failed.
    #[error(transparent)]
    Artifacts(#[from] mlctl_artifacts::Error),
    /// A file of the store cannot be understood; the rest of the store still works.
    #[error("cannot read `{}`: {why}", .path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// This kind of store cannot do it.
    #[error("{0}")]
    Unsupported(String),
    /// The database is opened for reading only.
    #[error("the store is opened for reading only: {0}")]
    ReadOnly(String),
    /// The server that holds the data refused or failed.
    #[error("{message}")]
    Remote {
        /// MLflow's code, as the server sent it.
        code: ErrorCode,
        /// The server's message.
        message: String,
    },
    /// The disk, the database or the network failed.
    #[error("{doing}")]
    Backend {
        /// What was being done.
        doing: String,
        /// Why it failed.
        source: Box<dyn error::Error + Send + Sync>,
    },
}

/// The result of a tracking operation.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Says that `value` breaks `rule`.
    pub(crate) fn invalid(what: &'static str, value: &str, rule: &'static str) -> Self {
        const CHARS_SHOWN: usize = 120;
        let mut shown: String = value.chars().take(CHARS_SHOWN).collect();
        if shown.len() < value.len() {
            shown.push('…');
        }
        Self::Invalid { what, value: shown, rule }
    }

    /// Says what was being done when `source` happened.
    #[cfg(any(feature = "file", feature = "rest", feature = "sqlite", feature = "client"))]
    pub(crate) fn backend(
        doing: impl Into<String>,
        source: impl Into<Box<dyn error::Error + Send + Sync>>,
    ) -> Self {
        Self::Backend { doing: doing.into(), source: source.into() }
    }

    /// Returns the code that MLflow's clients expect for this failure.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Invalid { .. }
            | Self::NotActive { .. }
            | Self::NotDeleted { .. }
            | Self::TooYoung { .. }
            | Self::ParamChanged { .. }
            | Self::ParamTwice { .. }
            | Self::BatchTooLarge { .. }
            | Self::TooLong { .. }
            | Self::Filter(_)
            | Self::PageToken => ErrorCode::InvalidParameterValue,
            Self::ExperimentNotFound(_)
            | Self::ExperimentNameNotFound(_)
            | Self::ExperimentStage { .. }
            | Self::RunNotFound(_)
            | Self::ModelNotFound(_)
            | Self::TagNotFound { .. } => ErrorCode::ResourceDoesNotExist,
            Self::ExperimentExists { .. } => ErrorCode::ResourceAlreadyExists,
            Self::Unsupported(_) => ErrorCode::NotImplemented,
            Self::ReadOnly(_) => ErrorCode::PermissionDenied,
            Self::Remote { code, .. } => *code,
            Self::Artifacts(error) => artifact_code(error),
            Self::Corrupt { .. } | Self::Backend { .. } => ErrorCode::InternalError,
        }
    }
}

fn artifact_code(error: &mlctl_artifacts::Error) -> ErrorCode {
    match error {
        mlctl_artifacts::Error::NotFound { .. } => ErrorCode::ResourceDoesNotExist,
        mlctl_artifacts::Error::Io { .. }
        | mlctl_artifacts::Error::NoSpace { .. }
        | mlctl_artifacts::Error::Options { .. } => ErrorCode::InternalError,
        mlctl_artifacts::Error::Denied { .. } => ErrorCode::PermissionDenied,
        mlctl_artifacts::Error::Unsupported { .. } => ErrorCode::NotImplemented,
        _ => ErrorCode::InvalidParameterValue,
    }
}
