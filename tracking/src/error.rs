//! The one error of this crate, and what each means on the wire.

use crate::entity::LifecycleStage;
use crate::{ExperimentId, ModelId, RunId};
use mlctl_wire::{ErrorCode, phrase};
use std::error;
use std::fmt;
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
        /// What MLflow says instead, where it has fixed words for it.
        phrase: Option<String>,
    },
    /// No experiment has this id.
    #[error("experiment `{0}` does not exist")]
    ExperimentNotFound(ExperimentId),
    /// No experiment has this name.
    #[error("there is no experiment named `{0}`")]
    ExperimentNameNotFound(String),
    /// The name is taken.
    #[error("experiment `{name}` already exists{}", if *.deleted { " in deleted state; restore it or use another name" } else { "" })]
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
        /// What was asked for it.
        owner: Thing,
    },
    /// A deleted run or experiment was to be changed.
    #[error("{what} must be in the 'active' state, but it is deleted: restore it first")]
    NotActive {
        /// What is deleted.
        what: Thing,
    },
    /// An active run, experiment or logged model was to be deleted for good.
    #[error(
        "{what} is not deleted: only what is in the 'deleted' state can be deleted \
             permanently"
    )]
    NotDeleted {
        /// What is active, such as "run `a1`".
        what: String,
    },
    /// Something was to be deleted for good that was deleted only just.
    #[error("{what} was not deleted long enough ago for the requested age")]
    TooYoung {
        /// What is too young, such as "run `a1`".
        what: String,
    },
    /// What is deleted was to be deleted, or what is active to be restored.
    #[error("experiment `{id}` is already {}", .stage.as_str())]
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
        /// The parameter that MLflow names for it.
        parameter: &'static str,
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
    /// A point is from before 1970.
    #[error(
        "invalid timestamp `{timestamp}` of metric `{key}`: \
         it must be a nonnegative number of milliseconds"
    )]
    NegativeTime {
        /// The parameter that holds it: `timestamp`, or `metrics[3].timestamp` of a batch.
        parameter: String,
        /// The metric's key.
        key: String,
        /// Its value.
        value: f64,
        /// Its time.
        timestamp: i64,
    },
    /// A run was given two different names.
    #[error("run name `{name}` differs from `{tag}`, the tag mlflow.runName: set only one of them")]
    TwoRunNames {
        /// The name.
        name: String,
        /// The value of the tag.
        tag: String,
    },
    /// More or fewer rows were asked for than a page may have.
    #[error("invalid max_results `{rows}`: it must be from 1 to {max}")]
    PageRows {
        /// How many were asked for.
        rows: i64,
        /// How many there may be.
        max: usize,
    },
    /// One batch gives the same param twice.
    #[error("the batch has param `{key}` more than once: send one value for each key")]
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
    /// A URI names no store that can be opened.
    #[error(transparent)]
    Uri(#[from] mlctl_uri::Error),
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
    #[error("the store is read-only: {0}")]
    ReadOnly(String),
    /// The server that holds the data refused or failed.
    #[error("{message}")]
    Remote {
        /// MLflow's code, as the server sent it.
        code: ErrorCode,
        /// The server's message.
        message: String,
    },
    /// The disk is full, or a quota or limit of it is reached.
    #[error("{doing}: no space is left on the disk")]
    NoSpace {
        /// What was being done.
        doing: String,
        /// What the system says.
        source: Box<dyn error::Error + Send + Sync>,
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

/// What an error is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Thing {
    /// A run.
    Run(RunId),
    /// An experiment.
    Experiment(ExperimentId),
    /// A logged model.
    Model(ModelId),
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(id) => write!(f, "run `{id}`"),
            Self::Experiment(id) => write!(f, "experiment `{id}`"),
            Self::Model(id) => write!(f, "logged model `{id}`"),
        }
    }
}

