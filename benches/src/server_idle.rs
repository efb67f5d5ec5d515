//! A server that nobody asks: its memory, and how soon it answered.

use crate::processes::{Memory, Server, free_port};
use crate::programs::Programs;
use crate::quantity::Quantity;
use crate::report::{Report, Row};
use crate::rounds::{Subject, take_turns};
use anyhow::{Result, ensure};
use std::cell::RefCell;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

/// How long a server is left alone before its memory is read.
const REST: Duration = Duration::from_secs(3);

/// What was seen of one kind of server, a value a round.
type Seen = RefCell<Vec<Memory>>;

/// Measures both on a folder.
pub(crate) fn measure(programs: &Programs, rounds: usize) -> Result<Report> {
    let folder = tempfile::tempdir()?;
    let here = folder.path();
    let (ours, theirs) = (Seen::default(), Seen::default());

    let mlctl = Subject::new(rounds, || {
        let port = free_port()?;
        let mut command = programs.mlctl(here)?;
        command.args(["server", "--port", &port.to_string(), "--store"]).arg(here.join("mlctl"));
        observe(command, port, here, &ours)
    });
    let mlflow = Subject::maybe(programs.mlflow().is_some(), rounds, || {
        let port = free_port()?;
        let mut command = programs.mlflow_or_fail()?.command(here);
        command.args(["server", "--host", "127.0.0.1", "--port", &port.to_string()]);
        command.arg("--backend-store-uri").arg(here.join("mlflow"));
        observe(command, port, here, &theirs)
    });
    let mut subjects = [mlctl, mlflow];
    take_turns(&mut subjects)?;

    let [mlctl, mlflow] = &subjects;
    let resident = |memory: &Memory| memory.resident;
    let proportional = |memory: &Memory| memory.proportional;
    let mut report = Report::default();
    report.row(Row {
        what: "resident memory, all processes",
        mlctl: median(&ours, resident)?.measured()?,
        mlflow: median(&theirs, resident)?.median(),
        ceiling: None,
        goal: Some(Quantity::megabytes(20.0)),
    });
    report.row(Row {
        what: "the same, shared pages counted once",
        mlctl: median(&ours, proportional)?.measured()?,
        mlflow: median(&theirs, proportional)?.median(),
        ceiling: None,
        goal: None,
    });
    report.row(Row {
        what: "start to first answer",
        mlctl: mlctl.measured()?,
        mlflow: mlflow.median(),
        ceiling: None,
        goal: None,
    });
    report.note(format!(
        "Both serve a folder, with the defaults of the command: {} process(es) of mlctl, {} of \
         MLflow. Each answered two requests and then was left alone for {} s. Medians of {rounds} \
         rounds.",
        processes(&ours),
        processes(&theirs),
        REST.as_secs(),
    ));
    Ok(report)
}

/// Starts a server, waits for its answer, reads its memory, and ends it.
fn observe(command: Command, port: u16, here: &Path, seen: &Seen) -> Result<Quantity> {
    let mut server = Server::start(command, port, here.join("log"))?;
    let time = server.first_answer()?;
    let body = server.get("/api/2.0/mlflow/experiments/get?experiment_id=0")?;
    ensure!(body.contains("Default"), "the server does not show the experiment: {body}");
    thread::sleep(REST);
    seen.borrow_mut().push(server.memory()?);
    Ok(time.into())
}

fn median(seen: &Seen, part: fn(&Memory) -> f64) -> Result<Subject<'_>> {
    let values: Vec<f64> = seen.borrow().iter().map(part).collect();
    let mut values = values.into_iter();
    let count = values.len();
    let mut subjects =
        [Subject::new(count, move || Ok(Quantity::Bytes(values.next().unwrap_or_default())))];
    take_turns(&mut subjects)?;
    let [subject] = subjects;
    Ok(subject)
}

fn processes(seen: &Seen) -> usize {
    seen.borrow().last().map_or(0, |memory| memory.processes)
}
