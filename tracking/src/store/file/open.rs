//! Metric files that are being logged to, held open: a point is then a look at the run's document
//! and one `write`.
//!
//! Whatever is not as it was (the document, the file, its last line) is left to the long way,
//! which opens everything anew. Many may append this way at the same time, under a shared lock of
//! the run's folder; the long way locks it for itself, so that it never takes a line that is being
//! written for one that was torn.

use super::document::META;
use super::line;
use super::write::{failed, open_to_append};
use crate::entity::Metric;
use crate::{Key, Result, RunId};
use rustix::fs::{AtFlags, FlockOperation, Stat, flock, statat};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

/// Runs whose files are held open, and files of each: together well below the usual 1024.
const RUNS_MAX: usize = 32;
const FILES_PER_RUN_MAX: usize = 16;

/// The open files of a store.
#[derive(Debug, Default)]
pub(super) struct OpenRuns(Mutex<HashMap<RunId, Arc<Mutex<OpenRun>>>>);

#[derive(Debug)]
struct OpenRun {
    folder: File,
    stamp: Stamp,
    metrics: HashMap<Key, File>,
}

/// Tells one state of a run's document from another: inode, change time, size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    inode: u64,
    changed_s: i64,
    changed_ns: i64,
    bytes: i64,
}

impl Stamp {
    /// Takes the stamp of the document in a folder; `None` when there is none.
    pub(super) fn of_document(folder: &Path) -> Option<Self> {
        rustix::fs::stat(folder.join(META)).ok().map(Self::from)
    }
}

impl From<Stat> for Stamp {
    fn from(stat: Stat) -> Self {
        Self {
            inode: stat.st_ino,
            changed_s: stat.st_ctime,
            changed_ns: stat.st_ctime_nsec.cast_signed(),
            bytes: stat.st_size,
        }
    }
}

impl OpenRuns {
    /// Appends a point to an open file; `false` when that cannot be done this way.
    pub(super) fn append(&self, id: &RunId, metric: &Metric) -> Result<bool> {
        let Some(run) = self.all().get(id).cloned() else { return Ok(false) };
        let done = {
            let run = run.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(file) = run.metrics.get(&metric.key) else { return Ok(false) };
            run.append(file, metric)
        };
        match done {
            Ok(true) => Ok(true),
            Ok(false) => {
                self.forget(id);
                Ok(false)
            }
            Err(error) => Err(failed(Path::new(metric.key.as_str()), error)),
        }
    }

    /// Opens a file for the points to come. `stamp` is that of a document by which the run is
    /// active.
    pub(super) fn keep(&self, id: &RunId, folder: &Path, stamp: Stamp, (key, file): (&Key, &Path)) {
        let Ok(file) = open_to_append(folder, file) else { return };
        let Ok(folder) = File::open(folder) else { return };
        let mut runs = self.all();
        if runs.len() >= RUNS_MAX && !runs.contains_key(id) {
            runs.clear();
        }
        let fresh = || Arc::new(Mutex::new(OpenRun { folder, stamp, metrics: HashMap::new() }));
        let run = runs.entry(id.clone()).or_insert_with(fresh).clone();
        drop(runs);
        // The caller has locked the folder. Whoever appends the short way has this mutex and waits
        // for the folder: waiting for them here would be for ever.
        let mut run = match run.try_lock() {
            Ok(run) => run,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        if run.metrics.len() >= FILES_PER_RUN_MAX {
            run.metrics.clear();
        }
        run.metrics.insert(key.clone(), file);
    }

    /// Closes the files of a run.
    pub(super) fn forget(&self, id: &RunId) {
        self.all().remove(id);
    }

    fn all(&self) -> MutexGuard<'_, HashMap<RunId, Arc<Mutex<OpenRun>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenRun {
    /// Appends a point; `false` when something is not as it was.
    fn append(&self, mut file: &File, metric: &Metric) -> io::Result<bool> {
        let _held = Held::shared(&self.folder)?;
        // Under the lock: whoever deletes the run waits, or has changed the document.
        let stamp = statat(&self.folder, META, AtFlags::empty()).map(Stamp::from);
        if stamp != Ok(self.stamp) || !is_whole(file)? {
            return Ok(false);
        }
        let mut text = String::with_capacity(64);
        line::append_point(metric, &mut text);
        file.write_all(text.as_bytes())?;
        Ok(true)
    }
}

/// Tells whether a file is still in its folder and ends with a whole line.
fn is_whole(file: &File) -> io::Result<bool> {
    let meta = file.metadata()?;
    let mut last = [0];
    Ok(meta.nlink() > 0
        && (meta.len() == 0 || (file.read_at(&mut last, meta.len() - 1)? == 1 && last[0] == b'\n')))
}

/// A lock on a handle that outlives it.
struct Held<'a>(&'a File);

impl<'a> Held<'a> {
    fn shared(file: &'a File) -> io::Result<Self> {
        use rustix::io::Errno;
        match flock(file, FlockOperation::LockShared) {
            // A file system without locks goes without.
            Ok(()) | Err(Errno::NOSYS | Errno::OPNOTSUPP | Errno::NOLCK | Errno::BADF) => {
                Ok(Self(file))
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // What was locked can be unlocked.
        let _ = flock(self.0, FlockOperation::Unlock);
    }
}
