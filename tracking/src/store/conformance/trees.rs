//! Runs below runs, and what goes on in experiments.

use super::*;
use crate::RunId;
use crate::entity::RunStatus;
use crate::facts::RunCounts;
use crate::facts::experiments::{DAY, DAYS, ExperimentFacts};
use crate::search::RunQuery;
use crate::store::RunChange;

const NOW: i64 = 1_700_000_000_000;

fn all() -> RunQuery {
    RunQuery::of(vec![default_experiment()])
}

/// Starts a run that is named, `at` milliseconds later than others.
fn named(store: &dyn TrackingStore, name: &str, at: i64, parent: Option<&str>) -> RunId {
    let parent = parent.map(|parent| tag("mlflow.parentRunId", parent));
    let new = NewRun {
        run_name: Some(name.to_owned()),
        tags: parent.into_iter().collect(),
        ..new_run(default_experiment(), NOW + at)
    };
    store.create_run(&new).unwrap().info.run_id
}

fn end(store: &dyn TrackingStore, id: &RunId, status: RunStatus) {
    let change = RunChange { status: Some(status), end_time: Some(NOW + 50), run_name: None };
    store.update_run(id, &change).unwrap();
}

/// Children are counted by state for each parent, those that the search finds.
pub fn children_are_counted_by_state(store: &dyn TrackingStore) {
    let parent = named(store, "parent", 0, None);
    let other = named(store, "other", 1, None);
    let [done, failed, deleted, _running] =
        [2, 3, 4, 5].map(|at| named(store, "child", at, Some(parent.as_str())));
    end(store, &done, RunStatus::Finished);
    end(store, &failed, RunStatus::Failed);
    store.delete_run(&deleted, NOW).unwrap();
    named(store, "grandchild", 6, Some(done.as_str()));
    store.log_batch(&failed, &metrics(&[("loss", f64::NAN)])).unwrap();

    let states = |query: &RunQuery, parents: &[&RunId]| {
        let parents: Vec<RunId> = parents.iter().map(|id| (*id).clone()).collect();
        store.child_states(query, &parents).unwrap()
    };

    let none = RunCounts::default();
    let want = RunCounts { running: 1, finished: 1, failed: 1, ..none };
    let one = RunCounts { running: 1, ..none };
    assert_eq!(states(&all(), &[&other, &parent, &done, &parent]), [none, want, one, want]);
    let filtered = RunQuery { filter: "status = 'FAILED'".to_owned(), ..all() };
    assert_eq!(states(&filtered, &[&parent]), [RunCounts { failed: 1, ..none }]);
    assert_eq!(states(&all(), &[&RunId::random()]), [none]);
    assert_eq!(states(&all(), &[]), []);
    assert_eq!(states(&RunQuery::of(vec![]), &[&parent]), [none]);
}

/// Roots are the runs whose parent the search does not find, in its order and pages.
pub fn roots_have_no_parent_that_is_found(store: &dyn TrackingStore) {
    let a = named(store, "a", 0, None);
    let b = named(store, "b", 1, Some(a.as_str()));
    named(store, "c", 2, Some(b.as_str()));
    named(store, "stray", 3, Some(RunId::random().as_str()));
    named(store, "odd", 4, Some("../no run's id"));
    let circle = named(store, "circle", 5, None);
    let inner = named(store, "inner", 6, Some(circle.as_str()));
    store.log_batch(&circle, &tags(&[("mlflow.parentRunId", inner.as_str())])).unwrap();

    let roots = |query: &RunQuery| {
        let mut query = RunQuery { max_results: 2, ..query.clone() };
        let mut names = Vec::new();
        loop {
            let page = store.search_roots(&query).unwrap();
            assert!(page.runs.len() <= 2);
            names.extend(page.runs.into_iter().map(|run| run.info.run_name));
            query.page_token = page.next_page_token;
            if query.page_token.is_none() {
                assert_eq!(names.len() as u64, page.total);
                return names;
            }
        }
    };

    assert_eq!(roots(&all()), ["inner", "circle", "odd", "stray", "a"]);
    let by_name = RunQuery { order_by: vec!["run_name".to_owned()], ..all() };
    assert_eq!(roots(&by_name), ["a", "circle", "inner", "odd", "stray"]);
    let without_a = RunQuery { filter: "run_name IN ('b', 'c')".to_owned(), ..all() };
    assert_eq!(roots(&without_a), ["b"]);
    store.delete_run(&b, NOW).unwrap();
    assert_eq!(roots(&by_name), ["a", "c", "circle", "inner", "odd", "stray"]);
    let first = RunQuery { max_results: 1, ..all() };
    let root = store.search_roots(&first).unwrap();
    assert_eq!(root.runs[0], store.run(&root.runs[0].info.run_id).unwrap());
    let page_token = store.search_runs(&first).unwrap().next_page_token;
    let other = store.search_roots(&RunQuery { page_token, ..first });
    refused(other, "INVALID_PARAMETER_VALUE", "page token");
}

/// An experiment tells how many runs it has, and when.
pub fn experiments_tell_what_goes_on_in_them(store: &dyn TrackingStore) {
    let busy = experiment(store, "busy");
    let until = NOW + 10 * DAY;
    let begin = |time| store.create_run(&new_run(busy.clone(), time)).unwrap().info.run_id;
    let [_today, second, old, _tomorrow, deleted] =
        [until - 1, until - DAY, until - 30 * DAY - 1, until, until + 5].map(begin);
    let ends = RunChange {
        status: Some(RunStatus::Killed),
        end_time: Some(until + 3),
        ..RunChange::default()
    };
    store.update_run(&second, &ends).unwrap();
    store.update_run(&old, &RunChange { end_time: None, ..ends }).unwrap();
    store.delete_run(&deleted, NOW).unwrap();
    begin(until - 30 * DAY);
    let unknown = ExperimentId::parse("77").unwrap();

    let facts = store
        .experiment_facts(&[unknown.clone(), busy.clone(), default_experiment()], until)
        .unwrap();

    let mut runs_by_day = vec![0; DAYS];
    (runs_by_day[0], runs_by_day[DAYS - 1]) = (1, 2);
    let want = ExperimentFacts {
        experiment_id: busy,
        runs: 5,
        running: 3,
        last_activity: Some(until + 3),
        runs_by_day,
    };
    let none = ExperimentFacts::none;
    assert_eq!(facts, [none(unknown), want, none(default_experiment())]);
    assert_eq!(store.experiment_facts(&[], until).unwrap(), []);
}
