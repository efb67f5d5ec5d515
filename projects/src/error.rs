//! The one error of this library.

use std::{error, io, path::PathBuf};

/// The cause of a failure outside this library.
pub type BoxError = Box<dyn error::Error + Send + Sync>;

/// The result of this library's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Says why a project could not be read, prepared or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value does not have the form it needs.
    #[error("invalid {what} `{value}`: {rule}")]
    Invalid {
        /// What the value stands for.
        what: &'static str,
        /// The value as given.
        value: String,
        /// What would be right.
        rule: String,
    },
    /// A YAML file does not parse.
    #[error("{file}:{line}:{column}: {problem}")]
    Yaml {
        /// The file's name.
        file: String,
        /// The line of the problem, from 1.
        line: usize,
        /// The column of the problem, from 1.
        column: usize,
        /// What is wrong there.
        problem: String,
    },
    /// A file parses, but does not say what it should.
    #[error("{file}: {problem}")]
    Spec {
        /// The file's name.
        file: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// A folder has more than one project file.
    #[error("found more than one project file, {}: keep one", list(files))]
    ManyProjectFiles {
        /// The files' names.
        files: Vec<String>,
    },
    /// The project has no such entry point.
    #[error(
        "could not find `{name}` among the entry points [{}], and it is not a script of the project: \
         scripts end in .py, .sh or .R",
        list(known)
    )]
    UnknownEntryPoint {
        /// The name asked for.
        name: String,
        /// The names the project file has.
        known: Vec<String>,
    },
    /// Parameters have neither a value nor a default.
    #[error("no value given for missing parameters: {}", quoted(names))]
    MissingParameters {
        /// The parameters' names.
        names: Vec<String>,
    },
    /// A parameter's value does not fit its type.
    #[error("parameter `{name}` has the value `{value}`: {problem}")]
    BadParameter {
        /// The parameter's name.
        name: String,
        /// The value as given.
        value: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A command template cannot be filled.
    #[error("command template, column {column}: {problem}")]
    Template {
        /// The column in the template, from 1, in characters.
        column: usize,
        /// What is wrong there, and what would be right.
        problem: String,
    },
    /// The source is a local folder or file that does not exist.
    #[error("project `{uri}` not found: there is no {path}")]
    SourceNotFound {
        /// The URI as given.
        uri: String,
        /// The path it stands for.
        path: PathBuf,
    },
    /// A version was asked of something that has none.
    #[error("project `{uri}` is not a git repository: it has no version `{version}`")]
    NotARepository {
        /// The URI as given.
        uri: String,
        /// The version asked for.
        version: String,
    },
    /// A repository has no such branch, tag or commit.
    #[error("`{uri}` has no branch, tag or commit `{version}`{}", near_text(near))]
    VersionNotFound {
        /// The repository.
        uri: String,
        /// The version asked for.
        version: String,
        /// Branches and tags with similar names.
        near: Vec<String>,
    },
    /// A source could not be fetched.
    #[error("could not fetch `{uri}`: {problem}")]
    Fetch {
        /// The source.
        uri: String,
        /// What went wrong.
        problem: String,
    },
    /// What the project asks for is not offered.
    #[error("{what} is not supported: {instead}")]
    Unsupported {
        /// The thing asked for.
        what: String,
        /// What can be done instead.
        instead: &'static str,
    },
    /// A program that is needed is not installed.
    #[error("could not find {} on PATH; it is needed to {purpose}", list(programs))]
    ToolNotFound {
        /// The programs that would do.
        programs: Vec<String>,
        /// What one of them is needed for.
        purpose: String,
    },
    /// A program failed.
    #[error("{doing} failed ({status}){}", tail(last_lines))]
    ToolFailed {
        /// What it was asked to do.
        doing: String,
        /// How it ended.
        status: String,
        /// Its last lines of output.
        last_lines: Vec<String>,
    },
    /// The work was cancelled before the run existed.
    #[error("cancelled")]
    Cancelled,
    /// The reporter refused what it was told.
    #[error("could not record {what}")]
    Report {
        /// What was to be recorded.
        what: &'static str,
        /// Why it was not.
        source: BoxError,
    },
    /// A `path` parameter's remote value could not be downloaded.
    #[error("could not download `{uri}` for parameter `{name}`")]
    Download {
        /// The parameter's name.
        name: String,
        /// The value.
        uri: String,
        /// Why it failed.
        source: BoxError,
    },
    /// The file system or a process failed.
    #[error("could not {doing}")]
    Io {
        /// What was being done, with the path.
        doing: String,
        /// What the system answered.
        source: io::Error,
    },
    /// libgit2 failed on a local repository.
    #[error("could not {doing}")]
    Git {
        /// What was being done.
        doing: String,
        /// What libgit2 answered.
        source: git2::Error,
    },
}

/// Adds what was being done to an error of the system.
pub(crate) trait Context<T> {
    /// Wraps the error; `doing` completes the sentence "could not …".
    fn context(self, doing: impl FnOnce() -> String) -> Result<T>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, doing: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|source| Error::Io { doing: doing(), source })
    }
}

impl<T> Context<T> for std::result::Result<T, git2::Error> {
    fn context(self, doing: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|source| Error::Git { doing: doing(), source })
    }
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
}

fn near_text(near: &[String]) -> String {
    if near.is_empty() { String::new() } else { format!("; similar: {}", list(near)) }
}

fn tail(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n  {line}")).collect()
}
