//! Models scored in this process, and by onnxruntime in one of its own.

use crate::programs::{Programs, zoo};
use crate::quantity::Quantity;
use crate::report::{Report, Row};
use crate::rounds::{Subject, take_turns};
use anyhow::{Context, Result, ensure};
use mlctl_models::{Input, Model, Tensor, Values, load};
use std::cell::RefCell;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

const NETWORKS_PROGRAM: &str = include_str!("../oracle/networks.py");
const PROGRAM: &str = include_str!("../oracle/scoring.py");
const WIDTH: usize = 20;
/// Tokens of a text.
const TOKENS: usize = 32;

/// A model of tables, and how much of onnxruntime's time it may take with 1 and with 1,000 rows.
const CASES: [(&str, [&str; 2], [f64; 2]); 8] = [
    ("logistic", ["logistic regression, 1 row", "logistic regression, 1,000 rows"], [1.0, 1.5]),
    ("pipeline", ["scaled, 1 row", "scaled, 1,000 rows"], [1.0, 1.5]),
    ("ridge", ["scaled ridge, 1 row", "scaled ridge, 1,000 rows"], [1.0, 1.5]),
    ("mlp", ["network 20-128-128, 1 row", "network 20-128-128, 1,000 rows"], [1.3, 1.5]),
    ("forest", ["random forest, 1 row", "random forest, 1,000 rows"], [1.2, 0.4]),
    ("boosting", ["gradient boosting, 1 row", "gradient boosting, 1,000 rows"], [1.2, 0.4]),
    ("xgboost", ["XGBoost, 1 row", "XGBoost, 1,000 rows"], [1.2, 0.4]),
    ("lightgbm", ["LightGBM, 1 row", "LightGBM, 1,000 rows"], [1.2, 0.4]),
];

/// A network, how many texts or images it is given, and how much of onnxruntime's time it may take.
const NETWORKS: [(&str, usize, &str, f64); 2] =
    [("minilm", 8, "MiniLM, 8 texts of 32 tokens", 1.5), ("resnet50", 1, "ResNet50, 1 image", 2.0)];

/// Small models, and how long loading one may take.
const LOADED: [(&str, &str); 3] = [
    ("logistic", "load logistic regression"),
    ("boosting", "load gradient boosting"),
    ("xgboost", "load XGBoost"),
];
const LOAD_SECONDS: f64 = 0.005;

/// Measures both, taking turns.
pub(crate) fn measure(programs: &Programs, rounds: usize) -> Result<Report> {
    let folder = tempfile::tempdir()?;
    let oracle = RefCell::new(Oracle::start(&zoo(programs)?, folder.path())?);
    let mut report = Report::default();
    for (name, whats, shares) in CASES {
        for ((rows, what), share) in [1, 1000].into_iter().zip(whats).zip(shares) {
            let case = Case { name, rows, what, share };
            report.row(case.row(folder.path(), &oracle, rounds)?);
        }
    }
    for (name, rows, what, share) in NETWORKS {
        let case = Case { name, rows, what, share };
        report.row(case.row(folder.path(), &oracle, rounds)?);
    }
    for (name, what) in LOADED {
        let path = folder.path().join(name);
        let mut subjects = [Subject::new(rounds, || loaded(&path))];
        take_turns(&mut subjects)?;
        report.row(Row {
            what,
            mlctl: subjects[0].measured()?,
            mlflow: None,
            ceiling: None,
            goal: Some(Quantity::Seconds(LOAD_SECONDS)),
        });
    }
    report.note("In the column of MLflow: onnxruntime on one thread, input and output bound.");
    Ok(report)
}

/// Times loading a folder.
fn loaded(path: &Path) -> Result<Quantity> {
    const CALLS: u32 = 20;
    let start = Instant::now();
    for _ in 0..CALLS {
        std::hint::black_box(load(path)?);
    }
    Ok(Quantity::Seconds(start.elapsed().as_secs_f64() / f64::from(CALLS)))
}

/// A model and what it is given.
struct Case {
    name: &'static str,
    rows: usize,
    what: &'static str,
    /// Of onnxruntime's time that is aimed at.
    share: f64,
}

