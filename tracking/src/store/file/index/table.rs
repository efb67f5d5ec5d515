//! The tables of the index: rows in and out, no file of a run is touched here.

use super::{FILE, Stamp, exists};
use crate::entity::{LifecycleStage, RunInfo, RunStatus};
use crate::store::file::folder::Kind;
use crate::{ExperimentId, RunId};
use rusqlite::{Connection, Result, Row, params};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Number of the schema; another number in a file means that the file is made anew.
const VERSION: i64 = 1;

/// How long a search waits for another process; then it goes on without writing, or in memory.
const BUSY_MAX: Duration = Duration::from_secs(2);

/// The open database.
#[derive(Debug)]
pub(super) struct Table {
    connection: Connection,
    in_memory: bool,
    /// The runs that were read last, by the folders of experiments.
    read: RefCell<HashMap<String, (State, KnownRuns)>>,
    /// How many changes of runs were made here.
    changes: Cell<u64>,
}

/// The runs of an experiment, by the names of their folders.
pub(super) type KnownRuns = Arc<HashMap<String, KnownRun>>;

/// What differs once the runs may have changed: a number that changes with every commit of others,
/// and the number of our own changes.
type State = (i64, u64);

/// Runs that are kept between searches: reading them again takes longer than all else.
const RUNS_KEPT_MAX: usize = 50_000;

/// A run as the index knows it.
#[derive(Debug)]
pub(super) struct KnownRun {
    pub(super) row: i64,
    pub(super) stamp: Stamp,
    pub(super) info: RunInfo,
}

/// A part of a run as the index knows it.
#[derive(Debug)]
pub(super) struct KnownPart {
    pub(super) stamp: Stamp,
    pub(super) text: String,
}

impl Table {
    /// Opens the index, or makes it; falls back to one in memory.
    pub(super) fn open(path: &Path) -> Self {
        match open_file(path) {
            Ok(connection) => Self::of(connection, false),
            Err(error) => {
                tracing::debug!(%error, "the index is not usable; creating a new one");
                Self::anew(path)
            }
        }
    }

    /// Throws the index away and makes an empty one; falls back to one in memory.
    pub(super) fn anew(path: &Path) -> Self {
        for suffix in ["", "-journal"] {
            let _ = fs::remove_file(format!("{}{suffix}", path.display()));
        }
        match open_file(path) {
            Ok(connection) => Self::of(connection, false),
            Err(error) => {
                tracing::debug!(%error, "cannot use an index on disk; searching with one in \
                                         memory");
                Self::of(open_memory(), true)
            }
        }
    }

    fn of(connection: Connection, in_memory: bool) -> Self {
        Self { connection, in_memory, read: RefCell::default(), changes: Cell::default() }
    }

    /// Tells whether the file that is open still lies in the store.
    pub(super) fn is_in_place(&self, root: &Path) -> bool {
        self.in_memory || exists(&root.join(FILE))
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Returns the runs of an experiment's folder, which are read when they may have changed.
    pub(super) fn runs(&self, experiment_folder: &str) -> Result<KnownRuns> {
        let version = self
            .connection
            .prepare_cached("PRAGMA data_version")?
            .query_row([], |row| row.get(0))?;
        let state = (version, self.changes.get());
        let mut read = self.read.borrow_mut();
        if let Some((known, runs)) = read.get(experiment_folder)
            && *known == state
        {
            return Ok(runs.clone());
        }
        let runs = Arc::new(self.read_runs(experiment_folder)?);
        read.remove(experiment_folder);
        if read.values().map(|(_, runs)| runs.len()).sum::<usize>() + runs.len() > RUNS_KEPT_MAX {
            read.clear();
        }
        if runs.len() <= RUNS_KEPT_MAX {
            read.insert(experiment_folder.to_owned(), (state, runs.clone()));
        }
        Ok(runs)
    }

    fn read_runs(&self, experiment_folder: &str) -> Result<HashMap<String, KnownRun>> {
        // The folders of one experiment are neighbours in the order of the unique index.
        let mut statement = self.connection.prepare_cached(
            "SELECT id, folder, changed, bytes, run_id, run_name, experiment_id, user_id, status,
                    start_time, end_time, artifact_uri, deleted
             FROM run WHERE folder > ?1 || '/' AND folder < ?1 || '0'",
        )?;
        let mut rows = statement.query([experiment_folder])?;
        let mut runs = HashMap::new();
        while let Some(row) = rows.next()? {
            let folder: &str = row.get_ref(1)?.as_str()?;
            let name = folder.rsplit('/').next().unwrap_or_default().to_owned();
            if let Some(run) = known_run(row)? {
                runs.insert(name, run);
            }
        }
        Ok(runs)
    }

    /// Notes a run and returns its row.
    pub(super) fn put_run(&self, folder: &str, stamp: Stamp, info: &RunInfo) -> Result<i64> {
        self.changes.set(self.changes.get() + 1);
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO run (folder, changed, bytes, run_id, run_name, experiment_id, user_id,
                              status, start_time, end_time, artifact_uri, deleted)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
             ON CONFLICT (folder) DO UPDATE SET changed = ?2, bytes = ?3, run_id = ?4,
                 run_name = ?5, experiment_id = ?6, user_id = ?7, status = ?8, start_time = ?9,
                 end_time = ?10, artifact_uri = ?11, deleted = ?12
             RETURNING id",
        )?;
        let row = params![
            folder,
            stamp.changed,
            stamp.bytes,
            info.run_id.as_str(),
            info.run_name,
            info.experiment_id.as_str(),
            info.user_id,
            info.status.number(),
            info.start_time,
            info.end_time,
            info.artifact_uri,
            info.lifecycle_stage == LifecycleStage::Deleted,
        ];
        statement.query_row(row, |row| row.get(0))
    }

