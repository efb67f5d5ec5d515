//! The flags of `mlctl models build-image` and `build-docker`.

use super::WhichModel;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct BuildImageArgs {
    #[command(flatten)]
    pub(crate) which: WhichModel,
    /// What the image is called; latest is its tag when none is said, and the name to push to its
    /// name
    #[arg(
        long,
        short,
        alias = "name",
        value_name = "NAME[:TAG]",
        required_unless_present = "push"
    )]
    pub(crate) tag: Option<String>,
    /// The archive to write, for docker load, podman load and skopeo
    #[arg(long, short, value_name = "FILE", required_unless_present = "push")]
    pub(crate) output: Option<PathBuf>,
    /// An image to build upon, as docker save or skopeo write it; by default the image holds
    /// nothing but mlctl and the model
    #[arg(long, value_name = "FILE")]
    pub(crate) base: Option<PathBuf>,
    /// Send the image to a registry; the login of docker or podman is used
    #[arg(long, value_name = "REGISTRY/NAME[:TAG]")]
    pub(crate) push: Option<String>,
    /// Who pushes, with the password in MLCTL_REGISTRY_PASSWORD
    #[arg(long, env = "MLCTL_REGISTRY_USERNAME", value_name = "NAME")]
    pub(crate) username: Option<String>,
    /// Push without encryption, which otherwise only this machine gets
    #[arg(long, requires = "push")]
    pub(crate) insecure: bool,
    /// The port that the container listens on
    #[arg(long, short, default_value_t = 8080, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: u16,
    /// When the image says that it was made, in seconds since 1970
    #[arg(
        long,
        env = "SOURCE_DATE_EPOCH",
        hide_env_values = true,
        value_name = "SECONDS",
        default_value_t = 0,
        value_parser = clap::value_parser!(u64).range(..=253_402_207_200)
    )]
    pub(crate) created: u64,
}

#[derive(Debug, Args)]
pub(crate) struct BuildDockerArgs {
    /// The model; without one the image serves what is mounted at /opt/ml/model
    #[arg(long, short, value_name = "URI")]
    pub(crate) model_uri: Option<String>,
    /// What the image will be called; mlflow-pyfunc-servable by default
    #[arg(long, short, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Write the Dockerfile into a new folder, with all that it copies
    #[arg(long, short = 'd', value_name = "DIR")]
    pub(crate) output_directory: Option<PathBuf>,
    /// Taken for MLflow's sake: packages are installed into the image's own Python
    #[arg(long, value_name = "MANAGER")]
    pub(crate) env_manager: Option<DockerEnvManager>,
    /// Also install the MLflow that saved the model
    #[arg(long)]
    pub(crate) install_mlflow: bool,
}

/// What MLflow would make an environment with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DockerEnvManager {
    /// The image's own Python
    Local,
    /// The same
    Virtualenv,
    /// The same
    Uv,
}
