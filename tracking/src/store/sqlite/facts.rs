//! Facts about many runs.

use super::SqliteStore;
use crate::Result;
use crate::entity::Run;
use crate::facts::{RunFacts, visit_pages};
use crate::search::RunQuery;
use crate::store::TrackingStore;

impl RunFacts for SqliteStore {
    fn each_run(&self, query: &RunQuery, visit: &mut dyn FnMut(&Run)) -> Result<()> {
        visit_pages(query, |query| self.search_runs(query), visit)
    }
}
