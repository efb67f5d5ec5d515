//! Facts about many runs.

use super::*;
use crate::entity::{RunStatus, ViewType};
use crate::facts::{KeyFact, KeyKind, KeyQuery, RunCounts, ValueQuery};
use crate::search::RunQuery;
use crate::store::RunChange;

const NOW: i64 = 1_700_000_000_000;

fn all() -> RunQuery {
    RunQuery::of(vec![default_experiment()])
}

fn filtered(filter: &str) -> RunQuery {
    RunQuery { filter: filter.to_owned(), ..all() }
}

fn start_with(store: &dyn TrackingStore, batch: &Batch) -> crate::RunId {
    let id = start(store).info.run_id;
    store.log_batch(&id, batch).unwrap();
    id
}

fn end(store: &dyn TrackingStore, id: &crate::RunId, status: RunStatus) {
    let change = RunChange { status: Some(status), end_time: Some(NOW + 9), run_name: None };
    store.update_run(id, &change).unwrap();
}

/// Runs are counted as searches find them: by experiments, filter and view.
pub fn runs_are_counted_by_state(store: &dyn TrackingStore) {
    let other = experiment(store, "other");
    store.create_run(&new_run(other.clone(), NOW)).unwrap();
    let ids: Vec<_> = ["a", "a", "b", "b", "b"]
        .iter()
        .map(|value| start_with(store, &params(&[("p", value)])))
        .collect();
    end(store, &ids[1], RunStatus::Finished);
    end(store, &ids[2], RunStatus::Failed);
    end(store, &ids[3], RunStatus::Killed);
    store.delete_run(&ids[4], NOW).unwrap();
    let deleted = RunQuery { view: ViewType::DeletedOnly, ..all() };
    let either = RunQuery { experiment_ids: vec![other, default_experiment()], ..all() };

    let counts = |query: &RunQuery| store.count_runs(query).unwrap();

    let want = RunCounts { running: 1, finished: 1, failed: 1, killed: 1, scheduled: 0 };
    assert_eq!(counts(&all()), want);
    assert_eq!(counts(&filtered("params.p = 'b'")), RunCounts { running: 0, finished: 0, ..want });
    assert_eq!(counts(&filtered("status = 'FINISHED'")).total(), 1);
    assert_eq!(counts(&deleted), RunCounts { running: 1, ..RunCounts::default() });
    assert_eq!(counts(&RunQuery { view: ViewType::All, ..either }).total(), 6);
    assert_eq!(counts(&RunQuery::of(vec![])).total(), 0);
    refused(store.count_runs(&filtered("params.p >")), "INVALID_PARAMETER_VALUE", "params.p");
}

#[track_caller]
fn check_keys(
    store: &dyn TrackingStore,
    query: &RunQuery,
    kind: KeyKind,
    want: &[(&str, u64, bool)],
) {
    let ask = KeyQuery { contains: "k.".to_owned(), ..KeyQuery::of(kind, 10) };
    let list = store.run_keys(query, &ask).unwrap();
    let want: Vec<KeyFact> = want
        .iter()
        .map(|(name, runs, differs)| KeyFact { key: key(name), runs: *runs, differs: *differs })
        .collect();
    assert_eq!((list.total, list.keys), (want.len() as u64, want), "for {kind:?} of {query:?}");
}

/// Keys come with the number of runs that have them, and whether runs differ in them.
pub fn keys_tell_whether_runs_differ(store: &dyn TrackingStore) {
    for (same, value, loss) in [("1", "a", f64::NAN), ("1", "b", f64::NAN), ("1", "b", f64::NAN)] {
        start_with(
            store,
            &Batch {
                params: vec![param("k.same", same), param("k.lr", value)],
                tags: vec![tag("k.note", value), tag("mlflow.note.k.x", value)],
                metrics: vec![point("k.loss", loss, 1)],
            },
        );
    }
    let some = metrics(&[("k.acc", f64::INFINITY), ("k.loss", 0.5)]);
    let last = start_with(store, &some);
    store.log_batch(&last, &Batch { metrics: vec![point("k.loss", f64::NAN, 2)], ..some }).unwrap();

    check_keys(store, &all(), KeyKind::Param, &[("k.lr", 3, true), ("k.same", 3, true)]);
    check_keys(store, &all(), KeyKind::Metric, &[("k.loss", 4, false), ("k.acc", 1, true)]);
    let three = filtered("params.`k.same` = '1'");
    check_keys(store, &three, KeyKind::Param, &[("k.lr", 3, true), ("k.same", 3, false)]);
    let tags = [("k.note", 3, true), ("mlflow.note.k.x", 3, true)];
    check_keys(store, &three, KeyKind::Tag, &tags);
    store.delete_run(&last, NOW).unwrap();
    check_keys(store, &all(), KeyKind::Param, &[("k.lr", 3, true), ("k.same", 3, false)]);
    check_keys(store, &all(), KeyKind::Metric, &[("k.loss", 3, false)]);
}

