//! Logged models in folders.

use super::FileStore;
use super::document::{self, META, ModelDocument};
use super::folder::{self, Kind};
use super::layout::{self, ARTIFACTS, MODELS};
use super::runs::model_artifact_uri;
use super::write::{self, Changes};
use crate::entity::{LoggedModel, LoggedModelStatus, Param, Tag};
use crate::search::{self, LoggedModelQuery, Page};
use crate::store::{LoggedModelStore, Millis, NewLoggedModel};
use crate::{Error, ExperimentId, Key, ModelId, Result, Thing, name, rules};
use std::fs::File;
use std::path::{Path, PathBuf};

impl LoggedModelStore for FileStore {
    fn create_logged_model(&self, new: &NewLoggedModel) -> Result<LoggedModel> {
        new.name.as_deref().map_or(Ok(()), rules::reject_invalid_model_name)?;
        rules::reject_too_many_model_pairs(&new.params, &new.tags)?;
        let experiment = self.active_experiment(&new.experiment_id)?;
        let id = ModelId::random();
        let home = self.layout.active(&new.experiment_id);
        let folder = home.join(MODELS).join(id.as_str());
        let location = &experiment.artifact_location;
        let model = LoggedModel {
            artifact_uri: model_artifact_uri(&home, location, id.as_str()),
            model_id: id.clone(),
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
        write::make_one_folder(&home.join(MODELS))?;
        write::make_one_folder(&folder)?;
        for part in [Kind::Metric.folder(), Kind::Param.folder(), ARTIFACTS] {
            write::make_one_folder(&folder.join(part))?;
        }
        for (kind, key, value) in params_and_tags(new) {
            write::replace(&folder, &folder::value_path(&folder, kind, key), value)?;
        }
        // The document comes last: with it the model is there.
        let text = document::print(&ModelDocument::from_entity(&model))?;
        write::replace(&folder, &folder.join(META), &text)?;
        self.logged_model(&id)
    }

    fn logged_model(&self, id: &ModelId) -> Result<LoggedModel> {
        let folder = self.layout.find_model(id)?;
        self.read_model_in(&folder)?.ok_or_else(|| Error::ModelNotFound(id.clone()))
    }

    fn finalize_logged_model(
        &self,
        id: &ModelId,
        status: LoggedModelStatus,
        now: Millis,
    ) -> Result<LoggedModel> {
        self.change_model(id, |document| document.change(Some(status), false, now))?;
        self.logged_model(id)
    }

    fn delete_logged_model(&self, id: &ModelId, now: Millis) -> Result<()> {
        self.change_model(id, |document| document.change(None, true, now))
    }

    fn log_model_params(&self, id: &ModelId, params: &[Param]) -> Result<()> {
        rules::reject_too_many_model_pairs(params, &[])?;
        let (folder, _held) = self.held_model(id)?;
        for param in params {
            let known = folder::read_value(&folder, Kind::Param, param.key.as_str())?;
            rules::reject_changed_model_param(known.as_deref(), param)?;
        }
        let pairs = params.iter().map(|param| (&param.key, param.value.as_str()));
        put_pairs(&folder, Kind::Param, pairs)
    }

    fn set_model_tags(&self, id: &ModelId, tags: &[Tag]) -> Result<()> {
        rules::reject_too_many_model_pairs(&[], tags)?;
        let (folder, _held) = self.held_model(id)?;
        put_pairs(&folder, Kind::Tag, tags.iter().map(|tag| (&tag.key, tag.value.as_str())))
    }

    fn add_model_version(&self, id: &ModelId, name: &str, version: u32) -> Result<()> {
        let (folder, _held) = self.held_model(id)?;
        let known = folder::read_value(&folder, Kind::Tag, rules::tag::MODEL_VERSIONS)?;
        match rules::add_model_version(known.as_deref(), name, version)? {
            Some(tag) => write::replace(
                &folder,
                &folder::value_path(&folder, Kind::Tag, &tag.key),
                &tag.value,
            ),
            None => Ok(()),
        }
    }

    fn delete_model_tag(&self, id: &ModelId, key: &Key) -> Result<()> {
        let (folder, _held) = self.held_model(id)?;
        write::remove(&folder, &folder::value_path(&folder, Kind::Tag, key), || {
            Error::TagNotFound { key: key.to_string(), owner: Thing::Model(id.clone()) }
        })
    }

    fn search_logged_models(&self, query: &LoggedModelQuery) -> Result<Page<LoggedModel>> {
        search::select_logged_models(query, self.models_of(&query.experiment_ids)?.into_iter())
    }
}

impl FileStore {
    /// Reads the model in a folder; `None` when it is deleted.
    fn read_model_in(&self, folder: &Path) -> Result<Option<LoggedModel>> {
        let document: Option<ModelDocument> = document::read(folder)?;
        let Some(document) = document.filter(|document| !document.is_deleted()) else {
            return Ok(None);
        };
        let mut model = document.entity(folder)?;
        model.artifact_uri = self.layout.settle(folder, &model.artifact_uri);
        model.tags = folder::pairs(folder, Kind::Tag, Tag::new)?;
        model.params = folder::pairs(folder, Kind::Param, Param::new)?;
        model.metrics = folder::model_metrics(folder, &model.model_id)?;
        Ok(Some(model))
    }

