//! Random runs and questions about all of them, which every backend must answer like the one in
//! memory, and that one by the definition.

use super::{NOW, datasets, filter_strategy, key};
use crate::entity::{Metric, Param, Run, RunStatus, Tag, ViewType};
use crate::facts::experiments::DAY;
use crate::facts::{
    Goal, Group, GroupColumn, GroupKey, GroupMetric, GroupOrder, GroupQuery, KeyKind, KeyQuery,
    RunCounts, Statistic, ValueQuery,
};
use crate::search::RunQuery;
use crate::store::memory::MemoryStore;
use crate::store::{Batch, NewExperiment, NewRun, RunChange, TrackingStore};
use crate::{ExperimentId, ExperimentName, RunId};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// What one case asks of runs made of `seeds`.
#[derive(Clone, Debug)]
pub(in crate::store) struct Case {
    seeds: Vec<u64>,
    filters: Vec<String>,
    by: Vec<&'static str>,
    order: GroupColumn,
    ascending: bool,
}

/// Makes cases.
pub(in crate::store) fn cases() -> impl Strategy<Value = Case> {
    let by = vec!["params.p", "tags.t", "user_id", "status", "datasets.name", "params.k 1/ü"];
    let column = prop_oneof![
        Just(GroupColumn::Runs),
        prop::sample::select(&Statistic::ALL[..])
            .prop_map(|statistic| GroupColumn::Statistic(statistic, key("m"))),
    ];
    (
        prop::collection::vec(any::<u64>(), 1..12),
        prop::collection::vec(prop_oneof![Just(String::new()), filter_strategy()], 1..4),
        prop::sample::subsequence(by, 1..3),
        column,
        any::<bool>(),
    )
        .prop_map(|(seeds, filters, by, order, ascending)| Case {
            seeds,
            filters,
            by,
            order,
            ascending,
        })
}

/// A store, with the ids of what it was filled with.
struct Filled<'a> {
    store: &'a dyn TrackingStore,
    experiments: Vec<ExperimentId>,
    runs: Vec<RunId>,
}

/// Fills an empty store and one in memory alike and compares what they say.
pub(in crate::store) fn check(store: &dyn TrackingStore, case: &Case) -> Result<(), TestCaseError> {
    let in_memory = MemoryStore::new();
    let filled = [fill(store, &case.seeds), fill(&in_memory, &case.seeds)];
    for filter in &case.filters {
        for view in [ViewType::ActiveOnly, ViewType::All] {
            let [got, want] = filled.each_ref().map(|one| one.told(case, filter, view));
            prop_assert_eq!(got, want, "for {} of {:?}", filter, view);
            check_definition(&filled[1], filter, view)?;
        }
    }
    Ok(())
}

