//! Round values along an axis.

use super::Scale;
use crate::format;
use jiff::Timestamp;

/// A value and its label.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tick {
    pub(crate) value: f64,
    pub(crate) label: String,
}

/// Returns about `count` round values of a scale.
pub(crate) fn of_numbers(scale: &Scale, count: usize) -> Vec<Tick> {
    let values = match scale.is_log {
        true => decades(scale.from, scale.to, count),
        false => multiples(scale.from, scale.to, step(scale.to / 2.0 - scale.from / 2.0, count)),
    };
    values.into_iter().map(|value| Tick { value, label: format::number(value) }).collect()
}

/// Returns about `count` round durations, of seconds.
pub(crate) fn of_seconds(scale: &Scale, count: usize) -> Vec<Tick> {
    let step = round_time((scale.to - scale.from) * 1e3, count) / 1e3;
    let values = multiples(scale.from, scale.to, step);
    let label = |value: f64| format::duration((value * 1e3) as i64);
    values.into_iter().map(|value| Tick { value, label: label(value) }).collect()
}

/// Returns about `count` round times, of milliseconds since 1970.
pub(crate) fn of_times(scale: &Scale, count: usize) -> Vec<Tick> {
    let step = round_time(scale.to - scale.from, count);
    let form = match step {
        _ if step >= 86_400e3 => "%m-%d",
        _ if step >= 60e3 => "%H:%M",
        _ => "%H:%M:%S",
    };
    let label = |value: f64| {
        let time = Timestamp::from_millisecond(value as i64);
        time.map(|time| time.strftime(form).to_string()).unwrap_or_default()
    };
    let values = multiples(scale.from, scale.to, step);
    values.into_iter().map(|value| Tick { value, label: label(value) }).collect()
}

/// The round step, 1, 2 or 5 times a power of ten, that parts twice `half` about `count` times.
fn step(half: f64, count: usize) -> f64 {
    let raw = half / count as f64 * 2.0;
    let power = 10f64.powf(raw.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= raw * 0.999);
    factor.unwrap_or(10.0) * power
}

/// The step that people count time in.
fn round_time(width: f64, count: usize) -> f64 {
    const STEPS_S: [f64; 18] = [
        1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0,
        7_200.0, 10_800.0, 21_600.0, 43_200.0, 86_400.0,
    ];
    let raw = width / count as f64;
    match raw {
        _ if raw < 1e3 => step(width / 2.0, count),
        _ => {
            let found = STEPS_S.iter().map(|seconds| seconds * 1e3).find(|step| *step >= raw);
            found.unwrap_or_else(|| step(width / 2.0 / 86_400e3, count).max(1.0) * 86_400e3)
        }
    }
}

fn multiples(from: f64, to: f64, step: f64) -> Vec<f64> {
    /// A step that is lost in the digits of its values would never end.
    const TICKS_MAX: usize = 50;
    if !(step > 0.0 && step.is_finite()) {
        return Vec::new();
    }
    let first = (from / step).ceil();
    let values = (0..TICKS_MAX).map(|index| (first + index as f64) * step);
    // A sum of tenths is a little off; the digits that are shown are not.
    values.take_while(|value| *value - to <= step * 1e-9).collect()
}

/// Powers of ten, with 2 and 5 times them if they are few.
fn decades(from: f64, to: f64, count: usize) -> Vec<f64> {
    let (low, high) = (from.log10().floor() as i32, to.log10().ceil() as i32);
    let wide = (high - low).unsigned_abs() as usize;
    let every = wide.div_ceil(count).max(1);
    let factors: &[f64] = if wide <= 2 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    (low..=high)
        .step_by(every)
        .flat_map(|power| factors.iter().map(move |factor| factor * 10f64.powi(power)))
        .filter(|value| (from..=to).contains(value))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: Vec<Tick>) -> Vec<String> {
        ticks.into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn values_are_round() {
        let linear = |from, to| labels(of_numbers(&Scale::linear((from, to), (0.0, 1.0)), 5));
        assert_eq!(linear(0.0, 1.0), ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
        assert_eq!(linear(0.03, 2.1), ["0.5", "1", "1.5", "2"]);
        assert_eq!(linear(-1e-5, 1e-5), ["-1e-5", "-5e-6", "0", "5e-6", "1e-5"]);
        assert_eq!(linear(f64::MIN, f64::MAX).len(), 3);
        let log = |from, to| labels(of_numbers(&Scale::log((from, to), (0.0, 1.0)), 5));
        assert_eq!(log(0.01, 1000.0), ["0.01", "0.1", "1", "10", "100", "1000"]);
        assert_eq!(log(2.0, 60.0), ["2", "5", "10", "20", "50"]);
    }

    #[test]
    fn times_are_round() {
        let day = 1_767_225_600_000.0;
        let times = |width| labels(of_times(&Scale::linear((day, day + width), (0.0, 1.0)), 4));
        assert_eq!(times(3_600e3), ["00:00", "00:15", "00:30", "00:45", "01:00"]);
        assert_eq!(times(3.0 * 86_400e3), ["01-01", "01-02", "01-03", "01-04"]);
        let relative = labels(of_seconds(&Scale::linear((0.0, 7_000.0), (0.0, 1.0)), 4));
        assert_eq!(relative, ["0 ms", "30 m", "1 h", "1 h 30 m"]);
    }
}
