//! Deleting for good, in memory.

use super::{MemoryStore, State};
use crate::entity::{LifecycleStage, LoggedModel};
use crate::store::{Deleted, DeletedModel, Millis, PurgeStore};
use crate::{Error, ExperimentId, ModelId, Result, RunId};

impl PurgeStore for MemoryStore {
    fn deleted(&self, before: Option<Millis>) -> Result<Deleted> {
        Ok(self.state().deleted(before))
    }

    fn purge_run(&self, id: &RunId) -> Result<()> {
        self.state().purge_run(id)
    }

    fn purge_experiment(&self, id: &ExperimentId) -> Result<()> {
        self.state().purge_experiment(id)
    }

    fn purge_logged_model(&self, id: &ModelId) -> Result<()> {
        self.state().purge_model(id)
    }
}

impl State {
    fn deleted(&self, before: Option<Millis>) -> Deleted {
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

    fn purge_run(&mut self, id: &RunId) -> Result<()> {
        if self.run(id)?.run.info.lifecycle_stage == LifecycleStage::Active {
            return Err(Error::NotDeleted { what: format!("run `{id}`") });
        }
        self.runs.remove(id);
        Ok(())
    }

    fn purge_experiment(&mut self, id: &ExperimentId) -> Result<()> {
        if self.experiment(id)?.lifecycle_stage == LifecycleStage::Active {
            return Err(Error::NotDeleted { what: format!("experiment `{id}`") });
        }
        self.experiments.remove(id);
        self.runs.retain(|_, state| &state.run.info.experiment_id != id);
        self.models.retain(|_, model| &model.experiment_id != id);
        self.deleted_models.retain(|_, model| &model.experiment_id != id);
        Ok(())
    }

    fn purge_model(&mut self, id: &ModelId) -> Result<()> {
        if self.models.contains_key(id) {
            return Err(Error::NotDeleted { what: format!("logged model `{id}`") });
        }
        let gone = self.deleted_models.remove(id);
        gone.map(drop).ok_or_else(|| Error::ModelNotFound(id.clone()))
    }
}

fn deleted_model(model: &LoggedModel) -> DeletedModel {
    DeletedModel {
        model_id: model.model_id.clone(),
        experiment_id: model.experiment_id.clone(),
        artifact_uri: model.artifact_uri.clone(),
    }
}