/// Of many keys the first are shown, and all are counted.
pub fn keys_are_searched_and_cut(store: &dyn TrackingStore) {
    let names = ["loss/train", "loss/val", "Loss _-: x", "acc", "ünï/LOSS"];
    let runs: Vec<_> = (0..2)
        .map(|at| start_with(store, &metrics(&names.map(|name| (name, f64::from(at))))))
        .collect();
    store.log_batch(&runs[0], &metrics(&[("loss/only", 1.0)])).unwrap();

    let ask = |contains: &str, max_results| {
        let kind = KeyKind::Metric;
        let ask = KeyQuery { kind, contains: contains.to_owned(), max_results };
        let list = store.run_keys(&all(), &ask).unwrap();
        let keys: Vec<String> = list.keys.into_iter().map(|fact| fact.key.to_string()).collect();
        (keys, list.total)
    };

    let want = ["loss/train", "loss/val"].map(str::to_owned).to_vec();
    assert_eq!(ask("LOSS/", 2), (want, 3));
    assert_eq!(ask("_", 9), (vec!["Loss _-: x".to_owned()], 1));
    assert_eq!(ask("ÜNÏ", 9), (vec!["ünï/LOSS".to_owned()], 1));
    assert_eq!(ask("", 1).1, 6);
    let none = KeyQuery::of(KeyKind::Metric, 0);
    refused(store.run_keys(&all(), &none), "INVALID_PARAMETER_VALUE", "max_results");
}

/// Values come with the number of runs that have them.
pub fn values_of_a_key_are_counted(store: &dyn TrackingStore) {
    for value in ["adam", "Adagrad", "sgd", "adam", "", "it's \"50%\"\n"] {
        let batch =
            Batch { metrics: metrics(&[("m", f64::NAN)]).metrics, ..params(&[("o", value)]) };
        start_with(store, &batch);
    }
    let last = start_with(store, &metrics(&[("m", 0.5), ("n", 1.0)]));

    let values = |query: &RunQuery, kind, name: &str, prefix: &str| {
        let prefix = prefix.to_owned();
        let ask = ValueQuery { kind, key: key(name), prefix, max_results: 3 };
        let list = store.key_values(query, &ask).unwrap();
        let values = list.values.into_iter().map(|fact| (fact.value, fact.runs));
        (values.collect::<Vec<_>>(), list.total)
    };
    let counted = |pairs: &[(&str, u64)], total| {
        let pairs = pairs.iter().map(|(value, runs)| ((*value).to_owned(), *runs));
        (pairs.collect::<Vec<_>>(), total)
    };

    let all_values = counted(&[("adam", 2), ("", 1), ("Adagrad", 1)], 5);
    assert_eq!(values(&all(), KeyKind::Param, "o", ""), all_values);
    let begun = counted(&[("adam", 2), ("Adagrad", 1)], 2);
    assert_eq!(values(&all(), KeyKind::Param, "o", "AD"), begun);
    let odd = counted(&[("it's \"50%\"\n", 1)], 1);
    assert_eq!(values(&all(), KeyKind::Param, "o", "it's \"50%"), odd);
    assert_eq!(values(&all(), KeyKind::Param, "unknown", ""), counted(&[], 0));
    assert_eq!(values(&all(), KeyKind::Tag, "o", ""), counted(&[], 0));
    let numbers = counted(&[("NaN", 6), ("0.5", 1)], 2);
    assert_eq!(values(&all(), KeyKind::Metric, "m", ""), numbers);
    let some = filtered("params.o LIKE 'a%'");
    assert_eq!(values(&some, KeyKind::Param, "o", ""), counted(&[("adam", 2)], 1));
    store.delete_run(&last, NOW).unwrap();
    assert_eq!(values(&all(), KeyKind::Metric, "m", ""), counted(&[("NaN", 6)], 1));
}
