//! How long a model takes, learnt from what it took.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A few rows cost what a call costs; the rest is counted by row.
const FEW: usize = 8;

/// Handing work to another thread and back costs a good part of this.
const AT_ONCE: Duration = Duration::from_micros(250);

/// Nanoseconds that a model took lately. Nothing is exact here: two threads may overwrite each
/// other's measurement.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Of a call with few rows; 0 when there was none.
    call: AtomicU64,
    /// Of a thousand rows of a call with many.
    thousand: AtomicU64,
}

impl Pace {
    /// Notes what a call took.
    pub(super) fn note(&self, rows: usize, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX / 1024).max(1);
        match rows {
            0..=FEW => blend(&self.call, nanos),
            _ => blend(&self.thousand, nanos.saturating_mul(1000) / rows as u64),
        }
    }

    /// Tells whether so many rows are scored in less time than handing them over is worth.
    pub(super) fn is_at_once(&self, rows: usize) -> bool {
        let call = self.call.load(Ordering::Relaxed);
        let thousand = self.thousand.load(Ordering::Relaxed);
        let estimate = match rows {
            0..=FEW => call,
            // Before many rows were seen, each may cost a call.
            _ if thousand == 0 => call.saturating_mul(rows as u64),
            _ => call.saturating_add(thousand.saturating_mul(rows as u64) / 1000),
        };
        call > 0 && u128::from(estimate) < AT_ONCE.as_nanos()
    }
}

/// Moves an eighth of the way, so that a slow call is forgotten after a few quick ones.
fn blend(place: &AtomicU64, nanos: u64) {
    let old = place.load(Ordering::Relaxed);
    let new = if old == 0 { nanos } else { old - old / 8 + nanos / 8 };
    place.store(new.max(1), Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_not_done_at_once() {
        let pace = Pace::default();
        assert!(!pace.is_at_once(1));

        pace.note(1, Duration::from_micros(3));
        assert!(pace.is_at_once(1));
        assert!(!pace.is_at_once(1000));

        pace.note(1000, Duration::from_micros(90));
        assert!(pace.is_at_once(1000));
        assert!(!pace.is_at_once(10_000));
    }

    #[test]
    fn a_model_that_becomes_slow_is_noticed() {
        let pace = Pace::default();
        pace.note(1, Duration::from_micros(3));
        for _ in 0..8 {
            pace.note(1, Duration::from_millis(1));
        }
        assert!(!pace.is_at_once(1));
        for _ in 0..30 {
            pace.note(1, Duration::from_micros(3));
        }
        assert!(pace.is_at_once(1));
    }
}
