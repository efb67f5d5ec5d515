//! Which tables a file has, and making those that it lacks.
//!
//! MLflow's tables are made whole or left alone: a file of MLflow's is used as it is, whatever
//! its age, and migrating it is its owner's act. Tables of our own come from numbered files,
//! applied in order at open and never edited.

use std::borrow::Cow;
use std::path::Path;

use mlctl_sqlite::{Access, Prepared};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::{Failure, functions};
use crate::error::Error;

/// What this crate reads and writes of MLflow's tables; `workspace` is optional everywhere.
const MLFLOW_COLUMNS: [(&str, &[&str]); 5] = [
    ("registered_models", &["name", "creation_time", "last_updated_time", "description"]),
    ("registered_model_tags", &["name", "key", "value"]),
    (
        "model_versions",
        &[
            "name",
            "version",
            "creation_time",
            "last_updated_time",
            "description",
            "user_id",
            "current_stage",
            "source",
            "run_id",
            "status",
            "status_message",
            "run_link",
            "storage_location",
        ],
    ),
    ("model_version_tags", &["name", "version", "key", "value"]),
    ("registered_model_aliases", &["name", "alias", "version"]),
];

const MLFLOW_TABLES: &str = include_str!("schema/mlflow.sql");

/// MLflow's tables of webhooks, which it has since 3.3; without them the rest works.
const WEBHOOK_COLUMNS: [(&str, &[&str]); 2] = [
    (
        "webhooks",
        &[
            "webhook_id",
            "name",
            "description",
            "url",
            "status",
            "secret",
            "creation_timestamp",
            "last_updated_timestamp",
            "deleted_timestamp",
        ],
    ),
    ("webhook_events", &["webhook_id", "entity", "action"]),
];
const MLFLOW_WEBHOOK_TABLES: &str = include_str!("schema/mlflow_webhooks.sql");
/// Where MLflow notes the age of a file; a file of ours has none, or MLflow's tables of webhooks.
const MLFLOW_AGE_TABLE: &str = "alembic_version";

/// Our own schema files; the first is number 1.
const OWN_FILES: [&str; 5] = [
    include_str!("schema/0001_events.sql"),
    include_str!("schema/0002_renames.sql"),
    include_str!("schema/0003_requests.sql"),
    include_str!("schema/0004_webhooks.sql"),
    include_str!("schema/0005_outbox_bound.sql"),
];
/// Indexes of ours on MLflow's tables.
const INDEXES: &str = include_str!("schema/indexes.sql");
const NEWEST: u32 = OWN_FILES.len() as u32;
/// MLflow's names for the forms of its tables that were tried here, up to MLflow 3.18.0.
const REVISIONS: &str = include_str!("schema/revisions.txt");
/// How the names of what is ours begin.
const OWN_PREFIX: &str = "mlctl_";

/// The form of MLflow's tables in one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Whether rows belong to workspaces, as they do in MLflow 3.17 and not in 2.22.
    has_workspaces: bool,
    /// Whether there are tables for webhooks.
    has_webhooks: bool,
}

#[cfg(feature = "webhooks")]
impl Layout {
    /// Tells whether there are tables for webhooks.
    pub(super) fn has_webhooks(self) -> bool {
        self.has_webhooks
    }
}

impl mlctl_sqlite::Layout for Layout {
    /// Where there are no workspaces every row is in the default one.
    fn fit<'s>(&self, sql: &'s str) -> Cow<'s, str> {
        match self.has_workspaces {
            true => Cow::Borrowed(sql),
            false => Cow::Owned(sql.replace("workspace = 'default'", "TRUE")),
        }
    }

    fn connect(conn: &Connection) -> rusqlite::Result<()> {
        functions::add(conn)
    }

    /// Where our own tables are missing, empty ones that last as long as the connection stand in.
    fn connect_to_read(conn: &Connection) -> rusqlite::Result<()> {
        let applied = applied(conn)? as usize;
        let statements = OWN_FILES.iter().skip(applied).flat_map(|file| file.split(";\n"));
        for statement in statements {
            if let Some(at) = statement.find("CREATE TABLE ") {
                let table = &statement[at + "CREATE TABLE ".len()..];
                conn.execute_batch(&format!("CREATE TEMP TABLE {table}"))?;
            }
        }
        Ok(())
    }
}

/// Why a file is only read when its tables are no reason.
const PROTECTED: &str = "this program has no permission to write to it or to its disk";

/// Says that the tables of a file cannot be used.
fn unusable(path: &Path, problem: String) -> Failure {
    Error::Schema { path: path.to_owned(), problem }.into()
}

