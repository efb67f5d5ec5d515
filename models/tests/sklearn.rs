//! What scikit-learn answers, and what we answer: every kind of model in `sklearn/make.py`.
//!
//! `make.py` runs in the Python of the libraries' tests, where there is one; a few models that it
//! recorded lie in `fixtures/sklearn`, and are compared without Python.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use mlctl_models::{Input, Model, Table, Tensor, Values, load, method, payload};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Models that are refused: this list may only get shorter.
const REFUSED: &str = include_str!("sklearn/refused.txt");

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

#[test]
fn recorded_models_answer_as_scikit_learn_does() {
    let compared = compare_all(&folder().join("fixtures/sklearn"), &BTreeSet::new());
    assert!(compared >= 8, "only {compared} models were compared");
}

#[test]
fn every_kind_of_model_answers_as_scikit_learn_does_or_is_refused() {
    let cache = mlctl_test_python::cache(env!("CARGO_TARGET_TMPDIR"));
    let Some(python) = mlctl_test_python::zoo(&cache) else { return };
    let made = tempfile::tempdir().unwrap();
    let script = folder().join("sklearn/make.py");
    mlctl_test_python::succeed(Command::new(python).arg(script).arg(made.path()));
    let refused = REFUSED.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    compare_all(made.path(), &refused.collect());
}

/// Compares all models of a folder; returns how many were not refused.
#[track_caller]
fn compare_all(made: &Path, refused: &BTreeSet<&str>) -> usize {
    let mut problems = Vec::new();
    let mut compared = 0;
    let mut names: Vec<String> = fs::read_dir(made)
        .unwrap()
        .filter_map(|entry| {
            entry.unwrap().file_name().to_str()?.strip_suffix(".json").map(str::to_owned)
        })
        .collect();
    names.sort();
    for name in &names {
        match (compare(made, name), refused.contains(name.as_str())) {
            (Ok(()), false) => compared += 1,
            (Ok(()), true) => problems.push(format!("{name}: it runs; take it off the list")),
            (Err(Problem::Refused(why)), false) => problems.push(format!("{name}: refused: {why}")),
            (Err(Problem::Refused(_)), true) => {}
            (Err(Problem::Differs(why)), _) => problems.push(format!("{name}: {why}")),
        }
    }
    assert!(problems.is_empty(), "{} of {}:\n{}", problems.len(), names.len(), problems.join("\n"));
    compared
}

#[test]
fn what_is_refused_is_named() {
    let check = |settings: &str, file: &str, want: &str| {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("MLmodel"), format!("flavors: {{sklearn: {{{settings}}}}}\n"))
            .unwrap();
        fs::write(folder.path().join(file), b"not a zip").unwrap();
        let error = load(folder.path()).unwrap_err().to_string();
        assert!(error.contains(want) && !error.contains('\n'), "{error}");
    };
    check("pickled_model: model.pkl", "model.pkl", "serialization_format=\"skops\"");
    check(
        "pickled_model: model.pkl, serialization_format: cloudpickle",
        "model.pkl",
        "so mlctl never opens it; save it again",
    );
    check(
        "pickled_model: model.skops, serialization_format: skops",
        "model.skops",
        "it is not a zip file",
    );
}

#[test]
fn a_model_answers_as_one_array_without_a_name() {
    let model = load(&folder().join("fixtures/sklearn/columns-missing")).unwrap();
    let body = br#"{"dataframe_records": [
        {"plan": "pro", "city": "Rome", "income": 12.5, "age": null, "visits": 3},
        {"plan": "free", "city": null, "income": 30.25, "age": 61.0, "visits": 1}]}"#;

    let input = payload::from_json(body, None).unwrap();
    let answer = payload::to_json(&model.predict(input.clone()).unwrap());
    let shares = model.call(method::PREDICT_PROBA, input).unwrap();

    assert_eq!(answer, r#"{"predictions":[0,1]}"#);
    assert_eq!(shares.tensors()[0].1.shape(), [2, 2]);
}

#[test]
fn columns_are_checked_by_name() {
    let model = load(&folder().join("fixtures/sklearn/columns-missing")).unwrap();
    let body = br#"{"dataframe_records": [{"plan": "pro", "age": 40.0, "visits": 3}]}"#;

    let error = model.predict(payload::from_json(body, None).unwrap()).unwrap_err();

    assert!(error.to_string().ends_with("columns are missing: `income`, `city`"), "{error}");
}

enum Problem {
    Refused(String),
    Differs(String),
}

