//! Scoring over HTTP: MLflow's protocol, and the Open Inference Protocol.

mod failure;
mod format;
mod invocations;
mod openapi;
mod page;
mod v2;

use crate::Repository;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use mlctl_models_format::Model;
use std::sync::Arc;

const JSON: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/json")];

const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves one model. Building the router opens no socket.
///
/// Failures are `{"error_code": ..., "message": ...}` with status 400 when the request is at fault;
/// a body of a type that is not known is answered 415 in plain text, as MLflow does.
pub fn router(model: Arc<Model>) -> Router {
    repository_router(Arc::new(Repository::of(model)))
}

/// Serves all models of a repository.
///
/// `/invocations` asks the only model, `/models/NAME/invocations` any; `/v2` is the Open Inference
/// Protocol, version 2, with its extensions for repositories and binary tensors; `/metrics` is for
/// Prometheus, `/openapi.json` for programs, and `/` for people.
pub fn repository_router(repository: Arc<Repository>) -> Router {
    Router::new()
        .route("/ping", get(ping))
        .route("/health", get(ping))
        .route("/version", get(version))
        .route("/invocations", post(invocations::only))
        .route("/models/{name}/invocations", post(invocations::named))
        .route("/metrics", get(metrics))
        .route("/openapi.json", get(openapi::document))
        .merge(page::routes())
        .nest("/v2", v2::routes())
        .with_state(repository)
}

async fn ping(State(repository): State<Arc<Repository>>) -> impl IntoResponse {
    // MLflow answers 404 while there is no model.
    let is_ready = repository.standings().iter().any(|standing| standing.version.is_some());
    let status = if is_ready { StatusCode::OK } else { StatusCode::NOT_FOUND };
    (status, JSON, "\n")
}

async fn version() -> impl IntoResponse {
    (JSON, env!("CARGO_PKG_VERSION"))
}

async fn metrics(State(repository): State<Arc<Repository>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, METRICS)], repository.metrics())
}
