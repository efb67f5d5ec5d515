//! What the work cannot do without: a server that does nothing, and SQLite alone.

use super::cases::Writes;
use super::seed::{MODEL_WRITTEN, WRITTEN};
use crate::quantity::Quantity;
use anyhow::{Context, Result};
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::header;
use axum::routing::get;
use rusqlite::{Connection, params};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, thread};

/// Bytes of a large artifact.
pub(crate) const LARGE_BYTES: usize = 100_000_000;

/// Serves `{}` for whatever it is asked once it has read all of it, and many bytes at `/large`, until it is killed.
pub(crate) fn serve(port: u16) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(thread::available_parallelism().map_or(2, usize::from))
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
        let nothing = async |_: Bytes| ([(header::CONTENT_TYPE, "application/json")], "{}");
        let large = async || vec![0; LARGE_BYTES];
        let app = axum::Router::new().route("/large", get(large)).fallback(nothing);
        let app = app.layer(DefaultBodyLimit::disable());
        writeln!(io::stderr(), "listening on {port}")?;
        Ok(axum::serve(listener, app).await?)
    })
}

/// Prepares this program as a server that does nothing.
pub(crate) fn command(port: u16) -> Result<Command> {
    let mut command = Command::new(env::current_exe().context("cannot tell what program this is")?);
    command.args(["null-server", "--port", &port.to_string()]);
    Ok(command)
}

/// Measures writing a file, in megabytes a second.
pub(crate) fn write_file(path: &Path, bytes: &[u8], is_synced: bool) -> Result<Quantity> {
    let start = Instant::now();
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    if is_synced {
        file.sync_all()?;
    }
    Ok(Quantity::PerSecond(bytes.len() as f64 / 1e6 / start.elapsed().as_secs_f64()))
}

/// How durable a bare transaction is, and how many points it holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bare {
    pub(crate) synchronous: &'static str,
    pub(crate) points: usize,
}

/// Measures transactions that log points of a metric and its latest value, each to the next of
/// some runs, by SQLite alone.
pub(crate) fn bare(path: &Path, runs: &[String], bare: Bare, time: Duration) -> Result<Quantity> {
    let conn = Connection::open(path)?;
    conn.pragma_update(None, "synchronous", bare.synchronous)?;
    conn.execute_batch("PRAGMA foreign_keys = ON")?;
    let mut insert = conn.prepare(
        "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan)
         VALUES ('bare', 0.5, ?2, ?1, ?2, 0)",
    )?;
    let mut latest = conn.prepare(
        "INSERT INTO latest_metrics (key, value, timestamp, run_uuid, step, is_nan)
         VALUES ('bare', 0.5, ?2, ?1, ?2, 0)
         ON CONFLICT (key, run_uuid) DO UPDATE SET step = excluded.step",
    )?;
    let (mut begin, mut commit) = (conn.prepare("BEGIN IMMEDIATE")?, conn.prepare("COMMIT")?);
    let sql = "SELECT coalesce(max(step), 0) FROM metrics WHERE key = 'bare'";
    let mut step: i64 = conn.query_row(sql, [], |row| row.get(0))?;
    let start = Instant::now();
    let mut transactions = 0;
    for run in runs.iter().cycle() {
        if start.elapsed() >= time {
            break;
        }
        begin.execute([])?;
        for _ in 0..bare.points {
            step += 1;
            insert.execute(params![run, step])?;
        }
        latest.execute(params![run, step])?;
        commit.execute([])?;
        transactions += 1;
    }
    Ok(Quantity::PerSecond(f64::from(transactions) / start.elapsed().as_secs_f64()))
}

/// Counts the rows that requests were to make: the points of a metric, the runs named `made`, or
/// the versions of the model that is written to.
pub(crate) fn rows(path: &Path, writes: Writes) -> Result<f64> {
    let conn = Connection::open(path)?;
    let count =
        |sql: &str, of: &dyn rusqlite::ToSql| conn.query_row(sql, [of], |row| row.get::<_, i64>(0));
    let count = match writes {
        Writes::Nothing => 0,
        Writes::Points(key, _) => count("SELECT count(*) FROM metrics WHERE key = ?1", &key)?,
        Writes::Run => {
            let sql = "SELECT count(*) FROM runs WHERE experiment_id = ?1 AND name = 'made'";
            count(sql, &WRITTEN)?
        }
        Writes::Version => {
            count("SELECT count(*) FROM model_versions WHERE name = ?1", &MODEL_WRITTEN)?
        }
    };
    Ok(count as f64)
}
