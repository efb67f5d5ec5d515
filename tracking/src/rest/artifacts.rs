//! Artifacts: those of runs and models, and the proxy that clients upload and download through.

mod body;
mod bounds;
mod conditional;
mod direct;
mod file;
mod owned;
mod proxy;
mod resolve;
mod versions;

pub use versions::VersionPlaces;

use super::Service;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

/// Below `/api/2.0/mlflow` and `/ajax-api/2.0/mlflow`.
pub(super) fn run_routes() -> Router<Service> {
    Router::new()
        .route("/artifacts/list", get(owned::list_of_run))
        .route("/artifacts/presigned-download-url", post(direct::sign_download))
        .route("/artifacts/presigned-upload-url", post(direct::sign_upload))
        .route("/logged-models/{model_id}/artifacts/directories", get(owned::list_of_model))
}

/// Below `/ajax-api/2.0/mlflow` only.
pub(super) fn page_routes() -> Router<Service> {
    Router::new()
        .route("/upload-artifact", post(owned::upload))
        .route("/logged-models/{model_id}/artifacts/files", get(owned::file_of_model))
        .layer(DefaultBodyLimit::disable())
}

/// Below the root.
pub(super) fn root_routes() -> Router<Service> {
    Router::new().route("/get-artifact", get(owned::file_of_run))
}

/// Below the root, for who knows where the files of model versions are.
pub(super) fn version_routes(service: Service, places: VersionPlaces) -> Router {
    Router::new()
        .route("/model-versions/get-artifact", get(versions::file_of_version))
        .with_state((service, places))
}

/// Below `/api/2.0/mlflow-artifacts` and `/ajax-api/2.0/mlflow-artifacts`.
pub(super) fn proxy_routes() -> Router<Service> {
    Router::new()
        .route("/artifacts", get(proxy::list))
        .route("/artifacts/{*path}", get(proxy::download).put(proxy::upload).delete(proxy::remove))
        .route("/mpu/create/{*path}", post(direct::begin))
        .route("/mpu/complete/{*path}", post(direct::complete))
        .route("/mpu/abort/{*path}", post(direct::abort))
        .route("/presigned/{*path}", get(direct::sign_proxied))
        // Artifacts have no size limit: they stream to their store.
        .layer(DefaultBodyLimit::disable())
}
