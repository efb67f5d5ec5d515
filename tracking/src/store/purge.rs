//! What is deleted, and deleting it for good.

use crate::entity::{Experiment, RunInfo};
use crate::{ExperimentId, ModelId};

/// What a store holds in the deleted state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Deleted {
    /// Experiments, sorted by id.
    pub experiments: Vec<Experiment>,
    /// Runs, sorted by id.
    pub runs: Vec<RunInfo>,
    /// Logged models, sorted by id.
    pub models: Vec<DeletedModel>,
}

/// A logged model that no other method finds any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedModel {
    /// Its id.
    pub model_id: ModelId,
    /// The experiment that it belongs to.
    pub experiment_id: ExperimentId,
    /// Where its files are.
    pub artifact_uri: String,
}

impl Deleted {
    /// Brings everything into the order that the fields promise.
    pub(crate) fn sorted(mut self) -> Self {
        self.experiments.sort_by(|a, b| a.experiment_id.cmp(&b.experiment_id));
        self.runs.sort_by(|a, b| a.run_id.cmp(&b.run_id));
        self.models.sort_by(|a, b| a.model_id.cmp(&b.model_id));
        self
    }
}
