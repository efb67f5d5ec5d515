//! `mlctl artifacts` and its flags.

use super::WhichRun;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum ArtifactsCommand {
    /// List the artifacts of a run
    #[command(override_usage = "mlctl artifacts list [OPTIONS] <RUN_ID> [PATH]")]
    List {
        #[command(flatten)]
        run: WhichRun,
        /// Folder to list [default: the top folder]
        #[arg(default_value = "", hide_default_value = true)]
        path: String,
        /// MLflow's spelling of PATH
        #[arg(long, short, value_name = "PATH", hide = true, conflicts_with = "path")]
        artifact_path: Option<String>,
        /// List subfolders too
        #[arg(long, short = 'R')]
        recursive: bool,
    },
    /// Download an artifact: a file or a folder
    #[command(after_help = "Example:\n  mlctl artifacts get latest model -o downloads/")]
    #[command(alias = "download", override_usage = "mlctl artifacts get [OPTIONS] <RUN_ID> [PATH]")]
    Get(Box<GetArgs>),
    /// Upload a file or a folder as an artifact of a run
    #[command(after_help = "Example:\n  mlctl artifacts put latest report.html --path reports")]
    #[command(alias = "upload", override_usage = "mlctl artifacts put [OPTIONS] <RUN_ID> <FILE>")]
    Put {
        /// Run ID, the beginning of one, or "latest"
        run_id: String,
        /// File or folder to upload
        file: PathBuf,
        /// Folder within the artifacts to upload to [default: the top folder]
        #[arg(long, value_name = "DIR", default_value = "", hide_default_value = true)]
        path: String,
    },
    /// MLflow's command to upload a file
    #[command(hide = true)]
    LogArtifact {
        /// File to upload
        #[arg(long, short, value_name = "FILE")]
        local_file: PathBuf,
        #[command(flatten)]
        to: LoggedTo,
    },
    /// MLflow's command to upload the content of a folder
    #[command(hide = true)]
    LogArtifacts {
        /// Folder to upload
        #[arg(long, short, value_name = "DIR")]
        local_dir: PathBuf,
        #[command(flatten)]
        to: LoggedTo,
    },
}

#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// Run ID, the beginning of one, or "latest"
    #[arg(value_name = "RUN_ID", required_unless_present_any = ["run_flag", "artifact_uri"])]
    pub(crate) run: Option<String>,
    /// Artifact to download [default: all artifacts]
    #[arg(default_value = "", hide_default_value = true)]
    pub(crate) path: String,
    /// MLflow's spelling of RUN_ID
    #[arg(
        id = "run_flag",
        long = "run-id",
        short = 'r',
        value_name = "ID",
        hide = true,
        conflicts_with = "run"
    )]
    pub(crate) run_flag: Option<String>,
    /// MLflow's spelling of PATH
    #[arg(long, short, value_name = "PATH", hide = true, conflicts_with = "path")]
    pub(crate) artifact_path: Option<String>,
    /// URI of the artifact, instead of RUN_ID and PATH
    #[arg(long, short = 'u', value_name = "URI", hide = true, conflicts_with_all = ["run", "path"])]
    pub(crate) artifact_uri: Option<String>,
    /// File or folder to write [default: the current folder]
    #[arg(long, short, value_name = "PATH")]
    pub(crate) output: Option<PathBuf>,
    /// Folder to download into; it is created if it does not exist
    #[arg(long, short, value_name = "DIR", hide = true, conflicts_with = "output")]
    pub(crate) dst_path: Option<PathBuf>,
}

/// The destination of an upload, in MLflow's spelling.
#[derive(Debug, Args)]
pub(crate) struct LoggedTo {
    /// ID of the run
    #[arg(long, short, value_name = "ID")]
    pub(crate) run_id: String,
    /// Folder within the artifacts to upload to
    #[arg(long, short, value_name = "DIR", default_value = "", hide_default_value = true)]
    pub(crate) artifact_path: String,
}
