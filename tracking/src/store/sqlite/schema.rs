//! Which tables a file has, and making those of a new one.
//!
//! A file of MLflow's is used as it is, whatever its age; migrating it is its owner's act. The one
//! thing added to it is a table of our own, which MLflow does not look at.

use super::database::Session;
use super::failure::Failure;
use crate::Error;
use rusqlite::{Connection, TransactionBehavior};
use std::borrow::Cow;
use std::collections::HashSet;
use std::path::Path;

const HEAD: &str = include_str!("schema/head.sql");
const OWN: &str = include_str!("schema/own.sql");
const OWN_TABLE: &str = "mlctl_logged_model_metrics";

/// What every file must have, as `table.column`.
const NEEDED: [&str; 17] = [
    "alembic_version.version_num",
    "experiments.creation_time",
    "experiments.last_update_time",
    "experiment_tags.value",
    "runs.name",
    "runs.deleted_time",
    "metrics.step",
    "metrics.is_nan",
    "latest_metrics.timestamp",
    "latest_metrics.is_nan",
    "params.value",
    "tags.value",
    "datasets.dataset_uuid",
    "datasets.dataset_profile",
    "inputs.input_uuid",
    "inputs.destination_id",
    "input_tags.value",
];
/// What logged models need besides.
const NEEDED_BY_MODELS: [&str; 5] = [
    "logged_models.model_id",
    "logged_model_params.param_value",
    "logged_model_tags.tag_value",
    "logged_model_metrics.dataset_digest",
    "inputs.step",
];

/// The form of the tables in one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Whether experiments belong to workspaces, as they do in MLflow 3.17 and not in 2.22.
    has_workspaces: bool,
    /// Whether there are tables for logged models, which came with MLflow 3.
    has_models: bool,
}

impl Layout {
    /// Fits a statement, written for the newest layout, to this one.
    ///
    /// Where there are no workspaces every row is in the default one.
    pub(super) fn sql<'s>(&self, sql: &'s str) -> Cow<'s, str> {
        match self.has_workspaces {
            true => Cow::Borrowed(sql),
            false => Cow::Owned(sql.replace("e.workspace = 'default'", "TRUE")),
        }
    }

    pub(super) fn has_models(&self) -> bool {
        self.has_models
    }

    /// Refuses what needs the tables for logged models when the file has none.
    pub(super) fn check_models(&self) -> Result<(), Error> {
        if self.has_models {
            return Ok(());
        }
        Err(Error::Unsupported(
            "this database is of an MLflow before 3.0, which has no tables for logged models: \
             run `mlctl db upgrade` on the file first"
                .to_owned(),
        ))
    }
}

/// Makes the tables of a file that has none, and says what form they have.
///
/// The default experiment is made when it is missing, as MLflow does; its artifacts go below
/// `artifact_root`.
pub(super) fn prepare(
    conn: &mut Connection,
    path: &Path,
    artifact_root: &str,
    now: i64,
) -> Result<Layout, Failure> {
    if is_ready(conn)? {
        return layout(conn, path);
    }
    // Another process may have been faster: ask again once nobody else can write.
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if !has_tables(&tx)? {
        tx.execute_batch(HEAD)?;
    }
    let layout = layout(&tx, path)?;
    if layout.has_models {
        tx.execute_batch(OWN)?;
    }
    tx.execute(
        "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage,
                                  creation_time, last_update_time)
         VALUES (0, 'Default', ?1, 'active', ?2, ?2) ON CONFLICT DO NOTHING",
        (format!("{artifact_root}/0"), now),
    )?;
    tx.commit()?;
    Ok(layout)
}

fn has_tables(conn: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*) FROM sqlite_master WHERE type = 'table'
               AND name IN ('experiments', 'runs')";
    conn.query_row(sql, [], |row| row.get::<_, i64>(0)).map(|tables| tables > 0)
}

/// Tells whether there is nothing to make.
fn is_ready(conn: &Connection) -> Result<bool, Failure> {
    let columns = columns(conn)?;
    let has = |name: &str| columns.contains(name);
    if !has("experiments.experiment_id") || !has("runs.run_uuid") {
        return Ok(false);
    }
    let sql = "SELECT EXISTS (SELECT 1 FROM experiments WHERE experiment_id = 0)";
    let has_default: bool = conn.query_row(sql, [], |row| row.get(0))?;
    let lacks_own = has("logged_models.model_id") && !has(&format!("{OWN_TABLE}.model_id"));
    Ok(has_default && !lacks_own)
}

fn layout(conn: &Connection, path: &Path) -> Result<Layout, Failure> {
    let columns = columns(conn)?;
    let missing: Vec<&str> =
        NEEDED.into_iter().filter(|needed| !columns.contains(*needed)).collect();
    if !missing.is_empty() {
        return Err(Failure::Rule(Error::Unsupported(format!(
            "`{0}` lacks {1}: it is of a very old MLflow, run `mlctl db upgrade {0}` first",
            path.display(),
            missing.join(", ")
        ))));
    }
    Ok(Layout {
        has_workspaces: columns.contains("experiments.workspace"),
        has_models: NEEDED_BY_MODELS.into_iter().all(|needed| columns.contains(needed)),
    })
}

fn columns(conn: &Connection) -> rusqlite::Result<HashSet<String>> {
    let mut statement = conn.prepare(
        "SELECT t.name || '.' || c.name FROM sqlite_master AS t
         CROSS JOIN pragma_table_info(t.name) AS c WHERE t.type = 'table'",
    )?;
    statement.query_map([], |row| row.get(0))?.collect()
}

impl Session<'_> {
    /// Refuses what needs the tables for logged models when the file has none.
    pub(super) fn check_models(&self) -> Result<(), Failure> {
        Ok(self.layout().check_models()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_is_at_the_head() {
        let mut conn = Connection::open_in_memory().unwrap();
        let layout = prepare(&mut conn, Path::new("x.db"), "/root", 5).unwrap();
        assert_eq!(layout, Layout { has_workspaces: true, has_models: true });
        let changes = conn.total_changes();
        assert_eq!(prepare(&mut conn, Path::new("x.db"), "/other", 6).unwrap(), layout);
        assert_eq!(conn.total_changes(), changes);
        let sql = "SELECT artifact_location FROM experiments";
        let location: String = conn.query_row(sql, [], |row| row.get(0)).unwrap();
        assert_eq!(location, "/root/0");
    }
}
