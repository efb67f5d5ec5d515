//! One SQLite file: a thread that writes, connections that read, and patience.
//!
//! The file is in WAL mode, so readers never wait for the writer. Locks of other processes are
//! waited for here and are no caller's business.

use super::Durability;
use super::changes::{Changed, Changes};
use super::failure::{Failure, Loss};
use super::schema::{Layout, Prepared};
use super::writer::Writer;
use crate::Error;
use mlctl_sqlite::{Access, is_full};
use rusqlite::config::DbConfig;
use rusqlite::{CachedStatement, Connection, Params};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long SQLite itself waits for another program before the attempt starts over.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause before that, for the kinds of lock that SQLite does not wait for.
const RETRY_PAUSE: Duration = Duration::from_millis(10);
/// How long to wait in all: longer than anything but a stuck program holds a lock.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// Connections kept for readers to come.
const IDLE_READERS_MAX: usize = 4;
const STATEMENTS_CACHED: usize = 96;
/// What a reader may remember of the file; SQLite's own choice.
const CACHE_KIB: i64 = 2000;
/// What it may for work that looks at all of it.
const LARGE_CACHE_KIB: i64 = 8192;
/// What the writer may remember of the file: it comes back to the same pages of its indexes.
const WRITER_CACHE_KIB: i64 = 4096;
/// How long the log beside the file grows before it goes into the file. Pages that change often
/// are then copied once for many changes; SQLite's own choice is 1000.
const WAL_PAGES: i64 = 4000;

/// An open SQLite file.
pub(super) struct Database {
    path: Arc<Path>,
    layout: Layout,
    access: Access,
    /// Why the file is only read.
    read_only: Option<String>,
    writer: Writer,
    changes: Arc<Changes>,
    readers: Mutex<Vec<Connection>>,
}

/// A connection inside a transaction.
pub(super) struct Session<'c> {
    conn: &'c Connection,
    layout: Layout,
    /// The runs that were changed through it.
    changed: RefCell<Vec<String>>,
    changed_everything: Cell<bool>,
}

impl<'c> Session<'c> {
    pub(super) fn new(conn: &'c Connection, layout: Layout) -> Self {
        Self { conn, layout, changed: RefCell::default(), changed_everything: Cell::default() }
    }

    /// Notes that a run is made or changed, for those who remember what runs were like.
    pub(super) fn note_change(&self, run: &str) {
        self.changed.borrow_mut().push(run.to_owned());
    }

    /// Notes that many runs are changed.
    pub(super) fn note_everything(&self) {
        self.changed_everything.set(true);
    }

    pub(super) fn changed_runs(&self) -> impl Iterator<Item = String> {
        self.changed.take().into_iter()
    }

    pub(super) fn changed_everything(&self) -> bool {
        self.changed_everything.get()
    }

    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    /// Prepares a statement that is written for the newest layout, or finds it prepared.
    pub(super) fn prepare(&self, sql: &str) -> rusqlite::Result<CachedStatement<'c>> {
        self.conn.prepare_cached(&self.layout.sql(sql))
    }

    /// Does `work` with more memory for pages of the file than a connection usually has: for work
    /// that comes back to the same pages again and again.
    pub(super) fn with_large_cache<T>(
        &self,
        work: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.conn.pragma_update(None, "cache_size", -LARGE_CACHE_KIB)?;
        let done = work();
        self.conn.pragma_update(None, "cache_size", -CACHE_KIB)?;
        self.conn.execute_batch("PRAGMA shrink_memory")?;
        done
    }

    /// Runs a statement that returns nothing, and tells how many rows it changed.
    pub(super) fn execute(&self, sql: &str, params: impl Params) -> rusqlite::Result<usize> {
        self.prepare(sql)?.execute(params)
    }
}

impl Database {
    /// Opens a file, which is made when it is missing; `prepare` sees to its tables. It may change
    /// the file only when it is given [`Access::Write`].
    pub(super) fn open(
        path: &Path,
        durability: Durability,
        mut prepare: impl FnMut(&mut Connection, Access) -> Result<Prepared, Failure>,
    ) -> Result<Self, Error> {
        let wait = Wait { path, doing: "opening the tracking store" };
        let (conn, access, Prepared { layout, read_only }) = wait.for_others(|| {
            let access = Access::of(path)?;
            let mut conn = connect(path, access)?;
            conn.pragma_update(None, "synchronous", durability.pragma())?;
            conn.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
            conn.pragma_update(None, "wal_autocheckpoint", WAL_PAGES)?;
            let prepared = prepare(&mut conn, access)?;
            if prepared.read_only.is_none() {
                use_wal(&conn)?;
            }
            Ok((conn, access, prepared))
        })?;
        let changes = Arc::new(Changes::new(conn));
        let writer = Writer::start(changes.clone(), layout)
            .map_err(|error| Error::backend("cannot start the writer thread", error))?;
        let (path, readers) = (path.into(), Mutex::default());
        Ok(Self { path, layout, access, read_only, writer, changes, readers })
    }

