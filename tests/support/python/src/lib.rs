//! Virtual environments for tests: made at first use, kept below `target/`, shared by all tests.
//!
//! For tests alone: whatever goes wrong here ends the test.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Set to skip what needs Python or PyPI.
pub const SKIP: &str = "MLCTL_SKIP_PYTHON";

/// Names an interpreter that stands in for [`ZOO`], so that nothing is installed.
const ZOO_STAND_IN: &str = "MLCTL_ZOO_PYTHON";

/// The libraries that train, convert and score the models which ours are compared with.
pub const ZOO: Environment<'_> = Environment {
    name: "zoo",
    requirements: &[
        "mlflow==3.17.2",
        "scikit-learn==1.9.1",
        "xgboost-cpu==3.2.0",
        "lightgbm==4.7.0",
        "catboost==1.2.10",
        "skl2onnx==1.20.0",
        "onnxmltools==1.16.0",
        "onnx==1.23.2",
        "onnxruntime==1.31.1",
        "skops==0.16.0",
        "pyarrow==25.0.1",
        "pandas==3.1.1",
        "numpy==2.4.6",
    ],
};

/// An MLflow of the line before, and the libraries of its time.
pub const OLD: Environment<'_> = Environment {
    name: "old",
    requirements: &[
        "mlflow==2.22.5",
        "scikit-learn==1.6.1",
        "xgboost-cpu==2.1.4",
        "lightgbm==4.6.0",
        "skl2onnx==1.18.0",
        "onnx==1.17.0",
        "onnxruntime==1.20.1",
        "pandas==2.3.3",
        "numpy==2.2.6",
    ],
};

/// A virtual environment: what it is called, and what is installed in it.
#[derive(Clone, Copy, Debug)]
pub struct Environment<'a> {
    /// Its folder's name; environments with other requirements have other names.
    pub name: &'a str,
    /// What pip is asked for: `mlflow==3.17.2`.
    pub requirements: &'a [&'a str],
}

impl Environment<'_> {
    /// Returns the environment's interpreter, made in the folder `cache` when it is not there with
    /// these requirements. Of several processes one makes it, the others wait.
    pub fn interpreter(&self, cache: &Path) -> PathBuf {
        let folder = cache.join(self.name);
        fs::create_dir_all(cache).unwrap();
        let _alone = lock(&cache.join(format!("{}.lock", self.name)));
        let marker = folder.join("made");
        let program = folder.join("bin/python");
        let wanted = self.requirements.join("\n");
        // The marker is written last: without it the folder is of no use.
        if fs::read_to_string(&marker).is_ok_and(|text| text == wanted) {
            return program;
        }
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        succeed(Command::new("python3").args(["-m", "venv"]).arg(&folder));
        // uv installs in seconds what takes pip a minute.
        succeed(Command::new(&program).args(["-m", "pip", "install", "--quiet", "uv"]));
        let install = ["-m", "uv", "pip", "install", "--quiet", "--python"];
        succeed(Command::new(&program).args(install).arg(&program).args(self.requirements));
        fs::write(marker, wanted).unwrap();
        program
    }
}

/// Returns the interpreter of [`ZOO`], or its stand-in; `None` when Python is to be skipped.
pub fn zoo(cache: &Path) -> Option<PathBuf> {
    if !is_wanted() {
        return None;
    }
    match std::env::var_os(ZOO_STAND_IN).filter(|value| !value.is_empty()) {
        Some(program) => Some(program.into()),
        None => Some(ZOO.interpreter(cache)),
    }
}

/// Returns the interpreters of [`zoo`] and of [`OLD`]; `None` when Python is to be skipped.
pub fn old_and_new(cache: &Path) -> Option<[PathBuf; 2]> {
    let zoo = zoo(cache)?;
    Some([OLD.interpreter(cache), zoo])
}

/// Returns the folder that outlives a test run, so that the next one is quick. It lies in `target`,
/// which is an integration test's `env!("CARGO_TARGET_TMPDIR")`.
pub fn cache(target: &str) -> PathBuf {
    Path::new(target).join("e2e-cache")
}

/// Tells whether Python may be used; says so when it may not.
pub fn is_wanted() -> bool {
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

/// Says that a test did not take place, where a passing test is otherwise silent.
#[expect(
    clippy::print_stderr,
    reason = "a test that is skipped must not look like one that passed"
)]
pub fn skip(why: &str) {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    eprintln!("SKIPPED {name}: {why}");
}

/// Opens a lock that other processes wait for until the file is dropped.
pub fn lock(path: &Path) -> File {
    let file = File::options().create(true).append(true).open(path).unwrap();
    file.lock().unwrap();
    file
}

/// Runs a program to its end, which must be a success, and returns what it prints.
#[track_caller]
pub fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (said, printed) = (String::from_utf8_lossy(&output.stderr), output.stdout);
    let printed = String::from_utf8_lossy(&printed).into_owned();
    assert!(output.status.success(), "{command:?}\n{printed}{said}");
    printed
}
