//! Several programs that write to one store at once.

use crate::harness::{Place, finish, text};
use crate::http::{Server, http};
use crate::python::Python;
use crate::running::Running;
use serde_json::json;
use std::collections::BTreeSet;
use std::io::Write;
use std::thread;

const POINTS: i64 = 150;

fn log(url: &str, run: &str, from: i64) {
    let client = http();
    for step in from..from + POINTS {
        let body = json!({
            "run_id": run, "key": "loss", "value": step as f64, "timestamp": 1, "step": step,
        });
        let sent = client.post(format!("{url}/api/2.0/mlflow/runs/log-metric")).json(&body).send();
        assert!(sent.unwrap().status().is_success());
    }
}

#[test]
fn two_of_mlctl_and_one_of_mlflow_lose_nothing_in_one_metric() {
    let Some(python) = Python::with_client() else { return };
    let place = Place::new();
    place.project("empty", "true");
    let id = place.run_project(&["empty"]);
    let servers = [Server::start(&place), Server::start(&place)];
    let (from, count) = ((2 * POINTS).to_string(), POINTS.to_string());
    let mut script =
        python.script(&place, "append.py", &[&place.text("mlruns"), &id, &from, &count]);
    let (gate, mut opener) = std::io::pipe().unwrap();
    let mut appending = Running::start(&place, script.stdin(gate));
    drop(script);
    assert_eq!(appending.line(), "ready");

    thread::scope(|scope| {
        for (index, server) in (0..).zip(&servers) {
            let id = &id;
            scope.spawn(move || log(&server.url, id, index * POINTS));
        }
        opener.write_all(b"go\n").unwrap();
        let finished = appending.end();
        assert_eq!(finished.code, Some(0), "{finished:?}");
    });

    let history = servers[0].history(&id, "loss");
    let steps: BTreeSet<i64> = history.iter().map(|(step, _)| *step).collect();
    assert_eq!(history.len() as i64, 3 * POINTS);
    assert_eq!(steps, (0..3 * POINTS).collect());
}

#[test]
fn many_commands_at_once_log_to_one_run() {
    const COMMANDS: usize = 24;
    let place = Place::new();
    place.project("empty", "true");
    let id = place.run_project(&["empty"]);

    thread::scope(|scope| {
        for index in 0..COMMANDS {
            let (place, id) = (&place, &id);
            scope.spawn(move || {
                let (step, key) = (index.to_string(), format!("p{index}"));
                for args in [
                    ["log", "metric", "loss", "1", "--step", &step, "--run-id", id].as_slice(),
                    &["log", "param", &key, "x", "--run-id", id],
                    &["runs", "list"],
                ] {
                    let finished = finish(&mut place.command(args));
                    assert_eq!(finished.code, Some(0), "{finished:?}");
                }
            });
        }
    });

    let run = place.json(&["runs", "show", &id]);
    assert_eq!(run["data"]["params"].as_array().unwrap().len(), COMMANDS);
    assert_eq!(Server::start(&place).history(&id, "loss").len(), COMMANDS);
}

#[test]
fn one_name_is_made_once_by_many() {
    let place = Place::new();
    place.ok(&["experiments", "create", "first"]);

    let made = thread::scope(|scope| {
        let create = || finish(&mut place.command(&["experiments", "create", "churn"]));
        let tries: Vec<_> = (0..8).map(|_| scope.spawn(create)).collect();
        tries.into_iter().map(|one| one.join().unwrap()).filter(|one| one.code == Some(0)).count()
    });

    assert_eq!(made, 1);
    let all = place.json(&["experiments", "list", "--filter", "name = 'churn'"]);
    assert_eq!(all.as_array().unwrap().len(), 1);
}

#[test]
fn versions_that_are_registered_at_once_are_all_noted_with_their_logged_model() {
    const VERSIONS: usize = 24;
    let place = Place::new();
    for store in ["./mlruns", "sqlite:///mlflow.db"] {
        let args = ["server", "--port", "0", "--backend-store-uri", store];
        let server = Server::launch(&place, &mut place.command(&args));
        let model = json!({ "experiment_id": "0", "name": "m" });
        let made = server.post_json("/api/2.0/mlflow/logged-models", &model);
        let id = text(&made["model"]["info"]["model_id"]);
        let name = json!({ "name": "churn" });
        server.post_json("/api/2.0/mlflow/registered-models/create", &name);
        let version = json!({ "name": "churn", "source": format!("models:/{id}"), "model_id": id });

        thread::scope(|scope| {
            for _ in 0..VERSIONS {
                scope.spawn(|| server.post_json("/api/2.0/mlflow/model-versions/create", &version));
            }
        });

        let found = server.get_json(&format!("/api/2.0/mlflow/logged-models/{id}"));
        let tags = found["model"]["info"]["tags"].as_array().unwrap();
        let tag = tags.iter().find(|tag| tag["key"] == "mlflow.modelVersions").unwrap();
        let noted: Vec<serde_json::Value> = serde_json::from_str(&text(&tag["value"])).unwrap();
        let numbers: BTreeSet<i64> =
            noted.iter().map(|one| one["version"].as_i64().unwrap()).collect();
        assert_eq!(numbers, (1..=VERSIONS as i64).collect(), "on {store}");
    }
}
