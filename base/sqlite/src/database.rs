//! One SQLite file: a thread that writes, connections that read, and patience.
//!
//! The file is in WAL mode, so readers never wait for the writer. Locks of other processes are
//! waited for here and are no caller's business.

use super::access::Access;
use super::failure::Failure;
use super::session::{Layout, Session};
use super::writer::{Writer, in_transaction};
use rusqlite::Connection;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long SQLite itself waits for another program before the attempt starts over.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause before that, for the kinds of lock that SQLite does not wait for.
const RETRY_PAUSE: Duration = Duration::from_millis(10);
/// Connections kept for readers to come.
const IDLE_READERS_MAX: usize = 16;
const STATEMENTS_CACHED: usize = 128;

/// What a change has survived when it is acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The loss of power: the disk has it. MLflow's own choice.
    #[default]
    Full,
    /// The end of the process; after a loss of power the last changes may be missing.
    Normal,
}

impl Durability {
    fn pragma(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Normal => "NORMAL",
        }
    }
}

/// How to open a file.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// What a change has survived when it is acknowledged.
    pub durability: Durability,
    /// How long to wait in all for other programs: longer than anything but a stuck one holds a
    /// lock.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { durability: Durability::Full, patience: Duration::from_secs(60) }
    }
}

/// An open SQLite file, shared between threads.
pub struct Database<L> {
    kind: Kind<L>,
    layout: L,
    patience: Duration,
}

enum Kind<L> {
    File {
        path: PathBuf,
        access: Access,
        /// None when the file is only read.
        writer: Option<Writer<L>>,
        readers: Mutex<Vec<Connection>>,
    },
    /// Nobody else sees it, so one connection does everything.
    Memory(Mutex<Connection>),
}

impl<L: Layout> Database<L> {
    /// Opens a file, which is made when it is missing; `prepare` sees to its tables, and runs
    /// again when another program was in the way. It may change the file only when it is given
    /// [`Access::Write`].
    ///
    /// # Errors
    /// What `prepare` reports, and SQLite's own: the file is no database, its folder is missing.
    pub fn open<E>(
        path: &Path,
        options: Options,
        mut prepare: impl FnMut(&mut Connection, Access) -> Result<L, Failure<E>>,
    ) -> Result<Self, Failure<E>> {
        let patience = options.patience;
        let (conn, layout, access) = patiently(patience, || {
            let access = Access::of(path)?;
            let mut conn = connect::<L>(path, access, patience)?;
            conn.pragma_update(None, "synchronous", options.durability.pragma())?;
            let layout = prepare(&mut conn, access)?;
            if !layout.is_writable() || access != Access::Write {
                return Ok((None, layout, access));
            }
            use_wal(&conn)?;
            Ok((Some(conn), layout, access))
        })?;
        let writer = conn.map(|conn| Writer::start(conn, layout, patience)).transpose();
        let writer = writer
            .map_err(|error| Failure::Lost(format!("cannot start the writer thread: {error}")))?;
        let kind = Kind::File { path: path.to_owned(), access, writer, readers: Mutex::default() };
        Ok(Self { kind, layout, patience })
    }

    /// Opens an empty database that lives as long as this value; `prepare` makes its tables.
    ///
    /// # Errors
    /// What `prepare` reports.
    pub fn in_memory<E>(
        prepare: impl FnOnce(&mut Connection) -> Result<L, Failure<E>>,
    ) -> Result<Self, Failure<E>> {
        let mut conn = Connection::open_in_memory()?;
        configure::<L>(&conn, BUSY_TIMEOUT)?;
        let layout = prepare(&mut conn)?;
        Ok(Self {
            kind: Kind::Memory(Mutex::new(conn)),
            layout,
            patience: Options::default().patience,
        })
    }

    /// Returns the file; none for a database in memory.
    pub fn path(&self) -> Option<&Path> {
        match &self.kind {
            Kind::File { path, .. } => Some(path),
            Kind::Memory(_) => None,
        }
    }

    /// Returns the form of the tables.
    pub fn layout(&self) -> L {
        self.layout
    }

