//! Opens the stores that the settings name.

mod database;

use crate::config::{self, Config, known};
use crate::failure::Hinted;
use anyhow::{Context, Result};
use mlctl_artifacts::{ArtifactStore, Locations};
use mlctl_registry::client as registry;
use mlctl_registry::gate::RunMetrics;
use mlctl_registry::webhook::WebhookStore;
use mlctl_registry::{RegistryStore, SqliteStore, StageRules};
use mlctl_sqlite::{Database, Durability, Options};
use mlctl_tracking::client::HttpStore;
use mlctl_tracking::store::file::{self, FileStore, holds_anything};
use mlctl_tracking::store::location::{location_path, path_uri};
use mlctl_tracking::store::sqlite;
use mlctl_tracking::{RunId, TrackingStore};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread;

/// An open tracking store, and what else its kind decides.
#[derive(Clone, Debug)]
pub(crate) struct Tracking {
    pub(crate) store: Arc<dyn TrackingStore>,
    /// The location whose artifacts a server of this store serves; none when it is on a server
    /// already.
    pub(crate) served: Option<String>,
    /// Where that lies which is recorded as `mlflow-artifacts:`.
    pub(crate) destination: Option<Arc<dyn ArtifactStore>>,
    /// The folders of this machine that it writes to.
    pub(crate) folders: Vec<PathBuf>,
    /// MLflow's name of the kind of store; none when it is on a server already.
    pub(crate) store_type: Option<&'static str>,
    /// The file that it is kept in, for a registry to share; none when it is kept otherwise.
    pub(crate) database: Option<Arc<Database>>,
}

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

/// Where a store is.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Server(String),
    Folder(PathBuf),
    Database(PathBuf),
}

impl Place {
    fn parse(uri: &str) -> Result<Self> {
        if uri.starts_with("http://") || uri.starts_with("https://") {
            return Ok(Self::Server(uri.to_owned()));
        }
        if let Some(database) = database::parse(uri) {
            return Ok(Self::Database(database?.path));
        }
        location_path(uri).map(Self::Folder).ok_or_else(|| {
            Hinted::error(
                format!("cannot open the store `{uri}`: this kind of URI is not supported"),
                "use a folder such as ./mlruns, a database such as sqlite:///mlflow.db, or the \
                 URL of a server: http://…",
            )
        })
    }

    fn exists(&self) -> bool {
        match self {
            Self::Server(_) => true,
            Self::Folder(path) => holds_anything(path),
            Self::Database(path) => path.is_file(),
        }
    }
}

/// Says which options of a URI have no meaning here.
fn tell_ignored(uri: &str) {
    if let Some(Ok(database)) = database::parse(uri)
        && !database.ignored.is_empty()
    {
        let ignored = database.ignored.join("`, `");
        tracing::warn!("`{ignored}` of `{uri}` has no effect");
    }
}

/// Tells whether a store is a database.
pub(crate) fn is_database(uri: &str) -> bool {
    matches!(Place::parse(uri), Ok(Place::Database(_)))
}

/// Tells whether a store is on a server.
pub(crate) fn is_server(uri: &str) -> bool {
    matches!(Place::parse(uri), Ok(Place::Server(_)))
}

