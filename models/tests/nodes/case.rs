//! A case of a single operator, as `make.py` spells it, and what a model makes of it.

use mlctl_models::{Error, Input, Model, Result, Tensor, Values};
use mlctl_test_python::{cache, succeed, zoo};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Opens a model folder.
pub(crate) type Load = fn(&Path) -> Result<Model>;

/// Makes the cases in a folder; `None` when Python is to be skipped.
pub(crate) fn made() -> Option<(tempfile::TempDir, Vec<Case>)> {
    let python = zoo(&cache(env!("CARGO_TARGET_TMPDIR")))?;
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nodes/make.py");
    succeed(
        Command::new(python).env("PYTHONDONTWRITEBYTECODE", "1").arg(script).arg(folder.path()),
    );
    let text = std::fs::read_to_string(folder.path().join("cases.json")).unwrap();
    let cases = serde_json::from_str(&text).unwrap();
    Some((folder, cases))
}

#[derive(Deserialize)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) operators: Vec<String>,
    /// Whether onnxruntime answers as the case wants.
    pub(crate) onnxruntime: bool,
    rtol: f64,
    atol: f64,
    inputs: Vec<Spelled>,
    outputs: Vec<Spelled>,
}

/// A tensor as `make.py` spells it.
#[derive(Deserialize)]
struct Spelled {
    name: String,
    kind: String,
    shape: Vec<usize>,
    values: Vec<Value>,
}

fn float(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| value.as_str().unwrap().parse().unwrap())
}

impl Spelled {
    /// Returns the tensor, unless its values do not fit the border's types.
    fn tensor(&self) -> Option<Tensor> {
        let list = || self.values.iter();
        let values = match self.kind.as_str() {
            "boolean" => Values::Boolean(list().map(|value| value.as_bool().unwrap()).collect()),
            "integer" => {
                Values::Integer(list().map(|value| value.as_i64().unwrap() as i32).collect())
            }
            "long" => Values::Long(list().map(Value::as_i64).collect::<Option<_>>()?),
            "float" => Values::Float(list().map(|value| float(value) as f32).collect()),
            "double" => Values::Double(list().map(float).collect()),
            _ => Values::String(list().map(|value| value.as_str().map(str::to_owned)).collect()),
        };
        Some(Tensor::new(self.shape.clone(), values).unwrap())
    }
}

/// Widens numbers, as far as they are floats.
fn floats(values: &Values) -> Option<Vec<f64>> {
    match values {
        Values::Float(list) => Some(list.iter().copied().map(f64::from).collect()),
        Values::Double(list) => Some(list.clone()),
        _ => None,
    }
}

impl Case {
    /// Says how an output differs from the one that is wanted.
    fn difference(&self, got: &Tensor, want: &Tensor) -> Option<String> {
        if got.shape() != want.shape() {
            return Some(format!("shape {:?} for {:?}", got.shape(), want.shape()));
        }
        let (ours, theirs) = (got.values(), want.values());
        if ours.data_type() != theirs.data_type() {
            return Some(format!("{:?} for {:?}", ours.data_type(), theirs.data_type()));
        }
        let (Some(ours), Some(theirs)) = (floats(ours), floats(theirs)) else {
            return (ours != theirs)
                .then(|| format!("{ours:?} for {theirs:?}").chars().take(400).collect());
        };
        let is_near = |(a, b): (&f64, &f64)| {
            a == b
                || (a.is_nan() && b.is_nan())
                || (a - b).abs() <= self.atol + self.rtol * b.abs() && b.is_finite()
        };
        let at = ours.iter().zip(&theirs).position(|pair| !is_near(pair))?;
        Some(format!("{} for {} at {at} of {}", ours[at], theirs[at], ours.len()))
    }

    /// Tells whether an output is off by no more than its type rounds, or by one if it is whole.
    fn is_rounded(&self, got: &Tensor, want: &Tensor) -> bool {
        if let (Values::Integer(ours), Values::Integer(theirs)) = (got.values(), want.values()) {
            return ours.iter().zip(theirs).all(|(a, b)| a.abs_diff(*b) <= 1);
        }
        let (Some(ours), Some(theirs)) = (floats(got.values()), floats(want.values())) else {
            return false;
        };
        let bound = if self.name.contains("fp16") { 2e-3 } else { 1e-5 };
        let is_rounded = |(a, b): (&f64, &f64)| a == b || (a - b).abs() <= bound * b.abs().max(1.0);
        got.shape() == want.shape() && ours.iter().zip(&theirs).all(is_rounded)
    }

    fn run(&self, folder: &Path, load: Load) -> Outcome {
        let model = match load(&folder.join(&self.name)) {
            Ok(model) => model,
            Err(error) => return Outcome::refused(&error),
        };
        let inputs = self.inputs.iter().map(|one| Some((one.name.clone(), one.tensor()?)));
        let wanted = self.outputs.iter().map(Spelled::tensor).collect::<Option<Vec<_>>>();
        let (Some(inputs), Some(wanted)) = (inputs.collect::<Option<Vec<_>>>(), wanted) else {
            return Outcome::Refused("type", "whole numbers above those with a sign".to_owned());
        };
        let answer = match model.predict(Input::Named(inputs)) {
            Ok(answer) => answer,
            Err(error) => return Outcome::refused(&error),
        };
        let got = answer.tensors();
        if got.len() != wanted.len() {
            return Outcome::Wrong(format!("{} outputs for {}", got.len(), wanted.len()));
        }
        for ((name, got), want) in got.iter().zip(&wanted) {
            if let Some(difference) = self.difference(got, want) {
                if self.is_rounded(got, want) {
                    return Outcome::Refused("rounding", difference);
                }
                return Outcome::Wrong(format!("`{name}`: {difference}"));
            }
        }
        Outcome::Right
    }
}

pub(crate) enum Outcome {
    Right,
    /// Why, in a word, and in a sentence; or an answer that only rounds otherwise.
    Refused(&'static str, String),
    Wrong(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Right => formatter.write_str("right"),
            Self::Refused(class, why) => write!(formatter, "{class}: {why}"),
            Self::Wrong(why) => write!(formatter, "wrong: {why}"),
        }
    }
}

impl Outcome {
    fn refused(error: &Error) -> Self {
        let class = match error {
            Error::UnsupportedOperators { .. } => "operator",
            Error::UnsupportedGraph { .. } => "refused",
            _ => "fails",
        };
        Self::Refused(class, error.to_string())
    }
}

/// Runs all cases on all cores.
pub(crate) fn run(cases: &[Case], folder: &Path, load: Load) -> BTreeMap<String, Outcome> {
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = case.run(folder, load);
                    outcomes.lock().unwrap().insert(case.name.clone(), outcome);
                }
            });
        }
    });
    outcomes.into_inner().unwrap()
}
