//! A whole process that prints its version.

use crate::programs::{Programs, output};
use crate::quantity::Quantity;
use crate::report::{Report, Row};
use crate::rounds::{Subject, take_turns, timed};
use anyhow::{Result, ensure};
use std::path::Path;
use std::process::Command;

/// Measures `--version` of both against a program that does nothing.
pub(crate) fn measure(programs: &Programs, rounds: usize, rounds_slow: usize) -> Result<Report> {
    let anywhere = Path::new("/");
    let mlctl = Subject::new(rounds, || {
        let mut command = programs.mlctl(anywhere)?;
        command.arg("--version");
        version(command, "mlctl ")
    });
    let mlflow = Subject::maybe(programs.mlflow().is_some(), rounds_slow, || {
        let mut command = programs.mlflow_or_fail()?.command(anywhere);
        command.arg("--version");
        version(command, "version ")
    });
    let nothing = Subject::new(rounds, || version(Command::new("/bin/true"), ""));
    let mut subjects = [mlctl, mlflow, nothing];
    take_turns(&mut subjects)?;

    let [mlctl, mlflow, nothing] = &subjects;
    let mut report = Report::default();
    report.row(Row {
        what: "`--version`, whole process",
        mlctl: mlctl.measured()?,
        mlflow: mlflow.median(),
        ceiling: nothing.median(),
        goal: Some(Quantity::millis(10.0)),
    });
    report.note(format!("The ceiling is `/bin/true`. Medians of {rounds} rounds."));
    Ok(report)
}

fn version(command: Command, want: &str) -> Result<Quantity> {
    let (time, text) = timed(|| output(command))?;
    ensure!(text.contains(want), "`--version` printed {text:?}");
    Ok(time)
}
