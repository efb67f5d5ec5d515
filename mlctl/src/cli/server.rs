//! The flags of `mlctl server`: those of `mlflow server`, and a few of our own.
//!
//! What starts `mlflow server` starts `mlctl server` too, so flags that have no meaning here are
//! taken and explained. A flag that would make a promise which is not kept is refused.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// The store to serve, as --store: a folder or sqlite:///FILE
    #[arg(long, env = "MLFLOW_BACKEND_STORE_URI", value_name = "URI", help_heading = STORAGE)]
    pub(crate) backend_store_uri: Option<String>,
    /// Where registered models are; by default with the store
    #[arg(long, env = "MLFLOW_REGISTRY_STORE_URI", value_name = "URI", help_heading = STORAGE)]
    pub(crate) registry_store_uri: Option<String>,
    /// Where the artifacts of new experiments go; by default through this server
    #[arg(long, env = "MLFLOW_DEFAULT_ARTIFACT_ROOT", value_name = "URI", help_heading = STORAGE)]
    pub(crate) default_artifact_root: Option<String>,
    /// Where the artifacts that pass through this server are kept; by default ./mlartifacts, and
    /// the store itself when that is a folder
    #[arg(long, env = "MLFLOW_ARTIFACTS_DESTINATION", value_name = "URI", help_heading = STORAGE)]
    pub(crate) artifacts_destination: Option<String>,
    /// Pass artifacts through this server, as it does anyway
    #[arg(
        long,
        env = "MLFLOW_SERVE_ARTIFACTS",
        hide_env = true,
        default_value_t = true,
        hide_default_value = true,
        num_args = 0..=1,
        default_missing_value = "true",
        action = clap::ArgAction::Set,
        value_parser = clap::builder::BoolishValueParser::new(),
        hide_possible_values = true,
        value_name = "BOOL",
        require_equals = true,
        overrides_with = "no_serve_artifacts",
        help_heading = STORAGE
    )]
    pub(crate) serve_artifacts: bool,
    /// Leave artifacts to the clients, which then need access to where they are
    #[arg(long, overrides_with = "serve_artifacts", help_heading = STORAGE)]
    pub(crate) no_serve_artifacts: bool,
    /// Serve artifacts and nothing else
    #[arg(
        long,
        env = "MLFLOW_ARTIFACTS_ONLY",
        hide_env_values = true,
        value_parser = clap::builder::FalseyValueParser::new(),
        conflicts_with = "no_serve_artifacts",
        help_heading = STORAGE
    )]
    pub(crate) artifacts_only: bool,
    /// A folder of this machine, besides the store's own places, whose artifacts a server that
    /// others can reach opens; can be given several times
    #[arg(long, value_name = "DIR", help_heading = STORAGE)]
    pub(crate) allow_artifact_root: Vec<PathBuf>,
    /// What a write to a database, or of an artifact, has survived when it is answered: the loss of
    /// power, or only the end of the process
    #[arg(long, default_value = "full", value_name = "HOW", help_heading = STORAGE)]
    pub(crate) durability: Durability,

    /// The address to listen on
    #[arg(long, env = "MLFLOW_HOST", default_value = "127.0.0.1", help_heading = NETWORK)]
    pub(crate) host: String,
    /// The port to listen on; 0 takes a free one and prints it
    #[arg(long, short, env = "MLFLOW_PORT", default_value_t = 5000, help_heading = NETWORK)]
    pub(crate) port: u16,
    /// What every path begins with, such as /mlflow
    #[arg(
        long,
        env = "MLFLOW_STATIC_PREFIX",
        value_parser = static_prefix,
        default_value = "",
        hide_default_value = true,
        value_name = "PATH",
        help_heading = NETWORK
    )]
    pub(crate) static_prefix: String,
    /// Show MLflow's own pages: the folder mlflow of an installed mlflow
    #[arg(
        long,
        env = "MLCTL_MLFLOW_UI",
        value_name = "DIR",
        conflicts_with = "artifacts_only",
        help_heading = NETWORK
    )]
    pub(crate) mlflow_ui: Option<PathBuf>,
    /// Serve only while another process holds a lock on this file (flock, shared or exclusive), and
    /// stop when the last one has gone, however it ended
    #[arg(long, value_name = "FILE", help_heading = NETWORK)]
    pub(crate) while_locked: Option<PathBuf>,
    /// Count requests and show the counts at /metrics; the folder is not needed and not used
    #[arg(long, env = "MLFLOW_EXPOSE_PROMETHEUS", value_name = "DIR", help_heading = NETWORK)]
    pub(crate) expose_prometheus: Option<PathBuf>,

    /// Names that this server goes by, with * as a wildcard; by default localhost and addresses of
    /// private networks
    #[arg(
        long,
        env = "MLFLOW_SERVER_ALLOWED_HOSTS",
        value_name = "HOST,…",
        value_delimiter = ',',
        help_heading = SECURITY
    )]
    pub(crate) allowed_hosts: Vec<String>,
    /// Web pages elsewhere that may use this server, such as https://app.example.com; * is a
    /// wildcard; by default those of this machine
    #[arg(
        long,
        env = "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS",
        value_name = "ORIGIN,…",
        value_delimiter = ',',
        help_heading = SECURITY
    )]
    pub(crate) cors_allowed_origins: Vec<String>,
    /// Who may show pages of this server in a frame
    #[arg(
        long,
        env = "MLFLOW_SERVER_X_FRAME_OPTIONS",
        default_value = "SAMEORIGIN",
        ignore_case = true,
        value_name = "WHO",
        help_heading = SECURITY
    )]
    pub(crate) x_frame_options: FrameOptions,
    /// Look at neither hosts nor origins: any web page that its user opens can then use this server
    #[arg(
        long,
        env = "MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE",
        hide_env_values = true,
        value_parser = clap::builder::FalseyValueParser::new(),
        help_heading = SECURITY
    )]
    pub(crate) disable_security_middleware: bool,
    /// Take approvals, believing the name that a client gives itself in the header x-mlctl-user:
    /// whoever can reach the server can then approve under any name
    #[arg(long, help_heading = SECURITY)]
    pub(crate) trust_user_header: bool,
    /// Refused: there are no users and permissions yet
    #[arg(long, value_name = "NAME", value_parser = ["basic-auth"], help_heading = SECURITY)]
    pub(crate) app_name: Option<String>,

    #[command(flatten)]
    pub(crate) meaningless: Meaningless,
}

