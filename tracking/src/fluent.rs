//! Logging from a Rust training program.
//!
//! ```
//! use mlctl_tracking::fluent::{self, RunOptions};
//! use mlctl_tracking::store::file::FileStore;
//! use mlctl_tracking::{Error, TrackingStore};
//! use std::sync::Arc;
//!
//! # let folder = tempfile::tempdir()?;
//! # let root = folder.path().join("mlruns");
//! let store: Arc<dyn TrackingStore> = Arc::new(FileStore::open(&root)?);
//!
//! let run_id = fluent::start_run(&store, RunOptions::named("descent"), |run| {
//!     run.log_param("rate", "0.1")?;
//!     let mut x = 1.0;
//!     for step in 0..100 {
//!         x -= 0.1 * 2.0 * x;
//!         run.log_metric("loss", x * x, step)?;
//!     }
//!     Ok::<_, Error>(run.id().clone())
//! })?;
//!
//! let run = store.run(&run_id)?;
//! assert_eq!(run.info.status.as_str(), "FINISHED");
//! assert!(run.data.metrics[0].value < 1e-9);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::entity::{Metric, Param, RunStatus, Tag};
use crate::store::{Batch, NewRun, RunChange};
use crate::{Clock, ExperimentId, Key, Result, RunId, TrackingStore};
use mlctl_artifacts::ArtifactPath;
use std::path::Path;
use std::sync::Arc;

/// How to start a run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// The experiment that it belongs to.
    pub experiment_id: ExperimentId,
    /// Its name; one is made up when not given.
    pub run_name: Option<String>,
    /// Who starts it.
    pub user_id: String,
    /// Its first tags.
    pub tags: Vec<Tag>,
    /// What tells when it starts and ends, and when metrics are measured.
    pub clock: Clock,
}

impl RunOptions {
    /// Starts in the default experiment, under a name.
    pub fn named(name: &str) -> Self {
        Self { run_name: Some(name.to_owned()), ..Self::default() }
    }
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            experiment_id: ExperimentId::default_experiment(),
            run_name: None,
            user_id: String::new(),
            tags: Vec::new(),
            clock: Clock::system(),
        }
    }
}

/// A run that is going on. Dropped without [`ActiveRun::end`], it ends as FAILED.
#[derive(Debug)]
pub struct ActiveRun {
    store: Arc<dyn TrackingStore>,
    id: RunId,
    artifact_uri: String,
    clock: Clock,
    has_ended: bool,
}

/// Runs `body` as a run: FINISHED when it succeeds, FAILED when it errs or panics.
///
/// # Errors
/// What `body` returns, and what the store refuses.
pub fn start_run<T, E: From<crate::Error>>(
    store: &Arc<dyn TrackingStore>,
    options: RunOptions,
    body: impl FnOnce(&ActiveRun) -> std::result::Result<T, E>,
) -> std::result::Result<T, E> {
    let run = ActiveRun::start(store.clone(), options)?;
    let value = body(&run)?;
    run.end(RunStatus::Finished)?;
    Ok(value)
}

impl ActiveRun {
    /// Starts a run.
    ///
    /// # Errors
    /// When the experiment does not exist or is deleted, and when the store fails.
    pub fn start(store: Arc<dyn TrackingStore>, options: RunOptions) -> Result<Self> {
        let new = NewRun {
            experiment_id: options.experiment_id,
            user_id: options.user_id,
            run_name: options.run_name,
            start_time: options.clock.now(),
            tags: options.tags,
        };
        let info = store.create_run(&new)?.info;
        let (id, artifact_uri) = (info.run_id, info.artifact_uri);
        Ok(Self { store, id, artifact_uri, clock: options.clock, has_ended: false })
    }

    /// Returns the run's id.
    pub fn id(&self) -> &RunId {
        &self.id
    }

    /// Logs one point of a metric, measured now.
    ///
    /// # Errors
    /// When `key` is no valid name, and when the store fails.
    pub fn log_metric(&self, key: &str, value: f64, step: i64) -> Result<()> {
        let metric = Metric::new(Key::parse(key)?, value, self.clock.now(), step);
        self.log_batch(&Batch { metrics: vec![metric], ..Batch::default() })
    }

