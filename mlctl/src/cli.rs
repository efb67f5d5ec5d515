//! Every command and flag, and nothing of what they do.

mod artifacts;
mod experiments;
mod generate;
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
pub(crate) use images::{BuildDockerArgs, BuildImageArgs, DockerEnvManager};
pub(crate) use left_out::explain as explain_left_out;
pub(crate) use models::{
    ConvertArgs, ConvertFormat, InstallMlflow, ModelUri, ModelsArgs, ModelsCommand, PredictArgs,
    RowFormat, SaveCommand, SaveOnnxArgs, ServeArgs,
};
pub(crate) use registry::{
    AliasCommand, Candidate, LineageFormat, Reason, RegistryCommand, WebhooksCommand,
};
pub(crate) use runs::{CreateRunArgs, EndedAs, ListArgs, RunsCommand};
pub(crate) use server::{Durability, FrameOptions, ServerArgs};
pub(crate) use spelling::read as read_spelling;
use std::path::PathBuf;
pub(crate) use which::{WhichExperiment, WhichModel, WhichRun, WhichRuns};

/// MLflow's tracking, projects, models and registry in one small binary.
#[derive(Debug, Parser)]
#[command(name = "mlctl", version, disable_help_subcommand = true)]
#[command(after_help = "The store is ./mlruns unless --store, MLFLOW_TRACKING_URI or mlctl.toml \
                        names another one; `mlctl config show` says which and why.")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// Where runs are: a folder, sqlite:///FILE, or the http(s):// address of a server
    #[arg(long, alias = "tracking-uri", global = true, value_name = "URI")]
    pub(crate) store: Option<String>,
    /// Where registered models are: sqlite:///FILE or the address of a server; by default the
    /// store's own file or server, or registry.db in its folder
    #[arg(long, alias = "registry-uri", global = true, value_name = "URI")]
    pub(crate) registry_store: Option<String>,
    /// Print JSON for scripts
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
    /// Serve the store to MLflow's clients
    #[command(alias = "ui")]
    Server(Box<ServerArgs>),
    /// Log to the run that MLFLOW_RUN_ID names, or to --run-id
    #[command(subcommand)]
    Log(LogCommand),
    /// Create, list, rename, delete and restore experiments
    #[command(subcommand, alias = "experiment")]
    Experiments(ExperimentsCommand),
    /// List, search, show, compare, create and delete runs
    #[command(subcommand)]
    Runs(RunsCommand),
    /// List, download and store the files of a run
    #[command(subcommand)]
    Artifacts(ArtifactsCommand),
    /// Score, describe, save and serve models
    Models(ModelsArgs),
    /// Register models and move their versions through stages
    #[command(subcommand)]
    Registry(RegistryCommand),
    /// Upgrade the database of a store
    #[command(subcommand)]
    Db(DbCommand),
    /// Delete permanently what is in the deleted state, with its artifacts
    Gc(GcArgs),
    /// Show the settings and where each comes from
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Show what this program finds: version, settings, stores, tools and variables
    Doctor {
        /// Show that variables of MLflow are set, and not their values
        #[arg(long)]
        mask_envs: bool,
    },
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Write man pages and completion scripts, for packages
    #[command(subcommand, hide = true)]
    Generate(GenerateCommand),
}

#[derive(Clone, Debug, Args)]
pub(crate) struct RunArgs {
    /// The project: a folder, a git URL or a zip file; #DIR names a folder inside it
    #[arg(value_name = "URI")]
    pub(crate) uri: String,
    /// The entry point, or a .py, .sh or .R file
    #[arg(long, short, value_name = "NAME", default_value = "main")]
    pub(crate) entry_point: String,
    /// The branch, tag or commit of a git project
    #[arg(long, short, value_name = "VERSION")]
    pub(crate) version: Option<String>,
    /// A parameter; may be given several times
    #[arg(long = "param-list", short = 'P', value_name = "NAME=VALUE")]
    pub(crate) parameters: Vec<String>,
    #[command(flatten)]
    pub(crate) experiment: ExperimentChoice,
    /// Name the run
    #[arg(long, value_name = "NAME")]
    pub(crate) run_name: Option<String>,
    /// Continue an existing run
    #[arg(long, value_name = "ID")]
    pub(crate) run_id: Option<String>,
    /// What prepares the environment; by default what the project's files ask for
    #[arg(long, value_name = "MANAGER")]
    pub(crate) env_manager: Option<EnvManagerChoice>,
    /// What prepares nothing, as MLflow had it
    #[arg(long, hide = true, conflicts_with = "env_manager")]
    pub(crate) no_conda: bool,
    /// Where it runs, as MLflow has it; here always on this machine
    #[arg(long, short, value_name = "NAME", hide = true)]
    pub(crate) backend: Option<String>,
    /// What a backend is given, as MLflow has it; this machine needs nothing
    #[arg(long, short = 'c', value_name = "FILE", hide = true)]
    pub(crate) backend_config: Option<String>,
    /// Where temporary folders are made
    #[arg(long, env = "MLFLOW_TMP_DIR", value_name = "DIR")]
    pub(crate) storage_dir: Option<PathBuf>,
    /// Refuse a parameter value that would get a warning
    #[arg(long)]
    pub(crate) strict: bool,
}

