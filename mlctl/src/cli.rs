//! Every command and flag, and nothing of what they do.

mod artifacts;
mod experiments;
mod generate;
mod ignored;
mod images;
mod left_out;
#[cfg(test)]
mod mlflow;
mod models;
#[cfg(test)]
mod reference;
mod registry;
mod runs;
mod server;
mod spelling;
mod which;

pub(crate) use artifacts::{ArtifactsCommand, GetArgs};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
pub(crate) use experiments::{ExperimentsCommand, ShowFormat};
pub(crate) use generate::GenerateCommand;
pub(crate) use ignored::{command, parse};
pub(crate) use images::{
    BuildDockerArgs, BuildImageArgs, DockerEnvManager, ImageArgs, ServerImageArgs,
};
pub(crate) use left_out::explain as explain_left_out;
pub(crate) use models::{
    ConvertArgs, ConvertFormat, InstallMlflow, ModelUri, ModelsArgs, ModelsCommand, PredictArgs,
    RowFormat, SaveCommand, SaveOnnxArgs, ServeArgs,
};
pub(crate) use registry::{
    AliasCommand, Candidate, LineageFormat, Reason, RegistryCommand, WebhooksCommand,
};
pub(crate) use runs::{CreateRunArgs, EndedAs, ListArgs, RunsCommand};
pub(crate) use server::{
    Durability, FrameOptions, HealthArgs, ServerArgs, ServerCommand, ServerFlags, UiArgs,
};
pub(crate) use spelling::expand as expand_spelling;
use std::path::PathBuf;
pub(crate) use which::{WhichExperiment, WhichModel, WhichRun, WhichRuns};

/// What follows the help of mlctl itself.
const AFTER_HELP: &str = "\
Runs are stored in ./mlruns unless --store, MLFLOW_TRACKING_URI or mlctl.toml sets another store.
`mlctl config show` shows the settings and where each one comes from.

Examples:
  mlctl run examples/diabetes -P alpha=0.5   Run a project and record the run
  mlctl runs list                            List the recorded runs
  mlctl server                               Browse them at http://127.0.0.1:5000

`mlctl COMMAND --help` shows the flags of a command.";

/// MLflow's Tracking, Projects, Models and Model Registry in one small binary.
#[derive(Debug, Parser)]
#[command(name = "mlctl", version, disable_help_subcommand = true)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags that every command accepts.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Tracking store: a folder, sqlite:///FILE, or the URL of a server [default: ./mlruns]
    #[arg(long, alias = "tracking-uri", global = true, value_name = "URI")]
    pub(crate) store: Option<String>,
    /// Registry store: sqlite:///FILE or the URL of a server [default: with the tracking store]
    #[arg(long, alias = "registry-uri", global = true, value_name = "URI")]
    pub(crate) registry_store: Option<String>,
    /// Print JSON instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Show more detail; repeat for debug output
    #[arg(long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a project: a folder, a git URL or a zip file
    Run(Box<RunArgs>),
    /// Start a tracking server: REST API, web pages and model registry
    Server(Box<ServerArgs>),
    /// Show the web pages of a store: start a server for it, and open a browser
    Ui(Box<UiArgs>),
    /// Log params, metrics, tags and artifacts to a run
    #[command(
        subcommand,
        after_help = "The run is the one that --run-id or MLFLOW_RUN_ID names. `mlctl run` sets \
                      MLFLOW_RUN_ID for the command that it starts."
    )]
    Log(LogCommand),
    /// Create, list, rename, delete and restore experiments
    #[command(subcommand, alias = "experiment")]
    Experiments(ExperimentsCommand),
    /// List, search, show, compare, create and delete runs
    #[command(subcommand)]
    Runs(RunsCommand),
    /// List, download and upload the artifacts of a run
    #[command(subcommand)]
    Artifacts(ArtifactsCommand),
    /// Score, describe, validate, convert, save and serve models
    Models(ModelsArgs),
    /// Manage registered models, their versions, stages and aliases
    #[command(subcommand)]
    Registry(RegistryCommand),
    /// Upgrade the database schema of a store
    #[command(subcommand)]
    Db(DbCommand),
    /// Permanently delete runs, experiments and logged models that are marked as deleted
    Gc(GcArgs),
    /// Show the settings and where each one comes from
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Check stores, folders and tools, and show environment variables; exit code 1 if there is a
    /// problem
    Doctor {
        /// Hide the values of environment variables of MLflow
        #[arg(long)]
        mask_envs: bool,
    },
    /// Print a completion script for a shell
    Completions {
        /// Name of the shell
        shell: Shell,
    },
    /// Write man pages and completion scripts, for those who build packages
    #[command(subcommand, hide = true)]
    Generate(GenerateCommand),
}

