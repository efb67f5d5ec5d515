//! Side-by-side benchmarks of mlctl and MLflow, one command each.
//!
//! Every benchmark measures mlctl, MLflow and, where there is one, a ceiling (the bare system
//! calls that the work cannot do without) in the same run, in rounds that take turns, because
//! other work on the machine hits all three alike: the ratios hold where the times do not.
//! Answers are checked before they count, and a failure ends the benchmark.

mod log_metric;
mod machine;
mod mlruns;
mod predict;
mod processes;
mod programs;
mod quantity;
mod report;
mod rounds;
mod run_overhead;
mod scoring;
mod search;
mod server;
mod server_idle;
mod serving;
mod startup;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use programs::Programs;
use report::Report;
use std::io::{self, Write};
use std::process::ExitCode;

/// Measures mlctl against MLflow and prints tables.
#[derive(Debug, Parser)]
struct Options {
    /// What to measure
    #[arg(value_enum)]
    what: What,
    /// Multiply the number of rounds; 0.2 is a quick look
    #[arg(long, default_value_t = 1.0, value_name = "FACTOR")]
    rounds: f64,
    /// How many runs `search` looks through
    #[arg(long, default_value_t = 10_000, value_name = "COUNT")]
    runs: usize,
    /// Let `search` also drop the system's file caches; needs root and slows the machine down
    #[arg(long)]
    drop_caches: bool,
    /// Leave MLflow's server out of `server`, which takes most of its time
    #[arg(long)]
    no_mlflow: bool,
    /// How many runs `server` looks through at most; 0 leaves that part out
    #[arg(long, default_value_t = 100_000, value_name = "COUNT")]
    runs_many: usize,
    /// Where the hidden server listens
    #[arg(long, default_value_t = 0, hide = true)]
    port: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// A whole process that prints its version
    Startup,
    /// What running a project adds to the project's own command
    RunOverhead,
    /// Points of a metric, logged one by one by one process
    LogMetric,
    /// Runs found by a metric and a param
    Search,
    /// Models, scored in one process
    Scoring,
    /// A large file, scored by a command
    Predict,
    /// Models behind a scoring server, under load
    Serving,
    /// A server that nobody asks
    ServerIdle,
    /// A server on a database, under load
    Server,
    /// The part of `server` that is about registered models
    #[value(hide = true)]
    Registry,
    /// A server that does nothing, for the others to be compared with
    #[value(hide = true)]
    NullServer,
    /// Each of them
    All,
}

fn main() -> ExitCode {
    match measure(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do when even standard error is closed.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options) -> Result<()> {
    if options.what == What::NullServer {
        return server::ceiling::serve(options.port);
    }
    let programs = Programs::find()?;
    show(&machine::description(&programs))?;
    let kinds = What::value_variants().iter();
    for what in kinds.filter(|what| !matches!(what, What::All | What::NullServer)) {
        let is_of_all = options.what == What::All && *what != What::Registry;
        if is_of_all || options.what == *what {
            let name = what.to_possible_value().map_or_else(String::new, |v| v.get_name().into());
            let report = one(*what, &programs, options).with_context(|| name.clone())?;
            show(&format!("\n## {name}\n\n{report}"))?;
        }
    }
    Ok(())
}

fn one(what: What, programs: &Programs, options: &Options) -> Result<String> {
    let rounds = |count: f64| (count * options.rounds).ceil().max(1.0) as usize;
    let report = match what {
        What::Server | What::Registry => {
            let parts =
                if what == What::Server { server::Parts::All } else { server::Parts::Registry };
            return server::measure(
                programs,
                server::Options {
                    parts,
                    seconds: 5.0 * options.rounds,
                    with_mlflow: !options.no_mlflow,
                    runs: options.runs,
                    runs_many: options.runs_many,
                },
            );
        }
        What::Startup => startup::measure(programs, rounds(100.0), rounds(5.0)),
        What::RunOverhead => run_overhead::measure(programs, rounds(20.0), rounds(5.0)),
        What::LogMetric => log_metric::measure(programs, rounds(7.0)),
        What::Search => search::measure(
            programs,
            &search::Options {
                runs: options.runs,
                rounds: rounds(10.0),
                rounds_slow: rounds(3.0),
                drop_caches: options.drop_caches,
            },
        ),
        What::Scoring => scoring::measure(programs, rounds(9.0)),
        What::Predict => predict::measure(programs, rounds(9.0), rounds(3.0)),
        What::Serving => serving::measure(programs, 5.0 * options.rounds),
        What::ServerIdle => server_idle::measure(programs, rounds(5.0)),
        What::All | What::NullServer => Ok(Report::default()),
    };
    Ok(report?.to_string())
}

fn show(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}
