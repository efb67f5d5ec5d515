//! MLflow's `mlruns/` folders, read and written in place, with an index beside them.
//!
//! What MLflow's file store wrote opens here, and it opens what is written here. The folders are
//! the truth; see the private module `index` for what `.mlctl.db` adds. A change becomes visible
//! by one rename or one append; a batch that fails half-way is taken back. Of a process that is
//! killed inside a batch, the parts written before may stay, as nothing was acknowledged.

mod beneath;
mod document;
mod experiments;
mod facts;
mod folder;
mod index;
mod layout;
mod line;
mod models;
mod open;
mod purge;
mod runs;
mod write;

use super::{
    Batch, HistoryPage, Millis, NewExperiment, NewRun, RunChange, TrackingStore, select_history,
};
use crate::entity::{
    DatasetInput, DatasetSummary, Experiment, LifecycleStage, LoggedModelInput, LoggedModelOutput,
    Metric, Run, RunInfo, Tag,
};
use crate::search::{self, ExperimentQuery, Page, RunQuery};
use crate::store::location::absolute_location;
pub use crate::store::location::holds_anything;
use crate::{Clock, Error, ExperimentId, ExperimentName, Key, Result, RunId, rules};
use index::Index;
use layout::Layout;
use mlctl_artifacts::{ArtifactStore, Locations};
use open::OpenRuns;
use runs::RunCache;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
pub use write::UNFINISHED;

/// A tracking store in an `mlruns/` folder.
///
/// Several processes, MLflow's own among them, may use one folder at a time.
#[derive(Debug)]
pub struct FileStore {
    layout: Layout,
    index: Index,
    cache: RunCache,
    open: OpenRuns,
    artifact_root: Option<String>,
    locations: Locations,
}

/// How to open a folder.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The folder or URI below which the artifacts of new experiments go; their own folders in the
    /// store when not given.
    pub artifact_root: Option<String>,
    /// Whether what is recorded as `mlflow-artifacts:` lies outside of the store, where
    /// [`FileStore::with_locations`] finds it; else it is taken to be inside.
    pub has_destination: bool,
    /// What tells when the experiment `Default` is made.
    pub clock: Clock,
}

impl FileStore {
    /// Opens the folder, and makes it with the experiment `Default` when it does not exist or is
    /// empty.
    ///
    /// A folder that cannot be written is opened for reading.
    ///
    /// # Errors
    /// [`Error::Backend`] when the folder does not exist and cannot be made, or is no folder;
    /// [`Error::Invalid`] when its path is not UTF-8, which MLflow's files cannot spell.
    pub fn open(root: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(root, &Options::default())
    }

    /// Opens a folder like [`Self::open`], with a place for artifacts of choice.
    ///
    /// # Errors
    /// Like [`Self::open`].
    pub fn open_with(root: impl AsRef<Path>, options: &Options) -> Result<Self> {
        let root = absolute(root.as_ref())?;
        if root.to_str().is_none() {
            return Err(Error::invalid("store", &root.to_string_lossy(), "its path must be UTF-8"));
        }
        let is_new = !holds_anything(&root);
        let locations = Locations::default().beneath(&root);
        let layout = match options.has_destination {
            true => Layout::new(root).with_destination(),
            false => Layout::new(root),
        };
        let store = Self {
            layout,
            index: Index::new(),
            cache: RunCache::default(),
            open: OpenRuns::default(),
            artifact_root: options.artifact_root.as_deref().map(absolute_location),
            locations,
        };
        if is_new {
            store.make_default_experiment(options.clock.now())?;
        } else if !store.layout.root().is_dir() {
            let message = format!("`{}` is a file; a store is a folder", store.root().display());
            return Err(Error::backend(message, "not a folder"));
        }
        Ok(store)
    }

    /// Reaches artifacts in object stores through `locations`.
    #[must_use]
    pub fn with_locations(self, locations: Locations) -> Self {
        Self { locations: locations.beneath(self.layout.root()), ..self }
    }

    /// Returns the store's folder, an absolute path.
    pub fn root(&self) -> &Path {
        self.layout.root()
    }

