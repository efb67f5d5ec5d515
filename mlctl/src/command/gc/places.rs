//! Where the artifacts of a store are.

use crate::cli::GcArgs;
use crate::command::Context;
use crate::stores::{self, Choices, Missing};
use anyhow::Result;
use mlctl_artifacts::ArtifactStore;
use mlctl_tracking::OpenStore;
use mlctl_tracking::store::location::location_path;
use mlctl_tracking::{Error, TrackingStore};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The scheme of what a server keeps for its clients.
const PROXIED: &str = "mlflow-artifacts:";
/// Where MLflow's server keeps it when nothing else is said.
const DESTINATION: &str = "./mlartifacts";

/// Opens locations.
pub(super) struct Places {
    store: Arc<dyn TrackingStore>,
    /// A server through which proxied artifacts are reached, when no destination is given.
    server: Option<Arc<dyn TrackingStore>>,
    destination: String,
    /// Whether the destination was named, and is not a folder that happens to be here.
    is_named: bool,
    served: Option<String>,
}

impl Places {
    pub(super) fn new(context: &Context, args: &GcArgs, tracking: &OpenStore) -> Result<Self> {
        let settings = &context.config.store.value;
        // MLflow reaches proxied artifacts through the server that --tracking-uri names.
        let server = match &args.artifacts_destination {
            None if stores::is_server(settings) => Some(
                stores::open_tracking(
                    &context.config,
                    settings,
                    Missing::Refuse,
                    &Choices::default(),
                )?
                .store,
            ),
            _ => None,
        };
        let is_named = args.artifacts_destination.is_some();
        let destination = args.artifacts_destination.clone().unwrap_or(DESTINATION.to_owned());
        let served = tracking.served.clone();
        Ok(Self { store: tracking.store.clone(), server, destination, is_named, served })
    }

    pub(super) fn open(&self, location: &str) -> Result<Arc<dyn ArtifactStore>, Error> {
        let Some(path) = location.strip_prefix(PROXIED) else {
            return self.store.artifacts(location);
        };
        if let Some(server) = &self.server {
            return server.artifacts(location);
        }
        // A host in it is that of the server whose artifacts these are.
        let below = match path.strip_prefix("//") {
            Some(with_host) => with_host.split_once('/').map_or("", |(_, path)| path),
            None => path,
        };
        // What is not a plain path must not lead out of the destination.
        let below = mlctl_artifacts::ArtifactPath::parse(below.trim_start_matches('/'))?;
        let destination = self.destination.trim_end_matches('/');
        match below.is_root() {
            true => self.store.artifacts(destination),
            false => self.store.artifacts(&format!("{destination}/{below}")),
        }
    }

    /// Tells whether a location is reached through a server.
    pub(super) fn is_behind_server(&self, location: &str) -> bool {
        self.server.is_some() && location.starts_with(PROXIED)
    }

    /// Returns the places of the store's own that hold folders of experiments: those that are
    /// there.
    pub(super) fn roots(&self) -> Vec<String> {
        let there =
            |location: &str| location_path(location).is_none_or(|path| Path::new(&path).is_dir());
        let destination = self.has_own_destination().then(|| self.destination.clone());
        let mut roots: Vec<String> =
            self.served.iter().cloned().chain(destination).filter(|root| there(root)).collect();
        roots.dedup();
        roots
    }

    /// Tells whether a location lies in one of the roots.
    pub(super) fn is_own(&self, location: &str, roots: &[String]) -> bool {
        if location.starts_with(PROXIED) {
            return self.has_own_destination();
        }
        match location_path(location) {
            // What is not there holds no orphans, whosever it is.
            Some(path) => match fs::canonicalize(path) {
                Ok(path) => roots.iter().filter_map(|root| real(root)).any(|r| path.starts_with(r)),
                Err(_) => true,
            },
            None => roots.iter().any(|root| {
                let inside = location.strip_prefix(root.trim_end_matches('/'));
                inside.is_some_and(|inside| inside.is_empty() || inside.starts_with('/'))
            }),
        }
    }

    /// Tells whether the destination is this store's: it was named, or lies beside the store.
    fn has_own_destination(&self) -> bool {
        let parent = |location: &str| real(location)?.parent().map(Path::to_path_buf);
        let is_beside = || {
            let beside = self.served.as_deref().and_then(location_path);
            let beside = beside.and_then(|path| fs::canonicalize(path.parent()?).ok());
            beside.is_some() && parent(&self.destination) == beside
        };
        self.server.is_none() && (self.is_named || is_beside())
    }
}

/// Follows a local location to where it really is.
fn real(location: &str) -> Option<PathBuf> {
    fs::canonicalize(location_path(location)?).ok()
}
