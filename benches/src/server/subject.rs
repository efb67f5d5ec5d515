//! A server under load, and what it costs.

use super::wrk::{Load, Loaded};
use super::{ceiling, http};
use crate::processes::{Server, free_port};
use crate::programs::Programs;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Which server, and how it is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// mlctl with its defaults.
    Mlctl,
    /// mlctl with `--durability normal`.
    MlctlNormal,
    /// MLflow with its defaults.
    Mlflow,
    /// MLflow with one worker.
    MlflowOne,
    /// A server that does nothing.
    Null,
}

/// How much longer a load lasts when nothing is answered.
const SLOW: f64 = 6.0;

/// A running server on a copy of the database.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) server: Server,
    pub(crate) port: u16,
    pub(crate) database: PathBuf,
    /// From the start of the program to the first answer.
    pub(crate) ready: Duration,
    folder: PathBuf,
}

/// What a load showed of a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) load: Loaded,
    /// Processor time of all processes of the server, in seconds, for each request.
    pub(crate) cpu_seconds: f64,
    /// Resident memory of all processes of the server afterwards, in bytes.
    pub(crate) resident: f64,
}

impl Subject {
    /// Starts a server on a copy of `seed`.
    pub(crate) fn start(kind: Kind, programs: &Programs, seed: &Path, here: &Path) -> Result<Self> {
        let folder = here.join(format!("{kind:?}"));
        // A server that ran before may have left one.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder)?;
        let database = folder.join("mlflow.db");
        if kind != Kind::Null {
            fs::copy(seed, &database)?;
        }
        let port = free_port()?;
        let command = command(kind, programs, &folder, port)?;
        let mut server = Server::start(command, port, folder.join("log"))?;
        let ready = server.first_answer()?;
        Ok(Self { server, port, database, ready, folder })
    }

    /// Has the server work for a while, which is longer where one answer takes longer.
    pub(crate) fn load(&self, load: &Load, seconds: f64, number: usize) -> Result<Cost> {
        let before = self.server.cpu_seconds()?;
        let once = |seconds| load.start(self.port, seconds, number, &self.folder)?.finish();
        let loaded = match once(seconds)? {
            Some(loaded) => loaded,
            None => once(SLOW * seconds)?.context("no request was answered in time")?,
        };
        let cpu_seconds = (self.server.cpu_seconds()? - before) / loaded.requests;
        let resident = self.server.memory()?.resident;
        Ok(Cost { load: loaded, cpu_seconds, resident })
    }

    /// Has the server work on several loads at once.
    pub(crate) fn load_together(&self, loads: &[Load], seconds: f64) -> Result<Vec<Loaded>> {
        let start =
            |(at, load): (usize, &Load)| load.start(self.port, seconds, 50 + at, &self.folder);
        let running = loads.iter().enumerate().map(start).collect::<Result<Vec<_>>>()?;
        let finished = |running: super::wrk::Running| {
            running.finish()?.context("no request was answered in time")
        };
        running.into_iter().map(finished).collect()
    }

    /// Asks once and reads JSON.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> Result<serde_json::Value> {
        http::ask(self.port, method, path, body)
    }
}

fn command(kind: Kind, programs: &Programs, folder: &Path, port: u16) -> Result<Command> {
    let port_text = port.to_string();
    let mut command = match kind {
        Kind::Null => return ceiling::command(port),
        Kind::Mlctl | Kind::MlctlNormal => programs.mlctl(folder)?,
        Kind::Mlflow | Kind::MlflowOne => programs.mlflow_or_fail()?.command(folder),
    };
    command.args(["server", "--port", &port_text]);
    command.args(["--backend-store-uri", "sqlite:///mlflow.db"]);
    match kind {
        Kind::MlctlNormal => command.args(["--durability", "normal"]),
        Kind::MlflowOne => command.args(["--workers", "1"]),
        _ => &mut command,
    };
    Ok(command)
}

/// Tells whether this mlctl can trade durability.
pub(crate) fn can_trade_durability(programs: &Programs, here: &Path) -> Result<bool> {
    let mut command = programs.mlctl(here)?;
    let output = command.args(["server", "--help"]).output().context("cannot run mlctl")?;
    Ok(String::from_utf8_lossy(&output.stdout).contains("--durability"))
}
