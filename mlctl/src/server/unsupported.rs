//! Parts of MLflow's API that this server does not have yet, and says so: traces, datasets for
//! evaluating language models, and the prompt lab.
//!
//! Clients read the code: "not implemented" is not tried again, and nothing else is tried instead,
//! as it is after "no such endpoint". What MLflow's own pages ask for unasked has an empty answer
//! beside the pages.

use axum::Router;
use axum::routing::{any, post};
use mlctl_wire::ErrorCode;
use mlctl_wire::rest::Failure;

/// Builds the routes below `/api` and `/ajax-api`.
pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let traces = any(async || not_implemented("traces"));
    let datasets = any(async || not_implemented("evaluation datasets"));
    Router::new()
        .route(
            "/2.0/mlflow/runs/create-promptlab-run",
            post(async || not_implemented("the prompt lab")),
        )
        .route("/2.0/mlflow/get-online-trace-details", traces.clone())
        .route("/2.0/mlflow/get-trace-artifact", traces.clone())
        .route("/2.0/mlflow/traces", traces.clone())
        .route("/2.0/mlflow/traces/{*rest}", traces.clone())
        .route("/2.0/mlflow/unified-traces", traces.clone())
        .route("/3.0/mlflow/get-trace-artifact", traces.clone())
        .route("/3.0/mlflow/traces", traces.clone())
        .route("/3.0/mlflow/traces/{*rest}", traces)
        .route("/3.0/mlflow/datasets", datasets.clone())
        .route("/3.0/mlflow/datasets/{*rest}", datasets)
}

/// Builds the route below the root by which OpenTelemetry's exporters send spans.
pub(super) fn root_routes() -> Router {
    Router::new().route("/v1/traces", any(async || not_implemented("traces")))
}

fn not_implemented(what: &str) -> Failure {
    let message = format!("mlctl does not support {what}; use an MLflow server for this");
    Failure::new(ErrorCode::NotImplemented, message)
}
