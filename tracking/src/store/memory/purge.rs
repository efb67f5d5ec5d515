//! Deleting for good, in memory.

use super::State;
use crate::entity::{LifecycleStage, LoggedModel};
use crate::store::{Deleted, DeletedModel, Millis};
use crate::{Error, ExperimentId, ModelId, Result, RunId};

impl State {
    pub(super) fn deleted(&self, before: Option<Millis>) -> Deleted {
        let is_due = |time: Millis| before.is_none_or(|before| time <= before);
        let experiments = self.experiments.values().filter(|one| {
            one.lifecycle_stage == LifecycleStage::Deleted && is_due(one.last_update_time)
        });
        let runs = self.runs.values().filter(|state| {
            state.run.info.lifecycle_stage == LifecycleStage::Deleted && is_due(state.deleted_time)
        });
        let models = self.deleted_models.values().filter(|one| is_due(one.last_updated_timestamp));
        Deleted {
            experiments: experiments.cloned().collect(),
            runs: runs.map(|state| state.run.info.clone()).collect(),
            models: models.map(deleted_model).collect(),
        }
        .sorted()
    }

    pub(super) fn purge_run(&mut self, id: &RunId) -> Result<()> {
        if self.run(id)?.run.info.lifecycle_stage == LifecycleStage::Active {
            return Err(Error::NotDeleted { what: format!("run `{id}`") });
        }
        self.runs.remove(id);
        Ok(())
    }

    pub(super) fn purge_model(&mut self, id: &ModelId) -> Result<()> {
        if self.models.contains_key(id) {
            return Err(Error::NotDeleted { what: format!("logged model `{id}`") });
        }
        let gone = self.deleted_models.remove(id);
        gone.map(drop).ok_or_else(|| Error::ModelNotFound(id.clone()))
    }

    pub(super) fn purge_experiment(&mut self, id: &ExperimentId) -> Result<()> {
        if self.experiment(id)?.lifecycle_stage == LifecycleStage::Active {
            return Err(Error::NotDeleted { what: format!("experiment `{id}`") });
        }
        self.experiments.remove(id);
        self.runs.retain(|_, state| &state.run.info.experiment_id != id);
        self.models.retain(|_, model| &model.experiment_id != id);
        self.deleted_models.retain(|_, model| &model.experiment_id != id);
        Ok(())
    }
}

fn deleted_model(model: &LoggedModel) -> DeletedModel {
    DeletedModel {
        model_id: model.model_id.clone(),
        experiment_id: model.experiment_id.clone(),
        artifact_uri: model.artifact_uri.clone(),
    }
}
