//! Rounds that take turns, and their medians.

use crate::quantity::Quantity;
use anyhow::{Context, Result, anyhow};
use std::time::Instant;

/// Something that is measured several times.
pub(crate) struct Subject<'a> {
    rounds: usize,
    measure: Box<dyn FnMut() -> Result<Quantity> + 'a>,
    results: Vec<Quantity>,
}

impl<'a> Subject<'a> {
    /// Names what is measured once a round.
    pub(crate) fn new(rounds: usize, measure: impl FnMut() -> Result<Quantity> + 'a) -> Self {
        Self { rounds, measure: Box::new(measure), results: Vec::new() }
    }

    /// Is never measured when there is nothing to measure, such as MLflow where it is missing.
    pub(crate) fn maybe(
        exists: bool,
        rounds: usize,
        measure: impl FnMut() -> Result<Quantity> + 'a,
    ) -> Self {
        Self::new(if exists { rounds } else { 0 }, measure)
    }

    /// Returns the median, and nothing when there were no rounds.
    pub(crate) fn median(&self) -> Option<Quantity> {
        let mut numbers: Vec<f64> = self.results.iter().map(|one| one.number()).collect();
        numbers.sort_by(f64::total_cmp);
        let middle = numbers.len() / 2;
        let median = match numbers.len() {
            0 => return None,
            odd if odd % 2 == 1 => numbers[middle],
            _ => f64::midpoint(numbers[middle - 1], numbers[middle]),
        };
        self.results.first().map(|one| one.map(|_| median))
    }

    /// Returns the median of what was measured.
    ///
    /// # Errors
    /// When there were no rounds.
    pub(crate) fn measured(&self) -> Result<Quantity> {
        self.median().context("nothing was measured")
    }
}

/// Measures all subjects, taking turns; one with fewer rounds has them spread among the others'.
pub(crate) fn take_turns(subjects: &mut [Subject<'_>]) -> Result<()> {
    let most = subjects.iter().map(|subject| subject.rounds).max().unwrap_or(0);
    for round in 0..most {
        for subject in subjects.iter_mut() {
            if (round + 1) * subject.rounds / most > round * subject.rounds / most {
                let result = (subject.measure)()?;
                subject.results.push(result);
            }
        }
    }
    Ok(())
}

/// Measures how long `work` takes.
pub(crate) fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<(Quantity, T)> {
    let start = Instant::now();
    let done = work()?;
    Ok((start.elapsed().into(), done))
}

/// Fails unless both are equal, saying what they are.
pub(crate) fn check_equal<T: PartialEq + std::fmt::Debug>(
    what: &str,
    got: &T,
    want: &T,
) -> Result<()> {
    if got == want {
        return Ok(());
    }
    Err(anyhow!("{what}: expected {want:?}, found {got:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn rounds_take_turns_and_the_median_counts() {
        let log = RefCell::new(String::new());
        let note = |name: char, times: Vec<f64>| {
            let mut times = times.into_iter();
            let log = &log;
            move || {
                log.borrow_mut().push(name);
                Ok(Quantity::Seconds(times.next().context("no more rounds")?))
            }
        };
        let mut subjects = [
            Subject::new(4, note('a', vec![4.0, 1.0, 100.0, 2.0])),
            Subject::new(2, note('b', vec![5.0, 7.0])),
            Subject::maybe(false, 9, note('c', vec![])),
        ];

        take_turns(&mut subjects).unwrap();

        let medians: Vec<_> = subjects.iter().map(Subject::median).collect();
        drop(subjects);
        let seconds = |number| Some(Quantity::Seconds(number));
        assert_eq!(medians, [seconds(3.0), seconds(6.0), None]);
        assert_eq!(log.into_inner(), "aabaab");
    }
}
