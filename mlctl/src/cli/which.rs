//! What a command works on: named by its place on the command line, or by the flag that MLflow
//! has for it.

use clap::Args;

/// Selects a run.
#[derive(Clone, Debug, Args)]
pub(crate) struct WhichRun {
    /// Run ID, the beginning of one, or "latest"
    #[arg(value_name = "RUN_ID", required_unless_present = "run_flag")]
    run: Option<String>,
    /// MLflow's spelling of RUN_ID
    #[arg(
        id = "run_flag",
        long = "run-id",
        short = 'r',
        value_name = "ID",
        hide = true,
        conflicts_with = "run"
    )]
    flag: Option<String>,
}

impl WhichRun {
    /// Returns what was given.
    pub(crate) fn id(&self) -> &str {
        self.run.as_deref().or(self.flag.as_deref()).unwrap_or_default()
    }

    /// Tells whether it was given in MLflow's spelling, whose users expect MLflow's output.
    pub(crate) const fn is_flag(&self) -> bool {
        self.flag.is_some()
    }
}

/// Selects runs.
#[derive(Clone, Debug, Args)]
pub(crate) struct WhichRuns {
    /// Run IDs, beginnings of run IDs, or "latest"
    #[arg(value_name = "RUN_ID", required_unless_present = "run_flags")]
    runs: Vec<String>,
    /// MLflow's spelling of RUN_ID
    #[arg(id = "run_flags", long = "run-id", short = 'r', value_name = "ID", hide = true)]
    flags: Vec<String>,
}

impl WhichRuns {
    /// Returns what was given.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.runs.iter().chain(&self.flags).map(String::as_str)
    }
}

/// Selects an experiment.
#[derive(Clone, Debug, Args)]
pub(crate) struct WhichExperiment {
    /// Name or ID of the experiment
    #[arg(
        value_name = "EXPERIMENT",
        required_unless_present_any = ["experiment_id_flag", "experiment_name_flag"]
    )]
    pub(crate) experiment: Option<String>,
    /// ID of the experiment, in MLflow's spelling
    #[arg(
        id = "experiment_id_flag",
        long = "experiment-id",
        short = 'x',
        value_name = "ID",
        hide = true,
        conflicts_with_all = ["experiment", "experiment_name_flag"]
    )]
    pub(crate) id: Option<String>,
    /// Name of the experiment, in MLflow's spelling
    #[arg(
        id = "experiment_name_flag",
        long = "experiment-name",
        short = 'n',
        value_name = "NAME",
        hide = true,
        conflicts_with = "experiment"
    )]
    pub(crate) name: Option<String>,
}

/// Selects a model.
#[derive(Clone, Debug, Args)]
pub(crate) struct WhichModel {
    /// Model: a folder, runs:/RUN_ID/NAME, models:/NAME/VERSION, models:/NAME/STAGE or
    /// models:/NAME@ALIAS
    #[arg(value_name = "URI", required_unless_present = "model_flag")]
    model: Option<String>,
    /// MLflow's spelling of URI
    #[arg(
        id = "model_flag",
        long = "model-uri",
        short = 'm',
        value_name = "URI",
        hide = true,
        conflicts_with = "model"
    )]
    flag: Option<String>,
}

impl WhichModel {
    /// Names a model.
    pub(crate) const fn new(uri: String) -> Self {
        Self { model: Some(uri), flag: None }
    }

    /// Returns what was given.
    pub(crate) fn uri(&self) -> &str {
        self.model.as_deref().or(self.flag.as_deref()).unwrap_or_default()
    }
}
