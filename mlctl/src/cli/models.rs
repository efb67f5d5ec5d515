//! `mlctl models` and its flags.

use super::EnvManagerChoice;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct ModelsArgs {
    /// The shared library of onnxruntime, for ONNX graphs that do not run here by themselves
    #[cfg(feature = "onnxruntime")]
    #[arg(long, value_name = "FILE", env = "ORT_DYLIB_PATH", global = true)]
    pub(crate) onnxruntime: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: ModelsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// Score a file of rows: mlctl models predict models:/churn@champion -i rows.csv -o out.csv
    Predict(PredictArgs),
    /// Show what a model takes, what it answers, its files and what runs it
    Describe {
        #[command(flatten)]
        model: ModelUri,
    },
    /// Run a model on its own input example, and compare with the answer that was saved
    Validate {
        #[command(flatten)]
        model: ModelUri,
        /// By how much numbers may differ, relative to their size
        #[arg(long, default_value_t = 1e-5)]
        tolerance: f64,
    },
    /// Measure rows per second by the number of rows at once
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
    Convert(ConvertArgs),
    /// Make a model folder of a file
    #[command(subcommand)]
    Save(SaveCommand),
    /// Answer predictions over HTTP: /invocations, /ping, /version
    Serve {
        #[command(flatten)]
        model: ModelUri,
        /// The address to listen on
        #[arg(long, default_value = "127.0.0.1")]
        host: String,
        /// The port to listen on; 0 takes a free one and prints it
        #[arg(long, short, default_value_t = 5000)]
        port: u16,
    },
}

/// Which model.
#[derive(Debug, Args)]
pub(crate) struct ModelUri {
    /// The model: a folder, runs:/ID/NAME, models:/NAME/VERSION-OR-STAGE or models:/NAME@ALIAS
    #[arg(value_name = "URI")]
    pub(crate) uri: String,
    /// Let Python score the model, in an environment made of its requirements: for what does not
    /// run here by itself
    #[arg(long)]
    pub(crate) python: bool,
    /// What makes that environment; by default uv when it is there, else venv
    #[arg(long, value_name = "MANAGER", requires = "python")]
    pub(crate) env_manager: Option<EnvManagerChoice>,
}

#[derive(Debug, Args)]
pub(crate) struct PredictArgs {
    #[command(flatten)]
    pub(crate) model: ModelUri,
    /// The rows: a .csv, .json or .parquet file, - for standard input
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    pub(crate) input: PathBuf,
    /// Where the predictions go: a .csv, .json or .parquet file; standard output by default
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// What the input is written in, if its name does not tell
    #[arg(long, short = 't', visible_alias = "content-type", value_name = "FORMAT")]
    pub(crate) input_format: Option<RowFormat>,
    /// What to write, if the output's name does not tell; json by default
    #[arg(long, value_name = "FORMAT")]
    pub(crate) output_format: Option<RowFormat>,
    /// How many rows are scored at once
    #[arg(long, value_name = "ROWS", default_value_t = 10_000)]
    pub(crate) batch_rows: usize,
}

#[derive(Debug, Args)]
pub(crate) struct ConvertArgs {
    /// The model: a folder, runs:/ID/NAME, models:/NAME/VERSION-OR-STAGE or models:/NAME@ALIAS
    #[arg(value_name = "URI")]
    pub(crate) uri: String,
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
    /// Make a model folder of an ONNX file: mlctl models save onnx churn.onnx -o churn/
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
