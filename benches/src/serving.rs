//! Models behind `/invocations`, under load: mlctl, `mlflow models serve`, and a server that does
//! nothing with the same bodies.

use crate::processes::{Server, free_port};
use crate::programs::{Programs, output, zoo};
use crate::quantity::Quantity;
use crate::report::{Report, Row};
use crate::server::wrk::{self, Loaded};
use crate::server::{ceiling, http};
use anyhow::{Context, Result, anyhow, ensure};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

const PROGRAM: &str = include_str!("../oracle/serving.py");
const JSON: &str = "application/json";
const ARROW: &str = "application/vnd.apache.arrow.stream";

/// A load, and how many requests or rows a second it is to reach.
struct Case {
    what: &'static str,
    model: &'static str,
    connections: usize,
    body: &'static str,
    content_type: &'static str,
    /// Rows of a request that count; 0 counts requests.
    rows: usize,
    goal: f64,
}

const CASES: [Case; 8] = [
    one("logistic regression, 1 row, 1 connection", "logistic", 1, 10_000.0),
    one("logistic regression, 1 row, 16 connections", "logistic", 16, 50_000.0),
    one("boosting of 100 trees, 1 row, 1 connection", "boosting", 1, 9_000.0),
    one("boosting of 100 trees, 1 row, 16 connections", "boosting", 16, 40_000.0),
    many("logistic regression, rows of 1,000 × 20, JSON", "logistic", "1000.json", JSON, 2e6),
    many("boosting, rows of 1,000 × 20, JSON", "boosting", "1000.json", JSON, 2e6),
    many("logistic regression, rows of 1,000 × 20, Arrow", "logistic", "1000.arrow", ARROW, 8e6),
    many("boosting, rows of 1,000 × 20, Arrow", "boosting", "1000.arrow", ARROW, 8e6),
];

const fn one(what: &'static str, model: &'static str, connections: usize, goal: f64) -> Case {
    Case { what, model, connections, body: "1.json", content_type: JSON, rows: 0, goal }
}

const fn many(
    what: &'static str,
    model: &'static str,
    body: &'static str,
    content_type: &'static str,
    goal: f64,
) -> Case {
    Case { what, model, connections: 4, body, content_type, rows: 1000, goal }
}

/// Measures all cases for `seconds` each.
pub(crate) fn measure(programs: &Programs, seconds: f64) -> Result<Report> {
    wrk::check()?;
    let folder = tempfile::tempdir()?;
    let here = folder.path();
    let python = make(programs, here)?;
    let mut report = Report::default();
    for model in ["logistic", "boosting"] {
        let ours = |port: u16| {
            let mut command = programs.mlctl(here)?;
            command.args(["models", "serve", model, "--port", &port.to_string()]);
            Ok(command)
        };
        // The first start reads the program from the disk.
        drop(Served::start(here, ours)?);
        let ours = Served::start(here, ours)?;
        let theirs = Served::start(here, |port| {
            let mut command = mlflow_models(&python, here)?;
            command.args(["serve", "--env-manager", "local"]);
            command.args(["-m", model, "--port", &port.to_string()]);
            Ok(command)
        })?;
        let null = Served::start(here, ceiling::command)?;
        if model == "logistic" {
            report.row(ready(&ours, &theirs));
            let goal = Some(Quantity::megabytes(40.0));
            report.row(Row { goal, ..resident("resident memory, ready", &ours, &theirs)? });
        }
        for case in CASES.iter().filter(|case| case.model == model) {
            report.row(case.row(here, seconds, [&ours, &theirs, &null])?);
        }
        if model == "boosting" {
            report.row(resident("resident memory, after the load", &ours, &theirs)?);
        }
    }
    report.row(swapped(programs, here, seconds)?);
    report.note(
        "The alias moves three times a second and is looked at twenty times; the goal is twice the \
         p99 before.",
    );
    report.note(
        "In the column of the ceiling: an axum server that reads the same bodies and answers `{}`. \
         MLflow with its defaults does not take Arrow.",
    );
    Ok(report)
}

/// Makes the folders `logistic` and `boosting`, and returns the Python that has made them.
pub(crate) fn make(programs: &Programs, here: &Path) -> Result<PathBuf> {
    let python = zoo(programs)?;
    let mut make = Command::new(&python);
    make.arg("-c").arg(PROGRAM).arg(here);
    ensure!(output(make)?.contains("ready"), "the models cannot be made");
    Ok(python)
}

/// Prepares `mlflow models` in a folder.
pub(crate) fn mlflow_models(python: &Path, here: &Path) -> Result<Command> {
    let mut command = Command::new(python);
    command.current_dir(here).env("MLFLOW_DISABLE_TELEMETRY", "true");
    // MLflow starts uvicorn by its name.
    let programs = python.parent().map(Path::to_owned).into_iter();
    let path = env::var_os("PATH").unwrap_or_default();
    command.env("PATH", env::join_paths(programs.chain(env::split_paths(&path)))?);
    command.args(["-m", "mlflow", "models"]);
    Ok(command)
}

