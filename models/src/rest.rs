//! MLflow's scoring protocol over HTTP: `/ping`, `/health`, `/version`, `/invocations`.

use crate::{Error, Input, Model, payload};
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use mlctl_wire::rest::{Failure, blocking};
use mlctl_wire::{ErrorCode, limits};
use std::sync::Arc;

const JSON: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/json")];

/// Serves one model. Building the router opens no socket.
///
/// Failures are `{"error_code": ..., "message": ...}` with status 400 when the request is at fault;
/// a body of another type than JSON or CSV is answered 415 in plain text, as MLflow does.
pub fn router(model: Arc<Model>) -> Router {
    Router::new()
        .route("/ping", get(ping))
        .route("/health", get(ping))
        .route("/version", get(version))
        .route("/invocations", post(invocations))
        .with_state(model)
}

async fn ping() -> impl IntoResponse {
    (JSON, "\n")
}

async fn version() -> impl IntoResponse {
    (JSON, env!("CARGO_PKG_VERSION"))
}

async fn invocations(
    State(model): State<Arc<Model>>,
    request: Request,
) -> Result<Response, Failure> {
    let format = match Format::of(request.headers()) {
        Ok(format) => format,
        Err(problem) => return Ok((StatusCode::UNSUPPORTED_MEDIA_TYPE, problem).into_response()),
    };
    let body = read(request.into_body()).await?;
    let answer = blocking(move || {
        let input = format.decode(&body, &model)?;
        Ok::<_, Error>(payload::to_json(&model.predict(input)?))
    })
    .await?;
    Ok((JSON, answer).into_response())
}

/// What a request's body is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Json,
    Csv,
}

impl Format {
    /// Reads `Content-Type`; the text of a failure is the body of a 415.
    fn of(headers: &HeaderMap) -> Result<Self, String> {
        let value = headers.get(header::CONTENT_TYPE);
        let value = value.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut parts = value.split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
        for parameter in parts.filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            if !name.trim().eq_ignore_ascii_case("charset") {
                return Err(format!("Unrecognized content type parameters: {name}"));
            }
            if !value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8") {
                return Err("The scoring server only supports UTF-8".to_owned());
            }
        }
        match essence.as_str() {
            "application/json" => Ok(Self::Json),
            "text/csv" => Ok(Self::Csv),
            _ => Err(format!(
                "This predictor only supports the following content types: \
                 ['text/csv', 'application/json']. Got '{value}'."
            )),
        }
    }

    fn decode(self, body: &[u8], model: &Model) -> crate::Result<Input> {
        match self {
            Self::Json => payload::from_json(body, model.input_schema()),
            Self::Csv => {
                let text = std::str::from_utf8(body).map_err(|error| {
                    Error::bad_request(format!(
                        "Ensure that input is a valid UTF-8 encoded string. Error: '{error}'"
                    ))
                })?;
                payload::from_csv(text, model.input_schema())
            }
        }
    }
}

async fn read(body: Body) -> Result<Bytes, Failure> {
    to_bytes(body, limits::JSON_BODY_BYTES_MAX).await.map_err(|_| {
        let most = limits::JSON_BODY_BYTES_MAX;
        let problem = format!("the body is not complete or exceeds {most} bytes");
        Failure::new(ErrorCode::RequestLimitExceeded, problem)
    })
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::BadRequest(_) | Error::Evaluation { .. } => ErrorCode::BadRequest,
            Error::SchemaMismatch(_) => ErrorCode::InvalidParameterValue,
            Error::Library { .. } | Error::Python { .. } => ErrorCode::InternalError,
            Error::NotAModel { .. }
            | Error::MalformedInfo { .. }
            | Error::NoFlavor { .. }
            | Error::UnsupportedOperators { .. }
            | Error::UnsupportedGraph { .. }
            | Error::UnsupportedModel { .. }
            | Error::Unconvertible { .. }
            | Error::Io { .. } => {
                tracing::error!(%error, "a request met a model that is not ready");
                return Self::new(ErrorCode::InternalError, "internal error");
            }
        };
        Self::new(code, error.to_string())
    }
}
