//! `mlctl experiments` and its flags.

use super::{View, WhichExperiment};
use clap::{Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum ExperimentsCommand {
    /// Create an experiment
    #[command(override_usage = "mlctl experiments create [OPTIONS] <NAME>")]
    Create {
        /// Name of the experiment
        #[arg(required_unless_present = "experiment_name")]
        name: Option<String>,
        /// MLflow's spelling of NAME
        #[arg(long, short = 'n', value_name = "NAME", hide = true, conflicts_with = "name")]
        experiment_name: Option<String>,
        /// Where to store the artifacts of its runs: a folder or a URI [default: chosen by the
        /// store]
        #[arg(long, short = 'l', value_name = "URI")]
        artifact_location: Option<String>,
    },
    /// List experiments
    #[command(alias = "search")]
    List {
        /// Filter expression, such as "name LIKE 'a%'"
        #[arg(long, default_value = "", hide_default_value = true)]
        filter: String,
        /// List active experiments, deleted ones, or all
        #[arg(long, short_alias = 'v', value_enum, ignore_case = true, default_value_t)]
        view: View,
        /// Maximum number of experiments to list [default: all]
        #[arg(long, value_name = "COUNT")]
        max_results: Option<usize>,
    },
    /// Show an experiment
    #[command(alias = "get", override_usage = "mlctl experiments show [OPTIONS] <EXPERIMENT>")]
    Show {
        #[command(flatten)]
        which: WhichExperiment,
        /// MLflow's spelling of --json
        #[arg(long, value_name = "FORMAT", value_enum, hide = true)]
        output: Option<ShowFormat>,
    },
    /// Rename an experiment
    #[command(override_usage = "mlctl experiments rename [OPTIONS] <EXPERIMENT> <NEW_NAME>")]
    Rename {
        #[command(flatten)]
        which: WhichExperiment,
        /// New name of the experiment
        #[arg(value_name = "NEW_NAME", required_unless_present = "new_name_flag")]
        new_name: Option<String>,
        /// MLflow's spelling of NEW_NAME
        #[arg(
            id = "new_name_flag",
            long = "new-name",
            value_name = "NAME",
            hide = true,
            conflicts_with = "new_name"
        )]
        new_name_flag: Option<String>,
    },
    /// Mark an experiment and its runs as deleted; `mlctl experiments restore` undoes it
    #[command(override_usage = "mlctl experiments delete [OPTIONS] <EXPERIMENT>")]
    Delete {
        #[command(flatten)]
        which: WhichExperiment,
    },
    /// Restore a deleted experiment and its runs
    #[command(override_usage = "mlctl experiments restore [OPTIONS] <EXPERIMENT>")]
    Restore {
        #[command(flatten)]
        which: WhichExperiment,
    },
    /// Write the runs of an experiment as CSV
    #[command(after_help = "Example:\n  mlctl experiments csv churn -o runs.csv")]
    #[command(override_usage = "mlctl experiments csv [OPTIONS] <EXPERIMENT>")]
    Csv {
        #[command(flatten)]
        which: WhichExperiment,
        /// File to write [default: standard output]
        #[arg(long, short, alias = "filename", value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

/// MLflow's formats of an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShowFormat {
    /// One JSON object
    Json,
    /// Lines for people
    Table,
}
