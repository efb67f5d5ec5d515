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
    /// The shared library of onnxruntime, for ONNX graphs that do not run here by themselves
    #[cfg(feature = "onnxruntime")]
    #[arg(long, value_name = "FILE", env = "ORT_DYLIB_PATH", global = true)]
    pub(crate) onnxruntime: Option<PathBuf>,
    /// The most elements of a value that a model computes, and of all values that a call of an ONNX
    /// graph holds at once; a model that asks for more is refused
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
    /// Score a file of rows: mlctl models predict models:/churn@champion -i rows.csv -o out.csv
    #[command(override_usage = "mlctl models predict [OPTIONS] <URI>")]
    Predict(PredictArgs),
    /// Show what a model takes, what it answers, its files and what runs it
    #[command(override_usage = "mlctl models describe [OPTIONS] <URI>")]
    Describe {
        #[command(flatten)]
        model: ModelUri,
    },
    /// Run a model on its own input example, and compare with the answer that was saved
    #[command(override_usage = "mlctl models validate [OPTIONS] <URI>")]
    Validate {
        #[command(flatten)]
        model: ModelUri,
        /// By how much numbers may differ, relative to their size
        #[arg(long, default_value_t = 1e-5)]
        tolerance: f64,
    },
    /// Measure rows per second by the number of rows at once
    #[command(override_usage = "mlctl models bench [OPTIONS] <URI>")]
    Bench {
        #[command(flatten)]
        model: ModelUri,
        /// Rows to score, repeated as needed; by default the model's own input example
        #[arg(long, short, value_name = "FILE")]
        input: Option<PathBuf>,
        /// How many rows at once, separated by commas
        #[arg(long, value_delimiter = ',', default_values_t = [1, 10, 100, 1_000, 10_000])]
        rows: Vec<usize>,
        /// How long to measure each, in seconds
        #[arg(long, default_value_t = 1.0)]
        seconds: f64,
    },
    /// Convert a model of trees or weighted sums: mlctl models convert churn/ --to onnx -o churn-onnx/
    #[command(override_usage = "mlctl models convert [OPTIONS] --to <FORMAT> --output <DIR> <URI>")]
    Convert(ConvertArgs),
    /// Create a model folder from a file
    #[command(subcommand)]
    Save(SaveCommand),
    /// Serve predictions over HTTP: mlctl models serve models:/churn@champion spam=./spam
    #[command(override_usage = "mlctl models serve [OPTIONS] <[NAME=]URI>...")]
    Serve(ServeArgs),
    /// Build a container image that serves a model: mlctl models build-image models:/churn@champion
    /// -t churn:1 -o churn.tar
    #[command(override_usage = "mlctl models build-image [OPTIONS] <URI>")]
    BuildImage(Box<BuildImageArgs>),
    /// Print a Dockerfile that serves a model; build-image needs no Docker
    BuildDocker(BuildDockerArgs),
    /// Write a Dockerfile with all that it copies, as MLflow has it
    #[command(hide = true)]
    GenerateDockerfile(BuildDockerArgs),
    /// Create the Python environment that --python uses
    #[command(override_usage = "mlctl models prepare-env [OPTIONS] <URI>")]
    PrepareEnv {
        #[command(flatten)]
        model: ModelUri,
        #[command(flatten)]
        install: InstallMlflow,
    },
}

/// Which model.
#[derive(Debug, Args)]
pub(crate) struct ModelUri {
    #[command(flatten)]
    pub(crate) which: WhichModel,
    /// Let Python score the model, in an environment made of its requirements: for what does not
    /// run here by itself
    #[arg(long)]
    pub(crate) python: bool,
    /// What makes that environment; by default uv when it is there, else venv
    #[arg(long, value_name = "MANAGER")]
    pub(crate) env_manager: Option<EnvManagerChoice>,
}

impl ModelUri {
    /// Returns the model's URI.
    pub(crate) fn uri(&self) -> &str {
        self.which.uri()
    }
}

