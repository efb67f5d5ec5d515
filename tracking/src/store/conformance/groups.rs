//! Groups of runs.

use super::*;
use crate::facts::{
    Goal, Group, GroupColumn, GroupKey, GroupMetric, GroupOrder, GroupQuery, Statistic, Summary,
};
use crate::search::RunQuery;

fn all() -> RunQuery {
    RunQuery::of(vec![default_experiment()])
}

fn grouped(by: &[&str]) -> GroupQuery {
    GroupQuery::of(by.iter().map(|text| GroupKey::parse(text).unwrap()).collect(), 100)
}

/// Groups by one key, as `value: runs`.
fn shown(groups: &[Group]) -> Vec<String> {
    let value = |group: &Group| group.values[0].clone().unwrap_or("-".to_owned());
    groups.iter().map(|group| format!("{}: {}", value(group), group.counts.total())).collect()
}

fn run_with(store: &dyn TrackingStore, lr: Option<&str>, loss: Option<f64>) -> crate::RunId {
    let id = start(store).info.run_id;
    let batch = Batch {
        params: lr.iter().map(|lr| param("lr", lr)).collect(),
        metrics: loss.iter().map(|loss| point("loss", *loss, 0)).collect(),
        tags: Vec::new(),
    };
    store.log_batch(&id, &batch).unwrap();
    id
}

/// Each group has what the values of a metric come to; values that are not finite are apart.
pub fn groups_sum_up_their_metrics(store: &dyn TrackingStore) {
    run_with(store, Some("0.1"), Some(1.0));
    let best = run_with(store, Some("0.1"), Some(3.0));
    run_with(store, Some("0.1"), Some(f64::NAN));
    run_with(store, Some("0.1"), None);
    let only = run_with(store, None, Some(-0.5));
    run_with(store, None, Some(f64::INFINITY));
    let deleted = run_with(store, Some("0.1"), Some(9.0));
    store.delete_run(&deleted, 1_700_000_000_000).unwrap();
    let metrics = vec![
        GroupMetric { key: key("loss"), goal: Goal::Max },
        GroupMetric { key: key("unknown"), goal: Goal::Min },
    ];

    let page =
        store.group_runs(&all(), &GroupQuery { metrics, ..grouped(&["params.lr"]) }).unwrap();

    assert_eq!((shown(&page.groups), page.total), (vec!["0.1: 4".into(), "-: 2".into()], 2));
    let want = Summary {
        n: 2,
        not_finite: 1,
        mean: Some(2.0),
        std: Some(2f64.sqrt()),
        min: Some(1.0),
        max: Some(3.0),
        best: Some(best),
    };
    assert_eq!(page.groups[0].metrics, [want, Summary::default()]);
    let want = Summary {
        n: 1,
        not_finite: 1,
        mean: Some(-0.5),
        std: None,
        min: Some(-0.5),
        max: Some(-0.5),
        best: Some(only),
    };
    assert_eq!(page.groups[1].metrics[0], want);
}

/// Groups come in the order that is asked for, numbers as numbers, and what is missing last.
pub fn groups_are_ordered_and_paged(store: &dyn TrackingStore) {
    for (lr, loss) in [("10", 1.0), ("9", f64::NAN), ("1e1", 2.0), ("10", 7.0), ("0.5", 2.0)] {
        run_with(store, Some(lr), Some(loss));
    }
    run_with(store, None, Some(0.0));
    let lr = || GroupColumn::Value(GroupKey::param(&key("lr")));
    let mean = || GroupColumn::Statistic(Statistic::Mean, key("loss"));

    let pages = |column: GroupColumn, ascending: bool| {
        let mut ask = GroupQuery { max_results: 2, ..grouped(&["params.lr"]) };
        ask.metrics.push(GroupMetric { key: key("loss"), goal: Goal::Min });
        ask.order_by.push(GroupOrder { column, ascending });
        let mut found = Vec::new();
        loop {
            let page = store.group_runs(&all(), &ask).unwrap();
            assert_eq!(page.total, 5);
            found.extend(shown(&page.groups));
            ask.page_token = page.next_page_token;
            if ask.page_token.is_none() {
                return found;
            }
        }
    };

    let by_value = ["0.5: 1", "9: 1", "10: 2", "1e1: 1", "-: 1"];
    assert_eq!(pages(lr(), true), by_value);
    assert_eq!(pages(lr(), false), ["10: 2", "1e1: 1", "9: 1", "0.5: 1", "-: 1"]);
    assert_eq!(pages(mean(), false), ["10: 2", "0.5: 1", "1e1: 1", "-: 1", "9: 1"]);
    assert_eq!(pages(GroupColumn::Runs, true), ["0.5: 1", "1e1: 1", "9: 1", "-: 1", "10: 2"]);
}

