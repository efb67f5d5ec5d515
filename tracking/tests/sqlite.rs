//! MLflow's files open here, and MLflow works on what is made here.
//!
//! `tests/fixtures/mlflow-2.22.5.sql` holds what a real client wrote. The last tests ask a real
//! MLflow 3.17.2: they run when `MLCTL_ORACLE_PYTHON` names its Python, and say so when not.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use mlctl_tracking::entity::{LifecycleStage, Metric, Param, RunStatus, Tag, ViewType};
use mlctl_tracking::search::RunQuery;
use mlctl_tracking::store::sqlite::SqliteStore;
use mlctl_tracking::store::{
    Batch, HistoryPage, HistorySample, NewExperiment, NewLoggedModel, NewRun, RunChange,
};
use mlctl_tracking::{ExperimentId, ExperimentName, Key, LoggedModelStore, RunId, TrackingStore};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

const OLD: &str = include_str!("fixtures/mlflow-2.22.5.sql");
const NOW: i64 = 1_700_000_000_000;

fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

fn new_run(experiment: &str) -> NewRun {
    NewRun {
        experiment_id: ExperimentId::parse(experiment).unwrap(),
        user_id: "ada".to_owned(),
        run_name: Some("ours".to_owned()),
        start_time: NOW,
        tags: vec![Tag::new(key("kind"), "test")],
    }
}

fn metric(name: &str, value: f64, step: i64) -> Metric {
    Metric::new(key(name), value, NOW + step, step)
}

fn logged(metrics: Vec<Metric>) -> Batch {
    Batch { metrics, ..Batch::default() }
}

/// Tells what tables, indexes and triggers a file has. MLflow writes the constraints of a table in
/// an order that changes from one time to the next, so the lines are sorted.
fn schema(path: &Path) -> Vec<String> {
    let conn = Connection::open(path).unwrap();
    let sql = "SELECT type || ' ' || name || char(10) || coalesce(sql, '') FROM sqlite_master
               WHERE name NOT LIKE 'mlctl%' AND name NOT LIKE 'sqlite_autoindex_mlctl%'
               UNION ALL SELECT 'revision ' || version_num FROM alembic_version ORDER BY 1";
    let mut statement = conn.prepare(sql).unwrap();
    let texts = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let sorted = |text: String| {
        let mut lines: Vec<&str> =
            text.lines().map(|line| line.trim_end_matches([',', ' '])).collect();
        lines[1..].sort_unstable();
        lines.join("\n")
    };
    texts.map(|text| sorted(text.unwrap())).collect()
}

#[test]
fn a_file_of_an_old_mlflow_is_read_and_written_without_being_migrated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mlflow.db");
    Connection::open(&path).unwrap().execute_batch(OLD).unwrap();
    let before = schema(&path);
    let store = SqliteStore::open(&path).unwrap();

    let churn = store.experiment_by_name("churn").unwrap();
    assert_eq!(churn.tags, [Tag::new(key("team"), "growth")]);
    let found = store.search_runs(&RunQuery {
        filter: "params.lr = '0.1' AND metrics.loss < 0.3 AND datasets.name = 'set'".to_owned(),
        ..RunQuery::of(vec![churn.experiment_id.clone()])
    });
    let run = found.unwrap().items.remove(0);
    assert_eq!((run.info.run_name.as_str(), run.info.status), ("first", RunStatus::Finished));
    let values: Vec<_> = run.data.metrics.iter().map(|m| (m.key.as_str(), m.value)).collect();
    assert!(values[0].1.is_nan(), "{values:?}");
    assert_eq!(values[1..], [("loss", 0.25), ("up", f64::INFINITY)]);
    assert!(run.data.tags.contains(&Tag::new(key("a/b"), "é")));
    assert_eq!(run.inputs.dataset_inputs[0].tags[0].value, "training");
    let deleted = RunQuery {
        view: ViewType::DeletedOnly,
        ..RunQuery::of(vec![ExperimentId::default_experiment()])
    };
    assert_eq!(store.search_runs(&deleted).unwrap().items[0].info.run_name, "gone");

    let made = store.create_run(&new_run(churn.experiment_id.as_str())).unwrap().info.run_id;
    store.log_batch(&made, &logged(vec![metric("loss", f64::NEG_INFINITY, 1)])).unwrap();
    store.log_inputs(&made, &run.inputs.dataset_inputs, &[]).unwrap();
    let again = store.run(&made).unwrap();
    assert_eq!(again.data.metrics[0].value, f64::NEG_INFINITY);
    assert_eq!(again.inputs.dataset_inputs, run.inputs.dataset_inputs);
    let refused = store
        .create_logged_model(&NewLoggedModel {
            experiment_id: churn.experiment_id,
            name: None,
            model_type: None,
            source_run_id: Some(made),
            tags: Vec::new(),
            params: Vec::new(),
            time: NOW,
        })
        .unwrap_err();
    assert!(refused.to_string().contains("`mlctl db upgrade FILE`"), "{refused}");
    assert_eq!(refused.code().as_str(), "NOT_IMPLEMENTED");
    drop(store);
    assert_eq!(schema(&path), before);
}

