//! The real MLflow client, in a virtual environment that all tests share.

use crate::harness::{Finished, Place, REPOSITORY, finish, lock, skip};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is installed: the MLflow that this version of mlctl is held against, with its server, its
/// pages and scikit-learn.
const REQUIREMENT: &str = "mlflow==3.17.2";

/// Set to skip what needs Python or PyPI.
const SKIP: &str = "MLCTL_SKIP_PYTHON";

/// A Python interpreter that can import `mlflow`.
#[derive(Debug)]
pub(crate) struct Python {
    program: PathBuf,
}

/// Tells whether Python may be used; says so when it may not.
pub(crate) fn is_wanted() -> bool {
    let skipped = std::env::var_os(SKIP).is_some_and(|value| !value.is_empty());
    if skipped {
        skip(&format!("{SKIP} is set: nothing that needs Python was tested"));
    } else {
        let found = Command::new("python3").arg("--version").output();
        assert!(
            found.is_ok_and(|output| output.status.success()),
            "python3 does not work here: install Python 3.10 or newer, or set {SKIP}=1"
        );
    }
    !skipped
}

/// The folder that outlives a test run, so that the next one is quick.
pub(crate) fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("e2e-cache")
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

    /// Returns the environment `name`, made when it is not there with these `requirements`.
    fn made(name: &str, requirements: &[&str]) -> Self {
        let folder = cache().join(name);
        fs::create_dir_all(cache()).unwrap();
        let _alone = lock(&cache().join(format!("{name}.lock")));
        let marker = folder.join("made");
        let program = folder.join("bin/python");
        let wanted = requirements.join("\n");
        // The marker is written last: without it the folder is of no use.
        if fs::read_to_string(&marker).is_ok_and(|text| text == wanted) {
            return Self { program };
        }
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        check(Command::new("python3").args(["-m", "venv"]).arg(&folder));
        // uv installs in seconds what takes pip a minute.
        check(Command::new(&program).args(["-m", "pip", "install", "--quiet", "uv"]));
        let install = ["-m", "uv", "pip", "install", "--quiet", "--python"];
        check(Command::new(&program).args(install).arg(&program).args(requirements));
        fs::write(marker, wanted).unwrap();
        Self { program }
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
        check(&mut self.script(place, name, args)).stdout
    }

    /// Runs a script, which must succeed, and returns the JSON that it prints.
    #[track_caller]
    pub(crate) fn json(&self, place: &Place, name: &str, args: &[&str]) -> Value {
        let text = self.ok(place, name, args);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}: {text}"))
    }
}

#[track_caller]
fn check(command: &mut Command) -> Finished {
    let finished = finish(command);
    assert_eq!(finished.code, Some(0), "{command:?}\n{}{}", finished.stdout, finished.stderr);
    finished
}
