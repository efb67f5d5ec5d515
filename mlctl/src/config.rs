//! The settings: flags over environment over `mlctl.toml` over defaults.
//!
//! Nothing else reads environment variables. [`known`] lists the settings that are not the flag of
//! one command; a flag names its variable where it is defined, and clap reads that when it
//! parses the command line. [`Config::rows`] shows all of them.

mod environment;
mod file;
mod flags;
pub(crate) mod known;
mod rows;
#[cfg(test)]
mod tests;
mod unknown;

use crate::cli::Global;
use anyhow::{Context, Result};
pub(crate) use environment::{all as environ, all_text as environ_text, temporary_folder};
use etcetera::BaseStrategy;
pub(crate) use flags::ignore_empty_variables;
use known::Known;
use mlctl_tracking::client::Credentials;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
pub(crate) use unknown::warn_of_unknown;

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
    pub(crate) log: Setting<String>,
}

impl Config {
    /// Gathers the settings.
    pub(crate) fn load(flags: &Global) -> Result<Self> {
        let (path, file) = file::find()?;
        let at = |folder: &Path, uri: String| file::relative_to(folder, uri);
        let home = path.parent().unwrap_or(Path::new("")).to_owned();
        let from_file =
            |value: Option<String>| value.map(|value| (value, Origin::File(path.clone())));
        let store = flag(&known::STORE, &flags.store)
            .or_else(|| known::STORE.read())
            .or_else(|| from_file(file.store.map(|uri| at(&home, uri))))
            .map(|(uri, origin)| (without_scheme(uri), origin))
            .unwrap_or_else(default_store);
        let registry_store = flag(&known::REGISTRY_STORE, &flags.registry_store)
            .or_else(|| known::REGISTRY_STORE.read())
            .or_else(|| from_file(file.registry_store.map(|uri| at(&home, uri))))
            .map(|(uri, origin)| (registry_without_scheme(uri), origin));
        let experiment_name =
            known::EXPERIMENT_NAME.read().or_else(|| from_file(file.experiment_name));
        let cache_dir = known::CACHE_DIR
            .read()
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
            experiment_id: optional(known::EXPERIMENT_ID.read()),
            cache_dir: setting(cache_dir),
            user: setting(user()),
            credentials: setting(credentials()),
            log: log(flags.verbose),
        })
    }
}

/// Says what is logged to standard error, in the words of `tracing`'s filters.
pub(crate) fn log(verbose: u8) -> Setting<String> {
    let of = |level: &str| format!("{level},tract=error");
    let by_flag = match verbose {
        0 => None,
        1 => Some(of("info")),
        _ => Some(of("debug")),
    };
    let found = flag(&known::LOG, &by_flag).or_else(|| known::LOG.read());
    setting(found.unwrap_or_else(|| (of("warn"), Origin::Default)))
}

fn flag(setting: &Known, value: &Option<String>) -> Option<(String, Origin)> {
    let name = setting.flag.unwrap_or(setting.name);
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

fn default_cache() -> Result<PathBuf> {
    let base = etcetera::choose_base_strategy().context("cannot find the home folder")?;
    Ok(base.cache_dir().join("mlctl"))
}

fn user() -> (String, Origin) {
    known::USER.read().unwrap_or_else(|| {
        let account = uzers::get_current_username();
        let name =
            account.map_or_else(|| "unknown".into(), |name| name.to_string_lossy().into_owned());
        (name, Origin::Default)
    })
}

fn credentials() -> (Credentials, Origin) {
    let variable = |name| known::CREDENTIALS.read_one(name);
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