/// Which experiment.
#[derive(Clone, Debug, Default, Args)]
#[group(multiple = false)]
pub(crate) struct ExperimentChoice {
    /// The experiment's name
    #[arg(long, value_name = "NAME", alias = "experiment")]
    pub(crate) experiment_name: Option<String>,
    /// The experiment's id
    #[arg(long, value_name = "ID")]
    pub(crate) experiment_id: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EnvManagerChoice {
    /// This shell as it is
    Local,
    /// uv, which also fetches a missing Python
    Uv,
    /// python -m venv and pip
    Virtualenv,
    /// conda, mamba or micromamba
    Conda,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Log a param: mlctl log param alpha 0.5
    Param {
        /// The param's name
        key: String,
        /// Its value
        #[arg(allow_hyphen_values = true)]
        value: String,
        #[command(flatten)]
        run: RunChoice,
    },
    /// Log one point of a metric: mlctl log metric loss 0.3 --step 7
    Metric {
        /// The metric's name
        key: String,
        /// Its value; nan and inf are values too
        #[arg(allow_hyphen_values = true)]
        value: f64,
        /// The step of the training
        #[arg(long, default_value_t = 0, allow_hyphen_values = true)]
        step: i64,
        /// When it was measured, in milliseconds since 1970; now by default
        #[arg(long, value_name = "MILLISECONDS")]
        timestamp: Option<i64>,
        #[command(flatten)]
        run: RunChoice,
    },
    /// Set a tag: mlctl log tag kind nightly
    Tag {
        /// The tag's name
        key: String,
        /// Its value
        #[arg(allow_hyphen_values = true)]
        value: String,
        #[command(flatten)]
        run: RunChoice,
    },
    /// Store a file or a folder among the run's artifacts
    Artifact {
        /// The file or folder
        file: PathBuf,
        /// The folder among the artifacts that it goes to
        #[arg(long, value_name = "DIR", default_value = "", hide_default_value = true)]
        path: String,
        #[command(flatten)]
        run: RunChoice,
    },
}

/// Which run.
#[derive(Clone, Debug, Args)]
pub(crate) struct RunChoice {
    /// The run to log to
    #[arg(long, env = "MLFLOW_RUN_ID", value_name = "ID")]
    pub(crate) run_id: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum View {
    /// What is in use
    #[default]
    #[value(alias = "active_only")]
    Active,
    /// What is deleted
    #[value(alias = "deleted_only")]
    Deleted,
    /// Both
    All,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Upgrade a file of an older MLflow to the newest schema, that of MLflow 3.17.2
    Upgrade {
        /// The database: a path or sqlite:///FILE
        file: String,
        /// Show what would be done, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct GcArgs {
    /// Only what was deleted longer ago than this, such as 30d or 7d12h
    #[arg(long, value_name = "TIME")]
    pub(crate) older_than: Option<String>,
    /// These runs, separated by commas, instead of all deleted ones
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    pub(crate) run_ids: Option<Vec<String>>,
    /// These experiments with all their runs, separated by commas, instead of all deleted ones
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    pub(crate) experiment_ids: Option<Vec<String>>,
    /// These logged models, separated by commas, instead of all deleted ones
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    pub(crate) logged_model_ids: Option<Vec<String>>,
    /// The store, as --store
    #[arg(long, env = "MLFLOW_BACKEND_STORE_URI", value_name = "URI")]
    pub(crate) backend_store_uri: Option<String>,
    /// Where a server keeps the artifacts at mlflow-artifacts: locations [default: ./mlartifacts]
    #[arg(long, env = "MLFLOW_ARTIFACTS_DESTINATION", value_name = "URI")]
    pub(crate) artifacts_destination: Option<String>,
    /// Also delete the artifact folders that no run and no logged model owns
    #[arg(long)]
    pub(crate) orphans: bool,
    /// Show what would be deleted and how many bytes that frees, and delete nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show every setting, its value and its origin
    Show,
}