    /// Forgets a run.
    pub(super) fn remove_run(&self, row: i64) -> Result<()> {
        self.changes.set(self.changes.get() + 1);
        self.connection.prepare_cached("DELETE FROM part WHERE run = ?1")?.execute([row])?;
        self.connection.prepare_cached("DELETE FROM run WHERE id = ?1")?.execute([row])?;
        Ok(())
    }

    /// Reads one key of all runs, by their rows.
    pub(super) fn values(&self, kind: Kind, key: &str) -> Result<HashMap<i64, KnownPart>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT run, changed, bytes, text FROM part WHERE kind = ?1 AND key = ?2",
        )?;
        let rows = statement.query_map(params![kind as i64, key], |row| {
            let stamp = Stamp { changed: row.get(1)?, bytes: row.get(2)? };
            Ok((row.get(0)?, KnownPart { stamp, text: row.get(3)? }))
        })?;
        rows.collect()
    }

    /// Reads all parts of a run.
    pub(super) fn parts(&self, run: i64) -> Result<HashMap<(u8, String), KnownPart>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT kind, key, changed, bytes, text FROM part WHERE run = ?1")?;
        let rows = statement.query_map([run], |row| {
            let stamp = Stamp { changed: row.get(2)?, bytes: row.get(3)? };
            Ok(((row.get(0)?, row.get(1)?), KnownPart { stamp, text: row.get(4)? }))
        })?;
        rows.collect()
    }

    /// Notes a part of a run.
    pub(super) fn put_part(
        &self,
        run: i64,
        kind: Kind,
        key: &str,
        part: (Stamp, &str),
    ) -> Result<()> {
        let (stamp, text) = part;
        let mut statement = self.connection.prepare_cached(
            "INSERT OR REPLACE INTO part (kind, key, run, changed, bytes, text)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        statement.execute(params![kind as i64, key, run, stamp.changed, stamp.bytes, text])?;
        Ok(())
    }

    /// Forgets a part of a run.
    pub(super) fn remove_part(&self, run: i64, kind: Kind, key: &str) -> Result<()> {
        let mut statement = self
            .connection
            .prepare_cached("DELETE FROM part WHERE kind = ?1 AND key = ?2 AND run = ?3")?;
        statement.execute(params![kind as i64, key, run])?;
        Ok(())
    }
}

fn known_run(row: &Row<'_>) -> Result<Option<KnownRun>> {
    let (Ok(run_id), Ok(experiment_id)) =
        (RunId::parse(row.get::<_, String>(4)?), ExperimentId::parse(row.get::<_, String>(6)?))
    else {
        return Ok(None);
    };
    let deleted: bool = row.get(12)?;
    let info = RunInfo {
        run_id,
        run_name: row.get(5)?,
        experiment_id,
        user_id: row.get(7)?,
        status: RunStatus::from_number(row.get(8)?).unwrap_or(RunStatus::Running),
        start_time: row.get(9)?,
        end_time: row.get(10)?,
        artifact_uri: row.get(11)?,
        lifecycle_stage: if deleted { LifecycleStage::Deleted } else { LifecycleStage::Active },
    };
    let stamp = Stamp { changed: row.get(2)?, bytes: row.get(3)? };
    Ok(Some(KnownRun { row: row.get(0)?, stamp, info }))
}

fn open_file(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_MAX)?;
    // A rollback journal works on network file systems, where a write-ahead log does not. What a
    // power cut breaks is made anew.
    connection.pragma_update(None, "journal_mode", "TRUNCATE")?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match version {
        VERSION => Ok(connection),
        0 => make_tables(connection),
        _ => Err(rusqlite::Error::InvalidQuery),
    }
}

fn make_tables(mut connection: Connection) -> Result<Connection> {
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    // Another process may have made them while this one waited.
    if version == 0 {
        transaction.execute_batch(include_str!("schema.sql"))?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.commit()?;
    Ok(connection)
}

#[expect(clippy::expect_used, reason = "a fresh database in memory takes our own schema")]
fn open_memory() -> Connection {
    Connection::open_in_memory().and_then(make_tables).expect("SQLite works in memory")
}
