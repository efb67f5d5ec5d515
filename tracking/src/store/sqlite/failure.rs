//! What can go wrong inside a transaction, before it is known what the caller was doing.

use crate::Error;
use mlctl_sqlite::is_full;
use rusqlite::ErrorCode;

/// A reason to roll back.
#[derive(Debug)]
pub(super) enum Failure {
    /// A rule says no.
    Rule(Error),
    /// SQLite says no.
    Sql(rusqlite::Error),
    /// The work was right, and what it did is lost.
    Lost(Loss),
}

/// Why work that went well is not kept.
#[derive(Clone, Debug)]
pub(super) enum Loss {
    /// The disk takes no more.
    Full,
    /// Anything else.
    Other(String),
}

impl Failure {
    /// Tells whether the same transaction can succeed once another program is done.
    pub(super) fn is_busy(&self) -> bool {
        let Self::Sql(error) = self else { return false };
        is_busy(error)
    }

    /// Tells whether the disk takes no more.
    pub(super) fn is_full(&self) -> bool {
        match self {
            Self::Sql(error) => is_full(error),
            Self::Lost(loss) => matches!(loss, Loss::Full),
            Self::Rule(_) => false,
        }
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
