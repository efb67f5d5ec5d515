//! What `mlctl doctor` looks at, one line each.

use crate::config::{self, Config, known};
use crate::output::{bytes, time};
use crate::stores::{self, Missing};
use anyhow::Result;
use mlctl_tracking::search::ExperimentQuery;
use mlctl_tracking::store::sqlite::upgrade;
use rustix::process::{Resource, getrlimit};
use serde::Serialize;
use std::env;
use std::path::{Path, PathBuf};

/// How a check ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// As it should be.
    Ok,
    /// Missing, which only matters to the commands that need it.
    Missing,
    /// mlctl works, but not as well as it could.
    Warning,
    /// Commands fail because of it.
    Problem,
}

impl State {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Missing => "missing",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// What was looked at, and what was found.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) state: State,
    /// What was found, or what is wrong.
    pub(super) found: String,
    /// What needs it, and what to do.
    pub(super) fix: Option<String>,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, state: State::Ok, found: found.into(), fix: None }
    }

    fn bad(
        name: &'static str,
        state: State,
        found: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { name, state, found: found.into(), fix: Some(fix.into()) }
    }
}

/// Free space below which a warning is shown: an environment of a project takes this much.
const FREE_BYTES_MIN: u64 = 1 << 30;
/// Open files that a server needs for as many connections as it accepts.
const SERVER_FILES_MIN: u64 = 4096;
/// The beginning of 2024 in milliseconds: before mlctl was written.
const CLOCK_MILLIS_MIN: i64 = 1_704_067_200_000;

/// Looks at everything.
pub(super) fn all(config: &Config, now_millis: i64) -> Vec<Check> {
    let mut checks = vec![store(config)];
    checks.extend(schema(config));
    checks.push(registry(config));
    checks.push(folder("cache", &config.cache_dir.value, "set MLCTL_CACHE_DIR to another folder"));
    checks.push(folder("temporary", &config::temporary_folder(), "set TMPDIR to another folder"));
    checks.extend([clock(now_millis), open_files(), onnxruntime()]);
    checks.extend(TOOLS.iter().map(Tool::check));
    checks
}

fn store(config: &Config) -> Check {
    const NAME: &str = "store";
    let uri = &config.store.value;
    let shown = format!("{uri} (from {})", config.store.origin);
    if stores::exists(config)
        && let Err(error) = ask_store(config)
    {
        let fix = "select another store with --store, or MLFLOW_TRACKING_URI";
        return Check::bad(NAME, State::Problem, format!("{shown}: {error:#}"), fix);
    }
    if stores::is_server(uri) {
        return Check::ok(NAME, format!("{shown}: answers"));
    }
    let place = match stores::database(uri) {
        Ok(path) if stores::is_database(uri) => path.parent().map(Path::to_owned),
        Ok(path) => Some(path),
        Err(error) => {
            let fix = "use a folder, sqlite:///FILE or the URL of a server";
            return Check::bad(NAME, State::Problem, format!("{error:#}"), fix);
        }
    };
    let place = place.filter(|path| !path.as_os_str().is_empty()).unwrap_or(PathBuf::from("."));
    let written = folder(NAME, &place, "make it writable, or select another store with --store");
    match stores::exists(config) {
        _ if written.state != State::Ok => written,
        true => Check::ok(NAME, format!("{shown}: opens; {}", written.found)),
        false => Check::ok(NAME, format!("{shown}: none yet, the first run creates it")),
    }
}

/// Opens the store and reads from it: only the answer to a request shows that a server is there.
fn ask_store(config: &Config) -> Result<()> {
    let store = stores::tracking(config, Missing::Refuse)?.store;
    let query = ExperimentQuery { max_results: 1, ..ExperimentQuery::default() };
    store.search_experiments(&query)?;
    Ok(())
}

/// Tells which version of MLflow's schema a database has.
fn schema(config: &Config) -> Option<Check> {
    const NAME: &str = "schema";
    if !stores::is_database(&config.store.value) || !stores::exists(config) {
        return None;
    }
    let path = stores::database(&config.store.value).ok()?;
    let plan = match upgrade::plan(&path) {
        Ok(plan) => plan,
        Err(error) => {
            let fix = "`mlctl db upgrade FILE --dry-run` shows more";
            return Some(Check::bad(NAME, State::Warning, error.to_string(), fix));
        }
    };
    if plan.steps.is_empty() {
        return Some(Check::ok(NAME, format!("revision {}, the newest", plan.from)));
    }
    let found = format!("revision {}, {} steps behind", plan.from, plan.steps.len());
    let fix = format!("stop its servers, then run `mlctl db upgrade {}`", path.display());
    Some(Check::bad(NAME, State::Warning, found, fix))
}

fn registry(config: &Config) -> Check {
    const NAME: &str = "registry";
    let uri = config.registry_store.value.as_deref().unwrap_or("with the store");
    let is_in_store = config.registry_store.value.is_none();
    if !stores::registry_exists(config) || (is_in_store && !stores::exists(config)) {
        return Check::ok(NAME, format!("{uri}: none yet, `mlctl registry register` creates it"));
    }
    match stores::registry(config, Missing::Refuse) {
        Ok(_) => Check::ok(NAME, format!("{uri}: opens")),
        Err(error) => {
            let fix = "select another registry with --registry-store, or MLFLOW_REGISTRY_URI";
            Check::bad(NAME, State::Problem, format!("{uri}: {error:#}"), fix)
        }
    }
}

