//! Which tables a file has, and making those of a new one.
//!
//! A file of MLflow's is used as it is, whatever its age; migrating it is its owner's act. The one
//! thing added to it is a table of our own, which MLflow does not look at.

use super::database::Failure;
use super::upgrade;
use crate::Error;
use mlctl_sqlite::{Access, Prepared};
use rusqlite::{Connection, TransactionBehavior};
use std::borrow::Cow;
use std::collections::HashSet;
use std::path::Path;

const HEAD: &str = include_str!("schema/head.sql");
const OWN: &str = include_str!("schema/own.sql");
const OWN_COLUMN: &str = "mlctl_logged_model_metrics.model_id";

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

/// MLflow's tables that we write to.
const TOUCHED: [&str; 14] = [
    "experiments",
    "experiment_tags",
    "runs",
    "metrics",
    "latest_metrics",
    "params",
    "tags",
    "datasets",
    "inputs",
    "input_tags",
    "logged_models",
    "logged_model_params",
    "logged_model_tags",
    "logged_model_metrics",
];
/// How the names of what is ours begin.
const OWN_PREFIX: &str = "mlctl_";

/// The form of the tables in one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Whether experiments belong to workspaces, as they do in MLflow 3.17 and not in 2.22.
    has_workspaces: bool,
    /// Whether there are tables for logged models, which came with MLflow 3.
    has_models: bool,
    /// Whether there is the table of our own.
    has_own: bool,
}

impl mlctl_sqlite::Layout for Layout {
    /// Where there are no workspaces every row is in the default one.
    fn fit<'s>(&self, sql: &'s str) -> Cow<'s, str> {
        match self.has_workspaces {
            true => Cow::Borrowed(sql),
            false => Cow::Owned(sql.replace("e.workspace = 'default'", "TRUE")),
        }
    }
}

impl Layout {
    pub(super) fn has_models(&self) -> bool {
        self.has_models
    }

    pub(super) fn has_own(&self) -> bool {
        self.has_own
    }

    /// Refuses what needs the tables for logged models when the file has none.
    pub(super) fn check_models(&self) -> Result<(), Error> {
        if self.has_models {
            return Ok(());
        }
        Err(Error::Unsupported(
            "this database was created by an MLflow before 3.0 and has no tables for logged \
             models: run `mlctl db upgrade FILE` first"
                .to_owned(),
        ))
    }
}

/// Makes the tables of a file that has none, and says what form they have. A file that cannot be
/// written to, or whose newer MLflow asks for more than we know, is left as it is.
///
/// The default experiment is made when it is missing, as MLflow does; its artifacts go below
/// `artifact_root`.
pub(super) fn prepare(
    conn: &mut Connection,
    path: &Path,
    access: Access,
    artifact_root: &str,
    now: i64,
) -> Result<Prepared<Layout>, Failure> {
    if let Some(why) = refusal(conn, access)? {
        tracing::warn!(path = %path.display(), why, "opened read-only");
        return Ok(Prepared { layout: layout(conn, path)?, read_only: Some(why) });
    }
    if has_tables(conn)? {
        let layout = layout(conn, path)?;
        if layout.has_own == layout.has_models && has_default(conn)? {
            return Ok(Prepared::writable(layout));
        }
    }
    // Another process may have been faster: ask again once nobody else can write.
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if !has_tables(&tx)? {
        tx.execute_batch(HEAD)?;
    }
    let mut layout = layout(&tx, path)?;
    if layout.has_models {
        tx.execute_batch(OWN)?;
        layout.has_own = true;
    }
    tx.execute(
        "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage,
                                  creation_time, last_update_time)
         VALUES (0, 'Default', ?1, 'active', ?2, ?2) ON CONFLICT DO NOTHING",
        (format!("{artifact_root}/0"), now),
    )?;
    tx.commit()?;
    Ok(Prepared::writable(layout))
}

/// Tells why a file should not be written to.
fn refusal(conn: &Connection, access: Access) -> Result<Option<String>, Failure> {
    if access != Access::Write {
        let why = "this program has no permission to write to its file or its disk";
        return Ok(Some(why.to_owned()));
    }
    if !has_tables(conn)? || !is_newer(conn)? {
        return Ok(None);
    }
    let known = Connection::open_in_memory()?;
    known.execute_batch(HEAD)?;
    let obstacle = mlctl_sqlite::obstacle(conn, &known, &TOUCHED, OWN_PREFIX)?;
    Ok(obstacle.map(|why| format!("it was created by a newer MLflow, and {why}; update mlctl")))
}

fn has_tables(conn: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*) FROM sqlite_master WHERE type = 'table'
               AND name IN ('experiments', 'runs')";
    conn.query_row(sql, [], |row| row.get::<_, i64>(0)).map(|tables| tables > 0)
}

fn has_default(conn: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM experiments WHERE experiment_id = 0)";
    conn.query_row(sql, [], |row| row.get(0))
}

/// Tells whether the file is at a revision of which nothing is known.
fn is_newer(conn: &Connection) -> rusqlite::Result<bool> {
    let mut statement = conn.prepare("SELECT version_num FROM alembic_version")?;
    let revisions: Vec<String> =
        statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(revisions.iter().any(|revision| !upgrade::is_known(revision)))
}

