//! The contract of a tracking store, and the backends that keep it.

#[cfg(all(test, any(feature = "file", feature = "sqlite")))]
mod agreement;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
#[cfg(feature = "file")]
pub mod file;
pub mod location;
mod logged_models;
pub mod memory;
mod purge;
mod sample;
#[cfg(feature = "sqlite")]
pub mod sqlite;

pub use logged_models::{LoggedModelStore, NewLoggedModel};
pub use purge::{Deleted, DeletedModel, PurgeStore};

use crate::entity::{
    DatasetInput, DatasetSummary, Experiment, LifecycleStage, LoggedModelInput, LoggedModelOutput,
    Metric, Param, Run, RunInfo, RunStatus, Tag,
};
use crate::search::{ExperimentQuery, Page, RunQuery};
use crate::{Error, ExperimentId, ExperimentName, Key, Result, RunId, Thing, name, rules};
use mlctl_artifacts::ArtifactStore;
use mlctl_wire::name::{NewName, Resemblance};
pub use sample::HistorySample;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// A time: milliseconds since 1970, UTC.
pub type Millis = i64;

/// What makes an experiment.
#[derive(Clone, Debug)]
pub struct NewExperiment {
    /// Its name, which no other experiment has, deleted ones included.
    pub name: ExperimentName,
    /// Where the artifacts of its runs go; the store's own place when not given.
    pub artifact_location: Option<String>,
    /// Its first tags.
    pub tags: Vec<Tag>,
    /// Now.
    pub time: Millis,
}

/// What makes a run.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// The experiment that it belongs to.
    pub experiment_id: ExperimentId,
    /// Who starts it.
    pub user_id: String,
    /// Its name; else the tag `mlflow.runName`, else one is made up.
    pub run_name: Option<String>,
    /// When it began.
    pub start_time: Millis,
    /// Its first tags.
    pub tags: Vec<Tag>,
}

/// What changes in a run. `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct RunChange {
    /// How it goes.
    pub status: Option<RunStatus>,
    /// When it ended.
    pub end_time: Option<Millis>,
    /// Its name; the tag `mlflow.runName` follows.
    pub run_name: Option<String>,
}

/// What a run logs at once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Points of metrics.
    pub metrics: Vec<Metric>,
    /// Params.
    pub params: Vec<Param>,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// Which points of a metric to read.
#[derive(Clone, Debug, Default)]
pub struct HistoryPage {
    /// How many points at most; all of them when not given.
    pub max_results: Option<usize>,
    /// Where to go on, from the page before.
    pub page_token: Option<String>,
}

/// Who is told the outcome of a change that goes on by itself. It must not block.
pub type Done<T> = Box<dyn FnOnce(Result<T>) + Send>;

/// Holds experiments, runs and what runs log; and, as the traits that it builds on say, logged
/// models, and what is deleted but not yet gone.
///
/// `Arc<dyn TrackingStore>` has the methods of all three traits. What needs no more than logged
/// models or purging can take a [`LoggedModelStore`] or a [`PurgeStore`].
///
/// Each method is one atomic change or one read. A method that succeeded has its effect even when
/// the process is killed right after. Every backend passes the suite in
/// `mlctl_tracking::store::conformance`.
///
/// Unless said otherwise a method fails with [`Error::ExperimentNotFound`],
/// [`Error::RunNotFound`] or [`Error::ModelNotFound`] when what it names does not exist, and a
/// change of a deleted run or experiment with [`Error::NotActive`].
pub trait TrackingStore:
    LoggedModelStore + PurgeStore + fmt::Debug + Send + Sync + 'static
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

impl NewRun {
    /// Settles the name, by MLflow's rules, and puts the tag for it among the tags.
    ///
    /// # Errors
    /// [`Error::TwoRunNames`] when the name and the tag `mlflow.runName` differ.
    pub(crate) fn named(&self) -> Result<(String, Vec<Tag>)> {
        let mut tags = self.tags.clone();
        let from_tag = tags.iter().find(|tag| tag.key.as_str() == rules::tag::RUN_NAME);
        let given = self.run_name.as_deref().filter(|name| !name.is_empty());
        if let (Some(name), Some(tag)) = (given, from_tag)
            && tag.value != name
        {
            return Err(Error::TwoRunNames { name: name.to_owned(), tag: tag.value.clone() });
        }
        let tagged = from_tag.map(|tag| tag.value.clone()).filter(|name| !name.is_empty());
        let name = given.map(str::to_owned).or(tagged).unwrap_or_else(name::made_up);
        tags.retain(|tag| tag.key.as_str() != rules::tag::RUN_NAME);
        tags.push(Tag::new(Key::parse(rules::tag::RUN_NAME)?, &name));
        Ok((name, tags))
    }
}

