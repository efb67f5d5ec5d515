//! Keeps artifacts as files of one folder, in the layout of MLflow's artifact folders.
//!
//! Every path is opened beneath the folder, so neither `..` nor a link nor a race can reach what
//! lies outside. A link that stays inside is followed; one that leaves is refused. Unfinished
//! files carry the prefix that MLflow hides too, so both programs can share a folder.

mod beneath;
mod pending;

use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use cap_std::fs::Dir;

#[cfg(feature = "archives")]
pub(crate) use beneath::Found;
pub(crate) use beneath::{Beneath, Kind};
pub use pending::UNFINISHED;

use crate::error::is_escape;
use crate::{Artifact, ArtifactInfo, ArtifactPath, ArtifactStore, Error, Result};

/// An artifact store in a folder of the local disk.
///
/// The folder is opened anew for every call, so a store holds no file open and survives that its
/// folder is deleted and made again.
#[derive(Clone, Debug)]
pub struct LocalArtifacts {
    root: PathBuf,
    /// The folder beneath which `root` is opened, and the way there.
    base: Option<(PathBuf, ArtifactPath)>,
    is_synced: bool,
}

impl LocalArtifacts {
    /// Uses an existing folder.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder does not exist or cannot be opened.
    pub fn open(root: &Path) -> Result<Self> {
        let store = Self::lazy(root.to_path_buf());
        store.open_root().map_err(|source| store.unopened(source))?;
        Ok(store)
    }

    /// Uses a folder and makes it first where it is missing.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::NoSpace`] when the folder cannot be made.
    pub fn create(root: &Path) -> Result<Self> {
        let store = Self::lazy(root.to_path_buf());
        store.make_root()?;
        Self::open(root)
    }

    /// Uses a folder that reads as empty until the first write makes it.
    #[must_use]
    pub fn lazy(root: PathBuf) -> Self {
        // A relative root must not move with the working directory.
        let root = std::path::absolute(&root).unwrap_or(root);
        Self { root, base: None, is_synced: true }
    }

    /// Uses a folder like [`Self::lazy`] that lies in `base`, and never follows a link out of
    /// `base` on the way to it.
    #[must_use]
    pub fn beneath(base: PathBuf, path: ArtifactPath) -> Self {
        let root = base.join(path.as_str());
        Self { base: Some((base, path)), ..Self::lazy(root) }
    }

    /// Lets a write return before the disk has the content.
    ///
    /// A killed process loses nothing then, but a loss of power may take the last files, and a
    /// network folder may report too late that it is full.
    #[must_use]
    pub fn without_sync(self) -> Self {
        Self { is_synced: false, ..self }
    }

    /// Returns the folder as an absolute path.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn open_root(&self) -> io::Result<Beneath> {
        match &self.base {
            Some((base, path)) => Beneath::open(base)?.below(path),
            None => Beneath::open(&self.root),
        }
    }

    /// Opens the folder, or none while it is missing.
    fn existing(&self) -> Result<Option<Beneath>> {
        match self.open_root() {
            Ok(beneath) => Ok(Some(beneath)),
            Err(err) if err.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(self.unopened(source)),
        }
    }

    fn holding(&self, path: &ArtifactPath) -> Result<Beneath> {
        self.existing()?.ok_or_else(|| Error::NotFound { path: path.clone() })
    }

    fn make_root(&self) -> Result<()> {
        let doing = || format!("create the artifact folder `{}`", self.root.display());
        let Some((base, path)) = &self.base else {
            return fs::create_dir_all(&self.root)
                .map_err(|source| Error::writing(doing(), source));
        };
        let made = fs::create_dir_all(base).and_then(|()| Beneath::open(base)?.make(path));
        made.map_err(|source| match is_escape(&source) {
            true => Error::Escapes { path: path.clone() },
            false => Error::writing(doing(), source),
        })
    }

    fn unopened(&self, source: io::Error) -> Error {
        if let Some((_, path)) = &self.base
            && is_escape(&source)
        {
            return Error::Escapes { path: path.clone() };
        }
        Error::Io { doing: format!("open the artifact folder `{}`", self.root.display()), source }
    }
}

impl ArtifactStore for LocalArtifacts {
    fn list(&self, path: &ArtifactPath) -> Result<Vec<ArtifactInfo>> {
        let Some(beneath) = self.existing()? else { return Ok(Vec::new()) };
        let children = match beneath.children(path) {
            Err(Error::NotFound { .. }) => return Ok(Vec::new()),
            children => children?,
        };
        let mut infos = Vec::with_capacity(children.len());
        for child in children {
            match child {
                Ok(found) => infos.push(found.into_info()),
                Err(hidden) if is_invisible(&hidden) => {}
                Err(failed) => return Err(failed),
            }
        }
        infos.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Ok(infos)
    }

    fn info(&self, path: &ArtifactPath) -> Result<ArtifactInfo> {
        if path.is_root() {
            return Ok(ArtifactInfo::folder(path.clone()));
        }
        Ok(self.holding(path)?.find(path)?.into_info())
    }

    fn open(&self, path: &ArtifactPath) -> Result<Artifact> {
        if path.is_root() {
            return Err(Error::NotAFile { path: path.to_string(), found: "a folder" });
        }
        self.holding(path)?.open_file(path)
    }

    fn write(&self, path: &ArtifactPath, content: &mut dyn Read) -> Result<u64> {
        self.make_root()?;
        let beneath = self.open_root().map_err(|source| self.unopened(source))?;
        pending::write(&beneath, path, content, self.is_synced)
    }

    fn delete(&self, path: &ArtifactPath) -> Result<()> {
        let failed = |source| Error::Io { doing: format!("delete `{path}`"), source };
        let Some(folder) = path.parent() else {
            let Some(beneath) = self.existing()? else { return Ok(()) };
            return empty(&beneath.folder(path)?).map_err(failed);
        };
        let folder = self.holding(path)?.folder(&folder).map_err(|err| match err {
            Error::NotFound { .. } => Error::NotFound { path: path.clone() },
            err => err,
        })?;
        let name = path.file_name().unwrap_or_default();
        remove(&folder, Path::new(name)).map_err(|source| match source.kind() {
            ErrorKind::NotFound => Error::NotFound { path: path.clone() },
            _ => failed(source),
        })
    }
}

/// Tells what a listing leaves out from what it has to report.
fn is_invisible(err: &Error) -> bool {
    matches!(
        err,
        Error::InvalidPath { .. }
            | Error::Escapes { .. }
            | Error::LinkLoop { .. }
            | Error::NotAFile { .. }
            | Error::NotFound { .. }
    )
}

fn empty(folder: &Dir) -> io::Result<()> {
    for entry in folder.entries()? {
        remove(folder, Path::new(&entry?.file_name()))?;
    }
    Ok(())
}

/// Removes a file or a folder; of a link, the link itself and never what it points to.
fn remove(folder: &Dir, name: &Path) -> io::Result<()> {
    if folder.symlink_metadata(name)?.is_dir() {
        folder.remove_dir_all(name)
    } else {
        folder.remove_file(name)
    }
}

#[cfg(test)]
mod tests;