    fn check_writable(&self) -> Result<(), Error> {
        self.read_only.clone().map_or(Ok(()), |why| Err(Error::ReadOnly(why)))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `work` in a transaction that nobody else writes beside, and returns once what it did
    /// is committed. When it fails, nothing of it is.
    pub(super) fn write<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl Fn(&Session<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Error> {
        self.check_writable()?;
        let wait = Wait { path: &self.path, doing };
        self.writer.run(work).map_err(|failure| wait.error(failure))
    }

    /// Like [`Self::write`], but returns at once; `done` is told the outcome, on the thread that
    /// writes.
    pub(super) fn write_then<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl Fn(&Session<'_>) -> Result<T, Failure> + Send + 'static,
        done: impl FnOnce(Result<T, Error>) + Send + 'static,
    ) {
        if let Err(error) = self.check_writable() {
            return done(Err(error));
        }
        let path = self.path.clone();
        self.writer.submit(work, move |outcome| {
            done(outcome.map_err(|failure| Wait { path: &path, doing }.error(failure)));
        });
    }

    /// Takes what changed since the last call; see [`Changes::take`].
    pub(super) fn take_changes(&self) -> Option<Changed> {
        self.changes.take()
    }

    /// Runs `work` on one unchanging view of the file.
    pub(super) fn read<T>(
        &self,
        doing: &'static str,
        mut work: impl FnMut(&Session<'_>) -> Result<T, Failure>,
    ) -> Result<T, Error> {
        let wait = Wait { path: &self.path, doing };
        let idle = lock(&self.readers).pop();
        let conn = match idle {
            Some(conn) => conn,
            None => wait.for_others(|| {
                let conn = connect(&self.path, self.access)?;
                conn.pragma_update(None, "query_only", true)?;
                Ok(conn)
            })?,
        };
        let read = wait.for_others(|| {
            let run = |sql: &str| conn.prepare_cached(sql)?.execute([]);
            run("BEGIN DEFERRED")?;
            let outcome = work(&Session::new(&conn, self.layout));
            run("ROLLBACK")?;
            outcome
        });
        let mut readers = lock(&self.readers);
        if readers.len() < IDLE_READERS_MAX && conn.is_autocommit() {
            readers.push(conn);
        }
        read
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("path", &self.path)
            .field("layout", &self.layout)
            .finish_non_exhaustive()
    }
}

/// How to wait for other programs, and what to say when that fails.
struct Wait<'a> {
    path: &'a Path,
    doing: &'static str,
}

impl Wait<'_> {
    fn for_others<T>(&self, attempt: impl FnMut() -> Result<T, Failure>) -> Result<T, Error> {
        patiently(attempt).map_err(|failure| self.error(failure))
    }

    fn error(&self, failure: Failure) -> Error {
        let doing = format!("{} in `{}`", self.doing, self.path.display());
        match failure {
            Failure::Rule(error) => error,
            failure if failure.is_busy() => {
                Error::backend(doing, "another program has been writing for more than a minute")
            }
            Failure::Sql(source) if is_full(&source) => {
                Error::NoSpace { doing, source: source.into() }
            }
            Failure::Sql(source) => Error::backend(doing, source),
            Failure::Lost(Loss::Full) => {
                Error::NoSpace { doing, source: "the database or its disk is full".into() }
            }
            Failure::Lost(Loss::Other(why)) => Error::backend(doing, why),
        }
    }
}

/// Tries again while another program is in the way, for a minute or so.
pub(super) fn patiently<T>(mut attempt: impl FnMut() -> Result<T, Failure>) -> Result<T, Failure> {
    let start = Instant::now();
    loop {
        match attempt() {
            Err(failure) if failure.is_busy() && start.elapsed() < PATIENCE => {
                thread::sleep(RETRY_PAUSE);
            }
            outcome => return outcome,
        }
    }
}

fn connect(path: &Path, access: Access) -> rusqlite::Result<Connection> {
    let conn = access.open(path)?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    // Else SQLite plans some statements anew for each value that is bound to them.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.execute_batch("PRAGMA foreign_keys = ON")?;
    Ok(conn)
}

/// Lets readers go on while somebody writes; the file remembers it.
fn use_wal(conn: &Connection) -> rusqlite::Result<()> {
    let mode: String = conn.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
    if mode != "wal" {
        // Where a file system cannot do it the mode stays what it was, and things work slower.
        conn.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
        // The first read opens the WAL: from then on an upgrade sees that the file is in use.
        conn.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(()))?;
    }
    Ok(())
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic inside a transaction rolled it back, so the connection is fine.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
