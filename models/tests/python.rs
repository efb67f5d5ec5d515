//! Models that a Python process scores, with the real MLflow.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use mlctl_models::python::Worker;
use mlctl_models::{Answer, Error, Input, Model, Predictions, Predictor, Table, Tensor, Values};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Makes an input of one kind; `None` as the kind is a missing text.
fn input(kind: &str, x: &[f64]) -> Input {
    let kinds = vec![Some(kind.to_owned()); x.len()];
    let columns = vec![
        ("kind".to_owned(), Tensor::vector(Values::String(kinds))),
        ("x".to_owned(), Tensor::vector(Values::Double(x.to_vec()))),
    ];
    Input::Table(Table::new(columns).unwrap())
}

fn worker(python: &Path, model: &Path) -> Result<Worker, Error> {
    let python = python.to_owned();
    Worker::start(Box::new(move || Command::new(&python)), model)
}

#[test]
fn any_answer_of_a_model_comes_through() {
    let cache = mlctl_test_python::cache(env!("CARGO_TARGET_TMPDIR"));
    let Some(python) = mlctl_test_python::zoo(&cache) else { return };
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("model");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/make.py");
    mlctl_test_python::succeed(Command::new(&python).arg(script).arg(&folder));
    let worker = worker(&python, &folder).unwrap();

    let frame = worker.predict(&input("frame", &[1.5, -2.0])).unwrap();
    let Answer::LaidOut(Predictions::Records(frame)) = frame else { panic!("{frame:?}") };
    assert_eq!(frame[0], ("twice".to_owned(), Tensor::vector(Values::Double(vec![3.0, -4.0]))));
    let signs = vec![Some("+".to_owned()), Some("-".to_owned())];
    assert_eq!(frame[1], ("sign".to_owned(), Tensor::vector(Values::String(signs))));
    let array = worker.predict(&input("array", &[0.5, f64::INFINITY])).unwrap();
    assert_eq!(array, Answer::Array(Tensor::vector(Values::Double(vec![1.0, f64::INFINITY]))));
    let text = worker.predict(&input("text", &[0.5])).unwrap();
    assert_eq!(text, Answer::Array(Tensor::vector(Values::String(vec![Some("0.5".to_owned())]))));
    let arrays = worker.predict(&input("arrays", &[0.5, 2.0])).unwrap();
    let Answer::LaidOut(Predictions::Outputs(arrays)) = arrays else { panic!("{arrays:?}") };
    assert_eq!(arrays[1].1, Tensor::new(vec![2, 1], Values::Float(vec![0.5, 2.0])).unwrap());
    let nested = worker.predict(&input("nested", &[0.5])).unwrap();
    assert_eq!(nested, Answer::Json(json!([{"x": 0.5, "more": [1, {"y": null}]}])));
    let printed = worker.predict(&input("printed", &[0.5, -2.0])).unwrap();
    assert_eq!(printed, Answer::Array(Tensor::vector(Values::Boolean(vec![true, false]))));

    let raised = worker.predict(&input("odd", &[1.0])).unwrap_err().to_string();
    assert!(raised.ends_with("ValueError: no kind odd"), "{raised}");
    let killed = worker.predict(&input("killed", &[1.0])).unwrap_err().to_string();
    assert_eq!(
        killed,
        "Python cannot score the model: it ended (signal: 9 (SIGKILL)): about to die"
    );
    let after = worker.predict(&input("array", &[2.0])).unwrap();
    assert_eq!(after, Answer::Array(Tensor::vector(Values::Double(vec![4.0]))));
    worker.set_time_limit(Duration::from_millis(500));
    let hung = worker.predict(&input("hung", &[1.0])).unwrap_err().to_string();
    assert_eq!(hung, "Python cannot score the model: it did not answer within 0.5 s");
    worker.set_time_limit(Duration::from_secs(600));
    let after = worker.predict(&input("array", &[2.5])).unwrap();
    assert_eq!(after, Answer::Array(Tensor::vector(Values::Double(vec![5.0]))));
}

#[test]
fn params_reach_the_model_with_their_defaults() {
    let cache = mlctl_test_python::cache(env!("CARGO_TARGET_TMPDIR"));
    let Some(python) = mlctl_test_python::zoo(&cache) else { return };
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("model");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/make.py");
    mlctl_test_python::succeed(Command::new(&python).arg(script).arg(&folder));
    let info = mlctl_models::read_info(&folder).unwrap();
    let model = Model::new(info, Box::new(worker(&python, &folder).unwrap()));
    let ask = |params: Option<Value>| model.predict_with(input("params", &[1.5]), params.as_ref());

    let without = ask(None).unwrap();
    let with = ask(Some(json!({"top": 5, "share": 1, "other": 2}))).unwrap();
    let refused = ask(Some(json!({"top": "many"}))).unwrap_err().to_string();

    let told = |top: &str, share: &str| {
        Predictions::Json(json!([{
            "top": ["int", top], "share": ["float", share], "since": ["date", "2026-11-21"],
            "names": ["list", "['a']"],
        }]))
    };
    assert_eq!(without, told("3", "0.5"));
    assert_eq!(with, told("5", "1.0"));
    assert!(refused.starts_with("Invalid parameters found: {('top', "), "{refused}");
}

#[test]
fn a_model_that_does_not_load_says_why() {
    let cache = mlctl_test_python::cache(env!("CARGO_TARGET_TMPDIR"));
    let Some(python) = mlctl_test_python::zoo(&cache) else { return };
    let place = tempfile::tempdir().unwrap();

    let refused = worker(&python, place.path()).unwrap_err().to_string();

    assert!(
        refused.starts_with("Python cannot score the model: it cannot load the model: "),
        "{refused}"
    );
}

#[test]
fn an_interpreter_without_the_packages_says_so() {
    let place = tempfile::tempdir().unwrap();
    // No Python at all, or one that cannot import: what it says last is told.
    let shell = || {
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo 'No module named numpy' >&2; exit 3"]);
        shell
    };

    let refused = Worker::start(Box::new(shell), place.path()).unwrap_err().to_string();

    assert_eq!(
        refused,
        "Python cannot score the model: it ended (exit status: 3): No module named numpy"
    );
}
