//! Databases: those of older MLflows, upgrades of them, and what they live through.

use crate::harness::{Place, finish, text, until};
use crate::http::{Server, http};
use crate::namespace::{SmallDisk, enter};
use crate::python::Python;
use crate::running::Running;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::sync::Mutex;
use std::thread;

/// The schema and some rows of a real 2.22.5.
const OLD: &str = include_str!("../../tracking/tests/fixtures/mlflow-2.22.5.sql");
const URI: &str = "sqlite:///mlflow.db";
/// The versions whose files are opened in place.
const VERSIONS: [&str; 4] = ["2.22.5", "3.4.0", "3.11.1", "3.17.2"];

fn sql(place: &Place, name: &str, statements: &str) {
    let connection = rusqlite::Connection::open(place.path(name)).unwrap();
    connection.execute_batch(statements).unwrap();
}

/// Makes a file like one of 2.22.5.
fn old(place: &Place) {
    sql(place, "mlflow.db", OLD);
}

fn serve(place: &Place) -> Server {
    Server::launch(place, &mut place.command(&["server", "--port", "0", "--store", URI]))
}

fn new_run(server: &Server, experiment: &str) -> String {
    let body = json!({ "experiment_id": experiment, "run_name": "ours", "start_time": 1 });
    text(&server.post_json("/api/2.0/mlflow/runs/create", &body)["run"]["info"]["run_id"])
}

fn log(server: &Server, run: &str, step: i64, value: f64) -> (u16, String) {
    let body = json!({
        "run_id": run, "key": "loss", "value": value, "timestamp": 1, "step": step,
    });
    server.post("/api/2.0/mlflow/runs/log-metric", &body)
}

#[test]
fn files_of_real_old_mlflows_are_used_in_place_and_upgraded_like_mlflow_does() {
    let Some(newest) = Python::with_sql(VERSIONS[3]) else { return };
    for version in VERSIONS {
        let Some(python) = Python::with_sql(version) else { return };
        let place = Place::new();
        let made = python.json(&place, "old_write.py", &[URI]);
        assert_eq!(made["version"], version);
        let before = python.json(&place, "database.py", &["mlflow.db"])["schema"].clone();

        let run = use_in_place(&place, version, &made);
        let shown = python.json(&place, "old_read.py", &[URI, &run, &text(&made["experiment_id"])]);

        assert_eq!(shown["points"], json!([[1, 0.5], [2, 0.25]]), "{version}");
        assert_eq!(shown["params"], json!({ "lr": "0.2" }), "{version}");
        assert_eq!(shown["tags"], json!({ "kind": "new", "mlflow.runName": "ours" }), "{version}");
        assert_eq!(shown["found"], json!([run]), "{version}");
        assert_eq!((&shown["status"], &shown["version"]), (&json!("FINISHED"), &json!("1")));
        let after = python.json(&place, "database.py", &["mlflow.db"])["schema"].clone();
        assert_eq!(before, after, "{version}: the file was migrated");
        check_upgrade(&place, &newest);
    }
}

/// Reads what the old MLflow wrote, and writes a run beside it; returns its id.
fn use_in_place(place: &Place, version: &str, made: &Value) -> String {
    let server = serve(place);
    let old = text(&made["run_id"]);
    let run = server.get_json(&format!("/api/2.0/mlflow/runs/get?run_id={old}"))["run"].clone();
    assert_eq!(run["info"]["run_name"], "first", "{version}");
    assert_eq!(run["data"]["params"], json!([{ "key": "lr", "value": "0.1" }]), "{version}");
    assert_eq!(run["inputs"]["dataset_inputs"][0]["dataset"]["name"], "set", "{version}");
    assert_eq!(server.history(&old, "loss").len(), 5, "{version}");
    let experiment = text(&made["experiment_id"]);
    let search = json!({ "experiment_ids": [experiment], "filter": "metrics.loss < 0.3" });
    let found = server.post_json("/api/2.0/mlflow/runs/search", &search);
    assert_eq!(found["runs"][0]["info"]["run_id"], old.as_str(), "{version}");

    let id = new_run(&server, &experiment);
    let batch = json!({
        "run_id": id,
        "metrics": [{ "key": "loss", "value": 0.5, "timestamp": 1, "step": 1 },
                    { "key": "loss", "value": 0.25, "timestamp": 2, "step": 2 }],
        "params": [{ "key": "lr", "value": "0.2" }],
        "tags": [{ "key": "kind", "value": "new" }],
    });
    server.post_json("/api/2.0/mlflow/runs/log-batch", &batch);
    let end = json!({ "run_id": id, "status": "FINISHED", "end_time": 9 });
    server.post_json("/api/2.0/mlflow/runs/update", &end);
    let model = json!({ "experiment_id": experiment, "name": "m" });
    let (status, said) = server.post("/api/2.0/mlflow/logged-models", &model);
    match version {
        "2.22.5" => {
            assert_eq!(status, 501, "{said}");
            assert!(said.contains("`mlctl db upgrade FILE`"), "{said}");
        }
        _ => assert_eq!(status, 200, "{said}"),
    }
    id
}

