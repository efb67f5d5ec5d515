//! Brings the index up to date with the folders, as far as one query needs.

use super::disk::{in_parallel, meanwhile, stat};
use super::table::{KnownPart, KnownRun, Table};
use super::{Stamp, assemble};
use crate::entity::{Run, RunInfo};
use crate::store::file::document::{self, META, RunDocument};
use crate::store::file::folder::{self, Kind};
use crate::store::file::layout::{self, Layout};
use crate::{Error, ExperimentId, Result};
use rustix::fs::{CWD, Mode, OFlags, openat};
use std::collections::HashSet;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Below this many files one thread asks faster than two.
pub(super) const STATS_PER_THREAD_MIN: usize = 2_000;
/// Below this many runs one thread reads faster than two.
const RUNS_PER_THREAD_MIN: usize = 50;
/// New runs that are held in memory at a time.
const NEW_AT_ONCE: usize = 1_000;

/// The row of a run that the index could not take.
const NO_ROW: i64 = -1;

/// A run that may be an answer.
#[derive(Debug)]
pub(super) struct Candidate {
    row: i64,
    home: Arc<Home>,
    /// The name of its folder.
    pub(super) name: String,
    pub(super) info: RunInfo,
    /// The stamp by which the index knows `info`; `None` once it was compared.
    noted: Option<Stamp>,
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

    /// Returns the folder of the experiment.
    pub(super) fn home_path(&self) -> &Path {
        &self.home.path
    }

    /// Returns the folder of the experiment, open.
    pub(super) fn handle(&self) -> &OwnedFd {
        &self.home.handle
    }

    /// Settles where the run's artifacts are now.
    pub(super) fn settle(&mut self, layout: &Layout) {
        self.info.artifact_uri = layout.settle(&self.folder(), &self.info.artifact_uri);
    }

    pub(super) fn into_run(self) -> Run {
        match self.whole {
            // The run's own document was compared after the rest.
            Some(whole) => Run { info: self.info, ..whole },
            None => assemble(self.info, Vec::new()),
        }
    }
}