/// The result of a tracking operation.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Says that `value` breaks `rule`.
    pub fn invalid(what: &'static str, value: &str, rule: &'static str) -> Self {
        Self::Invalid { what, value: shortened(value), rule, phrase: None }
    }

    /// Says that `value` breaks `rule`, for which MLflow has fixed words.
    pub(crate) fn invalid_as(
        phrase: impl Into<String>,
        what: &'static str,
        value: &str,
        rule: &'static str,
    ) -> Self {
        Self::Invalid { what, value: shortened(value), rule, phrase: Some(phrase.into()) }
    }

    /// Says that a text is no experiment's id.
    pub(crate) fn no_experiment_id(text: &str, rule: &'static str) -> Self {
        let shown = shortened(text);
        let phrase = format!(
            "Invalid experiment ID '{shown}'. Experiment ID must be a valid integer: {rule}"
        );
        Self::Invalid { what: "experiment id", value: shown, rule, phrase: Some(phrase) }
    }

    /// Says that a text is longer than `chars_max`.
    pub(crate) fn too_long(
        what: &'static str,
        parameter: &'static str,
        text: &str,
        chars_max: usize,
    ) -> Self {
        let begin = text.chars().take(40).collect();
        Self::TooLong { what, parameter, chars_max, begin }
    }

    /// Says what was being done when `source` happened.
    pub fn backend(
        doing: impl Into<String>,
        source: impl Into<Box<dyn error::Error + Send + Sync>>,
    ) -> Self {
        Self::Backend { doing: doing.into(), source: source.into() }
    }

    /// Returns MLflow's words for what is wrong with an id or a key, and the parameter they name.
    pub(crate) fn message(&self) -> Option<(&'static str, String)> {
        match self {
            Self::Invalid { phrase: Some(phrase), .. } => Some(("key", phrase.clone())),
            Self::TooLong { parameter, chars_max, .. } => {
                Some((parameter, phrase::too_long(parameter, *chars_max)))
            }
            _ => None,
        }
    }

    /// The same for a metric's key, which MLflow calls its name.
    pub(crate) fn metric_message(&self) -> Option<String> {
        match self {
            Self::TooLong { chars_max, .. } => Some(phrase::too_long("Metric name", *chars_max)),
            _ => self
                .message()
                .map(|(_, text)| text.replacen("'key' supplied", "'name' supplied", 1)),
        }
    }

    /// The same for a param's key.
    pub(crate) fn param_message(&self) -> Option<String> {
        match self {
            Self::TooLong { chars_max, .. } => Some(phrase::too_long("Param key", *chars_max)),
            _ => self.message().map(|(_, text)| text),
        }
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
            | Self::NegativeTime { .. }
            | Self::TwoRunNames { .. }
            | Self::PageRows { .. }
            | Self::BatchTooLarge { .. }
            | Self::TooLong { .. }
            | Self::Filter(_)
            | Self::Uri(_)
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
            Self::NoSpace { .. } => ErrorCode::InsufficientStorage,
            Self::Remote { code, .. } => *code,
            Self::Artifacts(error) => artifact_code(error),
            Self::Corrupt { .. } | Self::Backend { .. } => ErrorCode::InternalError,
        }
    }
}

/// Cuts a value to what a message can hold.
fn shortened(value: &str) -> String {
    const CHARS_SHOWN: usize = 120;
    let mut shown: String = value.chars().take(CHARS_SHOWN).collect();
    if shown.len() < value.len() {
        shown.push('…');
    }
    shown
}

fn artifact_code(error: &mlctl_artifacts::Error) -> ErrorCode {
    match error {
        mlctl_artifacts::Error::NotFound { .. } => ErrorCode::ResourceDoesNotExist,
        mlctl_artifacts::Error::NoSpace { .. } => ErrorCode::InsufficientStorage,
        mlctl_artifacts::Error::Io { .. } | mlctl_artifacts::Error::Options { .. } => {
            ErrorCode::InternalError
        }
        mlctl_artifacts::Error::Denied { .. } | mlctl_artifacts::Error::NotAllowed { .. } => {
            ErrorCode::PermissionDenied
        }
        mlctl_artifacts::Error::Unsupported { .. } => ErrorCode::NotImplemented,
        _ => ErrorCode::InvalidParameterValue,
    }
}
