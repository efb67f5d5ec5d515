//! The shared suite on a SQLite file, and what only a database can suffer.

mod speed;

use super::*;
use crate::store::agreement;
use proptest::prelude::*;
use tempfile::TempDir;

const NOW: Millis = 1_700_000_000_000;

fn store() -> (SqliteStore, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { clock: Clock::fixed(NOW), ..Options::default() };
    let store = SqliteStore::open_with(folder.path().join("mlflow.db"), &options).unwrap();
    (store, folder)
}

crate::conformance_tests!(store());
crate::purge_conformance_tests!(store());

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
        let store = SqliteStore::open_with(folder.path().join("m.db"), &options).unwrap();
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

/// The tables of another component in the same file.
#[derive(Clone, Copy, Debug)]
struct Neighbour;

impl mlctl_sqlite::Layout for Neighbour {}

#[test]
fn a_change_of_a_neighbour_leaves_the_columns_of_searches_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mlflow.db");
    let database = mlctl_sqlite::Database::new(&path, mlctl_sqlite::Options::default());
    let store = SqliteStore::attach(&database, &Options::default()).unwrap();
    let prepare = |_: &mut rusqlite::Connection, _| -> std::result::Result<_, database::Failure> {
        Ok(mlctl_sqlite::Prepared::writable(Neighbour))
    };
    let neighbour = database.attach(prepare).unwrap();
    let search = RunQuery::of(vec![ExperimentId::default_experiment()]);
    store.search_runs(&search).unwrap();
    let sql = "INSERT INTO registered_models (name) VALUES ('churn')";

    neighbour
        .write(|db| -> std::result::Result<_, database::Failure> { Ok(db.execute(sql, [])?) })
        .unwrap();

    let changed = store.database.take_changes().unwrap();
    assert!(!changed.everything && changed.keys.is_empty(), "{changed:?}");
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch("DELETE FROM registered_models")
        .unwrap();
    assert!(store.database.take_changes().unwrap().everything);
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
    for sql in load::statements() {
        let plan = plan(sql).unwrap();
        let scans: Vec<&String> = plan
            .iter()
            .filter(|step| step.starts_with("SCAN") && !step.contains("VIRTUAL"))
            .collect();
        assert!(scans.is_empty(), "{sql}: {plan:?}");
    }
}

#[test]
fn what_mlflows_table_of_model_metrics_cannot_hold_is_kept_once() {
    let (store, _folder) = store();
    let new = NewRun {
        experiment_id: ExperimentId::default_experiment(),
        user_id: String::new(),
        run_name: None,
        start_time: NOW,
        tags: Vec::new(),
    };
    let run = store.create_run(&new).unwrap().info.run_id;
    let model = NewLoggedModel {
        experiment_id: ExperimentId::default_experiment(),
        name: None,
        model_type: None,
        source_run_id: Some(run.clone()),
        tags: Vec::new(),
        params: Vec::new(),
        time: NOW,
    };
    let id = store.create_logged_model(&model).unwrap().model_id;
    let on = |set: &str, value: f64| Metric {
        model_id: Some(id.clone()),
        dataset_name: Some(set.to_owned()),
        ..Metric::new(Key::parse("rmse").unwrap(), value, NOW, 1)
    };
    let metrics = vec![on("train", 0.5), on("test", 0.25), on("odd", f64::NAN)];
    for _ in 0..2 {
        let batch = Batch { metrics: metrics.clone(), ..Batch::default() };
        store.log_batch(&run, &batch).unwrap();
    }

    let measured = store.logged_model(&id).unwrap().metrics;

    let mut shown: Vec<_> = measured
        .iter()
        .map(|m| format!("{} {}", m.dataset_name.as_deref().unwrap_or_default(), m.value))
        .collect();
    shown.sort();
    assert_eq!(shown, ["odd NaN", "test 0.25", "train 0.5"]);
    let rows = |table: &str| {
        let sql = format!("SELECT count(*) FROM {table}");
        store
            .database
            .read("counting", |db| {
                Ok(db.prepare(&sql)?.query_row([], |row| row.get::<_, i64>(0))?)
            })
            .unwrap()
    };
    assert_eq!((rows("logged_model_metrics"), rows("mlctl_logged_model_metrics")), (1, 2));
}

