//! Batches, params and the history of metrics.

use super::*;
use crate::RunId;
use crate::store::{HistoryPage, HistorySample};

/// All parts of a batch arrive.
pub fn a_batch_is_logged_whole(store: &dyn TrackingStore) {
    let id = start(store).info.run_id;
    let batch = Batch {
        metrics: vec![point("loss", 0.5, 1), point("loss", 0.25, 2), point("acc", 1.0, 2)],
        params: vec![param("lr", "0.1"), param("depth", "3")],
        tags: vec![tag("a", "b")],
    };
    store.log_batch(&id, &batch).unwrap();

    let data = store.run(&id).unwrap().data;

    let values: Vec<_> = data.metrics.iter().map(|m| (m.key.as_str(), m.value, m.step)).collect();
    assert_eq!(values, [("acc", 1.0, 2), ("loss", 0.25, 2)]);
    assert_eq!(data.params, [param("depth", "3"), param("lr", "0.1")]);
    assert!(data.tags.contains(&tag("a", "b")));
}

/// Nothing of a refused batch is there.
pub fn a_batch_with_one_bad_part_logs_nothing(store: &dyn TrackingStore) {
    let id = start(store).info.run_id;
    store.log_batch(&id, &params(&[("lr", "0.1")])).unwrap();
    let before = store.run(&id).unwrap();
    let batch = Batch {
        metrics: vec![point("loss", 0.5, 1)],
        params: vec![param("depth", "3"), param("lr", "0.2")],
        tags: vec![tag("a", "b")],
    };

    refused(store.log_batch(&id, &batch), "INVALID_PARAMETER_VALUE", "0.2");

    assert_eq!(store.run(&id).unwrap(), before);
}

/// The same value again is fine; another one is refused, and the message names both.
pub fn a_param_keeps_its_value(store: &dyn TrackingStore) {
    let id = start(store).info.run_id;
    store.log_batch(&id, &params(&[("lr", "0.1")])).unwrap();
    store.log_batch(&id, &params(&[("lr", "0.1")])).unwrap();

    let changed = store.log_batch(&id, &params(&[("lr", "0.2")]));

    let text = changed.as_ref().unwrap_err().to_string();
    assert!(["0.1", "0.2", "lr"].iter().all(|part| text.contains(part)), "{text}");
    refused(changed, "INVALID_PARAMETER_VALUE", "hanging param values is not allowed");
    assert_eq!(store.run(&id).unwrap().data.params, [param("lr", "0.1")]);
    let twice = store.log_batch(&id, &params(&[("x", "1"), ("x", "1")]));
    refused(twice, "INVALID_PARAMETER_VALUE", "param");
}

/// MLflow cuts long values of params and tags by default.
pub fn long_values_are_cut_as_in_mlflow(store: &dyn TrackingStore) {
    let id = start(store).info.run_id;
    let (six, eight) = ("é".repeat(6001), "é".repeat(8001));
    let batch =
        Batch { params: vec![param("p", &six)], tags: vec![tag("t", &eight)], ..Batch::default() };
    store.log_batch(&id, &batch).unwrap();

    let data = store.run(&id).unwrap().data;

    assert_eq!(data.params[0].value.chars().count(), 6000);
    assert!(data.tags.iter().any(|tag| tag.value.chars().count() == 8000));
}

/// MLflow's limits on a batch hold, and its boundary is accepted.
pub fn a_batch_over_the_limit_is_refused(store: &dyn TrackingStore) {
    let id = start(store).info.run_id;
    let metrics = |n: i64| Batch {
        metrics: (0..n).map(|step| point("loss", 0.0, step)).collect(),
        ..Batch::default()
    };
    let params = |n: usize| Batch {
        params: (0..n).map(|i| param(&format!("p{i}"), "1")).collect(),
        ..Batch::default()
    };
    refused(
        store.log_batch(&id, &metrics(1001)),
        "INVALID_PARAMETER_VALUE",
        "at most 1000 metrics",
    );
    refused(store.log_batch(&id, &params(101)), "INVALID_PARAMETER_VALUE", "at most 100 params");
    let both = Batch { tags: vec![tag("a", "b")], ..metrics(1000) };
    refused(store.log_batch(&id, &both), "INVALID_PARAMETER_VALUE", "metrics, params, and tags");
    store.log_batch(&id, &metrics(1000)).unwrap();
    store.log_batch(&id, &params(100)).unwrap();
    let early = Batch { metrics: vec![Metric::new(key("a"), 0.0, -1, 0)], ..Batch::default() };
    refused(store.log_batch(&id, &early), "INVALID_PARAMETER_VALUE", "timestamp");
}

