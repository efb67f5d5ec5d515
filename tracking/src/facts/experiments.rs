//! What goes on in an experiment.

use crate::ExperimentId;
use crate::entity::{RunInfo, RunStatus};
use crate::store::Millis;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// How many days the facts of an experiment show.
pub const DAYS: usize = 30;

/// Milliseconds of a day.
pub const DAY: Millis = 24 * 60 * 60 * 1000;

/// What goes on in an experiment, as its active runs tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExperimentFacts {
    /// Which experiment.
    pub experiment_id: ExperimentId,
    /// How many runs it has.
    pub runs: u64,
    /// How many of them are going on.
    pub running: u64,
    /// When a run last began or ended, in milliseconds since 1970; none without runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_activity: Option<Millis>,
    /// How many runs began on each of the last [`DAYS`] days, the oldest day first.
    pub runs_by_day: Vec<u64>,
}

/// Gathers the facts of experiments.
#[derive(Debug)]
pub struct ExperimentTally<'a> {
    ids: &'a [ExperimentId],
    until: Millis,
    facts: HashMap<&'a ExperimentId, ExperimentFacts>,
}

impl ExperimentFacts {
    /// Says that nothing is known of an experiment yet.
    pub fn none(experiment_id: ExperimentId) -> Self {
        let runs_by_day = vec![0; DAYS];
        Self { experiment_id, runs: 0, running: 0, last_activity: None, runs_by_day }
    }

    /// Takes in runs that began on one day: that many before the last one.
    pub fn add(&mut self, runs: u64, running: u64, last_activity: Millis, days_ago: Option<usize>) {
        self.runs += runs;
        self.running += running;
        self.last_activity = self.last_activity.max(Some(last_activity));
        let day = days_ago.and_then(|days| (DAYS - 1).checked_sub(days));
        if let Some(day) = day.and_then(|day| self.runs_by_day.get_mut(day)) {
            *day += runs;
        }
    }
}

/// Tells how many days before the one that ends at `until` a time is; none when it is later.
pub fn days_ago(time: Millis, until: Millis) -> Option<usize> {
    let before = until.checked_sub(1)?.checked_sub(time)?;
    usize::try_from(before).ok().map(|before| before / DAY as usize)
}

impl<'a> ExperimentTally<'a> {
    /// Gathers the facts of `ids`, for days the last of which ends at `until`.
    pub fn new(ids: &'a [ExperimentId], until: Millis) -> Self {
        let none = |id: &'a ExperimentId| (id, ExperimentFacts::none(id.clone()));
        Self { ids, until, facts: ids.iter().map(none).collect() }
    }

    /// Takes an active run in.
    pub fn add(&mut self, run: &RunInfo) {
        if let Some(facts) = self.facts.get_mut(&run.experiment_id) {
            let is_running = u64::from(run.status == RunStatus::Running);
            let last = run.end_time.unwrap_or(run.start_time).max(run.start_time);
            facts.add(1, is_running, last, days_ago(run.start_time, self.until));
        }
    }

    /// Returns the facts of an experiment, to add to.
    pub fn of(&mut self, id: &ExperimentId) -> Option<&mut ExperimentFacts> {
        self.facts.get_mut(id)
    }

    /// Returns the facts, in the order of the ids.
    pub fn facts(self) -> Vec<ExperimentFacts> {
        self.ids.iter().map(|id| self.facts[id].clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_where_the_one_before_it_ends() {
        let until = 100 * DAY;
        assert_eq!(days_ago(until - 1, until), Some(0));
        assert_eq!(days_ago(until - DAY, until), Some(0));
        assert_eq!(days_ago(until - DAY - 1, until), Some(1));
        assert_eq!(days_ago(until, until), None);
        assert_eq!(days_ago(i64::MIN, until), None);
    }

    #[test]
    fn what_is_older_or_later_is_counted_but_has_no_day() {
        let mut facts = ExperimentFacts::none(ExperimentId::default_experiment());

        facts.add(2, 1, 7, Some(DAYS));
        facts.add(1, 0, 9, None);
        facts.add(4, 0, 5, Some(DAYS - 1));

        assert_eq!((facts.runs, facts.running, facts.last_activity), (7, 1, Some(9)));
        assert_eq!(facts.runs_by_day[0], 4);
        assert_eq!(facts.runs_by_day.iter().sum::<u64>(), 4);
    }
}