fn layout(conn: &Connection, path: &Path) -> Result<Layout, Failure> {
    let columns = columns(conn)?;
    let missing: Vec<&str> =
        NEEDED.into_iter().filter(|needed| !columns.contains(*needed)).collect();
    if !missing.is_empty() {
        return Err(Failure::Rule(Error::Unsupported(format!(
            "`{0}` lacks {1}: {2}",
            path.display(),
            missing.join(", "),
            match is_newer(conn) {
                Ok(true) => "it was created by a newer MLflow; update mlctl".to_owned(),
                _ => format!(
                    "it was created by a very old MLflow; run `mlctl db upgrade {}` first",
                    path.display()
                ),
            }
        ))));
    }
    Ok(Layout {
        has_workspaces: columns.contains("experiments.workspace"),
        has_models: NEEDED_BY_MODELS.into_iter().all(|needed| columns.contains(needed)),
        has_own: columns.contains(OWN_COLUMN),
    })
}

fn columns(conn: &Connection) -> rusqlite::Result<HashSet<String>> {
    let mut statement = conn.prepare(
        "SELECT t.name || '.' || c.name FROM sqlite_master AS t
         CROSS JOIN pragma_table_info(t.name) AS c WHERE t.type = 'table'",
    )?;
    statement.query_map([], |row| row.get(0))?.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = include_str!("../../../tests/fixtures/mlflow-2.22.5.sql");

    fn opened(conn: &mut Connection) -> Result<Prepared<Layout>, Failure> {
        prepare(conn, Path::new("x.db"), Access::Write, "/root", 5)
    }

    fn prepared(conn: &mut Connection) -> Result<Layout, Failure> {
        opened(conn).map(|opened| opened.layout)
    }

    #[test]
    fn a_new_file_is_at_the_head_and_opening_it_again_changes_nothing() {
        let mut conn = Connection::open_in_memory().unwrap();
        let layout = prepared(&mut conn).unwrap();
        assert_eq!(layout, Layout { has_workspaces: true, has_models: true, has_own: true });
        let changes = conn.total_changes();

        assert_eq!(prepared(&mut conn).unwrap(), layout);

        assert_eq!(conn.total_changes(), changes);
        let sql = "SELECT artifact_location FROM experiments";
        let location: String = conn.query_row(sql, [], |row| row.get(0)).unwrap();
        assert_eq!(location, "/root/0");
    }

    #[test]
    fn a_registry_that_came_first_keeps_its_tables() {
        let mut conn = Connection::open_in_memory().unwrap();
        let of_registry =
            |text: &&str| text.contains("registered_model") || text.contains("model_version");
        for statement in HEAD.split_inclusive(";\n").filter(of_registry) {
            conn.execute_batch(statement).unwrap();
        }
        conn.execute_batch("INSERT INTO registered_models (name) VALUES ('churn')").unwrap();

        let layout = prepared(&mut conn).unwrap();

        assert!(layout.has_models);
        let sql = "SELECT count(*) FROM registered_models";
        assert_eq!(conn.query_row(sql, [], |row| row.get(0)), Ok(1));
    }

    #[test]
    fn an_old_file_is_left_as_it_is() {
        let mut conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(OLD).unwrap();
        let changes = conn.total_changes();

        let layout = prepared(&mut conn).unwrap();

        assert!(!layout.has_workspaces && !layout.has_models);
        assert!(layout.check_models().unwrap_err().to_string().contains("mlctl db upgrade FILE"));
        assert_eq!(conn.total_changes(), changes);
    }

    /// Opens a file of an MLflow that nobody knows yet, after a change of its tables.
    #[track_caller]
    fn check_newer(change: &str, read_only: Option<&str>) {
        let mut conn = Connection::open_in_memory().unwrap();
        prepared(&mut conn).unwrap();
        conn.execute_batch("UPDATE alembic_version SET version_num = 'ffffffffffff'").unwrap();
        conn.execute_batch(change).unwrap();

        let opened = opened(&mut conn).unwrap();

        assert_eq!(opened.read_only.as_deref(), read_only, "after {change}");
    }

    #[test]
    fn a_newer_file_is_written_to_when_our_tables_still_take_our_rows() {
        check_newer("", None);
        check_newer("CREATE TABLE skills (id INTEGER PRIMARY KEY, name TEXT NOT NULL)", None);
        check_newer("ALTER TABLE runs ADD COLUMN owner TEXT", None);
        check_newer("ALTER TABLE issues ADD COLUMN last_updated_by VARCHAR(255)", None);
    }

    #[test]
    fn a_newer_file_that_asks_for_more_is_only_read_and_says_what_it_asks_for() {
        check_newer(
            "CREATE TRIGGER strict BEFORE INSERT ON params BEGIN SELECT 1; END",
            Some(
                "it was created by a newer MLflow, and in the table `params`, the \
                 trigger `strict` is unknown; update mlctl",
            ),
        );
        check_newer(
            "CREATE UNIQUE INDEX names ON runs (name)",
            Some(
                "it was created by a newer MLflow, and in the table `runs`, the columns \
                 `name` must be unique now; update mlctl",
            ),
        );
    }

    #[test]
    fn the_tables_of_every_version_that_we_know_are_no_obstacle_to_the_newest() {
        let known = Connection::open_in_memory().unwrap();
        known.execute_batch(HEAD).unwrap();
        let same = mlctl_sqlite::obstacle(&known, &known, &TOUCHED, OWN_PREFIX).unwrap();
        assert_eq!(same, None);
    }

    #[test]
    fn a_file_without_a_needed_column_names_it() {
        let mut conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(OLD).unwrap();
        conn.execute_batch("ALTER TABLE runs DROP COLUMN deleted_time").unwrap();

        let Err(Failure::Rule(error)) = prepared(&mut conn) else { panic!("it is accepted") };

        assert!(error.to_string().contains("lacks runs.deleted_time"), "{error}");
        assert_eq!(error.code().as_str(), "NOT_IMPLEMENTED");
    }
}
