//! Brings a file of an older MLflow to the newest schema that we know, as its owner's act.
//!
//! The file is locked against everybody else, a copy is written beside it, and all steps are taken
//! in one transaction: a file is at its old revision or at the newest one, whatever happens. What
//! MLflow does not know (tables, indexes and triggers of others, ours among them) is kept.

mod copy;
mod steps;

pub use steps::Step;

use crate::store::Millis;
use crate::{Error, Result};
use mlctl_sqlite::is_busy;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};
use steps::{LATER, STEPS};

/// How long to wait for programs that use the file: longer than a request takes, shorter than
/// somebody at a terminal likes to wait.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);

/// The way of a file to the newest revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The revision at which the file is.
    pub from: String,
    /// The steps to take, in their order; none when the file is at the newest revision.
    pub steps: &'static [Step],
}

/// An upgrade that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgraded {
    /// What was done.
    pub plan: Plan,
    /// The copy of the file as it was before; none when there was nothing to do.
    pub copy: Option<PathBuf>,
}

/// Returns the newest revision that we know, the head of MLflow 3.17.2.
pub fn newest() -> &'static str {
    STEPS[STEPS.len() - 1].revision
}

/// Tells whether a revision is one that we know.
pub(super) fn is_known(revision: &str) -> bool {
    STEPS.iter().any(|step| step.revision == revision) || LATER.contains(&revision)
}

/// Reads what an upgrade of a file would do, and changes nothing.
///
/// # Errors
/// [`Error::Backend`] when the file cannot be read or is no database; [`Error::Unsupported`] when
/// it is none of MLflow's, or at a revision that we do not know.
pub fn plan(path: &Path) -> Result<Plan> {
    let conn = open(path)?;
    conn.busy_timeout(PATIENCE).map_err(|error| failed(path, "reading", error))?;
    plan_of(&conn, path)
}

/// Upgrades a file to the newest revision, after writing a copy beside it.
///
/// The copy is never written over an older one. When this fails the file is as it was.
///
/// # Errors
/// Like [`plan`], and [`Error::Backend`] when another program uses the file, the disk is full, or
/// the file does not hold what its revision says.
pub fn upgrade(path: &Path, now: Millis) -> Result<Upgraded> {
    let seen = plan(path)?;
    if seen.steps.is_empty() {
        return Ok(Upgraded { plan: seen, copy: None });
    }
    // Links are followed first, so that the copy lies beside the file itself.
    let path = &path.canonicalize().map_err(|error| unusable(path, error))?;
    let mut conn = open(path)?;
    lock(&conn, path)?;
    // Until the lock was there another upgrade may have been faster.
    let plan = plan_of(&conn, path)?;
    if plan.steps.is_empty() {
        return Ok(Upgraded { plan, copy: None });
    }
    let copy = copy::write(&conn, path, &plan.from)?;
    match take(&mut conn, &plan, path, now) {
        Ok(()) => Ok(Upgraded { plan, copy: Some(copy) }),
        Err(error) => {
            // The file is as it was, so the copy is of no use; on a full disk it would be in the way.
            if conn.is_autocommit() {
                let _ = std::fs::remove_file(&copy);
            }
            Err(error)
        }
    }
}

fn plan_of(conn: &Connection, path: &Path) -> Result<Plan> {
    let from = revision(conn, path)?;
    if LATER.contains(&from.as_str()) {
        return Ok(Plan { from, steps: &[] });
    }
    let at = STEPS.iter().position(|step| step.revision == from).ok_or_else(|| {
        Error::Unsupported(format!(
            "`{}` is at the unknown revision {from}: it was created by an MLflow newer than \
             3.18.0; update mlctl",
            path.display()
        ))
    })?;
    Ok(Plan { from, steps: &STEPS[at + 1..] })
}

/// Opens a file for writing, even to look at it: what a killed program left half written in its
/// journal has to be rolled back first. SQLite itself falls back to reading.
fn open(path: &Path) -> Result<Connection> {
    if !path.is_file() {
        return Err(unusable(path, io::Error::from(io::ErrorKind::NotFound)));
    }
    let access = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, access).map_err(|error| failed(path, "opening", error))
}