/// A flag of MLflow without a meaning here.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct InstallMlflow {
    /// Nothing here needs MLflow; what the model needs is in its requirements
    #[arg(long, hide = true)]
    pub(crate) install_mlflow: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PredictArgs {
    #[command(flatten)]
    pub(crate) model: ModelUri,
    #[command(flatten)]
    pub(crate) install: InstallMlflow,
    /// A variable that the model's Python gets; may be given several times
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = variable)]
    pub(crate) variables: Vec<(String, String)>,
    /// The rows: a .csv, .json or .parquet file, - for standard input
    #[arg(long, short, alias = "input-path", value_name = "FILE", default_value = "-")]
    pub(crate) input: PathBuf,
    /// Where the predictions go: a .csv, .json or .parquet file; standard output by default
    #[arg(long, short, alias = "output-path", value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The format of the input, if its name does not show it
    #[arg(long, short = 't', alias = "content-type", value_name = "FORMAT")]
    pub(crate) input_format: Option<RowFormat>,
    /// The format of the output, if its name does not show it; json by default
    #[arg(long, value_name = "FORMAT")]
    pub(crate) output_format: Option<RowFormat>,
    /// How many rows are scored at once
    #[arg(long, value_name = "ROWS", default_value_t = 10_000)]
    pub(crate) batch_rows: usize,
    /// Params of the prediction, as the model's signature declares them: '{"top": 3}'; instead of
    /// those in a JSON body
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
    /// The models: folders, runs:/ID/NAME, models:/NAME/VERSION-OR-STAGE or models:/NAME@ALIAS, each
    /// under a name of its own when that is written before it as NAME=URI
    #[arg(value_name = "[NAME=]URI", required_unless_present = "model_uri")]
    pub(crate) models: Vec<String>,
    /// The same, as MLflow has it
    #[arg(long, short, value_name = "URI", hide = true)]
    pub(crate) model_uri: Vec<String>,
    /// Let Python score the models, in environments made of their requirements: for what does not
    /// run here by itself
    #[arg(long)]
    pub(crate) python: bool,
    /// What makes those environments; by default uv when it is there, else venv
    #[arg(long, value_name = "MANAGER")]
    pub(crate) env_manager: Option<EnvManagerChoice>,
    /// The same as --env-manager local, as MLflow has it
    #[arg(long, hide = true, conflicts_with = "env_manager")]
    pub(crate) no_conda: bool,
    #[command(flatten)]
    pub(crate) install: InstallMlflow,
    /// How often an alias or a stage is looked at, in seconds; a new version is loaded beside the
    /// old one and replaces it between two requests
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    pub(crate) follow_every: f64,

    /// How many inputs are scored at the same time; by default as many as there are cores
    #[arg(
        long,
        short,
        env = "MLFLOW_MODELS_WORKERS",
        value_name = "COUNT",
        help_heading = SCORING
    )]
    pub(crate) workers: Option<NonZero<usize>>,
    /// After how many seconds a request is answered with 504
    #[arg(
        long,
        short,
        env = "MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT",
        value_name = "SECONDS",
        default_value_t = 60.0,
        help_heading = SCORING
    )]
    pub(crate) timeout: f64,
    /// How many rows of requests that wait are scored together; by default 1,024 where rows are
    /// known not to depend on each other, and 1 elsewhere
    #[arg(long, value_name = "ROWS", help_heading = SCORING)]
    pub(crate) max_batch: Option<NonZero<usize>>,
    /// How many milliseconds a request waits for others to be scored with while the model is busy;
    /// it never waits for a model that is idle
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 0.0, help_heading = SCORING)]
    pub(crate) max_latency: f64,
    /// How many requests may wait for a model; others are answered with 429
    #[arg(long, value_name = "COUNT", default_value_t = 1024, help_heading = SCORING)]
    pub(crate) max_queue: usize,

    /// Let clients load models again and unload them (POST /v2/repository/models/NAME/load and
    /// unload); without it they get 403
    #[arg(long, help_heading = NETWORK)]
    pub(crate) allow_repository_control: bool,
    /// The address to listen on
    #[arg(long, env = "MLFLOW_HOST", default_value = "127.0.0.1", help_heading = NETWORK)]
    pub(crate) host: String,
    /// The port to listen on; 0 takes a free one and prints it
    #[arg(long, short, env = "MLFLOW_PORT", default_value_t = 5000, help_heading = NETWORK)]
    pub(crate) port: u16,
    /// Names that this server goes by, with * as a wildcard; by default localhost and addresses of
    /// private networks
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
    /// What it becomes
    #[arg(long, value_name = "FORMAT")]
    pub(crate) to: ConvertFormat,
    /// The folder to make
    #[arg(long, short, value_name = "DIR")]
    pub(crate) output: PathBuf,
}

/// What a model becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConvertFormat {
    /// An ONNX graph in a model folder
    Onnx,
}

/// What rows are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RowFormat {
    /// Comma-separated values with a header
    Csv,
    /// A body of /invocations
    Json,
    /// Apache Parquet
    Parquet,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SaveCommand {
    /// Create a model folder from an ONNX file: mlctl models save onnx churn.onnx -o churn/
    Onnx(SaveOnnxArgs),
}

#[derive(Debug, Args)]
pub(crate) struct SaveOnnxArgs {
    /// The ONNX file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The folder to make
    #[arg(long, short, value_name = "DIR", required_unless_present = "run_id")]
    pub(crate) output: Option<PathBuf>,
    /// Log the model into this run instead
    #[arg(long, value_name = "ID", conflicts_with = "output")]
    pub(crate) run_id: Option<String>,
    /// The name of the logged model
    #[arg(long, value_name = "NAME", default_value = "model", requires = "run_id")]
    pub(crate) name: String,
    /// A JSON file with the types: {"inputs": [...], "outputs": [...]} as an MLmodel has them; by
    /// default what the example and the answer to it show
    #[arg(long, value_name = "FILE")]
    pub(crate) signature: Option<PathBuf>,
    /// A few rows to keep as the input example: a .csv, .json or .parquet file
    #[arg(long, value_name = "FILE")]
    pub(crate) example: Option<PathBuf>,
}
