//! Where a value is on the screen.

/// A straight or logarithmic way from values to places.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale {
    /// The values at the two ends.
    pub(crate) from: f64,
    pub(crate) to: f64,
    /// The places of the two ends.
    start: f64,
    end: f64,
    pub(crate) is_log: bool,
}

impl Scale {
    /// Makes a straight scale. A range without width gets some.
    pub(crate) fn linear((from, to): (f64, f64), (start, end): (f64, f64)) -> Self {
        let (from, to) = match from < to {
            true => (from, to),
            // A single value stands in the middle.
            false => {
                let margin = if from == 0.0 { 1.0 } else { from.abs() * 0.5 };
                ((from - margin).max(f64::MIN), (from + margin).min(f64::MAX))
            }
        };
        Self { from, to, start, end, is_log: false }
    }

    /// Makes a logarithmic scale of positive values.
    pub(crate) fn log((from, to): (f64, f64), (start, end): (f64, f64)) -> Self {
        let (from, to) = if from < to { (from, to) } else { (from / 2.0, from * 2.0) };
        Self { from, to, start, end, is_log: true }
    }

    /// Returns the place of a value; none if a logarithmic scale has no place for it.
    pub(crate) fn place(&self, value: f64) -> Option<f64> {
        let part = match self.is_log {
            true if value <= 0.0 => return None,
            true => (value.ln() - self.from.ln()) / (self.to.ln() - self.from.ln()),
            // Halved, because the width of a range may be more than a number can be.
            false => (value / 2.0 - self.from / 2.0) / (self.to / 2.0 - self.from / 2.0),
        };
        // The least numbers have no halves and no logarithms that differ.
        let part = if part.is_finite() { part } else { 0.5 };
        Some(self.start + part * (self.end - self.start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_and_middle_have_their_places() {
        let linear = Scale::linear((-10.0, 30.0), (100.0, 0.0));
        assert_eq!([-10.0, 10.0, 30.0].map(|v| linear.place(v)), [100.0, 50.0, 0.0].map(Some));
        let log = Scale::log((0.01, 100.0), (0.0, 40.0));
        let middle = log.place(1.0).unwrap();
        assert!((middle - 20.0).abs() < 1e-9, "{middle}");
        assert_eq!((log.place(0.0), log.place(-1.0)), (None, None));
    }

    #[test]
    fn a_range_without_width_and_one_without_bounds_work() {
        for value in [0.0, 5.0, -3.0, 1e300] {
            let place = Scale::linear((value, value), (0.0, 100.0)).place(value);
            assert_eq!(place, Some(50.0), "for {value}");
        }
        let widest = Scale::linear((f64::MIN, f64::MAX), (0.0, 100.0));
        assert_eq!(widest.place(0.0), Some(50.0));
    }
}
