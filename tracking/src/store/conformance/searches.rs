//! Searching runs and experiments.

use super::*;
use crate::entity::ViewType;
use crate::search::{ExperimentQuery, LoggedModelOrder, LoggedModelQuery, RunQuery};

fn names(store: &dyn TrackingStore, query: &RunQuery) -> Vec<String> {
    let page = store.search_runs(query).unwrap();
    page.items.into_iter().map(|run| run.info.run_name).collect()
}

fn query(filter: &str, order: &[&str]) -> RunQuery {
    RunQuery {
        filter: filter.to_owned(),
        order_by: order.iter().map(|&clause| clause.to_owned()).collect(),
        ..RunQuery::of(vec![default_experiment()])
    }
}

fn named_run(store: &dyn TrackingStore, name: &str, start_time: i64, batch: &Batch) {
    let new =
        NewRun { run_name: Some(name.to_owned()), ..new_run(default_experiment(), start_time) };
    let id = store.create_run(&new).unwrap().info.run_id;
    store.log_batch(&id, batch).unwrap();
}

fn sample(store: &dyn TrackingStore) {
    let rows = [
        ("one", 0.5, "0.1", "train"),
        ("two", 0.25, "0.2", "Test"),
        ("three", f64::NAN, "0.1", "train"),
    ];
    for (at, (name, loss, lr, kind)) in rows.into_iter().enumerate() {
        let batch = Batch {
            metrics: vec![point("loss", loss, 0)],
            params: vec![param("learning rate", lr)],
            tags: vec![tag("kind", kind)],
        };
        named_run(store, name, 1000 + at as i64, &batch);
    }
    named_run(store, "bare", 2000, &Batch::default());
}

/// No search asks for more work than one may.
pub fn what_a_search_may_ask_for_has_limits(store: &dyn TrackingStore) {
    let refuse = |query: &RunQuery, part: &str| {
        refused(store.search_runs(query), "INVALID_PARAMETER_VALUE", part);
    };
    let all = RunQuery::of(vec![default_experiment()]);
    let order_by = vec!["metrics.a".to_owned(); 3000];
    refuse(&RunQuery { order_by: order_by.clone(), ..all.clone() }, "100 clauses");
    refuse(&RunQuery::of(vec![default_experiment(); 40_000]), "32766 experiments");
    let filter = format!("tags.a =~ '{}'", "(?i)\\w".repeat(100_000));
    refuse(&RunQuery { filter, ..all.clone() }, "1000 bytes");
    let filter = format!("tags.a = '{}'", "a".repeat(2 << 20));
    refuse(&RunQuery { filter, ..all }, "1048576 bytes");
    let experiments = ExperimentQuery { order_by, ..ExperimentQuery::default() };
    refused(store.search_experiments(&experiments), "INVALID_PARAMETER_VALUE", "100 clauses");
    let by_metric =
        LoggedModelOrder { field_name: "metrics.a".to_owned(), ascending: true, dataset: None };
    let models = LoggedModelQuery {
        experiment_ids: vec![default_experiment()],
        filter: String::new(),
        datasets: Vec::new(),
        order_by: vec![by_metric; 3000],
        max_results: 10,
        page_token: None,
    };
    refused(store.search_logged_models(&models), "INVALID_PARAMETER_VALUE", "at most 100");
}

/// MLflow's forms and ours find the same runs on every backend.
pub fn runs_are_found_by_what_they_logged(store: &dyn TrackingStore) {
    sample(store);
    let table: [(&str, &[&str]); 18] = [
        ("", &["bare", "three", "two", "one"]),
        ("metrics.loss < 0.4", &["two"]),
        ("metrics.loss >= 0.25", &["two", "one"]),
        ("params.`learning rate` = '0.1'", &["three", "one"]),
        ("params.\"learning rate\" != '0.1'", &["two"]),
        ("tags.kind LIKE 't%'", &["three", "one"]),
        ("tags.kind ILIKE 't%'", &["three", "two", "one"]),
        ("tags.kind IS NULL", &["bare"]),
        ("params.`learning rate` IS NOT NULL and metrics.loss = 0.5", &["one"]),
        ("attributes.run_name = 'two'", &["two"]),
        ("run_name IN ('one', 'two')", &["two", "one"]),
        ("start_time > 1001", &["bare", "three"]),
        ("status = 'RUNNING' AND attributes.start_time <= 1000", &["one"]),
        ("tags.mlflow.runName = 'bare'", &["bare"]),
        ("metrics.loss < 0.3 OR run_name = 'bare'", &["bare", "two"]),
        ("NOT (tags.kind = 'train' OR run_name = 'bare')", &["two"]),
        ("run_name =~ '^t(wo|hree)$'", &["three", "two"]),
        ("metrics.absent > 0", &[]),
    ];
    for (filter, want) in table {
        assert_eq!(names(store, &query(filter, &[])), want, "for {filter}");
    }
    assert!(names(store, &RunQuery::of(Vec::new())).is_empty());
}

/// As in MLflow, in both directions.
pub fn runs_are_ordered_with_nan_and_missing_last(store: &dyn TrackingStore) {
    sample(store);
    let table: [(&[&str], [&str; 4]); 5] = [
        (&["metrics.loss ASC"], ["two", "one", "three", "bare"]),
        (&["metrics.loss DESC"], ["one", "two", "three", "bare"]),
        (&["params.`learning rate`", "attributes.start_time"], ["one", "three", "two", "bare"]),
        (&["attributes.run_name DESC"], ["two", "three", "one", "bare"]),
        (&["start_time ASC"], ["one", "two", "three", "bare"]),
    ];
    for (order, want) in table {
        assert_eq!(names(store, &query("", order)), want, "for {order:?}");
    }
}

