//! Projects in zip files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Place, Source, checkout};
use crate::{Error, Result, Step, error::Context};

/// Bytes a downloaded file may have.
#[cfg(feature = "http")]
const DOWNLOAD_BYTES_MAX: u64 = 1 << 30;

/// Unpacks `file` into the run's own folder.
pub(super) fn unpack(
    file: &Path,
    uri: &str,
    name: String,
    subfolder: Option<&str>,
    place: &Place<'_>,
) -> Result<Source> {
    let mut root = place.scratch.join("project");
    let doing = || format!("unpack {}", file.display());
    fs::create_dir(&root).context(doing)?;
    let archive = fs::File::open(file).context(doing)?;
    place.bench.progress.step(&Step::FetchProject { uri: name.clone() });
    mlctl_artifacts::archive::unpack_zip(archive, &root, &Default::default())
        .map_err(|err| Error::Fetch { uri: uri.to_owned(), problem: super::with_causes(&err) })?;
    if subfolder.is_none() {
        root = only_folder(&root).unwrap_or(root);
    }
    let folder = checkout::subfolder(uri, &root, subfolder)?;
    Ok(Source { folder, name, git: None, warnings: Vec::new() })
}

/// Returns the folder that is all there is in `root`: archives of repositories look like that.
fn only_folder(root: &Path) -> Option<PathBuf> {
    let mut entries = fs::read_dir(root).ok()?;
    let only = entries.next()?.ok()?;
    (entries.next().is_none() && only.file_type().ok()?.is_dir()).then(|| only.path())
}

/// Downloads the file at `url` into the run's own folder.
#[cfg(feature = "http")]
pub(super) fn download(url: &str, place: &Place<'_>) -> Result<PathBuf> {
    let uri = super::without_credentials(url);
    place.bench.progress.step(&Step::FetchProject { uri: uri.clone() });
    let file = place.scratch.join("project.zip");
    let limits = crate::download::Limits {
        bytes_max: DOWNLOAD_BYTES_MAX,
        timeout: place.timeout,
        cancel: place.bench.cancel,
    };
    crate::download::download(url, &file, &limits).map_err(|err| match err {
        crate::download::Problem::Cancelled => Error::Cancelled,
        problem => Error::Fetch { uri, problem: super::with_causes(&problem) },
    })?;
    Ok(file)
}

/// Refuses: this build has no HTTP client.
#[cfg(not(feature = "http"))]
pub(super) fn download(url: &str, _: &Place<'_>) -> Result<PathBuf> {
    Err(Error::Unsupported {
        what: format!("project `{}`", super::without_credentials(url)),
        instead: "this build has no HTTP client: download the file first",
    })
}
