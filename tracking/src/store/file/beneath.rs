//! Opens what lies beneath the folder of a run, a logged model or an experiment, and nothing else.
//!
//! Each name on the way is opened from the folder above it and never through a link, so neither a
//! link nor a race leads elsewhere, when reading or when writing. Only regular files are opened,
//! and never more of one is read than its kind may have.

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, linkat, mkdirat, openat, renameat, statat, unlinkat,
};
#[cfg(target_os = "linux")]
use rustix::fs::{RenameFlags, renameat_with};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

/// An open folder.
#[derive(Debug)]
pub(super) struct Folder(OwnedFd);

/// A name in a folder, and whether it is a folder itself.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) is_folder: bool,
}

const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::RDONLY).union(OFlags::CLOEXEC);
/// Nothing is followed, and a pipe does not make the open wait for its other end.
const STRICT: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

impl Folder {
    /// Opens a folder that the layout of the store has found.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(openat(CWD, path, FOLDER, Mode::empty())?))
    }

    /// Opens a folder below this one.
    pub(super) fn below(&self, path: &Path) -> io::Result<Self> {
        let mut folder = Self(openat(&self.0, ".", FOLDER, Mode::empty())?);
        for name in names(path) {
            folder = folder.child(name)?;
        }
        Ok(folder)
    }

    fn child(&self, name: &OsStr) -> io::Result<Self> {
        match openat(&self.0, name, FOLDER | OFlags::NOFOLLOW, Mode::empty()) {
            // A link is none of our folders.
            Err(Errno::LOOP | Errno::MLINK) => Err(ErrorKind::NotADirectory.into()),
            opened => Ok(Self(opened?)),
        }
    }

    /// Opens the folder that is to hold `path`, and makes it, and those between, when missing.
    pub(super) fn make_parent(&self, path: &Path) -> io::Result<Self> {
        let mut folder = Self(openat(&self.0, ".", FOLDER, Mode::empty())?);
        for name in path.parent().into_iter().flat_map(names) {
            folder = match folder.child(name) {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    folder.make(name)?;
                    folder.child(name)?
                }
                child => child?,
            };
        }
        Ok(folder)
    }

    fn make(&self, name: &OsStr) -> io::Result<()> {
        match mkdirat(&self.0, name, Mode::from_raw_mode(0o777)) {
            Err(Errno::EXIST) => Ok(()),
            made => Ok(made?),
        }
    }

    /// Opens a regular file in this folder; what is none is not there.
    pub(super) fn file(&self, name: &OsStr, access: OFlags) -> io::Result<File> {
        let mode = Mode::from_raw_mode(0o666);
        let opened = match openat(&self.0, name, access | STRICT, mode) {
            // A pipe without a reader cannot be opened for writing.
            Err(Errno::LOOP | Errno::MLINK | Errno::NXIO) => {
                return Err(ErrorKind::NotFound.into());
            }
            opened => opened?,
        };
        let file = File::from(opened);
        match file.metadata()?.is_file() {
            true => Ok(file),
            false => Err(ErrorKind::NotFound.into()),
        }
    }

    /// Reads a regular file below this folder.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is none, and [`ErrorKind::FileTooLarge`] when it has
    /// more than `bytes_max`.
    pub(super) fn read(&self, path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
        let Some(name) = path.file_name() else { return Err(ErrorKind::NotFound.into()) };
        let file = match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            Some(parent) => self.below(parent)?.file(name, OFlags::RDONLY)?,
            None => self.file(name, OFlags::RDONLY)?,
        };
        read_bounded(&file, bytes_max)
    }

    /// Lists what has a name in UTF-8, in no order.
    pub(super) fn entries(&self) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.0)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            let Some(name) = name.to_str().filter(|name| !matches!(*name, "." | "..")) else {
                continue;
            };
            let kind = match entry.file_type() {
                FileType::Unknown => {
                    let stat = statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?;
                    FileType::from_raw_mode(stat.st_mode)
                }
                kind => kind,
            };
            entries.push(Entry { name: name.to_owned(), is_folder: kind.is_dir() });
        }
        Ok(entries)
    }

    /// Removes a file in this folder.
    pub(super) fn remove(&self, name: &OsStr) -> io::Result<()> {
        Ok(unlinkat(&self.0, name, AtFlags::empty())?)
    }

    /// Gives a file elsewhere a name in this folder.
    pub(super) fn take(&self, from: &Path, name: &OsStr) -> io::Result<()> {
        Ok(renameat(CWD, from, &self.0, name)?)
    }

    /// Gives a file elsewhere a name in this folder that is not taken.
    pub(super) fn take_new(&self, from: &Path, name: &OsStr) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        match renameat_with(CWD, from, &self.0, name, RenameFlags::NOREPLACE) {
            // Not every file system can; a second name does the same where there are such.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
            done => return Ok(done?),
        }
        Ok(linkat(CWD, from, &self.0, name, AtFlags::empty())?)
    }
}

/// Lists the names of a relative path.
fn names(path: &Path) -> impl Iterator<Item = &OsStr> {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name),
        _ => None,
    })
}

fn read_bounded(file: &File, bytes_max: u64) -> io::Result<Vec<u8>> {
    let too_large = || {
        let why = format!("it has more than {bytes_max} bytes");
        Err(io::Error::new(ErrorKind::FileTooLarge, why))
    };
    let size = file.metadata()?.len();
    if size > bytes_max {
        return too_large();
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    // It may grow meanwhile.
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max { too_large() } else { Ok(bytes) }
}