impl Filled<'_> {
    fn query(&self, filter: &str, view: ViewType) -> RunQuery {
        let filter = filter.to_owned();
        RunQuery { filter, view, ..RunQuery::of(self.experiments.clone()) }
    }

    fn name(&self, id: &RunId) -> String {
        format!("r{}", self.runs.iter().position(|known| known == id).unwrap())
    }

    /// Spells all that the store says, without its own ids.
    fn told(&self, case: &Case, filter: &str, view: ViewType) -> Vec<String> {
        let (store, query) = (self.store, self.query(filter, view));
        let mut told = vec![format!("{:?}", store.count_runs(&query).unwrap())];
        for kind in [KeyKind::Metric, KeyKind::Param, KeyKind::Tag] {
            // MLflow's own tags hold ids.
            let ask = KeyQuery { contains: "k".to_owned(), ..KeyQuery::of(kind, 2) };
            told.push(format!("{:?}", store.run_keys(&query, &ask).unwrap()));
            told.push(format!("{:?}", store.run_keys(&query, &KeyQuery::of(kind, 50)).unwrap()));
            for name in ["m", "p", "t", "k 1/ü"] {
                let ask = ValueQuery { kind, key: key(name), prefix: "A".into(), max_results: 9 };
                told.push(format!("{:?}", store.key_values(&query, &ask).unwrap()));
                let ask = ValueQuery { prefix: String::new(), max_results: 2, ..ask };
                told.push(format!("{:?}", store.key_values(&query, &ask).unwrap()));
            }
        }
        told.extend(self.groups(case, &query));
        told.push(format!("{:?}", store.child_states(&query, &self.runs).unwrap()));
        told.push(format!("{:?}", self.roots(&query)));
        let facts = store.experiment_facts(&self.experiments, NOW + 2 * DAY).unwrap();
        told.extend(facts.into_iter().map(|facts| {
            let id = ExperimentId::default_experiment();
            format!("{:?}", crate::facts::ExperimentFacts { experiment_id: id, ..facts })
        }));
        told
    }

    fn groups(&self, case: &Case, query: &RunQuery) -> Vec<String> {
        let by = case.by.iter().map(|text| match text.strip_prefix("params.k") {
            Some(rest) => GroupKey::param(&key(&format!("k{rest}"))),
            None => GroupKey::parse(text).unwrap(),
        });
        let goals = [(key("m"), Goal::Max), (key("n"), Goal::Min)];
        let mut ask = GroupQuery {
            metrics: goals.map(|(key, goal)| GroupMetric { key, goal }).to_vec(),
            order_by: vec![GroupOrder { column: case.order.clone(), ascending: case.ascending }],
            ..GroupQuery::of(by.collect(), 2)
        };
        let mut groups = Vec::new();
        loop {
            let page = self.store.group_runs(query, &ask).unwrap();
            groups.extend(page.groups.iter().map(|group| self.group(group)));
            ask.page_token = page.next_page_token;
            if ask.page_token.is_none() {
                groups.push(format!("{} groups", page.total));
                return groups;
            }
        }
    }

    fn group(&self, group: &Group) -> String {
        let summary = |summary: &crate::facts::Summary| {
            // Among equals it depends on the ids, which are random.
            let best = summary.best.as_ref().map(|id| {
                assert!(self.runs.contains(id));
                "one"
            });
            format!("{:?} {best:?}", crate::facts::Summary { best: None, ..summary.clone() })
        };
        let metrics: Vec<String> = group.metrics.iter().map(summary).collect();
        format!("{:?} {:?} {metrics:?}", group.values, group.counts)
    }

    fn roots(&self, query: &RunQuery) -> (Vec<String>, u64) {
        let order_by = vec!["metrics.m".to_owned(), "run_name".to_owned()];
        let mut query = RunQuery { order_by, max_results: 3, ..query.clone() };
        let mut names = Vec::new();
        loop {
            let page = self.store.search_roots(&query).unwrap();
            names.extend(page.runs.iter().map(|run| self.name(&run.info.run_id)));
            query.page_token = page.next_page_token;
            if query.page_token.is_none() {
                return (names, page.total);
            }
        }
    }
}

/// Compares what a store says with what the definitions make of the runs that it finds.
fn check_definition(
    filled: &Filled<'_>,
    filter: &str,
    view: ViewType,
) -> Result<(), TestCaseError> {
    let query = filled.query(filter, view);
    let runs = filled.store.search_runs(&query).unwrap().items;
    let mut counts = RunCounts::default();
    runs.iter().for_each(|run| counts.add(run.info.status));
    prop_assert_eq!(filled.store.count_runs(&query).unwrap(), counts);
    for kind in [KeyKind::Metric, KeyKind::Param, KeyKind::Tag] {
        let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for run in &runs {
            kind.each_cell(run, |key, cell| {
                keys.entry(key.to_string()).or_default().push(cell.text().into_owned());
            });
        }
        let list = filled.store.run_keys(&query, &KeyQuery::of(kind, 100)).unwrap();
        prop_assert_eq!(list.total as usize, keys.len());
        for fact in &list.keys {
            let values = &keys[fact.key.as_str()];
            let distinct: BTreeSet<&String> = values.iter().collect();
            prop_assert_eq!(fact.runs as usize, values.len());
            prop_assert_eq!(fact.differs, distinct.len() > 1 || values.len() < runs.len());
        }
    }
    check_groups(filled, &query, &runs)
}

