//! What can go wrong inside a transaction, before it is known what the caller was doing.

use rusqlite::ErrorCode;

use crate::error::Error;

/// A reason to roll back.
#[derive(Debug)]
pub(super) enum Failure {
    /// A rule says no.
    Rule(Error),
    /// The tables are not what they should be.
    Schema(String),
    /// SQLite says no.
    Sql(rusqlite::Error),
}

impl Failure {
    /// Tells whether the same transaction can succeed once another program is done.
    pub(super) fn is_busy(&self) -> bool {
        let Self::Sql(error) = self else { return false };
        matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
        )
    }
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

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Sql(rusqlite::Error::ToSqlConversionFailure(error.into()))
    }
}
