//! Random runs, filters and orders, on which every backend must agree with the one in memory.

#![expect(clippy::unwrap_used, reason = "a case fails by its panic")]

pub(super) mod facts;

use super::memory::MemoryStore;
use super::{Batch, Millis, NewRun, RunChange, TrackingStore};
use crate::entity::{Dataset, DatasetInput, Metric, Param, RunStatus, Tag};
use crate::search::RunQuery;
use crate::{ExperimentId, Key};
use proptest::prelude::*;

const NOW: Millis = 1_700_000_000_000;

/// What one case asks of runs made of `seeds`.
#[derive(Clone, Debug)]
pub(super) struct Case {
    seeds: Vec<u32>,
    filters: Vec<String>,
    order: &'static str,
}

/// Makes cases.
pub(super) fn cases() -> impl Strategy<Value = Case> {
    let orders = vec!["metrics.m DESC", "params.p", "tags.t DESC", "start_time", "end_time DESC"];
    let seeds = prop::collection::vec(0u32..1 << 18, 1..8);
    let filters = prop::collection::vec(filter_strategy(), 1..6);
    (seeds, filters, prop::sample::select(orders)).prop_map(|(seeds, filters, order)| Case {
        seeds,
        filters,
        order,
    })
}

/// Fills an empty store and one in memory alike and compares what they find, page by page.
pub(super) fn check(store: &dyn TrackingStore, case: &Case) -> Result<(), TestCaseError> {
    let in_memory = MemoryStore::new();
    fill(store, &case.seeds);
    fill(&in_memory, &case.seeds);
    for filter in &case.filters {
        let query = RunQuery {
            filter: filter.clone(),
            order_by: vec![case.order.to_owned(), "run_name".to_owned()],
            max_results: 3,
            ..RunQuery::of(vec![ExperimentId::default_experiment()])
        };
        prop_assert_eq!(names(store, &query), names(&in_memory, &query), "for {}", filter);
    }
    Ok(())
}

fn names(store: &dyn TrackingStore, query: &RunQuery) -> Vec<String> {
    let mut query = query.clone();
    let mut names = Vec::new();
    loop {
        let page = store.search_runs(&query).unwrap();
        names.extend(page.items.into_iter().map(|run| run.info.run_name));
        query.page_token = page.next_page_token;
        if query.page_token.is_none() {
            return names;
        }
    }
}

/// One thing that a search may ask for.
fn test_strategy() -> impl Strategy<Value = String> {
    let value = prop_oneof![Just("0.25"), Just("0.5"), Just("1"), Just("-1")];
    let text = prop_oneof![Just("a"), Just("B"), Just("a%"), Just("_")];
    let compare = prop_oneof![Just("="), Just("!="), Just("<"), Just(">="), Just(">")];
    let like = prop_oneof![Just("="), Just("!="), Just("LIKE"), Just("ILIKE")];
    let null = prop_oneof![Just("IS NULL"), Just("IS NOT NULL")];
    prop_oneof![
        ("[mn]", compare, value).prop_map(|(k, op, v)| format!("metrics.{k} {op} {v}")),
        ("[pq]", like.clone(), text.clone())
            .prop_map(|(k, op, v)| format!("params.{k} {op} '{v}'")),
        ("[tu]", like, text).prop_map(|(k, op, v)| format!("tags.{k} {op} '{v}'")),
        ("[pt]", null)
            .prop_map(|(k, op)| format!("{}.{k} {op}", if k == "p" { "params" } else { "tags" })),
        Just("datasets.name = 'd1'".to_owned()),
        Just("datasets.context != 'train'".to_owned()),
        Just("datasets.digest IN ('1', '2')".to_owned()),
        Just("end_time > 1700000000003".to_owned()),
        Just("tags.t =~ '^[aB]'".to_owned()),
        Just("status = 'FINISHED'".to_owned()),
        Just("run_name IN ('r1', 'r3')".to_owned()),
    ]
}

fn filter_strategy() -> impl Strategy<Value = String> {
    test_strategy().prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} AND {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} OR {b})")),
            inner.prop_map(|a| format!("NOT ({a})")),
        ]
    })
}

fn fill(store: &dyn TrackingStore, seeds: &[u32]) {
    for (at, seed) in seeds.iter().enumerate() {
        let new = NewRun {
            experiment_id: ExperimentId::default_experiment(),
            user_id: "ada".to_owned(),
            run_name: Some(format!("r{at}")),
            start_time: NOW + (at / 2) as i64,
            tags: Vec::new(),
        };
        let id = store.create_run(&new).unwrap().info.run_id;
        let pick = |shift: u32, of: usize| (seed >> shift) as usize % of;
        let value = [0.25, 0.5, 1.0, f64::NAN, f64::INFINITY][pick(0, 5)];
        let text = ["a", "B", "ab", ""][pick(3, 4)];
        let mut batch = Batch::default();
        if pick(5, 3) > 0 {
            batch.metrics.push(Metric::new(key(["m", "n"][pick(7, 2)]), value, NOW, 0));
        }
        if pick(8, 3) > 0 {
            batch.params.push(Param::new(key(["p", "q"][pick(10, 2)]), text));
        }
        if pick(11, 3) > 0 {
            batch.tags.push(Tag::new(key(["t", "u"][pick(13, 2)]), text));
        }
        store.log_batch(&id, &batch).unwrap();
        if pick(14, 2) > 0 {
            let end_time = (pick(15, 2) > 0).then_some(NOW + at as i64);
            let status = Some(RunStatus::Finished);
            store.update_run(&id, &RunChange { status, end_time, run_name: None }).unwrap();
        }
        if pick(16, 4) > 0 {
            store.log_inputs(&id, &datasets(pick(16, 4)), &[]).unwrap();
        }
    }
}

fn datasets(count: usize) -> Vec<DatasetInput> {
    let one = |at: usize| DatasetInput {
        tags: match at {
            0 => vec![Tag::new(key("mlflow.data.context"), "train")],
            1 => vec![Tag::new(key("mlflow.data.context"), "test, \"quoted\"")],
            _ => Vec::new(),
        },
        dataset: Dataset {
            name: format!("d{at}"),
            digest: at.to_string(),
            source_type: "local".to_owned(),
            source: "{}".to_owned(),
            schema: None,
            profile: None,
        },
    };
    (0..count).map(one).collect()
}

fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}
