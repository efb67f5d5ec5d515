//! Changes of files that other processes read, and that can be taken back.
//!
//! A whole file is replaced by a rename. A metric file is appended to under a lock, by one `write`
//! of whole lines; a line that a killed process left torn is cut off first. Temporary files lie in
//! the run's own folder, where MLflow looks at folders only. Folders are made inside of the run's
//! only: what another process moved away is not made again.

use super::beneath::Folder;
use crate::{Error, Result};
use mlctl_scratch::{Access, Kind};
use rustix::fs::{FlockOperation, OFlags, flock};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// The names of files that are about to replace another.
pub const UNFINISHED: Kind = Kind { prefix: ".mlctl-", suffix: ".tmp" };

/// Several changes that are taken back unless [`Changes::keep`] is called.
#[derive(Debug, Default)]
pub(super) struct Changes(Vec<Undo>);

#[derive(Debug)]
enum Undo {
    Truncate { path: PathBuf, folder: PathBuf, from: u64, to: u64 },
    Remove { path: PathBuf, folder: PathBuf },
    Restore { path: PathBuf, folder: PathBuf, content: Vec<u8> },
}

impl Changes {
    /// Appends whole lines to a file somewhere in `folder`.
    pub(super) fn append(&mut self, folder: &Path, path: PathBuf, lines: &str) -> Result<()> {
        let (from, to) = append(folder, &path, lines)?;
        self.0.push(Undo::Truncate { path, folder: folder.to_owned(), from, to });
        Ok(())
    }

    /// Makes a file that does not exist; tells whether it did.
    pub(super) fn create(&mut self, folder: &Path, path: PathBuf, content: &str) -> Result<bool> {
        if !create(folder, &path, content)? {
            return Ok(false);
        }
        self.0.push(Undo::Remove { path, folder: folder.to_owned() });
        Ok(true)
    }

    /// Replaces a file, or makes it.
    pub(super) fn replace(&mut self, folder: &Path, path: PathBuf, content: &str) -> Result<()> {
        let before =
            Folder::open(folder).and_then(|open| open.read(below(folder, &path), u64::MAX - 1));
        replace(folder, &path, content)?;
        let folder = folder.to_owned();
        self.0.push(match before {
            Ok(content) => Undo::Restore { path, folder, content },
            Err(_) => Undo::Remove { path, folder },
        });
        Ok(())
    }

    /// Makes the changes final.
    pub(super) fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        for undo in self.0.drain(..).rev() {
            if let Err(error) = undo.run() {
                tracing::warn!(%error, "cannot undo a part of a refused batch");
            }
        }
    }
}

impl Undo {
    fn run(self) -> Result<()> {
        match self {
            Self::Remove { path, folder } => {
                remove_file(&folder, &path).map_err(|error| failed(&path, error))
            }
            Self::Restore { path, folder, content } => {
                replace_bytes(&folder, &path, &content).map_err(|error| failed(&path, error))
            }
            Self::Truncate { path, folder, from, to } => truncate(&folder, &path, from, to),
        }
    }
}

/// Locks a folder until the file is dropped: others who change something in it wait. A file system
/// without locks goes without.
pub(super) fn lock_folder(folder: &Path) -> io::Result<File> {
    let handle = File::open(folder)?;
    hold(&handle)?;
    Ok(handle)
}

/// Replaces `path` by a file with `content`, through a temporary file in `folder`.
pub(super) fn replace(folder: &Path, path: &Path, content: &str) -> Result<()> {
    replace_bytes(folder, path, content.as_bytes()).map_err(|error| failed(path, error))
}

/// Makes `path` with `content` unless it exists; tells whether it was made.
pub(super) fn create(folder: &Path, path: &Path, content: &str) -> Result<bool> {
    let made = in_parent(folder, path, |parent, name| {
        let temporary = temporary(folder, content.as_bytes())?;
        match parent.take_new(temporary.path(), name) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    });
    made.map_err(|error| failed(path, error))
}

