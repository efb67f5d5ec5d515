//! What a person sees when a command fails: one line, a hint, an exit code.

use crate::output::printable;
use mlctl_tracking as tracking;
use std::error::Error;
use std::fmt;
use std::io::Write;
use std::process::ExitCode;

/// The exit code of a command that failed; wrong usage exits with 2.
const FAILED: u8 = 1;
const USAGE: u8 = 2;

/// A failure that brings its own hint.
#[derive(Debug)]
pub(crate) struct Hinted {
    message: String,
    hint: String,
    usage: bool,
}

impl Hinted {
    /// Makes a failure with a hint.
    pub(crate) fn error(message: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
        anyhow::Error::new(Self { message: message.into(), hint: hint.into(), usage: false })
    }

    /// Makes a failure of the command line itself.
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
        anyhow::Error::new(Self { message: message.into(), hint: hint.into(), usage: true })
    }
}

impl fmt::Display for Hinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Hinted {}

/// A failure, ready to be printed.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    hint: Option<String>,
    code: u8,
}

impl Failure {
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        let hinted = error.downcast_ref::<Hinted>();
        Self {
            message: join_causes(error),
            hint: hinted.map(|hinted| hinted.hint.clone()).or_else(|| find_hint(error)),
            code: if hinted.is_some_and(|hinted| hinted.usage) { USAGE } else { FAILED },
        }
    }

    pub(crate) fn print(self) -> ExitCode {
        // Nobody is left to tell when stderr is gone.
        let _ = std::io::stderr().write_all(self.to_string().as_bytes());
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A tool's last lines follow the line that says what failed.
        let message: Vec<_> = self.message.lines().map(printable).collect();
        writeln!(f, "error: {}", message.join("\n"))?;
        match &self.hint {
            Some(hint) => writeln!(f, "hint: {}", printable(hint)),
            None => Ok(()),
        }
    }
}

/// Joins what happened and why, leaving out what an outer text says already.
fn join_causes(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if !line.is_empty() {
            if line.contains(&text) {
                continue;
            }
            line.push_str(": ");
        }
        line.push_str(&text);
    }
    line
}

fn find_hint(error: &anyhow::Error) -> Option<String> {
    let hint_of = |cause: &(dyn Error + 'static)| {
        let tracking = cause.downcast_ref().and_then(tracking_hint);
        let uri = || cause.downcast_ref().and_then(uri_hint);
        let project = || cause.downcast_ref().and_then(project_hint);
        let registry = || cause.downcast_ref().and_then(registry_hint);
        let model = || cause.downcast_ref().and_then(model_hint);
        tracking.or_else(uri).or_else(project).or_else(registry).or_else(model)
    };
    error.chain().find_map(hint_of)
}

fn uri_hint(error: &mlctl_uri::Error) -> Option<String> {
    use mlctl_uri::Error as E;
    let text = match error {
        E::UnknownScheme { what: "registry", .. } => {
            "use sqlite:///PATH, with four slashes for an absolute path, or the URL of a server: \
             http://…"
        }
        E::UnknownScheme { .. } => {
            "use a folder such as ./mlruns, a database such as sqlite:///mlflow.db, or the URL of a \
             server: http://…"
        }
        E::Database { .. } => "use sqlite:///PATH, with four slashes for an absolute path",
        _ => return None,
    };
    Some(text.to_owned())
}

fn model_hint(error: &mlctl_models::Error) -> Option<String> {
    use mlctl_models::Error as E;
    match error {
        E::NoFlavor { .. }
        | E::UnsupportedOperators { .. }
        | E::UnsupportedGraph { .. }
        | E::UnsupportedModel { .. } => {
            Some("add --python to score the model with Python, in its own environment".to_owned())
        }
        E::Unconvertible { .. } => {
            Some("convert the model with skl2onnx or onnxmltools instead".to_owned())
        }
        _ => None,
    }
}

fn tracking_hint(error: &tracking::Error) -> Option<String> {
    use tracking::Error as E;
    let text = match error {
        E::ExperimentNotFound(_) | E::ExperimentNameNotFound(_) => {
            "`mlctl experiments list --view all` lists the experiments"
        }
        E::RunNotFound(_) => "`mlctl runs list --all-experiments` lists the runs",
        E::NotActive { .. } => {
            "restore it with `mlctl runs restore` or `mlctl experiments restore`"
        }
        E::Corrupt { .. } => "repair the file or move it away; the rest of the store still works",
        E::Remote { code: mlctl_wire::ErrorCode::Unauthenticated, .. } => {
            "set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        }
        _ => return None,
    };
    Some(text.to_owned())
}

fn project_hint(error: &mlctl_projects::Error) -> Option<String> {
    use mlctl_projects::Error as E;
    let text = match error {
        E::MissingParameters { names } => {
            let given: Vec<String> = names.iter().map(|name| format!("-P {name}=…")).collect();
            format!("pass {}", given.join(" "))
        }
        E::UnknownEntryPoint { known, .. } if !known.is_empty() => {
            format!("choose an entry point with -e, such as `-e {}`", known[0])
        }
        E::ToolNotFound { .. } => {
            "install it, or choose another tool with --env-manager local|uv|virtualenv|conda"
                .to_owned()
        }
        _ => return None,
    };
    Some(text)
}

fn registry_hint(error: &mlctl_registry::Error) -> Option<String> {
    use mlctl_registry::Error as E;
    match error {
        E::ModelNotFound(_) => Some("`mlctl registry list` lists the models".to_owned()),
        E::VersionNotFound { newest: Some(newest), .. } => {
            Some(format!("the newest version is {newest}"))
        }
        _ => None,
    }
}
