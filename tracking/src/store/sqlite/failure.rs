//! What can go wrong inside a transaction, before it is known what the caller was doing.

use crate::Error;
use rusqlite::ErrorCode;

/// A reason to roll back.
#[derive(Debug)]
pub(super) enum Failure {
    /// A rule says no.
    Rule(Error),
    /// SQLite says no.
    Sql(rusqlite::Error),
    /// The work was right, and what it did is lost: why.
    Lost(String),
}

impl Failure {
    /// Tells whether the same transaction can succeed once another program is done.
    pub(super) fn is_busy(&self) -> bool {
        let Self::Sql(error) = self else { return false };
        is_busy(error)
    }
}

/// Tells whether another program is in the way.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Rule(error)
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}
