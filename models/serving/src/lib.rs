//! Models behind a server: several at once, replaced while requests go on.
//!
//! A [`Repository`] holds models by name. Each comes from a [`Source`], which says what version
//! there is now and loads it. A version that is loaded is [`Deployed`]: it scores small requests at
//! once and lets the others wait in a queue with an end, where rows of several requests may be put
//! together. A request that has begun with one version ends with it.

mod deployed;
mod meter;
mod pace;
mod queue;
mod repository;
pub mod rest;
mod source;

pub use deployed::{Deployed, Refusal};
pub use repository::{Entry, Missing, Repository, Standing};
pub use source::{Found, Source, SourceError};

use std::num::NonZero;
use std::thread;
use std::time::Duration;

/// How a server scores.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many inputs are scored at the same time.
    pub workers: usize,
    /// After how long a request is given up.
    pub timeout: Duration,
    /// How many rows of waiting requests are scored together at most. `None` lets 1,024 rows of
    /// models go together whose rows are known to be independent; a number says it of all models.
    pub batch_max: Option<usize>,
    /// How long a request may wait for others to be scored with while the model is busy.
    pub latency_max: Duration,
    /// How many requests may wait for one model.
    pub queue_max: usize,
    /// Whether clients may load models again and unload them.
    pub repository_control: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            workers: thread::available_parallelism().map_or(2, NonZero::get),
            timeout: Duration::from_secs(60),
            batch_max: None,
            latency_max: Duration::ZERO,
            queue_max: 1024,
            repository_control: false,
        }
    }
}
