//! Opens the store that a URI names.
//!
//! Nothing of the environment is read: who asks, where artifacts lie and what time it is come with
//! the [`OpenOptions`].

use crate::store::TrackingStore;
use crate::store::location::holds_anything;
#[cfg(any(feature = "file", feature = "sqlite"))]
use crate::store::location::{location_path, path_uri};
use crate::{Clock, Result};
use mlctl_artifacts::{ArtifactStore, Locations};
use mlctl_uri::{Database, StoreUri};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a store is called in messages.
const STORE: &str = "store";

/// What a URI does not say about a store.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// The folder or URI below which the artifacts of new experiments go; the store's own place
    /// when not given.
    pub artifact_root: Option<String>,
    /// Where that lies which is recorded as `mlflow-artifacts:`; inside the store when not given.
    pub destination: Option<String>,
    /// What opens artifacts, in buckets too, and which folders may be opened. The store's own
    /// places are added to them.
    pub locations: Locations,
    /// What tells the time when something is created on opening.
    pub clock: Clock,
    /// Who asks, for a store on a server.
    #[cfg(feature = "client")]
    pub credentials: crate::client::Credentials,
    /// What a change of a database has survived when it is acknowledged.
    #[cfg(feature = "sqlite")]
    pub durability: mlctl_sqlite::Durability,
    /// A file that is open already: a store in the same file shares it.
    #[cfg(feature = "sqlite")]
    pub database: Option<Arc<mlctl_sqlite::Database>>,
}

/// The kinds of place that a store is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// An `mlruns/` folder.
    Folder,
    /// A SQLite file.
    Database,
    /// A server.
    Server,
}

impl StoreKind {
    /// Returns MLflow's name of the kind of store; none when a server has it.
    pub fn mlflow_name(self) -> Option<&'static str> {
        match self {
            Self::Folder => Some("FileStore"),
            Self::Database => Some("SqlStore"),
            Self::Server => None,
        }
    }
}

/// An open store, and what else its kind decides: what a server of it has to know.
#[derive(Clone, Debug)]
pub struct OpenStore {
    /// The store.
    pub store: Arc<dyn TrackingStore>,
    /// What kind of place it is in.
    pub kind: StoreKind,
    /// The location whose artifacts a server of this store serves; none when it is on a server
    /// already.
    pub served: Option<String>,
    /// Where that lies which is recorded as `mlflow-artifacts:`.
    pub destination: Option<Arc<dyn ArtifactStore>>,
    /// The folders of this machine that it writes to.
    pub folders: Vec<PathBuf>,
    /// The file that it is kept in, for a registry to share; none when it is kept otherwise.
    #[cfg(feature = "sqlite")]
    pub database: Option<Arc<mlctl_sqlite::Database>>,
}

/// Opens the store that a URI names: a folder such as `./mlruns` or `file:///data/mlruns`, a
/// database such as `sqlite:///mlflow.db`, or a server such as `https://host`. A folder or a
/// database that is missing is created.
///
/// ```
/// # #[cfg(feature = "file")] {
/// use mlctl_tracking::{OpenOptions, open};
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let uri = folder.path().join("mlruns");
/// # let uri = uri.to_str().unwrap();
/// let store = open(uri, &OpenOptions::default())?;
///
/// assert_eq!(store.experiment_by_name("Default")?.experiment_id.as_str(), "0");
/// # }
/// # Ok::<(), mlctl_tracking::Error>(())
/// ```
///
/// # Errors
/// [`Error::Uri`](crate::Error::Uri) for a URI of no store, and for one whose feature of this
/// crate is off; and those of the store.
pub fn open(uri: &str, options: &OpenOptions) -> Result<Arc<dyn TrackingStore>> {
    Ok(OpenStore::open(uri, options)?.store)
}

/// Tells whether there is a store at a place; a server is taken to be there.
pub fn exists(place: &StoreUri) -> bool {
    match place {
        StoreUri::Server(_) => true,
        StoreUri::Path(path) => holds_anything(path),
        StoreUri::Database(database) => database.path.is_file(),
    }
}

