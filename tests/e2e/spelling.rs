//! Commands as MLflow spells them, and what they do.

use crate::harness::{Place, REPOSITORY, text};
use crate::http::Server;
use crate::python::Python;
use serde_json::{Value, json};
use std::fs;

/// A run with a file and a folder among its artifacts.
fn run(place: &Place) -> String {
    place.project("fit", "mlctl log metric loss 0.5 && mlctl log param kind 'a,b'");
    let id = place.run_project(&["fit"]);
    place.write("t.txt", "text\n");
    place.write("d/u.txt", "more\n");
    place.ok(&["artifacts", "log-artifact", "--local-file", "t.txt", "--run-id", &id]);
    place.ok(&["artifacts", "log-artifacts", "-l", "d", "-r", &id, "-a", "in"]);
    id
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn artifacts_are_logged_listed_and_downloaded() {
    let place = Place::new();
    let id = run(&place);
    let read = |name: &str| fs::read_to_string(place.path(name)).unwrap();

    let listed = parsed(&place.ok(&["artifacts", "list", "--run-id", &id, "-a", "in"]));
    place.ok(&["artifacts", "download", "-r", &id, "-a", "t.txt", "-d", "one"]);
    place.ok(&["artifacts", "download", "-u", &format!("runs:/{id}/in"), "-d", "two"]);
    let new = place.ok(&["artifacts", "download", "--run-id", &id]);

    assert_eq!(listed, json!([{ "path": "in/u.txt", "is_dir": false, "file_size": 5 }]));
    assert_eq!((read("one/t.txt"), read("two/in/u.txt")), ("text\n".into(), "more\n".into()));
    assert!(new.contains("mlctl-artifacts-"), "{new}");
    assert_eq!(fs::read_to_string(format!("{}/in/u.txt", new.trim_end())).unwrap(), "more\n");
}

#[test]
fn experiments_are_named_by_flags() {
    let place = Place::new();
    let get = |flags: &[&str]| {
        parsed(&place.ok(&[&["experiments", "get", "--output", "json"], flags].concat()))
    };

    place.ok(&["experiments", "create", "-n", "churn", "-l", "elsewhere"]);
    let id = text(&get(&["-n", "churn"])["experiment_id"]);
    place.ok(&["experiments", "create", "--experiment-name", &id]);
    place.ok(&["experiments", "rename", "-x", &id, "--new-name", "spam"]);
    place.ok(&["experiments", "delete", "--experiment-id", &id]);

    let deleted = get(&["-x", &id]);
    assert_eq!(
        (&deleted["name"], &deleted["lifecycle_stage"]),
        (&json!("spam"), &json!("deleted"))
    );
    let listed = place.json(&["experiments", "search", "-v", "deleted_only", "--max-results", "1"]);
    assert_eq!(listed[0]["name"], "spam");
    place.ok(&["experiments", "restore", "-x", &id]);
    assert_eq!(get(&["-x", &id])["lifecycle_stage"], "active");
}

#[test]
fn runs_are_created_described_deleted_and_restored() {
    let place = Place::new();
    place.ok(&["experiments", "create", "paper"]);
    let create = ["runs", "create", "--experiment-name", "paper"];
    let about = ["--run-name", "one", "-t", "team=growth", "--status", "killed"];

    let made = parsed(&place.ok(&[&create[..], &about[..]].concat()));
    let id = text(&made["run_id"]);
    let child = parsed(&place.ok(&[&create[..], &["--parent-run-id", &id]].concat()));
    place.ok(&["runs", "delete", "--run-id", &id]);
    place.ok(&["runs", "restore", "--run-id", &id]);

    assert_eq!((&made["status"], &made["run_name"]), (&json!("KILLED"), &json!("one")));
    let described = parsed(&place.ok(&["runs", "describe", "--run-id", &id]));
    assert_eq!(described["info"]["status"], "KILLED");
    assert_eq!(described["data"]["tags"]["team"], "growth");
    let child = parsed(&place.ok(&["runs", "describe", "--run-id", &text(&child["run_id"])]));
    assert_eq!(child["data"]["tags"]["mlflow.parentRunId"], json!(id));
}

#[test]
fn csv_of_an_experiment_has_the_columns_of_mlflow() {
    let place = Place::new();
    let id = run(&place);

    let table = place.ok(&["experiments", "csv", "-x", "0"]);
    place.ok(&["experiments", "csv", "--experiment-id", "0", "--filename", "runs.csv"]);

    let (header, row) = table.split_once('\n').unwrap();
    let first = "run_id,experiment_id,status,artifact_uri,start_time,end_time,metrics.loss,params.kind,tags.";
    assert!(header.starts_with(first), "{header}");
    assert!(
        row.starts_with(&format!("{id},0,FINISHED,")) && row.contains(",0.5,\"a,b\","),
        "{row}"
    );
    assert_eq!(fs::read_to_string(place.path("runs.csv")).unwrap(), table);
}

#[test]
fn a_project_runs_on_the_local_backend_and_on_no_other() {
    let place = Place::new();
    place.project("fit", "true");

    place.ok(&["run", "fit", "-b", "local", "-c", "{}", "--no-conda"]);
    place.ok(&["run", "fit", "--backend", "local", "--env-manager", "local"]);

    place.check_failure(
        &["run", "fit", "-b", "databricks"],
        2,
        "error: the backend `databricks` is not supported: mlctl runs projects on this machine\n\
         hint: leave out --backend, or start `mlctl run` on the machine where the project should \
         run",
    );
    place.check_failure(
        &["run", "fit", "-A", "gpus=all"],
        2,
        "error: mlctl leaves out `-A` of MLflow: mlctl does not run projects in Docker\n\
         hint: set python_env or conda_env in the MLproject file, or start `mlctl run` in a container",
    );
    assert_eq!(place.json(&["runs", "list"]).as_array().unwrap().len(), 2);
}

#[test]
fn a_model_is_named_by_m_in_every_command() {
    let place = Place::new();
    let model = format!("{REPOSITORY}/models/tests/fixtures/elasticnet");
    place.write("rows.csv", "age,sex,bmi,bp,s1,s2,s3,s4,s5,s6\n0,0,0,0,0,0,0,0,0,0\n");

    let flags = ["-i", "rows.csv", "-t", "csv", "--env-manager", "local", "--install-mlflow"];
    let answer = parsed(&place.ok(&[&["models", "predict", "-m", &model], &flags[..]].concat()));
    let described = place.ok(&["models", "describe", "--model-uri", &model]);
    let prepared = place.ok(&["models", "prepare-env", "-m", &model]);
    place.ok(&["models", "generate-dockerfile", "-m", &model]);

    assert_eq!(answer["predictions"].as_array().map(Vec::len), Some(1), "{answer}");
    assert!(described.contains("onnx"), "{described}");
    assert!(prepared.contains("needs no environment"), "{prepared}");
    assert!(place.path("mlflow-dockerfile/Dockerfile").is_file());
}

#[test]
fn h_is_the_host_of_a_server() {
    let place = Place::new();
    let model = format!("{REPOSITORY}/models/tests/fixtures/elasticnet");
    let launch = |args: &[&str]| Server::launch(&place, &mut place.command(args)).url.clone();

    assert!(
        launch(&["models", "serve", &model, "-h", "127.0.0.2", "-p", "0"]).contains("127.0.0.2")
    );
    assert!(launch(&["ui", "-h", "127.0.0.2", "-p", "0"]).contains("127.0.0.2"));

    assert!(place.ok(&["models", "serve", "-h"]).contains("--host <HOST>"));
    let finished = place.run(&["models", "serve", &model, "-h", "-p", "0"]);
    assert_eq!(finished.code, Some(2), "{finished:?}");
    assert!(finished.stderr.contains("'--host <HOST>'"), "{finished:?}");
}

#[test]
fn doctor_shows_no_secret() {
    let place = Place::new();
    let mut command = place.command(&["doctor"]);
    command.env("MLFLOW_TRACKING_TOKEN", "tr0ub4dor").env("MLFLOW_RUN_ID", "17");

    let finished = crate::harness::finish(&mut command);

    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(finished.stdout.contains("17") && finished.stdout.contains("***"), "{finished:?}");
    assert!(!finished.stdout.contains("tr0ub4dor"), "{finished:?}");
}

#[test]
fn the_recorded_commands_are_those_of_mlflow() {
    let Some(python) = Python::with_client() else { return };
    let place = Place::new();
    let recorded = include_str!("../python/mlflow_commands.json");

    let now = python.ok(&place, "commands.py", &[]);

    assert_eq!(parsed(&now), parsed(recorded), "run tests/python/commands.py again");
}
