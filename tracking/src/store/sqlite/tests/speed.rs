//! What is done for speed changes no answer.

use super::*;
use crate::entity::{Param, Tag, ViewType};
use crate::facts::keys::KeyTally;
use crate::facts::{KeyKind, KeyList, KeyQuery, RunFacts};
use crate::search::RunQuery;
use crate::store::{HistoryPage, HistorySample};
use proptest::prelude::*;
use rusqlite::{Connection, params};
use std::sync::mpsc;

fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

fn new_run(experiment: &ExperimentId, start_time: i64) -> NewRun {
    NewRun {
        experiment_id: experiment.clone(),
        user_id: String::new(),
        run_name: None,
        start_time,
        tags: Vec::new(),
    }
}

/// Something that changes what searches find, by us or by another program.
#[derive(Clone, Debug)]
enum Change {
    Create(i64),
    LogMetric(usize, f64),
    LogParam(usize, u8),
    Tag(usize, u8),
    Delete(usize),
    Restore(usize),
    RestoreExperiment,
    MetricOfOther(usize, f64),
    RunOfOther(i64),
    Finish(usize, i64),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let number = prop_oneof![Just(f64::NAN), Just(f64::INFINITY), -2.0..2.0];
    let run = 0usize..8;
    let change = prop_oneof![
        (0i64..4).prop_map(Change::Create),
        (run.clone(), number).prop_map(|(run, value)| Change::LogMetric(run, value)),
        (run.clone(), 0u8..4).prop_map(|(run, value)| Change::LogParam(run, value)),
        (run.clone(), 0u8..4).prop_map(|(run, value)| Change::Tag(run, value)),
        run.clone().prop_map(Change::Delete),
        run.clone().prop_map(Change::Restore),
        Just(Change::RestoreExperiment),
        (run.clone(), -2.0..2.0).prop_map(|(run, value)| Change::MetricOfOther(run, value)),
        (0i64..4).prop_map(Change::RunOfOther),
        (run, 0i64..4).prop_map(|(run, time)| Change::Finish(run, time)),
    ];
    prop::collection::vec(change, 1..24)
}

/// Makes a change. What is refused, such as a change of a deleted run, changes nothing.
fn apply(store: &SqliteStore, other: &Connection, runs: &mut Vec<RunId>, change: &Change) {
    let experiment = ExperimentId::default_experiment();
    let run = |at: &usize| runs.get(at % runs.len().max(1)).cloned();
    let log = |at: &usize, batch: Batch| drop(run(at).map(|id| store.log_batch(&id, &batch)));
    match change {
        Change::Create(time) => {
            runs.push(store.create_run(&new_run(&experiment, NOW + time)).unwrap().info.run_id);
        }
        Change::LogMetric(at, value) => {
            let step = runs.len() as i64;
            let metrics = vec![Metric::new(key("m"), *value, NOW, step)];
            log(at, Batch { metrics, ..Batch::default() });
        }
        Change::LogParam(at, value) => {
            let params = vec![Param::new(key(&format!("p{}", value % 2)), value.to_string())];
            log(at, Batch { params, ..Batch::default() });
        }
        Change::Tag(at, value) => {
            log(
                at,
                Batch { tags: vec![Tag::new(key("t"), value.to_string())], ..Batch::default() },
            );
        }
        Change::Delete(at) => drop(run(at).map(|id| store.delete_run(&id, NOW))),
        Change::Restore(at) => drop(run(at).map(|id| store.restore_run(&id))),
        Change::RestoreExperiment => {
            store.delete_experiment(&experiment, NOW).unwrap();
            store.restore_experiment(&experiment, NOW).unwrap();
        }
        Change::MetricOfOther(at, value) => {
            let Some(id) = run(at) else { return };
            let sql = "INSERT OR REPLACE INTO latest_metrics
                       (key, value, timestamp, step, is_nan, run_uuid)
                       VALUES ('m', ?1, 1, 1, 0, ?2)";
            other.execute(sql, params![value, id.as_str()]).unwrap();
        }
        Change::RunOfOther(time) => {
            let id = RunId::random();
            let sql = "INSERT INTO runs (run_uuid, status, start_time, lifecycle_stage,
                                         experiment_id) VALUES (?1, 'RUNNING', ?2, 'active', 0)";
            other.execute(sql, params![id.as_str(), NOW + time]).unwrap();
            runs.push(id);
        }
        Change::Finish(at, time) => {
            let change = RunChange { end_time: Some(NOW + time), ..RunChange::default() };
            drop(run(at).map(|id| store.update_run(&id, &change)));
        }
    }
}

