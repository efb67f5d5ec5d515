//! MLflow's own tables in one SQLite file, read and written in place.
//!
//! A new file is made at the schema of MLflow 3.17.2, whose server and client work on it as it is,
//! also at the same time. A file that MLflow made is used as it is: never migrated, and asked for
//! the tables that it has. One of a newer MLflow is written to as long as its tables take our rows. One thing differs from what MLflow would store: what
//! its table of logged models' metrics cannot hold goes to a table of our own.

mod columns;
mod database;
mod experiments;
mod facts;
mod found;
mod history;
mod links;
mod load;
mod load_models;
mod logged;
mod memory;
mod models;
mod purge;
mod runs;
mod schema;
mod search;
pub mod upgrade;

use super::location::{ArtifactHome, absolute_location, location_path};
use super::{
    Batch, Deleted, Done, HistoryPage, HistorySample, LoggedModelStore, Millis, NewExperiment,
    NewLoggedModel, NewRun, PurgeStore, RunChange, TrackingStore,
};
use crate::entity::{
    DatasetInput, DatasetSummary, Experiment, LifecycleStage, LoggedModel, LoggedModelInput,
    LoggedModelOutput, LoggedModelStatus, Metric, Param, Run, RunInfo, Tag,
};
use crate::search::{ExperimentQuery, LoggedModelQuery, Page, RunQuery};
use crate::series::{Series, SeriesQuery};
use crate::{Clock, Error, ExperimentId, ExperimentName, Key, ModelId, Result, RunId, rules};
use database::{Database, Session};
use memory::Memory;
use mlctl_artifacts::{ArtifactStore, Locations};
pub use mlctl_sqlite::Durability;
use std::borrow::Cow;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// How to open a file.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The folder or URI below which the artifacts of new experiments go; the folder `mlruns`
    /// beside the file when not given.
    pub artifact_root: Option<String>,
    /// What a change has survived when it is acknowledged.
    pub durability: Durability,
    /// What tells when the experiment `Default` is made.
    pub clock: Clock,
}

/// A tracking store in a SQLite file.
///
/// It can be shared between threads, and the file between processes, MLflow's own among them. A
/// lock of another process is waited for, up to a minute.
#[derive(Debug)]
pub struct SqliteStore {
    database: Database,
    /// What searches remember of runs.
    memory: Memory,
    artifact_root: String,
    home: ArtifactHome,
    locations: Locations,
}

impl SqliteStore {
    /// Opens a file in place; a missing file is made, with its folder and the experiment
    /// `Default`.
    ///
    /// # Errors
    /// [`Error::Backend`] when the file cannot be used or is no database, and
    /// [`Error::Unsupported`] when it lacks tables that only an upgrade can make.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, &Options::default())
    }

    /// Opens a file like [`Self::open`], with a place for artifacts and a durability of choice.
    ///
    /// # Errors
    /// Like [`Self::open`].
    pub fn open_with(path: impl AsRef<Path>, options: &Options) -> Result<Self> {
        let path = path.as_ref();
        let path = std::path::absolute(path).map_err(|error| unusable(path, error))?;
        let durability = options.durability;
        let database = mlctl_sqlite::Options { durability, ..mlctl_sqlite::Options::default() };
        Self::attach(&mlctl_sqlite::Database::new(path, database), options)
    }

    /// Keeps a store in a database that other stores share. How durable changes are is up to the
    /// database.
    ///
    /// # Errors
    /// Like [`Self::open`], and [`Error::Unsupported`] for a database in memory.
    pub fn attach(database: &mlctl_sqlite::Database, options: &Options) -> Result<Self> {
        let no_file = || Error::Unsupported("runs are not kept in a database in memory".to_owned());
        let path = database.path().ok_or_else(no_file)?;
        let path = std::path::absolute(path).map_err(|error| unusable(path, error))?;
        let folder = path.parent().unwrap_or(&path).to_owned();
        fs::create_dir_all(&folder).map_err(|error| unusable(&path, error))?;
        let artifact_root = match &options.artifact_root {
            Some(root) => absolute_location(root.trim_end_matches('/')),
            None => folder.join("mlruns").to_string_lossy().into_owned(),
        };
        let database = Database::attach(database, path.clone(), |conn, access| {
            schema::prepare(conn, &path, access, &artifact_root, options.clock.now())
        })?;
        let mlruns = || folder.join("mlruns");
        let home = ArtifactHome::new(location_path(&artifact_root).unwrap_or_else(mlruns));
        let (memory, locations) = (Memory::default(), Locations::default());
        Ok(Self { database, memory, artifact_root, home, locations })
    }

    /// Reaches artifacts in object stores through `locations`.
    #[must_use]
    pub fn with_locations(self, locations: Locations) -> Self {
        Self { locations, ..self }
    }

    /// Returns the file, an absolute path.
    pub fn path(&self) -> &Path {
        self.database.path()
    }
}

fn unusable(path: &Path, error: std::io::Error) -> Error {
    Error::backend(format!("cannot use the database `{}`", path.display()), error)
}

