//! What the values of a metric in several runs come to.

use crate::RunId;
use serde::{Deserialize, Serialize};

/// Which value of a metric is the better one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Goal {
    /// The smaller one, as of a loss.
    #[default]
    Min,
    /// The greater one, as of an accuracy.
    Max,
}

/// The values of a metric in several runs.
///
/// All but the two counts speak of the finite values, and are `None` without such values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// How many runs have a finite value.
    pub n: u64,
    /// How many runs have `NaN` or an infinity.
    pub not_finite: u64,
    /// The mean.
    pub mean: Option<f64>,
    /// The sample standard deviation; none of fewer than two values.
    pub std: Option<f64>,
    /// The smallest value.
    pub min: Option<f64>,
    /// The greatest value.
    pub max: Option<f64>,
    /// The run with the best value; of several the one with the smallest id.
    pub best: Option<RunId>,
}

/// Gathers the values of a metric.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    finite: Vec<f64>,
    not_finite: u64,
    best: Option<(f64, RunId)>,
}

impl Goal {
    fn is_better(self, value: f64, than: f64) -> bool {
        match self {
            Self::Min => value < than,
            Self::Max => value > than,
        }
    }
}

impl Gathered {
    pub(super) fn add(&mut self, value: f64, id: impl Fn() -> Option<RunId>, goal: Goal) {
        if !value.is_finite() {
            self.not_finite += 1;
            return;
        }
        // There is one zero.
        let value = value + 0.0;
        self.finite.push(value);
        let is_tie = self.best.as_ref().is_some_and(|(best, _)| value == *best);
        let is_better = self.best.as_ref().is_none_or(|(best, _)| goal.is_better(value, *best));
        if !is_tie && !is_better {
            return;
        }
        if let Some(id) = id()
            && (is_better || self.best.as_ref().is_none_or(|(_, holder)| id < *holder))
        {
            self.best = Some((value, id));
        }
    }

    pub(super) fn summary(mut self) -> Summary {
        // In an order of their own, so that the sums do not depend on the order of the runs.
        self.finite.sort_unstable_by(f64::total_cmp);
        let mean = mean(&self.finite);
        Summary {
            n: self.finite.len() as u64,
            not_finite: self.not_finite,
            mean,
            std: mean.and_then(|mean| deviation(&self.finite, mean)),
            min: self.finite.first().copied(),
            max: self.finite.last().copied(),
            best: self.best.map(|(_, run)| run),
        }
    }
}

/// What values are divided by before they are summed and squared, so that nothing overflows.
fn scale(values: &[f64]) -> f64 {
    let greatest = values.iter().fold(0.0, |greatest: f64, value| greatest.max(value.abs()));
    match greatest {
        0.0 | 1e-100..1e100 => 1.0,
        greatest => greatest,
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    let (first, last) = (values.first()?, values.last()?);
    let scale = scale(values);
    let sum: f64 = values.iter().map(|value| value / scale).sum();
    // Rounding must not lead out of the values.
    Some((sum / values.len() as f64 * scale).clamp(*first, *last))
}

fn deviation(values: &[f64], mean: f64) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let scale = scale(values);
    let apart = |value: &f64| value / scale - mean / scale;
    let squares: f64 = values.iter().map(|value| apart(value).powi(2)).sum();
    // The second term is what rounding the mean adds to the first.
    let rest: f64 = values.iter().map(apart).sum::<f64>().powi(2) / values.len() as f64;
    let variance = (squares - rest).max(0.0) / (values.len() - 1) as f64;
    Some(variance.sqrt() * scale).filter(|deviation| deviation.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn summary(values: &[f64], goal: Goal) -> Summary {
        let mut gathered = Gathered::default();
        for (at, value) in values.iter().enumerate() {
            gathered.add(*value, || RunId::parse(format!("r{at}")).ok(), goal);
        }
        gathered.summary()
    }

    #[test]
    fn values_that_are_not_finite_are_counted_apart() {
        let found = summary(&[f64::NAN, 1.0, f64::INFINITY, 3.0, f64::NEG_INFINITY], Goal::Max);

        let want = Summary {
            n: 2,
            not_finite: 3,
            mean: Some(2.0),
            std: Some(2f64.sqrt()),
            min: Some(1.0),
            max: Some(3.0),
            best: RunId::parse("r3").ok(),
        };
        assert_eq!(found, want);
        assert_eq!(
            summary(&[f64::NAN], Goal::Min),
            Summary { not_finite: 1, ..Summary::default() }
        );
    }

    #[test]
    fn of_equal_values_the_smallest_id_is_best_and_the_deviation_is_zero() {
        let found = summary(&[0.1, 0.1, 0.1], Goal::Min);

        assert_eq!((found.mean, found.std), (Some(0.1), Some(0.0)));
        assert_eq!(found.best, RunId::parse("r0").ok());
    }

    #[test]
    fn extreme_values_do_not_overflow() {
        let great = summary(&[1e308, 1e308, 1.1e308], Goal::Min);
        let small = summary(&[1e-308, 3e-308], Goal::Min);

        assert!((great.mean.unwrap() / 1e308 - 3.1 / 3.0).abs() < 1e-12);
        assert!((great.std.unwrap() / 1e308 - 0.1 / 3f64.sqrt()).abs() < 1e-12);
        assert!((small.std.unwrap() / 1e-308 - 2f64.sqrt()).abs() < 1e-12);
        assert_eq!(summary(&[f64::MAX, f64::MIN], Goal::Min).std, None);
    }

    proptest! {
        #[test]
        fn sums_agree_with_the_definition_in_any_order(
            values in prop::collection::vec(-1e3..1e3f64, 2..40)
        ) {
            let found = summary(&values, Goal::Max);
            let mut turned = values.clone();
            turned.reverse();

            let n = values.len() as f64;
            let mean = values.iter().sum::<f64>() / n;
            let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
            prop_assert!((found.mean.unwrap() - mean).abs() < 1e-9);
            prop_assert!((found.std.unwrap() - variance.sqrt()).abs() < 1e-9);
            prop_assert_eq!(found.max, values.iter().copied().reduce(f64::max));
            let other = summary(&turned, Goal::Max);
            prop_assert_eq!((found.mean, found.std), (other.mean, other.std));
        }
    }
}
