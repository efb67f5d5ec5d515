//! A place of its own for each test, and mlctl in it.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) use mlctl_test_python::{lock, skip};

/// The folder of this repository.
pub(crate) const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// How long something that must happen may take before a test gives up waiting for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A fresh folder to work in, with a home folder and a folder for temporary files beside it.
#[derive(Debug)]
pub(crate) struct Place {
    root: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let root = tempfile::Builder::new().prefix("mlctl-e2e-").tempdir().unwrap();
        for name in ["work", "home", "tmp"] {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        Self { root }
    }

    /// Returns where `name` is, or would be, in the folder that mlctl works in.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        let work = self.root.path().join("work");
        if name.is_empty() { work } else { work.join(name) }
    }

    /// Spells a path below the working folder.
    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Returns the folder that mlctl knows nothing of.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// Returns the folder that temporary files go to.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.root.path().join("tmp")
    }

    /// Writes a file, with the folders that it needs.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Makes a project whose only entry point runs `command`.
    pub(crate) fn project(&self, name: &str, command: &str) {
        let quoted = command.replace('\'', "''").replace('\n', " ");
        let file = format!("name: {name}\nentry_points:\n  main:\n    command: '{quoted}'\n");
        self.write(&format!("{name}/MLproject"), &file);
    }

    /// Prepares mlctl with `args`.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.program(Path::new(env!("CARGO_BIN_EXE_mlctl")));
        command.args(args);
        command
    }

    /// Prepares any program, so that nothing of the user's settings reaches it.
    pub(crate) fn program(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if ["MLFLOW_", "MLCTL_", "AWS_", "XDG_", "GIT_", "LOGNAME"]
                .iter()
                .any(|p| text.starts_with(p))
            {
                command.env_remove(&name);
            }
        }
        command
            .current_dir(self.path(""))
            .env("HOME", self.root.path().join("home"))
            .env("XDG_CACHE_HOME", self.root.path().join("home/.cache"))
            .env("TMPDIR", self.temporary())
            .env("USER", "ann")
            .env("TZ", "UTC")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("NO_PROXY", "127.0.0.1")
            .stdin(Stdio::null());
        command
    }

    /// Runs mlctl to its end.
    #[track_caller]
    pub(crate) fn run(&self, args: &[&str]) -> Finished {
        finish(&mut self.command(args))
    }

    /// Runs mlctl, which must succeed, and returns what it prints.
    #[track_caller]
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let finished = self.run(args);
        assert_eq!(finished.code, Some(0), "{args:?}: {finished:?}");
        finished.stdout
    }

    /// Runs mlctl with `--json`, which must succeed, and returns what it answers.
    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let text = self.ok(&[args, &["--json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{args:?}: {error}: {text}"))
    }

    /// Runs mlctl, which must fail with exit code `code` and say exactly `want`, where `/W` stands
    /// for the working folder.
    #[track_caller]
    pub(crate) fn check_failure(&self, args: &[&str], code: i32, want: &str) {
        let finished = self.run(args);
        let said = finished.stderr.replace(&self.text(""), "/W");
        assert_eq!((finished.code, said.trim_end()), (Some(code), want), "for {args:?}");
    }

    /// Runs git.
    #[track_caller]
    pub(crate) fn git(&self, folder: &str, args: &[&str]) -> String {
        let mut git = self.program(Path::new("git"));
        git.args(["-c", "user.name=Ann", "-c", "user.email=ann@example.org"]).args(args);
        let finished = finish(git.current_dir(self.path(folder)));
        assert_eq!(finished.code, Some(0), "git {args:?}: {finished:?}");
        finished.stdout.trim_end().to_owned()
    }

    /// Copies a folder of the repository.
    pub(crate) fn copy(&self, from: &str, to: &str) {
        copy(&Path::new(REPOSITORY).join(from), &self.path(to));
    }

    /// Returns the id of the only run of a project that just ran with `--json`.
    #[track_caller]
    pub(crate) fn run_project(&self, args: &[&str]) -> String {
        text(&self.json(&[&["run"], args].concat())["run_id"])
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// How a program ended, and what it said.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Finished {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Runs a program to its end.
pub(crate) fn finish(command: &mut Command) -> Finished {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}")).into()
}

/// Waits until `reached` says so.
#[track_caller]
pub(crate) fn until(what: &str, reached: impl Fn() -> bool) {
    const PAUSE: Duration = Duration::from_millis(10);
    let deadline = Instant::now() + PATIENCE;
    while !reached() {
        assert!(Instant::now() < deadline, "in vain waited until {what}");
        std::thread::sleep(PAUSE);
    }
}

/// Reads a JSON text.
#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// Reads a JSON integer, which MLflow may spell as a text.
#[track_caller]
pub(crate) fn integer(value: &Value) -> i64 {
    value
        .as_i64()
        .or_else(|| value.as_str()?.parse().ok())
        .unwrap_or_else(|| panic!("no integer: {value}"))
}

/// Finds the value of `key` among the metrics, params or tags of a run.
pub(crate) fn datum<'a>(run: &'a Value, kind: &str, key: &str) -> Option<&'a Value> {
    let all = run["data"][kind].as_array()?;
    all.iter().find(|one| one["key"] == key).map(|one| &one["value"])
}

/// Finds the text of a param or tag of a run.
pub(crate) fn datum_text<'a>(run: &'a Value, kind: &str, key: &str) -> Option<&'a str> {
    datum(run, kind, key)?.as_str()
}
