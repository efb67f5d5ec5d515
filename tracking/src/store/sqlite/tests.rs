//! The shared suite on a SQLite file, and what only a database can suffer.

use super::*;
use crate::store::agreement;
use proptest::prelude::*;
use tempfile::TempDir;

const NOW: Millis = 1_700_000_000_000;

fn store() -> (SqliteStore, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("mlflow.db"), NOW).unwrap();
    (store, folder)
}

crate::conformance_tests!(store());

#[test]
fn a_panic_in_a_job_takes_nothing_along_and_the_store_goes_on() {
    let (store, _folder) = store();
    let sql = "INSERT INTO experiment_tags (experiment_id, key, value) VALUES (0, ?1, '')";
    let panicked = store.database.write::<()>("testing", move |db| {
        db.execute(sql, ["lost"])?;
        panic!("in the middle");
    });
    assert!(matches!(panicked, Err(Error::Backend { .. })), "{panicked:?}");

    store.database.write("testing", move |db| Ok(db.execute(sql, ["kept"])?)).unwrap();

    let tags = store.experiment(&ExperimentId::default_experiment()).unwrap().tags;
    assert_eq!(tags, [Tag::new(Key::parse("kept").unwrap(), "")]);
}

#[test]
fn commits_are_as_durable_as_asked_and_the_log_is_written_ahead() {
    let folder = tempfile::tempdir().unwrap();
    for (durability, number) in [(Durability::Full, 2), (Durability::Normal, 1)] {
        let options = Options { durability, ..Options::default() };
        let store = SqliteStore::open_with(&folder.path().join("m.db"), &options, NOW).unwrap();
        let ask = |db: &database::Session<'_>| {
            let synchronous: i64 =
                db.prepare("PRAGMA synchronous")?.query_row([], |row| row.get(0))?;
            let mode: String =
                db.prepare("PRAGMA journal_mode")?.query_row([], |row| row.get(0))?;
            Ok((synchronous, mode))
        };
        let found = store.database.write("asking", ask).unwrap();
        assert_eq!(found, (number, "wal".to_owned()));
    }
}

#[test]
fn no_statement_of_a_read_walks_over_a_whole_table() {
    let (store, _folder) = store();
    let plan = |sql: &str| {
        store.database.read("explaining", |db| {
            let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
            let rows = statement.query_map([r#"["a"]"#], |row| row.get::<_, String>(3))?;
            Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
        })
    };
    for sql in load::STATEMENTS {
        let plan = plan(sql).unwrap();
        let scans: Vec<&String> = plan
            .iter()
            .filter(|step| step.starts_with("SCAN") && !step.contains("VIRTUAL"))
            .collect();
        assert!(scans.is_empty(), "{sql}: {plan:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_database_and_memory_agree_on_random_filters(case in agreement::cases()) {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { durability: Durability::Normal, ..Options::default() };
        let path = folder.path().join("mlflow.db");
        let store = SqliteStore::open_with(&path, &options, NOW).unwrap();
        agreement::check(&store, &case)?;
    }
}