/// Removes a file somewhere in `folder`; one that does not exist is the failure that `missing`
/// makes.
pub(super) fn remove(folder: &Path, path: &Path, missing: impl FnOnce() -> Error) -> Result<()> {
    match remove_file(folder, path) {
        Ok(()) => Ok(()),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Err(missing())
        }
        Err(error) => Err(failed(path, error)),
    }
}

fn remove_file(folder: &Path, path: &Path) -> io::Result<()> {
    let below = below(folder, path);
    let parent = Folder::open(folder)?.below(below.parent().unwrap_or(Path::new("")))?;
    parent.remove(below.file_name().unwrap_or_default())
}

/// Makes a folder and those above it.
pub(super) fn make_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|error| failed(path, error))
}

/// Makes a folder, whose parent must be there, unless it exists.
pub(super) fn make_one_folder(path: &Path) -> Result<()> {
    make_if_missing(path).map_err(|error| failed(path, error))
}

fn make_if_missing(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Says that writing `path` failed, and why in words of this store.
pub(super) fn failed(path: &Path, error: io::Error) -> Error {
    let why = match error.kind() {
        ErrorKind::NotADirectory | ErrorKind::IsADirectory | ErrorKind::AlreadyExists => {
            return unusable(path, "another key is stored as a file where this one needs a folder");
        }
        ErrorKind::InvalidFilename => {
            return unusable(path, "it is too long for a file name: at most 255 bytes");
        }
        ErrorKind::NotFound => ": it was moved or deleted meanwhile",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            let doing = format!("cannot write `{}`", path.display());
            return Error::NoSpace { doing, source: error.into() };
        }
        ErrorKind::ReadOnlyFilesystem => ": the file system is read-only",
        ErrorKind::PermissionDenied => ": permission denied",
        _ => "",
    };
    Error::backend(format!("cannot write `{}`{why}", path.display()), error)
}

fn unusable(path: &Path, rule: &'static str) -> Error {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    Error::invalid("key", &name, rule)
}

fn replace_bytes(folder: &Path, path: &Path, content: &[u8]) -> io::Result<()> {
    in_parent(folder, path, |parent, name| {
        let temporary = temporary(folder, content)?.into_temp_path();
        parent.take(&temporary, name)?;
        // It has its name now: nothing is left to clean up.
        temporary.keep().map(drop).map_err(|refusal| refusal.error)
    })
}

fn temporary(folder: &Path, content: &[u8]) -> io::Result<NamedTempFile> {
    // As open(2) would: readable by whomever the umask lets.
    let mut file = mlctl_scratch::draft(folder, UNFINISHED, Access::Umask)?;
    file.write_all(content)?;
    Ok(file)
}

/// Does `work` in the folder that holds `path`, with its name there. The folders between `folder`,
/// which must be there, and `path` are made when they are missing; links are not followed.
fn in_parent<T>(
    folder: &Path,
    path: &Path,
    work: impl FnOnce(&Folder, &OsStr) -> io::Result<T>,
) -> io::Result<T> {
    let below = below(folder, path);
    let parent = Folder::open(folder)?.make_parent(below)?;
    work(&parent, below.file_name().unwrap_or_default())
}

/// Makes a path that lies in `folder` relative to it.
fn below<'p>(folder: &Path, path: &'p Path) -> &'p Path {
    path.strip_prefix(folder).unwrap_or(path)
}

/// Appends `lines` and returns the file's size before and after.
fn append(folder: &Path, path: &Path, lines: &str) -> Result<(u64, u64)> {
    let write = || {
        let mut file = open_locked(folder, path)?;
        let size = cut_torn_line(&file, path)?;
        if let Err(error) = file.write_all(lines.as_bytes()) {
            // Whoever appends meanwhile waits for the lock, so the tail is ours.
            let _ = file.set_len(size);
            return Err(error);
        }
        Ok((size, size + lines.len() as u64))
    };
    write().map_err(|error| failed(path, error))
}

/// Opens a file for appending, alone.
fn open_locked(folder: &Path, path: &Path) -> io::Result<File> {
    loop {
        let file = in_parent(folder, path, |parent, name| {
            parent.file(name, OFlags::RDWR | OFlags::APPEND | OFlags::CREATE)
        })?;
        hold(&file)?;
        // Who held the lock before may have taken the file away.
        if file.metadata()?.nlink() > 0 {
            return Ok(file);
        }
    }
}

