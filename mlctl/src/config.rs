//! The settings: flags over environment over `mlctl.toml` over defaults.
//!
//! Nothing else in the program reads environment variables for its behaviour, except flags that
//! name one in their help.

use crate::cli::Global;
use crate::failure::Hinted;
use anyhow::{Context, Result};
use etcetera::BaseStrategy;
use mlctl_tracking::client::Credentials;
use serde::Deserialize;
use std::env;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// The name of the file that projects and teams keep settings in.
const FILE: &str = "mlctl.toml";

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Flag(&'static str),
    Variable(&'static str),
    File(PathBuf),
    Default,
    /// What was found in the current folder, which decides as it does for MLflow.
    Found(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "--{name}"),
            Self::Variable(name) => f.write_str(name),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Default => f.write_str("default"),
            Self::Found(what) => write!(f, "default: {what}"),
        }
    }
}

/// A value and its origin.
#[derive(Clone, Debug)]
pub(crate) struct Setting<T> {
    pub(crate) value: T,
    pub(crate) origin: Origin,
}

/// All settings.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) store: Setting<String>,
    pub(crate) registry_store: Setting<Option<String>>,
    pub(crate) registry_stages: Setting<Option<String>>,
    pub(crate) experiment_name: Setting<Option<String>>,
    pub(crate) experiment_id: Setting<Option<String>>,
    pub(crate) cache_dir: Setting<PathBuf>,
    pub(crate) user: Setting<String>,
    pub(crate) credentials: Setting<Credentials>,
}

/// What `mlctl.toml` may say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    store: Option<String>,
    registry_store: Option<String>,
    registry_stages: Option<String>,
    experiment_name: Option<String>,
    cache_dir: Option<PathBuf>,
}

impl Config {
    /// Gathers the settings.
    pub(crate) fn load(flags: &Global) -> Result<Self> {
        let (path, file) = find_file()?;
        let at = |folder: &Path, uri: String| relative_to(folder, uri);
        let home = path.parent().unwrap_or(Path::new("")).to_owned();
        let from_file =
            |value: Option<String>| value.map(|value| (value, Origin::File(path.clone())));
        let store = flag("store", &flags.store)
            .or_else(|| variable("MLFLOW_TRACKING_URI"))
            .or_else(|| variable("MLFLOW_TRACKING_DIR"))
            .or_else(|| from_file(file.store.map(|uri| at(&home, uri))))
            .map(|(uri, origin)| (without_scheme(uri), origin))
            .unwrap_or_else(default_store);
        let registry_store = flag("registry-store", &flags.registry_store)
            .or_else(|| variable("MLFLOW_REGISTRY_URI"))
            .or_else(|| from_file(file.registry_store.map(|uri| at(&home, uri))))
            .map(|(uri, origin)| (registry_without_scheme(uri), origin));
        let experiment_name =
            variable("MLFLOW_EXPERIMENT_NAME").or_else(|| from_file(file.experiment_name));
        let cache_dir = variable("MLCTL_CACHE_DIR")
            .map(|(value, origin)| (PathBuf::from(value), origin))
            .or_else(|| file.cache_dir.map(|dir| (home.join(dir), Origin::File(path.clone()))));
        let cache_dir = match cache_dir {
            Some(found) => found,
            None => (default_cache()?, Origin::Default),
        };
        Ok(Self {
            store: setting(store),
            registry_store: optional(registry_store),
            registry_stages: optional(from_file(file.registry_stages)),
            experiment_name: optional(experiment_name),
            experiment_id: optional(variable("MLFLOW_EXPERIMENT_ID")),
            cache_dir: setting(cache_dir),
            user: setting(user()),
            credentials: setting(credentials()),
        })
    }
}

/// Returns a variable that is set and not empty.
pub(crate) fn variable(name: &'static str) -> Option<(String, Origin)> {
    let value = env::var(name).ok().filter(|value| !value.is_empty())?;
    Some((value, Origin::Variable(name)))
}

fn flag(name: &'static str, value: &Option<String>) -> Option<(String, Origin)> {
    value.clone().map(|value| (value, Origin::Flag(name)))
}

