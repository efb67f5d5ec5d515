//! Experiments in folders.

use super::FileStore;
use super::document::{self, ExperimentDocument, META};
use super::folder::{self, Kind};
use super::layout::{self, TRASH};
use super::write;
use crate::entity::{Experiment, LifecycleStage, Tag};
use crate::store::location::{absolute_location, location_path, path_uri};
use crate::store::{Millis, NewExperiment};
use crate::{Error, ExperimentId, ExperimentName, Key, Result, RunId, Thing, rules};
use std::fs;
use std::path::Path;

impl FileStore {
    /// Makes the store's folder with the experiment that every store has.
    pub(super) fn make_default_experiment(&self, now: Millis) -> Result<()> {
        write::make_folder(self.root())?;
        let _lock = self.lock();
        let id = ExperimentId::default_experiment();
        if self.layout.active(&id).join(META).exists() {
            return Ok(());
        }
        write::make_folder(&self.root().join(TRASH))?;
        self.write_experiment(&self.new_experiment(id, "Default", None, now))
    }

    pub(super) fn make_experiment(&self, new: &NewExperiment) -> Result<ExperimentId> {
        new.tags.iter().try_for_each(rules::reject_long_experiment_tag)?;
        rules::reject_invalid_location(new.artifact_location.as_deref())?;
        let _lock = self.lock();
        self.reject_taken_name(&new.name)?;
        let id = ExperimentId::random();
        let place = new.artifact_location.as_deref();
        let experiment = self.new_experiment(id.clone(), new.name.as_str(), place, new.time);
        let home = self.layout.active(&id);
        write::make_folder(&home)?;
        for tag in &new.tags {
            write::replace(&home, &folder::value_path(&home, Kind::Tag, &tag.key), &tag.value)?;
        }
        // The document comes last: with it the experiment is there.
        self.write_experiment(&experiment)?;
        Ok(id)
    }

    fn new_experiment(
        &self,
        id: ExperimentId,
        name: &str,
        artifact_location: Option<&str>,
        now: Millis,
    ) -> Experiment {
        let below_root = || match &self.artifact_root {
            Some(root) => format!("{}/{id}", root.trim_end_matches('/')),
            None => path_uri(&self.layout.active(&id)),
        };
        Experiment {
            artifact_location: artifact_location.map_or_else(below_root, absolute_location),
            experiment_id: id,
            name: name.to_owned(),
            lifecycle_stage: LifecycleStage::Active,
            last_update_time: now,
            creation_time: now,
            tags: Vec::new(),
        }
    }

    fn write_experiment(&self, experiment: &Experiment) -> Result<()> {
        let home = self.layout.active(&experiment.experiment_id);
        write::make_folder(&home)?;
        // A folder that is there tells artifacts kept apart from a store that was moved.
        if self.artifact_root.is_some()
            && let Some(folder) = location_path(&experiment.artifact_location)
        {
            write::make_folder(&folder)?;
        }
        let text = document::print(&ExperimentDocument::from_entity(experiment))?;
        write::replace(&home, &home.join(META), &text)
    }

    /// Reads the experiment in a folder.
    pub(super) fn read_experiment(&self, home: &Path) -> Result<Experiment> {
        let Some(document) = document::read::<ExperimentDocument>(home)? else {
            let name = home.file_name().unwrap_or_default().to_string_lossy();
            return Err(Error::ExperimentNotFound(ExperimentId::parse(name)?));
        };
        let mut experiment = document.entity(home)?;
        experiment.artifact_location = self.layout.settle_home(home, &experiment.artifact_location);
        if home.parent().is_some_and(|parent| parent.ends_with(TRASH)) {
            experiment.lifecycle_stage = LifecycleStage::Deleted;
        }
        experiment.tags = folder::pairs(home, Kind::Tag, Tag::new)?;
        Ok(experiment)
    }

    /// Reads all experiments; one that is broken is logged and left out.
    pub(super) fn all_experiments(&self) -> Result<Vec<Experiment>> {
        let readable = |home: std::path::PathBuf| {
            self.read_experiment(&home)
                .inspect_err(|error| tracing::warn!(%error, "skipping an experiment"))
                .ok()
        };
        Ok(self.layout.experiments()?.into_iter().filter_map(readable).collect())
    }

    /// Finds an active experiment, to change it.
    pub(super) fn active_experiment(&self, id: &ExperimentId) -> Result<Experiment> {
        let experiment = self.read_experiment(&self.layout.experiment(id)?)?;
        rules::require_active_experiment(&experiment)?;
        Ok(experiment)
    }

    fn reject_taken_name(&self, name: &ExperimentName) -> Result<()> {
        rules::reject_taken_name(name, self.all_experiments()?.iter())
    }

    pub(super) fn rename(
        &self,
        id: &ExperimentId,
        name: &ExperimentName,
        now: Millis,
    ) -> Result<()> {
        let _lock = self.lock();
        self.active_experiment(id)?;
        self.reject_taken_name(name)?;
        self.rewrite(&self.layout.active(id), |document| {
            document.name = name.to_string();
            document.last_update_time = Some(now);
        })
    }

    /// Moves an experiment to or from the trash, with all its runs.
    pub(super) fn set_experiment_stage(
        &self,
        id: &ExperimentId,
        stage: LifecycleStage,
        now: Millis,
    ) -> Result<()> {
        let _lock = self.lock();
        let home = self.layout.experiment(id)?;
        rules::require_other_stage(&self.read_experiment(&home)?, stage)?;
        let target = match stage {
            LifecycleStage::Deleted => self.layout.trashed(id),
            LifecycleStage::Active => self.layout.active(id),
        };
        if home != target {
            write::make_folder(&self.root().join(TRASH))?;
            fs::rename(&home, &target).map_err(|error| write::failed(&target, error))?;
        }
        // The move settles it; what follows can be done again after a kill.
        self.rewrite(&target, |document| {
            document.lifecycle_stage = Some(stage.as_str().to_owned());
            document.last_update_time = Some(now);
        })?;
        let deleted_time = (stage == LifecycleStage::Deleted).then_some(now);
        for name in layout::run_names(&target)? {
            let Ok(run) = RunId::parse(name) else { continue };
            if let Err(error) = self.set_run_stage(&run, stage, deleted_time) {
                tracing::warn!(%error, run.id = %run, "a run keeps its stage");
            }
        }
        Ok(())
    }

    fn rewrite(&self, home: &Path, change: impl FnOnce(&mut ExperimentDocument)) -> Result<()> {
        let Some(mut document) = document::read_whole::<ExperimentDocument>(home)? else {
            let path = home.join(META);
            return Err(Error::Corrupt { path, why: "it is missing".to_owned() });
        };
        change(&mut document);
        write::replace(home, &home.join(META), &document::print(&document)?)
    }

    pub(super) fn put_experiment_tag(&self, id: &ExperimentId, tag: &Tag) -> Result<()> {
        rules::reject_long_experiment_tag(tag)?;
        self.active_experiment(id)?;
        let home = self.layout.active(id);
        write::replace(&home, &folder::value_path(&home, Kind::Tag, &tag.key), &tag.value)
    }

    pub(super) fn remove_experiment_tag(&self, id: &ExperimentId, key: &Key) -> Result<()> {
        self.active_experiment(id)?;
        let home = self.layout.active(id);
        write::remove(&home, &folder::value_path(&home, Kind::Tag, key), || Error::TagNotFound {
            key: key.to_string(),
            owner: Thing::Experiment(id.clone()),
        })
    }
}
