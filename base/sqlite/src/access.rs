//! What may be done to a file, and opening it accordingly.

use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// How a file can be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It can be written to.
    Write,
    /// Its permissions or its disk do not let this program write to it.
    Read,
    /// The same, and its folder takes no file either, so that nobody here can change it.
    Immutable,
}

impl Access {
    /// Finds out what can be done to a file, which is made when it is missing.
    ///
    /// # Errors
    /// SQLite's own: the file cannot be made or read, or is no database. A file that cannot be
    /// written to and whose last changes still stand in the log beside it cannot be read.
    pub fn of(path: &Path) -> rusqlite::Result<Self> {
        let conn = Self::Write.open(path)?;
        if !conn.is_readonly("main")? {
            return Ok(Self::Write);
        }
        match conn.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(())) {
            Ok(()) => Ok(Self::Read),
            // A file with a log beside it is read through a third file, which cannot be made here.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::CannotOpen) => {
                match fs::metadata(log_of(path)).is_ok_and(|log| log.len() > 0) {
                    true => Err(error),
                    false => Ok(Self::Immutable),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Opens a connection; a missing file is made.
    ///
    /// # Errors
    /// SQLite's own.
    pub fn open(self, path: &Path) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX;
        match self {
            // Without SQLITE_OPEN_URI a name that begins with `file:` is just a name. SQLite opens
            // what it cannot write to for reading.
            Self::Write | Self::Read => Connection::open_with_flags(
                path,
                flags | OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
            ),
            Self::Immutable => Connection::open_with_flags(
                immutable_uri(path),
                flags | OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
            ),
        }
    }
}

fn log_of(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push("-wal");
    name.into()
}

/// Spells a path as the kind of URI that SQLite reads.
fn immutable_uri(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                uri.push(char::from(*byte));
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri + "?immutable=1"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_nobody_can_change_is_read_under_any_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a b?é#%.db");
        assert_eq!(Access::of(&path).unwrap(), Access::Write);
        let conn = Access::Write.open(&path).unwrap();
        conn.execute_batch("CREATE TABLE notes (text TEXT)").unwrap();
        drop(conn);

        let conn = Access::Immutable.open(&path).unwrap();

        assert!(conn.is_readonly("main").unwrap());
        conn.query_row("SELECT count(*) FROM notes", [], |_| Ok(())).unwrap();
    }
}
