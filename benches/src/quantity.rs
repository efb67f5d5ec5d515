//! What a benchmark measures, and how it reads.

use std::fmt;
use std::time::Duration;

/// A measured number with its unit, which also says which way is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Quantity {
    /// A time; less is better.
    Seconds(f64),
    /// A rate; more is better.
    PerSecond(f64),
    /// An amount of memory; less is better.
    Bytes(f64),
}

impl Quantity {
    /// Makes a time.
    pub(crate) fn millis(millis: f64) -> Self {
        Self::Seconds(millis / 1000.0)
    }

    /// Makes an amount of memory from units of 1,000,000 bytes.
    pub(crate) fn megabytes(megabytes: f64) -> Self {
        Self::Bytes(megabytes * 1e6)
    }

    /// Keeps the unit and changes the number.
    pub(crate) fn map(self, change: impl FnOnce(f64) -> f64) -> Self {
        match self {
            Self::Seconds(number) => Self::Seconds(change(number)),
            Self::PerSecond(number) => Self::PerSecond(change(number)),
            Self::Bytes(number) => Self::Bytes(change(number)),
        }
    }

    /// Returns the number alone, in the unit of the variant.
    pub(crate) fn number(self) -> f64 {
        match self {
            Self::Seconds(number) | Self::PerSecond(number) | Self::Bytes(number) => number,
        }
    }

    /// Tells how many times better this is than `other`, of the same unit.
    pub(crate) fn advantage_over(self, other: Self) -> f64 {
        match self {
            Self::PerSecond(rate) => rate / other.number(),
            Self::Seconds(_) | Self::Bytes(_) => other.number() / self.number(),
        }
    }
}

impl From<Duration> for Quantity {
    fn from(time: Duration) -> Self {
        Self::Seconds(time.as_secs_f64())
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Seconds(time) if time >= 1.0 => write!(f, "{} s", Digits(time)),
            Self::Seconds(time) if time < 9.995e-5 => write!(f, "{} µs", Digits(time * 1e6)),
            Self::Seconds(time) => write!(f, "{} ms", Digits(time * 1e3)),
            Self::PerSecond(rate) => write!(f, "{}/s", Grouped(rate)),
            Self::Bytes(bytes) => write!(f, "{} MB", Digits(bytes / 1e6)),
        }
    }
}

/// How many times, as in `12×`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times(pub(crate) f64);

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 100.0 {
            write!(f, "{}×", Digits(self.0))
        } else {
            write!(f, "{}×", Grouped(self.0))
        }
    }
}

/// A number with about three digits that count.
struct Digits(f64);

impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = match self.0.abs() {
            large if large >= 99.95 => 0,
            medium if medium >= 9.995 => 1,
            _ => 2,
        };
        write!(f, "{:.decimals$}", self.0)
    }
}

/// A whole number with commas between the thousands.
struct Grouped(f64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:.0}", self.0);
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                write!(f, ",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(quantity: Quantity, want: &str) {
        assert_eq!(quantity.to_string(), want);
    }

    #[test]
    fn quantities_read_with_three_digits_and_a_unit() {
        check(Quantity::Seconds(0.0019432), "1.94 ms");
        check(Quantity::Seconds(0.0999), "99.9 ms");
        check(Quantity::Seconds(0.000_012_3), "12.3 µs");
        check(Quantity::Seconds(0.99999), "1000 ms");
        check(Quantity::Seconds(19.04), "19.0 s");
        check(Quantity::PerSecond(123_456.7), "123,457/s");
        check(Quantity::PerSecond(999.0), "999/s");
        check(Quantity::Bytes(20_000_000.0), "20.0 MB");
    }

    #[test]
    fn a_shorter_time_and_a_higher_rate_are_better() {
        let time = Quantity::Seconds(2.0).advantage_over(Quantity::Seconds(20.0));
        let rate = Quantity::PerSecond(20.0).advantage_over(Quantity::PerSecond(2.0));
        assert_eq!((time, rate), (10.0, 10.0));
    }
}
