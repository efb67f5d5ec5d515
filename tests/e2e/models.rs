//! `mlctl models` on folders, files and runs.

use crate::harness::{Place, REPOSITORY, finish, text};
use crate::python::cache;
use mlctl_test_python::{old_and_new, succeed};
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::process::Stdio;

const ROWS: &str = "age,sex,bmi,bp,s1,s2,s3,s4,s5,s6\n\
    0.038075906433423026,0.05068011873981862,0.061696206518683294,0.0218723855140367,\
    -0.04422349842444599,-0.03482076283769895,-0.04340084565202491,-0.002592261998183278,\
    0.019907486170462722,-0.01764612515980379\n";
/// What scikit-learn predicts for the row.
const WANT: f64 = 173.568_6;

/// A model folder of MLflow's: an elastic net for ten columns of doubles.
fn model() -> String {
    format!("{REPOSITORY}/models/tests/fixtures/elasticnet")
}

fn rows(count: usize) -> String {
    let (header, row) = ROWS.split_once('\n').unwrap();
    format!("{header}\n{}", row.repeat(count))
}

#[track_caller]
fn check_scores(scores: impl Iterator<Item = f64>, count: usize) {
    let scores: Vec<f64> = scores.collect();
    assert_eq!(scores.len(), count);
    assert!(scores.iter().all(|score| (score - WANT).abs() < 1e-3), "{scores:?}");
}

#[test]
fn rows_of_every_format_are_scored_into_every_format() {
    let place = Place::new();
    place.write("rows.csv", &rows(7));

    place.ok(&[
        "models",
        "predict",
        &model(),
        "-i",
        "rows.csv",
        "-o",
        "out.csv",
        "--batch-rows",
        "3",
    ]);
    place.ok(&[
        "models",
        "predict",
        &model(),
        "-i",
        "rows.csv",
        "-o",
        "out.json",
        "--batch-rows",
        "3",
    ]);
    place.ok(&["models", "predict", &model(), "-i", "rows.csv", "-o", "out.parquet"]);
    let printed = place.ok(&["models", "predict", &model(), "-i", "rows.csv"]);

    let csv = fs::read_to_string(place.path("out.csv")).unwrap();
    assert!(csv.starts_with("variable\n"), "{csv}");
    check_scores(csv.lines().skip(1).map(|line| line.parse().unwrap()), 7);
    let json: Value =
        serde_json::from_str(&fs::read_to_string(place.path("out.json")).unwrap()).unwrap();
    assert_eq!(json, serde_json::from_str::<Value>(&printed).unwrap());
    let rows = json["predictions"].as_array().unwrap();
    check_scores(rows.iter().map(|row| row["variable"].as_f64().unwrap()), 7);
    assert!(fs::read(place.path("out.parquet")).unwrap().starts_with(b"PAR1"));
}

