//! `mlctl models` and its flags.

use super::images::{BuildDockerArgs, BuildImageArgs};
use super::{EnvManagerChoice, WhichModel};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value};
use std::num::NonZero;
use std::path::PathBuf;

/// The limit of `--max-elements` unless it is given.
const ELEMENTS_MAX: NonZero<usize> = match NonZero::new(mlctl_models::limit::ELEMENTS_MAX) {
    Some(limit) => limit,
    None => NonZero::<usize>::MAX,
};

#[derive(Debug, Args)]
pub(crate) struct ModelsArgs {
    /// Shared library of ONNX Runtime, for ONNX graphs that mlctl cannot run itself
    #[cfg(feature = "onnxruntime")]
    #[arg(long, value_name = "FILE", env = "ORT_DYLIB_PATH", global = true)]
    pub(crate) onnxruntime: Option<PathBuf>,
    /// Memory limit for scoring: the maximum number of elements in one value, and in all values
    /// that an ONNX graph holds at the same time; a model that needs more is refused
    #[arg(
        long,
        value_name = "COUNT",
        env = "MLCTL_MAX_ELEMENTS",
        default_value_t = ELEMENTS_MAX,
        global = true
    )]
    pub(crate) max_elements: NonZero<usize>,
    #[command(subcommand)]
    pub(crate) command: ModelsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// Score the rows of a file
    #[command(
        after_help = "Example:\n  mlctl models predict models:/churn@champion -i rows.csv -o predictions.csv"
    )]
    #[command(override_usage = "mlctl models predict [OPTIONS] <URI>")]
    Predict(PredictArgs),
    /// Show the inputs, outputs, files and flavors of a model
    #[command(override_usage = "mlctl models describe [OPTIONS] <URI>")]
    Describe {
        #[command(flatten)]
        model: ModelUri,
    },
    /// Score a model's input example and compare the predictions with the saved ones
    #[command(override_usage = "mlctl models validate [OPTIONS] <URI>")]
    Validate {
        #[command(flatten)]
        model: ModelUri,
        /// Largest relative difference between numbers that count as equal
        #[arg(long, default_value_t = 1e-5)]
        tolerance: f64,
    },
    /// Measure how many rows a model scores per second, for several batch sizes
    #[command(override_usage = "mlctl models bench [OPTIONS] <URI>")]
    Bench {
        #[command(flatten)]
        model: ModelUri,
        /// File of rows to score, repeated as needed [default: the model's input example]
        #[arg(long, short, value_name = "FILE")]
        input: Option<PathBuf>,
        /// Batch sizes to measure, separated by commas
        #[arg(long, value_delimiter = ',', default_values_t = [1, 10, 100, 1_000, 10_000])]
        rows: Vec<usize>,
        /// Duration of each measurement, in seconds
        #[arg(long, default_value_t = 1.0)]
        seconds: f64,
    },
    /// Convert a tree or linear model to another format
    #[command(after_help = "Example:\n  mlctl models convert churn/ --to onnx -o churn-onnx/")]
    #[command(override_usage = "mlctl models convert [OPTIONS] --to <FORMAT> --output <DIR> <URI>")]
    Convert(ConvertArgs),
    /// Create a model folder from a file
    #[command(subcommand)]
    Save(SaveCommand),
    /// Start a server that answers prediction requests
    #[command(after_help = "Example:\n  mlctl models serve models:/churn@champion spam=./spam")]
    #[command(override_usage = "mlctl models serve [OPTIONS] <[NAME=]URI>...")]
    Serve(ServeArgs),
    /// Build a container image that serves a model, without Docker
    #[command(
        after_help = "Example:\n  mlctl models build-image models:/churn@champion -t churn:1 -o churn.tar"
    )]
    #[command(override_usage = "mlctl models build-image [OPTIONS] <URI>")]
    BuildImage(Box<BuildImageArgs>),
    /// Print a Dockerfile for an image that serves a model
    BuildDocker(BuildDockerArgs),
    /// Write a Dockerfile and all files that it copies into a folder
    #[command(hide = true)]
    GenerateDockerfile(BuildDockerArgs),
    /// Create the Python environment that --python uses, so that later commands start at once
    #[command(override_usage = "mlctl models prepare-env [OPTIONS] <URI>")]
    PrepareEnv {
        #[command(flatten)]
        model: ModelUri,
        #[command(flatten)]
        install: InstallMlflow,
    },
}

