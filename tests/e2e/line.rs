//! The main line: run, register, transition, score files, serve, score.
//!
//! The example's environment comes from PyPI and is kept below `target/`, so that only the first
//! run of these tests makes it.

use crate::harness::{Place, REPOSITORY, datum, datum_text, finish, lock, text};
use crate::http::Server;
use crate::python::cache;
use mlctl_test_python::is_wanted;
use serde_json::{Value, json};
use std::fs;

/// How far a prediction may be from scikit-learn's.
const TOLERANCE: f64 = 1e-4;

const PROJECT: &str = "
python_env: python_env.yaml
entry_points: {main: {parameters: {run: string}, command: 'python predict.py {run}'}}
";

/// Runs a project in the kept environment; returns its run's id, and what mlctl said.
#[track_caller]
fn run(place: &Place, args: &[&str]) -> (String, String) {
    let mut command = place.command(&[&["run", "--json"], args].concat());
    let finished = finish(command.env("MLCTL_CACHE_DIR", cache()));
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let answer: Value = serde_json::from_str(&finished.stdout).unwrap();
    (text(&answer["run_id"]), finished.stderr)
}

/// Trains the example's model; returns the run's id.
fn train(place: &Place) -> String {
    fs::create_dir_all(cache()).unwrap();
    // One of several test processes makes the environment, the others wait here for it.
    let _alone = lock(&cache().join("example.lock"));
    run(place, &[&format!("{REPOSITORY}/examples/diabetes"), "-P", "alpha=0.5"]).0
}

/// Asks scikit-learn, in the same environment, what it predicts for some rows.
fn expected(place: &Place, id: &str) -> Value {
    place.write("predict/MLproject", PROJECT);
    for (from, name) in [("examples/diabetes", "python_env.yaml"), ("tests/python", "predict.py")] {
        let file = format!("{REPOSITORY}/{from}/{name}");
        fs::copy(file, place.path("predict").join(name)).unwrap();
    }
    let (asked, said) = run(place, &["predict", "-P", &format!("run={id}")]);
    assert!(!said.contains("create environment"), "the environment is made again: {said}");
    let output = format!("{asked}.json");
    place.ok(&["artifacts", "get", &asked, "logs/stdout.txt", "-o", &output]);
    let output = fs::read_to_string(place.path(&output)).unwrap();
    serde_json::from_str(output.lines().last().unwrap()).unwrap()
}

