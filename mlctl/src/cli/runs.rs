//! `mlctl runs` and its flags.

use super::{ExperimentChoice, View, WhichRun, WhichRuns};
use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub(crate) enum RunsCommand {
    /// List the newest runs of an experiment
    List(ListArgs),
    /// Search the runs of an experiment
    #[command(
        after_help = "Example:\n  mlctl runs search \"metrics.rmse < 70 and params.alpha = '0.5'\""
    )]
    Search {
        /// Filter expression
        filter: String,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Create a run that has already ended, to log to with `mlctl log`
    Create(CreateRunArgs),
    /// Show a run with its params, metrics and tags
    #[command(override_usage = "mlctl runs show [OPTIONS] <RUN_ID>")]
    Show {
        #[command(flatten)]
        which: WhichRun,
    },
    /// Print a run as JSON, in MLflow's format
    #[command(hide = true, override_usage = "mlctl runs describe [OPTIONS] <RUN_ID>")]
    Describe {
        #[command(flatten)]
        which: WhichRun,
    },
    /// Compare runs side by side
    Compare {
        /// Run IDs, beginnings of run IDs, or "latest"
        #[arg(required = true, num_args = 2..)]
        run_ids: Vec<String>,
        /// Show equal values too, not only those that differ
        #[arg(long)]
        all: bool,
    },
    /// Mark runs as deleted; `mlctl runs restore` undoes it
    #[command(override_usage = "mlctl runs delete [OPTIONS] <RUN_ID>...")]
    Delete {
        #[command(flatten)]
        which: WhichRuns,
    },
    /// Restore deleted runs
    #[command(override_usage = "mlctl runs restore [OPTIONS] <RUN_ID>...")]
    Restore {
        #[command(flatten)]
        which: WhichRuns,
    },
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) experiment: ExperimentChoice,
    /// Include the runs of all experiments
    #[arg(long, conflicts_with_all = ["experiment_name", "experiment_id"])]
    pub(crate) all_experiments: bool,
    /// Sort order, such as "metrics.rmse DESC"; can be repeated
    #[arg(long, value_name = "CLAUSE")]
    pub(crate) order_by: Vec<String>,
    /// Maximum number of runs to list
    #[arg(long, short = 'n', default_value_t = 20, value_name = "COUNT")]
    pub(crate) max_results: usize,
    /// List active runs, deleted ones, or all
    #[arg(long, short_alias = 'v', value_enum, ignore_case = true, default_value_t)]
    pub(crate) view: View,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct CreateRunArgs {
    #[command(flatten)]
    pub(crate) experiment: ExperimentChoice,
    /// Name of the run
    #[arg(long, value_name = "NAME")]
    pub(crate) run_name: Option<String>,
    /// Description of the run
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// Tag of the run; can be repeated
    #[arg(long = "tag", alias = "tags", short_alias = 't', value_name = "KEY=VALUE")]
    pub(crate) tags: Vec<String>,
    /// Status of the run
    #[arg(long, value_enum, ignore_case = true, default_value_t)]
    pub(crate) status: EndedAs,
    /// ID of the parent run
    #[arg(long, value_name = "ID")]
    pub(crate) parent_run_id: Option<String>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub(crate) enum EndedAs {
    /// The run was successful
    #[default]
    Finished,
    /// The run failed
    Failed,
    /// The run was stopped
    Killed,
}