#[test]
fn a_lock_of_another_program_is_waited_for_and_readers_do_not_notice() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mlflow.db");
    let store = SqliteStore::open(&path).unwrap();
    let run = store.create_run(&new_run("0")).unwrap().info.run_id;
    let (locked, is_locked) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| {
            let other = Connection::open(&path).unwrap();
            other.execute_batch("BEGIN IMMEDIATE").unwrap();
            locked.send(()).unwrap();
            thread::sleep(Duration::from_millis(1500));
            other.execute_batch("COMMIT").unwrap();
        });
        is_locked.recv().unwrap();
        let start = Instant::now();
        let write = scope.spawn(|| store.log_batch(&run, &logged(vec![metric("m", 1.0, 1)])));
        assert!(store.run(&run).unwrap().data.metrics.is_empty());
        assert!(start.elapsed() < Duration::from_millis(1000), "a reader waited");
        write.join().unwrap().unwrap();
        assert!(start.elapsed() > Duration::from_millis(1000), "the lock was not waited for");
    });
    assert_eq!(store.run(&run).unwrap().data.metrics[0].value, 1.0);
}

#[test]
fn of_many_writers_at_once_each_gets_its_own_answer() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("mlflow.db")).unwrap();
    let run = store.create_run(&new_run("0")).unwrap().info.run_id;
    let accepted: usize = thread::scope(|scope| {
        let (store, run) = (&store, &run);
        let write = |writer: usize| {
            let results = (0..20).map(|at| {
                let step = (writer * 20 + at) as i64;
                let params = vec![Param::new(key(&format!("p{at}")), writer.to_string())];
                let batch = Batch { params, ..logged(vec![metric("m", 1.0, step)]) };
                store.log_batch(run, &batch)
            });
            results.filter(Result::is_ok).count()
        };
        let threads: Vec<_> = (0..16).map(|writer| scope.spawn(move || write(writer))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    // One value of each param won, and only the batches of the winners are there.
    assert_eq!(accepted, 20);
    let history = store.metric_history(&run, &key("m"), &HistoryPage::default()).unwrap();
    assert_eq!(history.items.len(), 20);
}

#[test]
fn a_file_that_is_no_database_is_refused_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "not a database, but someone's notes about one").unwrap();

    let refused = SqliteStore::open(&path).unwrap_err();

    assert!(refused.to_string().contains("opening the tracking store in `"), "{refused}");
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("not a database"));
}

/// Starts a script with MLflow's client as `c`.
fn start(python: &str, database: &Path, script: &str) -> Child {
    let script = format!(
        "import json, math, time, logging, warnings; warnings.simplefilter('ignore')\n\
         logging.disable(logging.CRITICAL)\n\
         from mlflow.tracking import MlflowClient\n\
         from mlflow.entities import *\n\
         c = MlflowClient('sqlite:///{}')\n{script}",
        database.display()
    );
    Command::new(python)
        .args(["-c", &script])
        .current_dir(database.parent().unwrap())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits for a script and reads the JSON in its last line.
fn told(child: Child) -> Value {
    let output = child.wait_with_output().unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{err}");
    serde_json::from_str(out.lines().last().unwrap_or("null")).unwrap()
}

#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn oracle() -> Option<String> {
    let python = std::env::var("MLCTL_ORACLE_PYTHON").ok();
    if python.is_none() {
        eprintln!("SKIPPED: MLCTL_ORACLE_PYTHON names no Python with MLflow 3.17.2");
    }
    python
}

