//! Logged models in memory.

use super::{MemoryStore, remove_tag, set_param, set_tag};
use crate::entity::{LoggedModel, LoggedModelStatus, Param, Tag};
use crate::search::{self, LoggedModelQuery, Page};
use crate::store::{LoggedModelStore, Millis, NewLoggedModel};
use crate::{Key, ModelId, Result, Thing, name, rules};

impl LoggedModelStore for MemoryStore {
    fn create_logged_model(&self, new: &NewLoggedModel) -> Result<LoggedModel> {
        new.name.as_deref().map_or(Ok(()), rules::reject_invalid_model_name)?;
        rules::reject_too_many_model_pairs(&new.params, &new.tags)?;
        let mut state = self.state();
        let experiment = state.active_experiment(&new.experiment_id)?;
        let model_id = ModelId::random();
        let mut model = LoggedModel {
            artifact_uri: format!(
                "{}/models/{model_id}/artifacts",
                experiment.artifact_location.trim_end_matches('/')
            ),
            model_id: model_id.clone(),
            experiment_id: new.experiment_id.clone(),
            name: new.name.clone().unwrap_or_else(name::make_up),
            creation_timestamp: new.time,
            last_updated_timestamp: new.time,
            status: LoggedModelStatus::Pending,
            status_message: None,
            model_type: new.model_type.clone(),
            source_run_id: new.source_run_id.clone(),
            tags: Vec::new(),
            params: Vec::new(),
            metrics: Vec::new(),
        };
        new.tags.iter().for_each(|tag| set_tag(&mut model.tags, tag));
        new.params.iter().for_each(|param| set_param(&mut model.params, param));
        state.models.insert(model_id, model.clone());
        Ok(model)
    }

    fn logged_model(&self, id: &ModelId) -> Result<LoggedModel> {
        self.state().model(id).cloned()
    }

    fn finalize_logged_model(
        &self,
        id: &ModelId,
        status: LoggedModelStatus,
        now: Millis,
    ) -> Result<LoggedModel> {
        let mut state = self.state();
        let model = state.model(id)?;
        model.status = status;
        model.last_updated_timestamp = now;
        Ok(model.clone())
    }

    fn delete_logged_model(&self, id: &ModelId, now: Millis) -> Result<()> {
        let mut state = self.state();
        let mut model = state.model(id)?.clone();
        model.last_updated_timestamp = now;
        state.models.remove(id);
        state.deleted_models.insert(id.clone(), model);
        Ok(())
    }

    fn log_model_params(&self, id: &ModelId, params: &[Param]) -> Result<()> {
        rules::reject_too_many_model_pairs(params, &[])?;
        let mut state = self.state();
        let model = state.model(id)?;
        for param in params {
            let known = model.params.iter().find(|old| old.key == param.key);
            rules::reject_changed_model_param(known.map(|old| old.value.as_str()), param)?;
        }
        params.iter().for_each(|param| set_param(&mut model.params, param));
        Ok(())
    }

    fn set_model_tags(&self, id: &ModelId, tags: &[Tag]) -> Result<()> {
        rules::reject_too_many_model_pairs(&[], tags)?;
        let mut state = self.state();
        let model = state.model(id)?;
        tags.iter().for_each(|tag| set_tag(&mut model.tags, tag));
        Ok(())
    }

    fn add_model_version(&self, id: &ModelId, name: &str, version: u32) -> Result<()> {
        let mut state = self.state();
        let tags = &mut state.model(id)?.tags;
        let known = tags.iter().find(|tag| tag.key.as_str() == rules::tag::MODEL_VERSIONS);
        if let Some(tag) =
            rules::add_model_version(known.map(|tag| tag.value.as_str()), name, version)?
        {
            set_tag(tags, &tag);
        }
        Ok(())
    }

    fn delete_model_tag(&self, id: &ModelId, key: &Key) -> Result<()> {
        let mut state = self.state();
        remove_tag(&mut state.model(id)?.tags, key, || Thing::Model(id.clone()))
    }

    fn search_logged_models(&self, query: &LoggedModelQuery) -> Result<Page<LoggedModel>> {
        let state = self.state();
        let wanted =
            state.models.values().filter(|one| query.experiment_ids.contains(&one.experiment_id));
        search::select_logged_models(query, wanted.cloned())
    }
}
