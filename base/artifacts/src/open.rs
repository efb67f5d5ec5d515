//! Opens the store at a location, whatever kind of place it is.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mlctl_uri::{is_of_windows, location_path, scheme};

use crate::{ArtifactPath, ArtifactStore, Below, Error, LocalArtifacts, Result};

/// How object stores are reached: credentials, regions, endpoints, by the names of environment
/// variables.
///
/// The caller reads the environment; this crate does not. Known are the variables of the `AWS_`,
/// `GOOGLE_` and `AZURE_` families that the crate `object_store` knows, `SERVICE_ACCOUNT`, and
/// MLflow's own: `MLFLOW_S3_ENDPOINT_URL`, `MLFLOW_S3_IGNORE_TLS`, `MLFLOW_S3_UPLOAD_EXTRA_ARGS`
/// (the keys for encryption), `MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE`,
/// `AZURE_STORAGE_CONNECTION_STRING`. Others are left out.
///
/// ```
/// use mlctl_artifacts::RemoteOptions;
///
/// let options: RemoteOptions =
///     [("AWS_SECRET_ACCESS_KEY", "s3cret"), ("HOME", "/root")].into_iter().collect();
/// assert_eq!(format!("{options:?}"), r#"RemoteOptions {"AWS_SECRET_ACCESS_KEY"}"#);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RemoteOptions(BTreeMap<String, String>);

/// How the names of the variables that count begin.
const PREFIXES: [&str; 6] =
    ["AWS_", "GOOGLE_", "AZURE_", "SERVICE_ACCOUNT", "MLFLOW_S3_", "MLFLOW_BOTO_"];

impl RemoteOptions {
    /// Tells whether a variable of this name can matter.
    #[must_use]
    pub fn takes(name: &str) -> bool {
        PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    }

    /// Returns a value that is there and not empty.
    #[cfg(feature = "object-store")]
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Returns what begins with `prefix`, by its name in lower case.
    #[cfg(feature = "object-store")]
    pub(crate) fn family(&self, prefix: &str) -> impl Iterator<Item = (String, &str)> {
        let all = self
            .0
            .iter()
            .filter(move |(name, value)| name.starts_with(prefix) && !value.is_empty());
        all.map(|(name, value)| (name.to_ascii_lowercase(), value.as_str()))
    }
}

// Secrets are among the values.
impl fmt::Debug for RemoteOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RemoteOptions ")?;
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for RemoteOptions {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let pairs = pairs.into_iter().map(|(name, value)| (name.into(), value.into()));
        Self(pairs.filter(|(name, _)| Self::takes(name)).collect())
    }
}

/// Opens stores by their locations, and shares connections between those of one bucket.
///
/// A clone shares them too.
#[derive(Clone, Debug, Default)]
pub struct Locations {
    is_unsynced: bool,
    /// Where that lies which is recorded as `mlflow-artifacts:`.
    destination: Option<Arc<str>>,
    /// Folders out of which no link is followed.
    bases: Vec<PathBuf>,
    /// Why no other folder is opened.
    rule: Option<&'static str>,
    #[cfg(feature = "object-store")]
    clients: Arc<crate::object::Clients>,
}

impl Locations {
    /// Takes what is needed to reach object stores. Nothing is sent.
    #[must_use]
    pub fn new(options: RemoteOptions) -> Self {
        #[cfg(feature = "object-store")]
        return Self {
            is_unsynced: false,
            destination: None,
            bases: Vec::new(),
            rule: None,
            clients: Arc::new(crate::object::Clients::new(options)),
        };
        #[cfg(not(feature = "object-store"))]
        {
            drop(options);
            Self::default()
        }
    }

    /// Lets writes to folders return before the disk has them; see
    /// [`LocalArtifacts::without_sync`].
    #[must_use]
    pub fn without_sync(mut self) -> Self {
        self.is_unsynced = true;
        self
    }

    /// Finds `mlflow-artifacts:/PATH`, which a server's proxy keeps, below `destination`.
    #[must_use]
    pub fn with_destination(self, destination: &str) -> Self {
        Self { destination: Some(destination.into()), ..self }
    }

    /// Follows no link that leads out of `folder` to reach what is recorded below it.
    #[must_use]
    pub fn beneath(mut self, folder: &Path) -> Self {
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        // Locations may name it either way.
        self.bases.extend(std::fs::canonicalize(&folder));
        self.bases.push(folder);
        self
    }

