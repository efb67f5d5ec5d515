//! Opens the stores that the settings name.

use crate::config::{self, Config, known};
use crate::failure::Hinted;
use anyhow::{Context, Result};
use mlctl_artifacts::Locations;
use mlctl_registry::gate::RunMetrics;
pub(crate) use mlctl_registry::{OpenRegistry, Webhooks};
use mlctl_registry::{RegistryStore, StageRules};
use mlctl_sqlite::{Database, Durability, Options};
use mlctl_tracking::store::file;
use mlctl_tracking::store::location::location_path;
use mlctl_tracking::{OpenOptions, OpenStore, RunId, TrackingStore};
use mlctl_uri::StoreUri;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread;

/// Whether a store that does not exist is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    Make,
    Refuse,
}

/// What a server may decide about its store.
#[derive(Clone, Debug, Default)]
pub(crate) struct Choices {
    /// Where the artifacts of new experiments go; the store's own place when not given.
    pub(crate) artifact_root: Option<String>,
    /// Where that lies which is recorded as `mlflow-artifacts:`; what MLflow's server and the
    /// environment say when not given.
    pub(crate) destination: Option<String>,
    /// What a change of a database, or a written artifact, has survived when it is acknowledged.
    pub(crate) durability: Durability,
    /// For a server that others can reach: the folders of this machine that it opens besides its
    /// own places. None opens any.
    pub(crate) allowed_roots: Option<Vec<PathBuf>>,
    /// A file that is open already: a store in the same file shares it.
    pub(crate) database: Option<Arc<Database>>,
}

/// Why a server opens no other folder.
const ALLOWED: &str = "other machines can reach this server, so on its disk it opens only the \
                       store, the artifact root and destination, and folders that \
                       --allow-artifact-root DIR allows";

/// Reads where a store is.
fn place_of(uri: &str) -> Result<StoreUri> {
    Ok(StoreUri::parse(uri, "store")?)
}

/// Says which options of a URI have no meaning here.
fn tell_ignored(uri: &str, place: &StoreUri) {
    if let StoreUri::Database(database) = place
        && !database.ignored.is_empty()
    {
        let ignored = database.ignored.join("`, `");
        tracing::warn!("`{ignored}` of `{uri}` has no effect");
    }
}

/// Tells whether a store is a database.
pub(crate) fn is_database(uri: &str) -> bool {
    matches!(place_of(uri), Ok(StoreUri::Database(_)))
}

/// Tells whether a store is on a server.
pub(crate) fn is_server(uri: &str) -> bool {
    matches!(place_of(uri), Ok(StoreUri::Server(_)))
}

/// Reads the path of a database that is spelled as a path or `sqlite:///FILE`.
pub(crate) fn database(text: &str) -> Result<PathBuf> {
    if let Some(database) = mlctl_uri::Database::parse(text) {
        return Ok(database?.path);
    }
    location_path(text).ok_or_else(|| {
        Hinted::error(
            format!("`{text}` is not a database that mlctl can upgrade"),
            "pass a path or sqlite:///PATH, with four slashes for an absolute path",
        )
    })
}

/// Opens the tracking store of the settings.
pub(crate) fn tracking(config: &Config, missing: Missing) -> Result<OpenStore> {
    open_tracking(config, &config.store.value, missing, &Choices::default())
}

/// Removes unfinished files that killed processes left in the store's folders, while others go on.
pub(crate) fn sweep(tracking: &OpenStore) -> Result<()> {
    let kinds = [mlctl_artifacts::UNFINISHED, file::UNFINISHED];
    let folders = tracking.folders.clone();
    let work = move || {
        let removed: usize =
            folders.iter().map(|folder| mlctl_scratch::sweep_below(folder, &kinds)).sum();
        if removed > 0 {
            tracing::info!("removed {removed} unfinished files of killed processes");
        }
    };
    thread::Builder::new().name("sweep".to_owned()).spawn(work).context("cannot start a thread")?;
    Ok(())
}

/// Tells whether the store of the settings is there; a server is taken to be.
pub(crate) fn exists(config: &Config) -> bool {
    place_of(&config.store.value).is_ok_and(|place| mlctl_tracking::exists(&place))
}