/// Turns all pages, with what is remembered or by statements alone.
fn ids(store: &SqliteStore, query: &RunQuery, in_memory: bool) -> Vec<RunId> {
    let mut query = query.clone();
    let mut found = Vec::new();
    loop {
        let compiled = query.compile().unwrap();
        let page = store.database.read("searching", |db| match in_memory {
            true => {
                let changes = || store.database.take_changes();
                Ok(store.memory.search(db, changes, &query, &compiled)?.expect("it is refused"))
            }
            false => search::runs(db, &query, &compiled),
        });
        let page = page.unwrap();
        found.extend(page.items.into_iter().map(|run| run.info.run_id));
        query.page_token = page.next_page_token;
        if query.page_token.is_none() {
            return found;
        }
    }
}

/// Compares what is remembered of the runs that a query finds with the runs.
fn check_facts(
    store: &SqliteStore,
    query: &RunQuery,
    found: &[RunId],
) -> std::result::Result<(), TestCaseError> {
    let runs: Vec<Run> = found.iter().map(|id| store.run(id).unwrap()).collect();
    prop_assert_eq!(store.count_runs(query).unwrap().total() as usize, runs.len());
    for kind in [KeyKind::Metric, KeyKind::Param, KeyKind::Tag] {
        let ask = KeyQuery::of(kind, 100);
        let mut tally = KeyTally::new(kind);
        runs.iter().for_each(|run| tally.add(run));
        let want = tally.list(&ask);
        let in_memory = |db: &Session<'_>| {
            let changes = || store.database.take_changes();
            let compiled = query.compile()?;
            let keys = store.memory.keys(db, changes, (query, &compiled), kind)?;
            Ok(KeyList::of(keys.expect("it is refused").into_iter(), &ask))
        };
        prop_assert_eq!(&store.database.read("listing", in_memory).unwrap(), &want);
        let ids = found.iter().map(ToString::to_string).collect();
        let by_statement = |db: &Session<'_>| {
            let keys = logged::keys_of(db, &query.experiment_ids, &ids, kind)?;
            Ok(KeyList::of(keys.into_iter(), &ask))
        };
        prop_assert_eq!(&store.database.read("listing", by_statement).unwrap(), &want);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_is_remembered_of_runs_is_never_old(all in changes()) {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { durability: Durability::Normal, ..Options::default() };
        let path = folder.path().join("mlflow.db");
        let store = SqliteStore::open_with(&path, &options).unwrap();
        let other = Connection::open(&path).unwrap();
        let mut runs = Vec::new();
        let query = |filter: &str, order_by: &[&str], view| RunQuery {
            filter: filter.to_owned(),
            view,
            order_by: order_by.iter().map(|clause| (*clause).to_owned()).collect(),
            max_results: 2,
            ..RunQuery::of(vec![ExperimentId::default_experiment()])
        };
        let queries = [
            query("", &["metrics.m DESC", "params.p0"], ViewType::All),
            query("params.p1 LIKE '%' OR tags.t = '2'", &["end_time"], ViewType::ActiveOnly),
            query("metrics.m > 0 OR NOT (metrics.m < 1)", &["tags.t DESC"], ViewType::All),
            query("", &[], ViewType::DeletedOnly),
        ];
        for change in &all {
            apply(&store, &other, &mut runs, change);
            for query in &queries {
                let found = ids(&store, query, false);
                prop_assert_eq!(&ids(&store, query, true), &found, "{:?}", query);
                check_facts(&store, query, &found)?;
            }
        }
    }

    #[test]
    fn a_sample_is_chosen_like_one_of_the_whole_history(
        points in prop::collection::vec((-3i64..9, 0i64..3, -1.0..1.0), 0..40),
        max_results in 0usize..12,
        range in prop::option::of((-3i64..9, -3i64..9)),
    ) {
        let (store, _folder) = store();
        let run = store.create_run(&new_run(&ExperimentId::default_experiment(), 1)).unwrap();
        let id = run.info.run_id;
        let metric = |&(step, time, value): &(i64, i64, f64)| {
            let value = if value > 0.9 { f64::NAN } else { value };
            Metric::new(key("m"), value, time, step)
        };
        let metrics = points.iter().map(metric).collect();
        store.log_batch(&id, &Batch { metrics, ..Batch::default() }).unwrap();
        let (start_step, end_step) = range.unzip();
        let sample = HistorySample { start_step, end_step, max_results };

        let runs = [id.clone(), id.clone()];
        let sampled = store.metric_history_sampled(&runs, &key("m"), &sample).unwrap();

        let all = store.metric_history(&id, &key("m"), &HistoryPage::default()).unwrap().items;
        let want = sample.choose(all);
        let shown = |point: &Metric| format!("{} {} {}", point.step, point.timestamp, point.value);
        let got: Vec<String> = sampled.iter().map(|(_, point)| shown(point)).collect();
        prop_assert_eq!(got, [&want[..], &want[..]].concat().iter().map(shown).collect::<Vec<_>>());
    }
}