impl TrackingStore for SqliteStore {
    fn create_experiment(&self, new: &NewExperiment) -> Result<ExperimentId> {
        let (mut new, root) = (new.clone(), self.artifact_root.clone());
        new.artifact_location = new.artifact_location.as_deref().map(absolute_location);
        self.database
            .write("creating an experiment", move |db| experiments::create(db, &new, &root))
    }

    fn experiment(&self, id: &ExperimentId) -> Result<Experiment> {
        self.database.read("reading an experiment", |db| experiments::load_experiment(db, id))
    }

    fn experiment_by_name(&self, name: &str) -> Result<Experiment> {
        self.database.read("reading an experiment", |db| experiments::find_by_name(db, name))
    }

    fn rename_experiment(
        &self,
        id: &ExperimentId,
        name: &ExperimentName,
        now: Millis,
    ) -> Result<()> {
        let (id, name) = (id.clone(), name.clone());
        self.database
            .write("renaming an experiment", move |db| experiments::rename(db, &id, &name, now))
    }

    fn delete_experiment(&self, id: &ExperimentId, now: Millis) -> Result<()> {
        let id = id.clone();
        self.database.write("deleting an experiment", move |db| experiments::delete(db, &id, now))
    }

    fn restore_experiment(&self, id: &ExperimentId, now: Millis) -> Result<()> {
        let id = id.clone();
        self.database.write("restoring an experiment", move |db| experiments::restore(db, &id, now))
    }

    fn set_experiment_tag(&self, id: &ExperimentId, tag: &Tag) -> Result<()> {
        let (id, tag) = (id.clone(), tag.clone());
        self.database.write("tagging an experiment", move |db| experiments::set_tag(db, &id, &tag))
    }

    fn delete_experiment_tag(&self, id: &ExperimentId, key: &Key) -> Result<()> {
        let (id, key) = (id.clone(), key.clone());
        self.database.write("deleting a tag", move |db| experiments::delete_tag(db, &id, &key))
    }

    fn search_experiments(&self, query: &ExperimentQuery) -> Result<Page<Experiment>> {
        self.database.read("searching experiments", |db| experiments::search(db, query))
    }

    fn create_run(&self, new: &NewRun) -> Result<Run> {
        let new = new.clone();
        self.database.write("creating a run", move |db| runs::create(db, &new))
    }

    fn run(&self, id: &RunId) -> Result<Run> {
        self.database.read("reading a run", |db| load::run(db, id))
    }

    fn is_prompt(&self) -> bool {
        true
    }

    fn create_run_then(&self, new: NewRun, done: Done<Run>) {
        self.database.write_then("creating a run", move |db| runs::create(db, &new), done);
    }

    fn log_batch_then(&self, id: RunId, batch: Batch, done: Done<()>) {
        let cut = match rules::enforce_batch_limits(&batch) {
            Ok(Cow::Borrowed(_)) => None,
            Ok(Cow::Owned(cut)) => Some(cut),
            Err(error) => return done(Err(error)),
        };
        let batch = cut.unwrap_or(batch);
        let log = move |db: &Session<'_>| runs::log_batch(db, &id, &batch);
        self.database.write_then("logging to a run", log, done);
    }

    fn update_run(&self, id: &RunId, change: &RunChange) -> Result<RunInfo> {
        let (id, change) = (id.clone(), change.clone());
        self.database.write("changing a run", move |db| {
            runs::update(db, &id, &change)?;
            load::info(db, &id)
        })
    }

    fn delete_run(&self, id: &RunId, now: Millis) -> Result<()> {
        let id = id.clone();
        self.database.write("deleting a run", move |db| {
            runs::set_stage(db, &id, LifecycleStage::Deleted, Some(now))
        })
    }

    fn restore_run(&self, id: &RunId) -> Result<()> {
        let id = id.clone();
        self.database.write("restoring a run", move |db| {
            runs::set_stage(db, &id, LifecycleStage::Active, None)
        })
    }

    fn log_batch(&self, id: &RunId, batch: &Batch) -> Result<()> {
        let (id, batch) = (id.clone(), rules::enforce_batch_limits(batch)?.into_owned());
        self.database.write("logging to a run", move |db| runs::log_batch(db, &id, &batch))
    }

    fn delete_tag(&self, id: &RunId, key: &Key) -> Result<()> {
        let (id, key) = (id.clone(), key.clone());
        self.database.write("deleting a tag", move |db| runs::delete_tag(db, &id, &key))
    }

    fn metric_history(&self, id: &RunId, key: &Key, page: &HistoryPage) -> Result<Page<Metric>> {
        self.database.read("reading a metric", |db| history::read_points(db, id, key, page))
    }

    fn metric_history_sampled(
        &self,
        runs: &[RunId],
        key: &Key,
        sample: &HistorySample,
    ) -> Result<Vec<(RunId, Metric)>> {
        self.database.read("reading metrics", |db| {
            let mut found = Vec::new();
            for run in runs {
                let points = history::sampled(db, run, key, sample)?;
                found.extend(points.into_iter().map(|point| (run.clone(), point)));
            }
            Ok(found)
        })
    }

