//! Values as people read them. Pure: the time is given.

use jiff::Timestamp;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Writes a number with four significant digits; whole numbers below ten million as they are.
pub(crate) fn number(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    if value == value.trunc() && value.abs() < 1e7 {
        // Adding zero makes minus zero plain.
        return format!("{}", value + 0.0);
    }
    let rounded = format!("{value:.3e}");
    let (mantissa, exponent) = rounded.split_once('e').unwrap_or((&rounded, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    match exponent {
        -4..=6 => {
            let decimals = usize::try_from(3 - exponent).unwrap_or(0);
            without_trailing_zeros(&format!("{value:.decimals$}")).to_owned()
        }
        _ => format!("{}e{exponent}", without_trailing_zeros(mantissa)),
    }
}

/// Writes all digits of a number, so that it reads back exactly.
pub(crate) fn exact(value: f64) -> String {
    let size = value.abs();
    match value.is_finite() {
        true if size != 0.0 && !(1e-5..1e16).contains(&size) => format!("{value:e}"),
        true => format!("{}", value + 0.0),
        false => number(value),
    }
}

fn without_trailing_zeros(text: &str) -> &str {
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => text,
    }
}

/// Writes a count with commas between thousands.
pub(crate) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Writes a count and what is counted: `1 run`, `10,000 runs`.
pub(crate) fn plural(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// Writes how long something took, with two units at most.
pub(crate) fn duration(millis: i64) -> String {
    let millis = millis.max(0);
    match millis {
        0..SECOND => format!("{millis} ms"),
        SECOND..MINUTE => {
            let tenths = millis / 100;
            match tenths % 10 {
                0 => format!("{} s", tenths / 10),
                tenth => format!("{}.{tenth} s", tenths / 10),
            }
        }
        MINUTE..HOUR => pair(millis / MINUTE, "m", millis % MINUTE / SECOND, "s"),
        HOUR..DAY => pair(millis / HOUR, "h", millis % HOUR / MINUTE, "m"),
        _ => pair(millis / DAY, "d", millis % DAY / HOUR, "h"),
    }
}

fn pair(large: i64, unit: &str, small: i64, small_unit: &str) -> String {
    match small {
        0 => format!("{large} {unit}"),
        _ => format!("{large} {unit} {small} {small_unit}"),
    }
}

/// Writes a time as its distance to now for seven days, then as a date.
pub(crate) fn when(now: i64, millis: i64) -> String {
    let ago = now.saturating_sub(millis);
    match ago {
        // Clocks of two machines differ by some seconds.
        _ if (-MINUTE..MINUTE).contains(&ago) => "just now".to_owned(),
        MINUTE..HOUR => format!("{} m ago", ago / MINUTE),
        HOUR..DAY => format!("{} h ago", ago / HOUR),
        _ if (DAY..7 * DAY).contains(&ago) => format!("{} d ago", ago / DAY),
        _ => date(millis),
    }
}

/// Writes the day of a time, in UTC.
pub(crate) fn date(millis: i64) -> String {
    strftime(millis, "%Y-%m-%d")
}

/// Writes a time to the second, in UTC.
pub(crate) fn moment(millis: i64) -> String {
    strftime(millis, "%Y-%m-%d %H:%M:%S UTC")
}

/// Writes a time for machines.
pub(crate) fn iso(millis: i64) -> String {
    strftime(millis, "%Y-%m-%dT%H:%M:%SZ")
}

fn strftime(millis: i64, form: &str) -> String {
    match Timestamp::from_millisecond(millis) {
        Ok(time) => time.strftime(form).to_string(),
        Err(_) => format!("{millis} ms since 1970"),
    }
}

/// Writes a size in bytes, with units of 1,000.
pub(crate) fn bytes(size: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if size < 1_000 {
        return plural(size, "byte", "bytes");
    }
    let mut value = size as f64 / 1e3;
    let mut unit = 0;
    // What would be shown as 1000 of a unit is 1 of the next.
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1e3;
        unit += 1;
    }
    let digits = usize::from(value < 99.95);
    format!("{value:.digits$} {}", UNITS[unit])
}

/// Cuts an id to what tells it apart in a list.
pub(crate) fn short_id(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_significant_digits() {
        for (value, want) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (10_000.0, "10000"),
            (-3.0, "-3"),
            (0.981_234, "0.9812"),
            (0.1, "0.1"),
            (12_345.678, "12346"),
            (1_234_567.8, "1234568"),
            (0.000_123_456, "0.0001235"),
            (0.000_012_345_6, "1.235e-5"),
            (123_456_789.5, "1.235e8"),
            (1e300, "1e300"),
            (99.995, "100"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(number(value), want, "for {value:?}");
        }
    }

    #[test]
    fn all_digits_read_back_exactly() {
        for value in [0.1 + 0.2, 1e-300, 5e-324, f64::MAX, -2.5, 1e16, 123_456_789.123] {
            assert_eq!(exact(value).parse::<f64>().unwrap(), value);
        }
        assert_eq!(exact(f64::NAN), "NaN");
    }

    #[test]
    fn counts_have_commas_and_the_right_plural() {
        assert_eq!(plural(0, "run", "runs"), "0 runs");
        assert_eq!(plural(1, "run", "runs"), "1 run");
        assert_eq!(plural(10_000, "run", "runs"), "10,000 runs");
        assert_eq!(count(123), "123");
        assert_eq!(count(1_234_567), "1,234,567");
    }

    #[test]
    fn durations_have_two_units_at_most() {
        for (millis, want) in [
            (-5, "0 ms"),
            (820, "820 ms"),
            (3_200, "3.2 s"),
            (59_990, "59.9 s"),
            (60_000, "1 m"),
            (31 * MINUTE + 5_000, "31 m 5 s"),
            (2 * HOUR + 5 * MINUTE, "2 h 5 m"),
            (3 * DAY + HOUR, "3 d 1 h"),
        ] {
            assert_eq!(duration(millis), want, "for {millis}");
        }
    }

    #[test]
    fn times_are_relative_for_a_week() {
        let now = 1_767_225_600_000;
        for (ago, want) in [
            (-30_000, "just now"),
            (0, "just now"),
            (5 * MINUTE, "5 m ago"),
            (2 * HOUR, "2 h ago"),
            (6 * DAY, "6 d ago"),
            (8 * DAY, "2025-12-24"),
            (-2 * DAY, "2026-01-03"),
        ] {
            assert_eq!(when(now, now - ago), want, "for {ago}");
        }
        assert_eq!(moment(now), "2026-01-01 00:00:00 UTC");
        assert_eq!(iso(now), "2026-01-01T00:00:00Z");
    }

    #[test]
    fn sizes_have_units() {
        for (size, want) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (999, "999 bytes"),
            (1_000, "1.0 kB"),
            (99_960, "100 kB"),
            (12_345_678, "12.3 MB"),
            (999_960, "1.0 MB"),
            (5_000_000_000_000_000, "5.0 PB"),
        ] {
            assert_eq!(bytes(size), want, "for {size}");
        }
    }
}
