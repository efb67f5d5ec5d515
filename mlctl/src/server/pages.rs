//! What a browser finds at the server's address.

use crate::stores::Tracking;
use axum::Router;
use mlctl_registry::RegistryStore;
use mlctl_tracking::rest::ServedArtifacts;
use mlctl_ui::mlflow::{self, Build, Sources};
use std::sync::Arc;

/// MLflow's own pages, and what they show beside runs.
#[derive(Debug)]
pub(crate) struct Pages {
    pub(crate) build: Build,
    /// Registered models; none when the registry cannot be opened.
    pub(crate) registry: Option<Arc<dyn RegistryStore>>,
}

/// Builds the routes of the pages, or of the line that says how to get them.
pub(crate) fn routes(
    pages: Option<Pages>,
    tracking: &Tracking,
    served: ServedArtifacts,
    static_prefix: &str,
) -> Router {
    let Some(Pages { build, registry }) = pages else { return mlflow::landing(static_prefix) };
    let sources = Sources { tracking: tracking.store.clone(), registry, served };
    mlflow::router(&build, &sources, static_prefix)
}
