//! Facts about many runs, without loading them.

use super::database::{Failure, Session};
use super::found::{FoundId, FoundRun, status_field};
use super::{SqliteStore, load, logged};
use crate::entity::Run;
use crate::facts::experiments::{DAY, DAYS, ExperimentTally};
use crate::facts::groups::GroupTally;
use crate::facts::trees::{self, ChildTally};
use crate::facts::values::{Cell, ValueTally};
use crate::facts::{
    ExperimentFacts, GroupPage, GroupQuery, KeyKind, KeyList, KeyQuery, RootPage, RunCounts,
    RunFacts, ValueList, ValueQuery,
};
use crate::rules::tag;
use crate::search::{self, Page, RowKey, RunQuery};
use crate::store::Millis;
use crate::{ExperimentId, Result, RunId};
use mlctl_filter::{Entity, Field, Scalar, Values};
use std::collections::HashSet;

/// Runs that are loaded at a time.
const RUNS_AT_ONCE: usize = 1000;

impl RunFacts for SqliteStore {
    fn lists_keys_at_once(&self) -> bool {
        true
    }

    fn each_run(&self, query: &RunQuery, visit: &mut dyn FnMut(&Run)) -> Result<()> {
        let compiled = query.compile()?;
        let add = |ids: &mut Vec<String>, run: &FoundRun<'_>| ids.push(run.id.spelled());
        let ids = self.tally("searching runs", (query, &compiled), &[], Vec::new, add)?;
        for some in ids.chunks(RUNS_AT_ONCE) {
            let runs = self.database.read("reading runs", |db| load::runs(db, some))?;
            // One that has changed meanwhile may no longer be one that the query finds.
            runs.iter().filter(|run| query.admits(run, &compiled)).for_each(&mut *visit);
        }
        Ok(())
    }

    fn count_runs(&self, query: &RunQuery) -> Result<RunCounts> {
        let compiled = query.compile()?;
        let status = status_field();
        let wanted = std::slice::from_ref(&status);
        self.tally(
            "counting runs",
            (query, &compiled),
            wanted,
            RunCounts::default,
            |counts, run| {
                counts.add(run.status(&status));
            },
        )
    }

    fn run_keys(&self, query: &RunQuery, ask: &KeyQuery) -> Result<KeyList> {
        ask.check()?;
        let compiled = query.compile()?;
        let counted = self.database.read("listing keys", |db| {
            super::experiments::numbers(&query.experiment_ids)?;
            let changes = || self.database.take_changes();
            if let Some(keys) = self.memory.keys(db, changes, (query, &compiled), ask.kind)? {
                return Ok(keys);
            }
            let add = |ids: &mut HashSet<String>, run: &FoundRun<'_>| {
                ids.insert(run.id.spelled());
            };
            let ids = self.tally_in(db, (query, &compiled), &[], HashSet::new, add)?;
            logged::keys_of(db, &query.experiment_ids, &ids, ask.kind)
        })?;
        Ok(KeyList::of(counted.into_iter(), ask))
    }

    fn key_values(&self, query: &RunQuery, ask: &ValueQuery) -> Result<ValueList> {
        ask.check()?;
        let compiled = query.compile()?;
        let entity = match ask.kind {
            KeyKind::Metric => Entity::Metric,
            KeyKind::Param => Entity::Param,
            KeyKind::Tag => Entity::Tag,
        };
        let wanted = [Field::new(entity, ask.key.as_str())];
        let add = |tally: &mut ValueTally, run: &FoundRun<'_>| {
            tally.add_option(match run.facts.values(&wanted[0]) {
                Values::One(Scalar::Number(number)) => Some(Cell::Number(number)),
                Values::One(Scalar::Text(text)) => Some(Cell::Text(text)),
                _ => None,
            });
        };
        let tally =
            self.tally("listing values", (query, &compiled), &wanted, ValueTally::default, add)?;
        Ok(tally.list(ask))
    }

    fn group_runs(&self, query: &RunQuery, ask: &GroupQuery) -> Result<GroupPage> {
        ask.check()?;
        let compiled = query.compile()?;
        let status = status_field();
        let mut wanted = vec![status.clone()];
        wanted.extend(ask.by.iter().map(|key| key.field().clone()));
        let metric = |key: &crate::Key| Field::new(Entity::Metric, key.as_str());
        wanted.extend(ask.metrics.iter().map(|one| metric(&one.key)));
        let add = |tally: &mut GroupTally<'_>, run: &FoundRun<'_>| {
            tally.add(run.facts, || run.id.run_id(), run.status(&status));
        };
        let start = || GroupTally::new(ask);
        self.tally("grouping runs", (query, &compiled), &wanted, start, add)?.page(query)
    }

    fn child_states(&self, query: &RunQuery, parents: &[RunId]) -> Result<Vec<RunCounts>> {
        let compiled = query.compile()?;
        let (status, parent) = (status_field(), parent_field());
        let wanted = [status.clone(), parent.clone()];
        let add = |tally: &mut ChildTally<'_>, run: &FoundRun<'_>| {
            if let Some(parent) = run.text(&parent) {
                tally.add(parent, run.status(&status), 1);
            }
        };
        let start = || ChildTally::new(parents);
        Ok(self.tally("counting children", (query, &compiled), &wanted, start, add)?.counts())
    }

    fn search_roots(&self, query: &RunQuery) -> Result<RootPage> {
        self.database.read("searching runs", |db| self.roots(db, query))
    }

    fn experiment_facts(
        &self,
        ids: &[ExperimentId],
        until: Millis,
    ) -> Result<Vec<ExperimentFacts>> {
        self.database.read("counting runs", |db| experiments(db, ids, until))
    }
}