/// Reads the path of a database that is spelled as a path or `sqlite:///FILE`.
pub(crate) fn database(text: &str) -> Result<PathBuf> {
    if let Some(database) = database::parse(text) {
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
pub(crate) fn tracking(config: &Config, missing: Missing) -> Result<Tracking> {
    open_tracking(config, &config.store.value, missing, &Choices::default())
}

/// Removes unfinished files that killed processes left in the store's folders, while others go on.
pub(crate) fn sweep(tracking: &Tracking) -> Result<()> {
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
    Place::parse(&config.store.value).is_ok_and(|place| place.exists())
}

/// Opens the tracking store at `uri`.
pub(crate) fn open_tracking(
    config: &Config,
    uri: &str,
    missing: Missing,
    choices: &Choices,
) -> Result<Tracking> {
    let place = Place::parse(uri)?;
    if missing == Missing::Refuse && !place.exists() {
        let path = match &place {
            Place::Database(path) => path.display().to_string(),
            _ => uri.to_owned(),
        };
        return Err(Hinted::error(
            format!("there is no store at `{path}`"),
            "set --store or MLFLOW_TRACKING_URI; `mlctl run` and `mlctl experiments create` \
             create a store",
        ));
    }
    tell_ignored(uri);
    open(config, place, choices).with_context(|| format!("cannot open the store `{uri}`"))
}

fn open(config: &Config, place: Place, choices: &Choices) -> Result<Tracking> {
    match place {
        Place::Server(url) => {
            let store = HttpStore::new(&url, config.credentials.value.clone())?;
            let store = store.with_locations(locations());
            Ok(Tracking {
                store: Arc::new(store),
                served: None,
                destination: None,
                folders: Vec::new(),
                store_type: None,
                database: None,
            })
        }
        Place::Folder(path) => {
            // Beside a folder, MLflow's server leaves artifacts where it was started.
            let left = Path::new(DESTINATION).is_dir().then(|| DESTINATION.to_owned());
            let destination = choices.destination.clone().or_else(destination).or(left);
            let options = file::Options {
                artifact_root: choices.artifact_root.clone(),
                has_destination: destination.is_some(),
                ..file::Options::default()
            };
            let locations = locations_behind(destination.as_deref(), choices);
            let store = FileStore::open_with(&path, &options)?;
            let store = store.with_locations(locations.clone());
            let others = [destination.as_deref(), choices.artifact_root.as_deref()];
            let others = others.into_iter().flatten().filter_map(location_path);
            Ok(Tracking {
                served: Some(path_uri(store.root())),
                folders: others.chain([store.root().to_owned()]).collect(),
                destination: destination.map(|location| locations.open(&location)).transpose()?,
                store: Arc::new(store),
                store_type: Some("FileStore"),
                database: None,
            })
        }
        Place::Database(path) => {
            // Artifacts go where MLflow's client puts them: into `mlruns` beside the file.
            let folder = std::path::absolute(&path)?.with_file_name("mlruns");
            let served = path_uri(&folder);
            let destination = choices.destination.clone().or_else(destination);
            let destination = destination.unwrap_or_else(|| DESTINATION.to_owned());
            let options = sqlite::Options {
                artifact_root: Some(choices.artifact_root.clone().unwrap_or(served.clone())),
                durability: choices.durability,
                ..sqlite::Options::default()
            };
            let locations = locations_behind(Some(&destination), choices).beneath(&folder);
            let database = share(choices.database.as_ref(), &path, choices.durability)?;
            let store = sqlite::SqliteStore::attach(&database, &options)?;
            let others = [Some(destination.as_str()), choices.artifact_root.as_deref()];
            let others = others.into_iter().flatten().filter_map(location_path);
            Ok(Tracking {
                store: Arc::new(store.with_locations(locations.clone())),
                folders: others.chain([folder]).collect(),
                served: Some(served),
                destination: Some(locations.open(&destination)?),
                store_type: Some("SqlStore"),
                database: Some(database),
            })
        }
    }
}

/// Returns the database in a file: the one that is open already when it is the same file, so that
/// one thread writes to it.
fn share(
    open: Option<&Arc<Database>>,
    path: &Path,
    durability: Durability,
) -> Result<Arc<Database>> {
    let is_same = |open: &&Arc<Database>| {
        let canonical = path.canonicalize().ok();
        canonical.is_some() && open.path().and_then(|open| open.canonicalize().ok()) == canonical
    };
    match open.filter(is_same) {
        Some(open) => Ok(open.clone()),
        None => {
            let options = Options { durability, ..Options::default() };
            Ok(Arc::new(Database::new(std::path::absolute(path)?, options)))
        }
    }
}

/// Where MLflow's server keeps artifacts when nothing else is said.
const DESTINATION: &str = "./mlartifacts";

fn destination() -> Option<String> {
    known::ARTIFACTS_DESTINATION.read().map(|(location, _)| location)
}

fn locations_behind(destination: Option<&str>, choices: &Choices) -> Locations {
    let mut locations = match choices.durability {
        Durability::Full => locations(),
        Durability::Normal => locations().without_sync(),
    };
    let own = destination.into_iter().chain(choices.artifact_root.as_deref());
    for folder in own.filter_map(location_path) {
        locations = locations.beneath(&folder);
    }
    if let Some(allowed) = &choices.allowed_roots {
        for folder in allowed {
            locations = locations.beneath(folder);
        }
        locations = locations.nothing_else(ALLOWED);
    }
    match destination {
        Some(destination) => locations.with_destination(destination),
        None => locations,
    }
}

/// Returns what opens artifacts, in object stores as the environment says.
pub(crate) fn locations() -> Locations {
    static LOCATIONS: OnceLock<Locations> = OnceLock::new();
    LOCATIONS.get_or_init(|| Locations::new(config::environ_text().collect())).clone()
}

/// A registry, and who is told of its changes.
#[derive(Clone, Debug)]
pub(crate) struct OpenRegistry {
    pub(crate) store: Arc<dyn RegistryStore>,
    pub(crate) webhooks: Webhooks,
}

/// Where the webhooks of a registry are.
#[derive(Clone, Debug)]
pub(crate) enum Webhooks {
    /// In the file that is open.
    File(Arc<dyn WebhookStore>),
    /// On a server, which calls them.
    Server(registry::HttpWebhooks),
}

/// Where a registry is.
#[derive(Debug, PartialEq, Eq)]
enum RegistryPlace {
    Server(String),
    File(PathBuf),
}

impl RegistryPlace {
    fn parse(uri: &str) -> Result<Self> {
        if is_server(uri) {
            return Ok(Self::Server(uri.to_owned()));
        }
        if let Some(database) = database::parse(uri) {
            return Ok(Self::File(database?.path));
        }
        location_path(uri).map(Self::File).ok_or_else(|| {
            Hinted::error(
                format!("cannot open the registry `{uri}`: this kind of URI is not supported"),
                "use sqlite:///PATH, with four slashes for an absolute path, or the URL of a \
                 server: http://…",
            )
        })
    }

    /// Finds the registry that goes with a store.
    fn beside(store: &str) -> Result<Self> {
        match Place::parse(store)? {
            Place::Folder(folder) if folder.is_dir() => Ok(Self::File(folder.join("registry.db"))),
            Place::Folder(folder) => Err(no_store(&folder)),
            Place::Database(file) => Ok(Self::File(file)),
            Place::Server(url) => Ok(Self::Server(url)),
        }
    }

    /// Opens it, in the file that is `open` already when it is the same; `metrics` makes what knows
    /// the runs that its versions come from.
    fn open(
        self,
        config: &Config,
        open: Option<&Arc<Database>>,
        durability: Durability,
        metrics: impl FnOnce(&Arc<Database>) -> LoggedMetrics,
    ) -> Result<OpenRegistry> {
        match self {
            Self::Server(url) => {
                let store = registry::HttpStore::new(&url, config.credentials.value.clone())?;
                let webhooks = Webhooks::Server(store.webhooks());
                Ok(OpenRegistry { store: Arc::new(store), webhooks })
            }
            Self::File(path) => {
                let stages = config.registry_stages.value.as_deref().unwrap_or_default();
                let stages = StageRules::parse(stages).with_context(|| {
                    format!("invalid registry_stages in {}", config.registry_stages.origin)
                })?;
                let database = share(open, &path, durability)?;
                let store = SqliteStore::attach(&database)
                    .with_context(|| format!("cannot open the registry `{}`", path.display()))?;
                let metrics = Arc::new(metrics(&database));
                let store = Arc::new(store.with_stages(stages).with_metrics(metrics));
                Ok(OpenRegistry { store: store.clone(), webhooks: Webhooks::File(store) })
            }
        }
    }
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
    tracking: &Tracking,
) -> Result<OpenRegistry> {
    let place = match uri.or(config.registry_store.value.as_deref()) {
        Some(uri) => RegistryPlace::parse(uri)?,
        None => RegistryPlace::beside(store)?,
    };
    let runs = tracking.store.clone();
    place.open(config, tracking.database.as_ref(), durability, |_| {
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
    if let RegistryPlace::File(path) = &place
        && missing == Missing::Refuse
        && !path.exists()
    {
        return Err(Hinted::error(
            format!("there is no registry at `{}`", path.display()),
            "`mlctl registry register` creates one; --registry-store selects another",
        ));
    }
    let settings = config.clone();
    place.open(config, None, Durability::Full, |database| {
        let choices = Choices { database: Some(database.clone()), ..Choices::default() };
        LoggedMetrics(Box::new(move || {
            let uri = &settings.store.value;
            Ok(open_tracking(&settings, uri, Missing::Refuse, &choices)?.store)
        }))
    })
}

/// Tells whether the registry of the settings is on a server.
pub(crate) fn has_registry_server(config: &Config) -> bool {
    matches!(registry_place(config), Ok(RegistryPlace::Server(_)))
}

fn registry_place(config: &Config) -> Result<RegistryPlace> {
    match &config.registry_store.value {
        Some(uri) => RegistryPlace::parse(uri),
        None => RegistryPlace::beside(&config.store.value),
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
    fn a_file_that_is_open_is_shared_under_all_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mlflow.db");
        std::fs::write(&path, "").unwrap();
        let open = share(None, &path, Durability::Full).unwrap();
        let share =
            |name: &str| share(Some(&open), &folder.path().join(name), Durability::Full).unwrap();

        assert!(Arc::ptr_eq(&share("mlflow.db"), &open));
        assert!(Arc::ptr_eq(&share("./mlflow.db"), &open));
        assert!(!Arc::ptr_eq(&share("registry.db"), &open));
    }

    #[track_caller]
    fn check(uri: &str, want: Option<&Place>) {
        assert_eq!(Place::parse(uri).ok().as_ref(), want, "for {uri}");
    }

    #[test]
    fn a_store_is_a_server_a_folder_or_a_file() {
        check("./mlruns", Some(&Place::Folder("./mlruns".into())));
        check("file:///a%20b", Some(&Place::Folder("/a b".into())));
        check("sqlite:///a.db", Some(&Place::Database("a.db".into())));
        check("sqlite:////a/b.db", Some(&Place::Database("/a/b.db".into())));
        check("https://host/x", Some(&Place::Server("https://host/x".into())));
        check("sqlite:///", None);
        check("postgresql://host/db", None);
    }

    #[test]
    fn a_registry_is_a_server_or_a_file() {
        let place = |uri| RegistryPlace::parse(uri).ok();
        assert_eq!(place("sqlite:////a/b.db"), Some(RegistryPlace::File("/a/b.db".into())));
        assert_eq!(place("r.db"), Some(RegistryPlace::File("r.db".into())));
        assert_eq!(place("http://host"), Some(RegistryPlace::Server("http://host".into())));
        assert_eq!(place("databricks://x"), None);
        let beside = RegistryPlace::beside("https://host").unwrap();
        assert_eq!(beside, RegistryPlace::Server("https://host".into()));
    }
}
