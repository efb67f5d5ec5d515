//! What Prometheus is told about models.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::fmt;
use std::time::Duration;

/// Upper bounds of a request's time in seconds.
const SECONDS: [f64; 14] =
    [5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.5, 2.5, 10.0];

/// Upper bounds of the number of rows that are scored together.
const ROWS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 64.0, 256.0, 1024.0, 16_384.0];

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// With predictions.
    Answered,
    /// With an error that the request is to blame for.
    Invalid,
    /// With an error of the model.
    Failed,
    /// Unheard, because too many wait.
    Refused,
    /// Without an answer in time.
    TimedOut,
}

impl Outcome {
    const ALL: [Self; 5] =
        [Self::Answered, Self::Invalid, Self::Failed, Self::Refused, Self::TimedOut];

    fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Invalid => "invalid",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::TimedOut => "timed_out",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    model: String,
    version: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    model: String,
    version: String,
    outcome: &'static str,
}

/// The series of all models.
pub(super) struct Meters {
    registry: Registry,
    requests: Family<OutcomeLabels, Counter>,
    seconds: Family<Labels, Histogram, fn() -> Histogram>,
    rows: Family<Labels, Counter>,
    together: Family<Labels, Histogram, fn() -> Histogram>,
    waiting: Family<Labels, Gauge>,
}

impl fmt::Debug for Meters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meters")
    }
}

impl Meters {
    pub(super) fn new() -> Self {
        let mut registry = Registry::with_prefix("mlctl_model");
        let requests = Family::default();
        registry.register("requests", "Requests by outcome", requests.clone());
        let seconds = Family::new_with_constructor((|| Histogram::new(SECONDS)) as fn() -> _);
        let help = "Time from the complete request body to the answer";
        registry.register_with_unit("request_duration", help, Unit::Seconds, seconds.clone());
        let rows = Family::default();
        registry.register("rows", "Scored rows", rows.clone());
        let together = Family::new_with_constructor((|| Histogram::new(ROWS)) as fn() -> _);
        registry.register("batch_rows", "Rows per batch", together.clone());
        let waiting = Family::default();
        registry.register("queue_length", "Requests waiting for the model", waiting.clone());
        Self { registry, requests, seconds, rows, together, waiting }
    }

    /// Returns all series as OpenMetrics text.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    /// Returns the series of one version.
    pub(super) fn of(&self, model: &str, version: &str) -> Meter {
        let labels = Labels { model: model.to_owned(), version: version.to_owned() };
        let requests = Outcome::ALL.map(|outcome| {
            let Labels { model, version } = labels.clone();
            let labels = OutcomeLabels { model, version, outcome: outcome.name() };
            self.requests.get_or_create(&labels).clone()
        });
        Meter {
            requests,
            seconds: self.seconds.get_or_create(&labels).clone(),
            rows: self.rows.get_or_create(&labels).clone(),
            together: self.together.get_or_create(&labels).clone(),
            waiting: self.waiting.get_or_create(&labels).clone(),
        }
    }
}

/// The series of one version of a model.
#[derive(Debug)]
pub(super) struct Meter {
    requests: [Counter; Outcome::ALL.len()],
    seconds: Histogram,
    rows: Counter,
    together: Histogram,
    waiting: Gauge,
}

impl Meter {
    /// Counts a request that has ended.
    pub(super) fn request(&self, outcome: Outcome, took: Duration) {
        self.requests[outcome as usize].inc();
        self.seconds.observe(took.as_secs_f64());
    }

    /// Counts rows that were scored together.
    pub(super) fn scored(&self, rows: usize) {
        self.rows.inc_by(rows as u64);
        self.together.observe(rows as f64);
    }

    /// Notes how many requests wait.
    pub(super) fn waiting(&self, requests: usize) {
        self.waiting.set(requests as i64);
    }
}
