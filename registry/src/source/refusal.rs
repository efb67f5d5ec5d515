//! Why a source is refused, in words that MLflow's clients know.

use std::fmt;

use crate::error::Error;

/// Why a source is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SourceRefusal {
    /// It lacks what the administrator wants in every source.
    Pattern(String),
    /// It makes the server talk to a host of the client's choice.
    Host {
        /// What it is the scheme of.
        what: &'static str,
        /// The scheme.
        scheme: String,
    },
    /// It is not absolute, or climbs.
    Relative(String),
    /// It is a local path outside of the artifacts of the run or logged model.
    Local {
        /// The source.
        source: String,
        /// `run_id` or `model_id`.
        parameter: &'static str,
    },
    /// It belongs to another run or logged model than the request names.
    Unowned {
        /// The source.
        source: String,
        /// `run_id` or `model_id`.
        parameter: &'static str,
    },
    /// It is of another registry.
    OtherRegistry(String),
    /// It is a version with another run or logged model than the request names.
    Lineage(String),
    /// It is a version of a prompt, which has no files.
    OfPrompt(String),
    /// A prompt has files, or what has no files is no prompt.
    Prompt(String),
    /// A stored location is outside of the store and of what is allowed besides.
    OutOfPlace(String),
}

impl SourceRefusal {
    pub(super) fn local(source: &str, parameter: &'static str) -> Self {
        Self::Local { source: source.to_owned(), parameter }
    }

    pub(super) fn unowned(source: &str, parameter: &'static str) -> Self {
        Self::Unowned { source: source.to_owned(), parameter }
    }
}

impl From<SourceRefusal> for Error {
    fn from(refusal: SourceRefusal) -> Self {
        Self::Source(refusal)
    }
}

impl fmt::Display for SourceRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pattern(source) => write!(f, "Invalid model version source: '{source}'."),
            Self::Host { what, scheme } => write!(
                f,
                "'{what}' cannot use the '{scheme}' scheme: the '{scheme}' scheme addresses a host \
                 other than the tracking server's configured artifact storage, so the server would \
                 connect to the host named in the URI; its administrator may allow the scheme"
            ),
            Self::Relative(source) => write!(
                f,
                "Invalid model version source: '{source}'. If supplying a source as an http, \
                 https, local file path, ftp, objectstore, or mlflow-artifacts uri, an absolute path \
                 must be provided without relative path references present. Please provide an \
                 absolute path."
            ),
            Self::Local { source, parameter } => write!(
                f,
                "Invalid model version source: '{source}'. To use a local path as a model \
                 version source, the {parameter} request parameter has to be specified and the \
                 local path has to be contained within the artifact directory of the run specified \
                 by the {parameter}."
            ),
            Self::Unowned { source, parameter } => write!(
                f,
                "Invalid model version source: '{source}'. The {parameter} request parameter must \
                 identify the resource that contains the source."
            ),
            Self::OtherRegistry(source) => {
                write!(
                    f,
                    "Invalid model version source: '{source}'. Registered model sources must use \
                 the active model registry."
                )
            }
            Self::Lineage(source) => write!(
                f,
                "Invalid model version source: '{source}'. The run_id and model_id request \
                 parameters must match the referenced model version."
            ),
            Self::OfPrompt(source) => write!(
                f,
                "Invalid model version source: '{source}'. Prompt versions cannot be used as \
                 model version sources."
            ),
            Self::Prompt(source) => write!(
                f,
                "Invalid prompt source: '{source}'. Prompt sources must use an MLflow placeholder."
            ),
            Self::OutOfPlace(location) => write!(
                f,
                "the files of the version are in '{location}', outside of this server's store \
                 and of the folders that its administrator allows"
            ),
        }
    }
}
