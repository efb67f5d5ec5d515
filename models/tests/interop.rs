//! Folders that MLflow saved, loaded here; and folders that were saved here, loaded by MLflow. Both
//! with MLflow 3.17.2 and 2.22.5.

#![cfg(feature = "onnx")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use mlctl_models::convert::to_onnx;
use mlctl_models::save::{OnnxModel, Origin, save_onnx};
use mlctl_models::{Example, Input, Model, SavedExample, Table, Tensor, Values, load, payload};
use mlctl_test_python::{OLD, cache, is_wanted, old_and_new, succeed, zoo};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How far a number may be from the other side's, relative to it where that is above 1.
const TOLERANCE: f64 = 1e-5;

/// What is refused, and why.
const REFUSED: [(&str, &str); 2] = [
    (
        "sklearn-pickle",
        "it is a pickle file, which can run any code, so mlctl never opens it; save it again \
         with mlflow.sklearn.save_model(…, serialization_format=\"skops\"), or convert it to ONNX \
         with skl2onnx",
    ),
    (
        "lightgbm-pickle",
        "it is a pickled `lightgbm.sklearn.LGBMClassifier`; save it again with \
         mlflow.lightgbm.save_model(…, serialization_format=\"skops\"), or its booster with \
         mlflow.lightgbm.save_model(model.booster_, …)",
    ),
];

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop").join(name)
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Compares JSON; numbers may differ a little.
#[track_caller]
fn check_close(got: &Value, want: &Value, context: &str) {
    match (got, want) {
        (Value::Number(got), Value::Number(want)) => {
            let (got, want) = (got.as_f64().unwrap(), want.as_f64().unwrap());
            let is_near = (got - want).abs() <= TOLERANCE * want.abs().max(1.0);
            assert!(is_near, "{got} for {want}: {context}");
        }
        (Value::Array(got), Value::Array(want)) => {
            assert_eq!(got.len(), want.len(), "{context}");
            got.iter().zip(want).for_each(|(got, want)| check_close(got, want, context));
        }
        (Value::Object(got), Value::Object(want)) => {
            assert!(got.keys().eq(want.keys()), "{got:?} for {want:?}: {context}");
            got.iter().for_each(|(key, got)| check_close(got, &want[key], context));
        }
        _ => assert_eq!(got, want, "{context}"),
    }
}

/// What `save.py` tells.
#[derive(Deserialize)]
struct Saved {
    mlflow: String,
    models: Vec<SavedModel>,
}

/// A model, with a body and the answer to it where it is to run here.
#[derive(Deserialize)]
struct SavedModel {
    name: String,
    body: Option<String>,
    answer: Option<Value>,
}

fn answer(model: &Model, body: &str) -> Value {
    let asked = payload::request(body.as_bytes(), model.input_schema()).unwrap();
    let answer = model.predict_with(asked.input, asked.params.as_ref()).unwrap();
    serde_json::from_str(&payload::to_json(&answer)).unwrap()
}

/// Lets MLflow save models, and loads them here.
#[track_caller]
fn check_saved_by(python: &Path, version: &str, want: &[&str]) {
    let place = tempfile::tempdir().unwrap();
    succeed(
        Command::new(python)
            .arg(script("save.py"))
            .arg(place.path())
            // Some releases of MLflow leave a folder `mlruns` where they run.
            .current_dir(place.path()),
    );
    let text = fs::read_to_string(place.path().join("models.json")).unwrap();
    let saved: Saved = serde_json::from_str(&text).unwrap();
    assert_eq!(saved.mlflow, version);
    let mut ran = Vec::new();
    for SavedModel { name, body, answer: want } in &saved.models {
        let folder = place.path().join(name);
        let context = format!("{name} of MLflow {version}");
        let Some((body, want)) = body.as_ref().zip(want.as_ref()) else {
            let refused = load(&folder).unwrap_err().to_string();
            let (_, why) = REFUSED.iter().find(|(refused, _)| refused == name).unwrap();
            assert!(refused.ends_with(why), "{context}: {refused}");
            continue;
        };
        let model = load(&folder).unwrap_or_else(|error| panic!("{context}: {error}"));
        check_close(&answer(&model, body), want, &context);
        // The first three of the rows were given as the example.
        let example = SavedExample::read(&folder, &model.info).unwrap().unwrap();
        let shown = &answer(&model, &example.body)["predictions"];
        let of = |value: &Value| Value::from(value.as_array().unwrap()[..3].to_vec());
        let first = match &want["predictions"] {
            Value::Object(outputs) => {
                outputs.iter().map(|(name, rows)| (name.clone(), of(rows))).collect()
            }
            rows => of(rows),
        };
        check_close(shown, &first, &context);
        ran.push(name.as_str());
    }
    assert_eq!(ran, want, "MLflow {version}");
}

const ONNX: [&str; 5] =
    ["onnx-columns", "onnx-matrix", "onnx-forest", "onnx-classes", "onnx-zipmap"];
const SKLEARN: [&str; 3] = ["sklearn-pipeline", "sklearn-odds", "sklearn-default"];
const TREES: [&str; 11] = [
    "xgboost-booster",
    "xgboost-json",
    "xgboost-binary",
    "xgboost-margin",
    "xgboost-default",
    "xgboost-classes",
    "xgboost-margins",
    "xgboost-numbers",
    "lightgbm-numbers",
    "lightgbm-ignores",
    "lightgbm-classes",
];

const WRAPPED: [&str; 4] =
    ["lightgbm-wrapped", "lightgbm-early", "lightgbm-forest", "lightgbm-piped"];

