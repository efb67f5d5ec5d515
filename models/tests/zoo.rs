//! What onnxruntime says about the models of `zoo/cases.py`, and what we say.
//!
//! Every model is either right or refused, and who is refused stands in `zoo/refused.txt`: a list
//! that can only shrink.

#![cfg(feature = "onnx")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use mlctl_models::{Input, Tensor, Values, load};
use mlctl_test_python::{succeed, zoo};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How far a score may be from onnxruntime's, relative to the score where that is above 1.
const TOLERANCE: f64 = 1e-5;

#[derive(Deserialize)]
struct Case {
    operators: Vec<String>,
    inputs: BTreeMap<String, Spelled>,
    outputs: Vec<Spelled>,
}

/// A tensor as `make.py` spells it.
#[derive(Deserialize)]
struct Spelled {
    #[serde(default)]
    name: String,
    kind: String,
    shape: Vec<usize>,
    values: Vec<Value>,
    classes: Option<Vec<String>>,
    /// Stands in for [`TOLERANCE`].
    #[serde(default)]
    tolerance: Option<f64>,
}

fn float(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| value.as_str().unwrap().parse().unwrap())
}

impl Spelled {
    fn tensor(&self) -> Tensor {
        let list = || self.values.iter();
        let values = match self.kind.as_str() {
            "boolean" => Values::Boolean(list().map(|value| value.as_bool().unwrap()).collect()),
            "integer" => {
                Values::Integer(list().map(|value| value.as_i64().unwrap() as i32).collect())
            }
            "long" => Values::Long(list().map(|value| value.as_i64().unwrap()).collect()),
            "float" => Values::Float(list().map(|value| float(value) as f32).collect()),
            "double" => Values::Double(list().map(float).collect()),
            _ => Values::String(list().map(|value| value.as_str().map(str::to_owned)).collect()),
        };
        Tensor::new(self.shape.clone(), values).unwrap()
    }
}

fn numbers(values: &Values) -> Option<Vec<f64>> {
    match values {
        Values::Float(list) => Some(list.iter().copied().map(f64::from).collect()),
        Values::Double(list) => Some(list.clone()),
        _ => None,
    }
}

/// Says how a value differs from the one that is wanted.
fn difference(got: &Tensor, want: &Spelled) -> Option<String> {
    let wanted = want.tensor();
    if got.shape() != wanted.shape() {
        return Some(format!("shape {:?} for {:?}", got.shape(), wanted.shape()));
    }
    if got.classes() != want.classes.as_deref() {
        return Some(format!("classes {:?} for {:?}", got.classes(), want.classes));
    }
    if got.values().data_type() != wanted.values().data_type() {
        return Some(format!("{:?} for {:?}", got.values().data_type(), want.kind));
    }
    let (Some(ours), Some(theirs)) = (numbers(got.values()), numbers(wanted.values())) else {
        return (got.values() != wanted.values()).then(|| {
            format!("{:?}\nfor {:?}", got.values(), wanted.values()).chars().take(600).collect()
        });
    };
    let tolerance = want.tolerance.unwrap_or(TOLERANCE);
    let is_far = |(a, b): (&f64, &f64)| {
        let is_near = (a - b).abs() <= tolerance * b.abs().max(1.0);
        a != b && a.is_nan() != b.is_nan() || (!a.is_nan() && a != b && !is_near)
    };
    let at = ours.iter().zip(&theirs).position(is_far)?;
    let count = ours.iter().zip(&theirs).filter(|pair| is_far(*pair)).count();
    let (a, b) = (ours[at], theirs[at]);
    Some(format!("{a} for {b} at {at}, and {count} of {} in all", ours.len()))
}

/// Compares one model; returns why when it is refused.
fn compare(folder: &Path, case: &Case) -> Result<Option<String>, String> {
    let model = match load(folder) {
        Ok(model) => model,
        Err(error) => return Ok(Some(error.to_string())),
    };
    let inputs = case.inputs.iter().map(|(name, value)| (name.clone(), value.tensor()));
    let answer =
        model.predict(Input::Named(inputs.collect())).map_err(|error| error.to_string())?;
    for (want, (name, got)) in case.outputs.iter().zip(answer.tensors()) {
        if *name != want.name {
            return Err(format!("output {name} for {}", want.name));
        }
        if let Some(difference) = difference(got, want) {
            return Err(format!("{name}: {difference}"));
        }
    }
    if answer.tensors().len() != case.outputs.len() {
        return Err("not as many outputs".to_owned());
    }
    Ok(None)
}

fn cases(folder: &Path) -> Vec<(String, PathBuf, Case)> {
    let mut cases: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(path.join("case.json")).unwrap();
            let case = serde_json::from_str(&text).unwrap();
            (path.file_name().unwrap().to_str().unwrap().to_owned(), path, case)
        })
        .collect();
    cases.sort_by(|one, other| one.0.cmp(&other.0));
    cases
}

/// Makes the models of a script beside this file; `None` when Python is to be skipped.
fn made(script: &str) -> Option<tempfile::TempDir> {
    let python = zoo(&mlctl_test_python::cache(env!("CARGO_TARGET_TMPDIR")))?;
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/zoo").join(script);
    let mut command = Command::new(python);
    command.env("PYTHONDONTWRITEBYTECODE", "1").arg(script).arg(folder.path());
    succeed(&mut command);
    Some(folder)
}

fn check(script: &str, refused: &str, least: usize) {
    let Some(folder) = made(script) else { return };
    let allowed: BTreeSet<&str> = refused.lines().filter(|line| !line.starts_with('#')).collect();
    let cases = cases(folder.path());
    let mut refusals = BTreeSet::new();
    let mut wrong = Vec::new();
    for (name, path, case) in &cases {
        match compare(path, case) {
            Ok(None) => {}
            Ok(Some(_)) if allowed.contains(name.as_str()) => {
                refusals.insert(name.as_str());
            }
            Ok(Some(why)) => wrong.push(format!("{name}: refused: {why}")),
            Err(why) => wrong.push(format!("{name} ({}): {why}", case.operators.join(", "))),
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert_eq!(refusals, allowed, "take those out of the list that run now");
    assert!(cases.len() >= least, "{} cases", cases.len());
}

#[test]
fn models_are_answered_as_onnxruntime_answers_them() {
    check("make.py", include_str!("zoo/refused.txt"), 300);
}

#[test]
fn operators_are_answered_as_onnxruntime_answers_them() {
    check("operators.py", include_str!("zoo/refused_operators.txt"), 1000);
}
