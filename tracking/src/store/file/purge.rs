//! Deleting for good, in folders.

use super::FileStore;
use super::document::{self, META, ModelDocument, RunDocument};
use super::layout::{self, MODELS};
use super::write;
use crate::entity::LifecycleStage;
use crate::store::{Deleted, DeletedModel, Millis, PurgeStore};
use crate::{Error, ExperimentId, ModelId, Result, RunId};
use std::fs;
use std::io;
use std::path::Path;

impl PurgeStore for FileStore {
    fn deleted(&self, before: Option<Millis>) -> Result<Deleted> {
        let is_due = |time: Millis| before.is_none_or(|before| time <= before);
        let mut deleted = Deleted::default();
        for home in self.layout.experiments()? {
            let read = self.read_experiment(&home);
            let Ok(experiment) = read.inspect_err(|error| {
                tracing::warn!(%error, "skipping an experiment");
            }) else {
                continue;
            };
            self.deleted_runs(&home, is_due, &mut deleted)?;
            self.deleted_models(&home, is_due, &mut deleted)?;
            let is_deleted = experiment.lifecycle_stage == LifecycleStage::Deleted;
            if is_deleted && is_due(experiment.last_update_time) {
                deleted.experiments.push(experiment);
            }
        }
        Ok(deleted.sorted())
    }

    fn purge_run(&self, id: &RunId) -> Result<()> {
        let (folder, info, _held) = self.locked_run(id)?;
        if info.lifecycle_stage == LifecycleStage::Active {
            return Err(Error::NotDeleted { what: format!("run `{id}`") });
        }
        self.open.forget(id);
        remove_with_document_last(&folder)
    }

    fn purge_experiment(&self, id: &ExperimentId) -> Result<()> {
        let _lock = self.lock();
        let home = self.layout.experiment(id)?;
        if self.read_experiment(&home)?.lifecycle_stage == LifecycleStage::Active {
            return Err(Error::NotDeleted { what: format!("experiment `{id}`") });
        }
        remove_with_document_last(&home)
    }

    fn purge_logged_model(&self, id: &ModelId) -> Result<()> {
        let folder = self.layout.find_model(id)?;
        let _held = write::lock_folder(&folder).map_err(|error| write::failed(&folder, error))?;
        match document::read::<ModelDocument>(&folder)? {
            None => Err(Error::ModelNotFound(id.clone())),
            Some(document) if !document.is_deleted() => {
                Err(Error::NotDeleted { what: format!("logged model `{id}`") })
            }
            Some(_) => remove_with_document_last(&folder),
        }
    }
}

impl FileStore {
    fn deleted_runs(
        &self,
        home: &Path,
        is_due: impl Fn(Millis) -> bool,
        deleted: &mut Deleted,
    ) -> Result<()> {
        for name in layout::run_names(home)? {
            let folder = home.join(&name);
            let document: Option<RunDocument> = match document::read(&folder) {
                Ok(document) => document,
                Err(error) => {
                    tracing::warn!(%error, "skipping a run");
                    continue;
                }
            };
            // A run of an old MLflow does not know when it was deleted: long ago.
            let time = document.as_ref().and_then(|run| run.deleted_time).unwrap_or(Millis::MIN);
            let Some(Ok(mut info)) = document.map(|run| run.entity(&folder)) else { continue };
            if info.lifecycle_stage == LifecycleStage::Deleted && is_due(time) {
                info.artifact_uri = self.layout.settle(&folder, &info.artifact_uri);
                deleted.runs.push(info);
            }
        }
        Ok(())
    }

    fn deleted_models(
        &self,
        home: &Path,
        is_due: impl Fn(Millis) -> bool,
        deleted: &mut Deleted,
    ) -> Result<()> {
        let parent = home.join(MODELS);
        for name in layout::folder_names(&parent)? {
            let folder = parent.join(name);
            let document: Option<ModelDocument> = match document::read(&folder) {
                Ok(document) => document,
                Err(error) => {
                    tracing::warn!(%error, "skipping a logged model");
                    continue;
                }
            };
            let document = document.filter(ModelDocument::is_deleted);
            let Some(Ok(model)) = document.map(|model| model.entity(&folder)) else { continue };
            if is_due(model.last_updated_timestamp) {
                deleted.models.push(DeletedModel {
                    artifact_uri: self.layout.settle(&folder, &model.artifact_uri),
                    model_id: model.model_id,
                    experiment_id: model.experiment_id,
                });
            }
        }
        Ok(())
    }
}

/// Removes a folder. Its document goes last, so that after a kill in between the thing is still
/// there, deleted, and the rest can be removed by doing it again.
fn remove_with_document_last(folder: &Path) -> Result<()> {
    let remove = || -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_name() == META {
                continue;
            }
            // Of a link, the link goes and never what it points to.
            match entry.file_type()?.is_dir() {
                true => fs::remove_dir_all(entry.path())?,
                false => fs::remove_file(entry.path())?,
            }
        }
        fs::remove_file(folder.join(META))?;
        match fs::symlink_metadata(folder)?.is_symlink() {
            true => fs::remove_file(folder),
            false => fs::remove_dir(folder),
        }
    };
    remove().map_err(|error| write::failed(folder, error))
}