/// Makes the tables that are missing and says what form MLflow's have. A file that cannot be
/// written to, or should not because of an [`obstacle`], is taken as it is.
pub(super) fn prepare(
    conn: &mut Connection,
    path: &Path,
    access: Access,
) -> Result<Prepared<Layout>, Failure> {
    if let Some(why) = obstacle(conn)? {
        tracing::warn!(path = %path.display(), why, "created by a newer MLflow: opened read-only");
        let layout = mlflow_layout(conn, path)?;
        let layout = layout.ok_or_else(|| unusable(path, format!("{why}; update mlctl")))?;
        let why = format!("it was created by a newer MLflow, and {why}; update mlctl");
        return Ok(Prepared { layout, read_only: Some(why) });
    }
    if access != Access::Write {
        tracing::warn!(path = %path.display(), "it is not writable: opened read-only");
        let problem = "it has none, and it is not writable";
        own_number(conn, path)?;
        let layout = mlflow_layout(conn, path)?;
        let layout = layout.ok_or_else(|| unusable(path, problem.to_owned()))?;
        return Ok(Prepared { layout, read_only: Some(PROTECTED.to_owned()) });
    }
    make(conn, path).map(Prepared::writable)
}

/// Makes the tables that are missing in a file that can be written to.
fn make(conn: &mut Connection, path: &Path) -> Result<Layout, Failure> {
    if let (Some(layout), true) = (mlflow_layout(conn, path)?, own_number(conn, path)? == NEWEST)
        && (layout.has_webhooks || is_mlflows(conn)?)
        && has_indexes(conn)?
    {
        return Ok(layout);
    }
    // Another process may have been faster: ask again once nobody else can write.
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut layout = match mlflow_layout(&tx, path)? {
        Some(layout) => layout,
        None => {
            tx.execute_batch(MLFLOW_TABLES)?;
            Layout { has_workspaces: true, has_webhooks: has_webhooks(&tx, true)? }
        }
    };
    if !layout.has_webhooks && !is_mlflows(&tx)? && lacks_webhooks(&tx)? {
        tx.execute_batch(MLFLOW_WEBHOOK_TABLES)?;
        layout.has_webhooks = true;
    }
    apply_own_files(&tx, path)?;
    tx.execute_batch(INDEXES)?;
    tx.commit()?;
    Ok(layout)
}

fn has_indexes(conn: &Connection) -> Result<bool, Failure> {
    let sql = "SELECT count(*) FROM pragma_index_list('model_versions') WHERE name GLOB 'mlctl_*'";
    let found: u32 = conn.query_row(sql, [], |row| row.get(0))?;
    Ok(found as usize == INDEXES.matches("CREATE INDEX").count())
}

/// Tells whether MLflow made the file, so that only its owner may migrate it.
fn is_mlflows(conn: &Connection) -> Result<bool, Failure> {
    Ok(!columns(conn, MLFLOW_AGE_TABLE)?.is_empty())
}

