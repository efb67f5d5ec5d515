//! A server on a database, under load: mlctl, MLflow with its defaults and with one worker, and
//! what a server that does nothing, or SQLite alone, comes to.

mod cases;
pub(crate) mod ceiling;
mod extra;
pub(crate) mod http;
mod seed;
mod subject;
mod table;
pub(crate) mod wrk;

use crate::programs::Programs;
use crate::quantity::Quantity;
use anyhow::{Context, Result, ensure};
use cases::{Case, Writes, search, search_body};
use seed::Seeded;
use std::path::Path;
use std::time::Duration;
use subject::{Cost, Kind, Subject, can_trade_durability};
use table::{Line, Table};

/// What to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parts {
    All,
    /// Registered models only.
    Registry,
}

/// How much to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(crate) parts: Parts,
    /// How long each load lasts.
    pub(crate) seconds: f64,
    /// Whether MLflow is measured too.
    pub(crate) with_mlflow: bool,
    /// How many runs the searches look through.
    pub(crate) runs: usize,
    /// How many runs the large searches look through; none when 0.
    pub(crate) runs_many: usize,
}

/// Servers that are measured side by side.
struct Bench<'a> {
    programs: &'a Programs,
    options: Options,
    here: &'a Path,
    seeded: Seeded,
    mlctl: Subject,
    mlctl_normal: Option<Subject>,
    mlflow: Option<Subject>,
    mlflow_one: Option<Subject>,
    null: Subject,
    /// Loads so far, so that each has steps of its own.
    loads: usize,
}

/// Measures all, and prints one table.
pub(crate) fn measure(programs: &Programs, options: Options) -> Result<String> {
    wrk::check()?;
    let folder = tempfile::tempdir()?;
    let here = folder.path();
    let mut bench = Bench::start(programs, options, here)?;
    let mut table = Table::default();
    if options.parts == Parts::Registry {
        bench.registry(&mut table)?;
        return Ok(table.to_string());
    }
    bench.small(&mut table)?;
    bench.searches(&mut table)?;
    bench.registry(&mut table)?;
    bench.others(&mut table)?;
    if options.runs_many > 0 {
        bench.many_runs(&mut table)?;
    }
    Ok(table.to_string())
}

impl<'a> Bench<'a> {
    fn start(programs: &'a Programs, options: Options, here: &'a Path) -> Result<Self> {
        let file = here.join("seed.db");
        let seeded = seed::fill(&file, options.runs)?;
        let start = |kind| Subject::start(kind, programs, &file, here);
        let maybe = |wanted: bool, kind| wanted.then(|| start(kind)).transpose();
        let with_mlflow = options.with_mlflow && programs.mlflow().is_some();
        Ok(Self {
            programs,
            options,
            here,
            mlctl: start(Kind::Mlctl)?,
            mlctl_normal: maybe(can_trade_durability(programs, here)?, Kind::MlctlNormal)?,
            // One after the other: starting takes them both processors for seconds.
            mlflow: maybe(with_mlflow, Kind::Mlflow)?,
            mlflow_one: maybe(with_mlflow, Kind::MlflowOne)?,
            null: start(Kind::Null)?,
            seeded,
            loads: 0,
        })
    }

    /// Ready, idle, and requests for single things.
    fn small(&mut self, table: &mut Table) -> Result<()> {
        table.line(self.ready());
        table.line(self.memory("resident memory, idle", 20.0)?);
        let mut cases = cases::reading(&self.seeded);
        cases.extend(cases::writing(&self.seeded));
        if self.mlctl.ask("GET", &cases::chart(&self.seeded).load.request.path, "").is_ok() {
            cases.push(cases::chart(&self.seeded));
        } else {
            table.note("This mlctl does not answer get-history-bulk-interval yet.");
        }
        for case in cases {
            table.line(self.line(&case)?);
        }
        let log = |what, connections, goal, key, bench: &Self| {
            cases::log_metric(what, connections, goal, "NORMAL", key, &bench.seeded)
        };
        if self.mlctl_normal.is_some() {
            let one = log("log-metric, 1 connection, normal", 1, 8_000.0, "n1", self);
            let many = log("log-metric, 64 connections, normal", 64, 30_000.0, "n64", self);
            for case in [one, many] {
                table.line(self.normal_line(&case)?);
            }
        }
        Ok(())
    }

