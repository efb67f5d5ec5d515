//! The one error of this crate.

use std::error;

/// What a fallible function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Says why values cannot be read, or do not fit what is declared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The values are not of their format, or make no table or tensor.
    #[error("{0}")]
    Invalid(String),
    /// The values do not fit the schema.
    #[error("{0}")]
    Mismatch(String),
    /// A file cannot be read.
    #[error("{doing}")]
    Io {
        /// What was being done, to which file.
        doing: String,
        /// The system's reason.
        source: Box<dyn error::Error + Send + Sync>,
    },
}

impl Error {
    /// Begins with the words that MLflow answers such values with.
    pub fn invalid(problem: impl Into<String>) -> Self {
        Self::Invalid(format!("Invalid input. {}", problem.into()))
    }

    pub(crate) fn io(doing: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io { doing: doing.into(), source: source.into() }
    }

    pub(crate) fn mismatch(problem: impl Into<String>) -> Self {
        Self::Mismatch(problem.into())
    }
}