/// Tells whether a file has MLflow's tables of webhooks, in the form of its other tables.
fn has_webhooks(conn: &Connection, has_workspaces: bool) -> Result<bool, Failure> {
    for (table, needed) in WEBHOOK_COLUMNS {
        let found = columns(conn, table)?;
        let has = |column: &str| found.iter().any(|found| found == column);
        let fits = table != "webhooks" || has("workspace") == has_workspaces;
        if !fits || !needed.iter().all(|column| has(column)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Tells whether a file has none of MLflow's tables of webhooks.
fn lacks_webhooks(conn: &Connection) -> Result<bool, Failure> {
    for (table, _) in WEBHOOK_COLUMNS {
        if !columns(conn, table)?.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn apply_own_files(tx: &Transaction<'_>, path: &Path) -> Result<(), Failure> {
    let applied = own_number(tx, path)?;
    if applied == 0 {
        tx.execute_batch("CREATE TABLE mlctl_registry_schema (number INTEGER PRIMARY KEY)")?;
    }
    for (number, file) in (1..=NEWEST).zip(OWN_FILES).filter(|(number, _)| *number > applied) {
        tx.execute_batch(file)?;
        tx.execute("INSERT INTO mlctl_registry_schema VALUES (?1)", [number])?;
    }
    Ok(())
}

/// Returns the number of the newest schema file that was applied, 0 when none was.
fn own_number(conn: &Connection, path: &Path) -> Result<u32, Failure> {
    let number = applied(conn)?;
    if number > NEWEST {
        let problem =
            format!("a newer mlctl created them (schema {number}, this version supports {NEWEST})");
        return Err(unusable(path, problem));
    }
    Ok(number)
}

fn applied(conn: &Connection) -> rusqlite::Result<u32> {
    let sql = "SELECT count(*) FROM sqlite_master WHERE name = 'mlctl_registry_schema'";
    if conn.query_row(sql, [], |row| row.get::<_, u32>(0))? == 0 {
        return Ok(0);
    }
    let sql = "SELECT coalesce(max(number), 0) FROM mlctl_registry_schema";
    conn.query_row(sql, [], |row| row.get(0))
}

/// Tells why the tables of a newer MLflow than we know do not take what we write; `None` when they
/// do, or when the file is of an MLflow that we know.
fn obstacle(conn: &Connection) -> Result<Option<String>, Failure> {
    if !is_mlflows(conn)? {
        return Ok(None);
    }
    let mut statement = conn.prepare("SELECT version_num FROM alembic_version")?;
    let revisions: Vec<String> =
        statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let is_known = |revision: &String| REVISIONS.lines().any(|known| known == revision);
    if revisions.iter().all(is_known) {
        return Ok(None);
    }
    let known = Connection::open_in_memory()?;
    known.execute_batch(MLFLOW_TABLES)?;
    known.execute_batch(MLFLOW_WEBHOOK_TABLES)?;
    // A file of runs alone gets the tables.
    if lacks_registry(conn)? {
        return Ok(None);
    }
    let mut tables = MLFLOW_COLUMNS.map(|(table, _)| table).to_vec();
    if !lacks_webhooks(conn)? {
        tables.extend(WEBHOOK_COLUMNS.map(|(table, _)| table));
    }
    Ok(mlctl_sqlite::obstacle(conn, &known, &tables, OWN_PREFIX)?)
}

fn lacks_registry(conn: &Connection) -> Result<bool, Failure> {
    for (table, _) in MLFLOW_COLUMNS {
        if !columns(conn, table)?.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns the form of MLflow's tables, or `None` when the file has none of them.
fn mlflow_layout(conn: &Connection, path: &Path) -> Result<Option<Layout>, Failure> {
    let mut missing = Vec::new();
    let mut workspaces = 0;
    for (table, needed) in MLFLOW_COLUMNS {
        let found = columns(conn, table)?;
        if found.is_empty() {
            missing.push(table.to_owned());
            continue;
        }
        workspaces += usize::from(found.iter().any(|column| column == "workspace"));
        let lacks = |column: &&&str| !found.iter().any(|found| found == **column);
        missing.extend(needed.iter().filter(lacks).map(|column| format!("{table}.{column}")));
    }
    match missing.len() {
        0 if workspaces == 0 || workspaces == MLFLOW_COLUMNS.len() => {
            let has_workspaces = workspaces > 0;
            let has_webhooks = has_webhooks(conn, has_workspaces)?;
            Ok(Some(Layout { has_workspaces, has_webhooks }))
        }
        0 => Err(unusable(path, "only some of them have a column `workspace`".to_owned())),
        _ if MLFLOW_COLUMNS.iter().all(|(table, _)| missing.iter().any(|m| m == table)) => Ok(None),
        _ => {
            let missing = missing.join(", ");
            Err(unusable(path, format!("{missing} is missing; run `mlctl db upgrade FILE` first")))
        }
    }
}

fn columns(conn: &Connection, table: &str) -> Result<Vec<String>, Failure> {
    let mut statement = conn.prepare_cached("SELECT name FROM pragma_table_info(?1)")?;
    let names = statement.query_map([table], |row| row.get(0))?;
    Ok(names.collect::<rusqlite::Result<_>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MLFLOW_2: &str = include_str!("../../../tests/fixtures/mlflow-2.22.5.sql");
    const MLFLOW_3: &str = include_str!("../../../tests/fixtures/mlflow-3.17.2.sql");

    fn database(sql: &str) -> Connection {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(sql).unwrap();
        conn
    }

    fn opened(conn: &mut Connection) -> Result<Prepared<Layout>, Failure> {
        prepare(conn, Path::new("x.db"), Access::Write)
    }

    fn prepared(conn: &mut Connection) -> Result<Layout, Failure> {
        opened(conn).map(|opened| opened.layout)
    }

    /// Tells what MLflow's tables are, with spelling that does not matter evened out.
    fn described(conn: &Connection) -> Vec<String> {
        let sql = "SELECT sql FROM sqlite_master WHERE sql NOT NULL AND name NOT LIKE 'mlctl%'
                   AND (tbl_name LIKE 'registered_model%' OR tbl_name LIKE 'model_version%') ORDER BY name";
        let mut statement = conn.prepare(sql).unwrap();
        let texts = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        texts.map(|text| text.unwrap().replace('"', "")).collect()
    }

    #[test]
    fn our_tables_are_mlflows() {
        let mut ours = Connection::open_in_memory().unwrap();
        prepared(&mut ours).unwrap();

        assert_eq!(described(&ours), described(&database(MLFLOW_3)));
    }

    #[test]
    fn the_file_says_whether_it_has_workspaces() {
        assert!(prepared(&mut database(MLFLOW_3)).unwrap().has_workspaces);
        assert!(!prepared(&mut database(MLFLOW_2)).unwrap().has_workspaces);
    }

    #[test]
    fn a_file_of_mlflows_without_webhooks_is_left_so() {
        let mut old = database(MLFLOW_2);
        assert!(!prepared(&mut old).unwrap().has_webhooks);
        assert!(!prepared(&mut old).unwrap().has_webhooks);
        assert!(columns(&old, "webhooks").unwrap().is_empty());
    }

    #[test]
    fn a_file_of_ours_gets_webhooks() {
        let mut ours = database(MLFLOW_TABLES);
        assert!(prepared(&mut ours).unwrap().has_webhooks);
        assert_eq!(columns(&ours, "webhook_events").unwrap(), ["webhook_id", "entity", "action"]);
    }

    #[test]
    fn indexes_that_an_upgrade_took_away_come_back() {
        let mut conn = database(MLFLOW_3);
        prepared(&mut conn).unwrap();
        conn.execute_batch("DROP INDEX mlctl_model_versions_newest").unwrap();

        prepared(&mut conn).unwrap();

        assert!(has_indexes(&conn).unwrap());
    }

    #[test]
    fn preparing_again_changes_nothing() {
        let mut conn = database(MLFLOW_3);
        let first = prepared(&mut conn).unwrap();
        let changes = conn.total_changes();

        assert_eq!(prepared(&mut conn).unwrap(), first);

        assert_eq!(conn.total_changes(), changes);
    }

    const NEWER: &str = "UPDATE alembic_version SET version_num = 'ffffffffffff'";

    #[test]
    fn a_newer_mlflow_that_left_our_tables_alone_is_written_to() {
        let made = "CREATE TABLE skills (id INTEGER NOT NULL)";
        let mut conn = database(&format!("{MLFLOW_3}; {NEWER}; {made}"));

        assert_eq!(opened(&mut conn).unwrap().read_only, None);

        assert_eq!(own_number(&conn, Path::new("x.db")).unwrap(), NEWEST);
    }

    #[test]
    fn a_newer_mlflow_that_asks_for_more_is_only_read() {
        let more = "CREATE TRIGGER strict BEFORE INSERT ON model_versions BEGIN SELECT 1; END";
        let mut conn = database(&format!("{MLFLOW_3}; {NEWER}; {more}"));
        let changes = conn.total_changes();

        assert!(opened(&mut conn).unwrap().read_only.is_some());

        let why = obstacle(&conn).unwrap().unwrap();
        assert_eq!(why, "in the table `model_versions`, the trigger `strict` is unknown");
        assert_eq!((conn.total_changes(), applied(&conn).unwrap()), (changes, 0));
        <Layout as mlctl_sqlite::Layout>::connect_to_read(&conn).unwrap();
        conn.query_row("SELECT count(*) FROM mlctl_webhook_outbox", [], |_| Ok(())).unwrap();
    }

    #[test]
    fn a_trigger_of_the_owner_of_a_known_file_changes_nothing() {
        let own = "CREATE TRIGGER audit AFTER INSERT ON model_versions BEGIN SELECT 1; END";
        assert_eq!(opened(&mut database(&format!("{MLFLOW_3}; {own}"))).unwrap().read_only, None);
    }

    #[track_caller]
    fn check(sql: &str, want: &str) {
        match prepared(&mut database(sql)) {
            Err(Failure::Rule(Error::Schema { problem, .. })) => assert_eq!(problem, want),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn half_a_registry_is_refused() {
        let without_aliases = format!("{MLFLOW_2}; DROP TABLE registered_model_aliases");
        check(
            &without_aliases,
            "registered_model_aliases is missing; run `mlctl db upgrade FILE` first",
        );
        let without_location =
            format!("{MLFLOW_2}; ALTER TABLE model_versions DROP COLUMN storage_location");
        check(
            &without_location,
            "model_versions.storage_location is missing; run `mlctl db upgrade FILE` first",
        );
    }

    #[test]
    fn tables_of_a_newer_mlctl_are_refused() {
        check(
            "CREATE TABLE mlctl_registry_schema (number INTEGER PRIMARY KEY);
             INSERT INTO mlctl_registry_schema VALUES (9)",
            &format!("a newer mlctl created them (schema 9, this version supports {NEWEST})"),
        );
    }
}
