//! Converted models, beside the models that they were: in our engine, and in onnxruntime.
//!
//! `convert/run.py` is onnxruntime's side; it runs where there is a Python with it.

#![cfg(feature = "onnx")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use mlctl_models::convert::to_onnx;
use mlctl_models::save::{OnnxModel, Origin, save_onnx};
use mlctl_models::signature::Schema;
use mlctl_models::{Error, Input, Model, Table, Tensor, Values, load, method};
use mlctl_test_python::{succeed, zoo};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How far a number may be from the model's, relative to it where that is above 1.
const TOLERANCE: f64 = 1e-5;

/// Fixtures that become ONNX.
const CONVERTED: [&str; 16] = [
    "trees/lgb_binary",
    "trees/lgb_forest",
    "trees/lgb_multiclass",
    "trees/lgb_zero_missing",
    "trees/xgb_binary",
    "trees/xgb_classifier_early",
    "trees/xgb_dart",
    "trees/xgb_linear",
    "trees/xgb_multi_tree",
    "trees/xgb_softprob_json",
    "sklearn/DecisionTreeClassifier-binary",
    "sklearn/DecisionTreeRegressor-missing",
    "sklearn/GradientBoostingClassifier-exponential",
    "sklearn/HistGradientBoostingRegressor-poisson",
    "sklearn/LogisticRegression-multi",
    "sklearn/StandardScaler+linear",
];

/// Fixtures that do not, and what is said.
const REFUSED: [(&str, &str); 11] = [
    ("trees/lgb_pandas", "its trees split by categories"),
    ("trees/xgb_partition", "its trees split by categories"),
    ("sklearn/GaussianNB", "`GaussianNB` has no conversion to ONNX"),
    ("sklearn/KNeighborsClassifier", "`KNeighborsClassifier` has no conversion to ONNX"),
    ("sklearn/MLPClassifier-binary", "`MLPClassifier` has no conversion to ONNX"),
    ("sklearn/PCA", "`PCA` has no conversion to ONNX"),
    ("sklearn/SVC-rbf", "`SVC` has no conversion to ONNX"),
    ("sklearn/StackingClassifier-binary", "`StackingClassifier` has no conversion to ONNX"),
    ("sklearn/TfidfVectorizer+linear", "`TfidfVectorizer` before the model"),
    ("sklearn/columns-missing", "`ColumnTransformer` before the model"),
    ("elasticnet", "it is already an ONNX model"),
];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The rows of a fixture, rounded to 32 bits, and the names of their columns.
struct Rows {
    names: Option<Vec<String>>,
    cells: Vec<Vec<f32>>,
}

impl Rows {
    fn of(name: &str) -> Self {
        let read = |path: PathBuf| -> Value {
            serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
        };
        let input = match name.starts_with("sklearn/") {
            true => read(fixture(&format!("{name}.json")))["input"].take(),
            false => read(fixture(name).join("expected.json"))["input"].take(),
        };
        let Some(columns) = input.as_array() else {
            let width = input["shape"][1].as_u64().unwrap() as usize;
            let cells: Vec<f32> = input["values"].as_array().unwrap().iter().map(cell).collect();
            return Self { names: None, cells: cells.chunks(width).map(<[f32]>::to_vec).collect() };
        };
        let names = columns.iter().map(|column| column["name"].as_str().unwrap().to_owned());
        let list = |column: &Value| column["values"].as_array().unwrap().clone();
        let lists: Vec<Vec<Value>> = columns.iter().map(list).collect();
        let row = |at: usize| lists.iter().map(|list| cell(&list[at])).collect();
        Self { names: Some(names.collect()), cells: (0..lists[0].len()).map(row).collect() }
    }

    /// The rows as a model takes them: one without columns in its signature gets a matrix.
    fn input_of(&self, model: &Model) -> Input {
        if !matches!(model.input_schema(), Some(Schema::Tensors(_))) {
            return self.input();
        }
        let shape = vec![self.cells.len(), self.cells[0].len()];
        let values = Values::Float(self.cells.concat());
        Input::Tensor(Tensor::new(shape, values).unwrap())
    }

    fn input(&self) -> Input {
        let width = self.cells[0].len();
        let Some(names) = &self.names else {
            let values = self.cells.iter().flatten().map(|cell| f64::from(*cell)).collect();
            let shape = vec![self.cells.len(), width];
            return Input::Tensor(Tensor::new(shape, Values::Double(values)).unwrap());
        };
        let column = |at: usize| {
            let values = self.cells.iter().map(|row| f64::from(row[at])).collect();
            Tensor::vector(Values::Double(values))
        };
        let columns = names.iter().cloned().zip((0..width).map(column));
        Input::Table(Table::new(columns.collect()).unwrap())
    }
}

/// What is not finite is missing, and so in JSON.
fn cell(value: &Value) -> f32 {
    match value.as_f64() {
        Some(value) if (value as f32).is_finite() => value as f32,
        _ => f32::NAN,
    }
}

fn write(name: &str, graph: &Path) -> Model {
    let converted = to_onnx(&fixture(name)).unwrap();
    fs::write(graph, &converted.graph).unwrap();
    let origin = Origin { model_uuid: "0".repeat(32), ..Origin::default() };
    let signature = Some(converted.signature);
    let mut model = OnnxModel { graph, signature, example: None, origin, metadata: None };
    model.complete().unwrap();
    let folder = graph.with_extension("folder");
    save_onnx(&folder, &model).unwrap();
    load(&folder).unwrap()
}