    /// Opens of this machine only what is below a folder of [`Self::beneath`]; `rule` tells why.
    #[must_use]
    pub fn nothing_else(self, rule: &'static str) -> Self {
        Self { rule: Some(rule), ..self }
    }

    /// Opens a folder (a plain path or `file:` URI), which need not exist, or a place in a bucket:
    /// `s3://BUCKET/PATH`, `gs://BUCKET/PATH`, `az://CONTAINER/PATH`,
    /// `abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH`,
    /// `wasbs://CONTAINER@ACCOUNT.blob.core.windows.net/PATH`. Nothing is sent.
    ///
    /// A bucket's store blocks its caller: use it outside of async code.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for any other location, and when the options do not suffice.
    pub fn open(&self, location: &str) -> Result<Arc<dyn ArtifactStore>> {
        if cfg!(not(windows)) && is_of_windows(location) {
            let why = "this is a Windows path";
            return Err(Error::Unsupported { location: location.to_owned(), why });
        }
        if let Some(path) = location_path(location) {
            let folder = self.folder(location, &path)?;
            let folder = if self.is_unsynced { folder.without_sync() } else { folder };
            return Ok(Arc::new(folder));
        }
        if let Some(rest) = location.strip_prefix(PROXIED)
            && let Some(destination) = &self.destination
        {
            // A destination behind another proxy is none.
            let store = Self { destination: None, ..self.clone() }.open(destination)?;
            return Ok(Arc::new(Below::new(store, proxied_path(rest)?)));
        }
        let why = match scheme(location) {
            #[cfg(feature = "object-store")]
            Some("s3" | "s3a" | "gs" | "az" | "abfs" | "abfss" | "wasb" | "wasbs") => {
                return Ok(Arc::new(self.clients.open(location)?));
            }
            #[cfg(not(feature = "object-store"))]
            Some("s3" | "s3a" | "gs" | "az" | "abfs" | "abfss" | "wasb" | "wasbs") => {
                "this program was built without object stores"
            }
            _ => "only folders and the schemes s3, gs, az, abfss and wasbs are",
        };
        Err(Error::Unsupported { location: location.to_owned(), why })
    }
}

impl Locations {
    fn folder(&self, location: &str, path: &Path) -> Result<LocalArtifacts> {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let found = self.base_of(&path).or_else(|| {
            let real = real_path(&path)?;
            self.base_of(&real)
        });
        match (found, self.rule) {
            (Some((base, inside)), _) => {
                let inside = inside.to_str().ok_or_else(|| Error::InvalidPath {
                    value: inside.to_string_lossy().into_owned(),
                    rule: "it must be UTF-8",
                })?;
                Ok(LocalArtifacts::beneath(base, ArtifactPath::parse(inside)?))
            }
            (None, Some(rule)) => Err(Error::NotAllowed { location: location.to_owned(), rule }),
            (None, None) => Ok(LocalArtifacts::lazy(path)),
        }
    }

    fn base_of(&self, path: &Path) -> Option<(PathBuf, PathBuf)> {
        let inside =
            |base: &PathBuf| Some((base.clone(), path.strip_prefix(base).ok()?.to_owned()));
        self.bases.iter().find_map(inside)
    }
}

/// Follows the links of the part of a path that is there.
fn real_path(path: &Path) -> Option<PathBuf> {
    path.ancestors().find_map(|there| {
        let real = std::fs::canonicalize(there).ok()?;
        Some(real.join(path.strip_prefix(there).ok()?))
    })
}

/// The scheme of what a server's proxy keeps.
const PROXIED: &str = "mlflow-artifacts:";

/// Reads the path after the scheme; a host before it is that of the server.
fn proxied_path(rest: &str) -> Result<ArtifactPath> {
    let path = match rest.strip_prefix("//") {
        Some(with_host) => with_host.split_once('/').map_or("", |(_, path)| path),
        None => rest,
    };
    ArtifactPath::parse(path.trim_start_matches('/'))
}