/// What a run has of one kind, by key, and folders with their stamps.
pub(super) type PartsOfKind = (Vec<(String, String)>, Vec<(String, Stamp)>);

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
        let known = self.table.runs(&below_root).map_err(unusable)?;
        let home = Arc::new(Home { path, handle });
        let (mut candidates, mut new) = (Vec::with_capacity(names.len()), Vec::new());
        for name in names {
            let (values, whole, home) = (Vec::new(), None, home.clone());
            if let Some(KnownRun { row, stamp, info }) = known.get(&name) {
                let (row, noted, info) = (*row, Some(*stamp), info.clone());
                candidates.push(Candidate { row, home, name, info, noted, values, whole });
            } else if let Some(stamp) = stat(&home.handle, &format!("{name}/{META}"))
                && let Some((row, info)) = self.read_run(&home.path.join(&name), stamp, id)
            {
                new.push(Candidate { row, home, name, info, noted: None, values, whole });
            }
        }
        if candidates.len() < known.len() {
            let here: HashSet<&str> = candidates.iter().map(|one| one.name.as_str()).collect();
            let gone = known.iter().filter(|(name, _)| !here.contains(name.as_str()));
            gone.for_each(|(_, gone)| self.forget(gone.row));
        }
        self.take_in(&new);
        candidates.append(&mut new);
        Ok(candidates)
    }

    /// Compares what the index says about runs with their documents: those that changed are read
    /// again, those that are gone are dropped.
    pub(super) fn verify(&mut self, candidates: &mut Vec<Candidate>) {
        let stamps = in_parallel(candidates, STATS_PER_THREAD_MIN, |one| {
            one.noted.and_then(|_| stat(&one.home.handle, &format!("{}/{META}", one.name)))
        });
        for (mut one, now) in std::mem::take(candidates).into_iter().zip(stamps) {
            let (noted, now) = match (one.noted.take(), now) {
                (None, _) => {
                    candidates.push(one);
                    continue;
                }
                (Some(_), None) => {
                    self.forget(one.row);
                    continue;
                }
                (Some(noted), Some(now)) => (noted, now),
            };
            if noted == now {
                candidates.push(one);
            } else if let Some((row, info)) =
                self.read_run(&one.folder(), now, &one.info.experiment_id.clone())
            {
                candidates.push(Candidate { row, info, ..one });
            }
        }
    }

    /// Reads what a run is.
    fn read_run(
        &mut self,
        folder: &Path,
        stamp: Stamp,
        id: &ExperimentId,
    ) -> Option<(i64, RunInfo)> {
        match read_info(folder) {
            Ok(Some(info)) if &info.experiment_id == id => {
                let below_root = folder.strip_prefix(&self.root).unwrap_or(folder);
                let row = self.note_run(&below_root.to_string_lossy(), stamp, &info);
                Some((row, info))
            }
            Ok(Some(_)) => {
                tracing::warn!(run = %folder.display(), "skipping a run of another experiment");
                None
            }
            Ok(None) => None,
            Err(error) => {
                tracing::warn!(%error, run = %folder.display(), "skipping a run");
                None
            }
        }
    }

    /// Reads all of the runs that the index sees for the first time, so that a later search for any
    /// key of theirs reads nothing.
    fn take_in(&mut self, new: &[Candidate]) {
        for some in new.chunks(NEW_AT_ONCE) {
            let parts = in_parallel(some, RUNS_PER_THREAD_MIN, read_parts);
            for (candidate, parts) in some.iter().zip(parts) {
                for (kind, key, stamp, text) in parts {
                    self.note_part(candidate.row, (kind, &key), stamp, &text);
                }
            }
        }
    }

    /// Notes a part of a run, when the index can be written.
    fn note_part(&mut self, row: i64, (kind, key): (Kind, &str), stamp: Stamp, text: &str) {
        let part = (self.settled(stamp), text);
        if self.writing
            && let Err(error) = self.table.put_part(row, kind, key, part)
        {
            self.read_only(&error);
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
        let file = kind.file(key);
        let ask = |one: &Candidate| stat(&one.home.handle, &format!("{}/{file}", one.name));
        let (stamps, known) = meanwhile(
            || in_parallel(candidates, STATS_PER_THREAD_MIN, ask),
            || self.table.values(kind, key).map_err(unusable),
        );
        let mut known = known?;
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

    /// Reads all that a run has of one kind, as far as it is not known, and lists the folders below
    /// the one that holds it.
    pub(super) fn parts_of(&mut self, candidate: &Candidate, kind: Kind) -> Result<PartsOfKind> {
        let mut known = self.table.parts(candidate.row).map_err(unusable)?;
        let folder = candidate.folder();
        let (keys, folders) = folder::keys_and_folders(&folder, kind)?;
        let mut parts = Vec::with_capacity(keys.len());
        for key in keys {
            let path = format!("{}/{}", candidate.name, kind.file(&key));
            let stamp = stat(&candidate.home.handle, &path);
            let known = known.remove(&(kind as u8, key.clone()));
            let text = self.part(&folder, candidate.row, (kind, &key), stamp, known)?;
            parts.extend(text.map(|text| (key, text)));
        }
        let stamped = |name: String| {
            let path = format!("{}/{name}", kind.folder());
            let stamp = stat(&candidate.home.handle, &format!("{}/{path}", candidate.name));
            (path, stamp.unwrap_or(Stamp::NONE))
        };
        Ok((parts, folders.into_iter().map(stamped).collect()))
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
                let text = folder::read_value(folder, kind, key)?;
                match &text {
                    Some(text) => self.note_part(row, (kind, key), stamp, text),
                    None => self.drop_part(row, kind, key),
                }
                Ok(text)
            }
        }
    }

    fn forget(&mut self, row: i64) {
        if self.writing
            && let Err(error) = self.table.remove_run(row)
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
        tracing::debug!(%error, "cannot write the index");
        self.writing = false;
    }

    /// A file that may still be changing gets a stamp that fits nothing.
    pub(super) fn settled(&self, stamp: Stamp) -> Stamp {
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
        let tag = folder::read_value(folder, Kind::Tag, crate::rules::tag::RUN_NAME)?;
        info.run_name = tag.unwrap_or_default();
    }
    Ok(Some(info))
}

/// Reads all of a run; what cannot be read is left to the search that needs it.
fn read_parts(candidate: &Candidate) -> Vec<(Kind, String, Stamp, String)> {
    let folder = candidate.folder();
    let mut parts = Vec::new();
    for kind in Kind::ALL {
        for key in folder::keys(&folder, kind).unwrap_or_default() {
            let path = format!("{}/{}", candidate.name, kind.file(&key));
            let stamp = stat(&candidate.home.handle, &path);
            let text = folder::read_value(&folder, kind, &key).unwrap_or_default();
            if let (Some(stamp), Some(text)) = (stamp, text) {
                parts.push((kind, key, stamp, text));
            }
        }
    }
    parts
}

fn unusable(error: rusqlite::Error) -> Error {
    Error::backend("cannot use the index `.mlctl.db`", error)
}
