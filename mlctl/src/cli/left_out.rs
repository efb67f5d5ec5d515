//! Commands and flags of MLflow that mlctl leaves out on purpose. Each is refused by its name, with
//! a hint what to type instead.

use super::spelling::command_path;
use crate::failure::Hinted;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::ffi::OsString;

/// Commands or flags that are left out for one reason.
pub(super) struct LeftOut {
    /// The command of mlctl that would have them; empty for mlctl itself.
    pub(super) command: &'static str,
    /// Subcommands, or spellings of flags.
    pub(super) names: &'static [&'static str],
    why: &'static str,
    instead: &'static str,
}

const GENAI: &str = "mlctl does not support traces, prompts and judges";
const USE_MLFLOW: &str = "use `mlflow` with its own server";
const NO_DOCKER: &str = "mlctl does not run projects in Docker";
const NO_WORKSPACES: &str = "mlctl does not support workspaces";
const ONE_STORE_EACH: &str = "use a separate store for each team";

pub(super) const LEFT_OUT: [LeftOut; 21] = [
    LeftOut {
        command: "",
        names: &["--env-file"],
        why: "mlctl does not load environment variables from files",
        instead: "load the file in the shell first: set -a; . FILE; set +a",
    },
    LeftOut {
        command: "",
        names: &["traces", "datasets", "scorers", "demo", "autolog"],
        why: GENAI,
        instead: USE_MLFLOW,
    },
    LeftOut {
        command: "",
        names: &["agent", "ai-commands", "assistant", "mcp", "skills"],
        why: "mlctl has no functions for language models",
        instead: "`mlctl --help` lists the commands, and --json prints JSON for programs",
    },
    LeftOut {
        command: "",
        names: &["gateway"],
        why: "mlctl has no gateway to language models",
        instead: USE_MLFLOW,
    },
    LeftOut {
        command: "",
        names: &["deployments", "sagemaker"],
        why: "mlctl serves models itself, or builds a container image that serves them",
        instead: "`mlctl models serve URI`, or `mlctl models build-image URI -t NAME -o FILE`",
    },
    LeftOut {
        command: "",
        names: &["crypto"],
        why: "mlctl does not encrypt the secrets of webhooks with a passphrase",
        instead: "to change a secret, create the webhook again: `mlctl registry webhooks create --secret-file FILE`",
    },
    LeftOut {
        command: "",
        names: &["migrate-filestore"],
        why: "mlctl reads and writes mlruns folders directly",
        instead: "`mlctl --store DIR runs list` uses the folder; `mlflow migrate-filestore` creates a \
                  database, which `mlctl --store sqlite:///FILE` opens",
    },
    LeftOut {
        command: "db",
        names: &["delete-trace-rollups", "prepopulate-trace-analytics"],
        why: GENAI,
        instead: USE_MLFLOW,
    },
    LeftOut {
        command: "db",
        names: &["migrate-to-default-workspace", "move-resources"],
        why: NO_WORKSPACES,
        instead: ONE_STORE_EACH,
    },
    LeftOut {
        command: "gc",
        names: &["--workspace", "--all-workspaces"],
        why: NO_WORKSPACES,
        instead: "`mlctl gc --backend-store-uri STORE` works on one store",
    },
    LeftOut {
        command: "gc",
        names: &["--jobs", "--job-ids"],
        why: "mlctl has no jobs",
        instead: "`mlctl gc` deletes runs, experiments and logged models",
    },
    LeftOut {
        command: "experiments",
        names: &["update"],
        why: "it only sets when traces are archived, and mlctl does not support traces",
        instead: "`mlctl experiments rename EXPERIMENT NEW_NAME` changes a name",
    },
    LeftOut {
        command: "experiments create",
        names: &["--trace-archival-retention"],
        why: "mlctl does not support traces",
        instead: "leave the flag out",
    },
    LeftOut {
        command: "runs",
        names: &["link-traces"],
        why: "mlctl does not support traces",
        instead: "`mlctl log tag KEY VALUE --run-id ID` records a reference in a run",
    },
    LeftOut {
        command: "run",
        names: &["--docker-args", "-A", "--build-image"],
        why: NO_DOCKER,
        instead: "set python_env or conda_env in the MLproject file, or start `mlctl run` in a container",
    },
    LeftOut {
        command: "models",
        names: &["update-pip-requirements"],
        why: "mlctl does not change the files of a saved model",
        instead: "save the model again with other requirements, or edit requirements.txt in its folder",
    },
    LeftOut {
        command: "models predict",
        names: &["--pip-requirements-override", "-r"],
        why: "mlctl scores a model with the packages that its files list",
        instead: "edit requirements.txt in a copy of the model, then score the copy with --python",
    },
    LeftOut {
        command: "models build-docker",
        names: &["--mlflow-home"],
        why: "it is meant for developers of MLflow",
        instead: "--install-mlflow installs the version of MLflow that saved the model",
    },
    LeftOut {
        command: "models generate-dockerfile",
        names: &["--mlflow-home"],
        why: "it is meant for developers of MLflow",
        instead: "--install-mlflow installs the version of MLflow that saved the model",
    },
    LeftOut {
        command: "models build-docker",
        names: &["--install-java"],
        why: "no model that mlctl supports needs Java",
        instead: "add Java to the Dockerfile that this command prints",
    },
    LeftOut {
        command: "models generate-dockerfile",
        names: &["--install-java"],
        why: "no model that mlctl supports needs Java",
        instead: "add Java to the Dockerfile that this command writes",
    },
];

/// Explains what to type instead, when clap rejects a command or a flag that MLflow has.
pub(crate) fn explain(error: &clap::Error, arguments: &[OsString]) -> Option<anyhow::Error> {
    let kind = match error.kind() {
        ErrorKind::InvalidSubcommand => ContextKind::InvalidSubcommand,
        ErrorKind::UnknownArgument => ContextKind::InvalidArg,
        _ => return None,
    };
    let Some(ContextValue::String(name)) = error.get(kind) else { return None };
    // Words after an unknown command may be the values of its flags, and do not name a command.
    let known = arguments.iter().position(|one| one == name.as_str()).unwrap_or(arguments.len());
    let command = command_path(&arguments[..known]).join(" ");
    let found = LEFT_OUT.iter().find(|one| {
        let is_here = one.command == command || (one.command.is_empty() && name.starts_with('-'));
        is_here && one.names.contains(&name.as_str())
    })?;
    Some(Hinted::usage(
        format!("mlctl leaves out `{name}` of MLflow: {}", found.why),
        found.instead,
    ))
}
