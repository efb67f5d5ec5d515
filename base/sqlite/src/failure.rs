//! What can go wrong inside a transaction, before it is known what the caller was doing.

use rusqlite::ErrorCode;

/// A reason to roll back; `E` is the error of whoever owns the tables.
#[derive(Debug)]
pub enum Failure<E> {
    /// A rule says no.
    Rule(E),
    /// SQLite says no.
    Sql(rusqlite::Error),
    /// Another program kept the file locked for this many milliseconds.
    Busy(u128),
    /// The disk, or what this program may use of it, is full.
    Full,
    /// The tables are only read: why.
    ReadOnly(String),
    /// The work was right, and what it did is lost: why.
    Lost(String),
}

impl<E> Failure<E> {
    /// Tells whether the same attempt can succeed once another program is done.
    pub fn is_busy(&self) -> bool {
        let Self::Sql(error) = self else { return false };
        is_busy(error)
    }

    /// Tells whether the disk takes no more.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Sql(error) => is_full(error),
            Self::Full => true,
            _ => false,
        }
    }
}

/// Marks the error of whoever owns the tables, so that `?` makes a [`Failure`] of it.
pub trait Rule {}

impl<E: Rule> From<E> for Failure<E> {
    fn from(error: E) -> Self {
        Self::Rule(error)
    }
}

/// Tells whether the disk takes no more. A quota or a limit on the size of files is a failed write
/// to SQLite.
pub fn is_full(error: &rusqlite::Error) -> bool {
    const SQLITE_IOERR_WRITE: i32 = 778;
    error.sqlite_error().is_some_and(|error| {
        error.code == ErrorCode::DiskFull || error.extended_code == SQLITE_IOERR_WRITE
    })
}

/// Tells whether another program is in the way.
pub fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

impl<E> From<rusqlite::Error> for Failure<E> {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}
