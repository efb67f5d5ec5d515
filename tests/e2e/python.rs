//! The real MLflow client, in a virtual environment that all tests share.

use crate::harness::{Place, REPOSITORY};
use mlctl_test_python::{Environment, is_wanted, succeed};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is installed: the MLflow that this version of mlctl is held against, with its server, its
/// pages and scikit-learn.
const REQUIREMENT: &str = "mlflow==3.17.2";

/// A Python interpreter that can import `mlflow`.
#[derive(Debug)]
pub(crate) struct Python {
    program: PathBuf,
}

/// The folder that outlives a test run, so that the next one is quick.
pub(crate) fn cache() -> PathBuf {
    mlctl_test_python::cache(env!("CARGO_TARGET_TMPDIR"))
}

impl Python {
    /// Returns the interpreter, made at first use; `None` when Python is to be skipped.
    pub(crate) fn with_client() -> Option<Self> {
        if !is_wanted() {
            return None;
        }
        Some(Self::made("client", &[REQUIREMENT]))
    }

    /// Returns an interpreter with a version of MLflow and what its SQL stores need.
    pub(crate) fn with_sql(version: &str) -> Option<Self> {
        // Without the rest of MLflow's requirements this is there in seconds.
        let mlflow = format!("mlflow-skinny=={version}");
        let name = format!("sql-{version}");
        is_wanted().then(|| Self::made(&name, &[&mlflow, "sqlalchemy==2.0.44", "alembic==1.17.2"]))
    }

    /// Returns an interpreter with Triton's client for HTTP.
    pub(crate) fn with_triton() -> Option<Self> {
        is_wanted().then(|| Self::made("triton", &["tritonclient[http]==2.73.0"]))
    }

    /// Returns the environment `name`, made when it is not there with these `requirements`.
    fn made(name: &str, requirements: &[&str]) -> Self {
        Self { program: Environment { name, requirements }.interpreter(&cache()) }
    }

    /// Returns the folder of the package `mlflow`, which holds its pages.
    #[track_caller]
    pub(crate) fn package(&self) -> PathBuf {
        let library = self.program.with_file_name("../lib");
        let mut versions = fs::read_dir(library).unwrap().map(|entry| entry.unwrap().path());
        let package = versions.find_map(|python| {
            let package = python.join("site-packages/mlflow");
            package.is_dir().then_some(package)
        });
        package.unwrap_or_else(|| panic!("{:?} has no package mlflow", self.program))
    }

    /// Prepares a script of `tests/python`.
    pub(crate) fn script(&self, place: &Place, name: &str, args: &[&str]) -> Command {
        let mut command = place.program(&self.program);
        command
            .arg(Path::new(REPOSITORY).join("tests/python").join(name))
            .args(args)
            .env("MLFLOW_ALLOW_FILE_STORE", "true")
            .env("MLFLOW_DISABLE_TELEMETRY", "true")
            .env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    /// Runs a script, which must succeed, and returns what it prints.
    #[track_caller]
    pub(crate) fn ok(&self, place: &Place, name: &str, args: &[&str]) -> String {
        succeed(&mut self.script(place, name, args))
    }

    /// Runs a script, which must succeed, and returns the JSON that it prints.
    #[track_caller]
    pub(crate) fn json(&self, place: &Place, name: &str, args: &[&str]) -> Value {
        let text = self.ok(place, name, args);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}: {text}"))
    }
}
