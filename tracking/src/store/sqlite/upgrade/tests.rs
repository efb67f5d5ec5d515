use super::*;
use crate::entity::{Tag, ViewType};
use crate::search::{ExperimentQuery, RunQuery};
use crate::store::sqlite::SqliteStore;
use crate::store::{Batch, LoggedModelStore, TrackingStore};
use crate::{Key, RunId};
use rusqlite::types::Value;
use std::fs;

const OLD: &str = include_str!("../../../../tests/fixtures/mlflow-2.22.5.sql");
const HEAD: &str = include_str!("../schema/head.sql");
const NOW: Millis = 1_700_000_000_000;

fn old(folder: &Path) -> PathBuf {
    let path = folder.join("mlflow.db");
    Connection::open(&path).unwrap().execute_batch(OLD).unwrap();
    path
}

/// Tells what tables, indexes and triggers there are, with the order of constraints and quoting
/// evened out, which MLflow's own migrations leave to chance.
fn schema(conn: &Connection) -> Vec<String> {
    let sql = "SELECT type || ' ' || name || char(10) || coalesce(sql, '') FROM sqlite_master
               WHERE name NOT LIKE 'sqlite_%' AND name NOT LIKE 'mlctl_%' ORDER BY 1";
    let mut statement = conn.prepare(sql).unwrap();
    let texts = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let sorted = |text: String| {
        let mut lines: Vec<String> = text
            .lines()
            .map(|line| {
                line.trim().trim_end_matches(',').replace('"', "").replace("IF NOT EXISTS ", "")
            })
            .collect();
        lines[1..].sort_unstable();
        lines.join("\n")
    };
    texts.map(|text| sorted(text.unwrap())).collect()
}

fn rows(path: &Path, sql: &str) -> Vec<Vec<Value>> {
    let conn = Connection::open(path).unwrap();
    let mut statement = conn.prepare(sql).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| (0..columns).map(|at| row.get(at)).collect()).unwrap();
    rows.collect::<rusqlite::Result<_>>().unwrap()
}

fn refused(path: &Path) -> String {
    let error = upgrade(path, NOW).expect_err("this must be refused");
    match std::error::Error::source(&error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn an_old_file_becomes_like_a_new_one_and_keeps_its_data() {
    let folder = tempfile::tempdir().unwrap();
    let path = old(folder.path());
    let (tags, metrics) = ("SELECT * FROM tags", "SELECT * FROM metrics");
    let before = (rows(&path, tags), rows(&path, metrics));

    let done = upgrade(&path, NOW).unwrap();

    assert_eq!((done.plan.from.as_str(), done.plan.steps.len()), ("0584bdc529eb", 39));
    let new = Connection::open_in_memory().unwrap();
    new.execute_batch(HEAD).unwrap();
    assert_eq!(schema(&Connection::open(&path).unwrap()), schema(&new));
    assert_eq!((rows(&path, tags), rows(&path, metrics)), before);
    assert_eq!(
        rows(&path, "SELECT version_num FROM alembic_version"),
        [[Value::from(newest().to_owned())]]
    );
    let store = SqliteStore::open(&path).unwrap();
    let all = ExperimentQuery { view: ViewType::All, ..ExperimentQuery::default() };
    assert!(store.search_experiments(&all).unwrap().items.len() > 1);
    assert!(store.logged_model(&"m-1".to_owned().try_into().unwrap()).is_err());
}

#[test]
fn the_copy_is_what_was_there_and_no_older_one_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = old(folder.path());
    let taken = folder.path().join("mlflow.db.0584bdc529eb.backup");
    fs::write(&taken, "an older one").unwrap();
    let before = schema(&Connection::open(&path).unwrap());
    let params = rows(&path, "SELECT * FROM params ORDER BY rowid");

    let copy = upgrade(&path, NOW).unwrap().copy.unwrap();

    assert_eq!(copy.file_name().unwrap(), "mlflow.db.0584bdc529eb.2.backup");
    assert_eq!(schema(&Connection::open(&copy).unwrap()), before);
    assert_eq!(rows(&copy, "SELECT * FROM params ORDER BY rowid"), params);
    assert_eq!(fs::read_to_string(taken).unwrap(), "an older one");
}

#[test]
fn the_copy_has_what_is_only_in_the_wal() {
    let folder = tempfile::tempdir().unwrap();
    let path = old(folder.path());
    let conn = Connection::open(&path).unwrap();
    conn.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).unwrap();
    conn.execute_batch("INSERT INTO experiments (experiment_id, name) VALUES (77, 'in the WAL')")
        .unwrap();
    // What a killed program leaves behind: the file and its WAL.
    let left = folder.path().join("left");
    fs::create_dir(&left).unwrap();
    for name in ["mlflow.db", "mlflow.db-wal"] {
        fs::copy(folder.path().join(name), left.join(name)).unwrap();
    }

    let done = upgrade(&left.join("mlflow.db"), NOW).unwrap();

    let sql = "SELECT name FROM experiments WHERE experiment_id = 77";
    for path in [left.join("mlflow.db"), done.copy.unwrap()] {
        assert_eq!(rows(&path, sql), [[Value::from("in the WAL".to_owned())]], "{path:?}");
    }
}

