//! MLflow's own pages on our stores.
//!
//! The pages are a build of JavaScript inside MLflow's wheel (`mlflow/server/js/build`); it is
//! served as it is. They ask the REST API, which other crates serve, and what is here: GraphQL,
//! telemetry settings, and features of MLflow that this server does not have, for which
//! [`absent`] says "none here". Every path is relative to the static prefix of the server.

pub mod absent;
mod build;
#[cfg(feature = "graphql")]
pub mod graphql;
mod landing;
mod pages;
pub mod telemetry;

pub use build::{Build, BuildError};
pub use landing::landing;
pub use pages::pages;

use axum::Router;
use mlctl_registry::RegistryStore;
use mlctl_tracking::TrackingStore;
use mlctl_tracking::rest::ServedArtifacts;
use std::sync::Arc;

/// What the pages show.
#[derive(Clone, Debug)]
pub struct Sources {
    /// Experiments and runs.
    pub tracking: Arc<dyn TrackingStore>,
    /// Registered models; none at all when there is no registry.
    pub registry: Option<Arc<dyn RegistryStore>>,
    /// The artifacts that the server passes on, which decides how their locations are spelled.
    pub served: ServedArtifacts,
}

/// Serves the pages of `build` and all that they ask beyond the REST APIs of tracking and
/// registry.
///
/// `static_prefix` is empty, or starts with `/` and ends without one.
pub fn router(build: &Build, sources: &Sources, static_prefix: &str) -> Router {
    let api = absent::router_v2();
    let api_v3 = Router::new().merge(telemetry::router()).merge(absent::router_v3());
    pages(build, static_prefix)
        .merge(queries(sources, static_prefix))
        .nest(&format!("{static_prefix}/ajax-api/2.0/mlflow"), api)
        .nest(&format!("{static_prefix}/ajax-api/3.0/mlflow"), api_v3)
}

/// Serves GraphQL: MLflow's clients ask for it too, and so do pages that are elsewhere.
#[cfg(feature = "graphql")]
pub fn queries(sources: &Sources, static_prefix: &str) -> Router {
    graphql::router(sources.clone(), static_prefix)
}

/// Serves nothing: this build is without GraphQL.
#[cfg(not(feature = "graphql"))]
pub fn queries(_: &Sources, _: &str) -> Router {
    Router::new()
}