/// Upgrades one copy here and one with MLflow, and compares.
fn check_upgrade(place: &Place, newest: &Python) {
    let ours = rusqlite::Connection::open(place.path("mlflow.db")).unwrap();
    ours.execute("VACUUM INTO ?1", [place.text("theirs.db")]).unwrap();
    drop(ours);
    newest.ok(place, "upgrade.py", &["theirs.db"]);

    let done = place.json(&["db", "upgrade", URI]);

    let shown = |name: &str| newest.json(place, "database.py", &[name]);
    let (ours, theirs) = (shown("mlflow.db"), shown("theirs.db"));
    assert_eq!(ours["schema"], theirs["schema"], "from {}", done["from"]);
    assert_eq!(ours["rows"], theirs["rows"], "from {}", done["from"]);
    place.ok(&["registry", "list", "--store", URI]);
    place.ok(&["runs", "list", "--store", URI, "--all-experiments"]);
}

#[test]
fn an_upgrade_says_what_it_does_and_where_the_copy_is() {
    let place = Place::new();
    old(&place);
    let planned = place.ok(&["db", "upgrade", "mlflow.db", "--dry-run"]);
    assert!(
        planned.starts_with(
            "mlflow.db is at revision 0584bdc529eb; the upgrade takes 39 \
                                 steps:\n"
        ),
        "{planned}"
    );
    assert!(planned.contains("400f98739977") && planned.contains("logged models"), "{planned}");

    let said = place.ok(&["db", "upgrade", URI]);

    let copy = place.text("mlflow.db.0584bdc529eb.backup");
    assert_eq!(
        said,
        format!(
            "upgraded mlflow.db from 0584bdc529eb to dc11669786a5 in 39 steps\n\
             the old database was saved as {copy}\n"
        )
    );
    let again = place.ok(&["db", "upgrade", "mlflow.db"]);
    assert_eq!(again, "mlflow.db is already at the newest revision, dc11669786a5\n");
    let shown = place.json(&["runs", "list", "--store", URI, "--all-experiments"]);
    assert!(!shown.as_array().unwrap().is_empty());
    let server = serve(&place);
    let model = json!({ "experiment_id": "0", "name": "m" });
    server.post_json("/api/2.0/mlflow/logged-models", &model);
}

#[test]
fn what_is_no_database_of_mlflow_is_refused_plainly() {
    let place = Place::new();
    let refused = |name: &str, part: &str| {
        let finished = place.run(&["db", "upgrade", name]);
        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert!(finished.stderr.starts_with("error: "), "{finished:?}");
        assert!(finished.stderr.contains(part), "{finished:?}");
    };
    refused("missing.db", "cannot use the database `missing.db`");
    sql(&place, "foreign.db", "CREATE TABLE t (x)");
    refused("foreign.db", "is not an MLflow database");
    place.write("notes.txt", "notes, and not a database by any means");
    refused("notes.txt", "file is not a database");
    old(&place);
    sql(&place, "mlflow.db", "UPDATE alembic_version SET version_num = 'ffffffffffff'");
    refused("mlflow.db", "update mlctl");
    refused("https://example.org", "is not a database that mlctl can upgrade");
}

#[test]
fn a_file_that_a_server_uses_is_not_upgraded_under_it() {
    let place = Place::new();
    old(&place);
    let server = serve(&place);

    let refused = place.run(&["db", "upgrade", "mlflow.db"]);

    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("another program uses it: stop the servers"), "{refused:?}");
    drop(server);
    place.ok(&["db", "upgrade", "mlflow.db"]);
}

