//! Adapters between the libraries: a project's run, reported to a tracking store.

use crate::server::{Access, Background, Options, tracking_app};
use mlctl_artifacts::ArtifactPath;
use mlctl_projects::{About, BoxError, Cause, Failure, Outcome, Reporter};
use mlctl_tracking::OpenStore;
use mlctl_tracking::entity::{Param, RunInfo, RunStatus, Tag};
use mlctl_tracking::store::{Batch, NewRun, RunChange};
use mlctl_tracking::{ExperimentId, Key, RunId, TrackingStore};
use mlctl_wire::{Clock, limits};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use uuid::Uuid;

/// Tags of our own on a run that failed.
const EXIT_CODE: &str = "mlctl.exit_code";
const FAILURE: &str = "mlctl.failure";

/// Which run a project reports to.
#[derive(Debug)]
pub(crate) enum Target {
    /// A new one.
    New { experiment_id: ExperimentId, run_name: Option<String>, user: String },
    /// One that exists.
    Existing(RunId),
}

/// The store that a run is reported to, opened when the run starts: a project that cannot run
/// leaves no new store behind.
pub(crate) struct Destination {
    open: Box<dyn Fn() -> anyhow::Result<(OpenStore, Target)> + Send + Sync>,
    opened: OnceLock<(OpenStore, Target)>,
}

impl Destination {
    pub(crate) fn new(
        open: impl Fn() -> anyhow::Result<(OpenStore, Target)> + Send + Sync + 'static,
    ) -> Self {
        Self { open: Box::new(open), opened: OnceLock::new() }
    }

    /// Opens the store, unless it is open.
    pub(crate) fn get(&self) -> anyhow::Result<&(OpenStore, Target)> {
        match self.opened.get() {
            Some(opened) => Ok(opened),
            None => {
                let opened = (self.open)()?;
                Ok(self.opened.get_or_init(|| opened))
            }
        }
    }
}

/// Reports a project's run to a tracking store.
pub(crate) struct RunReporter {
    destination: Arc<Destination>,
    /// The address of the store, when it is a server; else one is started for the child.
    store_uri: String,
    clock: Clock,
    info: OnceLock<RunInfo>,
    background: Mutex<Option<Background>>,
}

impl RunReporter {
    pub(crate) fn new(destination: Arc<Destination>, store_uri: &str, clock: Clock) -> Self {
        Self {
            destination,
            store_uri: store_uri.to_owned(),
            clock,
            info: OnceLock::new(),
            background: Mutex::new(None),
        }
    }

    /// Returns the run, once it has started.
    pub(crate) fn info(&self) -> Option<&RunInfo> {
        self.info.get()
    }

    fn store(&self) -> Result<&dyn TrackingStore, BoxError> {
        Ok(self.destination.get()?.0.store.as_ref())
    }

    fn run_id(&self) -> Result<&RunId, BoxError> {
        Ok(&self.info.get().ok_or("the run has not started")?.run_id)
    }

    fn open_run(&self, about: &About) -> Result<RunInfo, BoxError> {
        let tags = tags(&about.tags)?;
        match &self.destination.get()?.1 {
            Target::New { experiment_id, run_name, user } => {
                let new = NewRun {
                    experiment_id: experiment_id.clone(),
                    user_id: user.clone(),
                    run_name: run_name.clone(),
                    start_time: self.clock.now(),
                    tags,
                };
                Ok(self.store()?.create_run(&new)?.info)
            }
            Target::Existing(id) => {
                self.store()?.log_batch(id, &Batch { tags, ..Batch::default() })?;
                let running =
                    RunChange { status: Some(RunStatus::Running), ..RunChange::default() };
                Ok(self.store()?.update_run(id, &running)?)
            }
        }
    }

    fn log_params(&self, id: &RunId, about: &About) -> Result<(), BoxError> {
        let params =
            about.parameters.iter().map(|(name, value)| Ok(Param::new(Key::parse(name)?, value)));
        let params: Vec<Param> = params.collect::<mlctl_tracking::Result<_>>()?;
        for part in params.chunks(limits::PARAMS_TAGS_PER_BATCH_MAX) {
            let batch = Batch { params: part.to_vec(), ..Batch::default() };
            self.store()?.log_batch(id, &batch)?;
        }
        Ok(())
    }