fn outputs(model: &Model, rows: &Rows) -> Vec<(String, Tensor)> {
    let predictions = model.predict(rows.input_of(model)).unwrap();
    let tensors = predictions.tensors().into_iter();
    tensors.map(|(name, tensor)| (name.to_owned(), tensor.clone())).collect()
}

fn numbers(tensor: &Tensor) -> Option<Vec<f64>> {
    Some(match tensor.values() {
        Values::Boolean(list) => list.iter().map(|value| f64::from(u8::from(*value))).collect(),
        Values::Integer(list) => list.iter().copied().map(f64::from).collect(),
        Values::Long(list) => list.iter().map(|value| *value as f64).collect(),
        Values::Float(list) => list.iter().copied().map(f64::from).collect(),
        Values::Double(list) => list.clone(),
        Values::String(_) => return None,
    })
}

#[track_caller]
fn check_near(name: &str, got: &[f64], want: &[f64]) {
    assert_eq!(got.len(), want.len(), "{name}");
    for (at, (got, want)) in got.iter().zip(want).enumerate() {
        let is_near = (got - want).abs() <= TOLERANCE * want.abs().max(1.0);
        assert!(is_near || got.is_nan() && want.is_nan(), "{name}[{at}]: {got} for {want}");
    }
}

#[track_caller]
fn check_same(name: &str, got: &Tensor, want: &Tensor) {
    match (numbers(got), numbers(want)) {
        (Some(got), Some(want)) => check_near(name, &got, &want),
        _ => assert_eq!(got.values(), want.values(), "{name}"),
    }
}

/// Compares a converted model with what it was.
#[track_caller]
fn check(name: &str, place: &Path) {
    let rows = Rows::of(name);
    let model = load(&fixture(name)).unwrap();
    let converted = write(name, &place.join("model.onnx"));
    let want = model.predict(rows.input());
    let mut rows = rows;
    if want.is_err() {
        // scikit-learn refuses missing values where the converted model does not.
        rows.cells.retain(|row| row.iter().all(|cell| cell.is_finite()));
    }
    let want = model.predict(rows.input()).unwrap();
    let [(_, want)] = want.tensors()[..] else { panic!("{name} has several outputs") };
    let odds = model.call(method::PREDICT_PROBA, rows.input());
    match outputs(&converted, &rows).as_slice() {
        [(variable, got)] if variable == "variable" => check_same(name, got, want),
        [(label, got), (second, all)] if label == "label" => {
            let is_label = numbers(want).is_none_or(|list| list.iter().all(|x| x.fract() == 0.0));
            if is_label {
                check_same(name, got, want);
            }
            if let (Ok(odds), "probabilities") = (&odds, second.as_str()) {
                check_same(name, all, odds.tensors()[0].1);
            }
            assert!(is_label || odds.is_ok(), "{name}: nothing was compared");
        }
        other => panic!("{name} answers {other:?}"),
    }
}

#[test]
fn converted_models_answer_as_before() {
    let place = tempfile::tempdir().unwrap();
    for name in CONVERTED {
        let place = place.path().join(name);
        fs::create_dir_all(&place).unwrap();
        check(name, &place);
    }
}

#[test]
fn what_has_no_form_in_onnx_is_named() {
    for (name, want) in REFUSED {
        let error = to_onnx(&fixture(name)).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, Error::Unconvertible { .. }), "{name}: {text}");
        assert!(text.contains(want) && !text.contains('\n'), "{name}: {text}");
    }
}

#[test]
fn onnxruntime_answers_converted_models_as_we_do() {
    let cache = mlctl_test_python::cache(env!("CARGO_TARGET_TMPDIR"));
    let Some(python) = zoo(&cache) else { return };
    let place = tempfile::tempdir().unwrap();
    let graph = |at: usize| place.path().join(format!("{at}.onnx"));
    let mut told = Vec::new();
    for (at, name) in CONVERTED.into_iter().enumerate() {
        let rows = Rows::of(name);
        let converted = write(name, &graph(at));
        let text = serde_json::to_string(&rows.cells).unwrap();
        fs::write(graph(at).with_extension("rows.json"), text).unwrap();
        told.push((name, outputs(&converted, &rows)));
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/convert/run.py");
    succeed(Command::new(python).arg(script).arg(place.path()));
    for (at, (name, ours)) in told.into_iter().enumerate() {
        let text = fs::read_to_string(graph(at).with_extension("answers.json")).unwrap();
        let theirs: Value = serde_json::from_str(&text.replace("NaN", "null")).unwrap();
        assert_eq!(ours.len(), theirs.as_object().unwrap().len(), "{name}");
        for (output, tensor) in ours {
            let flat = flatten(&theirs[&output]);
            match numbers(&tensor) {
                Some(list) => {
                    let number = |value: &&Value| match value {
                        Value::Bool(value) => f64::from(u8::from(*value)),
                        value => value.as_f64().unwrap_or(f64::NAN),
                    };
                    let want: Vec<f64> = flat.iter().map(number).collect();
                    check_near(&format!("{name}: {output}"), &list, &want);
                }
                None => {
                    let want = flat.iter().map(|text| text.as_str().map(str::to_owned)).collect();
                    assert_eq!(tensor.values(), &Values::String(want), "{name}: {output}");
                }
            }
        }
    }
}

fn flatten(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(list) => list.iter().flat_map(flatten).collect(),
        cell => vec![cell],
    }
}
