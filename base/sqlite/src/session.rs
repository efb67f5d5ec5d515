//! A connection inside a transaction, and the form of the tables that it meets.

use super::connection::{CACHE_KIB, LARGE_CACHE_KIB};
use super::failure::Failure;
use rusqlite::{CachedStatement, Connection, Params};
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fmt;

/// The form of one store's tables in one file, found when it was opened.
pub trait Layout: Copy + fmt::Debug + Send + Sync + 'static {
    /// Fits a statement, written for the newest form, to this one.
    fn fit<'s>(&self, sql: &'s str) -> Cow<'s, str> {
        Cow::Borrowed(sql)
    }

    /// Prepares a connection to a file that is only read, say with tables that the file lacks and
    /// that need not be kept.
    ///
    /// # Errors
    /// Those of SQLite.
    fn connect_to_read(_conn: &Connection) -> rusqlite::Result<()> {
        Ok(())
    }

    /// Prepares every new connection, for functions of its own say. Other stores use the same
    /// connection.
    ///
    /// # Errors
    /// Those of SQLite.
    fn connect(_conn: &Connection) -> rusqlite::Result<()> {
        Ok(())
    }
}

/// What was changed in a transaction.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) keys: RefCell<Vec<String>>,
    pub(crate) everything: Cell<bool>,
}

/// A connection inside a transaction.
#[derive(Debug)]
pub struct Session<'c, L> {
    conn: &'c Connection,
    layout: L,
    notes: &'c Notes,
}

impl<'c, L: Layout> Session<'c, L> {
    pub(crate) fn new(conn: &'c Connection, layout: L, notes: &'c Notes) -> Self {
        Self { conn, layout, notes }
    }

    /// Returns the form of the tables.
    pub fn layout(&self) -> L {
        self.layout
    }

    /// Notes that what `key` names is made or changed, for those who
    /// [watch](super::Tables::watch) the file.
    pub fn note_change(&self, key: &str) {
        self.notes.keys.borrow_mut().push(key.to_owned());
    }

    /// Notes that many things are changed.
    pub fn note_everything(&self) {
        self.notes.everything.set(true);
    }

    /// Prepares a statement that is written for the newest layout, or finds it prepared.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn prepare(&self, sql: &str) -> rusqlite::Result<CachedStatement<'c>> {
        self.conn.prepare_cached(&self.layout.fit(sql))
    }

    /// Runs a statement that returns nothing, and returns how many rows it changed.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn execute(&self, sql: &str, params: impl Params) -> rusqlite::Result<usize> {
        self.prepare(sql)?.execute(params)
    }

    /// Does `work` with more memory for pages of the file than a connection usually has: for work
    /// that comes back to the same pages again and again.
    ///
    /// # Errors
    /// What `work` reports, and SQLite's own.
    pub fn with_large_cache<T, E>(
        &self,
        work: impl FnOnce() -> Result<T, Failure<E>>,
    ) -> Result<T, Failure<E>> {
        self.conn.pragma_update(None, "cache_size", -LARGE_CACHE_KIB)?;
        let done = work();
        self.conn.pragma_update(None, "cache_size", -CACHE_KIB)?;
        self.conn.execute_batch("PRAGMA shrink_memory")?;
        done
    }
}
