//! Connections to a file, and waiting for other programs.

use super::access::Access;
use super::failure::Failure;
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// How long SQLite itself waits for another program before the attempt starts over.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause before that, for the kinds of lock that SQLite does not wait for.
const RETRY_PAUSE: Duration = Duration::from_millis(10);
const STATEMENTS_CACHED: usize = 128;
/// What a reader may remember of the file; SQLite's own choice.
pub(crate) const CACHE_KIB: i64 = 2000;
/// What it may for work that looks at all of it.
pub(crate) const LARGE_CACHE_KIB: i64 = 8192;
/// What the writer may remember of the file: it comes back to the same pages of its indexes.
const WRITER_CACHE_KIB: i64 = 4096;
/// How long the log beside the file grows before it goes into the file. Pages that change often
/// are then copied once for many changes; SQLite's own choice is 1000.
const WAL_PAGES: i64 = 4000;

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

/// Opens the connection that writes; one that only reads when the file cannot be written to.
pub(crate) fn connect_to_write(
    path: &Path,
    access: Access,
    durability: Durability,
    patience: Duration,
) -> rusqlite::Result<Connection> {
    let conn = connect(path, access, patience)?;
    conn.pragma_update(None, "synchronous", durability.pragma())?;
    conn.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    conn.pragma_update(None, "wal_autocheckpoint", WAL_PAGES)?;
    Ok(conn)
}

pub(crate) fn connect(
    path: &Path,
    access: Access,
    patience: Duration,
) -> rusqlite::Result<Connection> {
    let conn = access.open(path)?;
    conn.busy_timeout(patience.min(BUSY_TIMEOUT))?;
    configure(&conn)?;
    Ok(conn)
}

pub(crate) fn connect_to_memory() -> rusqlite::Result<Connection> {
    let conn = Connection::open_in_memory()?;
    configure(&conn)?;
    Ok(conn)
}

fn configure(conn: &Connection) -> rusqlite::Result<()> {
    conn.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    // Else SQLite plans some statements anew for each value that is bound to them.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.execute_batch("PRAGMA foreign_keys = ON")
}

/// Lets readers go on while somebody writes; the file remembers it.
pub(crate) fn use_wal(conn: &Connection) -> rusqlite::Result<()> {
    let mode: String = conn.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
    if mode != "wal" {
        // Where a file system cannot do it the mode stays what it was, and things work slower.
        conn.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
        // The first read opens the WAL: from then on an upgrade sees that the file is in use.
        conn.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(()))?;
    }
    Ok(())
}
