//! The lock that marks a file or folder as in use.

use std::fs::{self, File, Metadata, TryLockError};
use std::io;
use std::path::Path;

/// Marks a file that was just made as in use, for as long as it is open.
///
/// Returns false when a process that swept took it for abandoned in the moment before: then it is
/// gone, and another must be made. Where the file system has no locks, nothing is marked, and
/// nothing is ever swept.
///
/// # Errors
/// When the file cannot be looked at.
pub fn hold(file: &File) -> io::Result<bool> {
    Ok(lock(file) != Lock::Taken && is_linked(&file.metadata()?))
}

/// Marks the folder or file at `path`, which was just made and opened.
pub(crate) fn hold_at(file: &File, path: &Path) -> bool {
    lock(file) != Lock::Taken && is_at(file, path)
}

/// Opens the file or folder at `path` when nobody holds it. Nobody else takes it for abandoned
/// while it is open.
pub(crate) fn abandoned(path: &Path) -> Option<File> {
    let there = fs::symlink_metadata(path).ok()?;
    // A link or a pipe is none of ours, and opening it could have effects.
    if !(there.is_dir() || there.is_file()) || !is_own(&there) {
        return None;
    }
    let file = File::open(path).ok()?;
    (is_at(&file, path) && lock(&file) == Lock::Ours && is_at(&file, path)).then_some(file)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lock {
    Ours,
    Taken,
    /// The file system has none.
    Missing,
}

fn lock(file: &File) -> Lock {
    match file.try_lock() {
        Ok(()) => Lock::Ours,
        Err(TryLockError::WouldBlock) => Lock::Taken,
        Err(TryLockError::Error(_)) => Lock::Missing,
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let place = |data: Metadata| (data.dev(), data.ino());
    let (open, there) = (file.metadata().map(place), fs::symlink_metadata(path).map(place));
    matches!((open, there), (Ok(open), Ok(there)) if open == there)
}

#[cfg(unix)]
fn is_linked(data: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    data.nlink() > 0
}

#[cfg(unix)]
fn is_own(data: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    data.uid() == rustix::process::geteuid().as_raw()
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

// What is open is not removed there.
#[cfg(not(unix))]
fn is_linked(_: &Metadata) -> bool {
    true
}

#[cfg(not(unix))]
fn is_own(_: &Metadata) -> bool {
    true
}
