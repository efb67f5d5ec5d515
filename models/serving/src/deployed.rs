//! One version of a model, ready to answer.

use super::meter::{Meter, Outcome};
use super::pace::Pace;
use super::queue::{Job, Queue, Work};
use super::{Found, Settings};
use mlctl_models_format::payload::Request;
use mlctl_models_format::signature::Params;
use mlctl_models_format::{Asked, Error, Model, Predictions, Result, SavedExample, join};
use mlctl_table::Input;
use serde_json::Value;
use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

/// So many values cost little before and after the model has them.
const VALUES_AT_ONCE: usize = 1 << 15;

/// Rows that are put together unless the settings say otherwise.
const TOGETHER: usize = 1024;

/// Why there are no predictions.
#[derive(Debug)]
pub enum Refusal {
    /// The request or the model is at fault.
    Failed(Error),
    /// Too many requests wait.
    Busy,
    /// The model took too long.
    TimedOut,
    /// The model broke its promise and panicked.
    Broken,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Refusal {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Failed(Error::BadRequest(_) | Error::SchemaMismatch(_)) => Outcome::Invalid,
            Self::Failed(_) | Self::Broken => Outcome::Failed,
            Self::Busy => Outcome::Refused,
            Self::TimedOut => Outcome::TimedOut,
        }
    }
}

/// One version of a model, ready to answer.
pub struct Deployed {
    name: String,
    version: String,
    model: Arc<Model>,
    example: Option<SavedExample>,
    settings: Arc<Settings>,
    /// Of all models together.
    slots: Arc<Semaphore>,
    pace: Pace,
    queue: Queue,
    /// Whether an answer could not be taken apart.
    is_unpartable: AtomicBool,
    meter: Meter,
    _kept: Option<Box<dyn Any + Send + Sync>>,
}