/// A diverged loss is a fact worth keeping.
pub fn nan_and_the_infinities_are_kept(store: &dyn TrackingStore) {
    let id = start(store).info.run_id;
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 5e-324, 1e300, 0.1];
    for (step, value) in odd.into_iter().enumerate() {
        let batch = Batch { metrics: vec![point("loss", value, step as i64)], ..Batch::default() };
        store.log_batch(&id, &batch).unwrap();
    }

    let history = store.metric_history(&id, &key("loss"), &HistoryPage::default()).unwrap().items;

    for (point, want) in history.iter().zip(odd) {
        assert!(point.value == want || (point.value.is_nan() && want.is_nan()), "{point:?}");
    }
    assert_eq!(history.len(), odd.len());
    store.log_batch(&id, &metrics(&[("last", f64::NAN)])).unwrap();
    let last = store.run(&id).unwrap().data.metrics;
    assert!(last.iter().any(|m| m.key.as_str() == "last" && m.value.is_nan()), "{last:?}");
}

/// By step, then time, then value.
pub fn the_latest_metric_is_the_one_of_the_highest_step(store: &dyn TrackingStore) {
    let id = start(store).info.run_id;
    let at = |value, timestamp, step| Metric::new(key("m"), value, timestamp, step);
    let points =
        vec![at(1.0, 50, 3), at(2.0, 90, -1), at(3.0, 50, 3), at(2.5, 50, 3), at(9.0, 40, 3)];
    store.log_batch(&id, &Batch { metrics: points, ..Batch::default() }).unwrap();

    let latest = &store.run(&id).unwrap().data.metrics[0];

    assert_eq!((latest.value, latest.timestamp, latest.step), (3.0, 50, 3));
}

/// By time, then step, then value, where `NaN` stands at 0: as MLflow's databases answer.
pub fn history_is_in_the_order_of_time(store: &dyn TrackingStore) {
    let id = start(store).info.run_id;
    let at = |timestamp, step, value| Metric::new(key("m"), value, timestamp, step);
    let points = [
        at(30, 0, 1.0),
        at(10, 5, 2.0),
        at(10, -5, 3.0),
        at(20, 1, f64::NAN),
        at(20, 1, 4.0),
        at(20, 1, -4.0),
    ];
    for point in points {
        let batch = Batch { metrics: vec![point], ..Batch::default() };
        store.log_batch(&id, &batch).unwrap();
    }
    let shown = |page: &HistoryPage| {
        let page = store.metric_history(&id, &key("m"), page).unwrap();
        let points = page.items.iter().map(|p| format!("{} {} {}", p.timestamp, p.step, p.value));
        (points.collect::<Vec<_>>(), page.next_page_token)
    };

    let (all, token) = shown(&HistoryPage::default());

    assert_eq!(all, ["10 -5 3", "10 5 2", "20 1 -4", "20 1 NaN", "20 1 4", "30 0 1"]);
    assert_eq!(token, None);
    let mut parts = Vec::new();
    let mut page = HistoryPage { max_results: Some(1), page_token: None };
    loop {
        let (part, token) = shown(&page);
        parts.extend(part);
        page.page_token = token;
        if page.page_token.is_none() {
            break;
        }
    }
    assert_eq!(parts, all);
}