#[test]
fn a_json_body_is_scored_from_standard_input() {
    let place = Place::new();
    let (header, row) = ROWS.trim_end().split_once('\n').unwrap();
    let columns: Vec<&str> = header.split(',').collect();
    let data: Vec<f64> = row.split(',').map(|cell| cell.parse().unwrap()).collect();
    let body = json!({ "dataframe_split": { "columns": columns, "data": [data] } }).to_string();
    place.write("body", &body);
    let mut command = place.command(&["models", "predict", &model(), "-t", "json"]);

    let finished = finish(command.stdin(fs::File::open(place.path("body")).unwrap()));

    assert_eq!(finished.code, Some(0), "{finished:?}");
    let answer: Value = serde_json::from_str(&finished.stdout).unwrap();
    check_scores(
        answer["predictions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["variable"].as_f64().unwrap()),
        1,
    );
}

#[test]
fn rows_that_do_not_fit_leave_the_output_as_it_was() {
    let place = Place::new();
    place.write("out.csv", "of yesterday\n");
    let broken = format!(
        "{}{}",
        rows(5),
        ROWS.lines().nth(1).unwrap().replacen("0.038075906433423026", "old", 1)
    );
    place.write("rows.csv", &broken);

    place.check_failure(
        &["models", "predict", &model(), "-i", "rows.csv", "-o", "out.csv", "--batch-rows", "2"],
        1,
        "error: Invalid input. Data is not compatible with the type of its column. Failed to convert \
         column age in line 7. Error: 'could not convert string to float: 'old''",
    );

    assert_eq!(fs::read_to_string(place.path("out.csv")).unwrap(), "of yesterday\n");
    assert_eq!(fs::read_dir(place.path("")).unwrap().count(), 2, "a draft is left");
}

#[test]
fn what_cannot_be_read_is_said_in_one_line() {
    let place = Place::new();
    place.write("rows.txt", "a,b\n");
    place.check_failure(
        &["models", "predict", &model(), "-i", "rows.txt"],
        2,
        "error: cannot tell the format of `rows.txt` from its name\n\
         hint: pass --input-format or --output-format: csv, json or parquet",
    );
    place.check_failure(
        &["models", "predict", &model(), "-i", "gone.csv"],
        1,
        "error: cannot read the rows in `gone.csv`: No such file or directory (os error 2)",
    );
    place.check_failure(
        &["models", "predict", "gone", "-i", "rows.txt"],
        1,
        "error: cannot load the model `gone`: `/W/gone` is not a model folder: it has no file \
         MLmodel",
    );
}

#[test]
fn what_cannot_be_done_is_said_before_anything_is_made() {
    let place = Place::new();
    place.write("rows.csv", &rows(1));
    place.check_failure(
        &["models", "predict", &model()],
        2,
        "error: no input\nhint: pass -i FILE, or -t csv or -t json to read standard input",
    );
    place.check_failure(
        &["models", "predict", &model(), "-i", "rows.csv", "-o", "gone/out.csv"],
        1,
        "error: cannot write `gone/out.csv`: its folder does not exist\n\
         hint: create it with `mkdir -p gone`",
    );
    place.check_failure(
        &["models", "save", "onnx", "gone.onnx", "-o", "saved"],
        1,
        "error: cannot save `gone.onnx`: No such file or directory (os error 2)",
    );
    place.copy("models/tests/fixtures/elasticnet", "onnx");
    place.check_failure(
        &["models", "convert", "onnx", "--to", "onnx", "-o", "converted"],
        1,
        "error: the model `onnx` is already an ONNX model\n\
         hint: score it with `mlctl models predict`, or copy the folder",
    );
    place.check_failure(
        &["models", "bench", "onnx", "--rows", "1,0"],
        2,
        "error: invalid --rows 0\nhint: use numbers from 1 on",
    );
    assert!(!place.path("saved").exists() && !place.path("converted").exists());
}

#[test]
fn a_warning_is_said_once_for_all_batches() {
    let place = Place::new();
    let row = |line: &str| format!("{line},0\n");
    let text: String = rows(5).lines().map(row).collect();
    place.write("rows.csv", &text.replacen(",0\n", ",more\n", 1));

    let finished =
        place.run(&["models", "predict", &model(), "-i", "rows.csv", "--batch-rows", "1"]);

    let want = "warning: ignoring inputs that the signature does not declare inputs=[\"more\"]\n";
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), want));
}

/// A model of the fixtures by its name.
fn fixture(name: &str) -> String {
    format!("{REPOSITORY}/models/tests/fixtures/{name}")
}

#[test]
fn records_are_predicted_from_their_own_values() {
    let place = Place::new();
    let records = json!([{"b": 2.0, "c": 3.0}, {"a": 10.0, "b": 20.0, "c": 30.0}, {"a": 100.0}]);
    place.write("body.json", &json!({ "dataframe_records": records }).to_string());

    let answer = place.ok(&[
        "models",
        "predict",
        &fixture("echo"),
        "-i",
        "body.json",
        "--output-format",
        "csv",
    ]);

    let rows: Vec<&str> = answer.lines().skip(1).collect();
    assert_eq!(rows, [",2.0,3.0", "10.0,20.0,30.0", "100.0,,"]);
}

