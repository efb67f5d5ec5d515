//! Requests that wait for a model, in the order in which they came.

use mlctl_models_format::join;
use mlctl_models_format::signature::Params;
use mlctl_models_format::{Body, Predictions, Result};
use mlctl_table::Input;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::oneshot;

/// What is to be scored.
#[derive(Clone, Debug)]
pub(super) enum Work {
    /// What the signature has let pass.
    Input(Input),
    /// What the model reads itself.
    Body(Body),
}

impl Work {
    /// Counts its rows; `None` for what is scored alone.
    pub(super) fn rows(&self) -> Option<usize> {
        match self {
            Self::Input(input) => join::rows(input),
            Self::Body(_) => None,
        }
    }

    /// Counts its values; as many as its bytes, when they are not read.
    pub(super) fn values(&self) -> usize {
        match self {
            Self::Input(input) => join::values(input),
            Self::Body(body) => body.bytes.len(),
        }
    }
}

/// A request that waits.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) work: Work,
    pub(super) params: Params,
    /// How many rows it has; `None` for one that is scored alone.
    pub(super) rows: Option<usize>,
    pub(super) arrived: Instant,
    pub(super) reply: oneshot::Sender<Result<Predictions>>,
}

impl Job {
    /// Tells whether nobody waits any more.
    fn is_given_up(&self) -> bool {
        self.reply.is_closed()
    }

    fn goes_with(&self, other: &Self) -> bool {
        match (&self.work, &other.work) {
            (Work::Input(own), Work::Input(others)) => {
                self.params == other.params && join::are_alike(own, others)
            }
            _ => false,
        }
    }
}

/// The requests that wait for one version of a model.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<VecDeque<Job>>,
    /// Whether somebody is on the way who will take from the queue.
    pub(super) has_taker: AtomicBool,
    /// How many inputs are being scored.
    pub(super) running: AtomicUsize,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Job>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a request behind the others, and returns how many wait now; drops it when there are
    /// `most` already.
    pub(super) fn push(&self, job: Job, most: usize) -> Option<usize> {
        let mut waiting = self.lock();
        if waiting.len() >= most {
            waiting.retain(|job| !job.is_given_up());
        }
        if waiting.len() >= most {
            return None;
        }
        waiting.push_back(job);
        Some(waiting.len())
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    pub(super) fn is_busy(&self) -> bool {
        self.running.load(Ordering::Relaxed) > 0
    }

    /// Returns when the first of the requests came, and how many rows wait.
    pub(super) fn first(&self) -> Option<(Instant, usize)> {
        let waiting = self.lock();
        let rows = waiting.iter().map(|job| job.rows.unwrap_or(1)).sum();
        waiting.front().map(|job| (job.arrived, rows))
    }

    /// Takes the first request, and those behind it that can be scored with it, up to `most` rows.
    pub(super) fn take(&self, most: usize) -> Vec<Job> {
        let mut waiting = self.lock();
        let mut taken: Vec<Job> = Vec::new();
        let mut rows = 0;
        while let Some(job) = waiting.front() {
            if !job.is_given_up() {
                let fits = match (taken.first(), job.rows) {
                    (None, _) => true,
                    (Some(first), Some(more)) => {
                        first.rows.is_some() && rows + more <= most && first.goes_with(job)
                    }
                    (Some(_), None) => false,
                };
                if !fits {
                    break;
                }
                rows += job.rows.unwrap_or(0);
                taken.extend(waiting.pop_front());
            } else {
                waiting.pop_front();
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlctl_table::{Tensor, Values};

    fn job(rows: usize) -> (Job, oneshot::Receiver<Result<Predictions>>) {
        let (reply, answer) = oneshot::channel();
        let work = Work::Input(Input::Tensor(Tensor::vector(Values::Long(vec![0; rows]))));
        let params = Params::default();
        (Job { work, params, rows: Some(rows), arrived: Instant::now(), reply }, answer)
    }

    fn counts(jobs: &[Job]) -> Vec<usize> {
        jobs.iter().filter_map(|job| job.rows).collect()
    }

    #[test]
    fn rows_go_together_up_to_the_limit() {
        let queue = Queue::default();
        let (jobs, _answers): (Vec<_>, Vec<_>) = [3, 2, 4, 9].map(job).into_iter().unzip();
        for job in jobs {
            queue.push(job, 10).unwrap();
        }

        assert_eq!(queue.first().map(|first| first.1), Some(18));
        assert_eq!(counts(&queue.take(6)), [3, 2]);
        // One that is larger than the limit goes alone.
        assert_eq!(counts(&queue.take(1)), [4]);
        assert_eq!(counts(&queue.take(6)), [9]);
        assert!(queue.take(6).is_empty());
    }

    #[test]
    fn requests_that_nobody_waits_for_make_room() {
        let queue = Queue::default();
        let ((first, answer), (second, _second), (third, _third)) = (job(1), job(2), job(3));
        let (fourth, _fourth) = job(4);
        queue.push(first, 2).unwrap();
        queue.push(second, 2).unwrap();

        assert_eq!(queue.push(third, 2), None);
        drop(answer);
        assert_eq!(queue.push(fourth, 2), Some(2));

        assert_eq!(counts(&queue.take(100)), [2, 4]);
    }

    #[test]
    fn what_is_not_alike_is_scored_alone() {
        let queue = Queue::default();
        let (mut other, _other) = job(1);
        other.work = Work::Input(Input::Tensor(Tensor::vector(Values::Double(vec![0.5]))));
        let ((first, _first), (third, _third)) = (job(1), job(1));
        for job in [first, other, third] {
            queue.push(job, 9).unwrap();
        }

        assert_eq!([100; 3].map(|most| queue.take(most).len()), [1, 1, 1]);
    }
}