fn revision(conn: &Connection, path: &Path) -> Result<String> {
    let failed = |error| failed(path, "reading", error);
    let foreign = |why: &str| {
        Error::Unsupported(format!("`{}` is not an MLflow database: {why}", path.display()))
    };
    let sql = "SELECT count(*) FROM sqlite_master
               WHERE type = 'table' AND name IN ('alembic_version', 'runs', 'experiments')";
    if conn.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(failed)? < 3 {
        return Err(foreign("it has no tables `alembic_version`, `experiments` and `runs`"));
    }
    let sql = "SELECT version_num FROM alembic_version";
    let found = conn.query_row(sql, [], |row| row.get(0)).optional().map_err(failed)?;
    found.ok_or_else(|| foreign("its table `alembic_version` has no revision"))
}

/// Locks the file against all other programs for as long as the connection is open.
fn lock(conn: &Connection, path: &Path) -> Result<()> {
    let failed = |error| failed(path, "locking", error);
    conn.busy_timeout(Duration::ZERO).map_err(failed)?;
    conn.pragma_update(None, "locking_mode", "EXCLUSIVE").map_err(failed)?;
    // Rebuilding a table drops it for a moment, which must not take what refers to it along.
    let seize = "PRAGMA foreign_keys = OFF; PRAGMA synchronous = FULL; BEGIN EXCLUSIVE; COMMIT";
    let start = Instant::now();
    loop {
        match conn.execute_batch(seize) {
            Err(error) if is_busy(&error) && start.elapsed() < PATIENCE => thread::sleep(PAUSE),
            Err(error) if is_busy(&error) => {
                return Err(Error::backend(
                    format!("cannot upgrade `{}`", path.display()),
                    "another program uses it: stop the servers and clients that use it",
                ));
            }
            locked => return locked.map_err(failed),
        }
    }
}

/// Takes all steps, or none.
fn take(conn: &mut Connection, plan: &Plan, path: &Path, now: Millis) -> Result<()> {
    let failed = |error| failed(path, "upgrading", error);
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let kept = of_others(&tx).map_err(failed)?;
    for step in plan.steps {
        take_step(&tx, step, now).map_err(|error| {
            let doing = format!(
                "cannot upgrade `{}`: the step to revision {} ({}) failed, and nothing was \
                 changed",
                path.display(),
                step.revision,
                step.change
            );
            Error::backend(doing, error)
        })?;
    }
    restore(&tx, &kept).map_err(failed)?;
    let sql = "UPDATE alembic_version SET version_num = ?1";
    tx.execute(sql, [newest()]).map_err(failed)?;
    tx.commit().map_err(failed)
}

fn take_step(
    tx: &Transaction<'_>,
    step: &Step,
    now: Millis,
) -> std::result::Result<(), Box<dyn std::error::Error + Send + Sync>> {
    if let Some(check) = step.check {
        let problem: Option<String> = tx.query_row(check, [], |row| row.get(0)).optional()?;
        if let Some(problem) = problem {
            return Err(problem.into());
        }
    }
    Ok(tx.execute_batch(&step.sql.replace(":now", &now.to_string()))?)
}

/// An index or trigger that is not MLflow's: rebuilding its table loses it.
struct Kept {
    name: String,
    sql: String,
}

fn of_others(tx: &Transaction<'_>) -> rusqlite::Result<Vec<Kept>> {
    let sql = "SELECT name, sql FROM sqlite_master
               WHERE type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY type, name";
    let mut statement = tx.prepare(sql)?;
    let rows = statement.query_map([], |row| Ok(Kept { name: row.get(0)?, sql: row.get(1)? }))?;
    let mut kept = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    kept.retain(|one| !STEPS.iter().any(|step| step.sql.contains(&one.name)));
    Ok(kept)
}

fn restore(tx: &Transaction<'_>, kept: &[Kept]) -> rusqlite::Result<()> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = ?1)";
    for one in kept {
        if !tx.query_row(sql, [&one.name], |row| row.get(0))? {
            tx.execute_batch(&one.sql)?;
        }
    }
    Ok(())
}

fn unusable(path: &Path, error: io::Error) -> Error {
    Error::backend(format!("cannot use the database `{}`", path.display()), error)
}

fn failed(path: &Path, doing: &str, error: rusqlite::Error) -> Error {
    Error::backend(format!("{doing} `{}`", path.display()), error)
}

#[cfg(test)]
mod tests;
