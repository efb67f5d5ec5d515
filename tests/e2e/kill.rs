//! What was acknowledged survives the death of the server.

use crate::harness::{Place, until};
use crate::http::{Server, http};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

fn run(place: &Place) -> String {
    place.project("empty", "true");
    place.run_project(&["empty"])
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
    let id = run(&place);
    let mut server = Server::start(&place);
    let acknowledged = Mutex::new(Vec::new());

    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (url, id, acknowledged) = (&server.url, &id, &acknowledged);
            scope.spawn(move || log_until_gone(url, id, writer * 1_000_000, acknowledged));
        }
        let count = || acknowledged.lock().unwrap().len();
        until("enough points are logged", || count() >= POINTS);
        server.process.signal(rustix::process::Signal::KILL);
    });

    server.process.kill();
    let history = Server::start(&place).history(&id, "loss");
    let kept: BTreeMap<i64, &Value> = history.iter().map(|(step, value)| (*step, value)).collect();
    for step in acknowledged.into_inner().unwrap() {
        assert!(kept.contains_key(&step), "point {step} is lost");
    }
    for (step, value) in &kept {
        assert_eq!(value.as_f64(), Some(*step as f64), "a point was torn");
    }
    assert_eq!(kept.len(), history.len(), "a point is there twice");
}

#[test]
fn a_search_during_a_stream_of_writes_never_shows_a_torn_point() {
    let place = Place::new();
    let id = run(&place);
    let server = Server::start(&place);
    let (taken, over) = (Mutex::new(Vec::new()), AtomicBool::new(false));

    thread::scope(|scope| {
        scope.spawn(|| {
            let client = http();
            for step in 0..300_i64 {
                let body = json!({
                    "run_id": id, "key": "loss", "value": step as f64, "timestamp": 1, "step": step,
                });
                let url = format!("{}/api/2.0/mlflow/runs/log-metric", server.url);
                assert!(client.post(url).json(&body).send().unwrap().status().is_success());
            }
            over.store(true, Ordering::SeqCst);
        });
        while !over.load(Ordering::SeqCst) {
            let run = place.json(&["runs", "list"])[0].clone();
            let value = crate::harness::datum(&run, "metrics", "loss").and_then(Value::as_f64);
            taken.lock().unwrap().extend(value);
        }
    });

    let taken = taken.into_inner().unwrap();
    assert!(taken.is_sorted() && taken.iter().all(|value| value.fract() == 0.0), "{taken:?}");
    let run = &place.json(&["runs", "list"])[0];
    assert_eq!(crate::harness::datum(run, "metrics", "loss"), Some(&json!(299.0)));
}

#[test]
fn a_line_torn_by_a_crash_is_not_shown_and_does_not_harm_the_next() {
    let place = Place::new();
    let id = run(&place);
    let file = place.path("mlruns/0").join(&id).join("metrics/loss");
    for step in ["1", "2"] {
        place.ok(&["log", "metric", "loss", step, "--step", step, "--run-id", &id]);
    }
    let mut torn = fs::read_to_string(&file).unwrap();
    torn.push_str("1700000000000 0.12");
    fs::write(&file, torn).unwrap();

    let shown = Server::start(&place).history(&id, "loss");
    place.ok(&["log", "metric", "loss", "3", "--step", "3", "--run-id", &id]);
    let after = Server::start(&place).history(&id, "loss");

    assert_eq!(shown, [(1, json!(1.0)), (2, json!(2.0))]);
    assert_eq!(after, [(1, json!(1.0)), (2, json!(2.0)), (3, json!(3.0))]);
}