/// Opens the store at one location; see [`Locations::open`].
///
/// # Errors
/// Like [`Locations::open`].
pub fn open_location(location: &str, options: &RemoteOptions) -> Result<Arc<dyn ArtifactStore>> {
    Locations::new(options.clone()).open(location)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_that_nothing_opens_is_named() {
        let text = open_location("ftp://host/a", &RemoteOptions::default()).unwrap_err();
        assert!(text.to_string().starts_with("cannot reach artifacts at `ftp://host/a`"));
        assert!(open_location("", &RemoteOptions::default()).is_err());
        for of_windows in [r"C:\work\a", "C:/work/a", r"\\host\share\a"] {
            let error = open_location(of_windows, &RemoteOptions::default()).unwrap_err();
            assert!(error.to_string().contains("is a Windows path"), "{error}");
        }
    }

    #[test]
    fn what_a_proxy_keeps_is_found_in_its_destination() {
        let folder = tempfile::TempDir::new().unwrap();
        let destination = folder.path().to_str().unwrap();
        let locations = Locations::default().with_destination(destination);
        std::fs::create_dir_all(folder.path().join("1/r")).unwrap();
        std::fs::write(folder.path().join("1/r/a"), "x").unwrap();
        let path = ArtifactPath::parse("a").unwrap();

        for location in ["mlflow-artifacts:/1/r", "mlflow-artifacts://host:5000/1/r"] {
            assert_eq!(
                locations.open(location).unwrap().open(&path).unwrap().size,
                1,
                "{location}"
            );
        }
        assert!(locations.open("mlflow-artifacts:/../x").is_err());
        assert!(Locations::default().open("mlflow-artifacts:/1/r").is_err());
    }

    #[test]
    fn no_link_leads_out_of_a_folder_to_what_is_recorded_below_it() {
        let place = tempfile::TempDir::new().unwrap();
        let (store, secret) = (place.path().join("store"), place.path().join("secret"));
        std::fs::create_dir_all(store.join("0/r1/artifacts")).unwrap();
        std::fs::create_dir_all(&secret).unwrap();
        std::fs::write(secret.join("a"), "x").unwrap();
        std::os::unix::fs::symlink(&secret, store.join("0/linked")).unwrap();
        std::os::unix::fs::symlink("r1", store.join("0/beside")).unwrap();
        let locations = Locations::default().beneath(&store);
        let path = ArtifactPath::parse("a").unwrap();
        let at = |inside: &str| locations.open(store.join(inside).to_str().unwrap()).unwrap();

        at("0/beside/artifacts").write(&path, &mut "y".as_bytes()).unwrap();
        assert_eq!(at("0/r1/artifacts").open(&path).unwrap().size, 1);
        at("0/new/artifacts").write(&path, &mut "y".as_bytes()).unwrap();
        for outside in ["0/linked", "0/linked/artifacts"] {
            let linked = at(outside);
            assert!(matches!(linked.list(&ArtifactPath::root()), Err(Error::Escapes { .. })));
            assert!(linked.open(&path).is_err(), "{outside}");
            assert!(linked.write(&path, &mut "z".as_bytes()).is_err(), "{outside}");
            assert!(linked.delete(&ArtifactPath::root()).is_err(), "{outside}");
        }
        assert_eq!(std::fs::read_to_string(secret.join("a")).unwrap(), "x");
        assert_eq!(std::fs::read_dir(&secret).unwrap().count(), 1);
        assert!(locations.open(store.join("../secret").to_str().unwrap()).is_err());
        assert!(locations.open(secret.to_str().unwrap()).is_ok());
    }

    #[test]
    fn folders_that_may_not_be_opened_are_refused() {
        let place = tempfile::TempDir::new().unwrap();
        let inside = place.path().join("inside");
        std::fs::create_dir_all(&inside).unwrap();
        std::os::unix::fs::symlink(&inside, place.path().join("name")).unwrap();
        let locations = Locations::default().beneath(&inside).nothing_else("they are closed");
        let open = |name: &str| locations.open(place.path().join(name).to_str().unwrap());

        for allowed in ["inside", "inside/x/y", "name/x"] {
            assert!(open(allowed).is_ok(), "{allowed}");
        }
        for refused in ["", "beside", "inside-not", "name/../beside"] {
            let error = open(refused).unwrap_err();
            assert!(matches!(error, Error::NotAllowed { .. }), "{refused}: {error}");
        }
        assert!(open("inside/../beside").is_err());
    }

    #[test]
    fn a_folder_is_opened_by_path_and_by_uri() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = crate::ArtifactPath::parse("a").unwrap();
        let text = folder.path().to_str().unwrap();
        let store = open_location(text, &RemoteOptions::default()).unwrap();
        store.write(&path, &mut "x".as_bytes()).unwrap();

        let uri = crate::path_uri(folder.path());
        let store = open_location(&uri, &RemoteOptions::default()).unwrap();
        assert_eq!(store.open(&path).unwrap().size, 1);
    }
}