impl Case {
    fn row(&self, folder: &Path, oracle: &RefCell<Oracle>, rounds: usize) -> Result<Row> {
        let model = load(&folder.join(self.name))?;
        let calls = self.calls(&model)?;
        let mut subjects = [
            Subject::new(rounds, || self.ours(&model, calls)),
            Subject::new(rounds, || oracle.borrow_mut().ask(self.name, self.rows, calls)),
        ];
        take_turns(&mut subjects)?;
        let theirs = subjects[1].measured()?;
        Ok(Row {
            what: self.what,
            mlctl: subjects[0].measured()?,
            mlflow: Some(theirs),
            ceiling: None,
            goal: Some(theirs.map(|seconds| seconds * self.share)),
        })
    }

    fn input(&self) -> Result<Input> {
        let floats = |shape: Vec<usize>| {
            let count = shape.iter().product();
            let values = (0..count).map(|at: usize| ((at * 37 % 1001) as f64 / 250.0 - 2.0) as f32);
            Tensor::new(shape, Values::Float(values.collect()))
        };
        let tokens = |value: fn(usize) -> i64| {
            let values = (0..self.rows * TOKENS).map(value).collect();
            Tensor::new(vec![self.rows, TOKENS], Values::Long(values))
        };
        Ok(match self.name {
            "minilm" => Input::Named(vec![
                ("input_ids".to_owned(), tokens(|at| (at * 7 % 30_000) as i64)?),
                ("attention_mask".to_owned(), tokens(|_| 1)?),
                ("token_type_ids".to_owned(), tokens(|_| 0)?),
            ]),
            "resnet50" => {
                Input::Named(vec![("images".to_owned(), floats(vec![self.rows, 3, 224, 224])?)])
            }
            _ => Input::Tensor(floats(vec![self.rows, WIDTH])?),
        })
    }

    /// Finds how many calls take about a twentieth of a second, but no more inputs than fit in
    /// memory.
    fn calls(&self, model: &Model) -> Result<usize> {
        const SECONDS: f64 = 0.05;
        const ROWS_MAX: usize = 200_000;
        // The first calls lay out plans for what they are given.
        let time = self.ours(model, 10)?.number();
        let least = if time > SECONDS { 1 } else { 10 };
        Ok(((SECONDS / time) as usize).clamp(least, ROWS_MAX / self.rows))
    }

    /// Times calls, each with an input of its own, made before.
    fn ours(&self, model: &Model, calls: usize) -> Result<Quantity> {
        let inputs = (0..calls).map(|_| self.input()).collect::<Result<Vec<_>>>()?;
        model.predict(self.input()?)?;
        let start = Instant::now();
        for input in inputs {
            std::hint::black_box(model.predict(input)?);
        }
        Ok(Quantity::Seconds(start.elapsed().as_secs_f64() / calls as f64))
    }
}

/// The process that times onnxruntime.
struct Oracle {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Oracle {
    fn start(python: &Path, folder: &Path) -> Result<Self> {
        let mut command = Command::new(python);
        // Beside the program, where Python finds it.
        fs::write(folder.join("networks.py"), NETWORKS_PROGRAM)?;
        command.env("PYTHONPATH", folder).arg("-c").arg(PROGRAM).arg(folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().context("starting onnxruntime's Python")?;
        let asks = child.stdin.take().context("no standard input")?;
        let answers = BufReader::new(child.stdout.take().context("no standard output")?);
        let mut oracle = Self { child, asks, answers };
        let line = oracle.line()?;
        ensure!(line.trim() == "ready", "the models cannot be made: {line}");
        Ok(oracle)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(line)
    }

    fn ask(&mut self, name: &str, rows: usize, calls: usize) -> Result<Quantity> {
        writeln!(self.asks, "{name} {rows} {calls}")?;
        let line = self.line()?;
        let seconds: f64 = line.trim().parse().with_context(|| format!("answered `{line}`"))?;
        Ok(Quantity::Seconds(seconds / calls as f64))
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        // It only reads what is asked; nothing is lost.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
