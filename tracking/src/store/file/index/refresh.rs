//! Brings the index up to date with the folders, as far as one query needs.

use super::table::{KnownPart, KnownRun, Table};
use super::{Stamp, assemble};
use crate::entity::{Run, RunInfo};
use crate::store::file::document::{self, META, RunDocument};
use crate::store::file::folder::{self, Kind};
use crate::store::file::layout::{self, Layout};
use crate::{Error, ExperimentId, Result};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, statat};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Below this many files one thread asks faster than two.
const STATS_PER_THREAD_MIN: usize = 2_000;

/// The row of a run that the index could not take.
const NO_ROW: i64 = -1;

/// A run that may be an answer.
#[derive(Debug)]
pub(super) struct Candidate {
    row: i64,
    home: Arc<Home>,
    name: String,
    pub(super) info: RunInfo,
    /// What the query looks at, in the order of its fields.
    pub(super) values: Vec<Option<String>>,
    /// All of it, once it was compared in whole.
    pub(super) whole: Option<Run>,
}

/// An experiment's folder, held open so that asking for a file below it is cheap.
#[derive(Debug)]
struct Home {
    path: PathBuf,
    handle: OwnedFd,
}

impl Candidate {
    fn folder(&self) -> PathBuf {
        self.home.path.join(&self.name)
    }

    pub(super) fn into_run(self) -> Run {
        self.whole.unwrap_or_else(|| assemble(self.info, Vec::new()))
    }
}

/// One query's work on the index, in one transaction.
pub(super) struct Refresh<'a> {
    table: &'a Table,
    root: PathBuf,
    /// A file that changed since gets no stamp.
    settled_before_ns: i64,
    writing: bool,
}

impl<'a> Refresh<'a> {
    pub(super) fn begin(table: &'a Table, root: &Path, settled: Duration) -> Result<Self> {
        table.connection().execute_batch("BEGIN DEFERRED").map_err(unusable)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let quiet_since = now.saturating_sub(settled);
        let settled_before_ns = i64::try_from(quiet_since.as_nanos()).unwrap_or(i64::MAX);
        Ok(Self { table, root: root.to_owned(), settled_before_ns, writing: true })
    }

    /// Ends the transaction; a cache that cannot be written is none the worse.
    pub(super) fn commit(&mut self) {
        if let Err(error) = self.table.connection().execute_batch("COMMIT") {
            tracing::debug!(%error, "the index was not updated");
            let _ = self.table.connection().execute_batch("ROLLBACK");
        }
    }

    /// Lists the runs of an experiment.
    pub(super) fn runs(&mut self, layout: &Layout, id: &ExperimentId) -> Result<Vec<Candidate>> {
        let Ok(path) = layout.experiment(id) else { return Ok(Vec::new()) };
        let handle = openat(CWD, &path, OFlags::DIRECTORY | OFlags::RDONLY, Mode::empty());
        let handle = handle.map_err(|error| {
            Error::backend(format!("cannot open `{}`", path.display()), std::io::Error::from(error))
        })?;
        let names = layout::run_names(&path)?;
        let below_root =
            path.strip_prefix(&self.root).unwrap_or(&path).to_string_lossy().into_owned();
        let mut known = self.table.runs(&below_root).map_err(unusable)?;
        let home = Arc::new(Home { path, handle });
        let stamps = stamps(&names, |name| (&home, format!("{name}/{META}")));
        let mut candidates = Vec::with_capacity(names.len());
        for (name, stamp) in names.into_iter().zip(stamps) {
            let known = known.remove(&name);
            let Some(stamp) = stamp else {
                self.forget(known);
                continue;
            };
            let folder = format!("{below_root}/{name}");
            if let Some((row, info)) = self.run(layout, &folder, stamp, known, id) {
                let home = home.clone();
                candidates.push(Candidate {
                    row,
                    home,
                    name,
                    info,
                    values: Vec::new(),
                    whole: None,
                });
            }
        }
        known.into_values().for_each(|gone| self.forget(Some(gone)));
        Ok(candidates)
    }

    /// Settles what a run is: as the index knows it, or read again.
    fn run(
        &mut self,
        layout: &Layout,
        below_root: &str,
        stamp: Stamp,
        known: Option<KnownRun>,
        id: &ExperimentId,
    ) -> Option<(i64, RunInfo)> {
        let folder = layout.root().join(below_root);
        if let Some(mut known) = known
            && known.stamp == stamp
        {
            known.info.artifact_uri = layout.settle(&folder, &known.info.artifact_uri);
            return Some((known.row, known.info));
        }
        match read_info(&folder) {
            Ok(Some(info)) if &info.experiment_id == id => {
                let row = self.note_run(below_root, stamp, &info);
                let artifact_uri = layout.settle(&folder, &info.artifact_uri);
                Some((row, RunInfo { artifact_uri, ..info }))
            }
            Ok(Some(_)) => {
                tracing::warn!(run = %folder.display(), "a run of another experiment is skipped");
                None
            }
            Ok(None) => None,
            Err(error) => {
                tracing::warn!(%error, run = %folder.display(), "a run is skipped");
                None
            }
        }
    }

    /// Notes a run and returns its row; without writing, one that no run has.
    fn note_run(&mut self, below_root: &str, stamp: Stamp, info: &RunInfo) -> i64 {
        if !self.writing {
            return NO_ROW;
        }
        let noted = self.table.put_run(below_root, self.settled(stamp), info);
        noted.unwrap_or_else(|error| {
            self.read_only(&error);
            NO_ROW
        })
    }

