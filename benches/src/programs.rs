//! Where the programs that are compared lie.

use anyhow::{Context, Result, bail};
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What to say when MLflow is missing.
pub(crate) const MLFLOW_MISSING: &str = "MLflow is not installed: python3 -m venv target/oracle \
     && target/oracle/bin/pip install mlflow==3.17.2";

/// The programs that are compared.
#[derive(Debug)]
pub(crate) struct Programs {
    mlctl: PathBuf,
    mlflow: Option<Mlflow>,
}

/// A Python with MLflow.
#[derive(Debug)]
pub(crate) struct Mlflow {
    python: PathBuf,
    /// Which MLflow it is.
    pub(crate) version: String,
}

impl Programs {
    /// Finds mlctl beside this program, and MLflow's Python by `MLCTL_ORACLE_PYTHON` or in
    /// `target/oracle`.
    pub(crate) fn find() -> Result<Self> {
        let own = env::current_exe().context("cannot tell where this program lies")?;
        let folder = own.parent().unwrap_or(Path::new("."));
        let mlctl = folder.join("mlctl");
        let python = match env::var_os("MLCTL_ORACLE_PYTHON") {
            Some(path) => PathBuf::from(path),
            None => folder.with_file_name("oracle").join("bin/python"),
        };
        Ok(Self { mlctl, mlflow: Mlflow::find(python)? })
    }

    /// Prepares a call of mlctl in `folder`.
    ///
    /// # Errors
    /// When it was not built.
    pub(crate) fn mlctl(&self, folder: &Path) -> Result<Command> {
        if !self.mlctl.exists() {
            bail!("`{}` does not exist: cargo build --release -p mlctl", self.mlctl.display());
        }
        Ok(command(&self.mlctl, folder))
    }

    /// Returns MLflow, when it is installed.
    pub(crate) fn mlflow(&self) -> Option<&Mlflow> {
        self.mlflow.as_ref()
    }

    /// Returns MLflow for a subject that is measured only when there is one.
    pub(crate) fn mlflow_or_fail(&self) -> Result<&Mlflow> {
        self.mlflow().context(MLFLOW_MISSING)
    }
}

/// Finds the Python with onnxruntime and what trains models, by `MLCTL_ZOO_PYTHON` or in
/// `target/zoo`.
///
/// # Errors
/// When there is none.
pub(crate) fn zoo(programs: &Programs) -> Result<PathBuf> {
    let own = programs.mlctl.parent().unwrap_or(Path::new("."));
    let python = match env::var_os("MLCTL_ZOO_PYTHON") {
        Some(path) => PathBuf::from(path),
        None => own.with_file_name("zoo").join("bin/python"),
    };
    if !python.exists() {
        bail!("`{}` does not exist: see tests/support/python for what it needs", python.display());
    }
    Ok(python)
}

impl Mlflow {
    fn find(python: PathBuf) -> Result<Option<Self>> {
        if !python.exists() {
            return Ok(None);
        }
        let mut found = Self { python, version: String::new() };
        let print = "import mlflow.version; print(mlflow.version.VERSION)";
        found.version = output(found.python(Path::new("/"), print))?.trim().to_owned();
        Ok(Some(found))
    }

    /// Prepares a call of MLflow's command line in `folder`.
    pub(crate) fn command(&self, folder: &Path) -> Command {
        let mut command = self.bare(folder);
        command.args(["-m", "mlflow"]);
        command
    }

    /// Prepares a Python program in `folder`.
    pub(crate) fn python(&self, folder: &Path, program: &str) -> Command {
        let mut command = self.bare(folder);
        command.args(["-c", program]);
        command
    }

    fn bare(&self, folder: &Path) -> Command {
        let mut command = command(&self.python, folder);
        command.env("MLFLOW_ALLOW_FILE_STORE", "true").env("MLFLOW_DISABLE_TELEMETRY", "true");
        command
    }
}

/// Prepares a program whose settings come from its arguments alone.
fn command(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("MLFLOW_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a program to its end and returns what it printed.
///
/// # Errors
/// When it does not succeed, with what it said.
pub(crate) fn output(mut command: Command) -> Result<String> {
    let Output { status, stdout, stderr } =
        command.output().with_context(|| format!("cannot run {command:?}"))?;
    if !status.success() {
        bail!("{command:?} failed ({status}): {}", String::from_utf8_lossy(&stderr).trim());
    }
    String::from_utf8(stdout).context("the output is not UTF-8")
}
