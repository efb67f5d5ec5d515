//! Which points of a long metric a chart gets.
//!
//! Pure. The choice is that of `SqlAlchemyStore.get_metric_history_bulk_interval` of MLflow 3.17.2:
//! the points of a run, in the order of steps, are parted into as many groups as there may be
//! results, of sizes that differ by one at most and the larger ones first; the first of each group
//! is taken, and the very last point in place of the last one.

use crate::entity::Metric;
use std::cmp::Ordering;

/// Which points of a metric to choose among, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistorySample {
    /// The first step; from the first one logged when not given.
    pub start_step: Option<i64>,
    /// The last step, inclusive; to the last one logged when not given.
    pub end_step: Option<i64>,
    /// How many points of each run at most; 0 counts as 1.
    pub max_results: usize,
}

impl HistorySample {
    /// Chooses among the points of one run, which may come in any order.
    pub(crate) fn choose(&self, mut points: Vec<Metric>) -> Vec<Metric> {
        let from = self.start_step.unwrap_or(i64::MIN);
        let to = self.end_step.unwrap_or(i64::MAX);
        points.retain(|point| (from..=to).contains(&point.step));
        points.sort_by(compare);
        let chosen = places(points.len(), self.max_results);
        chosen.into_iter().map(|place| points[place].clone()).collect()
    }
}

/// Compares by step, time and value as MLflow's tables do, where `NaN` is a flagged zero.
pub(crate) fn compare(a: &Metric, b: &Metric) -> Ordering {
    let stored = |value: f64| if value.is_nan() { (0.0, true) } else { (value, false) };
    let by_value = stored(a.value).partial_cmp(&stored(b.value)).unwrap_or(Ordering::Equal);
    a.step.cmp(&b.step).then(a.timestamp.cmp(&b.timestamp)).then(by_value)
}

/// Lists the places, among `total` ordered points, of at most `max_results` that are chosen.
pub(crate) fn places(total: usize, max_results: usize) -> Vec<usize> {
    let groups = max_results.max(1);
    if total <= groups {
        return (0..total).collect();
    }
    let (size, larger) = (total / groups, total % groups);
    let mut chosen: Vec<usize> =
        (0..groups).map(|group| group * size + group.min(larger)).collect();
    if let Some(last) = chosen.last_mut() {
        *last = total - 1;
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Key;

    #[track_caller]
    fn check(total: usize, max_results: usize, want: &[usize]) {
        assert_eq!(places(total, max_results), want, "{max_results} of {total}");
    }

    /// Answers of SQLite's `ntile` and of MLflow's rule for the end.
    #[test]
    fn the_first_of_each_group_and_the_last_of_all_are_chosen() {
        check(0, 3, &[]);
        check(3, 3, &[0, 1, 2]);
        check(1, 0, &[0]);
        check(5, 1, &[4]);
        check(10, 4, &[0, 3, 6, 9]);
        check(11, 4, &[0, 3, 6, 10]);
        check(4, 3, &[0, 2, 3]);
        check(100, 10, &[0, 10, 20, 30, 40, 50, 60, 70, 80, 99]);
    }

    #[test]
    fn points_outside_of_the_range_do_not_count_and_ties_go_by_time_and_value() {
        let point = |step, time, value| Metric::new(Key::parse("m").unwrap(), value, time, step);
        let points = vec![
            point(9, 1, 0.5),
            point(2, 7, 0.5),
            point(2, 6, f64::NAN),
            point(2, 6, 0.0),
            point(2, 6, -1.0),
            point(-1, 1, 0.5),
        ];
        let sample = HistorySample { start_step: Some(0), end_step: Some(8), max_results: 9 };

        let chosen: Vec<String> =
            sample.choose(points).iter().map(|p| format!("{} {}", p.timestamp, p.value)).collect();

        assert_eq!(chosen, ["6 -1", "6 0", "6 NaN", "7 0.5"]);
    }
}
