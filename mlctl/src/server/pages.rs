//! What a browser finds at the server's address.

use axum::Router;
use mlctl_ui::mlflow::{self, Build, Sources};

/// Builds the routes of MLflow's own pages, or of the line that says how to get them.
pub(crate) fn routes(build: Option<Build>, sources: &Sources, static_prefix: &str) -> Router {
    match build {
        Some(build) => mlflow::router(&build, sources, static_prefix),
        None => mlflow::landing(static_prefix).merge(mlflow::queries(sources, static_prefix)),
    }
}
