//! How many runs there are, by state.

use crate::entity::RunStatus;
use serde::{Deserialize, Serialize};

/// Numbers of runs by their states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunCounts {
    /// Runs that are going on.
    pub running: u64,
    /// Runs that wait to be started.
    pub scheduled: u64,
    /// Runs that ended well.
    pub finished: u64,
    /// Runs that ended badly.
    pub failed: u64,
    /// Runs that somebody ended.
    pub killed: u64,
}

impl RunCounts {
    /// Returns the number of all runs.
    pub fn total(&self) -> u64 {
        self.by_state().into_iter().map(|(_, runs)| runs).sum()
    }

    /// Lists the states with their numbers, zeros included.
    pub fn by_state(&self) -> [(RunStatus, u64); 5] {
        RunStatus::ALL.map(|status| (status, self.of(status)))
    }

    /// Returns the number of runs in one state.
    pub fn of(&self, status: RunStatus) -> u64 {
        match status {
            RunStatus::Running => self.running,
            RunStatus::Scheduled => self.scheduled,
            RunStatus::Finished => self.finished,
            RunStatus::Failed => self.failed,
            RunStatus::Killed => self.killed,
        }
    }

    /// Counts a run.
    pub fn add(&mut self, status: RunStatus) {
        self.add_many(status, 1);
    }

    /// Counts several runs of one state.
    pub fn add_many(&mut self, status: RunStatus, runs: u64) {
        let count = match status {
            RunStatus::Running => &mut self.running,
            RunStatus::Scheduled => &mut self.scheduled,
            RunStatus::Finished => &mut self.finished,
            RunStatus::Failed => &mut self.failed,
            RunStatus::Killed => &mut self.killed,
        };
        *count += runs;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_states_add_up_to_the_total() {
        let mut counts = RunCounts::default();

        RunStatus::ALL.into_iter().for_each(|status| counts.add(status));
        counts.add_many(RunStatus::Failed, 7);

        assert_eq!((counts.failed, counts.killed, counts.total()), (8, 1, 12));
    }
}
