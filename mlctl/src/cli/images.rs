//! The flags of `mlctl models build-image` and `build-docker`, and of `mlctl server image`.

use super::WhichModel;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct BuildImageArgs {
    #[command(flatten)]
    pub(crate) which: WhichModel,
    #[command(flatten)]
    pub(crate) image: ImageArgs,
    /// Port that the container listens on
    #[arg(long, short, default_value_t = 8080, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: u16,
}

#[derive(Debug, Args)]
pub(crate) struct ServerImageArgs {
    #[command(flatten)]
    pub(crate) image: ImageArgs,
    /// Port that the container listens on
    #[arg(long, short, default_value_t = 5000, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: u16,
}

/// What every image is made with.
#[derive(Debug, Args)]
pub(crate) struct ImageArgs {
    /// Name and tag of the image [default: the name to push to; the tag is latest if none is given]
    #[arg(
        long,
        short,
        alias = "name",
        value_name = "NAME[:TAG]",
        required_unless_present = "push"
    )]
    pub(crate) tag: Option<String>,
    /// Archive to write, for docker load, podman load and skopeo
    #[arg(long, short, value_name = "FILE", required_unless_present = "push")]
    pub(crate) output: Option<PathBuf>,
    /// Base image, in an archive written by docker save or skopeo [default: no base image: the
    /// image holds only mlctl and what it serves]
    #[arg(long, value_name = "FILE")]
    pub(crate) base: Option<PathBuf>,
    /// Push the image to a container registry, with the login of docker or podman
    #[arg(long, value_name = "REGISTRY/NAME[:TAG]")]
    pub(crate) push: Option<String>,
    /// User name for the container registry; the password is read from MLCTL_REGISTRY_PASSWORD
    #[arg(long, env = "MLCTL_REGISTRY_USERNAME", value_name = "NAME")]
    pub(crate) username: Option<String>,
    /// Allow pushing over plain HTTP; without this flag, only a registry on this machine may use it
    #[arg(long, requires = "push")]
    pub(crate) insecure: bool,
    /// Creation time of the image, in seconds since 1970
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
    /// URI of the model [default: the image serves the model that is mounted at /opt/ml/model]
    #[arg(long, short, value_name = "URI")]
    pub(crate) model_uri: Option<String>,
    /// Name of the image [default: mlflow-pyfunc-servable]
    #[arg(long, short, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Write the Dockerfile and all files that it copies into a new folder
    #[arg(long, short = 'd', value_name = "DIR")]
    pub(crate) output_directory: Option<PathBuf>,
    /// Accepted for compatibility with MLflow: packages are always installed into the image's own
    /// Python
    #[arg(long, value_name = "MANAGER")]
    pub(crate) env_manager: Option<DockerEnvManager>,
    /// Also install the version of MLflow that saved the model
    #[arg(long)]
    pub(crate) install_mlflow: bool,
}

/// The environment managers that MLflow knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DockerEnvManager {
    /// The image's own Python
    Local,
    /// Same as local
    Virtualenv,
    /// Same as local
    Uv,
}