#[test]
fn a_file_at_the_newest_revision_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mlflow.db");
    drop(SqliteStore::open(&path).unwrap());
    let before = fs::read(&path).unwrap();

    let done = upgrade(&path, NOW).unwrap();

    assert_eq!((done.plan.steps, done.copy), (&[][..], None));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_plan_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = old(folder.path());
    let before = fs::read(&path).unwrap();

    let plan = plan(&path).unwrap();

    assert_eq!((plan.steps[0].revision, plan.steps[0].change), ("400f98739977", "logged models"));
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(names(folder.path()), ["mlflow.db"]);
}

#[test]
fn what_cannot_be_upgraded_is_refused_plainly() {
    let folder = tempfile::tempdir().unwrap();
    let path = old(folder.path());
    let at = |revision: &str| {
        let sql = format!("UPDATE alembic_version SET version_num = '{revision}'");
        Connection::open(&path).unwrap().execute_batch(&sql).unwrap();
    };
    at("ffffffffffff");
    assert!(refused(&path).contains("at the unknown revision ffffffffffff"));
    Connection::open(&path).unwrap().execute_batch("DELETE FROM alembic_version").unwrap();
    assert!(refused(&path).contains("has no revision"));

    let foreign = folder.path().join("foreign.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE runs (id)").unwrap();
    assert!(refused(&foreign).contains("is not an MLflow database: it has no tables"));
    let text = folder.path().join("notes.txt");
    fs::write(&text, "someone's notes, which are no database at all").unwrap();
    assert!(refused(&text).contains("file is not a database"));
    assert!(refused(&folder.path().join("missing")).contains("cannot use the database `"));
    assert_eq!(names(folder.path()), ["foreign.db", "mlflow.db", "notes.txt"]);
}

#[test]
fn a_step_that_fails_takes_everything_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = old(folder.path());
    // The last step but one makes this table.
    Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE sql_span_cost_daily_rollups (x)")
        .unwrap();
    let before = schema(&Connection::open(&path).unwrap());

    let said = refused(&path);

    assert!(said.contains("the step to revision 75868b020152"), "{said}");
    assert!(said.contains("nothing was changed"), "{said}");
    assert_eq!(schema(&Connection::open(&path).unwrap()), before);
    assert_eq!(names(folder.path()), ["mlflow.db"]);
    SqliteStore::open(&path).unwrap();
}

#[test]
fn a_file_in_use_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = old(folder.path());
    let store = SqliteStore::open(&path).unwrap();

    let said = refused(&path);

    assert!(said.contains("another program uses it: stop the servers"), "{said}");
    assert!(!names(folder.path()).iter().any(|name| name.ends_with("backup")));
    drop(store);
    upgrade(&path, NOW).unwrap();
}