/// Opens a file that is there, for reading and appending.
pub(super) fn open_to_append(folder: &Path, path: &Path) -> io::Result<File> {
    in_parent(folder, path, |parent, name| parent.file(name, OFlags::RDWR | OFlags::APPEND))
}

/// Takes a lock; a file system without locks goes without.
fn hold(file: &File) -> io::Result<()> {
    use rustix::io::Errno;
    match flock(file, FlockOperation::LockExclusive) {
        Ok(()) | Err(Errno::NOSYS | Errno::OPNOTSUPP | Errno::NOLCK | Errno::BADF) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The most bytes of a line that a killed process left torn.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// Cuts what follows the last line's end, and returns the size that is left.
fn cut_torn_line(file: &File, path: &Path) -> io::Result<u64> {
    let size = file.metadata()?.len();
    let mut last = [0];
    if size == 0 || (file.read_at(&mut last, size - 1)? == 1 && last[0] == b'\n') {
        return Ok(size);
    }
    let begin = size.saturating_sub(LINE_BYTES_MAX);
    let mut end = vec![0; usize::try_from(size - begin).unwrap_or(0)];
    file.read_exact_at(&mut end, begin)?;
    let at = match end.iter().rposition(|byte| *byte == b'\n') {
        Some(at) => at + 1,
        None if begin == 0 => 0,
        None => return Err(io::Error::new(ErrorKind::InvalidData, "its last line has no end")),
    };
    let whole = begin + at as u64;
    let torn = String::from_utf8_lossy(&end[at..]);
    tracing::warn!(file = %path.display(), %torn, "removed an unfinished line");
    file.set_len(whole)?;
    Ok(whole)
}

/// Takes an append back, unless somebody appended after it.
fn truncate(folder: &Path, path: &Path, from: u64, to: u64) -> Result<()> {
    let cut = || {
        let file = open_to_append(folder, path)?;
        hold(&file)?;
        if file.metadata()?.len() == to {
            if from == 0 { remove_file(folder, path)? } else { file.set_len(from)? }
        }
        Ok(())
    };
    cut().map_err(|error| failed(path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_line_is_cut_off_by_the_next_append() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("loss");
        fs::write(&path, "1 0.5 0\n2 0.2").unwrap();

        append(folder.path(), &path, "3 0.1 2\n").unwrap();

        assert_eq!(fs::read_to_string(&path).unwrap(), "1 0.5 0\n3 0.1 2\n");
    }

    #[test]
    fn changes_that_are_not_kept_are_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("old"), "1\n").unwrap();
        fs::write(at("tag"), "before").unwrap();
        let mut changes = Changes::default();
        changes.append(folder.path(), at("old"), "2\n").unwrap();
        changes.append(folder.path(), at("deep/new"), "1\n").unwrap();
        changes.replace(folder.path(), at("tag"), "after").unwrap();
        assert!(changes.create(folder.path(), at("param"), "x").unwrap());
        assert!(!changes.create(folder.path(), at("tag"), "x").unwrap());

        drop(changes);

        assert_eq!(fs::read_to_string(at("old")).unwrap(), "1\n");
        assert_eq!(fs::read_to_string(at("tag")).unwrap(), "before");
        assert!(!at("deep/new").exists() && !at("param").exists());
    }

    #[test]
    fn a_folder_that_was_moved_away_is_not_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let gone = folder.path().join("gone");
        let error = append(&gone, &gone.join("metrics/loss"), "1 0.5 0\n").unwrap_err();
        assert!(error.to_string().contains("moved or deleted meanwhile"), "{error}");
        assert!(!gone.exists());
    }

    #[test]
    fn eight_threads_append_whole_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("loss");
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (folder, path) = (folder.path(), &path);
                scope.spawn(move || {
                    for step in 0..200 {
                        let line = format!("{step} 0.{thread} {step}\n");
                        append(folder, path, &line).unwrap();
                    }
                });
            }
        });
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 1600);
        assert!(text.lines().all(|line| line.split(' ').count() == 3));
    }
}