#[test]
fn a_real_mlflow_finds_its_own_tables_and_our_data_in_a_new_file() {
    let Some(python) = oracle() else { return };
    let folder = tempfile::tempdir().unwrap();
    let theirs = folder.path().join("theirs.db");
    told(start(&python, &theirs, "c.search_experiments(); print('null')"));
    let path = folder.path().join("ours.db");
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(schema(&path), schema(&theirs));
    let experiment = store
        .create_experiment(&NewExperiment {
            name: ExperimentName::parse("churn").unwrap(),
            artifact_location: None,
            tags: vec![Tag::new(key("team"), "growth")],
            time: NOW,
        })
        .unwrap();
    let run = store.create_run(&new_run(experiment.as_str())).unwrap().info.run_id;
    let points = vec![
        metric("loss", 0.5, 1),
        metric("loss", 0.25, 2),
        metric("up", f64::INFINITY, 0),
        metric("nan", f64::NAN, 0),
    ];
    let params = vec![Param::new(key("lr"), "0.1")];
    store.log_batch(&run, &Batch { params, ..logged(points) }).unwrap();
    let ended = RunChange { status: Some(RunStatus::Finished), ..RunChange::default() };
    store.update_run(&run, &RunChange { end_time: Some(NOW + 9), ..ended }).unwrap();
    let deleted = store.create_run(&new_run("0")).unwrap().info.run_id;
    store.delete_run(&deleted, NOW).unwrap();

    let script = format!(
        "r = c.get_run('{run}'); m = r.data.metrics\n\
         e = c.get_experiment_by_name('churn')\n\
         hist = [(p.value, p.step, p.timestamp) for p in c.get_metric_history('{run}', 'loss')]\n\
         found = c.search_runs([e.experiment_id], \"params.lr = '0.1' and metrics.loss < 0.3\")\n\
         i = r.info\n\
         made = c.create_run(e.experiment_id, run_name='theirs', start_time={NOW})\n\
         t = made.info.run_id\n\
         c.log_batch(t, [Metric('loss', math.nan, 5, 0), Metric('acc', 0.75, 6, 3)], [Param('a', 'b')])\n\
         c.log_inputs(t, [DatasetInput(Dataset('set', 'd1', 'local', '{{}}'), [InputTag('mlflow.data.context', 'train')])])\n\
         lm = c.create_logged_model(e.experiment_id, name='model', source_run_id=t, params={{'x': 'y'}})\n\
         c.log_metric(t, 'rmse', 0.5, model_id=lm.model_id, timestamp=7, step=1)\n\
         c.finalize_logged_model(lm.model_id, 'READY')\n\
         other = c.create_experiment('theirs')\n\
         print(json.dumps([e.experiment_id, e.tags, e.artifact_location == r.info.artifact_uri.rsplit('/', 2)[0],\n\
             e.creation_time, m['loss'], m['up'] == 1.7976931348623157e308, math.isnan(m['nan']), hist, len(found),\n\
             i.status, i.end_time, i.run_name, i.user_id, r.data.tags['kind'], r.data.params,\n\
             c.get_run('{deleted}').info.lifecycle_stage, t, lm.model_id, other]))"
    );
    let told = told(start(&python, &path, &script));

    let want = json!([
        "1", {"team": "growth"}, true, NOW, 0.25, true, true,
        [[0.5, 1, NOW + 1], [0.25, 2, NOW + 2]], 1,
        "FINISHED", NOW + 9, "ours", "ada", "test", {"lr": "0.1"}, "deleted"
    ]);
    assert_eq!(told.as_array().unwrap()[..16], want.as_array().unwrap()[..]);
    check_theirs(&store, &told);
}

/// Reads what the script above wrote.
fn check_theirs(store: &SqliteStore, told: &Value) {
    let run = store.run(&RunId::parse(told[16].as_str().unwrap()).unwrap()).unwrap();
    assert_eq!(run.info.run_name, "theirs");
    assert_eq!(run.info.lifecycle_stage, LifecycleStage::Active);
    let values: Vec<_> =
        run.data.metrics.iter().map(|m| (m.key.to_string(), m.value.to_string())).collect();
    assert_eq!(json!(values), json!([["acc", "0.75"], ["loss", "NaN"], ["rmse", "0.5"]]));
    assert_eq!(run.inputs.dataset_inputs[0].dataset.name, "set");
    let id = told[17].as_str().unwrap();
    let model = store.logged_model(&id.to_owned().try_into().unwrap()).unwrap();
    assert_eq!((model.name.as_str(), model.status.as_str()), ("model", "READY"));
    assert_eq!(model.params, [Param::new(key("x"), "y")]);
    assert_eq!(
        (model.metrics[0].value, model.metrics[0].run_id.clone()),
        (0.5, Some(run.info.run_id))
    );
    assert_eq!(store.experiment_by_name("theirs").unwrap().experiment_id.as_str(), told[18]);
}

