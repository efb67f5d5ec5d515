//! What is not one request again and again: starting, memory, pages, large bodies, a Python client.

use super::cases::{self, FILTERED, search_body};
use super::seed;
use super::subject::{Kind, Subject};
use super::table::{Line, Table};
use super::wrk::Load;
use super::{Bench, ceiling, http, measured};
use crate::programs::output;
use crate::quantity::Quantity;
use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::time::Instant;

const PYTHON_LOOP: &str = include_str!("../../oracle/log_loop.py");
/// Points that the Python client logs.
const PYTHON_POINTS: usize = 500;

/// Turns pages until so many are behind, and returns the token of the next.
pub(super) fn token_after(subject: &Subject, pages: usize) -> Result<String> {
    let mut token: Option<String> = None;
    for _ in 0..pages.max(1) {
        let body = search_body("", true, token.as_deref());
        let answer = subject.ask("POST", "/api/2.0/mlflow/runs/search", &body)?;
        let next = answer["next_page_token"].as_str().context("the pages end too early")?;
        token = Some(next.to_owned());
    }
    token.context("no page was turned")
}

/// Makes the token that MLflow would give after so many rows.
pub(super) fn mlflow_token(offset: usize) -> String {
    STANDARD.encode(format!("{{\"offset\": {offset}}}"))
}