    fn searches(&mut self, table: &mut Table) -> Result<()> {
        let goal = Quantity::millis(4.0);
        let first = |filter, ordered| search_body(filter, ordered, None);
        let cases = [
            search(
                "search, metric and param filter, by metric",
                first(cases::FILTERED, true),
                goal,
            ),
            search("search, by metric, no filter", first("", true), goal),
            search("search, tag LIKE", first(cases::TAGGED, false), goal),
        ];
        for case in &cases {
            table.line(self.line(case)?);
        }
        let pages = self.options.runs / 200;
        let token = extra::token_after(&self.mlctl, pages)?;
        let deep = |token: &str| search_body("", true, Some(token));
        let mut line = self.line_with(
            &search("search, by metric, a page in the middle", deep(&token), goal),
            Some(deep(&extra::mlflow_token(pages * 100))),
        )?;
        line.goal = Some(goal);
        table.line(line);
        Ok(())
    }

    fn registry(&mut self, table: &mut Table) -> Result<()> {
        for case in cases::registry() {
            table.line(self.line(&case)?);
        }
        Ok(())
    }

    fn others(&mut self, table: &mut Table) -> Result<()> {
        self.together(table)?;
        if self.options.with_mlflow && self.programs.mlflow().is_some() {
            table.line(self.python_loop()?);
        }
        self.artifacts(table)?;
        table.line(self.memory("resident memory, after all of this", 60.0)?);
        table.note(format!(
            "{} runs × 10 metrics × 10 params × 5 tags. Each load lasted {} s on one thread of wrk, \
             after one checked answer; a failed request would have ended the benchmark, and what \
             was written was counted in the database afterwards. `normal` apart, every write has \
             reached the disk before it is answered (`synchronous=FULL`, MLflow's default too).",
            self.options.runs, self.options.seconds,
        ));
        table.note(
            "The ceiling is a server on axum that answers `{}`; for writes on one connection it is \
             SQLite alone, in this program, with as many points in a transaction.",
        );
        Ok(())
    }

    /// Measures a case on all servers.
    fn line(&mut self, case: &Case) -> Result<Line> {
        self.line_with(case, None)
    }

    /// Measures a case on all servers; MLflow's page tokens are others.
    fn line_with(&mut self, case: &Case, body_of_mlflow: Option<String>) -> Result<Line> {
        self.loads += 10;
        let (seconds, number) = (self.options.seconds, self.loads);
        let mut theirs = case.clone();
        if let Some(body) = body_of_mlflow {
            theirs.load.request.body = body;
        }
        let ours = measured(&self.mlctl, case, seconds, number)?;
        let of = |subject: &Option<Subject>, number| match subject {
            Some(subject) => measured(subject, &theirs, seconds, number).map(Some),
            None => Ok(None),
        };
        let (default, one) = (of(&self.mlflow, number + 1)?, of(&self.mlflow_one, number + 2)?);
        let ceiling = self.ceiling(case, number + 3)?;
        Ok(Line::of(case, ours, default, one, Some(ceiling)))
    }

    fn normal_line(&mut self, case: &Case) -> Result<Line> {
        self.loads += 10;
        let subject = self.mlctl_normal.as_ref().context("no mlctl to trade durability")?;
        let ours = measured(subject, case, self.options.seconds, self.loads)?;
        let ceiling = self.ceiling(case, self.loads + 1)?;
        Ok(Line::of(case, ours, None, None, Some(ceiling)))
    }

    fn ceiling(&self, case: &Case, number: usize) -> Result<Quantity> {
        if let Some(bare) = case.bare {
            let path = self.here.join("seed.db");
            let time = Duration::from_secs_f64(self.options.seconds);
            return ceiling::bare(&path, &self.seeded.written, bare, time);
        }
        let cost = self.null.load(&case.load, self.options.seconds.min(3.0), number)?;
        Ok(table::quantity(case, &cost))
    }
}

/// Checks one answer, loads a server, and checks what it wrote.
fn measured(subject: &Subject, case: &Case, seconds: f64, number: usize) -> Result<Cost> {
    let request = &case.load.request;
    let body = request.sample(number * 1_000_000_000);
    let answer = subject.ask(request.method, &request.path, &body);
    let answer = answer.with_context(|| case.what)?.to_string();
    ensure!(answer.contains(case.expects), "{}: {answer:.300}", case.what);
    let rows = |subject: &Subject| ceiling::rows(&subject.database, case.writes);
    let before = rows(subject)?;
    let cost = subject.load(&case.load, seconds, number).with_context(|| case.what)?;
    let each = match case.writes {
        Writes::Nothing => 0.0,
        Writes::Points(_, each) => each,
        Writes::Run | Writes::Version => 1.0,
    };
    // Requests under way at the end are done and not counted.
    let (least, added) = (cost.load.requests * each, rows(subject)? - before);
    let most = least + each * case.load.connections as f64;
    ensure!((least..=most).contains(&added), "{}: {added} rows for {least}", case.what);
    Ok(cost)
}
