//! A SQLite file that many callers share.
//!
//! One thread writes for all callers and commits the work of many of them at once; connections
//! that read are kept for the next caller; locks of other programs are waited for. What is in the
//! tables is the caller's business: a [`Layout`] says what form they have, a [`Session`] prepares
//! statements for it.
//!
//! ```
//! use mlctl_sqlite::{Database, Durability, Failure, Layout, Options};
//!
//! #[derive(Clone, Copy, Debug)]
//! struct Notes;
//! impl Layout for Notes {}
//!
//! let database = Database::in_memory(|conn| {
//!     conn.execute_batch("CREATE TABLE notes (text TEXT)")?;
//!     Ok::<_, Failure<std::fmt::Error>>(Notes)
//! })?;
//! database.write(|db| {
//!     db.prepare("INSERT INTO notes VALUES ('hello')")?.execute([])?;
//!     Ok::<_, Failure<std::fmt::Error>>(())
//! })?;
//! let text: String = database.read(|db| {
//!     Ok::<_, Failure<std::fmt::Error>>(
//!         db.prepare("SELECT text FROM notes")?.query_row([], |row| row.get(0))?,
//!     )
//! })?;
//! assert_eq!(text, "hello");
//! # let _ = Options { durability: Durability::Full, ..Options::default() };
//! # Ok::<(), Failure<std::fmt::Error>>(())
//! ```

mod access;
mod database;
mod failure;
mod session;
mod shape;
mod writer;

pub use access::Access;
pub use database::{Database, Durability, Options};
pub use failure::{Failure, Rule, is_busy, is_full};
pub use session::{Layout, Session};
pub use shape::obstacle;