const STORAGE: &str = "Storage";
const NETWORK: &str = "Network";
const SECURITY: &str = "Security";
const MEANINGLESS: &str = "Flags of mlflow server without a meaning here";

/// Flags that are taken and explained.
#[derive(Debug, Args)]
#[command(next_help_heading = MEANINGLESS)]
pub(crate) struct Meaningless {
    /// One process serves everything
    #[arg(long, short, env = "MLFLOW_WORKERS", value_name = "N")]
    workers: Option<String>,
    /// Reads go to the store itself
    #[arg(long, env = "MLFLOW_READ_REPLICA_BACKEND_STORE_URI", value_name = "URI")]
    read_replica_backend_store_uri: Option<String>,
    /// There is no gunicorn
    #[arg(long, env = "MLFLOW_GUNICORN_OPTS", value_name = "TEXT", allow_hyphen_values = true)]
    gunicorn_opts: Option<String>,
    /// There is no waitress
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    waitress_opts: Option<String>,
    /// There is no uvicorn
    #[arg(long, env = "MLFLOW_UVICORN_OPTS", value_name = "TEXT", allow_hyphen_values = true)]
    uvicorn_opts: Option<String>,
    /// There is nothing to reload; --verbose says more
    #[arg(long)]
    dev: bool,
    /// There are no traces
    #[arg(long, env = "MLFLOW_TRACE_ARCHIVAL_CONFIG", value_name = "FILE")]
    trace_archival_config: Option<PathBuf>,
    /// There are no secrets
    #[arg(long, value_name = "SECONDS")]
    secrets_cache_ttl: Option<String>,
    /// There are no secrets
    #[arg(long, value_name = "N")]
    secrets_cache_max_size: Option<String>,
    /// There are no workspaces
    #[arg(long, env = "MLFLOW_WORKSPACE_STORE_URI", value_name = "URI")]
    workspace_store_uri: Option<String>,
    /// There are no workspaces
    #[arg(long, overrides_with = "enable_workspaces")]
    disable_workspaces: bool,
    /// Refused: there are no workspaces yet
    #[arg(
        long,
        env = "MLFLOW_ENABLE_WORKSPACES",
        hide_env_values = true,
        value_parser = clap::builder::FalseyValueParser::new()
    )]
    pub(crate) enable_workspaces: bool,
}

impl Meaningless {
    /// Lists the flags that are given, each with the reason why it changes nothing.
    pub(crate) fn given(&self) -> Vec<(&'static str, &'static str)> {
        let flags = [
            ("--workers", self.workers.is_some(), "one process serves everything"),
            (
                "--read-replica-backend-store-uri",
                self.read_replica_backend_store_uri.is_some(),
                "reads go to the store itself",
            ),
            ("--gunicorn-opts", self.gunicorn_opts.is_some(), "there is no gunicorn"),
            ("--waitress-opts", self.waitress_opts.is_some(), "there is no waitress"),
            ("--uvicorn-opts", self.uvicorn_opts.is_some(), "there is no uvicorn"),
            ("--dev", self.dev, "there is nothing to reload; --verbose says more"),
            (
                "--trace-archival-config",
                self.trace_archival_config.is_some(),
                "there are no traces",
            ),
            ("--secrets-cache-ttl", self.secrets_cache_ttl.is_some(), "there are no secrets"),
            (
                "--secrets-cache-max-size",
                self.secrets_cache_max_size.is_some(),
                "there are no secrets",
            ),
            (
                "--workspace-store-uri",
                self.workspace_store_uri.is_some(),
                "there are no workspaces",
            ),
        ];
        flags.into_iter().filter(|(_, given, _)| *given).map(|(flag, _, why)| (flag, why)).collect()
    }
}

/// What a change has survived when it is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Durability {
    /// The loss of power
    Full,
    /// The end of the process
    Normal,
}

/// Who may show pages in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub(crate) enum FrameOptions {
    /// Pages of this server
    SameOrigin,
    /// Nobody
    Deny,
    /// Everybody
    None,
}

/// Checks what every path begins with, by MLflow's rules.
fn static_prefix(text: &str) -> Result<String, &'static str> {
    if text.is_empty() {
        return Ok(String::new());
    }
    if !text.starts_with('/') {
        return Err("it must begin with a slash");
    }
    if text.ends_with('/') {
        return Err("it must not end with a slash");
    }
    if text.contains(['{', '}', '?', '#', '*']) || text.contains("//") {
        return Err("it must be a plain path");
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_a_plain_path() {
        assert_eq!(static_prefix("/mlflow").as_deref(), Ok("/mlflow"));
        assert_eq!(static_prefix("").as_deref(), Ok(""));
        for wrong in ["mlflow", "/mlflow/", "/", "/a//b", "/{a}"] {
            assert!(static_prefix(wrong).is_err(), "{wrong}");
        }
    }
}
