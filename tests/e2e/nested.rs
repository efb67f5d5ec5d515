//! Runs within runs, runs that are resumed, and the server that only the child may use.

use crate::harness::{Place, datum, datum_text, text};
use crate::http::{answer, http};
use crate::running::Running;
use serde_json::{Value, json};

#[test]
fn a_run_within_a_run_knows_its_parent() {
    let place = Place::new();
    place.project("outer", "mlctl run ../inner --run-name child");
    place.project("inner", "mlctl log metric depth 2");

    let outer = place.run_project(&["outer", "--experiment-name", "family"]);

    let found = place.json(&["runs", "list", "--experiment-name", "family"]);
    let runs = found.as_array().unwrap();
    assert_eq!(runs.len(), 2, "{found}");
    let child = runs.iter().find(|run| run["info"]["run_name"] == "child").unwrap();
    assert_eq!(datum_text(child, "tags", "mlflow.parentRunId"), Some(outer.as_str()));
    assert_eq!(datum(child, "metrics", "depth"), Some(&json!(2.0)));
    assert_eq!(child["info"]["status"], "FINISHED");
    let parent = runs.iter().find(|run| run["info"]["run_id"] == outer.as_str()).unwrap();
    assert_eq!(datum_text(parent, "tags", "mlflow.parentRunId"), None);
    assert_eq!(datum(parent, "metrics", "depth"), None);
}

#[test]
fn an_experiment_that_is_named_is_made() {
    let place = Place::new();
    place.project("empty", "true");

    place.run_project(&["empty", "--experiment-name", "new one"]);
    place.run_project(&["empty", "--experiment-name", "new one"]);

    let found = place.json(&["runs", "list", "--experiment-name", "new one"]);
    assert_eq!(found.as_array().unwrap().len(), 2);
    place.check_failure(
        &["run", "empty", "--experiment-id", "77"],
        1,
        "error: experiment `77` does not exist\n\
         hint: `mlctl experiments list --view all` lists the experiments",
    );
}

#[test]
fn a_run_is_resumed_by_its_id() {
    let place = Place::new();
    place.project("first", "mlctl log metric loss 0.5; exit 3");
    place.project("second", "mlctl log metric loss 0.4 --step 1");
    assert_eq!(place.run(&["run", "first"]).code, Some(1));
    let id = text(&place.json(&["runs", "list"])[0]["info"]["run_id"]);

    let resumed = place.run_project(&["second", "--run-id", &id]);

    assert_eq!(resumed, id);
    let runs = place.json(&["runs", "list"]);
    assert_eq!(runs.as_array().unwrap().len(), 1);
    assert_eq!(runs[0]["info"]["status"], "FINISHED");
    assert_eq!(datum(&runs[0], "metrics", "loss"), Some(&json!(0.4)));
    place.check_failure(
        &["run", "second", "--run-id", "f00d"],
        1,
        "error: run `f00d` does not exist\n\
         hint: `mlctl runs list --all-experiments` lists the runs",
    );
}

#[test]
fn the_store_of_a_run_is_for_its_child_alone() {
    let place = Place::new();
    place.project(
        "waits",
        "echo $MLFLOW_TRACKING_URI; mlctl log param who child; until [ -e ../go ]; do sleep 0.05; done",
    );
    let mut run = Running::start(&place, &mut place.command(&["run", "waits"]));
    let url = run.line();
    let id = text(&place.json(&["runs", "list"])[0]["info"]["run_id"]);

    let body = json!({ "run_id": id, "key": "who", "value": "stranger" });
    let post = http().post(format!("{url}/api/2.0/mlflow/runs/log-parameter")).json(&body);
    let (status, said) = answer(post.try_clone().unwrap());
    let (status_of_a_guess, _) = answer(post.bearer_auth("guess"));
    let (status_of_reading, _) =
        answer(http().get(format!("{url}/api/2.0/mlflow/runs/get?run_id={id}")));
    let stranger = place.run(&["--store", &url, "runs", "show", &id]);
    place.write("go", "");
    let finished = run.end();

    assert_eq!((status, status_of_a_guess, status_of_reading), (401, 401, 401));
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["error_code"], "UNAUTHENTICATED");
    assert_eq!(stranger.code, Some(1));
    assert!(stranger.stderr.contains("hint: set MLFLOW_TRACKING_TOKEN"), "{stranger:?}");
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let run = &place.json(&["runs", "list"])[0];
    assert_eq!(datum_text(run, "params", "who"), Some("child"));
    // With the run its server is gone.
    assert!(http().get(format!("{url}/health")).send().is_err());
}

#[test]
fn a_run_may_report_to_a_server() {
    let place = Place::new();
    place.copy("examples/quickstart", "quickstart");
    let server = crate::http::Server::launch(
        &place,
        &mut place.command(&["server", "--port", "0", "--store", "there"]),
    );

    let id = place.run_project(&["quickstart", "-P", "steps=2", "--store", &server.url]);

    let run = place.json(&["runs", "show", &id, "--store", "there"]);
    assert_eq!(run["info"]["status"], "FINISHED");
    assert_eq!(datum_text(&run, "params", "steps"), Some("2"));
    let files = place.json(&["artifacts", "list", &id, "-R", "--store", &server.url]);
    assert_eq!(files.as_array().unwrap().len(), 3, "{files}");
    place.ok(&["artifacts", "get", &id, "model", "--store", &server.url, "--output", "model"]);
    assert!(place.path("model/line.json").exists());
    assert!(!place.path("mlruns").exists());
}
