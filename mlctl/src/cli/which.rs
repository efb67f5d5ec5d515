//! What a command works on: named by its place on the command line, or by the flag that MLflow
//! has for it.

use clap::Args;

/// Which run.
#[derive(Clone, Debug, Args)]
pub(crate) struct WhichRun {
    /// The run's id, a beginning of it, or latest
    #[arg(value_name = "RUN_ID", required_unless_present = "run_flag")]
    run: Option<String>,
    /// The same, as MLflow has it
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

/// Which runs.
#[derive(Clone, Debug, Args)]
pub(crate) struct WhichRuns {
    /// The runs' ids, beginnings of them, or latest
    #[arg(value_name = "RUN_ID", required_unless_present = "run_flags")]
    runs: Vec<String>,
    /// The same, as MLflow has it
    #[arg(id = "run_flags", long = "run-id", short = 'r', value_name = "ID", hide = true)]
    flags: Vec<String>,
}

impl WhichRuns {
    /// Returns what was given.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.runs.iter().chain(&self.flags).map(String::as_str)
    }
}

/// Which experiment.
#[derive(Clone, Debug, Args)]
pub(crate) struct WhichExperiment {
    /// Its name or id
    #[arg(
        value_name = "EXPERIMENT",
        required_unless_present_any = ["experiment_id_flag", "experiment_name_flag"]
    )]
    pub(crate) experiment: Option<String>,
    /// Its id, as MLflow has it
    #[arg(
        id = "experiment_id_flag",
        long = "experiment-id",
        short = 'x',
        value_name = "ID",
        hide = true,
        conflicts_with_all = ["experiment", "experiment_name_flag"]
    )]
    pub(crate) id: Option<String>,
    /// Its name, as MLflow has it
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

/// Which model.
#[derive(Clone, Debug, Args)]
pub(crate) struct WhichModel {
    /// The model: a folder, runs:/ID/NAME, models:/NAME/VERSION-OR-STAGE or models:/NAME@ALIAS
    #[arg(value_name = "URI", required_unless_present = "model_flag")]
    model: Option<String>,
    /// The same, as MLflow has it
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
