//! `/invocations`, as MLflow's scoring server answers it.

use super::JSON;
use super::failure::{failed, refused};
use super::format::Format;
use crate::{Deployed, Repository};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mlctl_models_format::payload;
use mlctl_models_format::{Asked, Predictions};
use mlctl_wire::rest::{Failure, blocking};
use mlctl_wire::{ErrorCode, limits};
use std::sync::Arc;
use std::time::Instant;

/// A body of more bytes takes longer to decode than handing it over; so does encoding the answer.
const LARGE: usize = 64 * 1024;

/// As many values are encoded in that time.
const MANY: usize = 4096;

/// Asks the only model.
pub(super) async fn only(
    State(repository): State<Arc<Repository>>,
    request: Request,
) -> Result<Response, Failure> {
    match repository.only() {
        Some(deployed) => answer(deployed?, request).await,
        None => {
            let names: Vec<&str> = repository.names().collect();
            let message = format!(
                "several models are served: {}; use /models/NAME/invocations",
                names.join(", ")
            );
            Err(Failure::new(ErrorCode::ResourceDoesNotExist, message))
        }
    }
}

/// Asks the model of a name.
pub(super) async fn named(
    State(repository): State<Arc<Repository>>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, Failure> {
    answer(repository.get(&name, None)?, request).await
}

async fn answer(deployed: Arc<Deployed>, request: Request) -> Result<Response, Failure> {
    let start = Instant::now();
    let format = match Format::of(request.headers()) {
        Ok(format) => format,
        Err(problem) => {
            deployed.note_invalid(start.elapsed());
            return Ok((StatusCode::UNSUPPORTED_MEDIA_TYPE, problem).into_response());
        }
    };
    let asked = match read(request.into_body()).await {
        Ok(body) => decode(format, body, &deployed).await,
        Err(failure) => Err(failure),
    };
    let asked = asked.inspect_err(|_| deployed.note_invalid(start.elapsed()))?;
    match deployed.answer_to(asked).await {
        Ok(predictions) => Ok((JSON, encode(predictions).await?).into_response()),
        Err(refusal) => Ok(refused(refusal)),
    }
}

/// Reads a body up to the limit.
pub(super) async fn read(body: Body) -> Result<Bytes, Failure> {
    to_bytes(body, limits::JSON_BODY_BYTES_MAX).await.map_err(|_| {
        let most = limits::JSON_BODY_BYTES_MAX;
        let problem = format!("the body is not complete or exceeds {most} bytes");
        Failure::new(ErrorCode::RequestLimitExceeded, problem)
    })
}

async fn decode(format: Format, body: Bytes, deployed: &Arc<Deployed>) -> Result<Asked, Failure> {
    if body.len() <= LARGE
        && let Some(read) = format.read_at_once(&body, deployed.model())
    {
        return read.map_err(|error| failed(&error));
    }
    let deployed = Arc::clone(deployed);
    blocking(move || format.read(&body, deployed.model()).map_err(|error| failed(&error))).await
}

async fn encode(predictions: Predictions) -> Result<String, Failure> {
    let values = match &predictions {
        Predictions::Json(_) => MANY,
        Predictions::Bare(_) => 0,
        other => other.tensors().iter().map(|(_, tensor)| tensor.values().len()).sum(),
    };
    if values < MANY {
        return Ok(payload::to_json(&predictions));
    }
    blocking(move || Ok::<_, Failure>(payload::to_json(&predictions))).await
}
