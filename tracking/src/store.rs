//! The contract of a tracking store, and the backends that keep it.

#[cfg(all(test, any(feature = "file", feature = "sqlite")))]
mod agreement;
mod change;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
#[cfg(feature = "file")]
pub mod file;
mod history;
pub mod location;
mod logged_models;
pub mod memory;
mod purge;
mod sample;
#[cfg(feature = "sqlite")]
pub mod sqlite;

pub use change::{Batch, NewExperiment, NewRun, RunChange};
pub use history::{HistoryPage, compare_points, select_history};
pub use logged_models::{LoggedModelStore, NewLoggedModel};
pub use purge::{Deleted, DeletedModel, PurgeStore};
pub use sample::HistorySample;

#[cfg(doc)]
use crate::Error;
use crate::entity::{
    DatasetInput, DatasetSummary, Experiment, LoggedModelInput, LoggedModelOutput, Metric, Run,
    RunInfo, Tag,
};
use crate::facts::RunFacts;
use crate::search::{ExperimentQuery, Page, RunQuery};
use crate::series::{Logged, Series, SeriesQuery};
use crate::{ExperimentId, ExperimentName, Key, Result, RunId};
use mlctl_artifacts::ArtifactStore;
use std::fmt;
use std::sync::Arc;

/// A time: milliseconds since 1970, UTC.
pub type Millis = i64;

/// Who is told the outcome of a change that goes on by itself. It must not block.
pub type Done<T> = Box<dyn FnOnce(Result<T>) + Send>;