/// Pages join to the whole history.
pub fn history_comes_in_pages(store: &dyn TrackingStore) {
    let id = start(store).info.run_id;
    let points = (0..7).map(|step| point("m", 0.5, step)).collect();
    store.log_batch(&id, &Batch { metrics: points, ..Batch::default() }).unwrap();
    let mut steps = Vec::new();
    let mut page = HistoryPage { max_results: Some(3), page_token: None };
    loop {
        let part = store.metric_history(&id, &key("m"), &page).unwrap();
        steps.extend(part.items.iter().map(|p| p.step));
        match part.next_page_token {
            Some(token) => page.page_token = Some(token),
            None => break,
        }
    }

    assert_eq!(steps, (0..7).collect::<Vec<_>>());
    let bad = HistoryPage { max_results: Some(3), page_token: Some("nonsense".to_owned()) };
    let refusal = store.metric_history(&id, &key("m"), &bad);
    refused(refusal, "INVALID_PARAMETER_VALUE", "Invalid page token");
}

/// Asking for a metric that nobody logged is no failure.
pub fn an_unknown_metric_has_no_history(store: &dyn TrackingStore) {
    let id = start(store).info.run_id;
    store.log_batch(&id, &metrics(&[("a/b", 1.0)])).unwrap();
    for name in ["none", "a"] {
        let history = store.metric_history(&id, &key(name), &HistoryPage::default()).unwrap();
        assert!(history.items.is_empty());
    }
}

/// What a chart gets: as few points as it asks for, of each run in the order asked for.
pub fn a_sample_of_the_history_is_even_and_keeps_the_ends(store: &dyn TrackingStore) {
    let (even, odd) = (start(store).info.run_id, start(store).info.run_id);
    let log = |run, points: Vec<Metric>| {
        store.log_batch(run, &Batch { metrics: points, ..Batch::default() }).unwrap();
    };
    log(&even, (0..100).rev().map(|step| point("m", step as f64, step)).collect());
    log(&even, vec![point("other", 0.0, 50)]);
    // Steps that repeat, gaps, and values in no order.
    let first = point("m", 0.5, 7);
    let later = |time: i64| Metric { timestamp: first.timestamp + time, ..first.clone() };
    log(&odd, vec![point("m", f64::NAN, 3), later(2), later(1), point("m", -1.0, 900)]);
    let key = Key::parse("m").unwrap();
    let steps = |runs: &[&RunId], range: Option<(i64, i64)>, max_results| {
        let (start_step, end_step) = range.unzip();
        let sample = HistorySample { start_step, end_step, max_results };
        let runs: Vec<RunId> = runs.iter().map(|run| (*run).clone()).collect();
        let points = store.metric_history_sampled(&runs, &key, &sample).unwrap();
        let lateness = |got: &Metric| got.timestamp - point("m", 0.0, got.step).timestamp;
        points.iter().map(|(_, got)| (got.step, lateness(got))).collect::<Vec<_>>()
    };
    let plain = |steps: &[i64]| steps.iter().map(|step| (*step, 0)).collect::<Vec<_>>();

    assert_eq!(steps(&[&even], None, 4), plain(&[0, 25, 50, 99]));
    assert_eq!(steps(&[&even], Some((10, 19)), 4), plain(&[10, 13, 16, 19]));
    assert_eq!(steps(&[&even], Some((10, 12)), 4), plain(&[10, 11, 12]));
    assert_eq!(steps(&[&even], Some((100, 200)), 4), []);
    assert_eq!(steps(&[&odd, &even], None, 1), plain(&[900, 99]));
    assert_eq!(steps(&[&odd], None, 9), [(3, 0), (7, 1), (7, 2), (900, 0)]);
    assert_eq!(steps(&[&odd, &odd], None, 3), [(3, 0), (7, 2), (900, 0)].repeat(2));
    let unknown = [RunId::parse("f".repeat(32)).unwrap()];
    let sample = HistorySample { start_step: None, end_step: None, max_results: 1 };
    let missing = store.metric_history_sampled(&unknown, &key, &sample);
    refused(missing, "RESOURCE_DOES_NOT_EXIST", &"f".repeat(32));
}
