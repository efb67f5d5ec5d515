//! Builds an unpacked folder beside its destination, and publishes it with one rename.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use mlctl_scratch::{Access, Scratch};

use super::budget::Budget;
use crate::{ArtifactPath, Error, Result};

const BUFFER_BYTES: usize = 128 * 1024;
const PREFIX: &str = ".mlctl-unpacking-";

/// A folder being unpacked, removed unless it is published.
pub(super) struct Staging {
    temp: Scratch,
    dir: Dir,
    destination: PathBuf,
    /// The folder made last: entries of one folder usually come together.
    made: ArtifactPath,
    buffer: Vec<u8>,
}

impl Staging {
    /// Begins a folder that shall become `destination`.
    pub(super) fn beside(destination: &Path) -> Result<Self> {
        let failed = |source| {
            Error::writing(format!("create the folder `{}`", destination.display()), source)
        };
        let destination = std::path::absolute(destination).map_err(failed)?;
        check_free(&destination)?;
        let parent = destination.parent().unwrap_or(&destination);
        fs::create_dir_all(parent).map_err(failed)?;
        let temp = Scratch::make(parent, PREFIX, Access::Umask).map_err(failed)?;
        let dir = Dir::open_ambient_dir(temp.path(), ambient_authority()).map_err(failed)?;
        let buffer = vec![0; BUFFER_BYTES];
        Ok(Self { temp, dir, destination, made: ArtifactPath::root(), buffer })
    }

    /// Makes a folder and those that hold it, where they are missing.
    pub(super) fn folder(&mut self, path: &ArtifactPath) -> Result<()> {
        if self.made.starts_with(path) {
            return Ok(());
        }
        let mut place = PathBuf::new();
        for name in path.components() {
            place.push(name);
            match self.dir.create_dir(&place) {
                Err(err) if err.kind() == ErrorKind::AlreadyExists => self.check_folder(&place)?,
                made => made.map_err(|source| writing(path, source))?,
            }
        }
        self.made = path.clone();
        Ok(())
    }

    /// Unpacks one file.
    pub(super) fn file(
        &mut self,
        path: &ArtifactPath,
        executable: bool,
        content: &mut dyn Read,
        budget: &mut Budget,
    ) -> Result<u64> {
        self.folder(&path.parent().unwrap_or_default())?;
        let options = creating(executable);
        let mut file = self.dir.open_with(path.as_str(), &options).map_err(|source| {
            match source.kind() {
                // Also what differs in case only, where the disk does not tell those apart.
                ErrorKind::AlreadyExists => twice(path.as_str()),
                _ => writing(path, source),
            }
        })?;
        let mut size = 0;
        loop {
            let count = match content.read(&mut self.buffer) {
                Ok(0) => return Ok(size),
                Ok(count) => count,
                Err(err) if err.kind() == ErrorKind::Interrupted => continue,
                Err(err) => return Err(Error::unreadable(err)),
            };
            budget.grow(count as u64)?;
            file.write_all(&self.buffer[..count]).map_err(|source| writing(path, source))?;
            size += count as u64;
        }
    }

    /// Puts the finished folder in its place.
    pub(super) fn publish(self) -> Result<()> {
        let Self { temp, dir, destination, .. } = self;
        drop(dir);
        check_free(&destination)?;
        // Some systems do not rename over an empty folder.
        fs::remove_dir(&destination).ok();
        temp.publish(&destination).map_err(|source| {
            Error::writing(format!("create the folder `{}`", destination.display()), source)
        })
    }

    fn check_folder(&self, place: &Path) -> Result<()> {
        match self.dir.symlink_metadata(place) {
            Ok(metadata) if metadata.is_dir() => Ok(()),
            _ => Err(twice(&place.to_string_lossy())),
        }
    }
}

fn twice(entry: &str) -> Error {
    Error::Refused { entry: entry.to_owned(), rule: "each name can occur only once" }
}

fn writing(path: &ArtifactPath, source: io::Error) -> Error {
    Error::writing(format!("unpack `{path}`"), source)
}

fn check_free(destination: &Path) -> Result<()> {
    let taken = || Error::Exists { path: destination.to_path_buf() };
    match fs::symlink_metadata(destination) {
        Err(err) if err.kind() == ErrorKind::NotFound => Ok(()),
        Ok(metadata) if metadata.is_dir() => {
            match fs::read_dir(destination).map(|mut all| all.next()) {
                Ok(None) => Ok(()),
                _ => Err(taken()),
            }
        }
        _ => Err(taken()),
    }
}

fn creating(executable: bool) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use cap_std::fs::OpenOptionsExt;
        options.mode(if executable { 0o777 } else { 0o666 });
    }
    #[cfg(not(unix))]
    let _ = executable;
    options
}
