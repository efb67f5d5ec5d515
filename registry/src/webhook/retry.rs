//! What becomes of a message after an attempt. Pure: chance and time come from the caller.

use std::time::{Duration, UNIX_EPOCH};

use super::delivery::Outcome;
use super::settings::DeliverySettings;

/// A server may ask for a pause of its own, up to this long.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60 * 60);

/// What a request came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// The server answered.
    Answered {
        /// The HTTP status.
        status: u16,
        /// The pause that the server asks for.
        retry_after: Option<Duration>,
    },
    /// Nothing came back: why. The next attempt may do better.
    Unreachable(String),
    /// The request may not be made: why. The next one may not either.
    Forbidden(String),
}

/// Tells whether a later attempt may do better: the statuses that MLflow tries again after.
fn is_passing(status: u16) -> bool {
    matches!(status, 429 | 500 | 502 | 503 | 504)
}

/// Reads the pause of a `Retry-After`: seconds, or a date in one of the three forms of HTTP.
///
/// A date that is over asks for nothing: its sender's clock may be slow, and asking at once is what
/// nobody wants who asks for a pause.
pub(super) fn pause_asked(text: &str, now_ms: i64) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let now = UNIX_EPOCH + Duration::from_millis(u64::try_from(now_ms).ok()?);
    date.duration_since(now).ok().filter(|pause| !pause.is_zero())
}

/// Says why an answer is no success; `None` when it is one.
pub(super) fn complaint(status: u16) -> Option<String> {
    match status {
        200..300 => None,
        300..400 => Some(format!("its answer was {status}: redirects are not followed")),
        _ => Some(format!("its answer was {status}")),
    }
}

/// Decides after the attempt number `attempts` at `now_ms`; `chance` is between 0 and 1.
pub(super) fn decide(
    attempt: Attempt,
    attempts: u32,
    settings: &DeliverySettings,
    now_ms: i64,
    chance: f64,
) -> Outcome {
    let (reason, can_retry, pause) = match attempt {
        Attempt::Answered { status, retry_after } => match complaint(status) {
            None => return Outcome::Delivered,
            Some(reason) => (reason, is_passing(status), retry_after),
        },
        Attempt::Unreachable(reason) => (reason, true, None),
        Attempt::Forbidden(reason) => (reason, false, None),
    };
    if !can_retry || attempts > settings.retries_max {
        return Outcome::Failed { at_ms: now_ms, reason };
    }
    let pause = match pause {
        Some(asked) => asked.min(RETRY_AFTER_MAX),
        None => backoff(attempts, settings, chance),
    };
    Outcome::Retry { due_ms: now_ms.saturating_add(millis(pause)), reason }
}

fn backoff(attempts: u32, settings: &DeliverySettings, chance: f64) -> Duration {
    let doubled = 2_u32.saturating_pow(attempts.saturating_sub(1).min(30));
    let grown = settings.backoff.saturating_mul(doubled);
    grown.saturating_add(settings.backoff.mul_f64(chance.clamp(0.0, 1.0))).min(settings.backoff_max)
}

/// Returns a time in whole milliseconds.
pub(super) fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16) -> Attempt {
        Attempt::Answered { status, retry_after: None }
    }

    #[track_caller]
    fn check(attempt: Attempt, attempts: u32, want: Result<i64, &str>) {
        let settings = DeliverySettings::default();
        match (decide(attempt, attempts, &settings, 1_000_000, 0.5), want) {
            (Outcome::Delivered, Ok(0)) => {}
            (Outcome::Retry { due_ms, .. }, Ok(pause)) => assert_eq!(due_ms - 1_000_000, pause),
            (Outcome::Failed { reason, .. }, Err(want)) => assert_eq!(reason, want),
            (got, want) => panic!("{got:?} instead of {want:?}"),
        }
    }

    #[test]
    fn pauses_double_and_end() {
        check(answered(200), 1, Ok(0));
        check(answered(204), 4, Ok(0));
        check(answered(503), 1, Ok(1_500));
        check(answered(429), 2, Ok(2_500));
        check(Attempt::Unreachable("gone".to_owned()), 3, Ok(4_500));
        check(Attempt::Unreachable("gone".to_owned()), 4, Err("gone"));
        check(answered(500), 4, Err("its answer was 500"));
    }

    #[test]
    fn what_will_not_get_better_is_not_tried_again() {
        check(answered(404), 1, Err("its answer was 404"));
        check(answered(501), 1, Err("its answer was 501"));
        check(answered(302), 1, Err("its answer was 302: redirects are not followed"));
        check(Attempt::Forbidden("private".to_owned()), 1, Err("private"));
    }

    #[test]
    fn a_server_may_ask_for_a_pause() {
        let ask = |seconds| Attempt::Answered {
            status: 503,
            retry_after: Some(Duration::from_secs(seconds)),
        };
        check(ask(7), 1, Ok(7_000));
        check(ask(1_000_000), 1, Ok(3_600_000));
    }

    #[test]
    fn a_pause_is_seconds_or_a_date() {
        // 1994-11-06 08:49:37 UTC, in milliseconds.
        const DATE_MS: i64 = 784_111_777_000;
        #[track_caller]
        fn check(text: &str, want: Option<u64>) {
            let asked = pause_asked(text, DATE_MS - 90_500);
            assert_eq!(asked, want.map(Duration::from_millis), "{text}");
        }
        check("120", Some(120_000));
        check(" 0 ", Some(0));
        check("Sun, 06 Nov 1994 08:49:37 GMT", Some(90_500));
        check("Sunday, 06-Nov-94 08:49:37 GMT", Some(90_500));
        check("Sun Nov  6 08:49:37 1994", Some(90_500));
        check("Sun, 06 Nov 1994 08:48:06 GMT", None);
        check("Fri, 01 Jan 1965 00:00:00 GMT", None);
        check("-1", None);
        check("soon", None);
        check("", None);
        assert_eq!(pause_asked("Sun, 06 Nov 1994 08:49:37 GMT", DATE_MS), None);
    }

    #[test]
    fn no_pause_is_longer_than_the_longest() {
        let settings = DeliverySettings { retries_max: 200, ..DeliverySettings::default() };
        for attempts in 7..100 {
            let due = decide(answered(500), attempts, &settings, 0, 1.0);
            assert!(matches!(due, Outcome::Retry { due_ms: 60_000, .. }), "{due:?}");
        }
    }
}