impl OpenStore {
    /// Opens the store that a URI names, like [`open`].
    ///
    /// # Errors
    /// Those of [`open`].
    pub fn open(uri: &str, options: &OpenOptions) -> Result<Self> {
        Self::at(&StoreUri::parse(uri, STORE)?, options)
    }

    /// Opens the store at a place, like [`open`].
    ///
    /// # Errors
    /// Those of [`open`].
    pub fn at(place: &StoreUri, options: &OpenOptions) -> Result<Self> {
        match place {
            StoreUri::Server(url) => Self::on_server(url, options),
            StoreUri::Path(folder) => Self::in_folder(folder, options),
            StoreUri::Database(database) => Self::in_database(database, options),
        }
    }

    #[cfg(feature = "client")]
    fn on_server(url: &str, options: &OpenOptions) -> Result<Self> {
        let store = crate::client::HttpStore::new(url, options.credentials.clone())?;
        Ok(Self {
            store: Arc::new(store.with_locations(options.locations.clone())),
            kind: StoreKind::Server,
            served: None,
            destination: None,
            folders: Vec::new(),
            #[cfg(feature = "sqlite")]
            database: None,
        })
    }

    #[cfg(feature = "file")]
    fn in_folder(folder: &Path, options: &OpenOptions) -> Result<Self> {
        use crate::store::file;

        let settings = file::Options {
            artifact_root: options.artifact_root.clone(),
            has_destination: options.destination.is_some(),
            clock: options.clock.clone(),
        };
        let locations = options.own_locations();
        let store = file::FileStore::open_with(folder, &settings)?;
        let store = store.with_locations(locations.clone());
        Ok(Self {
            kind: StoreKind::Folder,
            served: Some(path_uri(store.root())),
            destination: options.open_destination(&locations)?,
            folders: options.own_folders().chain([store.root().to_owned()]).collect(),
            store: Arc::new(store),
            #[cfg(feature = "sqlite")]
            database: None,
        })
    }

    #[cfg(feature = "sqlite")]
    fn in_database(place: &Database, options: &OpenOptions) -> Result<Self> {
        use crate::Error;
        use crate::store::sqlite;

        let failed = |error| {
            Error::backend(format!("cannot use the database `{}`", place.path.display()), error)
        };
        // Artifacts go where MLflow's client puts them: into `mlruns` beside the file.
        let folder = std::path::absolute(&place.path).map_err(failed)?.with_file_name("mlruns");
        let served = path_uri(&folder);
        let settings = sqlite::Options {
            artifact_root: Some(options.artifact_root.clone().unwrap_or(served.clone())),
            durability: options.durability,
            clock: options.clock.clone(),
        };
        let locations = options.own_locations().beneath(&folder);
        let file = mlctl_sqlite::Options {
            durability: options.durability,
            ..mlctl_sqlite::Options::default()
        };
        let database = mlctl_sqlite::Database::share(options.database.as_ref(), &place.path, file)
            .map_err(failed)?;
        let store = sqlite::SqliteStore::attach(&database, &settings)?;
        Ok(Self {
            store: Arc::new(store.with_locations(locations.clone())),
            kind: StoreKind::Database,
            served: Some(served),
            destination: options.open_destination(&locations)?,
            folders: options.own_folders().chain([folder]).collect(),
            database: Some(database),
        })
    }

    #[cfg(not(feature = "client"))]
    fn on_server(url: &str, _: &OpenOptions) -> Result<Self> {
        feature_off(url, "client")
    }

    #[cfg(not(feature = "file"))]
    fn in_folder(folder: &Path, _: &OpenOptions) -> Result<Self> {
        feature_off(&folder.to_string_lossy(), "file")
    }

    #[cfg(not(feature = "sqlite"))]
    fn in_database(place: &Database, _: &OpenOptions) -> Result<Self> {
        feature_off(&StoreUri::Database(place.clone()).to_string(), "sqlite")
    }
}

