//! Features of MLflow that this server does not have and its pages ask about unasked.
//!
//! The answers say "none here" in MLflow's own shape, so that the pages show nothing instead of an
//! error. Only what the pages of experiments, runs and models load is here; whoever opens a page
//! of such a feature gets the 404 that any unknown path gets.

use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

/// Builds the routes below `/ajax-api/2.0/mlflow`.
pub fn router_v2() -> Router {
    Router::new()
        .route("/gateway-proxy", get(gateway_endpoints))
        .route("/users/current", get(current_user))
}

/// Builds the routes below `/ajax-api/3.0/mlflow`.
pub fn router_v3() -> Router {
    Router::new()
        .route("/assistant/config", get(assistant_config))
        .route("/assistant/providers", get(assistant_providers))
        .route("/datasets/search", post(evaluation_datasets))
        .route("/traces/metrics", post(trace_metrics))
        .route("/traces/search", post(traces))
}

/// The gateway of language models: it has no endpoints.
async fn gateway_endpoints() -> Json<Value> {
    Json(json!({ "endpoints": [] }))
}

/// Who is logged in: nobody, because there are no users. MLflow's server without users answers 404,
/// which the pages take for the same, but browsers report as an error.
async fn current_user() -> Json<Value> {
    Json(json!({}))
}

/// The assistant: nothing is set up.
async fn assistant_config() -> Json<Value> {
    Json(json!({ "providers": {}, "projects": {}, "remote_access_allowed": false }))
}

/// The assistant: nobody provides one.
async fn assistant_providers() -> Json<Value> {
    Json(json!({ "providers": [], "resolved": null }))
}

/// Numbers of traces: there are no traces to count.
async fn trace_metrics() -> Json<Value> {
    Json(json!({}))
}

/// Traces: there are none.
async fn traces() -> Json<Value> {
    Json(json!({}))
}

/// Datasets for evaluating language models: there are none.
async fn evaluation_datasets() -> Json<Value> {
    Json(json!({}))
}
