//! What tells the time: the system, or what a test decides.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time as MLflow counts it: in milliseconds since 1970-01-01 UTC.
///
/// Libraries are given one where they need the time; its default is the system's.
///
/// ```
/// use mlctl_wire::Clock;
///
/// assert!(Clock::system().now() > 1_767_225_600_000);
/// assert_eq!(Clock::fixed(1_000).now(), 1_000);
/// ```
#[derive(Clone, Default)]
pub struct Clock(Source);

#[derive(Clone, Default)]
enum Source {
    #[default]
    System,
    Function(Arc<dyn Fn() -> i64 + Send + Sync>),
}

impl Clock {
    /// Returns the clock of the system.
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// Returns a clock that stands still.
    pub fn fixed(millis: i64) -> Self {
        Self::from(move || millis)
    }

    /// Returns the time, in milliseconds since 1970-01-01 UTC.
    pub fn now(&self) -> i64 {
        match &self.0 {
            Source::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
            }
            Source::Function(now) => now(),
        }
    }
}

/// Makes a clock of a function that returns milliseconds since 1970-01-01 UTC.
impl<F: Fn() -> i64 + Send + Sync + 'static> From<F> for Clock {
    fn from(now: F) -> Self {
        Self(Source::Function(Arc::new(now)))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Source::System => "Clock::System",
            Source::Function(_) => "Clock::Function",
        })
    }
}