/// Holds experiments, runs and what runs log; and, as the traits that it builds on say, logged
/// models, what is deleted but not yet gone, and facts about many runs.
///
/// `Arc<dyn TrackingStore>` has the methods of all four traits. What needs no more than logged
/// models, purging or facts can take a [`LoggedModelStore`], a [`PurgeStore`] or a [`RunFacts`].
///
/// Each method is one atomic change or one read. A method that succeeded has its effect even when
/// the process is killed right after. Every backend passes the suite in
/// `mlctl_tracking::store::conformance`.
///
/// Unless said otherwise a method fails with [`Error::ExperimentNotFound`],
/// [`Error::RunNotFound`] or [`Error::ModelNotFound`] when what it names does not exist, and a
/// change of a deleted run or experiment with [`Error::NotActive`].
pub trait TrackingStore:
    LoggedModelStore + PurgeStore + RunFacts + fmt::Debug + Send + Sync + 'static
{
    /// Makes an experiment.
    ///
    /// # Errors
    /// [`Error::ExperimentExists`] when the name is taken, by a deleted experiment too.
    fn create_experiment(&self, new: &NewExperiment) -> Result<ExperimentId>;

    /// Reads an experiment, deleted or not.
    fn experiment(&self, id: &ExperimentId) -> Result<Experiment>;

    /// Finds an experiment by its name, deleted or not.
    ///
    /// # Errors
    /// [`Error::ExperimentNameNotFound`] when there is none.
    fn experiment_by_name(&self, name: &str) -> Result<Experiment>;

    /// Gives an active experiment another name.
    ///
    /// # Errors
    /// [`Error::ExperimentExists`] when the name is taken.
    fn rename_experiment(
        &self,
        id: &ExperimentId,
        name: &ExperimentName,
        now: Millis,
    ) -> Result<()>;

    /// Marks an active experiment and its runs as deleted.
    ///
    /// # Errors
    /// [`Error::ExperimentStage`] when it is deleted already.
    fn delete_experiment(&self, id: &ExperimentId, now: Millis) -> Result<()>;

    /// Brings a deleted experiment and its runs back.
    ///
    /// # Errors
    /// [`Error::ExperimentStage`] when it is not deleted.
    fn restore_experiment(&self, id: &ExperimentId, now: Millis) -> Result<()>;

    /// Sets one tag of an active experiment.
    fn set_experiment_tag(&self, id: &ExperimentId, tag: &Tag) -> Result<()>;

    /// Removes one tag of an active experiment.
    ///
    /// # Errors
    /// [`Error::TagNotFound`] when it has no such tag.
    fn delete_experiment_tag(&self, id: &ExperimentId, key: &Key) -> Result<()>;

    /// Finds experiments.
    fn search_experiments(&self, query: &ExperimentQuery) -> Result<Page<Experiment>>;

    /// Starts a run in an active experiment.
    fn create_run(&self, new: &NewRun) -> Result<Run>;

    /// Reads a run, deleted or not.
    fn run(&self, id: &RunId) -> Result<Run>;

    /// Changes an active run's status, end or name, and returns what it is then.
    fn update_run(&self, id: &RunId, change: &RunChange) -> Result<RunInfo>;

    /// Marks a run as deleted.
    fn delete_run(&self, id: &RunId, now: Millis) -> Result<()>;

    /// Brings a deleted run back.
    fn restore_run(&self, id: &RunId) -> Result<()>;

    /// Logs metrics, params and tags to an active run: all of them or none.
    ///
    /// The tag `mlflow.runName` renames the run; an empty one is passed over. Values beyond MLflow's length limits are cut.
    ///
    /// # Errors
    /// [`Error::ParamChanged`] when a param has another value already, [`Error::ParamTwice`] and
    /// [`Error::BatchTooLarge`] for a batch that MLflow refuses.
    fn log_batch(&self, id: &RunId, batch: &Batch) -> Result<()>;

    /// Tells whether the methods that end in `_then` take so little time that a thread which serves
    /// connections may call them.
    fn is_prompt(&self) -> bool {
        false
    }

    /// Starts a run like [`Self::create_run`] and tells `done` the outcome, before or after it
    /// returns and on any thread.
    fn create_run_then(&self, new: NewRun, done: Done<Run>) {
        done(self.create_run(&new));
    }

    /// Logs like [`Self::log_batch`] and tells `done` the outcome, before or after it returns and
    /// on any thread.
    fn log_batch_then(&self, id: RunId, batch: Batch, done: Done<()>) {
        done(self.log_batch(&id, &batch));
    }

    /// Removes one tag of an active run.
    ///
    /// # Errors
    /// [`Error::TagNotFound`] when it has no such tag.
    fn delete_tag(&self, id: &RunId, key: &Key) -> Result<()>;

    /// Reads the points of one metric by time, then step, then value; none for a metric that was
    /// never logged.
    ///
    /// A point that was logged twice with the same value, time and step may be there once.
    fn metric_history(&self, id: &RunId, key: &Key, page: &HistoryPage) -> Result<Page<Metric>>;

    /// Reads a few points of one metric of each of some runs, for charts: evenly chosen in the
    /// order of steps, the first and the last always among them.
    ///
    /// The runs come in the order in which they are named, one that is named twice comes twice, and
    /// the points of each are in the order of steps.
    fn metric_history_sampled(
        &self,
        runs: &[RunId],
        key: &Key,
        sample: &HistorySample,
    ) -> Result<Vec<(RunId, Metric)>> {
        let histories = runs.iter().map(|run| {
            let points = self.metric_history(run, key, &HistoryPage::default())?.items;
            Ok(sample.choose(points).into_iter().map(|point| (run.clone(), point)))
        });
        Ok(histories.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    }

    /// Reads one metric of a run as a chart needs it; see [`crate::series`] for what is kept. A
    /// metric that was never logged has no points.
    ///
    /// # Errors
    /// [`Error::Invalid`] when `query` is for no column or for too many.
    fn series(&self, id: &RunId, key: &Key, query: &SeriesQuery) -> Result<Series> {
        query.check()?;
        let points = self.metric_history(id, key, &HistoryPage::default())?.items;
        Series::of(points.iter().map(Logged::from).collect(), query)
    }

    /// Notes the datasets and models that an active run uses. Noting one twice is fine.
    fn log_inputs(
        &self,
        id: &RunId,
        datasets: &[DatasetInput],
        models: &[LoggedModelInput],
    ) -> Result<()>;

    /// Notes the models that an active run made. Noting one twice is fine.
    fn log_outputs(&self, id: &RunId, models: &[LoggedModelOutput]) -> Result<()>;

    /// Adds `model`, a JSON object, to the list that the tag `mlflow.log-model.history` of an
    /// active run holds, which is how clients before MLflow 3 note the models of a run.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the tag holds something else.
    fn log_model_history(&self, id: &RunId, model: &serde_json::Value) -> Result<()>;

    /// Finds the datasets that the runs of some experiments used, each use by its own name once,
    /// in order and 1000 at most. An experiment that does not exist has none.
    fn search_datasets(&self, experiments: &[ExperimentId]) -> Result<Vec<DatasetSummary>>;

    /// Finds runs.
    fn search_runs(&self, query: &RunQuery) -> Result<Page<Run>>;

    /// Opens the artifacts at `location`, which is the `artifact_uri` of a run or logged model.
    ///
    /// A location inside a file store is found even when the whole store was moved.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when this store cannot reach such a location.
    fn artifacts(&self, location: &str) -> Result<Arc<dyn ArtifactStore>>;
}
