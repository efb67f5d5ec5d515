//! Points of a metric, logged one by one by one process to the file store.

use crate::programs::{Programs, output};
use crate::quantity::Quantity;
use crate::report::{Report, Row};
use crate::rounds::{Subject, check_equal, take_turns, timed};
use anyhow::{Context, Result};
use mlctl_tracking::Clock;
use mlctl_tracking::TrackingStore;
use mlctl_tracking::entity::RunStatus;
use mlctl_tracking::fluent::{ActiveRun, RunOptions};
use mlctl_tracking::store::file::FileStore;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

/// Points that one round logs.
const POINTS: usize = 100_000;
/// Points that one round of MLflow logs.
const POINTS_SLOW: usize = 5_000;
const MLFLOW_PROGRAM: &str = include_str!("../oracle/log_metric.py");

/// Measures both, and appending the same lines to a file.
pub(crate) fn measure(programs: &Programs, rounds: usize) -> Result<Report> {
    let folder = tempfile::tempdir()?;
    let here = folder.path();
    let store: Arc<dyn TrackingStore> = Arc::new(FileStore::open(here.join("mlctl"))?);

    let mlctl = Subject::new(rounds, || log(&store, &here.join("mlctl/0")));
    let mlflow =
        Subject::maybe(programs.mlflow().is_some(), rounds, || log_by_mlflow(programs, here));
    let bare = Subject::new(rounds, || append(&here.join("bare")));
    let mut subjects = [mlctl, mlflow, bare];
    take_turns(&mut subjects)?;

    let [mlctl, mlflow, bare] = &subjects;
    let mut report = Report::default();
    report.row(Row {
        what: "`log_metric`, points",
        mlctl: mlctl.measured()?,
        mlflow: mlflow.median(),
        ceiling: bare.median(),
        goal: Some(Quantity::PerSecond(80_000.0)),
    });
    report.note(format!(
        "The ceiling opens the file, appends the line and closes it, for each point. Medians of \
         {rounds} rounds of {POINTS} points, {POINTS_SLOW} of MLflow; every line was found in \
         its file afterwards."
    ));
    Ok(report)
}

fn value(step: usize) -> f64 {
    1.0 / (1.0 + step as f64)
}

fn per_second(points: usize, time: Quantity) -> Quantity {
    Quantity::PerSecond(points as f64 / time.number())
}

fn log(store: &Arc<dyn TrackingStore>, experiment: &Path) -> Result<Quantity> {
    let run = ActiveRun::start(store.clone(), RunOptions::named("points"))?;
    let (time, ()) = timed(|| {
        for step in 0..POINTS {
            run.log_metric("loss", value(step), step as i64)?;
        }
        Ok(())
    })?;
    check_lines(&experiment.join(run.id().as_str()).join("metrics/loss"), POINTS)?;
    run.end(RunStatus::Finished)?;
    Ok(per_second(POINTS, time))
}

fn log_by_mlflow(programs: &Programs, here: &Path) -> Result<Quantity> {
    let mut command = programs.mlflow_or_fail()?.python(here, MLFLOW_PROGRAM);
    command.arg("mlflow").arg(POINTS_SLOW.to_string());
    let text = output(command)?;
    let mut lines = text.lines();
    let seconds: f64 = lines.next().context("no time")?.parse()?;
    check_lines(Path::new(lines.next().context("no file")?), POINTS_SLOW)?;
    Ok(per_second(POINTS_SLOW, Quantity::Seconds(seconds)))
}

fn append(path: &Path) -> Result<Quantity> {
    let now = Clock::system().now();
    let lines: Vec<String> =
        (0..POINTS).map(|step| format!("{now} {:?} {step}\n", value(step))).collect();
    let (time, ()) = timed(|| {
        for line in &lines {
            let mut file = OpenOptions::new().append(true).create(true).open(path)?;
            file.write_all(line.as_bytes())?;
        }
        Ok(())
    })?;
    check_lines(path, POINTS)?;
    fs::remove_file(path)?;
    Ok(per_second(POINTS, time))
}

/// Checks that a metric's file holds every point, in order.
fn check_lines(path: &Path, points: usize) -> Result<()> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    check_equal("lines", &text.lines().count(), &points)?;
    for (step, line) in text.lines().enumerate() {
        let want = format!(" {:?} {step}", value(step));
        let got: f64 = line.split(' ').nth(1).context("no value")?.parse()?;
        check_equal(&want, &got, &value(step))?;
        check_equal("step", &line.rsplit(' ').next(), &Some(step.to_string().as_str()))?;
    }
    Ok(())
}
