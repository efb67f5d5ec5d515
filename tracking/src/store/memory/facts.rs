//! Facts about many runs, in memory: every run is looked at.

use super::MemoryStore;
use crate::Result;
use crate::entity::Run;
use crate::facts::RunFacts;
use crate::search::RunQuery;

impl RunFacts for MemoryStore {
    fn lists_keys_at_once(&self) -> bool {
        true
    }

    fn each_run(&self, query: &RunQuery, visit: &mut dyn FnMut(&Run)) -> Result<()> {
        let compiled = query.compile()?;
        let state = self.state();
        let runs = state.runs.values().map(|state| &state.run);
        runs.filter(|run| query.admits(run, &compiled)).for_each(visit);
        Ok(())
    }
}
