//! `mlctl log`.

use crate::harness::{Place, datum, datum_text, finish};
use crate::http::Server;
use serde_json::json;

/// Makes a run that has ended.
fn run(place: &Place) -> String {
    place.project("empty", "true");
    place.run_project(&["empty"])
}

#[test]
fn outside_of_a_run_it_asks_for_one() {
    let place = Place::new();
    run(&place);

    for args in [["log", "param", "a", "1"], ["log", "metric", "a", "1"], ["log", "tag", "a", "1"]]
    {
        place.check_failure(
            &args,
            2,
            "error: no run to log to: neither --run-id nor MLFLOW_RUN_ID is given\n\
             hint: pass --run-id ID; `mlctl run` sets MLFLOW_RUN_ID for the commands that it \
             starts",
        );
    }
}

#[test]
fn a_named_run_gets_params_metrics_tags_and_files() {
    let place = Place::new();
    let id = run(&place);
    place.write("notes.txt", "it works\n");

    place.ok(&["log", "param", "alpha", "-0.5", "--run-id", &id]);
    place.ok(&[
        "log",
        "metric",
        "val/loss",
        "0.3",
        "--step",
        "7",
        "--timestamp",
        "5",
        "--run-id",
        &id,
    ]);
    place.ok(&["log", "metric", "val/loss", "nan", "--step", "8", "--run-id", &id]);
    place.ok(&["log", "metric", "gain", "-inf", "--run-id", &id]);
    place.ok(&["log", "tag", "note", "two\nlines", "--run-id", &id]);
    let mut command = place.command(&["log", "artifact", "notes.txt", "--path", "a/b"]);
    assert_eq!(finish(command.env("MLFLOW_RUN_ID", &id)).code, Some(0));

    let shown = place.json(&["runs", "show", &id]);
    assert_eq!(datum_text(&shown, "params", "alpha"), Some("-0.5"));
    assert_eq!(datum(&shown, "metrics", "val/loss"), Some(&json!("NaN")));
    assert_eq!(datum(&shown, "metrics", "gain"), Some(&json!("-Infinity")));
    assert_eq!(datum_text(&shown, "tags", "note"), Some("two\nlines"));
    let history = Server::start(&place).history(&id, "val/loss");
    assert_eq!(history, [(7, json!(0.3)), (8, json!("NaN"))]);
    place.ok(&["artifacts", "get", &id, "a/b/notes.txt", "--output", "back.txt"]);
    assert_eq!(std::fs::read_to_string(place.path("back.txt")).unwrap(), "it works\n");
}

#[test]
fn a_param_keeps_its_value() {
    let place = Place::new();
    let id = run(&place);
    place.ok(&["log", "param", "alpha", "0.5", "--run-id", &id]);

    place.ok(&["log", "param", "alpha", "0.5", "--run-id", &id]);
    place.check_failure(
        &["log", "param", "alpha", "0.7", "--run-id", &id],
        1,
        &format!(
            "error: param `alpha` of run `{id}` already has the value `0.5` and cannot become \
             `0.7`: changing param values is not allowed"
        ),
    );

    assert_eq!(datum_text(&place.json(&["runs", "show", &id]), "params", "alpha"), Some("0.5"));
}

#[test]
fn a_run_that_does_not_exist_is_named() {
    let place = Place::new();
    run(&place);
    let hint = "hint: `mlctl runs list --all-experiments` lists the runs";

    place.check_failure(
        &["log", "metric", "loss", "1", "--run-id", "f00d"],
        1,
        &format!("error: run `f00d` does not exist\n{hint}"),
    );
    place.check_failure(
        &["log", "metric", "loss", "1", "--run-id", "../f00d"],
        1,
        "error: invalid run id `../f00d`: it must be letters, digits, `_` and `-`, usually 32 hex digits",
    );
}

#[test]
fn a_value_of_the_wrong_form_is_wrong_usage() {
    let place = Place::new();

    let finished = place.run(&["log", "metric", "loss", "low", "--run-id", "f00d"]);

    assert_eq!(finished.code, Some(2));
    let want = "error: invalid value 'low' for '<VALUE>': invalid float literal\n";
    assert!(finished.stderr.starts_with(want), "{finished:?}");
}

#[test]
fn a_key_that_would_leave_its_folder_is_refused() {
    let place = Place::new();
    let id = run(&place);

    place.check_failure(
        &["log", "param", "../../meta.yaml", "x", "--run-id", &id],
        1,
        "error: invalid key `../../meta.yaml`: as a path it must not resolve to another name",
    );
}