/// An upgrade takes long enough to be killed at many places.
#[test]
fn an_upgrade_that_is_killed_leaves_the_old_file_or_the_new_one() {
    const RUNS: i64 = 10_000;
    const PLACES: u64 = 6;
    let place = Place::new();
    old(&place);
    let fill = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {RUNS})
         INSERT INTO registered_models (name) SELECT 'model ' || i FROM n;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {RUNS})
         INSERT INTO model_versions (name, version, description)
         SELECT 'model ' || i, 1, printf('%0500d', i) FROM n"
    );
    sql(&place, "mlflow.db", &fill);
    let mut seen = BTreeSet::new();
    for number in 0..PLACES {
        let folder = format!("try{number}");
        fs::create_dir(place.path(&folder)).unwrap();
        let file = format!("{folder}/mlflow.db");
        fs::copy(place.path("mlflow.db"), place.path(&file)).unwrap();
        let mut process = Running::start(&place, &mut place.command(&["db", "upgrade", &file]));
        // The copy is there before the first step is taken; then it goes on for a while.
        let at_work = || fs::read_dir(place.path(&folder)).unwrap().count() > 1;
        until("the upgrade is at work", at_work);
        thread::sleep(std::time::Duration::from_millis(number * 20));
        process.kill();

        let plan = place.json(&["db", "upgrade", &file, "--dry-run"]);
        seen.insert(text(&plan["from"]));
        let open = rusqlite::Connection::open(place.path(&file)).unwrap();
        let count = |sql: &str| open.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        assert!(count("SELECT count(*) FROM model_versions") >= RUNS);
        let whole: String = open.query_row("PRAGMA quick_check", [], |row| row.get(0)).unwrap();
        assert_eq!(whole, "ok");
        drop(open);
        place.ok(&["db", "upgrade", &file]);
    }
    let known = ["0584bdc529eb", "dc11669786a5"];
    assert!(seen.iter().all(|revision| known.contains(&revision.as_str())), "{seen:?}");
    assert!(seen.contains(known[0]), "no upgrade was killed before its end");
}