/// Selects a model, and what scores it.
#[derive(Debug, Args)]
pub(crate) struct ModelUri {
    #[command(flatten)]
    pub(crate) which: WhichModel,
    /// Score the model with Python, in an environment with its requirements; needed for models that
    /// mlctl cannot run itself
    #[arg(long)]
    pub(crate) python: bool,
    /// Tool that creates this environment [default: uv if it is installed, otherwise virtualenv]
    #[arg(long, value_name = "MANAGER")]
    pub(crate) env_manager: Option<EnvManagerChoice>,
}

impl ModelUri {
    /// Returns the model's URI.
    pub(crate) fn uri(&self) -> &str {
        self.which.uri()
    }
}

/// A flag of MLflow that has no effect.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct InstallMlflow {
    /// No effect: mlctl does not need MLflow, and the model's requirements name what the model
    /// needs
    #[arg(long, hide = true)]
    pub(crate) install_mlflow: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PredictArgs {
    #[command(flatten)]
    pub(crate) model: ModelUri,
    #[command(flatten)]
    pub(crate) install: InstallMlflow,
    /// Environment variable to set for --python; can be repeated
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = variable)]
    pub(crate) variables: Vec<(String, String)>,
    /// File of rows to score: .csv, .json or .parquet; - reads standard input
    #[arg(long, short, alias = "input-path", value_name = "FILE", default_value = "-")]
    pub(crate) input: PathBuf,
    /// File to write the predictions to: .csv, .json or .parquet [default: standard output]
    #[arg(long, short, alias = "output-path", value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Format of the input [default: as the file name says]
    #[arg(long, short = 't', alias = "content-type", value_name = "FORMAT")]
    pub(crate) input_format: Option<RowFormat>,
    /// Format of the output [default: as the file name says, or json]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) output_format: Option<RowFormat>,
    /// Number of rows to score at a time
    #[arg(long, value_name = "ROWS", default_value_t = 10_000)]
    pub(crate) batch_rows: usize,
    /// Inference params that the model's signature declares, such as '{"top": 3}'; they replace the
    /// params of a JSON input
    #[arg(long, value_name = "JSON", value_parser = object)]
    pub(crate) params: Option<Map<String, Value>>,
}

fn object(text: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|error| format!("it is no JSON object: {error}"))
}

fn variable(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !text.contains('\0') => {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err("it must be NAME=VALUE"),
    }
}