/// Measures the slowest answers while the alias of a model moves from one version to the other.
fn swapped(programs: &Programs, here: &Path, seconds: f64) -> Result<Row> {
    const PAUSE: Duration = Duration::from_millis(300);
    let registry = |arguments: &[&str]| {
        let mut command = programs.mlctl(here)?;
        command.arg("registry").args(arguments);
        output(command)
    };
    for _ in 0..2 {
        registry(&["register", "logistic", "net"])?;
    }
    registry(&["alias", "set", "net", "champion", "1"])?;
    let served = Served::start(here, |port| {
        let mut command = programs.mlctl(here)?;
        command.args(["models", "serve", "models:/net@champion", "--follow-every", "0.05"]);
        command.args(["--port", &port.to_string()]);
        Ok(command)
    })?;
    let case = one("", "net", 16, 0.0);
    let before = served.load(here, &case, seconds)?;
    let is_over = AtomicBool::new(false);
    let during = thread::scope(|scope| {
        let moving = scope.spawn(|| {
            for version in ["2", "1"].into_iter().cycle() {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                registry(&["alias", "set", "net", "champion", version])?;
                thread::sleep(PAUSE);
            }
            anyhow::Ok(())
        });
        let during = served.load(here, &case, seconds);
        is_over.store(true, Ordering::Relaxed);
        moving.join().map_err(|_| anyhow!("the alias does not move"))??;
        during
    })?;
    Ok(Row {
        what: "p99, 16 connections, while an alias is swapped",
        mlctl: Quantity::Seconds(during.p99_seconds),
        mlflow: None,
        ceiling: None,
        goal: Some(Quantity::Seconds(2.0 * before.p99_seconds)),
    })
}

/// A server that answers.
struct Served {
    server: Server,
    port: u16,
    ready: Duration,
}

impl Served {
    fn start(here: &Path, command: impl FnOnce(u16) -> Result<Command>) -> Result<Self> {
        let port = free_port()?;
        let mut server = Server::start(command(port)?, port, here.join(format!("{port}.log")))?;
        let ready = server.first_answer()?;
        Ok(Self { server, port, ready })
    }

    fn load(&self, here: &Path, case: &Case, seconds: f64) -> Result<Loaded> {
        let script = here.join("load.lua");
        let body = here.join(case.body);
        let text = format!(
            "local file = io.open({body:?}, \"rb\")\n\
             wrk.method = \"POST\"\n\
             wrk.body = file:read(\"*a\")\n\
             wrk.headers[\"Content-Type\"] = {:?}\n{}",
            case.content_type,
            wrk::REPORT,
        );
        fs::write(&script, text)?;
        let url = format!("http://127.0.0.1:{}/invocations", self.port);
        let running = wrk::run(&script, &url, case.connections, seconds)?;
        running.finish()?.with_context(|| format!("{}: no request was answered", case.what))
    }
}

impl Case {
    fn row(&self, here: &Path, seconds: f64, [ours, theirs, null]: [&Served; 3]) -> Result<Row> {
        if self.content_type == JSON {
            self.compare(here, ours, theirs)?;
        }
        let measured = |served: &Served, seconds| {
            let loaded = served.load(here, self, seconds)?;
            let count = loaded.requests * self.rows.max(1) as f64;
            Ok::<_, anyhow::Error>(Quantity::PerSecond(count / loaded.seconds))
        };
        Ok(Row {
            what: self.what,
            mlctl: measured(ours, seconds)?,
            mlflow: (self.content_type == JSON).then(|| measured(theirs, seconds)).transpose()?,
            ceiling: Some(measured(null, seconds.min(3.0))?),
            goal: Some(Quantity::PerSecond(self.goal)),
        })
    }

    /// Both answer alike.
    fn compare(&self, here: &Path, ours: &Served, theirs: &Served) -> Result<()> {
        let body = fs::read_to_string(here.join(self.body))?;
        let [a, b] = [ours, theirs].map(|one| http::ask(one.port, "POST", "/invocations", &body));
        let (a, b) = (a?, b?);
        ensure!(a["predictions"] == b["predictions"], "{}: {a:.200} and {b:.200}", self.what);
        Ok(())
    }
}

fn ready(ours: &Served, theirs: &Served) -> Row {
    Row {
        what: "ready to answer, logistic regression",
        mlctl: ours.ready.into(),
        mlflow: Some(theirs.ready.into()),
        ceiling: None,
        goal: Some(Quantity::millis(50.0)),
    }
}

fn resident(what: &'static str, ours: &Served, theirs: &Served) -> Result<Row> {
    let memory = |served: &Served| Ok::<_, anyhow::Error>(served.server.memory()?.resident);
    Ok(Row {
        what,
        mlctl: Quantity::Bytes(memory(ours)?),
        mlflow: Some(Quantity::Bytes(memory(theirs)?)),
        ceiling: None,
        goal: None,
    })
}