#[test]
fn what_a_killed_program_left_half_written_is_rolled_back_before_an_upgrade() {
    let place = Place::new();
    old(&place);
    let mut writer = rusqlite::Connection::open(place.path("mlflow.db")).unwrap();
    // Nothing fits into this cache, so the file is written to before the transaction ends.
    writer.execute_batch("PRAGMA cache_size = 1").unwrap();
    let half = writer.transaction().unwrap();
    let fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
                INSERT INTO registered_models (name, description)
                SELECT 'model ' || i, printf('%0500d', i) FROM n";
    half.execute_batch(fill).unwrap();
    for suffix in ["", "-journal"] {
        let [from, to] = ["mlflow", "left"].map(|name| place.path(&format!("{name}.db{suffix}")));
        fs::copy(from, to).unwrap();
    }
    half.rollback().unwrap();

    let plan = place.json(&["db", "upgrade", "left.db", "--dry-run"]);

    assert_eq!(text(&plan["from"]), "0584bdc529eb");
    place.ok(&["db", "upgrade", "left.db"]);
    let open = rusqlite::Connection::open(place.path("left.db")).unwrap();
    let count = "SELECT count(*) FROM registered_models WHERE name LIKE 'model %'";
    assert_eq!(open.query_row(count, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
}

#[test]
fn a_full_disk_stops_an_upgrade_and_costs_nothing() {
    if !enter("db::a_full_disk_stops_an_upgrade_and_costs_nothing") {
        return;
    }
    let place = Place::new();
    fs::create_dir(place.path("small")).unwrap();
    let Some(_disk) = SmallDisk::mount(&place.path("small")) else { return };
    sql(&place, "small/mlflow.db", OLD);
    let before = fs::read(place.path("small/mlflow.db")).unwrap();
    // Room for the copy is not there, or is and nothing else; later it is all there again.
    for left in [100_000, before.len() + 60_000] {
        let filler = (1 << 20) - before.len() - left;
        fs::write(place.path("small/filler"), vec![0; filler]).unwrap();

        let finished = place.run(&["db", "upgrade", "small/mlflow.db"]);

        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert!(finished.stderr.contains("full"), "{finished:?}");
        let left = fs::read_dir(place.path("small")).unwrap();
        let mut names: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
        // Reading a file in WAL mode may leave its shared memory behind.
        names.retain(|name| name != "mlflow.db-shm");
        names.sort();
        assert_eq!(names, ["filler", "mlflow.db"]);
        place.ok(&["runs", "list", "--all-experiments", "--store", "sqlite:///small/mlflow.db"]);
    }
}

#[test]
fn a_full_disk_is_an_error_and_the_server_lives_on_when_there_is_space_again() {
    if !enter("db::a_full_disk_is_an_error_and_the_server_lives_on_when_there_is_space_again") {
        return;
    }
    let place = Place::new();
    fs::create_dir(place.path("small")).unwrap();
    // Starting takes more than a megabyte: the tables first, and the log of their making.
    let Some(disk) = SmallDisk::mount(&place.path("small")) else { return };
    disk.resize("4m");
    let args = ["server", "--port", "0", "--store", "sqlite:///small/mlflow.db"];
    let server = Server::launch(&place, &mut place.command(&args));
    let run = new_run(&server, "0");
    assert_eq!(log(&server, &run, 0, 0.5).0, 200);
    // As much as there is room for.
    let mut filler = fs::File::create(place.path("small/filler")).unwrap();
    while filler.write_all(&[0; 4096]).is_ok() {}

    let mut taken = 1;
    let (status, said) = loop {
        match log(&server, &run, taken, 0.5) {
            (200, _) => taken += 1,
            refused => break refused,
        }
    };

    assert_eq!(status, 507, "{said}");
    assert!(said.contains("INSUFFICIENT_STORAGE"), "{said}");
    assert_eq!(server.history(&run, "loss").len(), taken as usize);
    fs::remove_file(place.path("small/filler")).unwrap();
    drop(filler);
    assert_eq!(log(&server, &run, taken, 0.5).0, 200);
    assert_eq!(server.history(&run, "loss").len(), taken as usize + 1);
}

#[test]
fn a_corrupt_file_is_an_error_that_names_it() {
    let place = Place::new();
    place.ok(&["experiments", "create", "a", "--store", URI]);
    let mut bytes = fs::read(place.path("mlflow.db")).unwrap();
    let half = bytes.len() / 2;
    bytes[4096..half].fill(0xAA);
    fs::write(place.path("mlflow.db"), &bytes).unwrap();

    let finished = place.run(&["runs", "list", "--store", URI]);

    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.stderr.starts_with("error: "), "{finished:?}");
    assert!(finished.stderr.contains("mlflow.db"), "{finished:?}");
    assert!(finished.stderr.contains("malformed"), "{finished:?}");
}

#[test]
fn a_file_of_mlflow_3_18_is_written_to_and_needs_no_upgrade() {
    let place = Place::new();
    let server = serve(&place);
    let run = new_run(&server, "0");
    drop(server);
    sql(
        &place,
        "mlflow.db",
        "UPDATE alembic_version SET version_num = 'f4a9b2c7d1e6';
         ALTER TABLE issues ADD COLUMN last_updated_by VARCHAR(255);
         CREATE TABLE skills (id VARCHAR(36) NOT NULL PRIMARY KEY);",
    );

    let server = serve(&place);

    let (status, said) = log(&server, &run, 2, 0.5);
    assert_eq!(status, 200, "{said}");
    let upgrade = place.ok(&["db", "upgrade", "mlflow.db"]);
    assert!(upgrade.contains("no upgrade is needed"), "{upgrade}");
}

#[test]
fn a_database_uri_with_options_means_the_same_file() {
    let place = Place::new();
    place.ok(&["experiments", "create", "churn", "--store", URI]);

    for uri in ["sqlite:///mlflow.db?timeout=30", "sqlite+pysqlite:///mlflow.db"] {
        let listed = place.json(&["experiments", "list", "--store", uri]);
        assert!(listed.to_string().contains("churn"), "{uri}: {listed}");
    }
    for uri in ["sqlite:///mlflow.db?mode=ro&uri=true", "sqlite://", "sqlite:///:memory:"] {
        let made = place.run(&["experiments", "create", "other", "--store", uri]);
        assert_eq!(made.code, Some(1), "{uri}: {made:?}");
    }

    let files = fs::read_dir(place.path("")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut files: Vec<_> = files.map(|name| name.into_string().unwrap()).collect();
    files.retain(|name| !name.ends_with("-wal") && !name.ends_with("-shm"));
    files.sort();
    assert_eq!(files, ["mlflow.db"]);
}

#[test]
fn a_newer_file_that_asks_for_more_is_served_for_reading() {
    let place = Place::new();
    let server = serve(&place);
    let run = new_run(&server, "0");
    assert_eq!(log(&server, &run, 1, 0.5).0, 200);
    drop(server);
    sql(
        &place,
        "mlflow.db",
        "UPDATE alembic_version SET version_num = 'ffffffffffff';
         CREATE TRIGGER strict BEFORE INSERT ON metrics BEGIN SELECT 1; END;",
    );

    let server = serve(&place);

    assert_eq!(server.history(&run, "loss").len(), 1);
    let (status, said) = log(&server, &run, 2, 0.5);
    assert_eq!(status, 403, "{said}");
    assert!(said.contains("in the table `metrics`, the trigger `strict`"), "{said}");
    assert!(said.contains("is read-only"), "{said}");
    assert_eq!(server.history(&run, "loss").len(), 1);
    let listed = place.run(&["runs", "list", "--store", URI]);
    assert!(listed.stderr.starts_with("warning: "), "{listed:?}");
}

/// Logs the points `from`, `from + 1`, … until the server is gone; notes each that it took.
fn log_until_gone(url: &str, run: &str, from: i64, acknowledged: &Mutex<Vec<i64>>) {
    let client = http();
    for step in from.. {
        let body = json!({
            "run_id": run, "key": "loss", "value": step as f64, "timestamp": 1, "step": step,
        });
        let sent = client.post(format!("{url}/api/2.0/mlflow/runs/log-metric")).json(&body).send();
        match sent.and_then(reqwest::blocking::Response::error_for_status) {
            Ok(_) => acknowledged.lock().unwrap().push(step),
            Err(_) => return,
        }
    }
}

#[test]
fn every_acknowledged_point_outlives_a_killed_server() {
    const WRITERS: i64 = 4;
    const POINTS: usize = 400;
    let place = Place::new();
    let mut server = serve(&place);
    let run = new_run(&server, "0");
    let acknowledged = Mutex::new(Vec::new());

    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (url, run, acknowledged) = (&server.url, &run, &acknowledged);
            scope.spawn(move || log_until_gone(url, run, writer * 1_000_000, acknowledged));
        }
        until("enough points are logged", || acknowledged.lock().unwrap().len() >= POINTS);
        server.process.signal(rustix::process::Signal::KILL);
    });

    server.process.kill();
    let history = serve(&place).history(&run, "loss");
    let kept: BTreeSet<i64> = history.iter().map(|(step, _)| *step).collect();
    for step in acknowledged.into_inner().unwrap() {
        assert!(kept.contains(&step), "point {step} is lost");
    }
    assert_eq!(kept.len(), history.len(), "a point is there twice");
}

#[test]
fn a_server_and_mlflow_write_hard_at_the_same_time_and_nobody_is_told_of_locks() {
    const POINTS: usize = 50;
    let Some(python) = Python::with_sql(VERSIONS[3]) else { return };
    let place = Place::new();
    let server = serve(&place);
    let run = new_run(&server, "0");
    let count = POINTS.to_string();
    let mut script = python.script(&place, "hammer.py", &[URI, &run, &count]);
    let mut other = script
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = std::io::BufReader::new(other.stdout.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut output, &mut line).unwrap();
    other.stdin.take().unwrap().write_all(b"go\n").unwrap();

    let mut ours = 0;
    while other.try_wait().unwrap().is_none() {
        let (status, said) = log(&server, &run, ours, 0.5);
        assert_eq!(status, 200, "{said}");
        ours += 1;
    }

    assert!(other.wait().unwrap().success());
    assert_eq!(server.history(&run, "theirs").len(), POINTS);
    assert_eq!(server.history(&run, "loss").len(), ours as usize);
    // Both read what both wrote.
    drop(server);
    finish(&mut python.script(&place, "database.py", &["mlflow.db"]));
}