const SCORING: &str = "Scoring";
const NETWORK: &str = "Network";

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Models to serve: a folder, runs:/RUN_ID/NAME, models:/NAME/VERSION, models:/NAME/STAGE or
    /// models:/NAME@ALIAS; NAME= before it sets the name that requests use
    #[arg(value_name = "[NAME=]URI", required_unless_present = "model_uri")]
    pub(crate) models: Vec<String>,
    /// MLflow's spelling of URI
    #[arg(long, short, value_name = "URI", hide = true)]
    pub(crate) model_uri: Vec<String>,
    /// Score the models with Python, in environments with their requirements; needed for models
    /// that mlctl cannot run itself
    #[arg(long)]
    pub(crate) python: bool,
    /// Tool that creates these environments [default: uv if it is installed, otherwise virtualenv]
    #[arg(long, value_name = "MANAGER")]
    pub(crate) env_manager: Option<EnvManagerChoice>,
    /// MLflow's spelling of --env-manager local
    #[arg(long, hide = true, conflicts_with = "env_manager")]
    pub(crate) no_conda: bool,
    #[command(flatten)]
    pub(crate) install: InstallMlflow,
    /// Seconds between two checks for a new version of an alias or a stage; the new version is
    /// loaded while the old one still answers
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    pub(crate) follow_every: f64,

    /// Maximum number of batches to score in parallel [default: number of cores]
    #[arg(
        long,
        short,
        env = "MLFLOW_MODELS_WORKERS",
        value_name = "COUNT",
        help_heading = SCORING
    )]
    pub(crate) workers: Option<NonZero<usize>>,
    /// Seconds after which a request fails with status 504
    #[arg(
        long,
        short,
        env = "MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT",
        value_name = "SECONDS",
        default_value_t = 60.0,
        help_heading = SCORING
    )]
    pub(crate) timeout: f64,
    /// Maximum number of rows from waiting requests to score in one batch [default: 1024 if the
    /// model is known to score each row on its own, otherwise 1]
    #[arg(long, value_name = "ROWS", help_heading = SCORING)]
    pub(crate) max_batch: Option<NonZero<usize>>,
    /// Milliseconds that a request waits for others to join its batch while the model is busy; an
    /// idle model scores at once
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 0.0, help_heading = SCORING)]
    pub(crate) max_latency: f64,
    /// Maximum number of requests that wait for a model; more fail with status 429
    #[arg(long, value_name = "COUNT", default_value_t = 1024, help_heading = SCORING)]
    pub(crate) max_queue: usize,

    /// Allow clients to load and unload models (POST /v2/repository/models/NAME/load and unload);
    /// without this flag, such requests fail with status 403
    #[arg(long, help_heading = NETWORK)]
    pub(crate) allow_repository_control: bool,
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
    /// Host names that requests may use for this server; * is a wildcard [default: localhost and
    /// the addresses of private networks]
    #[arg(
        long,
        env = "MLFLOW_SERVER_ALLOWED_HOSTS",
        value_name = "HOST,…",
        value_delimiter = ',',
        help_heading = NETWORK
    )]
    pub(crate) allowed_hosts: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ConvertArgs {
    #[command(flatten)]
    pub(crate) which: WhichModel,
    /// Format to convert to
    #[arg(long, value_name = "FORMAT")]
    pub(crate) to: ConvertFormat,
    /// Folder to create
    #[arg(long, short, value_name = "DIR")]
    pub(crate) output: PathBuf,
}

/// The formats that a model can be converted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConvertFormat {
    /// An ONNX graph in a model folder
    Onnx,
}

/// The formats of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RowFormat {
    /// Comma-separated values with a header
    Csv,
    /// A request body of /invocations
    Json,
    /// Apache Parquet
    Parquet,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SaveCommand {
    /// Create a model folder from an ONNX file
    #[command(after_help = "Example:\n  mlctl models save onnx churn.onnx -o churn/")]
    Onnx(SaveOnnxArgs),
}

#[derive(Debug, Args)]
pub(crate) struct SaveOnnxArgs {
    /// ONNX file to save as a model
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Folder to create
    #[arg(long, short, value_name = "DIR", required_unless_present = "run_id")]
    pub(crate) output: Option<PathBuf>,
    /// ID of a run to log the model to, instead of creating a folder
    #[arg(long, value_name = "ID", conflicts_with = "output")]
    pub(crate) run_id: Option<String>,
    /// Name of the logged model
    #[arg(long, value_name = "NAME", default_value = "model", requires = "run_id")]
    pub(crate) name: String,
    /// JSON file with the signature, as in an MLmodel file: {"inputs": [...], "outputs": [...]}
    /// [default: inferred from the example and its predictions]
    #[arg(long, value_name = "FILE")]
    pub(crate) signature: Option<PathBuf>,
    /// File with a few rows to save as the input example: .csv, .json or .parquet
    #[arg(long, value_name = "FILE")]
    pub(crate) example: Option<PathBuf>,
}