fn setting<T>((value, origin): (T, Origin)) -> Setting<T> {
    Setting { value, origin }
}

fn optional(found: Option<(String, Origin)>) -> Setting<Option<String>> {
    match found {
        Some((value, origin)) => Setting { value: Some(value), origin },
        None => Setting { value: None, origin: Origin::Default },
    }
}

/// Reads `mlctl:./mlruns` as `./mlruns`: so a store is named to MLflow's client with the plug-in of
/// the Python package, and both take it from the same variables.
fn without_scheme(uri: String) -> String {
    match uri.strip_prefix("mlctl:") {
        Some(rest) => rest.to_owned(),
        None => uri,
    }
}

/// Reads the registry of a store that is spelled so: of a folder, the file in it.
fn registry_without_scheme(uri: String) -> String {
    match uri.strip_prefix("mlctl:") {
        Some(database) if database.starts_with("sqlite:") => database.to_owned(),
        Some(folder) => format!("{folder}/registry.db"),
        None => uri,
    }
}

/// Finds the store as MLflow does: the folder that has experiments, else the database that is
/// there; with neither, a folder that is to be made.
fn default_store() -> (String, Origin) {
    if has_experiments(Path::new("mlruns")) || !Path::new("mlflow.db").is_file() {
        return ("./mlruns".to_owned(), Origin::Default);
    }
    let origin = Origin::Found("mlflow.db exists here, and mlruns has no experiments");
    ("sqlite:///mlflow.db".to_owned(), origin)
}

/// Tells whether a folder is a store of files: a folder named by a number has a `meta.yaml`.
fn has_experiments(folder: &Path) -> bool {
    let is_experiment = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        name.as_encoded_bytes().iter().all(u8::is_ascii_digit)
            && entry.path().join("meta.yaml").symlink_metadata().is_ok()
    };
    fs::read_dir(folder).is_ok_and(|entries| entries.flatten().any(|entry| is_experiment(&entry)))
}

/// A path in the file is relative to the file, not to where the command runs.
fn relative_to(folder: &Path, uri: String) -> String {
    let is_path = !uri.contains(':');
    if is_path { folder.join(uri).to_string_lossy().into_owned() } else { uri }
}

/// Looks for the file in this folder and those above it.
fn find_file() -> Result<(PathBuf, File)> {
    let here = env::current_dir().context("cannot find the current folder")?;
    let Some(path) = here.ancestors().map(|folder| folder.join(FILE)).find(|path| path.is_file())
    else {
        return Ok((PathBuf::new(), File::default()));
    };
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let file = toml::from_str(&text).map_err(|error| {
        let line = error.span().map(|span| text[..span.start].matches('\n').count() + 1);
        let place = line.map_or(String::new(), |line| format!(":{line}"));
        Hinted::error(
            format!("{}{place}: {}", path.display(), error.message()),
            "the valid settings are store, registry_store, registry_stages, experiment_name and \
             cache_dir",
        )
    })?;
    Ok((path, file))
}

fn default_cache() -> Result<PathBuf> {
    let base = etcetera::choose_base_strategy().context("cannot find the home folder")?;
    Ok(base.cache_dir().join("mlctl"))
}

fn user() -> (String, Origin) {
    let from_variable =
        ["MLFLOW_TRACKING_USERNAME", "LOGNAME", "USER"].into_iter().find_map(variable);
    from_variable.unwrap_or_else(|| {
        let account = uzers::get_current_username();
        let name =
            account.map_or_else(|| "unknown".into(), |name| name.to_string_lossy().into_owned());
        (name, Origin::Default)
    })
}

fn credentials() -> (Credentials, Origin) {
    if let Some((token, origin)) = variable("MLFLOW_TRACKING_TOKEN") {
        return (Credentials::Token(token), origin);
    }
    match (variable("MLFLOW_TRACKING_USERNAME"), variable("MLFLOW_TRACKING_PASSWORD")) {
        (Some((username, origin)), Some((password, _))) => {
            (Credentials::Basic { username, password }, origin)
        }
        _ => (Credentials::None, Origin::Default),
    }
}
