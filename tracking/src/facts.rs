//! What tables and lists of runs need to know beyond the runs of one page: how many there are, what
//! they log, what they have in common.
//!
//! [`RunFacts`] is the contract. Each of its methods speaks of the runs that a [`RunQuery`] finds:
//! those of its experiments that its view shows and its filter admits. Order, page and number of
//! rows are not looked at, unless a method says so.
//!
//! A store that has nothing better visits the runs ([`RunFacts::each_run`]) and takes the provided
//! methods. The pure parts are in the modules below, for stores that can do better and for others
//! that have runs in hand.

pub mod counts;
pub mod experiments;
pub mod groups;
pub mod keys;
pub(crate) mod marks;
mod summary;
pub mod trees;
pub mod values;

pub use counts::RunCounts;
pub use experiments::ExperimentFacts;
pub use groups::{
    Group, GroupColumn, GroupKey, GroupMetric, GroupOrder, GroupPage, GroupQuery, Statistic,
};
pub use keys::{KeyFact, KeyKind, KeyList, KeyQuery};
pub use summary::{Goal, Summary};
pub use trees::RootPage;
pub use values::{ValueFact, ValueList, ValueQuery};

#[cfg(doc)]
use crate::Error;
use crate::entity::Run;
use crate::search::{Page, RunQuery};
use crate::store::Millis;
use crate::{ExperimentId, Result, RunId};
use experiments::ExperimentTally;
use groups::GroupTally;
use keys::KeyTally;
use trees::ChildTally;
use values::ValueTally;

/// Tells facts about many runs at once.
///
/// Every method fails for a query that [`RunQuery::compile`] refuses.
pub trait RunFacts {
    /// Shows `visit` every run that `query` finds, in any order. It must not call the store.
    fn each_run(&self, query: &RunQuery, visit: &mut dyn FnMut(&Run)) -> Result<()>;

    /// Tells whether keys of many runs are listed without reading every run, so that a page may
    /// ask for them each time.
    fn lists_keys_at_once(&self) -> bool {
        false
    }

    /// Counts runs by their states.
    fn count_runs(&self, query: &RunQuery) -> Result<RunCounts> {
        let mut counts = RunCounts::default();
        self.each_run(query, &mut |run| counts.add(run.info.status))?;
        Ok(counts)
    }

    /// Lists the metrics, params or tags that runs have, the most useful ones first: see
    /// [`KeyFact::compare`].
    ///
    /// # Errors
    /// [`Error::Invalid`] when `ask` is for no key or for too many.
    fn run_keys(&self, query: &RunQuery, ask: &KeyQuery) -> Result<KeyList> {
        ask.check()?;
        let mut tally = KeyTally::new(ask.kind);
        self.each_run(query, &mut |run| tally.add(run))?;
        Ok(tally.list(ask))
    }

    /// Lists the distinct values of one metric, param or tag, the most frequent ones first.
    ///
    /// # Errors
    /// [`Error::Invalid`] when `ask` is for no value or for too many.
    fn key_values(&self, query: &RunQuery, ask: &ValueQuery) -> Result<ValueList> {
        ask.check()?;
        let mut tally = ValueTally::default();
        self.each_run(query, &mut |run| tally.add_option(ask.value_of(run)))?;
        Ok(tally.list(ask))
    }

    /// Groups runs by what they have in common. Runs without a key are a group too.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a question that [`GroupQuery::check`] refuses, and
    /// [`Error::PageToken`].
    fn group_runs(&self, query: &RunQuery, ask: &GroupQuery) -> Result<GroupPage> {
        ask.check()?;
        let mut tally = GroupTally::new(ask);
        self.each_run(query, &mut |run| {
            tally.add(run, || Some(run.info.run_id.clone()), run.info.status)
        })?;
        tally.page(query)
    }

    /// Counts the children of some runs by their states, in the order of the parents. A child names
    /// its parent in the tag `mlflow.parentRunId`; only the runs that `query` finds count.
    fn child_states(&self, query: &RunQuery, parents: &[RunId]) -> Result<Vec<RunCounts>> {
        let mut tally = ChildTally::new(parents);
        self.each_run(query, &mut |run| {
            if let Some(parent) = trees::parent_of(run) {
                tally.add(parent, run.info.status, 1);
            }
        })?;
        Ok(tally.counts())
    }

    /// Finds the runs whose parent is not among the runs that `query` finds, in the order and the
    /// pages of the query. Every run that the query finds is one of them or below one of them.
    fn search_roots(&self, query: &RunQuery) -> Result<RootPage> {
        trees::search(query, |visit| self.each_run(query, visit))
    }

    /// Tells what goes on in some experiments, in the order of their ids; nothing in one that does
    /// not exist. The last of the days ends at `until`.
    fn experiment_facts(
        &self,
        ids: &[ExperimentId],
        until: Millis,
    ) -> Result<Vec<ExperimentFacts>> {
        let mut tally = ExperimentTally::new(ids, until);
        self.each_run(&RunQuery::of(ids.to_vec()), &mut |run| tally.add(&run.info))?;
        Ok(tally.facts())
    }
}

/// Runs that are read at a time.
const RUNS_AT_ONCE: usize = 1000;

/// Shows `visit` what a search finds, page by page: [`RunFacts::each_run`] for a store that can
/// only search.
///
/// # Errors
/// Those of the search.
pub fn visit_pages(
    query: &RunQuery,
    search: impl Fn(&RunQuery) -> Result<Page<Run>>,
    visit: &mut dyn FnMut(&Run),
) -> Result<()> {
    query.compile()?;
    let mut query = RunQuery {
        order_by: Vec::new(),
        max_results: RUNS_AT_ONCE,
        page_token: None,
        ..query.clone()
    };
    loop {
        let page = search(&query)?;
        page.items.iter().for_each(&mut *visit);
        query.page_token = page.next_page_token;
        if query.page_token.is_none() {
            return Ok(());
        }
    }
}
