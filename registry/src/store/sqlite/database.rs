//! One SQLite file: a connection that writes, some that read, and patience.
//!
//! The file is in WAL mode, so readers never wait for the writer, and `synchronous=FULL`, so
//! what is committed survives the machine. Writers of this process queue for one connection;
//! other processes are waited for here, and their locks are no caller's business.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{CachedStatement, Connection, OpenFlags, TransactionBehavior};

use super::failure::Failure;
use super::schema::{self, Layout};
use crate::error::{Error, Result};

/// How long SQLite itself waits for another program before the transaction starts over.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause before that, for the kinds of lock that SQLite does not wait for.
const RETRY_PAUSE: Duration = Duration::from_millis(10);
/// How long to wait in all: longer than anything but a stuck program holds a lock.
const PATIENCE: Duration = Duration::from_secs(60);
/// Connections kept for readers to come.
const IDLE_READERS_MAX: usize = 16;
const STATEMENTS_CACHED: usize = 64;

/// An open SQLite file.
pub(super) struct Database {
    /// `None` when the database is in memory, where one connection does everything.
    path: Option<PathBuf>,
    layout: Layout,
    patience: Duration,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
}

/// A connection inside a transaction.
pub(super) struct Session<'c> {
    conn: &'c Connection,
    layout: Layout,
}

impl Session<'_> {
    /// Prepares a statement that is written for the newest layout, or finds it prepared.
    pub(super) fn prepare(&self, sql: &str) -> rusqlite::Result<CachedStatement<'_>> {
        self.conn.prepare_cached(&self.layout.sql(sql))
    }
}

impl Database {
    /// Opens a file, which is made when it is missing, and prepares its tables.
    pub(super) fn open(path: &Path) -> Result<Self> {
        Self::open_with_patience(path, PATIENCE)
    }

    fn open_with_patience(path: &Path, patience: Duration) -> Result<Self> {
        let wait = Wait { path: Some(path), patience, doing: "opening the registry" };
        let (conn, layout) = wait.for_others(|| {
            let mut conn = connect(path)?;
            let layout = schema::prepare(&mut conn)?;
            Ok((conn, layout))
        })?;
        Ok(Self {
            path: Some(path.to_owned()),
            layout,
            patience,
            writer: Mutex::new(conn),
            readers: Mutex::default(),
        })
    }

    /// Opens an empty database that lives as long as this value.
    pub(super) fn in_memory() -> Result<Self> {
        let wait = Wait { path: None, patience: PATIENCE, doing: "opening the registry" };
        let (conn, layout) = wait.for_others(|| {
            let mut conn = Connection::open_in_memory()?;
            configure(&conn)?;
            let layout = schema::prepare(&mut conn)?;
            Ok((conn, layout))
        })?;
        Ok(Self {
            path: None,
            layout,
            patience: PATIENCE,
            writer: Mutex::new(conn),
            readers: Mutex::default(),
        })
    }

