//! What the pages show, and what each of them needs to know about its server.

use mlctl_registry::RegistryStore;
use mlctl_tracking::TrackingStore;
use mlctl_wire::Clock;
use std::sync::Arc;
use uuid::Uuid;

/// The stores that pages show, and where the pages are.
#[derive(Clone, Debug)]
pub struct Site {
    /// Experiments and runs.
    pub tracking: Arc<dyn TrackingStore>,
    /// Registered models; none at all when there is no registry.
    pub registry: Option<Arc<dyn RegistryStore>>,
    /// What all addresses begin with: empty, or starts with `/` and ends without one.
    pub prefix: String,
    /// What tells the time.
    pub clock: Clock,
    /// Whether MLflow's own pages are below `/mlflow`.
    pub has_mlflow: bool,
    /// Whether the name that somebody gives is enough to approve something, where nobody signs in.
    pub trusts_names: bool,
    /// What a form of these pages carries, so that no other page can send it.
    form_token: String,
}

impl Site {
    /// Makes pages over `tracking`, below no prefix and without a registry.
    pub fn new(tracking: Arc<dyn TrackingStore>) -> Self {
        Self {
            tracking,
            registry: None,
            prefix: String::new(),
            clock: Clock::system(),
            has_mlflow: false,
            trusts_names: false,
            form_token: Uuid::new_v4().simple().to_string(),
        }
    }

    /// Returns the address of a page, given without the prefix.
    pub(crate) fn link(&self, path: &str) -> String {
        match path {
            "/" if !self.prefix.is_empty() => self.prefix.clone(),
            _ => format!("{}{path}", self.prefix),
        }
    }

    /// Returns what a form must carry.
    pub(crate) fn form_token(&self) -> &str {
        &self.form_token
    }
}