/// Every run shows up on exactly one page, in order, also among equals.
pub fn pages_cover_every_run_once(store: &dyn TrackingStore) {
    for at in 0..11 {
        let loss = [0.5, f64::NAN, 0.25][at as usize % 3];
        named_run(store, &format!("r{at}"), at / 2, &metrics(&[("loss", loss)]));
    }
    let whole = names(store, &query("", &["metrics.loss DESC"]));
    assert_eq!(whole.len(), 11);

    let mut request = RunQuery { max_results: 3, ..query("", &["metrics.loss DESC"]) };
    let mut paged = Vec::new();
    loop {
        let page = store.search_runs(&request).unwrap();
        assert!(page.items.len() <= 3);
        paged.extend(page.items.into_iter().map(|run| run.info.run_name));
        match page.next_page_token {
            Some(token) => request.page_token = Some(token),
            None => break,
        }
    }

    assert_eq!(paged, whole);
}

/// A token says where to go on in its own query only.
pub fn a_token_of_another_query_is_refused(store: &dyn TrackingStore) {
    sample(store);
    let first = RunQuery { max_results: 1, ..query("", &[]) };
    let token = store.search_runs(&first).unwrap().next_page_token;
    assert!(token.is_some());
    let other = RunQuery { page_token: token, ..query("metrics.loss < 1", &[]) };
    refused(store.search_runs(&other), "INVALID_PARAMETER_VALUE", "Invalid page token");
    let nonsense = RunQuery { page_token: Some("eyJvZmZzZXQiOiAxfQ==".to_owned()), ..first };
    refused(store.search_runs(&nonsense), "INVALID_PARAMETER_VALUE", "Invalid page token");
}

/// Deleted runs show only on request.
pub fn the_view_hides_deleted_runs(store: &dyn TrackingStore) {
    let kept = start(store).info.run_id;
    let gone = start(store).info.run_id;
    store.delete_run(&gone, 1).unwrap();
    let ids = |view| {
        let page = store.search_runs(&RunQuery { view, ..query("", &[]) }).unwrap();
        page.items.into_iter().map(|run| run.info.run_id).collect::<Vec<_>>()
    };
    assert_eq!(ids(ViewType::ActiveOnly), [kept]);
    assert_eq!(ids(ViewType::DeletedOnly), [gone]);
    assert_eq!(ids(ViewType::All).len(), 2);
}

/// A user sees where the filter went wrong.
pub fn a_bad_filter_points_at_the_column(store: &dyn TrackingStore) {
    let broken = store.search_runs(&query("metrics.rmse <", &[]));
    refused(broken, "INVALID_PARAMETER_VALUE", "column");
    let unknown = store.search_runs(&query("attributes.nonsense = 'x'", &[]));
    refused(unknown, "INVALID_PARAMETER_VALUE", "nonsense");
    let order = store.search_runs(&query("", &["metrics.x SIDEWAYS"]));
    refused(order, "INVALID_PARAMETER_VALUE", "order_by");
}

/// Experiments are searched by the same language.
pub fn experiments_are_found_and_ordered(store: &dyn TrackingStore) {
    for name in ["alpha", "beta", "Alps"] {
        let id = experiment(store, name);
        store.set_experiment_tag(&id, &tag("len", &name.len().to_string())).unwrap();
    }
    let find = |filter: &str, order: &[&str]| -> Vec<String> {
        let query = ExperimentQuery {
            filter: filter.to_owned(),
            order_by: order.iter().map(|&clause| clause.to_owned()).collect(),
            ..ExperimentQuery::default()
        };
        let page = store.search_experiments(&query).unwrap();
        page.items.into_iter().map(|one| one.name).collect()
    };
    assert_eq!(find("name LIKE 'al%'", &[]), ["alpha"]);
    assert_eq!(find("name ILIKE 'al%'", &["name"]), ["Alps", "alpha"]);
    assert_eq!(find("tags.len = '4'", &["name DESC"]), ["beta", "Alps"]);
    assert_eq!(find("attribute.name != 'beta'", &["name ASC"]), ["Alps", "Default", "alpha"]);
}

/// An experiment that is found has all of its tags, also those that the search does not look at.
pub fn what_is_found_is_whole(store: &dyn TrackingStore) {
    let id = experiment(store, "whole");
    for (key, value) in [("a", "1"), ("b", "2"), ("c", "3")] {
        store.set_experiment_tag(&id, &tag(key, value)).unwrap();
    }
    for filter in ["tags.b = '2'", "name = 'whole'"] {
        let query = ExperimentQuery { filter: filter.to_owned(), ..ExperimentQuery::default() };

        let page = store.search_experiments(&query).unwrap();

        assert_eq!(page.items, [store.experiment(&id).unwrap()], "for {filter}");
    }
}

/// Zero rows and too many rows are both mistakes.
pub fn max_results_has_limits(store: &dyn TrackingStore) {
    for max_results in [0, 50_001] {
        let runs = store.search_runs(&RunQuery { max_results, ..query("", &[]) });
        refused(runs, "INVALID_PARAMETER_VALUE", "max_results");
        let some = ExperimentQuery { max_results, ..ExperimentQuery::default() };
        refused(store.search_experiments(&some), "INVALID_PARAMETER_VALUE", "max_results");
    }
}