#[test]
fn indexes_and_tables_of_others_stay() {
    let folder = tempfile::tempdir().unwrap();
    let path = old(folder.path());
    let of_others = "CREATE INDEX mlctl_x ON experiments (last_update_time);
                     CREATE INDEX theirs ON model_versions (user_id);
                     CREATE TABLE notes (text); INSERT INTO notes VALUES ('kept')";
    Connection::open(&path).unwrap().execute_batch(of_others).unwrap();

    upgrade(&path, NOW).unwrap();

    let sql = "SELECT name FROM sqlite_master WHERE name IN ('mlctl_x', 'theirs') ORDER BY name";
    let want = ["mlctl_x", "theirs"].map(|name| vec![Value::from(name.to_owned())]);
    assert_eq!(rows(&path, sql), want);
    assert_eq!(rows(&path, "SELECT text FROM notes"), [[Value::from("kept".to_owned())]]);
}

/// Takes the steps up to `revision`, and leaves the rest to a test.
fn old_up_to(folder: &Path, revision: &str) -> PathBuf {
    let path = old(folder);
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    let plan = plan(&path).unwrap();
    let count = plan.steps.iter().position(|step| step.revision == revision).unwrap() + 1;
    for step in &plan.steps[..count] {
        conn.execute_batch(step.sql).unwrap();
    }
    conn.execute("UPDATE alembic_version SET version_num = ?1", [revision]).unwrap();
    path
}

#[test]
fn figures_of_traces_move_to_columns() {
    let folder = tempfile::tempdir().unwrap();
    let path = old_up_to(folder.path(), "b7e2c1a4d9f3");
    let fill = r#"
        INSERT INTO trace_info (request_id, experiment_id, timestamp_ms, status)
        VALUES ('t1', 0, 7, 'OK'), ('t2', 0, 8, 'OK');
        INSERT INTO trace_tags ("key", value, request_id) VALUES ('mlflow.traceName', 'ask', 't1');
        INSERT INTO trace_request_metadata ("key", value, request_id) VALUES
            ('mlflow.trace.tokenUsage',
             '{"input_tokens": "5", "output_tokens": 7.0, "total_tokens": 1.5}', 't1'),
            ('mlflow.trace.cost', '{"input_cost": "0.25", "total_cost": true}', 't1'),
            ('mlflow.trace.tokenUsage', 'broken', 't2'),
            ('mlflow.gateway.endpointId', 'e', 't2'), ('other', 'kept', 't2');
        INSERT INTO trace_metrics (request_id, "key", value) VALUES ('t1', 'input_tokens', 9.0);
        INSERT INTO spans (trace_id, experiment_id, span_id, status, start_time_unix_nano, content,
                           dimension_attributes)
        VALUES ('t2', 0, 's', 'OK', 1, '{}', '{"mlflow.llm.model": "m"}');
        INSERT INTO span_metrics VALUES ('t2', 's', 'total_cost', 2.5);
        INSERT INTO assessments (assessment_id, trace_id, name, assessment_type, value,
            created_timestamp, last_updated_timestamp, source_type, valid)
        VALUES ('a', 't1', 'n', 'feedback', '" Yes "', 1, 1, 'HUMAN', 1),
               ('b', 't1', 'n', 'feedback', '3', 1, 1, 'HUMAN', 1),
               ('c', 't2', 'n', 'feedback', '1e999', 1, 1, 'HUMAN', 1);"#;
    Connection::open(&path).unwrap().execute_batch(fill).unwrap();

    upgrade(&path, NOW).unwrap();

    let list = |sql: &str| {
        let rows = rows(&path, sql);
        rows.iter().map(|row| format!("{:?}", row[0])).collect::<Vec<_>>().join(" ")
    };
    let traces = "SELECT json_array(trace_name, input_tokens, output_tokens, total_tokens,
                  input_cost, total_cost) FROM trace_info ORDER BY request_id";
    assert_eq!(
        list(traces),
        r#"Text("[\"ask\",9,7,null,0.25,null]") Text("[null,null,null,null,null,2.5]")"#
    );
    let spans = "SELECT json_array(model_name, model_provider, total_cost) FROM spans";
    assert_eq!(list(spans), r#"Text("[\"m\",null,2.5]")"#);
    let assessments = "SELECT json_array(trace_timestamp_ms, aggregate_value, is_numeric_value)
                       FROM assessments ORDER BY assessment_id";
    assert_eq!(list(assessments), r#"Text("[7,1.0,0]") Text("[7,3.0,1]") Text("[8,null,0]")"#);
    let left = r#"SELECT json_array("key") FROM trace_request_metadata ORDER BY "key""#;
    assert_eq!(list(left), r#"Text("[\"mlflow.gateway.endpointId\"]") Text("[\"other\"]")"#);
}

#[test]
fn traces_that_contradict_themselves_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = old_up_to(folder.path(), "b7e2c1a4d9f3");
    let fill = "PRAGMA foreign_keys = OFF;
        INSERT INTO spans (trace_id, experiment_id, span_id, status, start_time_unix_nano, content)
        VALUES ('nowhere', 0, 's', 'OK', 1, '{}')";
    Connection::open(&path).unwrap().execute_batch(fill).unwrap();

    let said = refused(&path);

    assert!(said.contains("a span belongs to trace nowhere, which does not exist"), "{said}");
    assert_eq!(plan(&path).unwrap().from, "b7e2c1a4d9f3");
}

#[test]
fn jobs_that_nobody_runs_are_cancelled_now() {
    let folder = tempfile::tempdir().unwrap();
    let path = old_up_to(folder.path(), "75868b020152");
    let fill = "INSERT INTO jobs (id, creation_time, job_name, params, status, retry_count,
                                  last_update_time)
                VALUES ('a', 1, 'f', '{}', 1, 0, 1), ('b', 1, 'f', '{}', 2, 0, 1)";
    Connection::open(&path).unwrap().execute_batch(fill).unwrap();

    upgrade(&path, NOW).unwrap();

    let jobs = rows(&path, "SELECT status, last_update_time FROM jobs ORDER BY id");
    let want = [[5, NOW], [2, 1]].map(|row| row.map(Value::from).to_vec());
    assert_eq!(jobs, want);
}