#[cfg(not(all(feature = "client", feature = "file", feature = "sqlite")))]
fn feature_off(uri: &str, feature: &'static str) -> Result<OpenStore> {
    Err(mlctl_uri::Error::FeatureOff { what: STORE, uri: uri.to_owned(), feature }.into())
}

#[cfg(any(feature = "file", feature = "sqlite"))]
impl OpenOptions {
    /// Names the folders of this machine that artifacts go to, besides the store's own.
    fn own_folders(&self) -> impl Iterator<Item = PathBuf> {
        let named = [self.destination.as_deref(), self.artifact_root.as_deref()];
        named.into_iter().flatten().filter_map(location_path)
    }

    fn own_locations(&self) -> Locations {
        let own = self.own_folders();
        let locations = own.fold(self.locations.clone(), |all, folder| all.beneath(&folder));
        match &self.destination {
            Some(destination) => locations.with_destination(destination),
            None => locations,
        }
    }

    fn open_destination(&self, locations: &Locations) -> Result<Option<Arc<dyn ArtifactStore>>> {
        let opened = self.destination.as_deref().map(|place| locations.open(place));
        Ok(opened.transpose()?)
    }
}

#[cfg(all(feature = "client", feature = "file", feature = "sqlite"))]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    fn kind(uri: &str) -> Result<StoreKind> {
        Ok(OpenStore::open(uri, &OpenOptions::default())?.kind)
    }

    #[test]
    fn a_uri_opens_the_store_of_its_kind() {
        let here = tempfile::tempdir().unwrap();
        let at = |name: &str| here.path().join(name).to_str().unwrap().to_owned();

        assert_eq!(kind(&at("mlruns")).unwrap(), StoreKind::Folder);
        assert_eq!(kind(&format!("file://{}", at("other"))).unwrap(), StoreKind::Folder);
        assert_eq!(kind(&format!("sqlite:///{}", at("a.db"))).unwrap(), StoreKind::Database);
        assert_eq!(kind("http://127.0.0.1:9").unwrap(), StoreKind::Server);
        let created = ["mlruns/0/meta.yaml", "other/0/meta.yaml", "a.db"];
        assert!(created.iter().all(|name| here.path().join(name).exists()));
    }

    #[test]
    fn a_uri_of_no_store_is_refused_with_the_reason() {
        let refused = |uri| match kind(uri) {
            Err(Error::Uri(error)) => error,
            other => panic!("`{uri}` is not refused: {other:?}"),
        };
        assert!(matches!(refused("postgresql://h/d"), mlctl_uri::Error::UnknownScheme { .. }));
        assert!(matches!(refused("sqlite:///:memory:"), mlctl_uri::Error::Database { .. }));
    }

    #[test]
    fn stores_in_one_file_share_it() {
        let here = tempfile::tempdir().unwrap();
        let uri = format!("sqlite:///{}", here.path().join("a.db").display());
        let first = OpenStore::open(&uri, &OpenOptions::default()).unwrap();
        let options = OpenOptions { database: first.database.clone(), ..OpenOptions::default() };

        let second = OpenStore::open(&uri, &options).unwrap();

        assert!(Arc::ptr_eq(&first.database.unwrap(), &second.database.unwrap()));
    }

    #[test]
    fn artifacts_of_a_database_lie_beside_it_unless_a_root_is_given() {
        let here = tempfile::tempdir().unwrap();
        let uri = format!("sqlite:///{}", here.path().join("a.db").display());
        let root = here.path().join("root");
        let artifact_root = root.to_str().map(str::to_owned);

        let own = OpenStore::open(&uri, &OpenOptions::default()).unwrap();
        let options = OpenOptions { artifact_root, ..OpenOptions::default() };
        let rooted = OpenStore::open(&uri, &options).unwrap();

        let mlruns = here.path().join("mlruns");
        assert_eq!(own.served, Some(path_uri(&mlruns)));
        assert_eq!(rooted.folders, [root, mlruns.clone()]);
        assert_eq!(own.folders, [mlruns]);
    }
}
