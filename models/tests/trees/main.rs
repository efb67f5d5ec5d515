//! What XGBoost and LightGBM say about models of many kinds, and what we say.
//!
//! `make.py` makes the models and records the libraries' side. A few small ones are committed in
//! `fixtures/trees`; all others are made when Python is at hand.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use mlctl_models::{Error, Input, Scores, Table, Tensor, Values, load};
use serde::Deserialize;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

mod broken;
mod columns;

#[derive(Deserialize)]
struct Expected {
    input: Given,
    predictions: Array,
    raw: Option<Array>,
    probability: Option<Array>,
    #[serde(default)]
    refused: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Given {
    Columns(Vec<Column>),
    Matrix(Array),
}

#[derive(Deserialize)]
struct Column {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    values: Vec<Value>,
}

#[derive(Deserialize)]
struct Array {
    shape: Vec<usize>,
    #[serde(rename = "type")]
    kind: String,
    values: Vec<Value>,
}

fn number(value: &Value) -> f64 {
    match value {
        Value::Null => f64::NAN,
        Value::Bool(value) => f64::from(u8::from(*value)),
        Value::String(text) => text.parse().unwrap(),
        other => other.as_f64().unwrap(),
    }
}

fn values(kind: &str, list: &[Value]) -> Values {
    let numbers = || list.iter().map(number);
    match kind {
        "bool" => Values::Boolean(numbers().map(|value| value != 0.0).collect()),
        "int8" | "int32" => Values::Integer(numbers().map(|value| value as i32).collect()),
        "int64" => Values::Long(numbers().map(|value| value as i64).collect()),
        "float32" => Values::Float(numbers().map(|value| value as f32).collect()),
        "float64" => Values::Double(numbers().collect()),
        "str" => Values::String(list.iter().map(|text| text.as_str().map(str::to_owned)).collect()),
        other => panic!("a column of {other}"),
    }
}

impl Expected {
    fn of(folder: &Path) -> Self {
        serde_json::from_str(&text_of(&folder.join("expected.json"))).unwrap()
    }
}

fn text_of(file: &Path) -> String {
    fs::read_to_string(file).unwrap()
}

impl Given {
    fn input(&self) -> Input {
        match self {
            Self::Columns(columns) => {
                let column = |column: &Column| {
                    let values = values(&column.kind, &column.values);
                    (column.name.clone(), Tensor::vector(values))
                };
                Input::Table(Table::new(columns.iter().map(column).collect()).unwrap())
            }
            Self::Matrix(array) => {
                let values = values(&array.kind, &array.values);
                Input::Tensor(Tensor::new(array.shape.clone(), values).unwrap())
            }
        }
    }

    /// The same cells with the columns in reverse.
    fn reversed(&self) -> Option<Input> {
        let Input::Table(table) = self.input() else { return None };
        let mut columns = table.into_columns();
        columns.reverse();
        Some(Input::Table(Table::new(columns).unwrap()))
    }
}

fn numbers(values: &Values) -> Vec<f64> {
    match values {
        Values::Integer(list) => list.iter().copied().map(f64::from).collect(),
        Values::Long(list) => list.iter().map(|value| *value as f64).collect(),
        Values::Float(list) => list.iter().copied().map(f64::from).collect(),
        Values::Double(list) => list.clone(),
        other => panic!("{other:?}"),
    }
}

/// Compares: labels must be equal, scores within 1e-5.
fn differences(what: &str, got: &Tensor, want: &Array) -> Option<String> {
    let kind = got.values().data_type().numpy_name();
    if got.shape() != want.shape || kind != want.kind {
        let (shape, other) = (got.shape(), &want.shape);
        return Some(format!("{what}: {kind} {shape:?} for {} {other:?}", want.kind));
    }
    let tolerance = if want.kind.starts_with("int") { 0.0 } else { 1e-5 };
    let want: Vec<f64> = want.values.iter().map(number).collect();
    let got = numbers(got.values());
    let is_far = |(got, want): &(&f64, &f64)| {
        (*got - *want).abs() > tolerance * want.abs().max(1.0) || got.is_nan() != want.is_nan()
    };
    let mut far = got.iter().zip(&want).enumerate().filter(|(_, pair)| is_far(pair));
    let first = far.next()?;
    Some(format!("{what}: {first:?} and {} more of {}", far.count(), got.len()))
}

/// Returns what differs; nothing when all is well.
fn compare(folder: &Path) -> Option<String> {
    let expected = Expected::of(folder);
    let model = match load(folder) {
        Err(Error::UnsupportedModel { .. }) if expected.refused => return None,
        Err(error) => return Some(format!("{error}")),
        Ok(_) if expected.refused => return Some("it loads".to_owned()),
        Ok(model) => model,
    };
    let predict = |input: Input| {
        let predictions = model.predict(input).map_err(|error| error.to_string())?;
        let [(name, output)] = &predictions.outputs[..] else { panic!("several outputs") };
        assert_eq!(name, "");
        Ok::<_, String>(output.clone())
    };
    let input = || expected.input.input();
    let output = match predict(input()) {
        Ok(output) => output,
        Err(error) => return Some(error),
    };
    let scores = |kind| model.scores(input(), kind);
    let raw = expected.raw.as_ref().map(|want| match scores(Scores::Raw) {
        Ok(got) => differences("raw", &got, want),
        Err(error) => Some(error.to_string()),
    });
    let odds = expected.probability.as_ref().map(|want| match scores(Scores::Probability) {
        Ok(got) => differences("probability", &got, want),
        Err(error) => Some(error.to_string()),
    });
    let found = [differences("predictions", &output, &expected.predictions)];
    found.into_iter().chain(raw).chain(odds).flatten().next()
}

#[track_caller]
fn check(root: &Path, least: usize) {
    let folders = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = folders.collect();
    folders.sort();
    let wrong = folders.iter().filter_map(|folder| Some((folder.file_name()?, compare(folder)?)));
    let wrong: Vec<String> =
        wrong.map(|(name, why)| format!("{}: {why}", name.display())).collect();

    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), folders.len(), wrong.join("\n"));
    assert!(folders.len() >= least, "{} models", folders.len());
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/trees")
}

#[test]
fn recorded_predictions_equal_those_of_the_libraries() {
    check(&fixtures(), 12);
}

#[test]
fn all_kinds_of_models_predict_as_their_libraries_do() {
    let cache = mlctl_test_python::cache(env!("CARGO_TARGET_TMPDIR"));
    let Some(python) = mlctl_test_python::zoo(&cache) else { return };
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trees/make.py");

    mlctl_test_python::succeed(Command::new(python).arg(script).arg(folder.path()));

    check(folder.path(), 100);
}

#[test]
fn a_models_own_columns_may_come_in_any_order() {
    for name in ["xgb_binary", "xgb_partition", "lgb_binary", "lgb_pandas"] {
        let folder = fixtures().join(name);
        let expected = Expected::of(&folder);
        let model = load(&folder).unwrap();

        let got = model.predict(expected.input.reversed().unwrap()).unwrap();

        assert_eq!(differences(name, &got.outputs[0].1, &expected.predictions), None);
    }
}
