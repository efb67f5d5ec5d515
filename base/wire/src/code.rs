//! MLflow's error codes, the HTTP status each one travels with, and the envelope around them.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Names a kind of failure, as MLflow's clients know it.
///
/// Source: the `ErrorCode` enum of MLflow 3.17.2 and its table of HTTP statuses;
/// `INSUFFICIENT_STORAGE` is of our own. A code that this
/// list lacks is read as [`ErrorCode::InternalError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum ErrorCode {
    /// The request is malformed in a way that no parameter can be blamed for.
    BadRequest,
    /// A parameter has a value that breaks a rule.
    InvalidParameterValue,
    /// What is asked for does not exist.
    ResourceDoesNotExist,
    /// What is to be made exists already.
    ResourceAlreadyExists,
    /// What is asked for is in a state that forbids the request.
    InvalidState,
    /// Nothing answers at this path.
    EndpointNotFound,
    /// The caller may not do this.
    PermissionDenied,
    /// The caller has not said who it is.
    #[serde(rename = "UNAUTHENTICATED")]
    Unauthenticated,
    /// The request is larger than the server takes.
    RequestLimitExceeded,
    /// A quota is used up.
    ResourceExhausted,
    /// The operation exists in MLflow, but not here or not for this store.
    NotImplemented,
    /// The server's disk is full, or a quota or limit of it is reached.
    InsufficientStorage,
    /// The server cannot answer now; the same request may succeed later.
    TemporarilyUnavailable,
    /// Something broke that the caller cannot mend.
    #[serde(other)]
    InternalError,
}

impl ErrorCode {
    /// Returns the HTTP status that MLflow answers with, but for a request that is too large: 413
    /// says so, where MLflow's 429 would make its client try again.
    pub fn http_status(self) -> u16 {
        match self {
            Self::BadRequest | Self::InvalidParameterValue | Self::ResourceAlreadyExists => 400,
            Self::Unauthenticated => 401,
            Self::PermissionDenied => 403,
            Self::ResourceDoesNotExist | Self::EndpointNotFound => 404,
            Self::RequestLimitExceeded => 413,
            Self::ResourceExhausted => 429,
            Self::InternalError | Self::InvalidState => 500,
            Self::NotImplemented => 501,
            Self::TemporarilyUnavailable => 503,
            Self::InsufficientStorage => 507,
        }
    }

    /// Returns the name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "BAD_REQUEST",
            Self::InvalidParameterValue => "INVALID_PARAMETER_VALUE",
            Self::ResourceDoesNotExist => "RESOURCE_DOES_NOT_EXIST",
            Self::ResourceAlreadyExists => "RESOURCE_ALREADY_EXISTS",
            Self::InvalidState => "INVALID_STATE",
            Self::EndpointNotFound => "ENDPOINT_NOT_FOUND",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::RequestLimitExceeded => "REQUEST_LIMIT_EXCEEDED",
            Self::ResourceExhausted => "RESOURCE_EXHAUSTED",
            Self::NotImplemented => "NOT_IMPLEMENTED",
            Self::TemporarilyUnavailable => "TEMPORARILY_UNAVAILABLE",
            Self::InsufficientStorage => "INSUFFICIENT_STORAGE",
            Self::InternalError => "INTERNAL_ERROR",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The body of every answer that is not a success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// What kind of failure it is.
    pub error_code: ErrorCode,
    /// What went wrong, for a person.
    #[serde(default)]
    pub message: String,
}

impl ErrorBody {
    /// Makes the body of a failure.
    pub fn new(error_code: ErrorCode, message: impl Into<String>) -> Self {
        Self { error_code, message: message.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_spelled_alike_in_json_and_in_text() {
        for code in [
            ErrorCode::BadRequest,
            ErrorCode::InvalidParameterValue,
            ErrorCode::ResourceDoesNotExist,
            ErrorCode::ResourceAlreadyExists,
            ErrorCode::InvalidState,
            ErrorCode::EndpointNotFound,
            ErrorCode::PermissionDenied,
            ErrorCode::Unauthenticated,
            ErrorCode::RequestLimitExceeded,
            ErrorCode::ResourceExhausted,
            ErrorCode::NotImplemented,
            ErrorCode::TemporarilyUnavailable,
            ErrorCode::InsufficientStorage,
            ErrorCode::InternalError,
        ] {
            let json = serde_json::to_string(&code).unwrap();
            assert_eq!(json, format!("\"{code}\""));
            assert_eq!(serde_json::from_str::<ErrorCode>(&json).unwrap(), code);
        }
    }

    #[test]
    fn an_unknown_code_is_an_internal_error() {
        let body: ErrorBody =
            serde_json::from_str(r#"{"error_code":"WORKER_BUSY","message":"x"}"#).unwrap();
        assert_eq!(body.error_code, ErrorCode::InternalError);
    }
}
