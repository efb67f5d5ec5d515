//! The requests that servers are measured by, with what is to be reached.

use super::ceiling::Bare;
use super::seed::{EXPERIMENT, MODEL_WRITTEN, Seeded, WRITTEN};
use super::wrk::{Load, Request};
use crate::quantity::Quantity;

/// One kind of request.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) what: &'static str,
    pub(crate) load: Load,
    /// A rate, or the time of the median answer.
    pub(crate) goal: Quantity,
    /// What the answer to one such request must hold.
    pub(crate) expects: &'static str,
    pub(crate) writes: Writes,
    /// What SQLite alone does, where that is the ceiling; else it is the server that does nothing.
    pub(crate) bare: Option<Bare>,
}

/// What each request adds to the database.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Writes {
    Nothing,
    /// So many points of the metric with this key.
    Points(&'static str, f64),
    /// A run.
    Run,
    /// A version of a model.
    Version,
}

const API: &str = "/api/2.0/mlflow";
const LOG_METRIC: &str =
    r#"{"run_id": "@RUN", "key": "@KEY", "value": 0.5, "timestamp": @STEP, "step": @STEP}"#;

/// The filter and the order of the searches that MLflow's users make most.
pub(crate) const FILTERED: &str = "metrics.m0 < 0.5 and params.p2 = '7'";
pub(crate) const TAGGED: &str = "tags.t1 LIKE '%ue-7%'";

fn post(path: &str, body: String, runs: &[String]) -> Request {
    Request { method: "POST", path: format!("{API}/{path}"), body, runs: runs.to_vec() }
}

fn get(path: String) -> Request {
    Request { method: "GET", path, body: String::new(), runs: vec![String::new()] }
}

fn read(what: &'static str, connections: usize, request: Request, goal: Quantity) -> Case {
    let load = Load { connections, request };
    Case { what, load, goal, expects: "", writes: Writes::Nothing, bare: None }
}

/// The body of a search of the first, or another, page of 100.
pub(crate) fn search_body(filter: &str, ordered: bool, page_token: Option<&str>) -> String {
    let order_by: &[&str] = if ordered { &["metrics.m0 ASC"] } else { &[] };
    let mut body = serde_json::json!({
        "experiment_ids": [EXPERIMENT.to_string()],
        "filter": filter,
        "order_by": order_by,
        "max_results": 100,
    });
    if let Some(token) = page_token {
        body["page_token"] = token.into();
    }
    body.to_string()
}

/// A search on one connection.
pub(crate) fn search(what: &'static str, body: String, goal: Quantity) -> Case {
    let request = post("runs/search", body, &[String::new()]);
    Case { expects: "\"runs\"", ..read(what, 1, request, goal) }
}

/// The points of one metric at a time, from several clients.
pub(crate) fn log_metric(
    what: &'static str,
    connections: usize,
    goal: f64,
    bare: &'static str,
    key: &'static str,
    seeded: &Seeded,
) -> Case {
    let request = post("runs/log-metric", LOG_METRIC.replace("@KEY", key), &seeded.written);
    Case {
        what,
        load: Load { connections, request },
        goal: Quantity::PerSecond(goal),
        expects: "{",
        writes: Writes::Points(key, 1.0),
        // With more clients one transaction serves many, so that SQLite alone is no ceiling.
        bare: (connections == 1).then_some(Bare { synchronous: bare, points: 1 }),
    }
}

/// What changes the database.
pub(crate) fn writing(seeded: &Seeded) -> Vec<Case> {
    // Times and steps rise, as they do where something is trained.
    let point = |at| {
        let step = format!("@STEP{at:03}");
        format!(r#"{{"key": "batch", "value": 0.{at}, "timestamp": {step}, "step": {step}}}"#)
    };
    let points: Vec<String> = (0..1000).map(point).collect();
    let batch = format!(r#"{{"run_id": "@RUN", "metrics": [{}]}}"#, points.join(","));
    let made = format!(
        r#"{{"experiment_id": "{WRITTEN}", "start_time": 1, "run_name": "made", "tags": []}}"#
    );
    let runs = &seeded.written;
    vec![
        log_metric("log-metric, 1 connection", 1, 3_500.0, "FULL", "w1", seeded),
        log_metric("log-metric, 16 connections", 16, 20_000.0, "FULL", "w16", seeded),
        log_metric("log-metric, 64 connections", 64, 30_000.0, "FULL", "w64", seeded),
        Case {
            what: "log-batch of 1,000 metrics, 1 connection",
            load: Load { connections: 1, request: post("runs/log-batch", batch, runs) },
            goal: Quantity::PerSecond(300.0),
            expects: "{",
            writes: Writes::Points("batch", 1000.0),
            bare: Some(Bare { synchronous: "FULL", points: 1000 }),
        },
        Case {
            what: "create-run, 16 connections",
            load: Load { connections: 16, request: post("runs/create", made, runs) },
            goal: Quantity::PerSecond(10_000.0),
            expects: "run_id",
            writes: Writes::Run,
            bare: None,
        },
    ]
}

/// What reads few things.
pub(crate) fn reading(seeded: &Seeded) -> Vec<Case> {
    let run = get(format!("{API}/runs/get?run_id={}", seeded.some));
    let history =
        get(format!("{API}/metrics/get-history?run_id={}&metric_key=h50000", seeded.long));
    let named = |case| Case { expects: "\"run_id\"", ..case };
    vec![
        named(read("get-run, 1 connection", 1, run.clone(), Quantity::PerSecond(8_000.0))),
        named(read("get-run, 16 connections", 16, run, Quantity::PerSecond(30_000.0))),
        Case {
            expects: "49999",
            ..read("history of 50,000 points, one answer", 1, history, Quantity::millis(50.0))
        },
    ]
}

/// The points of a chart.
pub(crate) fn chart(seeded: &Seeded) -> Case {
    let request = get(format!(
        "/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?run_ids={}&metric_key=h100000\
         &max_results=320",
        seeded.long
    ));
    Case {
        expects: "99999",
        ..read("bulk-interval, 320 of 100,000 points", 1, request, Quantity::millis(10.0))
    }
}

/// What a registry is asked.
pub(crate) fn registry() -> Vec<Case> {
    let create = format!(r#"{{"name": "{MODEL_WRITTEN}", "source": "s3://bucket/model"}}"#);
    let by_alias = get(format!("{API}/registered-models/alias?name=churn&alias=champion"));
    let search =
        get(format!("{API}/model-versions/search?filter=name%3D%27churn%27&max_results=100"));
    let named = |case| Case { expects: "\"churn\"", ..case };
    vec![
        Case {
            what: "create-version, 16 connections",
            load: Load {
                connections: 16,
                request: post("model-versions/create", create, &[String::new()]),
            },
            goal: Quantity::PerSecond(5_000.0),
            expects: "version",
            writes: Writes::Version,
            bare: None,
        },
        named(read(
            "version by alias, 1 connection",
            1,
            by_alias.clone(),
            Quantity::PerSecond(8_000.0),
        )),
        named(read(
            "version by alias, 16 connections",
            16,
            by_alias,
            Quantity::PerSecond(40_000.0),
        )),
        named(read("search, 100 of 10,000 versions", 1, search, Quantity::millis(3.0))),
    ]
}