/// Spells the same rows in each of the protocol's forms.
fn forms(columns: &[Value], rows: &[Vec<Value>]) -> [(&'static str, Value); 4] {
    let record = |row: &Vec<Value>| {
        let pairs = columns.iter().zip(row).map(|(name, cell)| (text(name), cell.clone()));
        Value::Object(pairs.collect())
    };
    let records: Vec<Value> = rows.iter().map(record).collect();
    let column = |index: usize| rows.iter().map(|row| row[index].clone()).collect::<Value>();
    let by_column = columns.iter().enumerate().map(|(at, name)| (text(name), column(at)));
    [
        ("dataframe_split", json!({ "dataframe_split": { "columns": columns, "data": rows } })),
        ("dataframe_records", json!({ "dataframe_records": records })),
        ("instances", json!({ "instances": records })),
        ("inputs", json!({ "inputs": Value::Object(by_column.collect()) })),
    ]
}

#[track_caller]
fn check_run(place: &Place, id: &str) {
    let run = place.json(&["runs", "show", id]);
    assert_eq!(run["info"]["status"], "FINISHED");
    for (key, want) in [("alpha", "0.5"), ("l1_ratio", "0.5")] {
        assert_eq!(datum_text(&run, "params", key), Some(want), "for {key}");
    }
    for key in ["rmse", "mae", "r2"] {
        let value = datum(&run, "metrics", key).and_then(Value::as_f64);
        assert!(value.is_some_and(|value| value > 0.0 && value < 100.0), "{key}: {value:?}");
    }
    let plot = place.path("plot.png");
    place.ok(&["artifacts", "get", id, "predictions.png", "-o", plot.to_str().unwrap()]);
    assert!(fs::read(plot).unwrap().starts_with(b"\x89PNG"));
    assert_eq!(run["outputs"]["model_outputs"].as_array().unwrap().len(), 2, "{run}");
}

#[track_caller]
fn check_scoring(server: &Server, expected: &Value) {
    let predicted = expected["predicted"].as_array().unwrap();
    let rows: Vec<Vec<Value>> = serde_json::from_value(expected["rows"].clone()).unwrap();
    for (form, body) in forms(expected["columns"].as_array().unwrap(), &rows) {
        let answer = server.post_json("/invocations", &body);
        let got = answer["predictions"].as_array().unwrap_or_else(|| panic!("{form}: {answer}"));
        assert_eq!(got.len(), predicted.len(), "{form}: {answer}");
        for (got, want) in got.iter().zip(predicted) {
            let (got, want) = (number(got), want.as_f64().unwrap());
            assert!((got - want).abs() < TOLERANCE, "{form}: {got} is not {want}");
        }
    }
}

/// Reads a prediction: a number, or a row whose only column is one.
#[track_caller]
fn number(prediction: &Value) -> f64 {
    let only = match prediction {
        Value::Array(row) if row.len() == 1 => row.first(),
        Value::Object(row) if row.len() == 1 => row.values().next(),
        other => Some(other),
    };
    only.and_then(Value::as_f64).unwrap_or_else(|| panic!("no prediction: {prediction}"))
}

/// Scores a file of rows with the ONNX model of a run, and of a version in the registry.
#[track_caller]
fn check_files(place: &Place, id: &str, expected: &Value) {
    let cells = |row: &Value| {
        let cells = row.as_array().unwrap().iter();
        cells.map(|cell| cell.as_str().map_or_else(|| cell.to_string(), str::to_owned)).collect()
    };
    let rows = expected["rows"].as_array().unwrap();
    let lines: Vec<Vec<String>> =
        std::iter::once(&expected["columns"]).chain(rows).map(cells).collect();
    let lines: Vec<String> = lines.iter().map(|line| line.join(",")).collect();
    place.write("rows.csv", &lines.join("\n"));
    for uri in [&format!("runs:/{id}/model"), "models:/churn/Production"] {
        place.ok(&["models", "predict", uri, "-i", "rows.csv", "-o", "scores.csv"]);
        let scores = fs::read_to_string(place.path("scores.csv")).unwrap();
        let got: Vec<f64> = scores.lines().skip(1).map(|line| line.parse().unwrap()).collect();
        let want: Vec<f64> = serde_json::from_value(expected["predicted"].clone()).unwrap();
        assert_eq!(got.len(), want.len(), "{scores}");
        assert!(
            got.iter().zip(&want).all(|(got, want)| (got - want).abs() < TOLERANCE),
            "{scores}"
        );
        assert_eq!(place.json(&["models", "describe", uri])["runs_with"], "onnx");
        assert_eq!(place.json(&["models", "validate", uri])["ran"], true);
    }
    // The same model as scikit-learn has it, from its skops file.
    let uri = format!("runs:/{id}/sklearn-model");
    let answer = place.ok(&["models", "predict", &uri, "-i", "rows.csv"]);
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let want = expected["predicted"].as_array().unwrap();
    for (got, want) in answer["predictions"].as_array().unwrap().iter().zip(want) {
        assert!((number(got) - want.as_f64().unwrap()).abs() < TOLERANCE, "{answer}");
    }
}

#[test]
fn a_model_is_trained_registered_promoted_served_and_scored() {
    if !is_wanted() {
        return;
    }
    let place = Place::new();
    let id = train(&place);
    check_run(&place, &id);
    let expected = expected(&place, &id);

    let registered = place.json(&["registry", "register", &format!("runs:/{id}/model"), "churn"]);
    assert_eq!((&registered["name"], &registered["run_id"]), (&json!("churn"), &json!(id)));
    place.ok(&["registry", "transition", "churn", "1", "Production", "--why", "it is better"]);
    let table = place.ok(&["registry", "list"]);
    let row: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row[..3], ["churn", "1", "Production"], "{table}");

    check_files(&place, &id, &expected);
    let serve = ["models", "serve", "models:/churn/Production", "--port", "0"];
    let server = Server::launch(&place, &mut place.command(&serve));
    assert_eq!(server.get("/ping").0, 200);
    assert_eq!(server.get("/health").0, 200);
    assert_eq!(server.get("/version"), (200, env!("CARGO_PKG_VERSION").to_owned()));
    check_scoring(&server, &expected);
    let (status, said) =
        server.post("/invocations", &json!({ "dataframe_records": [{ "age": 1.0 }] }));
    assert_eq!(status, 400, "{said}");
    assert!(said.contains("bmi"), "{said}");

    let serve = ["models", "serve", &format!("runs:/{id}/model"), "--port", "0"];
    check_scoring(&Server::launch(&place, &mut place.command(&serve)), &expected);
}

#[test]
fn a_model_that_is_not_there_is_said_so() {
    let place = Place::new();
    place.project("empty", "true");
    let id = place.run_project(&["empty"]);

    place.check_failure(
        &["models", "serve", &format!("runs:/{id}/model"), "--port", "0"],
        1,
        &format!(
            "error: there is no model at `runs:/{id}/model`\n\
             hint: `mlctl artifacts list {id}` lists the artifacts of the run"
        ),
    );
    place.check_failure(
        &["models", "serve", "models:/churn/3", "--port", "0"],
        1,
        "error: there is no registry at `./mlruns/registry.db`\n\
         hint: `mlctl registry register` creates one; --registry-store selects another",
    );
    place.check_failure(
        &["registry", "register", &format!("runs:/{id}/model"), "churn"],
        1,
        &format!(
            "error: there is no model at `runs:/{id}/model`\n\
             hint: `mlctl artifacts list {id}` lists the artifacts of the run"
        ),
    );
}
