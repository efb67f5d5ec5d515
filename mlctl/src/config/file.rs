//! The file `mlctl.toml`.

use crate::failure::Hinted;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// The name of the file that projects and teams keep settings in.
const FILE: &str = "mlctl.toml";

/// What `mlctl.toml` may say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) store: Option<String>,
    pub(super) registry_store: Option<String>,
    pub(super) registry_stages: Option<String>,
    pub(super) experiment_name: Option<String>,
    pub(super) cache_dir: Option<PathBuf>,
}

/// A path in the file is relative to the file, not to where the command runs.
pub(super) fn relative_to(folder: &Path, uri: String) -> String {
    let is_path = !uri.contains(':');
    if is_path { folder.join(uri).to_string_lossy().into_owned() } else { uri }
}

/// Looks for the file in this folder and those above it.
pub(super) fn find() -> Result<(PathBuf, File)> {
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
