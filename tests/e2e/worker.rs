//! Models that only Python can score, in an environment that mlctl makes of their requirements.
//!
//! The environment comes from PyPI and is kept below `target/`, so that only the first run of these
//! tests makes it.

use crate::harness::{Finished, Place, REPOSITORY, finish, lock, until};
use crate::http::Server;
use crate::python::cache;
use mlctl_test_python::{succeed, zoo};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// What the model asks for: enough for `mlflow.pyfunc`.
const REQUIREMENTS: [&str; 3] = ["mlflow-skinny==3.17.2", "pandas==2.3.3", "numpy==2.2.6"];

/// Lets MLflow save a model of Python code; `None` when Python is to be skipped.
fn saved() -> Option<Place> {
    let python = zoo(&cache())?;
    let place = Place::new();
    let script = format!("{REPOSITORY}/models/tests/python/make.py");
    succeed(place.program(&python).args([&script, "model"]).args(REQUIREMENTS));
    Some(place)
}

fn command(place: &Place, args: &[&str]) -> Command {
    let mut command = place.command(args);
    command.env("MLCTL_CACHE_DIR", cache());
    command
}

/// Runs mlctl with the kept environment; of several processes one makes it, the others wait.
fn run(place: &Place, args: &[&str]) -> Finished {
    fs::create_dir_all(cache()).unwrap();
    let _alone = lock(&cache().join("pyfunc.lock"));
    finish(&mut command(place, args))
}

#[track_caller]
fn answer(finished: &Finished) -> Value {
    assert_eq!(finished.code, Some(0), "{finished:?}");
    serde_json::from_str::<Value>(&finished.stdout).unwrap()
}

#[test]
fn a_model_of_python_code_scores_files_in_its_own_environment() {
    let Some(place) = saved() else { return };
    place.write("rows.csv", "kind,x\nframe,1.5\nframe,-2\n");
    place.write("params.csv", "kind,x\nparams,1.5\n");

    let scored = run(&place, &["models", "predict", "model", "--python", "-i", "rows.csv"]);
    let params = r#"{"top": 5}"#;
    let told = run(
        &place,
        &["models", "predict", "model", "--python", "-i", "params.csv", "--params", params],
    );
    let validated = run(&place, &["models", "validate", "model", "--python", "--json"]);

    let want = json!([{"twice": 3.0, "sign": "+"}, {"twice": -4.0, "sign": "-"}]);
    assert_eq!(answer(&scored), json!({ "predictions": want }));
    let told = &answer(&told)["predictions"][0];
    assert_eq!((&told["top"], &told["share"]), (&json!(["int", "5"]), &json!(["float", "0.5"])));
    assert_eq!(answer(&validated), json!({ "ran": true, "compared": false }));
    place.check_failure(
        &["models", "predict", "model", "-i", "rows.csv"],
        1,
        "error: cannot load the model `model`: mlctl supports no flavor of this model: it has \
         `python_function`; supported are `onnx`, `xgboost`, `lightgbm` and `sklearn`\n\
         hint: add --python to score the model with Python, in its own environment",
    );
}

/// Asks for one kind of answer.
fn ask(server: &Server, kind: &str) -> (u16, String) {
    server.post("/invocations", &json!({ "dataframe_records": [{ "kind": kind, "x": 1.5 }] }))
}

#[track_caller]
fn process(server: &Server) -> u32 {
    let (status, text) = ask(server, "process");
    assert_eq!(status, 200, "{text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    u32::try_from(answer["predictions"][0].as_u64().unwrap()).unwrap()
}

/// Tells whether a process has ended, waited for or not.
fn has_ended(process: u32) -> bool {
    let status = PathBuf::from(format!("/proc/{process}/stat"));
    // The state follows the name, which may hold anything but stands in parentheses.
    let state = |text: String| text.rsplit_once(") ").map(|(_, rest)| rest.starts_with('Z'));
    fs::read_to_string(status).map_or(true, |text| state(text).unwrap_or(true))
}

#[test]
fn a_server_of_python_code_outlives_its_process() {
    let Some(place) = saved() else { return };
    // Makes the environment where it is not there.
    answer(&run(&place, &["models", "validate", "model", "--python", "--json"]));
    let serve = ["models", "serve", "model", "--python", "--port", "0"];
    let server = Server::launch(&place, &mut command(&place, &serve));
    assert_eq!(ask(&server, "array"), (200, r#"{"predictions":[3.0]}"#.to_owned()));

    let first = process(&server);
    kill_process(Pid::from_raw(first as i32).unwrap(), Signal::KILL).unwrap();
    until("the process has ended", || has_ended(first));
    let second = process(&server);
    let (status, text) = ask(&server, "killed");
    let third = process(&server);

    assert_eq!(status, 500, "{text}");
    let said = "Python cannot score the model: it ended (signal: 9 (SIGKILL)): about to die";
    assert!(text.contains("INTERNAL_ERROR") && text.contains(said), "{text}");
    assert!(first != second && second != third, "{first}, {second}, {third}");
    let (status, text) = ask(&server, "odd");
    assert_eq!(status, 400, "{text}");
    assert!(text.contains("ValueError: no kind odd"), "{text}");
    server.process.signal(Signal::TERM);
    assert_eq!(server.process.end().code, Some(0));
    until("its process has ended, too", || has_ended(third));
}

#[test]
fn requests_outlive_a_python_process_that_is_killed_under_load_or_hangs() {
    const CLIENTS: usize = 4;
    let Some(place) = saved() else { return };
    answer(&run(&place, &["models", "validate", "model", "--python", "--json"]));
    let serve = ["models", "serve", "model", "--python", "--port", "0", "--timeout", "5"];
    let server = Server::launch(&place, &mut command(&place, &serve));
    let is_over = AtomicBool::new(false);
    let answered = AtomicUsize::new(0);
    let refused = Mutex::new(Vec::new());

    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    match ask(&server, "array") {
                        (200, text) => {
                            assert_eq!(text, r#"{"predictions":[3.0]}"#);
                            answered.fetch_add(1, Ordering::Relaxed);
                        }
                        other => refused.lock().unwrap().push(other),
                    }
                }
            });
        }
        for _ in 0..3 {
            let before = answered.load(Ordering::Relaxed);
            until("some were answered", || answered.load(Ordering::Relaxed) > before + 20);
            let now = process(&server);
            kill_process(Pid::from_raw(now as i32).unwrap(), Signal::KILL).unwrap();
        }
        let before = answered.load(Ordering::Relaxed);
        until("some were answered at last", || answered.load(Ordering::Relaxed) > before + 20);
        is_over.store(true, Ordering::Relaxed);
    });

    // A process answers one request at a time, so each death costs one at most.
    let refused = refused.into_inner().unwrap();
    assert!(refused.len() <= 3, "{refused:?}");
    for (status, text) in refused {
        assert_eq!(status, 500, "{text}");
        assert!(text.contains("it ended (signal: 9 (SIGKILL))"), "{text}");
    }
    let (status, text) = ask(&server, "hung");
    assert_eq!(status, 504, "{text}");
    assert_eq!(ask(&server, "array"), (200, r#"{"predictions":[3.0]}"#.to_owned()));
}