    /// Runs `work` in a transaction that nobody else writes beside, and commits what it did.
    ///
    /// It runs again when another program was in the way.
    pub(super) fn write<T>(
        &self,
        doing: &'static str,
        mut work: impl FnMut(&Session<'_>) -> Result<T, Failure>,
    ) -> Result<T> {
        let mut conn = lock(&self.writer);
        self.wait(doing).for_others(|| {
            let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = work(&Session { conn: &tx, layout: self.layout })?;
            tx.commit()?;
            Ok(value)
        })
    }

    /// Runs `work` on one unchanging view of the file.
    pub(super) fn read<T>(
        &self,
        doing: &'static str,
        mut work: impl FnMut(&Session<'_>) -> Result<T, Failure>,
    ) -> Result<T> {
        let wait = self.wait(doing);
        let mut view = |conn: &mut Connection| {
            let tx = conn.transaction_with_behavior(TransactionBehavior::Deferred)?;
            work(&Session { conn: &tx, layout: self.layout })
        };
        let Some(path) = &self.path else {
            let mut conn = lock(&self.writer);
            return wait.for_others(|| view(&mut conn));
        };
        let idle = lock(&self.readers).pop();
        let mut conn = match idle {
            Some(conn) => conn,
            None => wait.for_others(|| Ok(connect(path)?))?,
        };
        let read = wait.for_others(|| view(&mut conn));
        let mut readers = lock(&self.readers);
        if readers.len() < IDLE_READERS_MAX {
            readers.push(conn);
        }
        read
    }

    fn wait(&self, doing: &'static str) -> Wait<'_> {
        Wait { path: self.path.as_deref(), patience: self.patience, doing }
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
    path: Option<&'a Path>,
    patience: Duration,
    doing: &'static str,
}

impl Wait<'_> {
    fn for_others<T>(&self, mut attempt: impl FnMut() -> Result<T, Failure>) -> Result<T> {
        let start = Instant::now();
        loop {
            let failure = match attempt() {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            if !failure.is_busy() {
                return Err(self.error(failure));
            }
            if start.elapsed() >= self.patience {
                let path = self.path.unwrap_or(Path::new(":memory:")).to_owned();
                return Err(Error::Busy { path, waited_ms: start.elapsed().as_millis() });
            }
            thread::sleep(RETRY_PAUSE);
        }
    }

    fn error(&self, failure: Failure) -> Error {
        let path = self.path.unwrap_or(Path::new(":memory:"));
        match failure {
            Failure::Rule(error) => error,
            Failure::Schema(problem) => Error::Schema { path: path.to_owned(), problem },
            Failure::Sql(source) => Error::Backend {
                doing: format!("{} in `{}`", self.doing, path.display()),
                source: source.into(),
            },
        }
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    // Without SQLITE_OPEN_URI a name that begins with `file:` is just a name.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    configure(&conn)?;
    // Where a file system cannot do WAL the mode stays what it was, and things work slower.
    let mode: String = conn.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
    if mode != "wal" {
        conn.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    }
    Ok(conn)
}

fn configure(conn: &Connection) -> rusqlite::Result<()> {
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    conn.execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic inside a transaction rolled it back, so the connection is fine.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_are_durable_and_readers_do_not_wait() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("r.db")).unwrap();
        let ask = |db: &Session<'_>, sql: &str| {
            let answer: String = db.prepare(sql)?.query_row([], |row| {
                row.get::<_, rusqlite::types::Value>(0).map(|value| format!("{value:?}"))
            })?;
            Ok(answer)
        };

        for sql in ["PRAGMA synchronous", "PRAGMA journal_mode"] {
            let wanted = if sql.contains("sync") { "Integer(2)" } else { "Text(\"wal\")" };
            assert_eq!(database.read("asking", |db| ask(db, sql)).unwrap(), wanted);
            assert_eq!(database.write("asking", |db| ask(db, sql)).unwrap(), wanted);
        }
        let inside = database.write("asking", |_| {
            Ok(database.read("asking", |db| ask(db, "SELECT count(*) FROM model_versions")))
        });
        assert_eq!(inside.unwrap().unwrap(), "Integer(0)");
    }

    #[test]
    fn a_lock_that_goes_away_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.db");
        let mut conn = connect(&path).unwrap();
        conn.busy_timeout(Duration::ZERO).unwrap();
        let other = Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let wait = Wait { path: Some(&path), patience: PATIENCE, doing: "writing" };
        let mut attempts = 0;

        let written = wait.for_others(|| {
            attempts += 1;
            if attempts == 3 {
                other.execute_batch("COMMIT")?;
            }
            Ok(conn.transaction_with_behavior(TransactionBehavior::Immediate)?.commit()?)
        });

        written.unwrap();
        assert_eq!(attempts, 3);
    }

    #[test]
    fn a_lock_that_stays_is_named_in_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.db");
        let database = Database::open_with_patience(&path, Duration::ZERO).unwrap();
        lock(&database.writer).busy_timeout(Duration::ZERO).unwrap();
        let other = Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();

        let refused = database.write("writing", |_| Ok(()));

        assert!(matches!(refused, Err(Error::Busy { path: named, .. }) if named == path));
    }

    #[test]
    fn a_panic_in_a_transaction_leaves_a_usable_database() {
        let database = Database::in_memory().unwrap();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            database.write::<()>("writing", |db| {
                db.prepare("INSERT INTO registered_models (name) VALUES ('churn')")?.execute([])?;
                panic!("in the middle");
            })
        }));
        assert!(panicked.is_err());

        let models: i64 = database
            .read("counting", |db| {
                Ok(db
                    .prepare("SELECT count(*) FROM registered_models")?
                    .query_row([], |r| r.get(0))?)
            })
            .unwrap();

        assert_eq!(models, 0);
    }

    #[test]
    fn a_file_that_is_no_database_is_refused_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.db");
        std::fs::write(&path, "not a database, but someone's notes about one").unwrap();

        let refused = Database::open(&path).unwrap_err();

        assert!(refused.to_string().contains("opening the registry in `"), "{refused}");
        assert!(std::fs::read_to_string(&path).unwrap().starts_with("not a database"));
    }
}
