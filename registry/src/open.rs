//! Opens the registry that a URI names.
//!
//! Nothing of the environment is read: who asks and what the host decides come with the
//! [`OpenOptions`].

use std::path::Path;
use std::sync::Arc;

use mlctl_uri::StoreUri;

use crate::error::Result;
use crate::gate::RunMetrics;
use crate::stages::StageRules;
use crate::store::RegistryStore;

/// What a registry is called in messages.
const REGISTRY: &str = "registry";

/// What a URI does not say about a registry.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// The stages of models that have no rules of their own; a server decides that itself.
    pub stages: StageRules,
    /// Who knows the metrics that gates ask for; a server finds out itself.
    pub metrics: Option<Arc<dyn RunMetrics>>,
    /// Who asks, for a registry on a server.
    #[cfg(feature = "client")]
    pub credentials: crate::client::Credentials,
    /// What a change of a database has survived when it is acknowledged.
    #[cfg(feature = "sqlite")]
    pub durability: mlctl_sqlite::Durability,
    /// A file that is open already: a registry in the same file shares it.
    #[cfg(feature = "sqlite")]
    pub database: Option<Arc<mlctl_sqlite::Database>>,
}

/// An open registry, and who is told of its changes.
#[derive(Clone, Debug)]
pub struct OpenRegistry {
    /// The registry.
    pub store: Arc<dyn RegistryStore>,
    /// Where its webhooks are.
    #[cfg(feature = "webhooks")]
    pub webhooks: Webhooks,
}

/// Where the webhooks of a registry are.
#[cfg(feature = "webhooks")]
#[derive(Clone, Debug)]
pub enum Webhooks {
    /// In the file that is open.
    #[cfg(feature = "sqlite")]
    File(Arc<dyn crate::webhook::WebhookStore>),
    /// On a server, which calls them.
    #[cfg(feature = "client")]
    Server(crate::client::HttpWebhooks),
}

/// Opens the registry that a URI names: a database such as `sqlite:///registry.db` or the path of
/// its file, or a server such as `https://host`. A file that is missing is created, in a folder
/// that must exist.
///
/// ```
/// # #[cfg(feature = "sqlite")] {
/// use mlctl_registry::{NewVersion, OpenOptions, Stamp, open};
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let uri = folder.path().join("registry.db");
/// # let uri = uri.to_str().unwrap();
/// let registry = open(uri, &OpenOptions::default())?;
///
/// let mut new = NewVersion::of("churn".parse()?, "s3://models/churn");
/// new.create_model_if_missing = true;
/// assert_eq!(registry.create_version(&new, &Stamp::new("ada", 1_000))?.version.get(), 1);
/// # }
/// # Ok::<(), mlctl_registry::Error>(())
/// ```
///
/// # Errors
/// [`Error::Uri`](crate::Error::Uri) for a URI of no registry, and for one whose feature of this
/// crate is off; and those of the store.
pub fn open(uri: &str, options: &OpenOptions) -> Result<Arc<dyn RegistryStore>> {
    Ok(OpenRegistry::open(uri, options)?.store)
}

impl OpenRegistry {
    /// Opens the registry that a URI names, like [`open`].
    ///
    /// # Errors
    /// Those of [`open`].
    pub fn open(uri: &str, options: &OpenOptions) -> Result<Self> {
        Self::at(&StoreUri::parse(uri, REGISTRY)?, options)
    }

    /// Opens the registry at a place, like [`open`].
    ///
    /// # Errors
    /// Those of [`open`].
    pub fn at(place: &StoreUri, options: &OpenOptions) -> Result<Self> {
        match place {
            StoreUri::Server(url) => Self::on_server(url, options),
            StoreUri::Path(file) => Self::in_file(file, options),
            StoreUri::Database(database) => Self::in_file(&database.path, options),
        }
    }

    #[cfg(feature = "client")]
    fn on_server(url: &str, options: &OpenOptions) -> Result<Self> {
        let store = crate::client::HttpStore::new(url, options.credentials.clone())?;
        Ok(Self {
            #[cfg(feature = "webhooks")]
            webhooks: Webhooks::Server(store.webhooks()),
            store: Arc::new(store),
        })
    }

    #[cfg(feature = "sqlite")]
    fn in_file(file: &Path, options: &OpenOptions) -> Result<Self> {
        use crate::error::Error;
        use mlctl_sqlite::{Database, Options};

        let settings = Options { durability: options.durability, ..Options::default() };
        let database = Database::share(options.database.as_ref(), file, settings)
            .map_err(|error| Error::backend("opening the registry", error))?;
        let mut store = crate::store::sqlite::SqliteStore::attach(&database)?
            .with_stages(options.stages.clone());
        if let Some(metrics) = &options.metrics {
            store = store.with_metrics(metrics.clone());
        }
        let store = Arc::new(store);
        Ok(Self {
            #[cfg(feature = "webhooks")]
            webhooks: Webhooks::File(store.clone()),
            store,
        })
    }

    #[cfg(not(feature = "client"))]
    fn on_server(url: &str, _: &OpenOptions) -> Result<Self> {
        feature_off(url, "client")
    }

    #[cfg(not(feature = "sqlite"))]
    fn in_file(file: &Path, _: &OpenOptions) -> Result<Self> {
        feature_off(&file.to_string_lossy(), "sqlite")
    }
}

#[cfg(not(all(feature = "client", feature = "sqlite")))]
fn feature_off(uri: &str, feature: &'static str) -> Result<OpenRegistry> {
    Err(mlctl_uri::Error::FeatureOff { what: REGISTRY, uri: uri.to_owned(), feature }.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn refused(uri: &str) -> mlctl_uri::Error {
        match OpenRegistry::open(uri, &OpenOptions::default()) {
            Err(Error::Uri(error)) => error,
            other => panic!("`{uri}` is not refused: {other:?}"),
        }
    }

    #[test]
    fn a_uri_of_no_registry_is_refused_with_the_reason() {
        let unknown = refused("databricks://x").to_string();
        let want = "cannot open the registry `databricks://x`: this kind of URI is not supported";
        assert_eq!(unknown, want);
        assert!(matches!(refused("sqlite:///:memory:"), mlctl_uri::Error::Database { .. }));
    }

    #[cfg(not(feature = "client"))]
    #[test]
    fn a_server_needs_the_client() {
        assert!(matches!(
            refused("http://127.0.0.1:9"),
            mlctl_uri::Error::FeatureOff { feature: "client", .. }
        ));
    }

    #[cfg(feature = "client")]
    #[test]
    fn a_server_is_opened_without_being_asked() {
        assert!(open("http://127.0.0.1:9", &OpenOptions::default()).is_ok());
    }

    #[cfg(feature = "sqlite")]
    #[test]
    fn a_path_and_a_uri_name_the_same_file() {
        let here = tempfile::tempdir().unwrap();
        let path = here.path().join("r.db");
        let first = open(path.to_str().unwrap(), &OpenOptions::default()).unwrap();
        let new = crate::NewModel::named("churn".parse().unwrap());
        first.create_model(&new, &crate::Stamp::new("ada", 1)).unwrap();

        let uri = format!("sqlite:///{}", path.display());
        let second = open(&uri, &OpenOptions::default()).unwrap();

        assert!(second.get_model(&new.name).is_ok());
    }
}
