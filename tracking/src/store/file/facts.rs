//! Facts about many runs: what the index knows is compared with the folders, as in searches.

use super::FileStore;
use super::index::FoundRun;
use crate::entity::Run;
use crate::facts::groups::GroupTally;
use crate::facts::trees::ChildTally;
use crate::facts::values::{Cell, ValueTally};
use crate::facts::{
    GroupPage, GroupQuery, KeyKind, KeyList, KeyQuery, RootPage, RunCounts, RunFacts, ValueList,
    ValueQuery, visit_pages,
};
use crate::rules::tag;
use crate::search::RunQuery;
use crate::store::TrackingStore;
use crate::{Key, Result, RunId};
use mlctl_filter::{Entity, Field, Scalar, Values};

impl RunFacts for FileStore {
    fn each_run(&self, query: &RunQuery, visit: &mut dyn FnMut(&Run)) -> Result<()> {
        visit_pages(query, |query| self.search_runs(query), visit)
    }

    fn count_runs(&self, query: &RunQuery) -> Result<RunCounts> {
        let add = |counts: &mut RunCounts, run: &FoundRun<'_>| counts.add(run.info.status);
        self.tally(query, &[], RunCounts::default, add)
    }

    fn run_keys(&self, query: &RunQuery, ask: &KeyQuery) -> Result<KeyList> {
        ask.check()?;
        self.index.keys(&self.layout, query, (&query.compile()?, ask))
    }

    fn key_values(&self, query: &RunQuery, ask: &ValueQuery) -> Result<ValueList> {
        ask.check()?;
        let entity = match ask.kind {
            KeyKind::Metric => Entity::Metric,
            KeyKind::Param => Entity::Param,
            KeyKind::Tag => Entity::Tag,
        };
        let field = Field::new(entity, ask.key.as_str());
        let add = |tally: &mut ValueTally, run: &FoundRun<'_>| {
            tally.add_option(match run.facts.values(&field) {
                Values::One(Scalar::Number(number)) => Some(Cell::Number(number)),
                Values::One(Scalar::Text(text)) => Some(Cell::Text(text)),
                _ => None,
            });
        };
        Ok(self.tally(query, std::slice::from_ref(&field), ValueTally::default, add)?.list(ask))
    }

    fn group_runs(&self, query: &RunQuery, ask: &GroupQuery) -> Result<GroupPage> {
        ask.check()?;
        let metric = |key: &Key| Field::new(Entity::Metric, key.as_str());
        let keys = ask.by.iter().map(|key| key.field().clone());
        let wanted: Vec<Field> =
            keys.chain(ask.metrics.iter().map(|one| metric(&one.key))).collect();
        let add = |tally: &mut GroupTally<'_>, run: &FoundRun<'_>| {
            tally.add(run.facts, || Some(run.info.run_id.clone()), run.info.status);
        };
        self.tally(query, &wanted, || GroupTally::new(ask), add)?.page(query)
    }

    fn child_states(&self, query: &RunQuery, parents: &[RunId]) -> Result<Vec<RunCounts>> {
        let parent = parent_field();
        let add = |tally: &mut ChildTally<'_>, run: &FoundRun<'_>| {
            if let Values::One(Scalar::Text(parent)) = run.facts.values(&parent) {
                tally.add(parent, run.info.status, 1);
            }
        };
        let start = || ChildTally::new(parents);
        Ok(self.tally(query, std::slice::from_ref(&parent), start, add)?.counts())
    }

    fn search_roots(&self, query: &RunQuery) -> Result<RootPage> {
        self.index.search_roots(&self.layout, query)
    }
}

fn parent_field() -> Field {
    Field::new(Entity::Tag, tag::PARENT)
}

impl FileStore {
    fn tally<T>(
        &self,
        query: &RunQuery,
        wanted: &[Field],
        start: impl Fn() -> T,
        add: impl Fn(&mut T, &FoundRun<'_>),
    ) -> Result<T> {
        self.index.tally(&self.layout, query, (&query.compile()?, wanted), start, add)
    }
}
