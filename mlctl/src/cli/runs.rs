//! `mlctl runs` and its flags.

use super::{ExperimentChoice, View, WhichRun, WhichRuns};
use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub(crate) enum RunsCommand {
    /// List the newest runs of an experiment
    List(ListArgs),
    /// Find runs: mlctl runs search "metrics.rmse < 70 and params.alpha = '0.5'"
    Search {
        /// The filter
        filter: String,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Create a run that has ended already; `mlctl log` adds to it
    Create(CreateRunArgs),
    /// Show everything about a run
    #[command(override_usage = "mlctl runs show [OPTIONS] <RUN_ID>")]
    Show {
        #[command(flatten)]
        which: WhichRun,
    },
    /// Print a run as the JSON that MLflow prints
    #[command(hide = true, override_usage = "mlctl runs describe [OPTIONS] <RUN_ID>")]
    Describe {
        #[command(flatten)]
        which: WhichRun,
    },
    /// Show side by side what differs between runs
    Compare {
        /// The runs' ids, beginnings of them, or latest
        #[arg(required = true, num_args = 2..)]
        run_ids: Vec<String>,
        /// Also show what is equal
        #[arg(long)]
        all: bool,
    },
    /// Delete runs; `runs restore` restores them
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
    /// Look in all experiments
    #[arg(long, conflicts_with_all = ["experiment_name", "experiment_id"])]
    pub(crate) all_experiments: bool,
    /// How to order, such as "metrics.rmse DESC"; may be given several times
    #[arg(long, value_name = "CLAUSE")]
    pub(crate) order_by: Vec<String>,
    /// How many at most
    #[arg(long, short = 'n', default_value_t = 20, value_name = "COUNT")]
    pub(crate) max_results: usize,
    /// Show the active runs, the deleted ones, or all
    #[arg(long, short_alias = 'v', value_enum, ignore_case = true, default_value_t)]
    pub(crate) view: View,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct CreateRunArgs {
    #[command(flatten)]
    pub(crate) experiment: ExperimentChoice,
    /// Name the run
    #[arg(long, value_name = "NAME")]
    pub(crate) run_name: Option<String>,
    /// What people should know about it
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// A tag; may be given several times
    #[arg(long = "tag", alias = "tags", short_alias = 't', value_name = "KEY=VALUE")]
    pub(crate) tags: Vec<String>,
    /// How it ended
    #[arg(long, value_enum, ignore_case = true, default_value_t)]
    pub(crate) status: EndedAs,
    /// The run that it is a part of
    #[arg(long, value_name = "ID")]
    pub(crate) parent_run_id: Option<String>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub(crate) enum EndedAs {
    /// It did what it should
    #[default]
    Finished,
    /// It did not
    Failed,
    /// Somebody stopped it
    Killed,
}