#[derive(Clone, Debug, Args)]
pub(crate) struct RunArgs {
    /// Project to run: a folder, a git URL or a zip file; append #DIR for a folder inside it
    #[arg(value_name = "URI")]
    pub(crate) uri: String,
    /// Entry point of the project, or a .py, .sh or .R file
    #[arg(long, short, value_name = "NAME", default_value = "main")]
    pub(crate) entry_point: String,
    /// Branch, tag or commit to check out, for a git project
    #[arg(long, short, value_name = "VERSION")]
    pub(crate) version: Option<String>,
    /// Parameter of the entry point; can be repeated
    #[arg(long = "param-list", short = 'P', value_name = "NAME=VALUE")]
    pub(crate) parameters: Vec<String>,
    #[command(flatten)]
    pub(crate) experiment: ExperimentChoice,
    /// Name of the run
    #[arg(long, value_name = "NAME")]
    pub(crate) run_name: Option<String>,
    /// ID of an existing run to continue
    #[arg(long, value_name = "ID")]
    pub(crate) run_id: Option<String>,
    /// Tool that creates the environment [default: chosen by the files of the project]
    #[arg(long, value_name = "MANAGER")]
    pub(crate) env_manager: Option<EnvManagerChoice>,
    /// Former spelling of --env-manager local in MLflow
    #[arg(long, hide = true, conflicts_with = "env_manager")]
    pub(crate) no_conda: bool,
    /// Where the project runs: always on this machine
    #[arg(long, short, value_name = "NAME", hide = true)]
    pub(crate) backend: Option<String>,
    /// Configuration of the backend: not needed on this machine
    #[arg(long, short = 'c', value_name = "FILE", hide = true)]
    pub(crate) backend_config: Option<String>,
    /// Folder for temporary files
    #[arg(long, env = "MLFLOW_TMP_DIR", value_name = "DIR")]
    pub(crate) storage_dir: Option<PathBuf>,
    /// Treat warnings about parameter values as errors
    #[arg(long)]
    pub(crate) strict: bool,
}

/// Selects an experiment.
#[derive(Clone, Debug, Default, Args)]
#[group(multiple = false)]
pub(crate) struct ExperimentChoice {
    /// Name of the experiment
    #[arg(long, value_name = "NAME", alias = "experiment")]
    pub(crate) experiment_name: Option<String>,
    /// ID of the experiment
    #[arg(long, value_name = "ID")]
    pub(crate) experiment_id: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EnvManagerChoice {
    /// No environment: programs and packages as they are on this machine
    Local,
    /// uv, which also downloads Python if it is missing
    Uv,
    /// python -m venv, and pip
    Virtualenv,
    /// conda, mamba or micromamba
    Conda,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Log a param
    #[command(after_help = "Example:\n  mlctl log param alpha 0.5")]
    Param {
        /// Name of the param
        key: String,
        /// Value of the param
        #[arg(allow_hyphen_values = true)]
        value: String,
        #[command(flatten)]
        run: RunChoice,
    },
    /// Log one value of a metric
    #[command(after_help = "Example:\n  mlctl log metric loss 0.3 --step 7")]
    Metric {
        /// Name of the metric
        key: String,
        /// Value of the metric; nan and inf are allowed
        #[arg(allow_hyphen_values = true)]
        value: f64,
        /// Training step
        #[arg(long, default_value_t = 0, allow_hyphen_values = true)]
        step: i64,
        /// Time of the measurement, in milliseconds since 1970 [default: now]
        #[arg(long, value_name = "MILLISECONDS")]
        timestamp: Option<i64>,
        #[command(flatten)]
        run: RunChoice,
    },
    /// Set a tag
    #[command(after_help = "Example:\n  mlctl log tag kind nightly")]
    Tag {
        /// Name of the tag
        key: String,
        /// Value of the tag
        #[arg(allow_hyphen_values = true)]
        value: String,
        #[command(flatten)]
        run: RunChoice,
    },
    /// Upload a file or a folder as an artifact
    #[command(after_help = "Example:\n  mlctl log artifact model.pkl --path models")]
    Artifact {
        /// File or folder to upload
        file: PathBuf,
        /// Folder within the artifacts to upload to [default: the top folder]
        #[arg(long, value_name = "DIR", default_value = "", hide_default_value = true)]
        path: String,
        #[command(flatten)]
        run: RunChoice,
    },
}

/// Selects a run.
#[derive(Clone, Debug, Args)]
pub(crate) struct RunChoice {
    /// ID of the run to log to
    #[arg(long, env = "MLFLOW_RUN_ID", value_name = "ID")]
    pub(crate) run_id: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum View {
    /// Active ones only
    #[default]
    #[value(alias = "active_only")]
    Active,
    /// Deleted ones only
    #[value(alias = "deleted_only")]
    Deleted,
    /// Active and deleted ones
    All,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Upgrade a SQLite database of an older MLflow to the schema of MLflow 3.17.2
    Upgrade {
        /// Database to upgrade: a path or sqlite:///FILE
        file: String,
        /// Show what would be changed, without changing it
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct GcArgs {
    /// Delete only what was marked as deleted longer ago than this, such as 30d or 7d12h
    #[arg(long, value_name = "TIME")]
    pub(crate) older_than: Option<String>,
    /// IDs of the runs to delete, separated by commas [default: all runs marked as deleted]
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    pub(crate) run_ids: Option<Vec<String>>,
    /// IDs of the experiments to delete with all their runs, separated by commas [default: all
    /// experiments marked as deleted]
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    pub(crate) experiment_ids: Option<Vec<String>>,
    /// IDs of the logged models to delete, separated by commas [default: all logged models marked
    /// as deleted]
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    pub(crate) logged_model_ids: Option<Vec<String>>,
    /// Tracking store; same as --store
    #[arg(long, env = "MLFLOW_BACKEND_STORE_URI", value_name = "URI")]
    pub(crate) backend_store_uri: Option<String>,
    /// Where the tracking server stores artifacts, to resolve mlflow-artifacts: URIs [default:
    /// ./mlartifacts]
    #[arg(long, env = "MLFLOW_ARTIFACTS_DESTINATION", value_name = "URI")]
    pub(crate) artifacts_destination: Option<String>,
    /// Also delete artifact folders that belong to no run and no logged model
    #[arg(long)]
    pub(crate) orphans: bool,
    /// Show what would be deleted and how many bytes that would free, without deleting it
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show every setting, its value and where it comes from
    Show,
}
