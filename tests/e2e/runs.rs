//! `mlctl runs`.

use crate::harness::{Place, text};
use serde_json::{Value, json};

/// Two runs that differ in a param and a metric.
fn two(place: &Place) -> [String; 2] {
    let file = "entry_points: {main: {parameters: {loss: float}, command: 'mlctl log metric loss {loss}'}}";
    place.write("fit/MLproject", file);
    ["0.5", "0.7"]
        .map(|loss| place.run_project(&["fit", "-P", &format!("loss={loss}"), "--run-name", loss]))
}

fn found(place: &Place, args: &[&str]) -> Vec<String> {
    let runs = place.json(&[&["runs"], args].concat());
    runs.as_array().unwrap().iter().map(|run| text(&run["info"]["run_name"])).collect()
}

#[test]
fn compare_shows_what_differs() {
    let place = Place::new();
    let [first, second] = two(&place);

    let answer = place.json(&["runs", "compare", &first, &second]);
    let everything = place.json(&["runs", "compare", &first, &second, "--all"]);

    let row = |answer: &Value, kind: &str, key: &str| {
        let rows = answer["rows"].as_array().unwrap();
        rows.iter()
            .find(|row| row["kind"] == kind && row["key"] == key)
            .map(|r| r["values"].clone())
    };
    assert_eq!(row(&answer, "param", "loss"), Some(json!(["0.5", "0.7"])));
    assert_eq!(row(&answer, "metric", "loss"), Some(json!(["0.5", "0.7"])));
    assert_eq!(row(&answer, "run", "id"), Some(json!([first, second])));
    assert_eq!(row(&answer, "tag", "mlflow.user"), None);
    assert_eq!(row(&everything, "tag", "mlflow.user"), Some(json!(["ann", "ann"])));
    let table = place.ok(&["runs", "compare", &first, &second]);
    assert!(
        table.lines().any(|l| l.split_whitespace().eq(["metric", "loss", "0.5", "0.7"])),
        "{table}"
    );
}

#[test]
fn search_filters_and_orders() {
    let place = Place::new();
    two(&place);

    assert_eq!(found(&place, &["search", "metrics.loss < 0.6"]), ["0.5"]);
    assert_eq!(found(&place, &["search", "params.loss = '0.7' OR metrics.loss = 0.5"]).len(), 2);
    assert_eq!(found(&place, &["list", "--order-by", "metrics.loss ASC"]), ["0.5", "0.7"]);
    assert_eq!(found(&place, &["list", "--order-by", "metrics.loss DESC"]), ["0.7", "0.5"]);
    assert_eq!(found(&place, &["list", "-n", "1", "--order-by", "params.loss"]), ["0.5"]);
}

#[test]
fn a_broken_filter_points_at_the_column() {
    let place = Place::new();
    two(&place);

    let finished = place.run(&["runs", "search", "metrics.rmse <"]);

    assert_eq!(finished.code, Some(1));
    assert!(finished.stderr.starts_with("error: filter: expected "), "{finished:?}");
    assert!(finished.stderr.contains("at column 15"), "{finished:?}");
}

#[test]
fn a_deleted_run_is_out_of_sight_until_it_is_restored() {
    let place = Place::new();
    let [first, _] = two(&place);

    place.ok(&["runs", "delete", &first]);
    assert_eq!(found(&place, &["list"]), ["0.7"]);
    assert_eq!(found(&place, &["list", "--view", "deleted"]), ["0.5"]);
    let finished = place.run(&["log", "tag", "a", "b", "--run-id", &first]);
    assert_eq!(finished.code, Some(1));
    assert!(finished.stderr.contains("must be in the 'active' state"), "{finished:?}");
    assert!(finished.stderr.contains("`mlctl runs restore`"), "{finished:?}");

    place.ok(&["runs", "restore", &first]);
    assert_eq!(found(&place, &["list", "--order-by", "params.loss"]), ["0.5", "0.7"]);
}

#[test]
fn a_run_id_of_the_wrong_form_says_what_would_be_right() {
    let place = Place::new();
    let [first, _] = two(&place);

    for args in
        [["runs", "show", "../0"], ["runs", "delete", "../0"], ["artifacts", "list", "../0"]]
    {
        place.check_failure(
            &args,
            1,
            "error: invalid run id `../0`: \
             it must be letters, digits, `_` and `-`, usually 32 hex digits",
        );
    }
    place.check_failure(
        &["runs", "delete", &first, "a b"],
        1,
        "error: invalid run id `a b`: it must be letters, digits, `_` and `-`, usually 32 hex digits",
    );
    // Nothing was done by halves.
    assert_eq!(found(&place, &["list"]).len(), 2);
}

#[test]
fn a_table_is_for_people() {
    let place = Place::new();
    let [first, second] = two(&place);

    let table = place.ok(&["runs", "list", "--order-by", "metrics.loss"]);

    let lines: Vec<Vec<&str>> =
        table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["RUN", "ID", "NAME", "STATUS", "STARTED", "TOOK", "loss", "loss"]);
    assert_eq!(lines[1][..3], [first.as_str(), "0.5", "FINISHED"]);
    assert_eq!(lines[2][..3], [second.as_str(), "0.7", "FINISHED"]);
    assert_eq!(lines.len(), 3);
}
