//! One SQLite file, for all stores that keep their tables in it.
//!
//! However many stores share a file, one thread writes to it and one set of connections reads it.
//! The file is in WAL mode, so readers never wait for the writer. Locks of other processes are
//! waited for here and are no caller's business.

use super::access::Access;
use super::changes::Changes;
use super::connection::{
    Durability, connect, connect_to_memory, connect_to_write, patiently, use_wal,
};
use super::failure::Failure;
use super::session::Layout;
use super::tables::Tables;
use super::writer::Writer;
use rusqlite::Connection;
use std::any::TypeId;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Connections kept for readers to come.
const IDLE_READERS_MAX: usize = 4;

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

/// A SQLite file that several stores share.
///
/// It is opened when the first store attaches to it, and closed when it and all that attached to
/// it are dropped.
pub struct Database {
    path: Option<PathBuf>,
    options: Options,
    open: Mutex<Option<Arc<Shared>>>,
}

/// What a store found or made in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared<L> {
    /// The form of its tables.
    pub layout: L,
    /// Why it must not write to them; `None` when it may.
    pub read_only: Option<String>,
}

impl<L> Prepared<L> {
    /// Describes tables that can be written to.
    pub fn writable(layout: L) -> Self {
        Self { layout, read_only: None }
    }
}

impl Database {
    /// Names a file, which need not exist yet; its folder must by the time a store attaches.
    pub fn new(path: impl Into<PathBuf>, options: Options) -> Self {
        Self { path: Some(path.into()), options, open: Mutex::default() }
    }

    /// Returns the database in a file: the one that is `open` already when it is the same file, so
    /// that one thread writes to it; else a new one.
    ///
    /// # Errors
    /// When the path is empty.
    pub fn share(open: Option<&Arc<Self>>, path: &Path, options: Options) -> io::Result<Arc<Self>> {
        let is_same = |open: &&Arc<Self>| {
            let canonical = path.canonicalize().ok();
            canonical.is_some()
                && open.path().and_then(|open| open.canonicalize().ok()) == canonical
        };
        match open.filter(is_same) {
            Some(open) => Ok(open.clone()),
            None => Ok(Arc::new(Self::new(std::path::absolute(path)?, options))),
        }
    }

    /// Makes an empty database that lives as long as this value and all that attached to it.
    pub fn in_memory() -> Self {
        Self { path: None, options: Options::default(), open: Mutex::default() }
    }

    /// Returns the file; none for a database in memory.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Takes a store's tables into use; `prepare` sees to them, and runs again when another
    /// program was in the way. It may change the file only when it is given [`Access::Write`].
    ///
    /// A missing file is made. One that no store may write to keeps its journal mode.
    ///
    /// # Errors
    /// What `prepare` reports, and SQLite's own: the file is no database, its folder is missing.
    pub fn attach<L: Layout, E>(
        &self,
        mut prepare: impl FnMut(&mut Connection, Access) -> Result<Prepared<L>, Failure<E>>,
    ) -> Result<Tables<L>, Failure<E>> {
        let mut open = lock(&self.open);
        let mut shared = open.clone();
        let prepared = patiently(self.options.patience, || {
            let shared = match &shared {
                Some(shared) => shared,
                None => shared.insert(Arc::new(self.open()?)),
            };
            shared.prepare(&mut prepare)
        })?;
        let shared = shared.ok_or(Failure::Lost("the database is not open".to_owned()))?;
        *open = Some(shared.clone());
        Ok(Tables::new(shared, prepared))
    }

    fn open<E>(&self) -> Result<Shared, Failure<E>> {
        let Options { durability, patience } = self.options;
        let Some(path) = &self.path else {
            let changes = Arc::new(Changes::unshared(connect_to_memory()?));
            return Ok(Shared { changes, patience, file: None });
        };
        let access = Access::of(path)?;
        let conn = connect_to_write(path, access, durability, patience)?;
        let changes = Arc::new(Changes::new(conn));
        let writer = Writer::start(changes.clone(), patience)
            .map_err(|error| Failure::Lost(format!("cannot start the writer thread: {error}")))?;
        let file = File { path: path.clone(), access, writer, readers: Mutex::default() };
        Ok(Shared { changes, patience, file: Some(file) })
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("path", &self.path)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// An open database.
pub(crate) struct Shared {
    /// The connection that writes, and what it changed.
    pub(crate) changes: Arc<Changes>,
    pub(crate) patience: Duration,
    /// None for a database in memory: nobody else sees it, so one connection does everything.
    pub(crate) file: Option<File>,
}

/// What an open file has besides the connection that writes.
pub(crate) struct File {
    pub(crate) path: PathBuf,
    access: Access,
    pub(crate) writer: Writer,
    readers: Mutex<Vec<Reader>>,
}

/// A connection that reads.
pub(crate) struct Reader {
    pub(crate) conn: Connection,
    /// The layouts that it was prepared for.
    known: Vec<TypeId>,
}

impl Shared {
    fn prepare<L: Layout, E>(
        &self,
        prepare: &mut impl FnMut(&mut Connection, Access) -> Result<Prepared<L>, Failure<E>>,
    ) -> Result<Prepared<L>, Failure<E>> {
        let mut conn = lock(&self.changes.conn);
        L::connect(&conn)?;
        let Some(file) = &self.file else { return prepare(&mut conn, Access::Write) };
        let mut prepared = prepare(&mut conn, file.access)?;
        match (&prepared.read_only, file.access) {
            (None, Access::Write) => use_wal(&conn)?,
            (None, _) => prepared.read_only = Some("it is not writable".to_owned()),
            (Some(_), _) => {}
        }
        Ok(prepared)
    }
}

impl File {
    /// Takes a connection that is ready for a store's tables.
    pub(crate) fn reader<L: Layout, E>(
        &self,
        patience: Duration,
        is_writable: bool,
    ) -> Result<Reader, Failure<E>> {
        let idle = lock(&self.readers).pop();
        let mut reader = match idle {
            Some(reader) => reader,
            None => patiently(patience, || {
                let conn = connect(&self.path, self.access, patience)?;
                Ok(Reader { conn, known: Vec::new() })
            })?,
        };
        if !reader.known.contains(&TypeId::of::<L>()) {
            patiently(patience, || Ok(prepare_to_read::<L>(&reader.conn, is_writable)?))?;
            reader.known.push(TypeId::of::<L>());
        }
        Ok(reader)
    }

    /// Keeps a connection for the next reader, if it can be used again.
    pub(crate) fn keep(&self, reader: Reader) {
        let mut readers = lock(&self.readers);
        if readers.len() < IDLE_READERS_MAX && reader.conn.is_autocommit() {
            readers.push(reader);
        }
    }
}

fn prepare_to_read<L: Layout>(conn: &Connection, is_writable: bool) -> rusqlite::Result<()> {
    conn.pragma_update(None, "query_only", false)?;
    L::connect(conn)?;
    if !is_writable {
        L::connect_to_read(conn)?;
    }
    conn.pragma_update(None, "query_only", true)
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic inside a transaction rolled it back, so the connection is fine.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