#[test]
fn a_run_that_was_there_is_still_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = old(folder.path());
    let ids = rows(&path, "SELECT run_uuid FROM runs");
    upgrade(&path, NOW).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    for id in ids {
        let Value::Text(id) = &id[0] else { panic!("{id:?}") };
        store.run(&RunId::parse(id.as_str()).unwrap()).unwrap();
    }
}

/// What later versions wrote, with their number of steps to the newest.
const LATER: [(&str, usize); 2] = [
    (include_str!("../../../../tests/fixtures/mlflow-3.4.0.sql"), 29),
    (include_str!("../../../../tests/fixtures/mlflow-3.11.1.sql"), 15),
];

#[test]
fn files_of_later_versions_are_used_in_place_and_become_like_a_new_one() {
    for (dump, steps) in LATER {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mlflow.db");
        Connection::open(&path).unwrap().execute_batch(dump).unwrap();
        let before = schema(&Connection::open(&path).unwrap());
        let run = {
            let store = SqliteStore::open(&path).unwrap();
            let experiment = store.experiment_by_name("old é").unwrap();
            let query = RunQuery {
                filter: "params.lr = '0.1' AND metrics.loss < 0.3".to_owned(),
                ..RunQuery::of(vec![experiment.experiment_id])
            };
            let run = store.search_runs(&query).unwrap().items.remove(0);
            let kind = Tag::new(Key::parse("kind").unwrap(), "new");
            let batch = Batch { tags: vec![kind], ..Batch::default() };
            store.log_batch(&run.info.run_id, &batch).unwrap();
            store.run(&run.info.run_id).unwrap()
        };
        assert_eq!(schema(&Connection::open(&path).unwrap()), before);

        let done = upgrade(&path, NOW).unwrap();

        assert_eq!(done.plan.steps.len(), steps, "from {}", done.plan.from);
        let new = Connection::open_in_memory().unwrap();
        new.execute_batch(HEAD).unwrap();
        assert_eq!(schema(&Connection::open(&path).unwrap()), schema(&new));
        let store = SqliteStore::open(&path).unwrap();
        assert_eq!(store.run(&run.info.run_id).unwrap(), run);
    }
}