fn check_groups(filled: &Filled<'_>, query: &RunQuery, runs: &[Run]) -> Result<(), TestCaseError> {
    let mut want: BTreeMap<Option<String>, Vec<f64>> = BTreeMap::new();
    for run in runs {
        let param = run.data.params.iter().find(|param| param.key.as_str() == "p");
        let values = want.entry(param.map(|param| param.value.clone())).or_default();
        values.extend(
            run.data.metrics.iter().filter(|m| m.key.as_str() == "m").map(|metric| metric.value),
        );
    }
    let metrics = vec![GroupMetric { key: key("m"), goal: Goal::Max }];
    let ask = GroupQuery { metrics, ..GroupQuery::of(vec![GroupKey::param(&key("p"))], 100) };
    let page = filled.store.group_runs(query, &ask).unwrap();
    prop_assert_eq!(page.groups.len(), want.len());
    for group in page.groups {
        let values = &want[&group.values[0]];
        let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        let found = &group.metrics[0];
        prop_assert_eq!(found.n as usize, finite.len());
        prop_assert_eq!((found.n + found.not_finite) as usize, values.len());
        prop_assert_eq!(found.max, finite.iter().copied().reduce(f64::max));
        prop_assert_eq!(found.min, finite.iter().copied().reduce(f64::min));
        let mean = finite.iter().sum::<f64>() / finite.len() as f64;
        prop_assert!(found.mean.is_none_or(|found| (found - mean).abs() < 1e-12));
        let best = found.best.as_ref().map(|id| filled.store.run(id).unwrap());
        let best = best.and_then(|run| run.data.metrics.into_iter().find(|m| m.key == key("m")));
        prop_assert_eq!(best.map(|metric| metric.value), found.max);
    }
    Ok(())
}

/// Makes runs in two experiments, some below others and some deleted.
fn fill<'a>(store: &'a dyn TrackingStore, seeds: &[u64]) -> Filled<'a> {
    let new = NewExperiment {
        name: ExperimentName::parse("other").unwrap(),
        artifact_location: None,
        tags: Vec::new(),
        time: NOW,
    };
    let other = store.create_experiment(&new).unwrap();
    let experiments = vec![ExperimentId::default_experiment(), other];
    let mut runs: Vec<RunId> = Vec::new();
    for (at, seed) in seeds.iter().enumerate() {
        let pick = |shift: u32, of: usize| (seed >> shift) as usize % of;
        let new = NewRun {
            experiment_id: experiments[pick(0, 4) / 3].clone(),
            user_id: ["ada", "", "bob"][pick(2, 3)].to_owned(),
            run_name: Some(format!("r{at}")),
            start_time: NOW + pick(4, 4) as i64 * (DAY - 1) + at as i64,
            tags: Vec::new(),
        };
        let id = store.create_run(&new).unwrap().info.run_id;
        store.log_batch(&id, &batch(seed)).unwrap();
        runs.push(id);
    }
    // Everybody's parent is there by now: earlier ones, later ones, and oneself.
    for (id, seed) in runs.iter().zip(seeds) {
        let parent = (seed >> 40) as usize % (2 * runs.len());
        if let Some(parent) = runs.get(parent) {
            let tags = vec![Tag::new(key("mlflow.parentRunId"), parent.as_str())];
            store.log_batch(id, &Batch { tags, ..Batch::default() }).unwrap();
        }
        if let Some(status) = RunStatus::ALL.get((seed >> 50) as usize % 8) {
            let end_time = (seed >> 53 & 1 > 0).then_some(NOW + (seed >> 54 & 3) as i64 * DAY);
            let change = RunChange { status: Some(*status), end_time, run_name: None };
            store.update_run(id, &change).unwrap();
        }
        let uses = datasets((seed >> 56) as usize % 4);
        store.log_inputs(id, &uses, &[]).unwrap();
        if (seed >> 60) % 4 == 0 {
            store.delete_run(id, NOW).unwrap();
        }
    }
    Filled { store, experiments, runs }
}

fn batch(seed: &u64) -> Batch {
    let pick = |shift: u32, of: usize| (seed >> shift) as usize % of;
    let value = [0.25, 0.5, -1e300, f64::NAN, f64::INFINITY, 0.0, -0.0][pick(8, 7)];
    let text = ["a", "B", "it's 100%\n\"_\"", "", "1e1", "10"][pick(12, 6)];
    let mut batch = Batch::default();
    for (at, name) in ["m", "n", "k 1/ü"].iter().enumerate() {
        if pick(16 + at as u32, 2) > 0 {
            batch.metrics.push(Metric::new(key(name), value, NOW, 0));
        }
    }
    for (at, name) in ["p", "k 1/ü"].iter().enumerate() {
        if pick(20 + at as u32, 2) > 0 {
            batch.params.push(Param::new(key(name), text));
        }
        if pick(24 + at as u32, 2) > 0 {
            batch.tags.push(Tag::new(key(["t", "k 1/ü"][at]), text));
        }
    }
    batch
}
