//! What is deleted, and deleting it for good.

use crate::entity::{Experiment, RunInfo};
use crate::store::Millis;
use crate::{Error, ExperimentId, ModelId, Result, RunId};

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

/// Deletes permanently what is in the deleted state.
///
/// A store that only marks things as deleted takes the provided methods, which answer
/// [`Error::Unsupported`]; one that purges replaces all four of them.
pub trait PurgeStore {
    /// Lists what is in the deleted state since `before` or longer; all of it when not given.
    ///
    /// A deleted run that does not know since when may be left out when `before` is given.
    fn deleted(&self, _before: Option<Millis>) -> Result<Deleted> {
        Err(no_purge())
    }

    /// Deletes a deleted run for good. Its artifacts stay where they are, unless the store keeps
    /// them with it.
    ///
    /// # Errors
    /// [`Error::NotDeleted`] when it is active.
    fn purge_run(&self, _id: &RunId) -> Result<()> {
        Err(no_purge())
    }

    /// Deletes a deleted experiment for good, with all its runs and logged models, active ones
    /// included. Artifacts stay as with [`Self::purge_run`].
    ///
    /// # Errors
    /// [`Error::NotDeleted`] when it is active.
    fn purge_experiment(&self, _id: &ExperimentId) -> Result<()> {
        Err(no_purge())
    }

    /// Deletes a deleted logged model for good. Artifacts stay as with [`Self::purge_run`].
    ///
    /// # Errors
    /// [`Error::NotDeleted`] when it is active.
    fn purge_logged_model(&self, _id: &ModelId) -> Result<()> {
        Err(no_purge())
    }
}

fn no_purge() -> Error {
    let message = "this store cannot delete permanently: run `mlctl gc` on the machine that \
                   stores its data";
    Error::Unsupported(message.to_owned())
}

impl Deleted {
    /// Brings everything into the order that the fields promise.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        self.experiments.sort_by(|a, b| a.experiment_id.cmp(&b.experiment_id));
        self.runs.sort_by(|a, b| a.run_id.cmp(&b.run_id));
        self.models.sort_by(|a, b| a.model_id.cmp(&b.model_id));
        self
    }
}
