//! Brings a project onto this machine: folder, repository or zip file, and what git says of it.
//!
//! A folder without a version is used in place. Everything else is put into a folder of the run's
//! own: neither the user's working tree nor their repository is ever written to.

mod checkout;
mod mirror;
mod state;
pub(crate) mod uri;
mod zip;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use git2::Repository;
use url::Url;

use self::{
    mirror::{Mirror, Origin},
    uri::{Location, ProjectUri, without_credentials},
};
use crate::{Error, Result, error::Context, tool::Workbench};

pub(crate) use mirror::lock;
pub(crate) use state::GitState;

/// What fetching needs to know.
pub(crate) struct Place<'a> {
    /// What relative paths are relative to.
    pub(crate) current_dir: &'a Path,
    /// Where mirrors are kept.
    pub(crate) cache: &'a Path,
    /// The folder of this run, empty and removed afterwards.
    pub(crate) scratch: &'a Path,
    /// The longest time without an answer from the network.
    pub(crate) timeout: Duration,
    /// What tools need.
    pub(crate) bench: Workbench<'a>,
}

/// A project on this machine.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// The project's folder.
    pub(crate) folder: PathBuf,
    /// What to call the source in records, as MLflow does.
    pub(crate) name: String,
    /// What git says of it.
    pub(crate) git: Option<GitState>,
    /// What went not quite well.
    pub(crate) warnings: Vec<String>,
}

/// Brings the project that `uri` names, at `version`, onto this machine.
pub(crate) fn fetch(uri: &str, version: Option<&str>, place: &Place<'_>) -> Result<Source> {
    let parsed = ProjectUri::parse(uri)?;
    let subfolder = parsed.subfolder.as_deref();
    if let (Some(version), Location::ZipFile(_) | Location::ZipUrl(_)) = (version, &parsed.location)
    {
        return Err(Error::NotARepository { uri: uri.to_owned(), version: version.to_owned() });
    }
    match parsed.location {
        Location::Local(path) => {
            local(uri, &place.current_dir.join(path), subfolder, version, place)
        }
        // A folder may be named like an address; it then means the folder.
        Location::Git(url) if place.current_dir.join(&url).exists() => {
            local(uri, &place.current_dir.join(url), subfolder, version, place)
        }
        Location::Git(url) => {
            let shown = without_credentials(&url);
            let name = with_subfolder(&shown, subfolder);
            let request = Clone { uri, url, is_local: false, shown, name, subfolder };
            clone(request, version, place)
        }
        Location::ZipFile(path) => {
            let path = absolute(&place.current_dir.join(path));
            if !path.is_file() {
                return Err(Error::SourceNotFound { uri: uri.to_owned(), path });
            }
            let name = with_subfolder(&path.display().to_string(), subfolder);
            zip::unpack(&path, uri, name, subfolder, place)
        }
        Location::ZipUrl(url) => {
            let name = with_subfolder(&without_credentials(&url), subfolder);
            let file = zip::download(&url, place)?;
            zip::unpack(&file, uri, name, subfolder, place)
        }
    }
}

fn with_subfolder(place: &str, subfolder: Option<&str>) -> String {
    subfolder.map_or_else(|| place.to_owned(), |subfolder| format!("{place}#{subfolder}"))
}

/// Resolves a path as far as it exists.
fn absolute(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf())
}

fn local(
    uri: &str,
    path: &Path,
    subfolder: Option<&str>,
    version: Option<&str>,
    place: &Place<'_>,
) -> Result<Source> {
    if !path.is_dir() {
        return Err(Error::SourceNotFound { uri: uri.to_owned(), path: path.to_path_buf() });
    }
    let path = absolute(path);
    if state::is_bare(&path) {
        let name = with_subfolder(&file_uri(&path), subfolder);
        return clone_local(uri, &path, name, subfolder, version, place);
    }
    if let Some(version) = version {
        let Some(top) = state::top_of(&path) else {
            return Err(Error::NotARepository { uri: uri.to_owned(), version: version.to_owned() });
        };
        let within = path.join(subfolder.unwrap_or_default());
        let within = within.strip_prefix(&top).unwrap_or(Path::new("")).display().to_string();
        let within = Some(within.trim_end_matches('/')).filter(|within| !within.is_empty());
        let name = with_subfolder(&plain_file_uri(&top), within);
        return clone_local(uri, &top, name, within, Some(version), place);
    }
    in_place(uri, &checkout::subfolder(uri, &path, subfolder)?)
}

/// Uses a folder where it is.
fn in_place(uri: &str, folder: &Path) -> Result<Source> {
    let Some(top) = state::top_of(folder) else {
        let name = folder.display().to_string();
        let folder = folder.to_path_buf();
        return Ok(Source { folder, name, git: None, warnings: Vec::new() });
    };
    let within = folder.strip_prefix(&top).unwrap_or(Path::new("")).display().to_string();
    let within = Some(within.as_str()).filter(|within| !within.is_empty());
    let (git, warnings) = match state::inspect(&top, folder) {
        Ok(git) => (Some(git), Vec::new()),
        // A broken or foreign repository does not keep a project from running.
        Err(err) => (None, vec![format!("{uri}: {}", with_causes(&err))]),
    };
    let name = with_subfolder(&plain_file_uri(&top), within);
    Ok(Source { folder: folder.to_path_buf(), name, git, warnings })
}

/// Joins an error's text with the texts of its causes.
pub(crate) fn with_causes(err: &dyn std::error::Error) -> String {
    let mut text = err.to_string();
    let mut cause = err.source();
    while let Some(next) = cause {
        text.push_str(&format!(": {next}"));
        cause = next.source();
    }
    text
}

/// `file://` before the path as it is, which is what MLflow records.
fn plain_file_uri(path: &Path) -> String {
    format!("file://{}", path.display())
}

fn file_uri(path: &Path) -> String {
    Url::from_file_path(path).map_or_else(|()| plain_file_uri(path), String::from)
}

struct Clone<'a> {
    uri: &'a str,
    url: String,
    is_local: bool,
    shown: String,
    name: String,
    subfolder: Option<&'a str>,
}

fn clone_local(
    uri: &str,
    top: &Path,
    name: String,
    subfolder: Option<&str>,
    version: Option<&str>,
    place: &Place<'_>,
) -> Result<Source> {
    let doing = || format!("open the repository {}", top.display());
    let repository = Repository::open(top).context(doing)?;
    let shown = state::first_remote(&repository).unwrap_or_else(|| file_uri(top));
    let url = repository.commondir().display().to_string();
    clone(Clone { uri, url, is_local: true, shown, name, subfolder }, version, place)
}

fn clone(request: Clone<'_>, version: Option<&str>, place: &Place<'_>) -> Result<Source> {
    let Clone { uri, url, is_local, shown, name, subfolder } = request;
    let origin = Origin { url, is_local, timeout: place.timeout, bench: place.bench };
    let root = place.scratch.join("project");
    let mirror = Mirror::open(place.cache, &origin)?;
    let found = mirror.find(version)?;
    checkout::check_out(&mirror, &found, &root)?;
    drop(mirror);
    let warnings = checkout::complete(&origin, &shown, &root)?.into_iter().collect();
    let git = GitState {
        commit: Some(found.commit.to_string()),
        repository: Some(shown),
        branch: found.branch,
        ..GitState::default()
    };
    let folder = checkout::subfolder(uri, &root, subfolder)?;
    Ok(Source { folder, name, git: Some(git), warnings })
}
