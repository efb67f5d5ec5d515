//! The flags of `mlctl server`: those of `mlflow server`, and a few of our own.
//!
//! A script that starts `mlflow server` must be able to start `mlctl server`, so flags that have no
//! effect here are accepted with a notice. A flag that promises protection that mlctl does not
//! have is refused.

use super::ServerImageArgs;
use clap::{Args, Subcommand, ValueEnum};
use std::num::NonZero;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct ServerArgs {
    #[command(subcommand)]
    pub(crate) command: Option<ServerCommand>,
    #[command(flatten)]
    pub(crate) serve: ServerFlags,
}

/// The flags of `mlctl ui`: those of a server, and which store to show.
#[derive(Debug, Args)]
pub(crate) struct UiArgs {
    /// Store to show: a folder, sqlite:///FILE, or the URL of a server [default: the tracking store]
    #[arg(value_name = "STORE", conflicts_with = "backend_store_uri")]
    pub(crate) shown: Option<String>,
    /// Do not open the pages in a browser
    #[arg(long)]
    pub(crate) no_browser: bool,
    #[command(flatten)]
    pub(crate) serve: ServerFlags,
}

/// What a server serves, where, and for whom.
#[derive(Debug, Args)]
pub(crate) struct ServerFlags {
    /// Tracking store: a folder or sqlite:///FILE; same as --store
    #[arg(long, env = "MLFLOW_BACKEND_STORE_URI", value_name = "URI", help_heading = STORAGE)]
    pub(crate) backend_store_uri: Option<String>,
    /// Registry store; same as --registry-store
    #[arg(long, env = "MLFLOW_REGISTRY_STORE_URI", value_name = "URI", help_heading = STORAGE)]
    pub(crate) registry_store_uri: Option<String>,
    /// Where clients store the artifacts of new experiments [default: on this server]
    #[arg(long, env = "MLFLOW_DEFAULT_ARTIFACT_ROOT", value_name = "URI", help_heading = STORAGE)]
    pub(crate) default_artifact_root: Option<String>,
    /// Where this server stores artifacts [default: the tracking store if it is a folder, otherwise
    /// ./mlartifacts]
    #[arg(long, env = "MLFLOW_ARTIFACTS_DESTINATION", value_name = "URI", help_heading = STORAGE)]
    pub(crate) artifacts_destination: Option<String>,
    /// Let clients upload and download artifacts through this server: the default
    #[arg(
        long,
        env = "MLFLOW_SERVE_ARTIFACTS",
        default_value_t = true,
        num_args = 0..=1,
        default_missing_value = "true",
        action = clap::ArgAction::Set,
        value_parser = clap::builder::BoolishValueParser::new(),
        value_name = "BOOL",
        require_equals = true,
        overrides_with = "no_serve_artifacts",
        hide = true
    )]
    pub(crate) serve_artifacts: bool,
    /// Do not serve artifacts: clients need direct access to the artifact storage
    #[arg(long, overrides_with = "serve_artifacts", help_heading = STORAGE)]
    pub(crate) no_serve_artifacts: bool,
    /// Serve artifacts only
    #[arg(
        long,
        env = "MLFLOW_ARTIFACTS_ONLY",
        hide_env_values = true,
        value_parser = clap::builder::FalseyValueParser::new(),
        conflicts_with = "no_serve_artifacts",
        help_heading = STORAGE
    )]
    pub(crate) artifacts_only: bool,
    /// Folder on this machine that artifact locations may name, besides the folders of the store,
    /// when other machines can reach this server; can be repeated
    #[arg(long, value_name = "DIR", help_heading = STORAGE)]
    pub(crate) allow_artifact_root: Vec<PathBuf>,
    /// What a database change or an uploaded artifact survives once the server has answered
    #[arg(long, default_value = "full", value_name = "HOW", help_heading = STORAGE)]
    pub(crate) durability: Durability,

    /// Address to listen on
    #[arg(long, env = "MLFLOW_HOST", default_value = "127.0.0.1", help_heading = NETWORK)]
    pub(crate) host: String,
    /// Port to listen on; 0 picks a free port and prints it
    #[arg(long, short, env = "MLFLOW_PORT", default_value_t = 5000, help_heading = NETWORK)]
    pub(crate) port: u16,
    /// Maximum number of open connections; by default 2048, and at most half of the files that the
    /// process may open
    #[arg(long, env = "MLCTL_MAX_CONNECTIONS", value_name = "COUNT", help_heading = NETWORK)]
    pub(crate) max_connections: Option<NonZero<u32>>,
    /// Prefix of all URL paths, such as /mlflow
    #[arg(
        long,
        env = "MLFLOW_STATIC_PREFIX",
        value_parser = parse_static_prefix,
        default_value = "",
        hide_default_value = true,
        value_name = "PATH",
        help_heading = NETWORK
    )]
    pub(crate) static_prefix: String,
    /// Also serve MLflow's own web pages, at /mlflow, from this folder: the package folder of an
    /// installed mlflow
    #[arg(
        long,
        env = "MLCTL_MLFLOW_UI",
        value_name = "DIR",
        conflicts_with = "artifacts_only",
        help_heading = NETWORK
    )]
    pub(crate) mlflow_ui: Option<PathBuf>,
    /// Stop as soon as no process holds a lock on this file any more (flock, shared or exclusive)
    #[arg(long, value_name = "FILE", help_heading = NETWORK)]
    pub(crate) while_locked: Option<PathBuf>,
    /// Serve Prometheus metrics at /metrics; the folder is accepted for compatibility and not used
    #[arg(long, env = "MLFLOW_EXPOSE_PROMETHEUS", value_name = "DIR", help_heading = NETWORK)]
    pub(crate) expose_prometheus: Option<PathBuf>,

    /// Host names that requests may use for this server; * is a wildcard [default: localhost and
    /// the addresses of private networks]
    #[arg(
        long,
        env = "MLFLOW_SERVER_ALLOWED_HOSTS",
        value_name = "HOST,…",
        value_delimiter = ',',
        help_heading = SECURITY
    )]
    pub(crate) allowed_hosts: Vec<String>,
    /// Origins of other web pages that may use this server, such as https://app.example.com; * is a
    /// wildcard [default: pages on this machine]
    #[arg(
        long,
        env = "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS",
        value_name = "ORIGIN,…",
        value_delimiter = ',',
        help_heading = SECURITY
    )]
    pub(crate) cors_allowed_origins: Vec<String>,
    /// Which sites may show pages of this server in a frame
    #[arg(
        long,
        env = "MLFLOW_SERVER_X_FRAME_OPTIONS",
        default_value = "SAMEORIGIN",
        ignore_case = true,
        value_name = "WHO",
        help_heading = SECURITY
    )]
    pub(crate) x_frame_options: FrameOptions,
    /// Do not check hosts and origins; then any web page that a user opens can use this server
    #[arg(
        long,
        env = "MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE",
        hide_env_values = true,
        value_parser = clap::builder::FalseyValueParser::new(),
        help_heading = SECURITY
    )]
    pub(crate) disable_security_middleware: bool,
    /// Accept approvals, and trust the user name in the x-mlctl-user header; then anybody who can
    /// reach this server can approve under any name
    #[arg(long, help_heading = SECURITY)]
    pub(crate) trust_user_header: bool,
    /// Refused: users and permissions are not supported
    #[arg(long, value_name = "NAME", value_parser = ["basic-auth"], hide = true)]
    pub(crate) app_name: Option<String>,

    #[command(flatten)]
    pub(crate) ignored: IgnoredFlags,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ServerCommand {
    /// Build a container image of the server, without Docker
    Image(Box<ServerImageArgs>),
    /// Check that a server on this machine answers: exit code 0 if it does
    Health(HealthArgs),
}

