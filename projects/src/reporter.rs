//! What a run tells the outside.

use std::path::{Path, PathBuf};

use crate::{BoxError, Parameters};

/// Records a run. Where and how is not this library's matter.
///
/// [`run`](fn@crate::run) calls `start` once, then any number of `artifact` and `warn`, then `end` once: after
/// a successful `start`, `end` is called whatever happens, a panic included.
pub trait Reporter: Send + Sync {
    /// The run begins: everything that could be checked before has been.
    ///
    /// Returns the environment variables that the child gets besides the caller's own.
    ///
    /// # Errors
    /// The run is not started.
    fn start(&self, about: &About) -> Result<Vec<(String, String)>, BoxError>;

    /// A file belongs to the run; `path` is its name among the run's artifacts.
    ///
    /// # Errors
    /// The caller of `run` hears of it as a warning: a run does not fail for a log file.
    fn artifact(&self, path: &str, file: &Path) -> Result<(), BoxError>;

    /// Something looks wrong, but does not stop the run; it may come before `start`.
    fn warn(&self, message: &str);

    /// The run is over.
    ///
    /// # Errors
    /// `run` returns it when nothing else failed.
    fn end(&self, outcome: &Outcome) -> Result<(), BoxError>;
}

/// What is known of a run when it starts.
#[derive(Clone, Debug)]
pub struct About {
    /// The project's name, if it has one.
    pub project: Option<String>,
    /// The entry point.
    pub entry_point: String,
    /// The parameters as given or defaulted: neither quoted nor resolved.
    pub parameters: Parameters,
    /// Tags under MLflow's names.
    pub tags: Vec<(String, String)>,
    /// The folder that the command runs in.
    pub folder: PathBuf,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The command succeeded.
    Finished,
    /// The command or its preparation failed.
    Failed(Failure),
    /// The run was cancelled.
    Killed,
}

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What happened.
    pub cause: Cause,
    /// The last lines of standard output, then those of standard error; at most 20 together.
    pub last_lines: Vec<String>,
}

/// What ended a failed run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The command exited with this code.
    Exit(i32),
    /// A signal that we did not send ended the command.
    Signal(i32),
    /// The command never ran: why not.
    Preparation(String),
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exit(code) => write!(f, "the command exited with code {code}"),
            Self::Signal(signal) => write!(f, "the command was ended by signal {signal}"),
            Self::Preparation(problem) => f.write_str(problem),
        }
    }
}
