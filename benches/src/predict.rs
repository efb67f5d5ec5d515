//! A large file, scored by a command.

use crate::programs::{Programs, output};
use crate::quantity::Quantity;
use crate::report::{Report, Row};
use crate::rounds::{Subject, take_turns};
use crate::serving::{make, mlflow_models};
use anyhow::{Result, ensure};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

const ROWS: usize = 1_000_000;
const WIDTH: usize = 20;
/// Of MLflow's rows a second that are aimed at.
const TIMES: f64 = 20.0;

/// Measures `models predict`, taking turns.
pub(crate) fn measure(programs: &Programs, rounds: usize, rounds_slow: usize) -> Result<Report> {
    let folder = tempfile::tempdir()?;
    let here = folder.path();
    let python = make(programs, here)?;
    write_rows(&here.join("rows.csv"))?;
    let mut subjects = [
        Subject::new(rounds, || {
            let mut command = programs.mlctl(here)?;
            command.args(["models", "predict", "logistic", "-i", "rows.csv", "-o", "ours.json"]);
            timed(command)
        }),
        Subject::new(rounds_slow, || {
            let mut command = mlflow_models(&python, here)?;
            command.args(["predict", "--env-manager", "local", "-m", "logistic", "-t", "csv"]);
            command.args(["-i", "rows.csv", "-o", "theirs.json"]);
            timed(command)
        }),
    ];
    take_turns(&mut subjects)?;
    let theirs = subjects[1].measured()?;
    let mlctl = subjects[0].measured()?;
    let read = |name: &str| {
        let text = fs::read_to_string(here.join(name))?;
        anyhow::Ok(serde_json::from_str::<serde_json::Value>(&text)?)
    };
    ensure!(read("ours.json")? == read("theirs.json")?, "the predictions differ");
    let mut report = Report::default();
    report.row(Row {
        what: "1,000,000 rows of 20 columns of CSV, logistic regression",
        mlctl,
        mlflow: Some(theirs),
        ceiling: None,
        goal: Some(theirs.map(|rows| rows * TIMES)),
    });
    report.note("Rows a second of the whole command.");
    Ok(report)
}

fn write_rows(path: &Path) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let names: Vec<String> = (0..WIDTH).map(|at| format!("x{at}")).collect();
    writeln!(file, "{}", names.join(","))?;
    for row in 0..ROWS {
        for column in 0..WIDTH {
            let number = ((row * WIDTH + column) * 7919 % 4_000_037) as f64 / 1e6 - 2.0;
            write!(file, "{number:.6}{}", if column + 1 < WIDTH { "," } else { "\n" })?;
        }
    }
    Ok(file.flush()?)
}

fn timed(command: Command) -> Result<Quantity> {
    let start = Instant::now();
    output(command)?;
    Ok(Quantity::PerSecond(ROWS as f64 / start.elapsed().as_secs_f64()))
}