fn compare(made: &Path, name: &str) -> Result<(), Problem> {
    let text = fs::read_to_string(made.join(format!("{name}.json"))).unwrap();
    let recorded: Value = serde_json::from_str(&text).unwrap();
    let model = load(&made.join(name)).map_err(|error| Problem::Refused(error.to_string()))?;
    for (method, want) in recorded["answers"].as_object().unwrap() {
        let differs = |why: String| Problem::Differs(format!("{method}: {why}"));
        let got = answer(&model, method, input(&recorded["input"])).map_err(differs)?;
        equal(&got, want, tolerance(name), "").map_err(differs)?;
    }
    Ok(())
}

fn tolerance(name: &str) -> f64 {
    // scikit-learn itself computes these in 32 bits.
    if name.contains("float32") || name.contains("-init") { 1e-5 } else { 1e-9 }
}

fn answer(model: &Model, method: &str, input: Input) -> Result<Value, String> {
    let predictions = match method {
        // What the model's own settings make of `predict`.
        "pyfunc" => model.predict(input),
        method => model.call(method, input),
    };
    let predictions = predictions.map_err(|error| error.to_string())?;
    match predictions.tensors().as_slice() {
        [("", only)] => Ok(rows(only)),
        several => {
            let columns: Vec<Value> = several.iter().map(|(_, column)| rows(column)).collect();
            let count = columns[0].as_array().unwrap().len();
            let row =
                |at: usize| -> Value { columns.iter().map(|column| column[at].clone()).collect() };
            Ok((0..count).map(row).collect())
        }
    }
}

fn rows(tensor: &Tensor) -> Value {
    let cells: Vec<Value> = match tensor.values() {
        Values::Boolean(list) => list.iter().map(|value| Value::from(*value)).collect(),
        Values::Integer(list) => list.iter().map(|value| Value::from(*value)).collect(),
        Values::Long(list) => list.iter().map(|value| Value::from(*value)).collect(),
        Values::Float(list) => list.iter().map(|value| Value::from(*value)).collect(),
        Values::Double(list) => list.iter().map(|value| Value::from(*value)).collect(),
        Values::String(list) => list.iter().map(|value| Value::from(value.clone())).collect(),
    };
    match tensor.shape() {
        [_, width] => cells.chunks((*width).max(1)).map(|row| Value::from(row.to_vec())).collect(),
        _ => Value::from(cells),
    }
}

/// Compares numbers within a relative tolerance, all else exactly.
fn equal(got: &Value, want: &Value, tolerance: f64, place: &str) -> Result<(), String> {
    match (got, want) {
        (Value::Array(got), Value::Array(want)) if got.len() == want.len() => {
            let mut pairs = got.iter().zip(want).enumerate();
            pairs.try_for_each(|(at, (got, want))| {
                equal(got, want, tolerance, &format!("{place}[{at}]"))
            })
        }
        (Value::Number(one), Value::Number(other)) => {
            let (one, other) = (one.as_f64().unwrap(), other.as_f64().unwrap());
            if (one - other).abs() <= tolerance * other.abs().max(1.0) {
                return Ok(());
            }
            Err(format!("{place}: {one:?} for {other:?}"))
        }
        // An indicator is boolean for scikit-learn.
        (Value::Number(one), Value::Bool(other))
            if one.as_f64() == Some(f64::from(u8::from(*other))) =>
        {
            Ok(())
        }
        // JSON has no infinities.
        (Value::Null, Value::String(text)) if text.ends_with("inf") => Ok(()),
        (got, want) if got == want => Ok(()),
        _ => Err(format!("{place}: {} for {}", short(got), short(want))),
    }
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(120).collect()
}

fn input(recorded: &Value) -> Input {
    if let Some(columns) = recorded["columns"].as_array() {
        let columns = columns.iter().map(|column| {
            let cells = column[1].as_array().unwrap();
            let kind = match cells {
                cells if cells.iter().any(Value::is_string) => "text",
                cells if cells.iter().all(Value::is_i64) => "int64",
                _ => "float64",
            };
            (column[0].as_str().unwrap().to_owned(), Tensor::vector(values(cells, kind)))
        });
        return Input::Table(Table::new(columns.collect()).unwrap());
    }
    let shape =
        recorded["shape"].as_array().unwrap().iter().map(|size| size.as_u64().unwrap() as usize);
    let values = values(recorded["values"].as_array().unwrap(), recorded["kind"].as_str().unwrap());
    Input::Tensor(Tensor::new(shape.collect(), values).unwrap())
}

fn values(cells: &[Value], kind: &str) -> Values {
    let numbers = cells.iter().map(|cell| cell.as_f64().unwrap_or(f64::NAN));
    match kind {
        "text" => {
            Values::String(cells.iter().map(|cell| cell.as_str().map(str::to_owned)).collect())
        }
        "float32" => Values::Float(numbers.map(|value| value as f32).collect()),
        "int64" => Values::Long(cells.iter().map(|cell| cell.as_i64().unwrap()).collect()),
        _ => Values::Double(numbers.collect()),
    }
}