impl fmt::Debug for Deployed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deployed")
            .field("name", &self.name)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl Deployed {
    pub(super) fn new(
        name: &str,
        version: String,
        found: Found,
        settings: Arc<Settings>,
        slots: Arc<Semaphore>,
        meter: Meter,
    ) -> Self {
        let Found { model, example, kept } = found;
        model.predictor().set_time_limit(settings.timeout);
        Self {
            name: name.to_owned(),
            version,
            model,
            example,
            settings,
            slots,
            pace: Pace::default(),
            queue: Queue::default(),
            is_unpartable: AtomicBool::new(false),
            meter,
            _kept: kept,
        }
    }

    /// Returns the name that it is served under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns its source's name of the version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns the model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Returns the model's own example of an input.
    pub fn example(&self) -> Option<&SavedExample> {
        self.example.as_ref()
    }

    /// Answers the model's own example, when it has one; learns what a call takes.
    pub(super) fn try_out(&self) -> Result<()> {
        /// The first calls lay out memory and plans.
        const CALLS: usize = 3;
        let Some(example) = &self.example else { return Ok(()) };
        let (work, params) = self.checked(self.model.read_json(example.body.as_bytes())?)?;
        for _ in 0..CALLS {
            self.compute(work.clone(), &params, work.rows())?;
        }
        Ok(())
    }

    /// Scores an input: at once when that takes less time than handing it over, else when it is
    /// its turn.
    ///
    /// # Errors
    /// The reason why not; it is counted, too.
    pub async fn score(
        self: &Arc<Self>,
        input: Input,
        params: Option<&Value>,
    ) -> Result<Predictions, Refusal> {
        self.answer_to(Asked::Input(Request { input, params: params.cloned() })).await
    }

    /// Does the same with a request that may be left to the model.
    ///
    /// # Errors
    /// As [`score`](Self::score).
    pub async fn answer_to(self: &Arc<Self>, asked: Asked) -> Result<Predictions, Refusal> {
        let arrived = Instant::now();
        let answer = self.answer(asked, arrived).await;
        let outcome = answer.as_ref().map_or_else(Refusal::outcome, |_| Outcome::Answered);
        self.meter.request(outcome, arrived.elapsed());
        answer
    }

    /// Counts a request whose body could not be understood.
    pub fn note_invalid(&self, took: Duration) {
        self.meter.request(Outcome::Invalid, took);
    }

    async fn answer(
        self: &Arc<Self>,
        asked: Asked,
        arrived: Instant,
    ) -> Result<Predictions, Refusal> {
        let (work, params) = self.checked(asked)?;
        let rows = work.rows();
        let is_small = work.values() <= VALUES_AT_ONCE;
        if is_small && self.pace.is_at_once(rows.unwrap_or(1)) && !self.model.predictor().waits() {
            let answer = self.try_compute(work, &params, rows).ok_or(Refusal::Broken)?;
            return answer.map_err(Refusal::Failed);
        }
        let (reply, answer) = oneshot::channel();
        let job = Job { work, params, rows, arrived, reply };
        let waiting = self.queue.push(job, self.settings.queue_max);
        self.meter.waiting(waiting.ok_or(Refusal::Busy)?);
        self.call_taker();
        match timeout(self.settings.timeout, answer).await {
            Ok(Ok(answer)) => answer.map_err(Refusal::Failed),
            Ok(Err(_)) => Err(Refusal::Broken),
            Err(_) => Err(Refusal::TimedOut),
        }
    }

    /// Checks a request against the signature; the model checks what is left to it.
    fn checked(&self, asked: Asked) -> Result<(Work, Params)> {
        Ok(match asked {
            Asked::Input(Request { input, params }) => {
                let input = self.model.enforce(input)?;
                (Work::Input(input), self.model.check_params(params.as_ref())?)
            }
            Asked::Body(body) => (Work::Body(body), Params::default()),
        })
    }

    fn compute(&self, work: Work, params: &Params, rows: Option<usize>) -> Result<Predictions> {
        let start = Instant::now();
        let answer = match work {
            Work::Input(input) => self.model.answer(input, params),
            Work::Body(body) => self.model.predict_body(&body),
        };
        let rows = rows.unwrap_or(1);
        self.pace.note(rows, start.elapsed());
        self.meter.scored(rows);
        answer
    }

    /// Does the same with a model that may break its promise; `None` when it panics.
    fn try_compute(
        &self,
        work: Work,
        params: &Params,
        rows: Option<usize>,
    ) -> Option<Result<Predictions>> {
        catch_unwind(AssertUnwindSafe(|| self.compute(work, params, rows))).ok()
    }

    /// Sees to it that somebody takes from the queue.
    fn call_taker(self: &Arc<Self>) {
        if !self.queue.has_taker.swap(true, Ordering::AcqRel) {
            tokio::spawn(Arc::clone(self).take_turn());
        }
    }

    /// Waits for a slot, and for company if that is wanted; then scores what has its turn.
    async fn take_turn(self: Arc<Self>) {
        self.wait_for_company().await;
        let slot = Arc::clone(&self.slots).acquire_owned().await;
        self.queue.has_taker.store(false, Ordering::Release);
        let Ok(slot) = slot else { return };
        // It does not panic, and whoever waits for an answer gets it by other means.
        drop(spawn_blocking(move || {
            let running = Running::new(&self.queue);
            self.score_batch();
            drop(running);
            drop(slot);
            if self.queue.len() > 0 {
                self.call_taker();
            }
        }));
    }

    async fn wait_for_company(&self) {
        let latency_max = self.settings.latency_max;
        if latency_max.is_zero() || !self.queue.is_busy() {
            return;
        }
        let Some((arrived, rows)) = self.queue.first() else { return };
        if rows < self.batch_max() {
            sleep(latency_max.saturating_sub(arrived.elapsed())).await;
        }
    }

    fn batch_max(&self) -> usize {
        if self.is_unpartable.load(Ordering::Relaxed) {
            return 1;
        }
        match self.settings.batch_max {
            Some(rows) => rows,
            None if self.model.predictor().has_independent_rows() => TOGETHER,
            None => 1,
        }
    }

    fn score_batch(&self) {
        let jobs = self.queue.take(self.batch_max());
        self.meter.waiting(self.queue.len());
        let jobs = if jobs.len() > 1 { self.score_together(jobs) } else { jobs };
        for job in jobs {
            // Who waits for one that panics hears of it when the reply is dropped.
            if let Some(answer) = self.try_compute(job.work, &job.params, job.rows) {
                // Who has given up does not hear it.
                let _ = job.reply.send(answer);
            }
        }
    }

    /// Scores the rows of several requests in one call; returns those that have no answer then,
    /// because one of them spoils it for all, or the model does not answer row by row.
    fn score_together(&self, jobs: Vec<Job>) -> Vec<Job> {
        let rows: Vec<usize> = jobs.iter().filter_map(|job| job.rows).collect();
        let inputs = jobs.iter().filter_map(|job| match &job.work {
            Work::Input(input) => Some(input.clone()),
            Work::Body(_) => None,
        });
        let Some(input) = join::join(inputs.collect()) else { return jobs };
        let answer = self.try_compute(Work::Input(input), &jobs[0].params, Some(rows.iter().sum()));
        let Some(Ok(answer)) = answer else { return jobs };
        let Some(answers) = join::part(&answer, &rows) else {
            self.is_unpartable.store(true, Ordering::Relaxed);
            return jobs;
        };
        for (job, answer) in jobs.into_iter().zip(answers) {
            let _ = job.reply.send(Ok(answer));
        }
        Vec::new()
    }
}

/// Counts an input that is being scored, until it is dropped.
struct Running<'a>(&'a Queue);

impl<'a> Running<'a> {
    fn new(queue: &'a Queue) -> Self {
        queue.running.fetch_add(1, Ordering::Relaxed);
        Self(queue)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}
