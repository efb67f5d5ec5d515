//! Moves files and folders between the local disk and a store.
//!
//! What every store can do with `list`, `open` and `write` lives here, not in the trait.

use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::local::{Beneath, Kind};
use crate::path::parse_local;
use crate::{ArtifactInfo, ArtifactPath, ArtifactStore, Error, LocalArtifacts, Result};

/// Stores a local file as `destination`, or a local folder's content below it; returns the bytes.
///
/// Content is streamed. Each file appears only when complete; a folder is not one change, so a
/// failure can leave the files that were already stored. Links inside a folder are followed as long
/// as they stay in it; one that leaves it is refused before anything is stored. Files of unfinished
/// uploads are left out.
///
/// # Errors
/// [`Error::Escapes`] for a link that leaves the folder, [`Error::NotAFile`] for devices, pipes
/// and sockets, [`Error::InvalidPath`] for names no store can keep, and what `store` reports.
pub fn upload(store: &dyn ArtifactStore, local: &Path, destination: &ArtifactPath) -> Result<u64> {
    let failed = |source| Error::Io { doing: format!("read `{}`", local.display()), source };
    let metadata = fs::metadata(local).map_err(failed)?;
    if metadata.is_dir() {
        return upload_folder(store, &Beneath::open(local).map_err(failed)?, destination);
    }
    if !metadata.is_file() {
        let path = local.display().to_string();
        return Err(Error::NotAFile { path, found: "a device, pipe or socket" });
    }
    store.write(destination, &mut fs::File::open(local).map_err(failed)?)
}

fn upload_folder(
    store: &dyn ArtifactStore,
    folder: &Beneath,
    destination: &ArtifactPath,
) -> Result<u64> {
    let mut bytes = 0;
    // The walk ends before the first write: the store may lie inside the folder.
    for found in folder.walk()? {
        if found.kind == Kind::Folder {
            continue;
        }
        let target = ArtifactPath::parse(destination.join(&found.path).as_str())?;
        bytes += store.write(&target, &mut folder.open_file(&found.path)?.content)?;
    }
    Ok(bytes)
}

/// Copies an artifact, or a folder with all it holds, to the local disk; returns where it lies.
///
/// When `destination` is an existing folder, the copy gets the artifact's name in it, as with `cp`;
/// otherwise it becomes `destination`. The root has no name, so its content goes straight into
/// `destination`. Existing files are replaced, links that leave the folder are not written through,
/// and a file that ends early is not left behind.
///
/// # Errors
/// [`Error::NotFound`] when nothing is stored under `path`, [`Error::NoSpace`] when the disk is
/// full, and what `store` reports.
pub fn download(
    store: &dyn ArtifactStore,
    path: &ArtifactPath,
    destination: &Path,
) -> Result<PathBuf> {
    let is_folder = store.info(path)?.is_dir;
    let target = match path.file_name() {
        Some(name) if destination.is_dir() => destination.join(name),
        _ => destination.to_path_buf(),
    };
    if is_folder {
        let folder = LocalArtifacts::create(&target)?;
        for info in walk(store, path)? {
            let below = info.path.strip_prefix(path).unwrap_or_default();
            copy(store, &info.path, &folder, &below)?;
        }
    } else {
        let (folder, name) = split(&target)?;
        copy(store, path, &LocalArtifacts::create(folder)?, &name)?;
    }
    Ok(target)
}

/// Lists every file at or below `path`, sorted by path.
///
/// # Errors
/// What `store` reports while listing.
pub fn walk(store: &dyn ArtifactStore, path: &ArtifactPath) -> Result<Vec<ArtifactInfo>> {
    let mut files = Vec::new();
    let mut folders = Vec::new();
    let mut sort = |info: ArtifactInfo, folders: &mut Vec<ArtifactPath>| match info.is_dir {
        true => folders.push(info.path),
        false => files.push(info),
    };
    sort(store.info(path)?, &mut folders);
    while let Some(folder) = folders.pop() {
        for info in store.list(&folder)? {
            sort(info, &mut folders);
        }
    }
    files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn copy(
    from: &dyn ArtifactStore,
    path: &ArtifactPath,
    to: &LocalArtifacts,
    target: &ArtifactPath,
) -> Result<()> {
    let artifact = from.open(path)?;
    to.write(target, &mut Whole { content: artifact.content, left: artifact.size })?;
    Ok(())
}

fn split(target: &Path) -> Result<(&Path, ArtifactPath)> {
    let name = parse_local(target.file_name().unwrap_or_default())?;
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
    Ok((folder.unwrap_or(Path::new(".")), name))
}

/// Content that fails when it ends before its promised size.
pub(crate) struct Whole<R> {
    pub(crate) content: R,
    pub(crate) left: u64,
}

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.content.read(buffer)?;
        if count == 0 && self.left > 0 && !buffer.is_empty() {
            let text = format!("the content ends {} bytes early", self.left);
            return Err(io::Error::new(ErrorKind::UnexpectedEof, text));
        }
        self.left = self.left.saturating_sub(count as u64);
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
