//! MLflow's files open here, and MLflow reads what is written here.
//!
//! `tests/fixtures/mlflow-*.sql` hold what real clients wrote. The last test asks a real MLflow
//! 3.17.2: it runs when `MLCTL_ORACLE_PYTHON` names its Python, and says so when it does not.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

use mlctl_registry::{
    ModelName, ModelQuery, ModelUri, NewVersion, PageSize, RegistryStore, SqliteStore, Stage,
    Stamp, Transition, VersionQuery, resolve,
};
use rusqlite::Connection;

const MLFLOW_2: &str = include_str!("fixtures/mlflow-2.22.5.sql");
const MLFLOW_3: &str = include_str!("fixtures/mlflow-3.17.2.sql");

fn churn() -> ModelName {
    ModelName::parse("churn").unwrap()
}

fn promote(version: &str, stage: Stage) -> Transition {
    Transition {
        model: churn(),
        version: version.parse().unwrap(),
        stage,
        archive_existing_versions: true,
    }
}

/// Tells a table's rows as text, in order.
fn rows(path: &Path, sql: &str) -> Vec<String> {
    let conn = Connection::open(path).unwrap();
    let mut statement = conn.prepare(sql).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| {
        let cells = (0..columns).map(|column| {
            row.get::<_, rusqlite::types::Value>(column).map(|value| match value {
                rusqlite::types::Value::Null => "-".to_owned(),
                rusqlite::types::Value::Integer(number) => number.to_string(),
                rusqlite::types::Value::Text(text) => text,
                other => format!("{other:?}"),
            })
        });
        Ok(cells.collect::<rusqlite::Result<Vec<_>>>()?.join("|"))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

#[track_caller]
fn check_reading(sql: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mlflow.db");
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    let store = SqliteStore::open(&path).unwrap();

    let models = store.search_models(&ModelQuery::default()).unwrap().items;

    let names: Vec<_> = models.iter().map(|model| model.name.as_str()).collect();
    assert_eq!(names, ["churn", "fraud"]);
    assert_eq!(models[0].description.as_deref(), Some("who leaves"));
    assert_eq!(serde_json::json!(models[0].tags).to_string(), r#"{"team":"growth"}"#);
    let versions = store.search_versions(&VersionQuery::of(&churn())).unwrap().items;
    let told = versions.iter().map(|v| {
        let aliases: Vec<_> = v.aliases.iter().map(|alias| alias.as_str()).collect();
        let run = v.run_id.as_deref().map_or("-", |run| &run[..1]);
        format!("{} {} {run} {} {}", v.version, v.current_stage, v.source, aliases.join(","))
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            "3 None c /models/churn/3 ",
            "2 Staging b /models/churn/2 champion",
            "1 Production a /models/churn/1 "
        ]
    );
    assert_eq!(serde_json::json!(versions[2].tags).to_string(), r#"{"mlflow.user":"ada"}"#);
    assert_eq!(versions[0].run_link.as_deref(), Some("https://example.org/run"));
    let champion = resolve(&store, &ModelUri::parse("models:/churn@champion").unwrap()).unwrap();
    assert_eq!(champion, versions[1]);
    assert!(store.events(&churn(), None, None, PageSize::MAX).unwrap().items.is_empty());
}

#[test]
fn what_mlflow_wrote_is_read() {
    check_reading(MLFLOW_3);
    check_reading(MLFLOW_2);
}

#[track_caller]
fn check_writing(sql: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mlflow.db");
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    let foreign = |path| {
        [rows(path, "SELECT * FROM alembic_version"), rows(path, "SELECT * FROM experiments")]
    };
    let before = foreign(&path);
    let store = SqliteStore::open(&path).unwrap();

    let new = NewVersion { run_id: Some("d".repeat(32)), ..NewVersion::of(churn(), "/new") };
    let version = store.create_version(&new, &Stamp::new("ada", 2_000)).unwrap();
    store.transition(&promote("5", Stage::PRODUCTION), &Stamp::new("ada", 3_000)).unwrap();
    store
        .set_alias(
            &churn(),
            &"champion".parse().unwrap(),
            version.version,
            &Stamp::new("ada", 4_000),
        )
        .unwrap();

    // The deleted version 4 keeps its number.
    assert_eq!(version.version.get(), 5);
    let columns = "version, creation_time, last_updated_time, description, user_id, current_stage,
                   source, run_id, status, status_message, run_link, storage_location";
    let written =
        rows(&path, &format!("SELECT {columns} FROM model_versions WHERE version IN (4, 5)"));
    assert!(written[0].contains("|Deleted_Internal|REDACTED-SOURCE-PATH|"), "{written:?}");
    let run = "d".repeat(32);
    assert_eq!(written[1], format!("5|2000|3000|-|-|Production|/new|{run}|READY|-|-|/new"));
    let displaced = rows(&path, "SELECT current_stage FROM model_versions WHERE version = 1");
    assert_eq!(displaced, ["Archived"]);
    let models = rows(&path, "SELECT name, last_updated_time FROM registered_models LIMIT 1");
    assert_eq!(models, ["churn|3000"]);
    let aliases = rows(&path, "SELECT name, alias, version FROM registered_model_aliases");
    assert_eq!(aliases, ["churn|champion|5"]);
    assert_eq!(foreign(&path), before);
}

#[test]
fn what_is_written_is_what_mlflow_would_write() {
    check_writing(MLFLOW_3);
    check_writing(MLFLOW_2);
}

#[test]
fn another_workspace_is_neither_seen_nor_touched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mlflow.db");
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch(MLFLOW_3).unwrap();
    conn.execute_batch(
        "INSERT INTO registered_models SELECT name, 1, 1, 'other', 'team' FROM registered_models;
         INSERT INTO model_versions SELECT name, version, 1, 1, 'other', user_id, current_stage,
             'other', run_id, status, status_message, run_link, 'other', 'team' FROM model_versions;
         INSERT INTO model_version_tags VALUES ('other', 'x', 'churn', 1, 'team');
         INSERT INTO registered_model_tags VALUES ('other', 'x', 'churn', 'team');
         INSERT INTO registered_model_aliases VALUES ('other', 1, 'churn', 'team');",
    )
    .unwrap();
    let other = || rows(&path, "SELECT * FROM model_versions WHERE workspace = 'team'");
    let before = other();
    let store = SqliteStore::open(&path).unwrap();

    store.transition(&promote("3", Stage::PRODUCTION), &Stamp::new("ada", 9)).unwrap();

    let seen = format!(
        "{:?}{:?}",
        store.search_models(&ModelQuery::default()).unwrap(),
        store.search_versions(&VersionQuery::of(&churn())).unwrap()
    );
    assert!(!seen.contains("other"), "{seen}");
    assert_eq!(other(), before);
}

/// Runs a script with MLflow's client as `client`, and returns its last line.
fn mlflow(python: &str, database: &Path, script: &str) -> String {
    let uri = format!("sqlite:///{}", database.display());
    let script = format!(
        "import json, logging, warnings; warnings.simplefilter('ignore')\n\
         logging.disable(logging.CRITICAL)\n\
         from mlflow.tracking import MlflowClient\n\
         client = MlflowClient({uri:?}, {uri:?})\n{script}"
    );
    let output = Command::new(python)
        .args(["-c", &script])
        .current_dir(database.parent().unwrap())
        .output()
        .unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{err}");
    out.lines().last().unwrap_or_default().to_owned()
}

#[test]
fn a_real_mlflow_and_this_store_share_a_file() {
    let Ok(python) = std::env::var("MLCTL_ORACLE_PYTHON") else {
        eprintln!("SKIPPED: MLCTL_ORACLE_PYTHON names no Python with MLflow 3.17.2");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mlflow.db");
    let created = "client.create_registered_model('churn')\n\
                   client.create_model_version('churn', '/models/1', run_id='a' * 32)\n\
                   client.transition_model_version_stage('churn', '1', 'Production')\n";
    mlflow(&python, &path, created);
    let store = SqliteStore::open(&path).unwrap();

    let mut new = NewVersion::of(churn(), "/models/2");
    new.description = Some("ours".to_owned());
    new.tags = [("k".parse().unwrap(), "v".parse().unwrap())].into();
    store.create_version(&new, &Stamp::new("ada", 5_000)).unwrap();
    store.transition(&promote("2", Stage::PRODUCTION), &Stamp::new("ada", 6_000)).unwrap();
    store
        .set_alias(
            &churn(),
            &"champion".parse().unwrap(),
            "2".parse().unwrap(),
            &Stamp::new("ada", 7),
        )
        .unwrap();
    new.model = "fraud".parse().unwrap();
    new.create_model_if_missing = true;
    store.create_version(&new, &Stamp::new("ada", 8_000)).unwrap();

    let told = "v = client.get_model_version('churn', '2')\n\
                w = client.get_model_version_by_alias('churn', 'champion')\n\
                first = client.get_model_version('churn', '1').current_stage\n\
                models = [(m.name, len(m.latest_versions)) for m in client.search_registered_models()]\n\
                found = len(client.search_model_versions(\"name='churn'\"))\n\
                client.create_model_version('churn', '/models/3')\n\
                client.transition_model_version_stage('churn', '3', 'Production', True)\n\
                print(json.dumps([v.version, v.current_stage, v.source, v.status, v.description, v.tags,\n\
                    v.aliases, v.creation_timestamp, v.last_updated_timestamp, w.version, first,\n\
                    models, found]))";
    let told = mlflow(&python, &path, told);

    let want = serde_json::json!([
        2, "Production", "/models/2", "READY", "ours", {"k": "v"}, ["champion"], 5000, 6000, 2,
        "Archived", [["churn", 2], ["fraud", 1]], 2
    ]);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    // MLflow's versions are numbers or their text, by release.
    let as_text = |value: &serde_json::Value| value.to_string().replace("\"2\"", "2");
    assert_eq!(as_text(&told), as_text(&want));
    let serving = resolve(&store, &ModelUri::parse("models:/churn/Production").unwrap()).unwrap();
    assert_eq!((serving.version.get(), serving.source.as_str()), (3, "/models/3"));
}

#[test]
fn what_is_renamed_tagged_and_deleted_here_is_so_in_a_real_mlflow() {
    let Ok(python) = std::env::var("MLCTL_ORACLE_PYTHON") else {
        eprintln!("SKIPPED: MLCTL_ORACLE_PYTHON names no Python with MLflow 3.17.2");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mlflow.db");
    let created = "client.create_registered_model('churn', {'team': 'growth'}, 'who leaves')\n\
                   for n in range(3): client.create_model_version('churn', f'/models/{n}', tags={'k': str(n)})\n\
                   client.set_registered_model_alias('churn', 'champion', '2')\n\
                   client.create_registered_model('gone')\n\
                   client.create_model_version('gone', '/models/gone', tags={'k': 'v'})\n\
                   client.set_registered_model_alias('gone', 'a', '1')\n";
    mlflow(&python, &path, created);
    let store = SqliteStore::open(&path).unwrap();
    let stamp = Stamp::new("ada", 9_999_999_999_999);
    let fraud = ModelName::parse("fraud").unwrap();

    store.rename_model(&churn(), &fraud, &stamp).unwrap();
    store.describe_model(&fraud, Some("ours"), &stamp).unwrap();
    store.set_model_tag(&fraud, &"team".parse().unwrap(), &"ü".parse().unwrap(), &stamp).unwrap();
    let first = "1".parse().unwrap();
    store.describe_version(&fraud, first, Some("good"), &stamp).unwrap();
    store.delete_version_tag(&fraud, first, &"k".parse().unwrap(), &stamp).unwrap();
    store.delete_version(&fraud, "3".parse().unwrap(), &stamp).unwrap();
    store.delete_model(&"gone".parse().unwrap(), &stamp).unwrap();

    let told = "m = client.get_registered_model('fraud')\n\
                versions = client.search_model_versions(\"name = 'fraud'\", order_by=['version_number'])\n\
                told = [(str(v.version), v.description, v.tags) for v in versions]\n\
                names = [m.name for m in client.search_registered_models()]\n\
                next = client.create_model_version('fraud', '/models/next')\n\
                again = client.create_model_version(client.create_registered_model('gone').name, '/x')\n\
                by_alias = client.get_model_version_by_alias('fraud', 'champion')\n\
                print(json.dumps([m.description, m.tags, told, names, str(next.version),\n\
                    str(again.version), again.tags, str(by_alias.version), m.last_updated_timestamp]))";
    let told: serde_json::Value = serde_json::from_str(&mlflow(&python, &path, told)).unwrap();

    let want = serde_json::json!([
        "ours",
        {"team": "ü"},
        [["1", "good", {}], ["2", null, {"k": "1"}]],
        ["fraud"],
        "4",
        "1",
        {},
        "2",
        9_999_999_999_999_i64
    ]);
    assert_eq!(told, want);
    let history = store.events(&fraud, None, None, PageSize::MAX).unwrap().items;
    assert_eq!(history.first().unwrap().change.kind(), "renamed_to");
}
