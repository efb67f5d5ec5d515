//! A connection inside a transaction, and the form of the tables that it meets.

use rusqlite::{CachedStatement, Connection, Params};
use std::borrow::Cow;
use std::fmt;

/// The form of the tables in one file, found when it was opened.
pub trait Layout: Copy + fmt::Debug + Send + Sync + 'static {
    /// Fits a statement, written for the newest form, to this one.
    fn fit<'s>(&self, sql: &'s str) -> Cow<'s, str> {
        Cow::Borrowed(sql)
    }

    /// Tells whether the tables let this program write; a file of which they do not keeps its
    /// journal mode too.
    fn is_writable(&self) -> bool {
        true
    }

    /// Prepares a connection to a file that is only read, say with tables that the file lacks and
    /// that need not be kept.
    ///
    /// # Errors
    /// Those of SQLite.
    fn connect_to_read(_conn: &Connection) -> rusqlite::Result<()> {
        Ok(())
    }

    /// Prepares every new connection, for functions of its own say.
    ///
    /// # Errors
    /// Those of SQLite.
    fn connect(_conn: &Connection) -> rusqlite::Result<()> {
        Ok(())
    }
}

/// A connection inside a transaction.
#[derive(Debug)]
pub struct Session<'c, L> {
    conn: &'c Connection,
    layout: L,
}

impl<'c, L: Layout> Session<'c, L> {
    pub(crate) fn new(conn: &'c Connection, layout: L) -> Self {
        Self { conn, layout }
    }

    /// Returns the form of the tables.
    pub fn layout(&self) -> L {
        self.layout
    }

    /// Prepares a statement that is written for the newest layout, or finds it prepared.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn prepare(&self, sql: &str) -> rusqlite::Result<CachedStatement<'c>> {
        self.conn.prepare_cached(&self.layout.fit(sql))
    }

    /// Runs a statement that returns nothing, and tells how many rows it changed.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn execute(&self, sql: &str, params: impl Params) -> rusqlite::Result<usize> {
        self.prepare(sql)?.execute(params)
    }
}