    /// Keeps others from changing the set of experiments until the lock is dropped. A file system
    /// that cannot lock goes without.
    fn lock(&self) -> Option<File> {
        let folder = File::open(self.root()).ok()?;
        folder.lock().ok()?;
        Some(folder)
    }
}

fn absolute(path: &Path) -> Result<PathBuf> {
    let made = fs::canonicalize(path).or_else(|_| std::path::absolute(path));
    made.map_err(|error| {
        Error::backend(format!("cannot use the folder `{}`", path.display()), error)
    })
}

impl TrackingStore for FileStore {
    fn create_experiment(&self, new: &NewExperiment) -> Result<ExperimentId> {
        self.make_experiment(new)
    }

    fn experiment(&self, id: &ExperimentId) -> Result<Experiment> {
        self.read_experiment(&self.layout.experiment(id)?)
    }

    fn experiment_by_name(&self, name: &str) -> Result<Experiment> {
        let found = rules::find_experiment_by_name(name, self.all_experiments()?);
        found.ok_or_else(|| Error::ExperimentNameNotFound(name.to_owned()))
    }

    fn rename_experiment(
        &self,
        id: &ExperimentId,
        name: &ExperimentName,
        now: Millis,
    ) -> Result<()> {
        self.rename(id, name, now)
    }

    fn delete_experiment(&self, id: &ExperimentId, now: Millis) -> Result<()> {
        self.set_experiment_stage(id, LifecycleStage::Deleted, now)
    }

    fn restore_experiment(&self, id: &ExperimentId, now: Millis) -> Result<()> {
        self.set_experiment_stage(id, LifecycleStage::Active, now)
    }

    fn set_experiment_tag(&self, id: &ExperimentId, tag: &Tag) -> Result<()> {
        self.put_experiment_tag(id, tag)
    }

    fn delete_experiment_tag(&self, id: &ExperimentId, key: &Key) -> Result<()> {
        self.remove_experiment_tag(id, key)
    }

    fn search_experiments(&self, query: &ExperimentQuery) -> Result<Page<Experiment>> {
        search::select_experiments(query, self.all_experiments()?.into_iter())
    }

    fn create_run(&self, new: &NewRun) -> Result<Run> {
        self.make_run(new)
    }

    fn run(&self, id: &RunId) -> Result<Run> {
        let (folder, info) = self.run_info(id)?;
        folder::read_run(&folder, info)
    }

    fn update_run(&self, id: &RunId, change: &RunChange) -> Result<RunInfo> {
        self.change_run(id, change)
    }

    fn delete_run(&self, id: &RunId, now: Millis) -> Result<()> {
        self.set_run_stage(id, LifecycleStage::Deleted, Some(now))
    }

    fn restore_run(&self, id: &RunId) -> Result<()> {
        self.set_run_stage(id, LifecycleStage::Active, None)
    }

    fn log_batch(&self, id: &RunId, batch: &Batch) -> Result<()> {
        self.write_batch(id, batch)
    }

    fn delete_tag(&self, id: &RunId, key: &Key) -> Result<()> {
        self.remove_tag(id, key)
    }

    fn metric_history(&self, id: &RunId, key: &Key, page: &HistoryPage) -> Result<Page<Metric>> {
        let (folder, _) = self.run_info(id)?;
        select_history(folder::history(&folder, key)?, (id, key), page)
    }

    fn log_inputs(
        &self,
        id: &RunId,
        datasets: &[DatasetInput],
        models: &[LoggedModelInput],
    ) -> Result<()> {
        self.write_inputs(id, datasets, models)
    }

    fn log_outputs(&self, id: &RunId, models: &[LoggedModelOutput]) -> Result<()> {
        self.write_outputs(id, models)
    }

    fn log_model_history(&self, id: &RunId, model: &serde_json::Value) -> Result<()> {
        self.add_to_model_history(id, model)
    }

    fn search_datasets(&self, experiments: &[ExperimentId]) -> Result<Vec<DatasetSummary>> {
        self.datasets_of(experiments)
    }

    fn search_runs(&self, query: &RunQuery) -> Result<Page<Run>> {
        self.index.search(&self.layout, query)
    }

    fn artifacts(&self, location: &str) -> Result<Arc<dyn ArtifactStore>> {
        Ok(self.locations.open(location)?)
    }
}

#[cfg(test)]
mod tests;