/// Opens the tracking store at `uri`.
pub(crate) fn open_tracking(
    config: &Config,
    uri: &str,
    missing: Missing,
    choices: &Choices,
) -> Result<OpenStore> {
    let place = place_of(uri)?;
    if missing == Missing::Refuse && !mlctl_tracking::exists(&place) {
        let path = match &place {
            StoreUri::Database(database) => database.path.display().to_string(),
            _ => uri.to_owned(),
        };
        return Err(Hinted::error(
            format!("there is no store at `{path}`"),
            "set --store or MLFLOW_TRACKING_URI; `mlctl run` and `mlctl experiments create` \
             create a store",
        ));
    }
    tell_ignored(uri, &place);
    let options = OpenOptions {
        artifact_root: choices.artifact_root.clone(),
        destination: choices.destination.clone().or_else(|| destination(&place)),
        locations: locations_for(choices),
        credentials: config.credentials.value.clone(),
        durability: choices.durability,
        database: choices.database.clone(),
        ..OpenOptions::default()
    };
    OpenStore::at(&place, &options).with_context(|| format!("cannot open the store `{uri}`"))
}

/// Where MLflow's server keeps artifacts when nothing else is said.
const DESTINATION: &str = "./mlartifacts";

/// Says where that lies which a server keeps for its clients, when no flag does.
fn destination(place: &StoreUri) -> Option<String> {
    let is_used = match place {
        StoreUri::Server(_) => return None,
        StoreUri::Database(_) => true,
        // Beside a folder, MLflow's server leaves artifacts where it was started.
        StoreUri::Path(_) => Path::new(DESTINATION).is_dir(),
    };
    let named = known::ARTIFACTS_DESTINATION.read().map(|(location, _)| location);
    named.or_else(|| is_used.then(|| DESTINATION.to_owned()))
}

fn locations_for(choices: &Choices) -> Locations {
    let locations = match choices.durability {
        Durability::Full => locations(),
        Durability::Normal => locations().without_sync(),
    };
    match &choices.allowed_roots {
        Some(allowed) => {
            let opened = allowed.iter().fold(locations, |all, folder| all.beneath(folder));
            opened.nothing_else(ALLOWED)
        }
        None => locations,
    }
}

/// Returns what opens artifacts, in object stores as the environment says.
pub(crate) fn locations() -> Locations {
    static LOCATIONS: OnceLock<Locations> = OnceLock::new();
    LOCATIONS.get_or_init(|| Locations::new(config::environ_text().collect())).clone()
}

/// Finds the registry that goes with a store.
fn registry_place_beside(store: &str) -> Result<StoreUri> {
    match place_of(store)? {
        StoreUri::Path(folder) if folder.is_dir() => Ok(StoreUri::Path(folder.join("registry.db"))),
        StoreUri::Path(folder) => Err(no_store(&folder)),
        place => Ok(place),
    }
}

/// Reads where a registry is.
fn registry_place_of(uri: &str) -> Result<StoreUri> {
    Ok(StoreUri::parse(uri, "registry")?)
}

/// Returns the file of a registry; none when it is on a server.
fn file_of(place: &StoreUri) -> Option<&Path> {
    match place {
        StoreUri::Server(_) => None,
        StoreUri::Path(path) => Some(path),
        StoreUri::Database(database) => Some(&database.path),
    }
}

/// Opens a registry, in the file that is `open` already when it is the same; `metrics` makes what
/// knows the runs that its versions come from.
fn open_registry_at(
    config: &Config,
    place: &StoreUri,
    open: Option<&Arc<Database>>,
    durability: Durability,
    metrics: impl FnOnce(&Arc<Database>) -> LoggedMetrics,
) -> Result<OpenRegistry> {
    let mut options = mlctl_registry::OpenOptions {
        credentials: config.credentials.value.clone(),
        durability,
        ..mlctl_registry::OpenOptions::default()
    };
    let Some(path) = file_of(place) else { return Ok(OpenRegistry::at(place, &options)?) };
    let stages = config.registry_stages.value.as_deref().unwrap_or_default();
    options.stages = StageRules::parse(stages)
        .with_context(|| format!("invalid registry_stages in {}", config.registry_stages.origin))?;
    let settings = Options { durability, ..Options::default() };
    let database = Database::share(open, path, settings)?;
    options.metrics = Some(Arc::new(metrics(&database)));
    options.database = Some(database);
    OpenRegistry::at(place, &options)
        .with_context(|| format!("cannot open the registry `{}`", path.display()))
}

/// The metrics of runs, in a store that is opened when they are asked for.
struct LoggedMetrics(Box<dyn Fn() -> Result<Arc<dyn TrackingStore>> + Send + Sync>);