/// Runs are grouped by several keys of all kinds, hostile values included.
pub fn runs_are_grouped_by_what_they_are_and_used(store: &dyn TrackingStore) {
    for (user, note, names) in [
        ("ada", "a,b\n\"c\"", vec!["train", "test"]),
        ("bob", "a,b\n\"c\"", vec!["train"]),
        ("ada", "", vec![]),
    ] {
        let new =
            NewRun { user_id: user.into(), ..new_run(default_experiment(), 1_700_000_000_000) };
        let id = store.create_run(&new).unwrap().info.run_id;
        store.log_batch(&id, &tags(&[("my note", note)])).unwrap();
        let inputs: Vec<_> = names.iter().map(|name| dataset(name)).collect();
        store.log_inputs(&id, &inputs, &[]).unwrap();
    }

    let groups = |by: &[&str]| {
        let page = store.group_runs(&all(), &grouped(by)).unwrap();
        let value = |value: &Option<String>| value.clone().unwrap_or("-".to_owned());
        let row = |group: &Group| {
            let values: Vec<String> = group.values.iter().map(value).collect();
            format!("{}: {}", values.join(" | "), group.counts.total())
        };
        page.groups.iter().map(row).collect::<Vec<_>>()
    };

    assert_eq!(groups(&["user_id"]), ["ada: 2", "bob: 1"]);
    assert_eq!(groups(&["tags.`my note`"]), ["a,b\n\"c\": 2", ": 1"]);
    assert_eq!(groups(&["datasets.name"]), ["train: 2", "test: 1", "-: 1"]);
    let both = ["ada | test: 1", "ada | train: 1", "ada | -: 1", "bob | train: 1"];
    assert_eq!(groups(&["user_id", "datasets.name"]), both);
    assert_eq!(groups(&["status"]), ["RUNNING: 3"]);
    assert_eq!(groups(&["experiment_id"]), ["0: 3"]);
}

/// What cannot be answered is refused with what would be right.
pub fn odd_groupings_are_refused(store: &dyn TrackingStore) {
    let code = "INVALID_PARAMETER_VALUE";
    let ask = |ask: GroupQuery| store.group_runs(&all(), &ask);
    run_with(store, Some("1"), None);
    run_with(store, Some("2"), None);
    let first = ask(GroupQuery { max_results: 1, ..grouped(&["params.lr"]) }).unwrap();

    refused(ask(grouped(&[])), code, "from 1 to 8");
    refused(ask(grouped(&["datasets.name", "datasets.digest"])), code, "one field of datasets");
    refused(ask(GroupQuery { max_results: 0, ..grouped(&["params.lr"]) }), code, "max_results");
    let column = GroupColumn::Statistic(Statistic::Mean, key("loss"));
    let order_by = vec![GroupOrder { column, ascending: true }];
    refused(ask(GroupQuery { order_by, ..grouped(&["params.lr"]) }), code, "mean of loss");
    let page_token = first.next_page_token;
    refused(ask(GroupQuery { page_token, ..grouped(&["params.other"]) }), code, "page token");
    let bad = RunQuery { filter: "metrics.loss <".into(), ..all() };
    refused(store.group_runs(&bad, &grouped(&["params.lr"])), code, "metrics.loss");
}

fn dataset(name: &str) -> crate::entity::DatasetInput {
    crate::entity::DatasetInput {
        tags: Vec::new(),
        dataset: crate::entity::Dataset {
            name: name.to_owned(),
            digest: format!("of-{name}"),
            source_type: "local".to_owned(),
            source: "{}".to_owned(),
            schema: None,
            profile: None,
        },
    }
}