#[derive(Debug, Args)]
pub(crate) struct HealthArgs {
    /// Port that the server listens on
    #[arg(long, short, env = "MLFLOW_PORT", default_value_t = 5000)]
    pub(crate) port: u16,
    /// Prefix of the server's paths
    #[arg(
        long,
        env = "MLFLOW_STATIC_PREFIX",
        value_parser = parse_static_prefix,
        default_value = "",
        hide_default_value = true,
        value_name = "PATH"
    )]
    pub(crate) static_prefix: String,
}

const STORAGE: &str = "Storage";
const NETWORK: &str = "Network";
const SECURITY: &str = "Security";

/// Flags of `mlflow server` that have no effect: accepted with a notice, and not listed in help.
#[derive(Debug, Args)]
pub(crate) struct IgnoredFlags {
    /// One process serves everything
    #[arg(hide = true, long, short, env = "MLFLOW_WORKERS", value_name = "N")]
    workers: Option<String>,
    /// Reads go to the store itself
    #[arg(hide = true, long, env = "MLFLOW_READ_REPLICA_BACKEND_STORE_URI", value_name = "URI")]
    read_replica_backend_store_uri: Option<String>,
    /// There is no gunicorn
    #[arg(
        hide = true,
        long,
        env = "MLFLOW_GUNICORN_OPTS",
        value_name = "TEXT",
        allow_hyphen_values = true
    )]
    gunicorn_opts: Option<String>,
    /// There is no waitress
    #[arg(hide = true, long, value_name = "TEXT", allow_hyphen_values = true)]
    waitress_opts: Option<String>,
    /// There is no uvicorn
    #[arg(
        hide = true,
        long,
        env = "MLFLOW_UVICORN_OPTS",
        value_name = "TEXT",
        allow_hyphen_values = true
    )]
    uvicorn_opts: Option<String>,
    /// There is nothing to reload; --verbose shows more detail
    #[arg(hide = true, long)]
    dev: bool,
    /// There are no traces
    #[arg(hide = true, long, env = "MLFLOW_TRACE_ARCHIVAL_CONFIG", value_name = "FILE")]
    trace_archival_config: Option<PathBuf>,
    /// There are no secrets
    #[arg(hide = true, long, value_name = "SECONDS")]
    secrets_cache_ttl: Option<String>,
    /// There are no secrets
    #[arg(hide = true, long, value_name = "N")]
    secrets_cache_max_size: Option<String>,
    /// There are no workspaces
    #[arg(hide = true, long, env = "MLFLOW_WORKSPACE_STORE_URI", value_name = "URI")]
    workspace_store_uri: Option<String>,
    /// There are no workspaces
    #[arg(hide = true, long, overrides_with = "enable_workspaces")]
    disable_workspaces: bool,
    /// Refused: workspaces are not supported
    #[arg(
        hide = true,
        long,
        env = "MLFLOW_ENABLE_WORKSPACES",
        hide_env_values = true,
        value_parser = clap::builder::FalseyValueParser::new()
    )]
    pub(crate) enable_workspaces: bool,
}

impl IgnoredFlags {
    /// Lists the flags that are set, each with the reason why it has no effect.
    pub(crate) fn list_set(&self) -> Vec<(&'static str, &'static str)> {
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
            ("--dev", self.dev, "there is nothing to reload; --verbose shows more detail"),
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

/// What an acknowledged change survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Durability {
    /// A power failure
    Full,
    /// A crash of the server, but not a power failure
    Normal,
}

/// Who may show pages in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub(crate) enum FrameOptions {
    /// This server only
    SameOrigin,
    /// No site
    Deny,
    /// Any site
    None,
}

/// Checks the prefix of all URL paths, by MLflow's rules.
fn parse_static_prefix(text: &str) -> Result<String, &'static str> {
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
        assert_eq!(parse_static_prefix("/mlflow").as_deref(), Ok("/mlflow"));
        assert_eq!(parse_static_prefix("").as_deref(), Ok(""));
        for wrong in ["mlflow", "/mlflow/", "/", "/a//b", "/{a}"] {
            assert!(parse_static_prefix(wrong).is_err(), "{wrong}");
        }
    }
}