/// Tells whether a folder, or the one that it would be created in, can be written, and how much
/// room it has.
fn folder(name: &'static str, path: &Path, fix: &'static str) -> Check {
    let existing = path.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("."));
    // It has no name, so nothing of it stays.
    if let Err(error) = tempfile::tempfile_in(existing) {
        let found = format!("cannot write in `{}`: {error}", existing.display());
        return Check::bad(name, State::Problem, found, fix);
    }
    let Ok(space) = rustix::fs::statvfs(existing) else {
        return Check::ok(name, format!("{} can be written", path.display()));
    };
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    let found = format!("{} can be written, {} free", path.display(), bytes(free));
    match free < FREE_BYTES_MIN {
        true => Check::bad(name, State::Warning, found, "free some space; `mlctl gc` helps"),
        false => Check::ok(name, found),
    }
}

fn clock(now_millis: i64) -> Check {
    let now = time(now_millis);
    match now_millis < CLOCK_MILLIS_MIN {
        true => {
            let fix = "set the clock: times of runs come from it";
            Check::bad("clock", State::Problem, format!("{now} is in the past"), fix)
        }
        false => Check::ok("clock", now),
    }
}

fn open_files() -> Check {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    match limit < SERVER_FILES_MIN {
        true => {
            let fix = format!(
                "`mlctl server` keeps fewer than 2,048 connections; `ulimit -n {SERVER_FILES_MIN}`"
            );
            Check::bad("open files", State::Warning, limit.to_string(), fix)
        }
        false => Check::ok("open files", limit.to_string()),
    }
}

/// The library for the graphs that mlctl does not run itself.
fn onnxruntime() -> Check {
    const NAME: &str = "onnxruntime";
    if !cfg!(feature = "onnxruntime") {
        let fix = "for ONNX models with unusual operators: build with `--features onnxruntime`";
        return Check::bad(NAME, State::Missing, "this mlctl is built without it", fix);
    }
    let named = config::environ_text().find(|(name, _)| name == "ORT_DYLIB_PATH");
    match named.map(|(_, path)| path).filter(|path| !path.is_empty()) {
        Some(path) if Path::new(&path).is_file() => Check::ok(NAME, path),
        Some(path) => {
            let fix = "set ORT_DYLIB_PATH to the file of the library";
            Check::bad(NAME, State::Problem, format!("there is no file `{path}`"), fix)
        }
        None => {
            let fix = "for ONNX models with unusual operators: set ORT_DYLIB_PATH to its library";
            Check::bad(NAME, State::Missing, "ORT_DYLIB_PATH is not set", fix)
        }
    }
}

/// A program that some commands need.
struct Tool {
    name: &'static str,
    /// Any of these will do.
    programs: &'static [&'static str],
    fix: &'static str,
}

const TOOLS: [Tool; 6] = [
    Tool {
        name: "git",
        programs: &["git"],
        fix: "for `mlctl run` with projects from https and ssh: install git",
    },
    Tool {
        name: "python",
        programs: &["python3", "python"],
        fix: "for projects and models in Python (`mlctl run`, --python): install Python 3, or uv",
    },
    Tool {
        name: "uv",
        programs: &["uv"],
        fix: "for faster environments, and other versions of Python: install uv",
    },
    Tool {
        name: "conda",
        programs: &["conda", "mamba", "micromamba"],
        fix: "for projects with conda.yaml: install micromamba, or use --env-manager uv",
    },
    Tool {
        name: "docker",
        programs: &["docker", "podman"],
        fix: "to run images, and for `mlctl models build-docker`; `build-image` needs nothing",
    },
    Tool {
        name: "R",
        programs: &["Rscript", "R"],
        fix: "for entry points that are .R files: install R",
    },
];

impl Tool {
    fn check(&self) -> Check {
        let path = known::PROGRAMS.folders();
        let folders: Vec<PathBuf> = env::split_paths(&path).collect();
        let places = self.programs.iter().flat_map(|program| {
            folders.iter().map(move |folder| folder.join(program)).filter(|place| place.is_file())
        });
        match places.into_iter().next() {
            Some(place) => Check::ok(self.name, place.display().to_string()),
            None => Check::bad(self.name, State::Missing, "not on PATH", self.fix),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_is_created_in_one_that_can_be_written() {
        let folder = tempfile::tempdir().unwrap();

        let found = folder_check(&folder.path().join("a/b"));

        assert!(matches!(found.state, State::Ok | State::Warning), "{found:?}");
        assert_eq!(folder.path().read_dir().unwrap().count(), 0, "nothing stays");
        assert_eq!(folder_check(Path::new("/proc/1")).state, State::Problem);
    }

    fn folder_check(path: &Path) -> Check {
        folder("x", path, "fix")
    }

    #[test]
    fn a_clock_that_lost_its_time_is_a_problem() {
        assert_eq!(clock(0).state, State::Problem);
        assert_eq!(clock(CLOCK_MILLIS_MIN).state, State::Ok);
    }

    #[test]
    fn any_program_of_a_tool_will_do() {
        let shell = Tool { name: "shell", programs: &["no-such-program", "sh"], fix: "" };
        assert_eq!(shell.check().state, State::Ok);
        let none = Tool { name: "none", programs: &["no-such-program"], fix: "install it" };
        let found = none.check();
        assert_eq!((found.state, found.fix.as_deref()), (State::Missing, Some("install it")));
    }
}