#[test]
fn a_real_mlflow_and_this_store_write_at_the_same_time() {
    let Some(python) = oracle() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mlflow.db");
    let store = SqliteStore::open(&path).unwrap();
    let run = store.create_run(&new_run("0")).unwrap().info.run_id;
    let script = format!(
        "for i in range(150): c.log_metric('{run}', 'theirs', i, timestamp=i, step=i)\n\
         print('null')"
    );
    let mut child = start(&python, &path, &script);
    let mut ours = 0;
    while child.try_wait().unwrap().is_none() {
        store.log_batch(&run, &logged(vec![metric("ours", 1.0, ours)])).unwrap();
        store.run(&run).unwrap();
        ours += 1;
    }
    told(child);

    let count = |name: &str| {
        store.metric_history(&run, &key(name), &HistoryPage::default()).unwrap().items.len()
    };
    assert_eq!((count("theirs"), count("ours")), (150, ours as usize));
    let latest = store.run(&run).unwrap().data.metrics;
    assert_eq!(latest.iter().find(|m| m.key == key("theirs")).unwrap().value, 149.0);
}

#[test]
fn a_real_mlflow_chooses_the_same_points_for_a_chart() {
    let Some(python) = oracle() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mlflow.db");
    let store = SqliteStore::open(&path).unwrap();
    let run = store.create_run(&new_run("0")).unwrap().info.run_id;
    // Steps with gaps, in no order, several points at some of them, NaN among these.
    let points = (0..97).map(|at: i64| {
        let value = if at % 7 == 0 { f64::NAN } else { (at * 37 % 11) as f64 };
        Metric::new(key("m"), value, NOW + at * 13 % 5, at * 29 % 60)
    });
    store.log_batch(&run, &logged(points.collect())).unwrap();
    let asked: Vec<(Option<i64>, Option<i64>, usize)> = (1..=20)
        .flat_map(|max| {
            [(None, None, max * 5 - 4), (Some(3), Some(41), max), (Some(5), Some(5), max)]
        })
        .collect();

    let script = format!(
        "store = c._tracking_client.store\n\
         show = lambda p: [p.step, p.timestamp, str(p.value)]\n\
         asked = {}\n\
         print(json.dumps([[show(p) for p in store.get_metric_history_bulk_interval(\
             ['{run}'], 'm', n, a, b)] for a, b, n in asked]))",
        json!(asked).to_string().replace("null", "None")
    );
    let told = told(start(&python, &path, &script));

    for ((start_step, end_step, max_results), want) in
        asked.into_iter().zip(told.as_array().unwrap())
    {
        let sample = HistorySample { start_step, end_step, max_results };
        let chosen =
            store.metric_history_sampled(std::slice::from_ref(&run), &key("m"), &sample).unwrap();
        let show = |point: &Metric| {
            let value =
                if point.value.is_nan() { "nan".to_owned() } else { format!("{:?}", point.value) };
            json!([point.step, point.timestamp, value])
        };
        let got: Vec<Value> = chosen.iter().map(|(_, point)| show(point)).collect();
        assert_eq!(json!(got), *want, "{sample:?}");
    }
}

#[test]
fn a_search_sees_at_once_what_a_real_mlflow_writes() {
    let Some(python) = oracle() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mlflow.db");
    let store = SqliteStore::open(&path).unwrap();
    let run = store.create_run(&new_run("0")).unwrap().info.run_id;
    store.log_batch(&run, &logged(vec![metric("m", 1.0, 0)])).unwrap();
    let query = |filter: &str| RunQuery {
        filter: filter.to_owned(),
        ..RunQuery::of(vec![ExperimentId::default_experiment()])
    };
    let count = |filter: &str| store.search_runs(&query(filter)).unwrap().items.len();
    assert_eq!(
        (count("metrics.m = 1"), count("metrics.m = 2"), count("params.p = 'x'")),
        (1, 0, 0)
    );

    let script = format!(
        "c.log_metric('{run}', 'm', 2, timestamp={NOW}, step=5)\n\
         c.log_param(c.create_run('0').info.run_id, 'p', 'x')\n\
         print('null')"
    );
    told(start(&python, &path, &script));

    assert_eq!(
        (count("metrics.m = 1"), count("metrics.m = 2"), count("params.p = 'x'")),
        (0, 1, 1)
    );
    assert_eq!(count(""), 2);
}
