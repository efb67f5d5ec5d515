//! Opens the stores that the settings name.

use crate::config::Config;
use crate::failure::Hinted;
use anyhow::{Context, Result};
use mlctl_registry::{RegistryStore, SqliteStore};
use mlctl_tracking::TrackingStore;
use mlctl_tracking::client::HttpStore;
use mlctl_tracking::fluent::now;
use mlctl_tracking::store::file::{FileStore, holds_anything};
use mlctl_tracking::store::location::{location_path, path_uri};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An open tracking store, and what else its kind decides.
#[derive(Clone, Debug)]
pub(crate) struct Tracking {
    pub(crate) store: Arc<dyn TrackingStore>,
    /// The folder of a file store.
    pub(crate) root: Option<PathBuf>,
}

/// Whether a store that does not exist is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    Make,
    Refuse,
}

/// Opens the tracking store of the settings.
pub(crate) fn tracking(config: &Config, missing: Missing) -> Result<Tracking> {
    open_tracking(config, &config.store.value, missing)
}

/// Tells whether the store of the settings is there; a server is taken to be.
pub(crate) fn exists(config: &Config) -> bool {
    location_path(&config.store.value).is_none_or(|path| holds_anything(&path))
}

/// Opens the tracking store at `uri`.
pub(crate) fn open_tracking(config: &Config, uri: &str, missing: Missing) -> Result<Tracking> {
    if uri.starts_with("http://") || uri.starts_with("https://") {
        let store = HttpStore::new(uri, config.credentials.value.clone())?;
        return Ok(Tracking { store: Arc::new(store), root: None });
    }
    let Some(path) = location_path(uri) else {
        return Err(Hinted::error(
            format!("cannot open the store `{uri}`: this kind of URI is not supported"),
            "a store is a folder such as ./mlruns, or the address of a server: http://…",
        ));
    };
    if missing == Missing::Refuse && !holds_anything(&path) {
        return Err(Hinted::error(
            format!("there is no store at `{}`", path.display()),
            "name one with --store or MLFLOW_TRACKING_URI; `mlctl run` and `mlctl experiments create` make one",
        ));
    }
    let store = FileStore::open(&path, now())
        .with_context(|| format!("cannot open the store `{}`", path.display()))?;
    let root = Some(store.root().to_owned());
    Ok(Tracking { store: Arc::new(store), root })
}

impl Tracking {
    /// Spells the folder whose artifacts a server of this store serves.
    pub(crate) fn served_root(&self) -> Option<String> {
        self.root.as_deref().map(path_uri)
    }
}

/// Opens the registry of the settings.
pub(crate) fn registry(config: &Config, missing: Missing) -> Result<Arc<dyn RegistryStore>> {
    let path = match &config.registry_store.value {
        Some(uri) => sqlite_path(uri)?,
        None => default_registry(&config.store.value)?,
    };
    if missing == Missing::Refuse && !path.exists() {
        return Err(Hinted::error(
            format!("there is no registry at `{}`", path.display()),
            "`mlctl registry register` makes one; --registry-store names another",
        ));
    }
    let store = SqliteStore::open(&path)
        .with_context(|| format!("cannot open the registry `{}`", path.display()))?;
    Ok(Arc::new(store))
}

fn sqlite_path(uri: &str) -> Result<PathBuf> {
    let path = match uri.strip_prefix("sqlite:///") {
        Some(path) => Some(PathBuf::from(path)),
        None => location_path(uri),
    };
    path.ok_or_else(|| {
        Hinted::error(
            format!("cannot open the registry `{uri}`: this kind of URI is not supported"),
            "a registry is a file: sqlite:///PATH, with four slashes for an absolute path",
        )
    })
}

fn default_registry(store: &str) -> Result<PathBuf> {
    match location_path(store) {
        Some(folder) if folder.is_dir() => Ok(folder.join("registry.db")),
        Some(folder) => Err(no_store(&folder)),
        None => Err(Hinted::error(
            format!("the registry of the server `{store}` cannot be reached yet"),
            "name a registry file with --registry-store sqlite:///FILE",
        )),
    }
}

fn no_store(folder: &Path) -> anyhow::Error {
    Hinted::error(
        format!("there is no store at `{}`", folder.display()),
        "name one with --store, or a registry with --registry-store sqlite:///FILE",
    )
}
