//! Writes a file so that nobody sees it before it is complete.
//!
//! The content goes to a hidden file in the deepest folder that exists already; missing folders are
//! made only when it is complete, then one rename publishes it. So a source that fails midway, a
//! full disk or a killed process leaves nothing that a listing shows.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use cap_std::fs::{Dir, OpenOptions};

use super::{Beneath, Kind};
use crate::{ArtifactPath, Error, Result};

const BUFFER_BYTES: usize = 128 * 1024;

/// The names of files that are not complete yet; MLflow hides what begins so, too.
pub const UNFINISHED: mlctl_scratch::Kind = mlctl_scratch::Kind::new(".artifact.uploading.mlctl-");

/// Stores `content` under `path` and returns its size in bytes.
pub(super) fn write(
    beneath: &Beneath,
    path: &ArtifactPath,
    content: &mut dyn Read,
    is_synced: bool,
) -> Result<u64> {
    check_target(beneath, path)?;
    let (folder, rest) = nearest(beneath, path)?;
    let failed = |source| Error::writing(format!("write `{path}`"), source);
    let mut pending = Pending::new(&folder).map_err(failed)?;
    let size = copy(path, content, &mut pending.file)?;
    if is_synced {
        // Some file systems report a full disk or quota only now, and a rename may overtake the
        // data.
        pending.file.sync_data().map_err(failed)?;
    }
    publish(&folder, &pending, &rest).map_err(failed)?;
    Ok(size)
}

fn check_target(beneath: &Beneath, path: &ArtifactPath) -> Result<()> {
    match beneath.find(path) {
        Ok(found) if found.kind == Kind::Folder => {
            Err(Error::NotAFile { path: path.to_string(), found: "a folder" })
        }
        Ok(_) | Err(Error::NotFound { .. }) => Ok(()),
        Err(err) => Err(err),
    }
}

/// Opens the deepest existing folder on the way to `path`, and returns what remains of the way.
fn nearest(beneath: &Beneath, path: &ArtifactPath) -> Result<(Dir, PathBuf)> {
    let mut file_in_the_way = None;
    let mut folder = path.parent();
    while let Some(way) = folder {
        match beneath.at(&way, |dir, place| dir.open_dir(place)) {
            Ok(dir) => {
                if let Some(path) = file_in_the_way {
                    return Err(Error::NotAFolder { path });
                }
                let rest = path.strip_prefix(&way).unwrap_or_default();
                return Ok((dir, PathBuf::from(rest.as_str())));
            }
            Err(err) if err.kind() == ErrorKind::NotADirectory => {
                file_in_the_way = Some(way.clone())
            }
            Err(err) if err.kind() == ErrorKind::NotFound => {}
            Err(source) => return Err(Error::reaching(&way, source)),
        }
        folder = way.parent();
    }
    Err(Error::NotFound { path: ArtifactPath::root() })
}

/// An unfinished file, removed unless it is published.
struct Pending<'a> {
    folder: &'a Dir,
    name: String,
    file: File,
}

impl<'a> Pending<'a> {
    fn new(folder: &'a Dir) -> io::Result<Self> {
        loop {
            let name = UNFINISHED.name();
            let file = folder.open_with(&name, OpenOptions::new().write(true).create_new(true))?;
            let file = file.into_std();
            // Only what nobody holds is taken for the upload of a killed process.
            if mlctl_scratch::hold(&file)? {
                return Ok(Self { folder, name, file });
            }
        }
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        // After the rename there is nothing under this name; before it, hidden rubbish is the
        // worst that stays.
        self.folder.remove_file(&self.name).ok();
    }
}

fn publish(folder: &Dir, pending: &Pending<'_>, rest: &Path) -> io::Result<()> {
    let mut made = Vec::new();
    let published = make_folders(folder, rest, &mut made)
        .and_then(|()| folder.rename(&pending.name, folder, rest));
    if published.is_err() {
        for path in made.iter().rev() {
            folder.remove_dir(path).ok();
        }
    }
    published
}

fn make_folders<'p>(folder: &Dir, rest: &'p Path, made: &mut Vec<&'p Path>) -> io::Result<()> {
    let mut missing: Vec<&Path> = rest.ancestors().skip(1).collect();
    missing.pop();
    for path in missing.into_iter().rev() {
        match folder.create_dir(path) {
            Ok(()) => made.push(path),
            Err(err) if err.kind() == ErrorKind::AlreadyExists => {}
            Err(err) => return Err(err),
        }
    }
    Ok(())
}

fn copy(path: &ArtifactPath, content: &mut dyn Read, file: &mut File) -> Result<u64> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut size = 0;
    loop {
        let count = match content.read(&mut buffer) {
            Ok(0) => return Ok(size),
            Ok(count) => count,
            Err(err) if err.kind() == ErrorKind::Interrupted => continue,
            Err(source) => {
                return Err(Error::Io { doing: format!("read the content of `{path}`"), source });
            }
        };
        file.write_all(&buffer[..count])
            .map_err(|source| Error::writing(format!("write `{path}`"), source))?;
        size += count as u64;
    }
}