    /// Runs `work` in a transaction that nobody else writes beside, and returns once what it did
    /// is committed. When it fails, nothing of it is.
    ///
    /// # Errors
    /// What `work` reports; [`Failure::Lost`] when its changes cannot be committed,
    /// [`Failure::ReadOnly`] for a file that is only read.
    pub fn write<T: Send + 'static, E: Send + 'static>(
        &self,
        work: impl FnOnce(&Session<'_, L>) -> Result<T, Failure<E>> + Send + 'static,
    ) -> Result<T, Failure<E>> {
        match &self.kind {
            Kind::File { writer: Some(writer), .. } => writer.run(work),
            Kind::File { writer: None, .. } => Err(Failure::ReadOnly),
            Kind::Memory(conn) => in_transaction(&lock(conn), self.layout, work),
        }
    }

    /// Runs `work` on one unchanging view of the file.
    ///
    /// # Errors
    /// What `work` reports, and SQLite's own.
    pub fn read<T, E>(
        &self,
        mut work: impl FnMut(&Session<'_, L>) -> Result<T, Failure<E>>,
    ) -> Result<T, Failure<E>> {
        let (path, access, writes, readers) = match &self.kind {
            Kind::File { path, access, writer, readers } => {
                (path, *access, writer.is_some(), readers)
            }
            Kind::Memory(conn) => return in_transaction(&lock(conn), self.layout, work),
        };
        let idle = lock(readers).pop();
        let conn = match idle {
            Some(conn) => conn,
            None => patiently(self.patience, || {
                let conn = connect::<L>(path, access, self.patience)?;
                if !writes {
                    L::connect_to_read(&conn)?;
                }
                conn.pragma_update(None, "query_only", true)?;
                Ok(conn)
            })?,
        };
        let read = patiently(self.patience, || view(&conn, self.layout, &mut work));
        let mut readers = lock(readers);
        if readers.len() < IDLE_READERS_MAX && conn.is_autocommit() {
            readers.push(conn);
        }
        read
    }
}

impl<L: fmt::Debug> fmt::Debug for Database<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = match &self.kind {
            Kind::File { path, .. } => path,
            Kind::Memory(_) => Path::new(":memory:"),
        };
        f.debug_struct("Database")
            .field("path", &path)
            .field("layout", &self.layout)
            .finish_non_exhaustive()
    }
}

/// Runs `work` between a `BEGIN` and an end, both of which are found prepared.
fn view<T, E, L: Layout>(
    conn: &Connection,
    layout: L,
    work: &mut impl FnMut(&Session<'_, L>) -> Result<T, Failure<E>>,
) -> Result<T, Failure<E>> {
    conn.prepare_cached("BEGIN DEFERRED")?.execute([])?;
    let outcome = work(&Session::new(conn, layout));
    // Nothing was written, so both ends are alike.
    conn.prepare_cached("COMMIT")?.execute([])?;
    outcome
}

/// Tries again while another program is in the way, for as long as `patience` lasts.
pub(crate) fn patiently<T, E>(
    patience: Duration,
    mut attempt: impl FnMut() -> Result<T, Failure<E>>,
) -> Result<T, Failure<E>> {
    let start = Instant::now();
    loop {
        match attempt() {
            Err(failure) if failure.is_busy() => {
                if start.elapsed() >= patience {
                    return Err(Failure::Busy(start.elapsed().as_millis()));
                }
                thread::sleep(RETRY_PAUSE);
            }
            outcome => return outcome,
        }
    }
}

fn connect<L: Layout>(
    path: &Path,
    access: Access,
    patience: Duration,
) -> rusqlite::Result<Connection> {
    let conn = access.open(path)?;
    configure::<L>(&conn, patience.min(BUSY_TIMEOUT))?;
    Ok(conn)
}

fn configure<L: Layout>(conn: &Connection, busy_timeout: Duration) -> rusqlite::Result<()> {
    conn.busy_timeout(busy_timeout)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    conn.execute_batch("PRAGMA foreign_keys = ON")?;
    L::connect(conn)
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
    // A panic inside a transaction rolls it back, so the connection is fine.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