    fn series(&self, id: &RunId, key: &Key, query: &SeriesQuery) -> Result<Series> {
        query.check()?;
        let points = self.database.read("reading a metric", |db| history::logged(db, id, key))?;
        Series::of(points, query)
    }

    fn log_inputs(
        &self,
        id: &RunId,
        datasets: &[DatasetInput],
        models: &[LoggedModelInput],
    ) -> Result<()> {
        rules::reject_oversized_datasets(datasets)?;
        let (id, datasets, models) = (id.clone(), datasets.to_vec(), models.to_vec());
        self.database
            .write("recording inputs", move |db| links::log_inputs(db, &id, &datasets, &models))
    }

    fn log_outputs(&self, id: &RunId, models: &[LoggedModelOutput]) -> Result<()> {
        let (id, models) = (id.clone(), models.to_vec());
        self.database.write("recording outputs", move |db| links::log_outputs(db, &id, &models))
    }

    fn log_model_history(&self, id: &RunId, model: &serde_json::Value) -> Result<()> {
        let (id, model) = (id.clone(), model.clone());
        self.database.write("recording a model", move |db| runs::log_model(db, &id, &model))
    }

    fn search_datasets(&self, experiments: &[ExperimentId]) -> Result<Vec<DatasetSummary>> {
        self.database.read("searching datasets", |db| links::datasets(db, experiments))
    }

    fn search_runs(&self, query: &RunQuery) -> Result<Page<Run>> {
        let compiled = query.compile()?;
        experiments::numbers(&query.experiment_ids)?;
        self.database.read("searching runs", |db| {
            let changes = || self.database.take_changes();
            match self.memory.search(db, changes, query, &compiled)? {
                Some(page) => Ok(page),
                None => search::runs(db, query, &compiled),
            }
        })
    }

    fn artifacts(&self, location: &str) -> Result<Arc<dyn ArtifactStore>> {
        Ok(self.locations.open(&self.home.settle(location))?)
    }
}

impl LoggedModelStore for SqliteStore {
    fn create_logged_model(&self, new: &NewLoggedModel) -> Result<LoggedModel> {
        new.name.as_deref().map_or(Ok(()), rules::reject_invalid_model_name)?;
        rules::reject_too_many_model_pairs(&new.params, &new.tags)?;
        let new = new.clone();
        self.database.write("creating a logged model", move |db| models::create(db, &new))
    }

    fn logged_model(&self, id: &ModelId) -> Result<LoggedModel> {
        self.database.read("reading a logged model", |db| load_models::load_model(db, id))
    }

    fn finalize_logged_model(
        &self,
        id: &ModelId,
        status: LoggedModelStatus,
        now: Millis,
    ) -> Result<LoggedModel> {
        let id = id.clone();
        self.database
            .write("finishing a logged model", move |db| models::finalize(db, &id, status, now))
    }

    fn delete_logged_model(&self, id: &ModelId, now: Millis) -> Result<()> {
        let id = id.clone();
        self.database.write("deleting a logged model", move |db| models::delete(db, &id, now))
    }

    fn log_model_params(&self, id: &ModelId, params: &[Param]) -> Result<()> {
        rules::reject_too_many_model_pairs(params, &[])?;
        let (id, params) = (id.clone(), params.to_vec());
        self.database
            .write("logging to a logged model", move |db| models::log_params(db, &id, &params))
    }

    fn set_model_tags(&self, id: &ModelId, tags: &[Tag]) -> Result<()> {
        rules::reject_too_many_model_pairs(&[], tags)?;
        let (id, tags) = (id.clone(), tags.to_vec());
        self.database.write("tagging a logged model", move |db| models::set_tags(db, &id, &tags))
    }

    fn add_model_version(&self, id: &ModelId, name: &str, version: u32) -> Result<()> {
        let (id, name) = (id.clone(), name.to_owned());
        self.database.write("recording a version of a logged model", move |db| {
            models::add_version(db, &id, &name, version)
        })
    }

    fn delete_model_tag(&self, id: &ModelId, key: &Key) -> Result<()> {
        let (id, key) = (id.clone(), key.clone());
        self.database.write("deleting a tag", move |db| models::delete_tag(db, &id, &key))
    }

    fn search_logged_models(&self, query: &LoggedModelQuery) -> Result<Page<LoggedModel>> {
        self.database.read("searching models", |db| load_models::search(db, query))
    }
}

impl PurgeStore for SqliteStore {
    fn deleted(&self, before: Option<Millis>) -> Result<Deleted> {
        self.database.read("listing what is deleted", |db| purge::deleted(db, before))
    }

    fn purge_run(&self, id: &RunId) -> Result<()> {
        let id = id.clone();
        self.database.write("deleting a run permanently", move |db| purge::run(db, &id))
    }

    fn purge_experiment(&self, id: &ExperimentId) -> Result<()> {
        let id = id.clone();
        self.database
            .write("deleting an experiment permanently", move |db| purge::experiment(db, &id))
    }

    fn purge_logged_model(&self, id: &ModelId) -> Result<()> {
        let id = id.clone();
        self.database.write("deleting a logged model permanently", move |db| purge::model(db, &id))
    }
}

#[cfg(test)]
mod tests;
