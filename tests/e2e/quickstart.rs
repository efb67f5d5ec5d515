//! The example that needs no Python.

use crate::harness::{Place, REPOSITORY, datum, datum_text};
use crate::http::Server;
use std::fs;

/// Copies the example into a repository of its own, whose commit is known.
fn committed(place: &Place) -> String {
    place.copy("examples/quickstart", "code/quickstart");
    place.git("code", &["init", "-q", "-b", "main"]);
    place.git("code", &["remote", "add", "origin", "https://example.org/code.git"]);
    place.git("code", &["add", "."]);
    place.git("code", &["commit", "-q", "-m", "first"]);
    place.git("code", &["rev-parse", "HEAD"])
}

#[test]
fn the_example_records_params_metrics_artifacts_tags_and_the_commit() {
    let place = Place::new();
    let commit = committed(&place);

    let id = place.run_project(&["code/quickstart", "-P", "steps=5", "--run-name", "first try"]);

    let run = place.json(&["runs", "show", &id]);
    assert_eq!(run["info"]["status"], "FINISHED");
    assert_eq!(run["info"]["run_name"], "first try");
    assert_eq!(run["info"]["experiment_id"], "0");
    assert!(run["info"]["end_time"].as_i64() >= run["info"]["start_time"].as_i64(), "{run}");
    for (key, want) in [("learning_rate", "0.05"), ("steps", "5"), ("points", "9")] {
        assert_eq!(datum_text(&run, "params", key), Some(want), "for {key}");
    }
    assert!(datum(&run, "metrics", "loss").unwrap().as_f64().unwrap() < 0.05);
    for (key, want) in [
        ("method", "gradient descent"),
        ("mlflow.user", "ann"),
        ("mlflow.runName", "first try"),
        ("mlflow.source.type", "PROJECT"),
        ("mlflow.project.entryPoint", "main"),
        ("mlflow.project.backend", "local"),
        ("mlflow.source.git.commit", commit.as_str()),
        ("mlflow.source.git.branch", "main"),
        ("mlflow.source.git.dirty", "false"),
        ("mlflow.source.git.repoURL", "https://example.org/code.git"),
    ] {
        assert_eq!(datum_text(&run, "tags", key), Some(want), "for {key}");
    }
}

#[test]
fn every_step_of_the_metric_is_kept() {
    let place = Place::new();
    place.copy("examples/quickstart", "quickstart");

    let id = place.run_project(&["quickstart", "-P", "steps=7"]);

    let history = Server::start(&place).history(&id, "loss");
    let steps: Vec<i64> = history.iter().map(|(step, _)| *step).collect();
    assert_eq!(steps, [0, 1, 2, 3, 4, 5, 6]);
    let losses: Vec<f64> = history.iter().map(|(_, loss)| loss.as_f64().unwrap()).collect();
    assert!(losses[0] > 30.0 && losses[6] < 0.1, "{losses:?}");
}

#[test]
fn the_example_keeps_its_model_and_what_it_printed() {
    let place = Place::new();
    place.copy("examples/quickstart", "quickstart");

    let shown = place.ok(&["run", "quickstart", "-P", "steps=5"]);

    let id = place.json(&["runs", "list"])[0]["info"]["run_id"].as_str().unwrap().to_owned();
    let line = "y = 2.06262 * x + 0.80276, loss 0.0426288 after 5 steps\n";
    assert!(shown.starts_with(line), "{shown}");
    assert!(shown.ends_with(&format!("to see it: mlctl runs show {id}\n")), "{shown}");
    let files = place.json(&["artifacts", "list", &id, "--recursive"]);
    let files: Vec<_> = files.as_array().unwrap().iter().map(|file| &file["path"]).collect();
    assert_eq!(files, ["logs/stderr.txt", "logs/stdout.txt", "model/line.json"]);
    place.ok(&["artifacts", "get", &id, "--output", "got"]);
    let got = |name| fs::read_to_string(place.path("got").join(name)).unwrap();
    assert_eq!(got("logs/stdout.txt"), line);
    assert_eq!(got("logs/stderr.txt"), "");
    assert_eq!(got("model/line.json"), "{\"slope\": 2.06262, \"intercept\": 0.80276}\n");
}

#[test]
fn the_example_runs_where_it_lies_and_leaves_nothing_behind() {
    let place = Place::new();

    let id = place.run_project(&[&format!("{REPOSITORY}/examples/quickstart"), "-P", "steps=2"]);

    assert_eq!(place.json(&["runs", "show", &id])["info"]["status"], "FINISHED");
    assert!(!fs::exists(format!("{REPOSITORY}/examples/quickstart/mlruns")).unwrap());
    assert_eq!(fs::read_dir(place.temporary()).unwrap().count(), 0);
}