    /// Adds one key's value to every candidate.
    pub(super) fn values(
        &mut self,
        candidates: &mut [Candidate],
        kind: Kind,
        key: &str,
    ) -> Result<()> {
        let mut known = self.table.values(kind, key).map_err(unusable)?;
        let file = kind.file(key);
        let stamps = stamps(candidates, |one| (&one.home, format!("{}/{file}", one.name)));
        for (candidate, stamp) in candidates.iter_mut().zip(stamps) {
            let known = known.remove(&candidate.row);
            let folder = candidate.folder();
            let text = self.part(&folder, candidate.row, (kind, key), stamp, known)?;
            candidate.values.push(text);
        }
        Ok(())
    }

    /// Compares runs in whole with their folders.
    pub(super) fn wholes(&mut self, candidates: &mut [Candidate]) -> Result<()> {
        for candidate in candidates.iter_mut().filter(|candidate| candidate.whole.is_none()) {
            let mut known = self.table.parts(candidate.row).map_err(unusable)?;
            let folder = candidate.folder();
            let mut parts = Vec::new();
            for kind in Kind::ALL {
                for key in folder::keys(&folder, kind)? {
                    let path = format!("{}/{}", candidate.name, kind.file(&key));
                    let stamp = stat(&candidate.home.handle, &path);
                    let known = known.remove(&(kind as u8, key.clone()));
                    let text = self.part(&folder, candidate.row, (kind, &key), stamp, known)?;
                    parts.extend(text.map(|text| (kind, key, text)));
                }
            }
            for (kind, key) in known.into_keys() {
                if let Some(kind) = Kind::ALL.get(usize::from(kind)) {
                    self.drop_part(candidate.row, *kind, &key);
                }
            }
            candidate.whole = Some(assemble(candidate.info.clone(), parts));
        }
        Ok(())
    }

    /// Settles one part of a run: as the index knows it, read again, or gone.
    fn part(
        &mut self,
        folder: &Path,
        row: i64,
        (kind, key): (Kind, &str),
        stamp: Option<Stamp>,
        known: Option<KnownPart>,
    ) -> Result<Option<String>> {
        match (stamp, known) {
            (Some(stamp), Some(known)) if known.stamp == stamp => Ok(Some(known.text)),
            (None, None) => Ok(None),
            (None, Some(_)) => {
                self.drop_part(row, kind, key);
                Ok(None)
            }
            (Some(stamp), _) => {
                let text = folder::read(folder, kind, key)?;
                match &text {
                    Some(text) if self.writing => {
                        let part = (self.settled(stamp), text.as_str());
                        if let Err(error) = self.table.put_part(row, kind, key, part) {
                            self.read_only(&error);
                        }
                    }
                    Some(_) => {}
                    None => self.drop_part(row, kind, key),
                }
                Ok(text)
            }
        }
    }

    fn forget(&mut self, known: Option<KnownRun>) {
        if let Some(known) = known
            && self.writing
            && let Err(error) = self.table.remove_run(known.row)
        {
            self.read_only(&error);
        }
    }

    fn drop_part(&mut self, row: i64, kind: Kind, key: &str) {
        if self.writing
            && let Err(error) = self.table.remove_part(row, kind, key)
        {
            self.read_only(&error);
        }
    }

    /// Goes on without writing.
    fn read_only(&mut self, error: &rusqlite::Error) {
        tracing::debug!(%error, "the index cannot be written");
        self.writing = false;
    }

    /// A file that may still be changing gets a stamp that fits nothing.
    fn settled(&self, stamp: Stamp) -> Stamp {
        if stamp.changed < self.settled_before_ns { stamp } else { Stamp::NONE }
    }
}

impl Drop for Refresh<'_> {
    fn drop(&mut self) {
        if !self.table.connection().is_autocommit() {
            let _ = self.table.connection().execute_batch("ROLLBACK");
        }
    }
}

/// Reads what a run's folder says about it.
fn read_info(folder: &Path) -> Result<Option<RunInfo>> {
    let Some(document) = document::read::<RunDocument>(folder)? else { return Ok(None) };
    let mut info = document.entity(folder)?;
    if info.run_name.is_empty() {
        // Versions before 1.30 had the tag only.
        let tag = folder::read(folder, Kind::Tag, crate::rules::tag::RUN_NAME)?;
        info.run_name = tag.unwrap_or_default();
    }
    Ok(Some(info))
}

/// Asks for the stamps of many files, on as many threads as pay.
fn stamps<'a, T: Sync>(
    items: &'a [T],
    file: impl Fn(&'a T) -> (&'a Arc<Home>, String) + Sync,
) -> Vec<Option<Stamp>> {
    let ask = |items: &'a [T]| -> Vec<Option<Stamp>> {
        let stamps = items.iter().map(|item| {
            let (home, path) = file(item);
            stat(&home.handle, &path)
        });
        stamps.collect()
    };
    let threads = thread::available_parallelism().map_or(1, usize::from).min(8);
    let per_thread = items.len().div_ceil(threads).max(STATS_PER_THREAD_MIN);
    if items.len() <= per_thread {
        return ask(items);
    }
    thread::scope(|scope| {
        let parts: Vec<_> =
            items.chunks(per_thread).map(|part| scope.spawn(|| ask(part))).collect();
        let joined = parts.into_iter().map(|part| part.join().unwrap_or_default());
        joined.flatten().collect()
    })
}

fn stat(home: &impl AsFd, path: &str) -> Option<Stamp> {
    let stat = statat(home, path, AtFlags::empty()).ok()?;
    let changed = stat.st_ctime.wrapping_mul(1_000_000_000).wrapping_add(stat.st_ctime_nsec as i64);
    Some(Stamp { changed, bytes: stat.st_size })
}

fn unusable(error: rusqlite::Error) -> Error {
    Error::backend("cannot use the index `.mlctl.db`", error)
}