    /// Logs a param.
    ///
    /// # Errors
    /// When it has another value already, when `key` is no valid name, and when the store fails.
    pub fn log_param(&self, key: &str, value: &str) -> Result<()> {
        let param = Param::new(Key::parse(key)?, value);
        self.log_batch(&Batch { params: vec![param], ..Batch::default() })
    }

    /// Sets a tag.
    ///
    /// # Errors
    /// When `key` is no valid name, and when the store fails.
    pub fn set_tag(&self, key: &str, value: &str) -> Result<()> {
        let tag = Tag::new(Key::parse(key)?, value);
        self.log_batch(&Batch { tags: vec![tag], ..Batch::default() })
    }

    /// Logs several things at once: all of them or none.
    ///
    /// # Errors
    /// As [`TrackingStore::log_batch`].
    pub fn log_batch(&self, batch: &Batch) -> Result<()> {
        self.store.log_batch(&self.id, batch)
    }

    /// Stores a file or a folder among the run's artifacts, under its own name in `folder`.
    ///
    /// # Errors
    /// When it cannot be read, and when the store fails.
    pub fn log_artifact(&self, local: &Path, folder: &ArtifactPath) -> Result<()> {
        let name = local.file_name().unwrap_or_default().to_string_lossy();
        let destination = folder.join(&ArtifactPath::parse(&name)?);
        let artifacts = self.store.artifacts(&self.artifact_uri)?;
        mlctl_artifacts::upload(artifacts.as_ref(), local, &destination)?;
        Ok(())
    }

    /// Ends the run.
    ///
    /// # Errors
    /// When the store fails.
    pub fn end(mut self, status: RunStatus) -> Result<()> {
        self.has_ended = true;
        self.set_end(status)
    }

    fn set_end(&self, status: RunStatus) -> Result<()> {
        let end_time = Some(self.clock.now());
        let change = RunChange { status: Some(status), end_time, ..RunChange::default() };
        self.store.update_run(&self.id, &change).map(drop)
    }
}

impl Drop for ActiveRun {
    fn drop(&mut self) {
        if !self.has_ended
            && let Err(error) = self.set_end(RunStatus::Failed)
        {
            tracing::warn!(%error, run.id = %self.id, "cannot mark the run as failed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::RunQuery;
    use crate::store::memory::MemoryStore;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    fn only_status(store: &Arc<dyn TrackingStore>) -> (RunStatus, bool) {
        let query = RunQuery::of(vec![ExperimentId::default_experiment()]);
        let runs = store.search_runs(&query).unwrap().items;
        assert_eq!(runs.len(), 1);
        (runs[0].info.status, runs[0].info.end_time.is_some())
    }

    #[test]
    fn a_body_that_errs_leaves_a_failed_run() {
        let store: Arc<dyn TrackingStore> = Arc::new(MemoryStore::new());
        let outcome = start_run(&store, RunOptions::default(), |run| {
            run.log_metric("loss", 0.5, 0)?;
            run.log_metric("../loss", 0.5, 0)
        });
        assert!(outcome.is_err());
        assert_eq!(only_status(&store), (RunStatus::Failed, true));
    }

    #[test]
    fn a_body_that_panics_leaves_a_failed_run() {
        let store: Arc<dyn TrackingStore> = Arc::new(MemoryStore::new());
        let body =
            || start_run(&store, RunOptions::default(), |_| -> Result<()> { panic!("diverged") });
        assert!(catch_unwind(AssertUnwindSafe(body)).is_err());
        assert_eq!(only_status(&store), (RunStatus::Failed, true));
    }

    #[test]
    fn a_run_and_its_points_have_the_time_of_the_clock() {
        let store: Arc<dyn TrackingStore> = Arc::new(MemoryStore::new());
        let options = RunOptions { clock: Clock::fixed(1_000), ..RunOptions::default() };
        let id = start_run(&store, options, |run| {
            run.log_metric("loss", 0.5, 0)?;
            Ok::<_, crate::Error>(run.id().clone())
        });

        let run = store.run(&id.unwrap()).unwrap();

        assert_eq!((run.info.start_time, run.info.end_time), (1_000, Some(1_000)));
        assert_eq!(run.data.metrics[0].timestamp, 1_000);
    }
}