impl fmt::Debug for LoggedMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoggedMetrics").finish_non_exhaustive()
    }
}

impl RunMetrics for LoggedMetrics {
    fn metrics(&self, run_id: &str) -> mlctl_registry::Result<Option<BTreeMap<String, f64>>> {
        let failed = |error: anyhow::Error| {
            mlctl_registry::Error::backend("reading a run's metrics", format!("{error:#}"))
        };
        let Ok(id) = RunId::parse(run_id) else { return Ok(None) };
        match (self.0)().map_err(failed)?.run(&id) {
            Ok(run) => {
                let metrics = run.data.metrics.into_iter();
                Ok(Some(metrics.map(|one| (one.key.to_string(), one.value)).collect()))
            }
            Err(mlctl_tracking::Error::RunNotFound(_)) => Ok(None),
            Err(error) => Err(failed(error.into())),
        }
    }
}

/// Opens the registry of a server: what `uri` names, else the settings, else what lies with
/// `store`, which is open as `tracking`.
pub(crate) fn registry_beside(
    config: &Config,
    uri: Option<&str>,
    store: &str,
    durability: Durability,
    tracking: &OpenStore,
) -> Result<OpenRegistry> {
    let place = match uri.or(config.registry_store.value.as_deref()) {
        Some(uri) => registry_place_of(uri)?,
        None => registry_place_beside(store)?,
    };
    let runs = tracking.store.clone();
    open_registry_at(config, &place, tracking.database.as_ref(), durability, |_| {
        LoggedMetrics(Box::new(move || Ok(runs.clone())))
    })
}

/// Opens the registry of the settings.
pub(crate) fn registry(config: &Config, missing: Missing) -> Result<Arc<dyn RegistryStore>> {
    Ok(open_registry(config, missing)?.store)
}

/// Opens the webhooks of the settings' registry.
pub(crate) fn webhooks(config: &Config) -> Result<Webhooks> {
    Ok(open_registry(config, Missing::Make)?.webhooks)
}

fn open_registry(config: &Config, missing: Missing) -> Result<OpenRegistry> {
    if missing == Missing::Make && config.registry_store.value.is_none() && !exists(config) {
        // The registry lies in the store.
        tracking(config, Missing::Make)?;
    }
    let place = registry_place(config)?;
    if let Some(path) = file_of(&place)
        && missing == Missing::Refuse
        && !path.exists()
    {
        return Err(Hinted::error(
            format!("there is no registry at `{}`", path.display()),
            "`mlctl registry register` creates one; --registry-store selects another",
        ));
    }
    let settings = config.clone();
    open_registry_at(config, &place, None, Durability::Full, |database| {
        let choices = Choices { database: Some(database.clone()), ..Choices::default() };
        LoggedMetrics(Box::new(move || {
            let uri = &settings.store.value;
            Ok(open_tracking(&settings, uri, Missing::Refuse, &choices)?.store)
        }))
    })
}

/// Tells whether the registry of the settings is there; a server is taken to be.
pub(crate) fn registry_exists(config: &Config) -> bool {
    let is_missing = |place: StoreUri| file_of(&place).is_some_and(|path| !path.exists());
    !registry_place(config).is_ok_and(is_missing)
}

/// Tells whether the registry of the settings is on a server.
pub(crate) fn has_registry_server(config: &Config) -> bool {
    matches!(registry_place(config), Ok(StoreUri::Server(_)))
}

fn registry_place(config: &Config) -> Result<StoreUri> {
    match &config.registry_store.value {
        Some(uri) => registry_place_of(uri),
        None => registry_place_beside(&config.store.value),
    }
}

fn no_store(folder: &Path) -> anyhow::Error {
    Hinted::error(
        format!("there is no store at `{}`", folder.display()),
        "pass --store, or a registry with --registry-store sqlite:///FILE",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_of_a_server_or_a_database_is_there_too() {
        for uri in ["https://host", "sqlite:////a/b.db"] {
            assert_eq!(registry_place_beside(uri).unwrap(), place_of(uri).unwrap());
        }
    }

    #[test]
    fn the_registry_of_a_folder_is_a_file_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let place = registry_place_beside(folder.path().to_str().unwrap()).unwrap();
        assert_eq!(place, StoreUri::Path(folder.path().join("registry.db")));
        assert!(registry_place_beside("./no/such/folder").is_err());
    }
}
