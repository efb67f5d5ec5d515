//! The other stores beside a folder of artifacts, and whether they know a run or logged model.
//!
//! Several stores can keep artifacts in one folder: MLflow 3 leaves `mlflow.db` beside `mlruns/`,
//! in which an older MLflow left a file store. What any of them knows is no orphan.

use anyhow::{Context, Result};
use mlctl_tracking::store::location::location_path;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// How every SQLite file begins.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// The endings of the names of databases.
const ENDINGS: [&str; 4] = ["db", "db3", "sqlite", "sqlite3"];
/// The document of a thing in a file store.
const DOCUMENT: &str = "meta.yaml";
/// Where a file store keeps deleted experiments.
const TRASH: &str = ".trash";

/// The stores beside some folders.
#[derive(Debug, Default)]
pub(super) struct Neighbours {
    databases: Vec<Database>,
    /// Folders that may be file stores.
    folders: Vec<PathBuf>,
}

#[derive(Debug)]
struct Database {
    connection: Connection,
    /// What finds an id: a statement for each table that the file has.
    statements: Vec<&'static str>,
}

impl Neighbours {
    /// Finds the stores in and beside the folders among `roots`.
    ///
    /// # Errors
    /// When a database there cannot be read: it may own what looks like an orphan.
    pub(super) fn of(roots: &[String]) -> Result<Self> {
        let mut found = Self::default();
        for root in roots.iter().filter_map(|root| location_path(root)) {
            let root = fs::canonicalize(&root).unwrap_or(root);
            for folder in [Some(root.as_path()), root.parent()].into_iter().flatten() {
                found.databases.extend(databases_in(folder)?);
            }
            found.folders.extend(root.parent().map(|parent| parent.join("mlruns")));
            found.folders.push(root);
        }
        found.folders.sort_unstable();
        found.folders.dedup();
        Ok(found)
    }

    /// Tells whether one of them knows a run or logged model of this id.
    pub(super) fn know(&self, id: &str) -> Result<bool> {
        for database in &self.databases {
            for statement in &database.statements {
                let row = database.connection.query_row(statement, [id], |_| Ok(()));
                if row.optional().context("cannot read a database next to the artifacts")?.is_some()
                {
                    return Ok(true);
                }
            }
        }
        Ok(self.folders.iter().any(|folder| knows(folder, id)))
    }
}

fn databases_in(folder: &Path) -> Result<Vec<Database>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let ending = path.extension().and_then(|ending| ending.to_str());
        if ending.is_some_and(|ending| ENDINGS.contains(&ending)) && is_sqlite(&path) {
            let opened = open(&path);
            let opened = opened.with_context(|| {
                format!(
                    "cannot tell which artifacts `{}` owns, so no orphans are deleted",
                    path.display()
                )
            })?;
            found.extend(opened);
        }
    }
    Ok(found)
}

fn is_sqlite(path: &Path) -> bool {
    let mut begin = [0; MAGIC.len()];
    path.is_file()
        && File::open(path).is_ok_and(|mut file| file.read_exact(&mut begin).is_ok())
        && &begin == MAGIC
}

/// Opens a database; none when it has no tables of MLflow's tracking.
fn open(path: &Path) -> rusqlite::Result<Option<Database>> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    let mut statements = Vec::new();
    for (table, column, statement) in [
        ("runs", "run_uuid", "SELECT 1 FROM runs WHERE run_uuid = ?1"),
        ("logged_models", "model_id", "SELECT 1 FROM logged_models WHERE model_id = ?1"),
    ] {
        if connection.column_exists(None::<&str>, table, column)? {
            statements.push(statement);
        }
    }
    Ok((!statements.is_empty()).then_some(Database { connection, statements }))
}

/// Tells whether a folder is a file store that has a run or logged model of this id.
fn knows(folder: &Path, id: &str) -> bool {
    let parents = [folder.to_owned(), folder.join(TRASH)];
    let experiments = parents.iter().filter_map(|parent| fs::read_dir(parent).ok()).flatten();
    experiments.flatten().map(|experiment| experiment.path()).any(|experiment| {
        let homes = [experiment.join(id), experiment.join("models").join(id)];
        homes.iter().any(|home| home.join(DOCUMENT).symlink_metadata().is_ok())
    })
}
