//! Facts about many runs of a server.
//!
//! mlctl's server knows them. Of MLflow's own server they are computed here, from its searches, up
//! to a number of runs that it can send in a bearable time.

use super::{HttpStore, name_page_token, rows, search_request, view};
use crate::entity::Run;
use crate::facts::{
    ExperimentFacts, GroupPage, GroupQuery, KeyList, KeyQuery, RootPage, RunCounts, RunFacts,
    ValueList, ValueQuery, visit_pages,
};
use crate::message::{
    ChildStates, ChildStatesAnswer, CountRuns, CountsAnswer, ExperimentFactsAnswer, GroupRuns,
    KeyValues, OfExperiments, RunKeys,
};
use crate::search::RunQuery;
use crate::store::{Millis, TrackingStore};
use crate::{Error, ExperimentId, Result, RunId};
use std::cell::Cell;

/// Runs that are fetched of a server that does not know the facts itself.
const RUNS_MAX: usize = 5_000;

impl RunFacts for HttpStore {
    fn each_run(&self, query: &RunQuery, visit: &mut dyn FnMut(&Run)) -> Result<()> {
        visit_pages(query, |query| self.search_runs(query), visit)
    }

    fn count_runs(&self, query: &RunQuery) -> Result<RunCounts> {
        let request = CountRuns {
            experiment_ids: query.experiment_ids.clone(),
            filter: Some(query.filter.clone()),
            run_view_type: view(query.view),
        };
        match self.transport.post_own::<CountsAnswer>("runs/count", &request)? {
            Some(answer) => Ok(answer.counts),
            None => Fetched(self).count_runs(query),
        }
    }

    fn run_keys(&self, query: &RunQuery, ask: &KeyQuery) -> Result<KeyList> {
        let request = RunKeys {
            experiment_ids: query.experiment_ids.clone(),
            filter: Some(query.filter.clone()),
            run_view_type: view(query.view),
            kind: Some(ask.kind.as_str().to_owned()),
            contains: Some(ask.contains.clone()),
            max_results: rows(ask.max_results),
        };
        match self.transport.post_own("runs/keys", &request)? {
            Some(list) => Ok(list),
            None => Fetched(self).run_keys(query, ask),
        }
    }

    fn key_values(&self, query: &RunQuery, ask: &ValueQuery) -> Result<ValueList> {
        let request = KeyValues {
            experiment_ids: query.experiment_ids.clone(),
            filter: Some(query.filter.clone()),
            run_view_type: view(query.view),
            kind: Some(ask.kind.as_str().to_owned()),
            key: Some(ask.key.clone()),
            prefix: Some(ask.prefix.clone()),
            max_results: rows(ask.max_results),
        };
        match self.transport.post_own("runs/values", &request)? {
            Some(list) => Ok(list),
            None => Fetched(self).key_values(query, ask),
        }
    }

    fn group_runs(&self, query: &RunQuery, ask: &GroupQuery) -> Result<GroupPage> {
        let request = GroupRuns {
            experiment_ids: query.experiment_ids.clone(),
            filter: Some(query.filter.clone()),
            run_view_type: view(query.view),
            by: ask.by.clone(),
            metrics: ask.metrics.clone(),
            order_by: ask.order_by.clone(),
            max_results: rows(ask.max_results),
            page_token: ask.page_token.clone(),
        };
        match self.transport.post_own("runs/groups", &request).map_err(name_page_token)? {
            Some(page) => Ok(page),
            None => Fetched(self).group_runs(query, ask),
        }
    }

    fn child_states(&self, query: &RunQuery, parents: &[RunId]) -> Result<Vec<RunCounts>> {
        let request = ChildStates {
            experiment_ids: query.experiment_ids.clone(),
            filter: Some(query.filter.clone()),
            run_view_type: view(query.view),
            parents: parents.to_vec(),
        };
        match self.transport.post_own::<ChildStatesAnswer>("runs/child-states", &request)? {
            Some(answer) => Ok(answer.children.into_iter().map(|one| one.counts).collect()),
            None => Fetched(self).child_states(query, parents),
        }
    }

    fn search_roots(&self, query: &RunQuery) -> Result<RootPage> {
        let request = search_request(query);
        match self.transport.post_own("runs/search-roots", &request).map_err(name_page_token)? {
            Some(page) => Ok(page),
            None => Fetched(self).search_roots(query),
        }
    }

    fn experiment_facts(
        &self,
        ids: &[ExperimentId],
        until: Millis,
    ) -> Result<Vec<ExperimentFacts>> {
        let request = OfExperiments { experiment_ids: ids.to_vec(), until: Some(until) };
        match self.transport.post_own::<ExperimentFactsAnswer>("experiments/facts", &request)? {
            Some(answer) => Ok(answer.experiments),
            None => Fetched(self).experiment_facts(ids, until),
        }
    }
}

/// A server that can only search: its facts are computed from the runs that it sends.
struct Fetched<'a>(&'a HttpStore);

impl RunFacts for Fetched<'_> {
    fn each_run(&self, query: &RunQuery, visit: &mut dyn FnMut(&Run)) -> Result<()> {
        let left = Cell::new(RUNS_MAX);
        let search = |query: &RunQuery| {
            if left.get() == 0 {
                return Err(too_many());
            }
            let query =
                RunQuery { max_results: query.max_results.min(left.get()), ..query.clone() };
            let page = self.0.search_runs(&query)?;
            left.set(left.get().saturating_sub(page.items.len()));
            Ok(page)
        };
        visit_pages(query, search, visit)
    }
}

fn too_many() -> Error {
    Error::Unsupported(format!(
        "this server can only list runs one by one, and more than {RUNS_MAX} match: narrow the \
         search, or use a server of mlctl"
    ))
}
