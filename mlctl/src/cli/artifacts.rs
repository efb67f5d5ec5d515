//! `mlctl artifacts` and its flags.

use super::WhichRun;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum ArtifactsCommand {
    /// List the files of a run
    #[command(override_usage = "mlctl artifacts list [OPTIONS] <RUN_ID> [PATH]")]
    List {
        #[command(flatten)]
        run: WhichRun,
        /// A folder among them
        #[arg(default_value = "", hide_default_value = true)]
        path: String,
        /// The same, as MLflow has it
        #[arg(long, short, value_name = "PATH", hide = true, conflicts_with = "path")]
        artifact_path: Option<String>,
        /// Also list what is in folders
        #[arg(long, short = 'R')]
        recursive: bool,
    },
    /// Download a file or a folder of a run
    #[command(alias = "download", override_usage = "mlctl artifacts get [OPTIONS] <RUN_ID> [PATH]")]
    Get(Box<GetArgs>),
    /// Store a file or a folder among those of a run
    #[command(alias = "upload", override_usage = "mlctl artifacts put [OPTIONS] <RUN_ID> <FILE>")]
    Put {
        /// The run's id, a beginning of it, or latest
        run_id: String,
        /// The file or folder
        file: PathBuf,
        /// The folder among the artifacts that it goes to
        #[arg(long, value_name = "DIR", default_value = "", hide_default_value = true)]
        path: String,
    },
    /// Store a file, as MLflow has it
    #[command(hide = true)]
    LogArtifact {
        /// The file
        #[arg(long, short, value_name = "FILE")]
        local_file: PathBuf,
        #[command(flatten)]
        to: LoggedTo,
    },
    /// Store what is in a folder, as MLflow has it
    #[command(hide = true)]
    LogArtifacts {
        /// The folder
        #[arg(long, short, value_name = "DIR")]
        local_dir: PathBuf,
        #[command(flatten)]
        to: LoggedTo,
    },
}

#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// The run's id, a beginning of it, or latest
    #[arg(value_name = "RUN_ID", required_unless_present_any = ["run_flag", "artifact_uri"])]
    pub(crate) run: Option<String>,
    /// The file or folder; everything by default
    #[arg(default_value = "", hide_default_value = true)]
    pub(crate) path: String,
    /// The run, as MLflow has it
    #[arg(
        id = "run_flag",
        long = "run-id",
        short = 'r',
        value_name = "ID",
        hide = true,
        conflicts_with = "run"
    )]
    pub(crate) run_flag: Option<String>,
    /// The file or folder, as MLflow has it
    #[arg(long, short, value_name = "PATH", hide = true, conflicts_with = "path")]
    pub(crate) artifact_path: Option<String>,
    /// A file or folder by its URI, whatever run it is of
    #[arg(long, short = 'u', value_name = "URI", hide = true, conflicts_with_all = ["run", "path"])]
    pub(crate) artifact_uri: Option<String>,
    /// Where to; the current folder by default
    #[arg(long, short, value_name = "PATH")]
    pub(crate) output: Option<PathBuf>,
    /// The folder that it goes into, as MLflow has it; it is made when it does not exist
    #[arg(long, short, value_name = "DIR", hide = true, conflicts_with = "output")]
    pub(crate) dst_path: Option<PathBuf>,
}

/// Where MLflow's commands store artifacts.
#[derive(Debug, Args)]
pub(crate) struct LoggedTo {
    /// The run
    #[arg(long, short, value_name = "ID")]
    pub(crate) run_id: String,
    /// The folder among the artifacts
    #[arg(long, short, value_name = "DIR", default_value = "", hide_default_value = true)]
    pub(crate) artifact_path: String,
}
