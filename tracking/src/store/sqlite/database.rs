//! One SQLite file: a thread that writes, connections that read, and patience.
//!
//! The file is in WAL mode, so readers never wait for the writer. Locks of other processes are
//! waited for here and are no caller's business.

use super::Durability;
use super::failure::Failure;
use super::schema::Layout;
use super::writer::Writer;
use crate::Error;
use rusqlite::{CachedStatement, Connection, OpenFlags, Params, TransactionBehavior};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long SQLite itself waits for another program before the attempt starts over.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause before that, for the kinds of lock that SQLite does not wait for.
const RETRY_PAUSE: Duration = Duration::from_millis(10);
/// How long to wait in all: longer than anything but a stuck program holds a lock.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// Connections kept for readers to come.
const IDLE_READERS_MAX: usize = 16;
const STATEMENTS_CACHED: usize = 96;

/// An open SQLite file.
pub(super) struct Database {
    path: PathBuf,
    layout: Layout,
    writer: Writer,
    readers: Mutex<Vec<Connection>>,
}

/// A connection inside a transaction.
pub(super) struct Session<'c> {
    conn: &'c Connection,
    layout: Layout,
}

impl<'c> Session<'c> {
    pub(super) fn new(conn: &'c Connection, layout: Layout) -> Self {
        Self { conn, layout }
    }

    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    /// Prepares a statement that is written for the newest layout, or finds it prepared.
    pub(super) fn prepare(&self, sql: &str) -> rusqlite::Result<CachedStatement<'c>> {
        self.conn.prepare_cached(&self.layout.sql(sql))
    }

    /// Runs a statement that returns nothing, and tells how many rows it changed.
    pub(super) fn execute(&self, sql: &str, params: impl Params) -> rusqlite::Result<usize> {
        self.prepare(sql)?.execute(params)
    }
}

impl Database {
    /// Opens a file, which is made when it is missing; `prepare` sees to its tables.
    pub(super) fn open(
        path: &Path,
        durability: Durability,
        mut prepare: impl FnMut(&mut Connection) -> Result<Layout, Failure>,
    ) -> Result<Self, Error> {
        let wait = Wait { path, doing: "opening the tracking store" };
        let (conn, layout) = wait.for_others(|| {
            let mut conn = connect(path)?;
            conn.pragma_update(None, "synchronous", durability.pragma())?;
            let layout = prepare(&mut conn)?;
            if layout.check_writable().is_ok() {
                use_wal(&conn)?;
            }
            Ok((conn, layout))
        })?;
        let writer = Writer::start(conn, layout)
            .map_err(|error| Error::backend("cannot start the thread that writes", error))?;
        Ok(Self { path: path.to_owned(), layout, writer, readers: Mutex::default() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `work` in a transaction that nobody else writes beside, and returns once what it did
    /// is committed. When it fails, nothing of it is.
    pub(super) fn write<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Session<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Error> {
        self.layout.check_writable()?;
        let wait = Wait { path: &self.path, doing };
        self.writer.run(work).map_err(|failure| wait.error(failure))
    }

    /// Runs `work` on one unchanging view of the file.
    pub(super) fn read<T>(
        &self,
        doing: &'static str,
        mut work: impl FnMut(&Session<'_>) -> Result<T, Failure>,
    ) -> Result<T, Error> {
        let wait = Wait { path: &self.path, doing };
        let idle = lock(&self.readers).pop();
        let mut conn = match idle {
            Some(conn) => conn,
            None => wait.for_others(|| {
                let conn = connect(&self.path)?;
                conn.pragma_update(None, "query_only", true)?;
                Ok(conn)
            })?,
        };
        let read = wait.for_others(|| {
            let tx = conn.transaction_with_behavior(TransactionBehavior::Deferred)?;
            work(&Session::new(&tx, self.layout))
        });
        let mut readers = lock(&self.readers);
        if readers.len() < IDLE_READERS_MAX {
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
            Failure::Sql(source) => Error::backend(doing, source),
            Failure::Lost(why) => Error::backend(doing, why),
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

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    // Without SQLITE_OPEN_URI a name that begins with `file:` is just a name.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    conn.execute_batch("PRAGMA foreign_keys = ON")?;
    Ok(conn)
}

/// Lets readers go on while somebody writes; the file remembers it.
fn use_wal(conn: &Connection) -> rusqlite::Result<()> {
    let mode: String = conn.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
    if mode != "wal" {
        // Where a file system cannot do it the mode stays what it was, and things work slower.
        conn.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic inside a transaction rolled it back, so the connection is fine.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
