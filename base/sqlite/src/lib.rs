//! A SQLite file that many callers share.
//!
//! One thread writes for all callers, of whichever store, and commits the work of many of them at
//! once; connections that read are kept for the next caller; locks of other programs are waited
//! for. A [`Database`] is the file. What is in the tables is the business of the stores that
//! attach to it: each gets its [`Tables`], a [`Layout`] says what form they have, a [`Session`]
//! prepares statements for it.
//!
//! ```
//! use mlctl_sqlite::{Database, Failure, Layout, Prepared};
//!
//! #[derive(Clone, Copy, Debug)]
//! struct Notes;
//! impl Layout for Notes {}
//!
//! let database = Database::in_memory();
//! let notes = database.attach(|conn, _| {
//!     conn.execute_batch("CREATE TABLE notes (text TEXT)")?;
//!     Ok::<_, Failure<std::fmt::Error>>(Prepared::writable(Notes))
//! })?;
//! notes.write(|db| {
//!     db.prepare("INSERT INTO notes VALUES ('hello')")?.execute([])?;
//!     Ok::<_, Failure<std::fmt::Error>>(())
//! })?;
//! let text: String = notes.read(|db| {
//!     Ok::<_, Failure<std::fmt::Error>>(
//!         db.prepare("SELECT text FROM notes")?.query_row([], |row| row.get(0))?,
//!     )
//! })?;
//! assert_eq!(text, "hello");
//! # Ok::<(), Failure<std::fmt::Error>>(())
//! ```

mod access;
mod changes;
mod connection;
mod database;
mod failure;
mod session;
mod shape;
mod tables;
mod writer;

pub use access::Access;
pub use changes::{Changed, Watch};
pub use connection::Durability;
pub use database::{Database, Options, Prepared};
pub use failure::{Failure, Rule, is_busy, is_full};
pub use session::{Layout, Session};
pub use shape::obstacle;
pub use tables::Tables;
