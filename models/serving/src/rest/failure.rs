//! What goes wrong, as an answer.

use crate::{Missing, Refusal};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mlctl_models_format::{Error, Fault};
use mlctl_wire::ErrorCode;
use mlctl_wire::rest::Failure;

/// Answers an error of a model with MLflow's code for it.
pub(super) fn failed(error: &Error) -> Failure {
    let code = match error.fault() {
        Fault::Input => ErrorCode::BadRequest,
        Fault::Schema => ErrorCode::InvalidParameterValue,
        Fault::Host => ErrorCode::InternalError,
        Fault::Model => {
            tracing::error!(%error, "a request for a model that is not ready");
            return Failure::new(ErrorCode::InternalError, "internal error");
        }
    };
    Failure::new(code, error.to_string())
}

impl From<Missing> for Failure {
    fn from(missing: Missing) -> Self {
        let code = match missing {
            Missing::Unloaded => ErrorCode::TemporarilyUnavailable,
            Missing::Name | Missing::Version(_) => ErrorCode::ResourceDoesNotExist,
        };
        Self::new(code, told(&missing))
    }
}

/// Says in words what is missing.
pub(super) fn told(missing: &Missing) -> String {
    match missing {
        Missing::Name => "no model with this name is served; POST /v2/repository/index lists the \
                          models"
            .to_owned(),
        Missing::Version(version) => {
            format!("this version of the model is not served; the served version is {version}")
        }
        Missing::Unloaded => "the model is not loaded".to_owned(),
    }
}

/// Answers a refusal as MLflow's server does.
pub(super) fn refused(refusal: Refusal) -> Response {
    match refusal {
        Refusal::Failed(error) => failed(&error).into_response(),
        Refusal::Busy => busy(Failure::new(
            ErrorCode::ResourceExhausted,
            "too many requests wait for the model; try again later",
        )),
        // The words are MLflow's.
        Refusal::TimedOut => (
            StatusCode::GATEWAY_TIMEOUT,
            [(header::CONTENT_TYPE, "application/json")],
            "Request processing time exceeded limit",
        )
            .into_response(),
        Refusal::Broken => {
            tracing::error!("scoring a request ended in a panic");
            Failure::new(ErrorCode::InternalError, "internal error").into_response()
        }
    }
}

/// Asks the client to come back in a second.
pub(super) fn busy(answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}