#[test]
fn tensors_that_a_model_answers_are_printed_and_written_as_a_server_answers_them() {
    let place = Place::new();
    place.write("body.json", r#"{"inputs": [[1.0, 2.0], [3.0, 4.0]]}"#);
    let want = "{\"predictions\":{\"y\":[[[1.0,2.0]],[[3.0,4.0]]]}}\n";

    let printed = place.ok(&["models", "predict", &fixture("stacked"), "-i", "body.json"]);
    place.ok(&["models", "predict", &fixture("stacked"), "-i", "body.json", "-o", "answer.json"]);

    assert_eq!(printed, want);
    assert_eq!(fs::read_to_string(place.path("answer.json")).unwrap(), want);
}

#[test]
fn a_large_file_passes_through_little_memory() {
    const PARTS: usize = 160;
    const PART_ROWS: usize = 5_000;
    let place = Place::new();
    let mut command = place.command(&["models", "predict", &model(), "-t", "csv", "-o", "out.csv"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let resident = || {
        let text = fs::read_to_string(&status).unwrap();
        let line = text.lines().find(|line| line.starts_with("VmHWM")).unwrap().to_owned();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let (header, part) = {
        let all = rows(PART_ROWS);
        let (header, part) = all.split_once('\n').unwrap();
        (format!("{header}\n"), part.to_owned())
    };

    stdin.write_all(header.as_bytes()).unwrap();
    let mut before = 0;
    for at in 0..PARTS {
        stdin.write_all(part.as_bytes()).unwrap();
        if at == PARTS / 4 {
            before = resident();
        }
    }
    let after = resident();
    drop(stdin);

    assert!(child.wait().unwrap().success());
    let lines = fs::read_to_string(place.path("out.csv")).unwrap().lines().count();
    assert_eq!(lines, 1 + PARTS * PART_ROWS);
    // What passed meanwhile are 120 MB.
    assert!(after < before + 30_000, "{before} kB grew to {after} kB");
}

#[test]
fn a_saved_model_says_what_it_is_and_answers_its_example() {
    let place = Place::new();
    place.write("rows.csv", &rows(2));
    let graph = format!("{}/model.onnx", model());

    place.ok(&["models", "save", "onnx", &graph, "--example", "rows.csv", "-o", "saved"]);

    let told = place.json(&["models", "describe", "saved"]);
    assert_eq!(told["runs_with"], "onnx");
    assert_eq!(told["flavors"], json!(["onnx", "python_function"]));
    assert!(
        text(&told["signature"]["inputs"])
            .contains(r#""name":"age","required":true,"type":"double""#)
    );
    let shown = place.ok(&["models", "describe", "saved"]);
    assert!(shown.contains("runs with  onnx\n"), "{shown}");
    assert!(shown.contains("takes      age: double\n           sex: double\n"), "{shown}");
    let validated = place.json(&["models", "validate", "saved"]);
    assert_eq!(validated, json!({ "ran": true, "compared": true }));
    let measured = place.json(&["models", "bench", "saved", "--rows", "1,10", "--seconds", "0.05"]);
    assert_eq!(measured[1]["rows"], 10);
    assert!(measured[1]["rows_per_second"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_saved_model_is_scored_by_mlflow() {
    let Some(pythons) = old_and_new(&cache()) else { return };
    let place = Place::new();
    place.write("rows.csv", &rows(3));
    let graph = format!("{}/model.onnx", model());
    place.ok(&["models", "save", "onnx", &graph, "--example", "rows.csv", "-o", "all/saved"]);

    for python in pythons {
        let script = format!("{REPOSITORY}/models/tests/interop/load.py");
        let told = succeed(place.program(&python).args([&script, "all"]));

        let told: Value = serde_json::from_str(&told).unwrap();
        let scored = told["saved"]["pyfunc"]["predictions"].as_array().unwrap();
        check_scores(scored.iter().map(|row| row["variable"].as_f64().unwrap()), 3);
        let graph = told["saved"]["graph"]["variable"].as_array().unwrap();
        check_scores(graph.iter().map(|row| row[0].as_f64().unwrap()), 3);
    }
}

#[test]
fn params_are_checked_against_the_signature() {
    let place = Place::new();
    place.copy("models/tests/fixtures/several", "model");
    place.write("rows.csv", "visits,age\n3,2.5\n");
    let predict =
        |params| place.run(&["models", "predict", "model", "-i", "rows.csv", "--params", params]);

    let taken = predict(r#"{"threshold": 1, "other": 2}"#);
    let refused = predict(r#"{"threshold": "low"}"#);
    let broken = predict("threshold=1");

    assert_eq!(taken.stdout, "{\"predictions\":[{\"score\":8.0}]}\n", "{taken:?}");
    assert!(taken.stderr.contains("params"), "{taken:?}");
    assert_eq!(refused.code, Some(1));
    let want = "error: cannot score rows 1 to 1: Invalid parameters found: {('threshold', ";
    assert!(refused.stderr.starts_with(want), "{refused:?}");
    assert_eq!(broken.code, Some(2));
    assert!(broken.stderr.contains("it is no JSON object"), "{broken:?}");
}

#[test]
fn a_model_of_trees_becomes_onnx_or_is_refused_by_name() {
    let place = Place::new();
    place.copy("models/tests/fixtures/trees/xgb_classifier_early", "trees");
    place.copy("models/tests/fixtures/sklearn/GaussianNB", "bayes");
    place.write("rows.csv", "age,bmi,a b,d\n0.5,-1.25,,0.75\n-2.0,0.1,1.5,\n");

    let told = place.json(&["models", "convert", "trees", "--to", "onnx", "-o", "converted"]);

    assert_eq!(told, json!({ "path": "converted" }));
    assert_eq!(place.json(&["models", "describe", "converted"])["runs_with"], "onnx");
    let answer = |model| -> Value {
        let text = place.ok(&["models", "predict", model, "-i", "rows.csv"]);
        serde_json::from_str::<Value>(&text).unwrap()["predictions"].take()
    };
    let (before, after) = (answer("trees"), answer("converted"));
    for row in 0..2 {
        assert_eq!(after[row]["label"], before[row], "{after} for {before}");
    }
    place.check_failure(
        &["models", "convert", "bayes", "--to", "onnx", "-o", "other"],
        1,
        "error: cannot convert the model `/W/bayes` to ONNX: `GaussianNB` has no conversion to \
         ONNX\n\
         hint: convert the model with skl2onnx or onnxmltools instead",
    );
    assert!(!place.path("other").exists());
}

#[test]
fn a_model_whose_files_changed_is_refused() {
    let place = Place::new();
    let graph = format!("{}/model.onnx", model());
    place.ok(&["models", "save", "onnx", &graph, "-o", "saved"]);
    place.write("saved/requirements.txt", "mlflow\n");

    place.check_failure(
        &["models", "validate", "saved"],
        1,
        "error: cannot load the model `saved`: `/W/saved` is not a model folder: \
         `requirements.txt` was changed after it was saved: its digest differs",
    );
}

#[test]
fn an_example_that_is_answered_otherwise_is_told() {
    let place = Place::new();
    place.copy("models/tests/fixtures/elasticnet", "model");
    place.write("model/mlctl_output_example.json", r#"[{"variable": 173.5686}, {"variable": 1}]"#);

    place.check_failure(
        &["models", "validate", "model"],
        1,
        "error: the predictions of the model `model` for its input example differ from the saved \
         ones: predictions[1].variable was 1, is 104.67330169677734\n\
         hint: the model's files, or the program that runs them, have changed; `mlctl models \
         describe` shows both",
    );
}

#[test]
fn a_model_is_logged_into_a_run_and_scored_from_there() {
    let place = Place::new();
    place.project("empty", "true");
    let run = place.run_project(&["empty"]);
    place.write("rows.csv", &rows(2));
    let graph = format!("{}/model.onnx", model());

    let logged = place.json(&[
        "models",
        "save",
        "onnx",
        &graph,
        "--run-id",
        &run,
        "--name",
        "net",
        "--example",
        "rows.csv",
    ]);

    let shown = place.json(&["runs", "show", &run]);
    assert_eq!(shown["outputs"]["model_outputs"][0]["model_id"], logged["model_id"]);
    for uri in [text(&logged["uri"]), format!("runs:/{run}/net")] {
        let answer = place.ok(&["models", "predict", &uri, "-i", "rows.csv"]);
        let answer: Value = serde_json::from_str(&answer).unwrap();
        check_scores(
            answer["predictions"]
                .as_array()
                .unwrap()
                .iter()
                .map(|row| row["variable"].as_f64().unwrap()),
            2,
        );
    }
    let told = place.json(&["models", "describe", &text(&logged["uri"])]);
    assert_eq!(told["run_id"], run);
}