    /// Reads the models of some experiments; one that is broken is logged and left out.
    fn models_of(&self, experiments: &[ExperimentId]) -> Result<Vec<LoggedModel>> {
        let mut models = Vec::new();
        for id in experiments {
            let Ok(home) = self.layout.experiment(id) else { continue };
            let folder = home.join(MODELS);
            for name in layout::folder_names(&folder)? {
                match self.read_model_in(&folder.join(name)) {
                    Ok(model) => models.extend(model),
                    Err(error) => tracing::warn!(%error, "skipping a logged model"),
                }
            }
        }
        Ok(models)
    }

    fn change_model(&self, id: &ModelId, change: impl FnOnce(&mut ModelDocument)) -> Result<()> {
        let folder = self.layout.find_model(id)?;
        let _held = write::lock_folder(&folder).map_err(|error| write::failed(&folder, error))?;
        let document: Option<ModelDocument> = document::read_whole(&folder)?;
        let document = document.filter(|document| !document.is_deleted());
        let mut document = document.ok_or_else(|| Error::ModelNotFound(id.clone()))?;
        change(&mut document);
        write::replace(&folder, &folder.join(META), &document::print(&document)?)
    }

    /// Finds the folder of a model that is not deleted, and locks it: whoever changes the model
    /// meanwhile waits.
    fn held_model(&self, id: &ModelId) -> Result<(PathBuf, File)> {
        let folder = self.layout.find_model(id)?;
        let held = write::lock_folder(&folder).map_err(|error| write::failed(&folder, error))?;
        let document: Option<ModelDocument> = document::read(&folder)?;
        match document {
            Some(document) if !document.is_deleted() => Ok((folder, held)),
            _ => Err(Error::ModelNotFound(id.clone())),
        }
    }
}

fn put_pairs<'a>(
    folder: &Path,
    kind: Kind,
    pairs: impl Iterator<Item = (&'a Key, &'a str)>,
) -> Result<()> {
    let mut changes = Changes::default();
    for (key, value) in pairs {
        changes.replace(folder, folder::value_path(folder, kind, key), value)?;
    }
    changes.keep();
    Ok(())
}

fn params_and_tags(new: &NewLoggedModel) -> impl Iterator<Item = (Kind, &Key, &str)> {
    let params = new.params.iter().map(|one| (Kind::Param, &one.key, one.value.as_str()));
    params.chain(new.tags.iter().map(|one| (Kind::Tag, &one.key, one.value.as_str())))
}
