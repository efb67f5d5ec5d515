//! The tables of one store in a file.

use super::changes::{Changes, Watch};
use super::connection::patiently;
use super::database::{Prepared, Shared, lock};
use super::failure::Failure;
use super::session::{Layout, Notes, Session};
use super::writer::in_transaction;
use rusqlite::Connection;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// The tables of one store in an open [`Database`](super::Database).
pub struct Tables<L> {
    shared: Arc<Shared>,
    layout: L,
    read_only: Option<String>,
}

impl<L: Layout> Tables<L> {
    pub(crate) fn new(shared: Arc<Shared>, prepared: Prepared<L>) -> Self {
        let Prepared { layout, read_only } = prepared;
        Self { shared, layout, read_only }
    }

    /// Returns the file; none for a database in memory.
    pub fn path(&self) -> Option<&Path> {
        self.shared.file.as_ref().map(|file| file.path.as_path())
    }

    /// Returns the form of the tables.
    pub fn layout(&self) -> L {
        self.layout
    }

    /// Runs `work` in a transaction that nobody else writes beside, and returns once what it did
    /// is committed. When it fails, nothing of it is.
    ///
    /// It may run twice: once more when what it did the first time was rolled back for the sake
    /// of a neighbour.
    ///
    /// # Errors
    /// What `work` reports; [`Failure::Lost`] when its changes cannot be committed,
    /// [`Failure::ReadOnly`] for tables that are only read.
    pub fn write<T: Send + 'static, E: Send + 'static>(
        &self,
        work: impl Fn(&Session<'_, L>) -> Result<T, Failure<E>> + Send + 'static,
    ) -> Result<T, Failure<E>> {
        self.check_writable()?;
        let layout = self.layout;
        match &self.shared.file {
            Some(file) => {
                file.writer.run(move |conn, notes| work(&Session::new(conn, layout, notes)))
            }
            None => {
                let conn = lock(&self.shared.changes.conn);
                let notes = Notes::default();
                let done =
                    in_transaction(&conn, || work(&Session::new(&conn, self.layout, &notes)));
                self.shared.changes.note(&notes);
                done
            }
        }
    }

    /// Like [`Self::write`], but returns at once; `done` gets the outcome, on the thread that
    /// writes.
    pub fn write_then<T: Send + 'static, E: Send + 'static>(
        &self,
        work: impl Fn(&Session<'_, L>) -> Result<T, Failure<E>> + Send + 'static,
        done: impl FnOnce(Result<T, Failure<E>>) + Send + 'static,
    ) {
        if let Err(failure) = self.check_writable() {
            return done(Err(failure));
        }
        let layout = self.layout;
        match &self.shared.file {
            Some(file) => file
                .writer
                .submit(move |conn, notes| work(&Session::new(conn, layout, notes)), done),
            None => done(self.write(work)),
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
        let notes = Notes::default();
        let Some(file) = &self.shared.file else {
            let conn = lock(&self.shared.changes.conn);
            return in_transaction(&conn, || work(&Session::new(&conn, self.layout, &notes)));
        };
        let patience = self.shared.patience;
        let reader = file.reader::<L, E>(patience, self.read_only.is_none())?;
        let conn = &reader.conn;
        let read =
            patiently(patience, || view(conn, || work(&Session::new(conn, self.layout, &notes))));
        file.keep(reader);
        read
    }

    /// Starts to collect what changes in the file, in these tables and all others.
    pub fn watch(&self) -> Watch {
        Changes::watch(&self.shared.changes)
    }

    fn check_writable<E>(&self) -> Result<(), Failure<E>> {
        self.read_only.clone().map_or(Ok(()), |why| Err(Failure::ReadOnly(why)))
    }
}

impl<L: fmt::Debug> fmt::Debug for Tables<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.shared.file.as_ref();
        f.debug_struct("Tables")
            .field("path", &file.map_or(Path::new(":memory:"), |file| file.path.as_path()))
            .field("layout", &self.layout)
            .finish_non_exhaustive()
    }
}

/// Runs `work` between a `BEGIN` and an end, both of which are found prepared.
fn view<T, E>(
    conn: &Connection,
    work: impl FnOnce() -> Result<T, Failure<E>>,
) -> Result<T, Failure<E>> {
    conn.prepare_cached("BEGIN DEFERRED")?.execute([])?;
    let outcome = work();
    // Nothing was written, so both ends are alike.
    conn.prepare_cached("COMMIT")?.execute([])?;
    outcome
}