#[test]
fn what_mlflow_3_saved_loads_and_answers_the_same() {
    let Some(python) = zoo(&cache(env!("CARGO_TARGET_TMPDIR"))) else { return };
    check_saved_by(&python, "3.17.2", &[&ONNX[..], &SKLEARN, &TREES, &WRAPPED].concat());
}

/// It knows no skops: what it saves of scikit-learn is code.
#[test]
fn what_mlflow_2_saved_loads_and_answers_the_same() {
    if !is_wanted() {
        return;
    }
    let python = OLD.interpreter(&cache(env!("CARGO_TARGET_TMPDIR")));
    check_saved_by(&python, "2.22.5", &[&ONNX[..], &TREES].concat());
}

fn origin() -> Origin {
    Origin {
        model_uuid: "0123456789abcdef".repeat(2),
        utc_time_created: "2026-11-21 09:28:02.974489".to_owned(),
        ..Origin::default()
    }
}

/// Saves a graph with an example, and returns the answer to it.
fn save(folder: &Path, graph: &Path, input: Input) -> Value {
    let mut model = OnnxModel {
        graph,
        signature: None,
        example: Some(Example { input, answer: None }),
        origin: origin(),
        metadata: None,
    };
    model.complete().unwrap();
    save_onnx(folder, &model).unwrap();
    model.example.unwrap().answer.unwrap()
}

fn matrix(width: usize) -> Input {
    let values = (0..4 * width).map(|at| (at as f32 * 0.37).sin()).collect();
    Input::Tensor(Tensor::new(vec![4, width], Values::Float(values)).unwrap())
}

fn columns(names: &[&str]) -> Input {
    let column = |(at, name): (usize, &&str)| {
        let values = (0..4).map(|row| ((4 * at + row) as f64 * 0.37).sin()).collect();
        ((*name).to_owned(), Tensor::vector(Values::Double(values)))
    };
    Input::Table(Table::new(names.iter().enumerate().map(column).collect()).unwrap())
}

/// Converts a fixture, and saves what it became with rows of its own.
fn convert(folder: &Path, name: &str, input: Input) -> Value {
    let converted = to_onnx(&fixture(name)).unwrap();
    let graph = folder.with_extension("onnx");
    fs::write(&graph, &converted.graph).unwrap();
    let answer = save(folder, &graph, input);
    fs::remove_file(graph).unwrap();
    answer
}

/// Saves every kind of folder; returns what each answers to its example.
fn saved_here(place: &Path) -> BTreeMap<&'static str, Value> {
    const TEN: [&str; 10] = ["age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"];
    const FOUR: [&str; 4] = ["age", "bmi", "a b", "d"];
    let graph = |name: &str| fixture(name).join("model.onnx");
    // In a table MLflow makes vectors of columns, which this graph of matrices does not take.
    let one_column = |values| Tensor::new(vec![2, 1], values).unwrap();
    let several = vec![
        ("visits".to_owned(), one_column(Values::Long(vec![3, 5]))),
        ("age".to_owned(), one_column(Values::Float(vec![2.5, 40.0]))),
    ];
    BTreeMap::from([
        ("columns", save(&place.join("columns"), &graph("elasticnet"), columns(&TEN))),
        ("matrix", save(&place.join("matrix"), &graph("mlp"), matrix(10))),
        ("external", save(&place.join("external"), &graph("external"), matrix(4))),
        ("several", save(&place.join("several"), &graph("several"), Input::Named(several))),
        ("linear", convert(&place.join("linear"), "sklearn/StandardScaler+linear", matrix(8))),
        ("xgboost", convert(&place.join("xgboost"), "trees/xgb_linear", columns(&FOUR))),
        ("lightgbm", convert(&place.join("lightgbm"), "trees/lgb_multiclass", matrix(4))),
    ])
}

#[test]
fn what_is_saved_here_loads_in_mlflow_and_answers_the_same() {
    let Some(pythons) = old_and_new(&cache(env!("CARGO_TARGET_TMPDIR"))) else { return };
    let place = tempfile::tempdir().unwrap();
    let saved = saved_here(place.path());
    // MLflow leaves an mlruns where it runs.
    let elsewhere = tempfile::tempdir().unwrap();
    for python in pythons {
        let told = succeed(
            Command::new(&python)
                .arg(script("load.py"))
                .arg(place.path())
                .current_dir(elsewhere.path()),
        );
        let told: BTreeMap<String, Value> = serde_json::from_str(&told).unwrap();
        assert!(told.keys().eq(saved.keys()), "{told:?}");
        for (name, want) in &saved {
            let context = format!("{name} in {}: {}", python.display(), told[*name]);
            check_close(&told[*name]["pyfunc"]["predictions"], want, &context);
            let graph = told[*name]["graph"].as_object().unwrap();
            let want = outputs(want);
            assert!(graph.keys().eq(want.keys()), "{context}");
            for (output, rows) in graph {
                check_close(&squeezed(rows), &squeezed(&want[output]), &context);
            }
        }
    }
}

/// Lists an answer by output: one to a table has an object for each row.
fn outputs(answer: &Value) -> Map<String, Value> {
    let Some(rows) = answer.as_array() else { return answer.as_object().unwrap().clone() };
    let names = rows[0].as_object().unwrap().keys();
    let column = |name: &String| rows.iter().map(|row| row[name].clone()).collect();
    names.map(|name| (name.clone(), column(name))).collect()
}

/// Rows of one value are that value.
fn squeezed(rows: &Value) -> Value {
    let one = |row: &Value| match row.as_array().map(Vec::as_slice) {
        Some([only]) => only.clone(),
        _ => row.clone(),
    };
    rows.as_array().unwrap().iter().map(one).collect()
}