#[test]
fn two_stores_share_a_file_that_both_make() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/mlflow.db");
    let experiments: usize = std::thread::scope(|scope| {
        let path = &path;
        let write = move |name: &'static str| {
            let store = SqliteStore::open(path).unwrap();
            let made = (0..40).map(|at| {
                let name = ExperimentName::parse(format!("{name}{at}")).unwrap();
                let new =
                    NewExperiment { name, artifact_location: None, tags: Vec::new(), time: NOW };
                store.create_experiment(&new).unwrap()
            });
            made.count()
        };
        let threads = ["a", "b", "c"].map(|name| scope.spawn(move || write(name)));
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(experiments, 120);
    let store = SqliteStore::open(&path).unwrap();
    let all = store.search_experiments(&ExperimentQuery::default()).unwrap().items;
    assert_eq!(all.len(), 121);
    let last = store.experiment(&ExperimentId::parse("120").unwrap()).unwrap();
    assert!(last.artifact_location.ends_with("/new/mlruns/120"), "{}", last.artifact_location);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_database_and_memory_agree_on_random_filters(case in agreement::cases()) {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { durability: Durability::Normal, ..Options::default() };
        let path = folder.path().join("mlflow.db");
        let store = SqliteStore::open_with(&path, &options).unwrap();
        agreement::check(&store, &case)?;
    }

    #[test]
    fn a_database_and_memory_agree_on_random_facts(case in agreement::facts::cases()) {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { durability: Durability::Normal, ..Options::default() };
        let path = folder.path().join("mlflow.db");
        let store = SqliteStore::open_with(&path, &options).unwrap();
        agreement::facts::check(&store, &case)?;
    }
}

#[test]
fn infinity_is_stored_as_mlflow_stores_it_and_found_as_infinity() {
    let (store, _folder) = store();
    let new = NewRun {
        experiment_id: ExperimentId::default_experiment(),
        user_id: String::new(),
        run_name: None,
        start_time: NOW,
        tags: Vec::new(),
    };
    let key = |text| Key::parse(text).unwrap();
    let run = store.create_run(&new).unwrap().info.run_id;
    let metrics = vec![
        Metric::new(key("up"), f64::INFINITY, NOW, 0),
        Metric::new(key("down"), f64::NEG_INFINITY, NOW, 0),
    ];
    store.log_batch(&run, &Batch { metrics, ..Batch::default() }).unwrap();

    for table in ["metrics", "latest_metrics"] {
        let sql = format!("SELECT min(value) = ?1 AND max(value) = ?2 FROM {table}");
        let is_largest = store.database.read("testing", |db| {
            Ok(db.prepare(&sql)?.query_row((f64::MIN, f64::MAX), |row| row.get::<_, bool>(0))?)
        });
        assert!(is_largest.unwrap(), "in {table}");
    }
    let history = store.metric_history(&run, &key("up"), &HistoryPage::default()).unwrap();
    assert_eq!(history.items[0].value, f64::INFINITY);
    for (filter, count) in [
        ("metrics.up = 1e999", 1),
        ("metrics.up > 1.7976931348623157e308", 1),
        ("metrics.down < -1.7976931348623157e308", 1),
        ("metrics.down > -1e999", 0),
        // A dataset is searched for by a statement, and not in memory.
        ("metrics.up = 1e999 AND datasets.name IS NULL", 1),
        ("metrics.up > 1.7976931348623157e308 AND datasets.name IS NULL", 1),
    ] {
        let query = RunQuery {
            filter: filter.to_owned(),
            ..RunQuery::of(vec![ExperimentId::default_experiment()])
        };
        assert_eq!(store.search_runs(&query).unwrap().items.len(), count, "for {filter}");
    }
}
