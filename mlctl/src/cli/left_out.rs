//! What MLflow's command line has and this one has not, on purpose: each is refused by its name,
//! with what to type instead.

use super::spelling::command_path;
use crate::failure::Hinted;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::ffi::OsString;

/// Commands or flags that are left out for one reason.
pub(super) struct LeftOut {
    /// The command that has them, by its own name here; empty for mlctl itself.
    pub(super) command: &'static str,
    /// Subcommands, or spellings of flags.
    pub(super) names: &'static [&'static str],
    why: &'static str,
    instead: &'static str,
}

const GENAI: &str = "there are no traces, prompts and judges here yet";
const USE_MLFLOW: &str = "`mlflow` with MLFLOW_TRACKING_URI set to its own server does that";
const NO_DOCKER: &str = "projects do not run in Docker here";
const NO_WORKSPACES: &str = "there are no workspaces here";
const ONE_STORE_EACH: &str = "give each team a store of its own";

pub(super) const LEFT_OUT: [LeftOut; 21] = [
    LeftOut {
        command: "",
        names: &["--env-file"],
        why: "variables are the shell's",
        instead: "load the file first: set -a; . FILE; set +a",
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
        why: "there is nothing for language models here",
        instead: "`mlctl --help` lists what there is, and --json prints what programs read",
    },
    LeftOut {
        command: "",
        names: &["gateway"],
        why: "there is no gateway to language models here",
        instead: USE_MLFLOW,
    },
    LeftOut {
        command: "",
        names: &["deployments", "sagemaker"],
        why: "models are served here, or packed into an image that runs anywhere",
        instead: "`mlctl models serve URI`, or `mlctl models build-image URI -t NAME -o FILE`",
    },
    LeftOut {
        command: "",
        names: &["crypto"],
        why: "secrets of webhooks have no passphrase that is rotated here",
        instead: "make a webhook again with `mlctl registry webhooks create --secret-file FILE`",
    },
    LeftOut {
        command: "",
        names: &["migrate-filestore"],
        why: "a folder of runs is used as it is",
        instead: "`mlctl --store DIR runs list`; `mlflow migrate-filestore` makes a database, which \
                  mlctl opens with --store sqlite:///FILE",
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
        why: "there are no jobs here",
        instead: "`mlctl gc` deletes runs, experiments and logged models",
    },
    LeftOut {
        command: "experiments",
        names: &["update"],
        why: "it only sets when traces are archived, and there are no traces here yet",
        instead: "`mlctl experiments rename EXPERIMENT NEW_NAME` changes a name",
    },
    LeftOut {
        command: "experiments create",
        names: &["--trace-archival-retention"],
        why: "there are no traces here yet",
        instead: "leave it away",
    },
    LeftOut {
        command: "runs",
        names: &["link-traces"],
        why: "there are no traces here yet",
        instead: "`mlctl log tag KEY VALUE --run-id ID` notes what belongs to a run",
    },
    LeftOut {
        command: "run",
        names: &["--docker-args", "-A", "--build-image"],
        why: NO_DOCKER,
        instead: "give the project a python_env or conda_env, or run `mlctl run` in a container",
    },
    LeftOut {
        command: "models",
        names: &["update-pip-requirements"],
        why: "a model's files are not changed after it is saved",
        instead: "save it again with other requirements, or edit requirements.txt in its folder",
    },
    LeftOut {
        command: "models predict",
        names: &["--pip-requirements-override", "-r"],
        why: "a model is scored with the packages that its files name",
        instead: "edit requirements.txt in a copy of the model, and score that with --python",
    },
    LeftOut {
        command: "models build-docker",
        names: &["--mlflow-home"],
        why: "it is for those who develop MLflow",
        instead: "--install-mlflow installs the MLflow that saved the model",
    },
    LeftOut {
        command: "models generate-dockerfile",
        names: &["--mlflow-home"],
        why: "it is for those who develop MLflow",
        instead: "--install-mlflow installs the MLflow that saved the model",
    },
    LeftOut {
        command: "models build-docker",
        names: &["--install-java"],
        why: "no model that runs here needs Java",
        instead: "add it to the Dockerfile that this prints",
    },
    LeftOut {
        command: "models generate-dockerfile",
        names: &["--install-java"],
        why: "no model that runs here needs Java",
        instead: "add it to the Dockerfile that this writes",
    },
];

/// Says what to type instead, when clap does not know a word that MLflow knows.
pub(crate) fn explain(error: &clap::Error, arguments: &[OsString]) -> Option<anyhow::Error> {
    let kind = match error.kind() {
        ErrorKind::InvalidSubcommand => ContextKind::InvalidSubcommand,
        ErrorKind::UnknownArgument => ContextKind::InvalidArg,
        _ => return None,
    };
    let Some(ContextValue::String(name)) = error.get(kind) else { return None };
    // Behind a command that is not known, words mean nothing here.
    let known = arguments.iter().position(|one| one == name.as_str()).unwrap_or(arguments.len());
    let command = command_path(&arguments[..known]).join(" ");
    let found = LEFT_OUT.iter().find(|one| {
        let is_here = one.command == command || (one.command.is_empty() && name.starts_with('-'));
        is_here && one.names.contains(&name.as_str())
    })?;
    Some(Hinted::usage(format!("`{name}` of MLflow is left out: {}", found.why), found.instead))
}
