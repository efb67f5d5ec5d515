//! What running a project adds to the project's own command.

use crate::programs::{Programs, output};
use crate::quantity::Quantity;
use crate::report::{Report, Row};
use crate::rounds::{Subject, check_equal, take_turns, timed};
use anyhow::Result;
use mlctl_tracking::ExperimentId;
use mlctl_tracking::entity::RunStatus;
use mlctl_tracking::search::RunQuery;
use mlctl_tracking::store::TrackingStore;
use mlctl_tracking::store::file::FileStore;
use std::fs;
use std::path::Path;
use std::process::Command;

const PROJECT: &str = "name: nothing\nentry_points:\n  main:\n    command: \"true\"\n";

/// Measures both on a project whose command is `true`.
pub(crate) fn measure(programs: &Programs, rounds: usize, rounds_slow: usize) -> Result<Report> {
    let folder = tempfile::tempdir()?;
    let here = folder.path();
    fs::create_dir(here.join("project"))?;
    fs::write(here.join("project/MLproject"), PROJECT)?;
    let (ours, theirs) = (here.join("mlctl"), here.join("mlflow"));

    let mlctl = Subject::new(rounds, || {
        let mut command = programs.mlctl(here)?;
        command.args(["run", "project", "--env-manager", "local", "--store"]).arg(&ours);
        Ok(timed(|| output(command))?.0)
    });
    let mlflow = Subject::maybe(programs.mlflow().is_some(), rounds_slow, || {
        let mut command = programs.mlflow_or_fail()?.command(here);
        command.args(["run", "project", "--env-manager", "local"]);
        command.env("MLFLOW_TRACKING_URI", &theirs);
        Ok(timed(|| output(command))?.0)
    });
    let child = Subject::new(rounds, || {
        let mut command = Command::new("bash");
        command.args(["-c", "true"]);
        Ok(timed(|| output(command))?.0)
    });
    let mut subjects = [mlctl, mlflow, child];
    take_turns(&mut subjects)?;

    check_finished(&ours, rounds)?;
    if programs.mlflow().is_some() {
        check_finished(&theirs, rounds_slow)?;
    }
    let [mlctl, mlflow, child] = &subjects;
    let child = child.measured()?;
    let beyond = |whole: Quantity| whole.map(|time| time - child.number());
    let mut report = Report::default();
    report.row(Row {
        what: "`run` beyond the child's own time",
        mlctl: beyond(mlctl.measured()?),
        mlflow: mlflow.median().map(beyond),
        ceiling: None,
        goal: Some(Quantity::millis(50.0)),
    });
    report.note(format!(
        "The child's own time, `bash -c true`: {child}. Medians of {rounds} rounds, \
         {rounds_slow} of MLflow; both log to a folder, and each run was found there as FINISHED."
    ));
    Ok(report)
}

/// Checks that a store has so many runs and that each succeeded.
fn check_finished(root: &Path, count: usize) -> Result<()> {
    let store = FileStore::open(root)?;
    let page = store.search_runs(&RunQuery::of(vec![ExperimentId::default_experiment()]))?;
    let finished = page.items.iter().filter(|run| run.info.status == RunStatus::Finished).count();
    check_equal("finished runs", &finished, &count)
}