    /// Returns how the child reaches the store.
    fn connection(&self) -> Result<Vec<(String, String)>, BoxError> {
        let (tracking, _) = self.destination.get()?;
        if tracking.served.is_none() {
            return Ok(vec![("MLFLOW_TRACKING_URI".to_owned(), self.store_uri.clone())]);
        }
        let token = Uuid::new_v4().simple().to_string();
        let access = Access { token: Some(token.clone()), ..Access::default() };
        let options = Options { access, ..Options::default() };
        let background = Background::start(tracking_app(tracking, options))?;
        let url = background.url().to_owned();
        *self.background.lock().unwrap_or_else(PoisonError::into_inner) = Some(background);
        Ok(vec![
            ("MLFLOW_TRACKING_URI".to_owned(), url),
            ("MLFLOW_TRACKING_TOKEN".to_owned(), token),
            // Its clients would show a link to a page of a server that is gone with the run.
            ("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT".to_owned(), "true".to_owned()),
        ])
    }

    fn note_failure(&self, id: &RunId, failure: &Failure) -> Result<(), BoxError> {
        let mut tags = vec![Tag::new(Key::parse(FAILURE)?, failure_text(failure))];
        if let Cause::Exit(code) = failure.cause {
            tags.push(Tag::new(Key::parse(EXIT_CODE)?, code.to_string()));
        }
        Ok(self.store()?.log_batch(id, &Batch { tags, ..Batch::default() })?)
    }

    fn set_end(&self, outcome: &Outcome) -> Result<(), BoxError> {
        let id = self.run_id()?;
        let status = match outcome {
            Outcome::Finished => {
                // The child may have ended the run itself, and knows better.
                let current = self.store()?.run(id)?.info.status;
                if current.is_terminated() {
                    return Ok(());
                }
                RunStatus::Finished
            }
            Outcome::Failed(_) => RunStatus::Failed,
            Outcome::Killed => RunStatus::Killed,
        };
        let end_time = Some(self.clock.now());
        let change = RunChange { status: Some(status), end_time, ..RunChange::default() };
        self.store()?.update_run(id, &change)?;
        if let Outcome::Failed(failure) = outcome {
            self.note_failure(id, failure)?;
        }
        Ok(())
    }
}

/// Says why a run failed, with the last lines that fit into a tag.
fn failure_text(failure: &Failure) -> String {
    const LINE_CHARS_MAX: usize = 500;
    let cause = failure.cause.to_string();
    let mut left = limits::TAG_VALUE_CHARS_MAX.saturating_sub(cause.chars().count());
    let mut lines: Vec<String> = Vec::new();
    for line in failure.last_lines.iter().rev() {
        let line: String = line.chars().take(LINE_CHARS_MAX).collect();
        let Some(rest) = left.checked_sub(line.chars().count() + 1) else { break };
        left = rest;
        lines.push(line);
    }
    lines.push(cause);
    lines.reverse();
    lines.join("\n")
}

impl Reporter for RunReporter {
    fn start(&self, about: &About) -> Result<Vec<(String, String)>, BoxError> {
        let info = self.open_run(about)?;
        let info = self.info.get_or_init(|| info);
        let started = self.log_params(&info.run_id, about).and_then(|()| self.connection());
        let mut variables = match started {
            Ok(variables) => variables,
            Err(error) => {
                // Nobody else ends a run that could not start.
                let cause = Cause::Preparation(error.to_string());
                self.set_end(&Outcome::Failed(Failure { cause, last_lines: Vec::new() }))?;
                return Err(error);
            }
        };
        variables.push(("MLFLOW_RUN_ID".to_owned(), info.run_id.to_string()));
        variables.push(("MLFLOW_EXPERIMENT_ID".to_owned(), info.experiment_id.to_string()));
        Ok(variables)
    }

    fn artifact(&self, path: &str, file: &Path) -> Result<(), BoxError> {
        let info = self.info.get().ok_or("the run has not started")?;
        let artifacts = self.store()?.artifacts(&info.artifact_uri)?;
        mlctl_artifacts::upload(artifacts.as_ref(), file, &ArtifactPath::parse(path)?)?;
        Ok(())
    }

    fn warn(&self, message: &str) {
        tracing::warn!("{message}");
    }

    fn end(&self, outcome: &Outcome) -> Result<(), BoxError> {
        let ended = self.set_end(outcome);
        *self.background.lock().unwrap_or_else(PoisonError::into_inner) = None;
        ended
    }
}

fn tags(pairs: &[(String, String)]) -> Result<Vec<Tag>, BoxError> {
    let tag = |(key, value): &(String, String)| Ok(Tag::new(Key::parse(key.as_str())?, value));
    pairs.iter().map(tag).collect()
}