/// Makes a run by the server's own rules, and returns where the proxy has a file of it.
fn artifact_path(subject: &Subject) -> Result<String> {
    let api = "/api/2.0/mlflow";
    let made = subject.ask("POST", &format!("{api}/experiments/create"), r#"{"name": "large"}"#)?;
    let body = serde_json::json!({ "experiment_id": made["experiment_id"], "start_time": 1 });
    let run = subject.ask("POST", &format!("{api}/runs/create"), &body.to_string())?;
    let location = run["run"]["info"]["artifact_uri"].as_str().context("a run without a place")?;
    let place = location.strip_prefix("mlflow-artifacts:/").context(location.to_owned())?;
    Ok(format!("/api/2.0/mlflow-artifacts/artifacts/{place}/large.bin"))
}

fn line(what: impl Into<String>, mlctl: Quantity, goal: Option<Quantity>) -> Line {
    Line {
        what: what.into(),
        mlctl,
        cost: None,
        mlflow: None,
        mlflow_one: None,
        ceiling: None,
        goal,
    }
}

impl Bench<'_> {
    pub(super) fn ready(&self) -> Line {
        let of = |subject: &Option<Subject>| subject.as_ref().map(|it| it.ready.into());
        Line {
            mlflow: of(&self.mlflow),
            mlflow_one: of(&self.mlflow_one),
            ceiling: Some(self.null.ready.into()),
            ..line(
                "ready for the first request",
                self.mlctl.ready.into(),
                Some(Quantity::millis(30.0)),
            )
        }
    }

    pub(super) fn memory(&self, what: &str, goal_megabytes: f64) -> Result<Line> {
        let bytes = |subject: &Subject| -> Result<Quantity> {
            Ok(Quantity::Bytes(subject.server.memory()?.resident))
        };
        let of = |subject: &Option<Subject>| subject.as_ref().map(bytes).transpose();
        let goal = Some(Quantity::megabytes(goal_megabytes));
        Ok(Line {
            mlflow: of(&self.mlflow)?,
            mlflow_one: of(&self.mlflow_one)?,
            ceiling: Some(bytes(&self.null)?),
            ..line(what, bytes(&self.mlctl)?, goal)
        })
    }

    /// Searches of a database with many runs, by mlctl alone.
    pub(super) fn many_runs(&mut self, table: &mut Table) -> Result<()> {
        let file = self.here.join("many.db");
        seed::fill(&file, self.options.runs_many)?;
        let folder = self.here.join("many");
        let subject = Subject::start(Kind::Mlctl, self.programs, &file, &folder)?;
        let goal = Quantity::millis(20.0);
        let bodies = [
            ("first search ever", search_body(FILTERED, true, None)),
            ("filter, by metric", search_body(FILTERED, true, None)),
            ("by metric, no filter", search_body("", true, None)),
            ("tag LIKE", search_body(cases::TAGGED, false, None)),
            ("a page in the middle", {
                let token = token_after(&subject, 5);
                search_body("", true, Some(&token?))
            }),
        ];
        for (at, (name, body)) in bodies.into_iter().enumerate() {
            let what = format!("{} runs: {name}", self.options.runs_many);
            let case = cases::search("search among many runs", body, goal);
            if at == 0 {
                let start = Instant::now();
                subject.ask("POST", &case.load.request.path, &case.load.request.body)?;
                table.line(line(what, start.elapsed().into(), None));
                continue;
            }
            let cost = measured(&subject, &case, self.options.seconds, 900 + at)?;
            table.line(Line { what, ..Line::of(&case, cost, None, None, None) });
        }
        let resident = Quantity::Bytes(subject.server.memory()?.resident);
        let what = format!("{} runs: memory after these", self.options.runs_many);
        table.line(line(what, resident, Some(Quantity::megabytes(60.0))));
        Ok(())
    }

    /// Many that write while few search.
    pub(super) fn together(&mut self, table: &mut Table) -> Result<()> {
        let write = cases::log_metric("", 64, 1.0, "FULL", "both", &self.seeded).load;
        let goal = Quantity::millis(50.0);
        let search = cases::search("", search_body(FILTERED, true, None), goal).load;
        let loads = [write, Load { connections: 4, ..search }];
        let seen = self.mlctl.load_together(&loads, self.options.seconds)?;
        let [writes, searches] = seen.as_slice() else { return Ok(()) };
        let rate = Quantity::PerSecond(writes.requests / writes.seconds);
        let p99 = Quantity::Seconds(searches.p99_seconds);
        table.line(line("64 write, 4 search: p99 of the searches", p99, Some(goal)));
        table.line(line("64 write, 4 search: log-metric meanwhile", rate, None));
        Ok(())
    }

    /// MLflow's own client, point by point.
    pub(super) fn python_loop(&self) -> Result<Line> {
        let mlflow = self.programs.mlflow_or_fail()?;
        let run = &self.seeded.written[0];
        let rate = |subject: &Subject, points: usize| -> Result<Quantity> {
            let mut command = mlflow.python(self.here, PYTHON_LOOP);
            command.args([format!("http://127.0.0.1:{}", subject.port), run.clone()]);
            command.arg(points.to_string());
            Ok(Quantity::PerSecond(output(command)?.trim().parse()?))
        };
        // They take turns, because what else the machine does hits both.
        let mut rounds = Vec::new();
        for _ in 0..3 {
            rounds.push((rate(&self.mlctl, PYTHON_POINTS)?, rate(&self.null, PYTHON_POINTS)?));
        }
        rounds.sort_by(|a, b| a.0.number().total_cmp(&b.0.number()));
        let (ours, nothing) = rounds[1];
        let few = |subject: &Option<Subject>| {
            subject.as_ref().map(|subject| rate(subject, PYTHON_POINTS / 5)).transpose()
        };
        Ok(Line {
            mlflow: few(&self.mlflow)?,
            mlflow_one: few(&self.mlflow_one)?,
            ceiling: Some(nothing),
            goal: Some(nothing.map(|rate| rate * 0.9)),
            ..line("Python client, log_metric in a loop", ours, None)
        })
    }

    /// One large artifact, there and back.
    pub(super) fn artifacts(&self, table: &mut Table) -> Result<()> {
        let bytes: Vec<u8> = (0..ceiling::LARGE_BYTES).map(|at| (at * 31 % 251) as u8).collect();
        let rates = |subject: &Subject| transfer(subject, &bytes);
        let of = |subject: &Option<Subject>| subject.as_ref().map(rates).transpose();
        let [put, get] = rates(&self.mlctl)?;
        let (default, one) = (of(&self.mlflow)?, of(&self.mlflow_one)?);
        let theirs = |at: usize, line: Line| Line {
            mlflow: default.map(|rates| rates[at]),
            mlflow_one: one.map(|rates| rates[at]),
            ..line
        };
        let goal = |megabytes| Some(Quantity::PerSecond(megabytes));
        let file = self.here.join("large");
        let synced = Some(best(|| ceiling::write_file(&file, &bytes, true))?);
        let line_of = |what, rate, goal, ceiling| Line { ceiling, ..line(what, rate, goal) };
        let what = "artifact of 100 MB, put, on the disk, MB";
        table.line(theirs(0, line_of(what, put, goal(600.0), synced)));
        if let Some([put, _]) = of(&self.mlctl_normal)? {
            let unsynced = Some(best(|| ceiling::write_file(&file, &bytes, false))?);
            let what = "artifact of 100 MB, put, normal, MB";
            table.line(theirs(0, line_of(what, put, goal(600.0), unsynced)));
        }
        let nothing = || timed(bytes.len(), || http::send(self.null.port, "GET", "/large", &[]));
        let nothing = Some(best(|| nothing().map(|(rate, _)| rate))?);
        let what = "artifact of 100 MB, get, MB";
        table.line(theirs(1, line_of(what, get, goal(1000.0), nothing)));
        Ok(())
    }
}

/// Measures a server's put and get.
fn transfer(subject: &Subject, bytes: &[u8]) -> Result<[Quantity; 2]> {
    let path = artifact_path(subject)?;
    let put = best(|| Ok(timed(bytes.len(), || http::send(subject.port, "PUT", &path, bytes))?.0))?;
    let get = best(|| {
        let (rate, back) = timed(bytes.len(), || http::send(subject.port, "GET", &path, &[]))?;
        ensure!(back == bytes, "the artifact came back changed");
        Ok(rate)
    })?;
    Ok([put, get])
}

/// Tells the megabytes a second of a transfer, and what it returned.
fn timed<T>(bytes: usize, work: impl FnOnce() -> Result<T>) -> Result<(Quantity, T)> {
    let start = Instant::now();
    let done = work()?;
    Ok((Quantity::PerSecond(bytes as f64 / 1e6 / start.elapsed().as_secs_f64()), done))
}

/// Takes the best of a few rounds: the disk is shared with others.
fn best(mut round: impl FnMut() -> Result<Quantity>) -> Result<Quantity> {
    let mut best = Quantity::PerSecond(0.0);
    for _ in 0..4 {
        let now = round()?;
        best = best.map(|rate| rate.max(now.number()));
    }
    Ok(best)
}