impl Batch {
    /// Returns the name that this batch gives to the run, if it does.
    pub(crate) fn run_name(&self) -> Option<&str> {
        let named = |tag: &&Tag| tag.key.as_str() == rules::tag::RUN_NAME;
        self.tags.iter().rfind(named).map(|tag| tag.value.as_str())
    }
}

/// Refuses a change of a run that is deleted.
pub(crate) fn check_run_active(info: &RunInfo) -> Result<()> {
    match info.lifecycle_stage {
        LifecycleStage::Active => Ok(()),
        LifecycleStage::Deleted => Err(Error::NotActive { what: Thing::Run(info.run_id.clone()) }),
    }
}

/// Refuses a change of an experiment that is deleted.
pub(crate) fn check_experiment_active(experiment: &Experiment) -> Result<()> {
    match experiment.lifecycle_stage {
        LifecycleStage::Active => Ok(()),
        LifecycleStage::Deleted => {
            Err(Error::NotActive { what: Thing::Experiment(experiment.experiment_id.clone()) })
        }
    }
}

/// Refuses a name that an experiment has, in whatever spelling of Unicode, and warns of one that only
/// looks like the name of another.
pub(crate) fn check_name_is_free<'a>(
    name: &ExperimentName,
    experiments: impl Iterator<Item = &'a Experiment>,
) -> Result<()> {
    let new = NewName::of(name.as_str());
    for experiment in experiments {
        match new.compare(&experiment.name) {
            Resemblance::None => {}
            Resemblance::Alike => {
                tracing::warn!("the experiment `{name}` looks like `{}`", experiment.name);
            }
            Resemblance::Same => {
                return Err(Error::ExperimentExists {
                    name: experiment.name.clone(),
                    deleted: experiment.lifecycle_stage == LifecycleStage::Deleted,
                });
            }
        }
    }
    Ok(())
}

/// Finds the experiment of a name, as it was given before one that is spelled otherwise.
pub(crate) fn find_by_name(name: &str, mut experiments: Vec<Experiment>) -> Option<Experiment> {
    let wanted = NewName::of(name);
    let same = |one: &Experiment| wanted.compare(&one.name) == Resemblance::Same;
    let exact = experiments.iter().position(|one| one.name == name);
    let at = exact.or_else(|| experiments.iter().position(same))?;
    Some(experiments.swap_remove(at))
}

/// Refuses to give an experiment the stage that it has.
pub(crate) fn check_stage_changes(experiment: &Experiment, stage: LifecycleStage) -> Result<()> {
    if experiment.lifecycle_stage != stage {
        return Ok(());
    }
    Err(Error::ExperimentStage { id: experiment.experiment_id.clone(), stage })
}

/// Where a point stands in a history: by time, step and value, where `NaN` counts as 0, since that
/// is how MLflow's databases hold it.
pub(crate) fn history_order(a: &Metric, b: &Metric) -> Ordering {
    let value = |point: &Metric| if point.value.is_nan() { 0.0 } else { point.value };
    (a.timestamp, a.step)
        .cmp(&(b.timestamp, b.step))
        .then_with(|| value(a).total_cmp(&value(b)))
        .then_with(|| a.value.is_nan().cmp(&b.value.is_nan()))
}

/// Orders a metric's points and cuts a page out of them.
pub(crate) fn history_page(
    mut points: Vec<Metric>,
    scope: &str,
    page: &HistoryPage,
) -> Result<Page<Metric>> {
    use mlctl_wire::page as token;
    let from = match page.page_token.as_deref().filter(|text| !text.is_empty()) {
        None => 0,
        Some(text) => token::open::<usize>(scope, text).map_err(|_| Error::PageToken)?,
    };
    points.sort_by(history_order);
    let left = points.len().saturating_sub(from);
    let count = page.max_results.unwrap_or(left).min(left);
    let next_page_token = (count < left).then(|| token::seal(scope, &(from + count)));
    let items = points.into_iter().skip(from).take(count).collect();
    Ok(Page { items, next_page_token })
}