#[test]
fn a_search_does_not_wait_for_another_program_that_writes() {
    let (store, folder) = store();
    let run = store.create_run(&new_run(&ExperimentId::default_experiment(), 1)).unwrap();
    let query = RunQuery::of(vec![ExperimentId::default_experiment()]);
    assert_eq!(store.search_runs(&query).unwrap().items.len(), 1);
    let other = Connection::open(folder.path().join("mlflow.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE; DELETE FROM tags").unwrap();
    let (done, outcome) = mpsc::channel();
    let batch = Batch { tags: vec![Tag::new(key("t"), "1")], ..Batch::default() };
    let id = run.info.run_id.clone();
    store.log_batch_then(id, batch, Box::new(move |outcome| done.send(outcome).unwrap()));

    let found = store.search_runs(&query).unwrap().items;

    assert_eq!(found, [run]);
    assert!(outcome.try_recv().is_err(), "the change cannot be done yet");
    other.execute_batch("ROLLBACK").unwrap();
    outcome.recv().unwrap().unwrap();
    let found = store.search_runs(&query).unwrap().items;
    assert!(found[0].data.tags.contains(&Tag::new(key("t"), "1")));
}

#[test]
fn a_change_that_fails_half_way_leaves_its_neighbours_alone() {
    let (store, folder) = store();
    let id =
        store.create_run(&new_run(&ExperimentId::default_experiment(), 1)).unwrap().info.run_id;
    // While another program writes, changes gather and then share a transaction.
    let other = Connection::open(folder.path().join("mlflow.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let params = |pairs: &[(&str, &str)]| Batch {
        params: pairs.iter().map(|(name, value)| Param::new(key(name), *value)).collect(),
        ..Batch::default()
    };
    let batches = [
        params(&[("a", "1")]),
        params(&[("b", "1"), ("a", "2")]),
        params(&[("c", "1")]),
        params(&[("c", "2")]),
    ];
    let outcomes = batches.map(|batch| {
        let (done, outcome) = mpsc::channel();
        let done = Box::new(move |outcome: Result<()>| done.send(outcome).unwrap());
        store.log_batch_then(id.clone(), batch, done);
        outcome
    });
    other.execute_batch("ROLLBACK").unwrap();

    let went_well = outcomes.map(|outcome| outcome.recv().unwrap().is_ok());

    assert_eq!(went_well, [true, false, true, false]);
    let params = store.run(&id).unwrap().data.params;
    assert_eq!(params, [Param::new(key("a"), "1"), Param::new(key("c"), "1")]);
}
