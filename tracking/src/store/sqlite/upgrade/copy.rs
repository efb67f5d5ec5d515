//! The copy of a file as it was before an upgrade.

use crate::{Error, Result};
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// Copies the database of a connection that has locked it, page by page, what is in its WAL
/// included, and returns where the copy is: `FILE.REVISION.backup`, with a number when there is
/// one.
pub(super) fn write(conn: &Connection, path: &Path, revision: &str) -> Result<PathBuf> {
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
        let doing = format!("cannot copy `{}`, so it was not changed", path.display());
        Error::backend(doing, error)
    };
    let target = reserve(path, revision).map_err(|error| failed(error.into()))?;
    // Under a name of its own first: what has the copy's name is whole.
    let partial = target.with_extension("partial");
    let done = fill(conn, path, &partial).and_then(|()| Ok(fs::rename(&partial, &target)?));
    done.map_err(|error| {
        let _ = fs::remove_file(&partial);
        let _ = fs::remove_file(&target);
        failed(error)
    })?;
    // The name has to last as long as the content does.
    if let Some(folder) = target.parent() {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(|e| failed(e.into()))?;
    }
    Ok(target)
}

/// Makes an empty file under the first name that is free.
fn reserve(path: &Path, revision: &str) -> io::Result<PathBuf> {
    let mut number = 1;
    loop {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{revision}"));
        if number > 1 {
            name.push(format!(".{number}"));
        }
        name.push(".backup");
        let target = path.with_file_name(name);
        match OpenOptions::new().write(true).create_new(true).open(&target) {
            // An empty one is what a killed upgrade left; nobody else is at it, the file is locked.
            Err(_)
                if fs::symlink_metadata(&target).is_ok_and(|it| it.is_file() && it.len() == 0) =>
            {
                return Ok(target);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            made => return made.map(|_| target),
        }
    }
}

fn fill(
    conn: &Connection,
    path: &Path,
    target: &Path,
) -> std::result::Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut copy = Connection::open(target)?;
    // Whoever may not read the file may not read its copy.
    fs::set_permissions(target, fs::metadata(path)?.permissions())?;
    if Backup::new(conn, &mut copy)?.step(-1)? != StepResult::Done {
        return Err("another program uses it".into());
    }
    copy.close().map_err(|(_, error)| error)?;
    File::open(target)?.sync_all()?;
    Ok(())
}
