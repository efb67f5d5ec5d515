//! Why a request came to nothing, named by what the caller can do.

use std::error::Error;

use mlctl_wire::ErrorCode;

/// What is right for a server's address.
pub const URL_RULE: &str = "it must be a URL such as http://127.0.0.1:5000";

/// A request that came to nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The server's address is no HTTP URL.
    #[error("invalid URL `{url}`: {URL_RULE}")]
    Address {
        /// What was given.
        url: String,
    },
    /// The server refuses.
    #[error("{message}")]
    Refused {
        /// MLflow's code, as the server sent it, or what the HTTP status comes down to.
        code: ErrorCode,
        /// The server's message.
        message: String,
    },
    /// The server cannot be reached, or its answer is none of an MLflow server.
    #[error("{doing}")]
    Broken {
        /// What was being done.
        doing: String,
        /// Why it failed.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl Failure {
    pub(crate) fn broken(
        doing: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Broken { doing: doing.into(), source: source.into() }
    }
}
