//! The store's tables in a database that others may share, with this crate's errors.

use super::schema::Layout;
use crate::Error;
use mlctl_sqlite::{Access, Changed, Prepared, Tables, Watch};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A connection inside a transaction.
pub(super) type Session<'c> = mlctl_sqlite::Session<'c, Layout>;
/// A reason to roll back.
pub(super) type Failure = mlctl_sqlite::Failure<Error>;

impl mlctl_sqlite::Rule for Error {}

/// The tables, and what changes in them.
#[derive(Debug)]
pub(super) struct Database {
    path: Arc<Path>,
    tables: Tables<Layout>,
    watch: Watch,
}

impl Database {
    /// Takes the tables of a file into use; `prepare` sees to them.
    pub(super) fn attach(
        database: &mlctl_sqlite::Database,
        path: PathBuf,
        prepare: impl FnMut(&mut Connection, Access) -> Result<Prepared<Layout>, Failure>,
    ) -> Result<Self, Error> {
        let path: Arc<Path> = path.into();
        let tables = database
            .attach(prepare)
            .map_err(|failure| explain("opening the tracking store", &path, failure))?;
        let watch = tables.watch();
        Ok(Self { path, tables, watch })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `work` in a transaction that nobody else writes beside, and returns once what it did
    /// is committed. When it fails, nothing of it is.
    pub(super) fn write<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl Fn(&Session<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Error> {
        self.tables.write(work).map_err(|failure| explain(doing, &self.path, failure))
    }

    /// Like [`Self::write`], but returns at once; `done` gets the outcome, on the thread that
    /// writes.
    pub(super) fn write_then<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl Fn(&Session<'_>) -> Result<T, Failure> + Send + 'static,
        done: impl FnOnce(Result<T, Error>) + Send + 'static,
    ) {
        let path = self.path.clone();
        self.tables.write_then(work, move |outcome| {
            done(outcome.map_err(|failure| explain(doing, &path, failure)));
        });
    }

    /// Takes what changed since the last call; see [`Watch::take`].
    pub(super) fn take_changes(&self) -> Option<Changed> {
        self.watch.take()
    }

    /// Runs `work` on one unchanging view of the file.
    pub(super) fn read<T>(
        &self,
        doing: &'static str,
        work: impl FnMut(&Session<'_>) -> Result<T, Failure>,
    ) -> Result<T, Error> {
        self.tables.read(work).map_err(|failure| explain(doing, &self.path, failure))
    }
}

const BUSY: &str = "another program has been writing for more than a minute";

/// Says what failed, and in which file.
fn explain(doing: &str, path: &Path, failure: Failure) -> Error {
    let doing = format!("{doing} in `{}`", path.display());
    match failure {
        Failure::Rule(error) => error,
        Failure::ReadOnly(why) => Error::ReadOnly(why),
        Failure::Full => {
            Error::NoSpace { doing, source: "the database or its disk is full".into() }
        }
        Failure::Busy(_) => Error::backend(doing, BUSY),
        failure if failure.is_busy() => Error::backend(doing, BUSY),
        Failure::Sql(source) if mlctl_sqlite::is_full(&source) => {
            Error::NoSpace { doing, source: source.into() }
        }
        Failure::Sql(source) => Error::backend(doing, source),
        Failure::Lost(why) => Error::backend(doing, why),
    }
}