fn parent_field() -> Field {
    Field::new(Entity::Tag, tag::PARENT)
}

/// A run on its way to a page of roots.
struct Member {
    id: String,
    parent: Option<String>,
    key: RowKey,
}

impl SqliteStore {
    fn roots(&self, db: &Session<'_>, query: &RunQuery) -> std::result::Result<RootPage, Failure> {
        let compiled = query.compile_roots()?;
        let parent = parent_field();
        let mut wanted = vec![parent.clone()];
        wanted.extend(compiled.order.fields().cloned());
        let add = |family: &mut Vec<Member>, run: &FoundRun<'_>| {
            let id = run.id.spelled();
            let parent = run.text(&parent).map(|parent| FoundId::of(parent).spelled());
            let key = search::row_key(&compiled, run.facts, run.start_time, &id);
            family.push(Member { id, parent, key });
        };
        let family = self.tally_in(db, (query, &compiled), &wanted, Vec::new, add)?;
        let members = family.iter().map(|one| (one.id.as_str(), one.parent.as_deref()));
        let is_root = trees::roots(members);
        let roots = family.into_iter().zip(is_root).filter(|(_, is_root)| *is_root);
        let rows: Vec<(RowKey, String)> = roots.map(|(one, _)| (one.key, one.id)).collect();
        let total = rows.len() as u64;
        let page: Page<String> =
            search::page(rows, &compiled, query.max_results, query.page_token.as_deref())?;
        let runs = load::runs(db, &page.items)?;
        Ok(RootPage { runs, total, next_page_token: page.next_page_token })
    }
}

/// Reads what goes on in experiments: a row for each day of each.
fn experiments(
    db: &Session<'_>,
    ids: &[ExperimentId],
    until: Millis,
) -> std::result::Result<Vec<ExperimentFacts>, Failure> {
    let numbers: Vec<i64> =
        ids.iter().filter_map(|id| super::experiments::number(id).ok()).collect();
    let mut statement = db.prepare(
        "SELECT r.experiment_id,
             iif(coalesce(r.start_time, 0) < ?2,
                 CAST(min((?2 - 1 - coalesce(r.start_time, 0)) / ?3, ?4) AS INTEGER), NULL),
             count(*),
             total(coalesce(r.status, '') NOT IN ('SCHEDULED', 'FINISHED', 'FAILED', 'KILLED')),
             max(max(coalesce(r.start_time, 0), coalesce(r.end_time, r.start_time, 0)))
         FROM runs AS r
         WHERE r.experiment_id IN (SELECT value FROM json_each(?1))
             AND r.lifecycle_stage IS NOT 'deleted'
         GROUP BY 1, 2",
    )?;
    let list = serde_json::Value::from(numbers).to_string();
    let mut rows = statement.query((list, until, DAY, DAYS as i64))?;
    let mut tally = ExperimentTally::new(ids, until);
    while let Some(row) = rows.next()? {
        let Ok(id) = ExperimentId::parse(row.get::<_, i64>(0)?.to_string()) else { continue };
        if let Some(facts) = tally.of(&id) {
            let days_ago = row.get::<_, Option<u32>>(1)?.map(|days| days as usize);
            let running = row.get::<_, f64>(3)? as u64;
            facts.add(row.get::<_, u32>(2)?.into(), running, row.get(4)?, days_ago);
        }
    }
    Ok(tally.facts())
}
