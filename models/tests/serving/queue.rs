//! Requests that wait: put together, turned away, given up, and spoilt by a neighbour.

use crate::support::{Echo, Gate, Reply, Server, bare, json_request};
use mlctl_models::serving::Settings;
use mlctl_models::{Answer, Input, Predictor, Result, Tensor, Values};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::task::JoinHandle;

const PATH: &str = "/invocations";

fn one_worker() -> Settings {
    Settings { workers: 1, ..Settings::default() }
}

/// Lets a first request in, which the gate holds, and others wait behind it.
fn queued(server: &Server, gate: &Gate, bodies: &[Value]) -> Vec<JoinHandle<Reply>> {
    let before = gate.calls().len();
    let mut replies = Vec::new();
    for (at, body) in bodies.iter().enumerate() {
        replies.push(server.begin(json_request(PATH, body)));
        match at {
            0 => gate.until_calls(before + 1),
            waiting => server.until_waiting(waiting),
        }
    }
    replies
}

fn answers(server: &Server, replies: Vec<JoinHandle<Reply>>) -> Vec<Value> {
    let answer = |reply| server.wait(reply).json()["predictions"].take();
    replies.into_iter().map(answer).collect()
}

#[test]
fn requests_that_wait_are_scored_in_one_call_and_get_their_own_rows() {
    let gate = Gate::with_independent_rows();
    let server = Server::of(one_worker(), bare(gate.clone()));
    let bodies: Vec<Value> =
        [&[0][..], &[1, 2, 3], &[4], &[5, 6]].map(|rows| json!({ "inputs": rows })).to_vec();

    let replies = queued(&server, &gate, &bodies);
    gate.open();

    let want = [json!([0]), json!([1, 2, 3]), json!([4]), json!([5, 6])];
    assert_eq!(answers(&server, replies), want);
    assert_eq!(gate.calls(), [1, 6]);
    assert_eq!(server.metric("mlctl_model_rows_total", ""), 7.0);
    assert_eq!(server.metric("mlctl_model_batch_rows_count", ""), 2.0);
    assert_eq!(server.metric("mlctl_model_queue_length", ""), 0.0);
}

#[test]
fn tables_of_requests_that_wait_go_together() {
    let gate = Gate::with_independent_rows();
    let server = Server::of(one_worker(), bare(gate.clone()));
    let body = |a: i64, b: &str| json!({ "dataframe_records": [{ "a": a, "b": b }] });
    let bodies = [body(1, "x"), body(2, "y"), body(3, "z")];

    let replies = queued(&server, &gate, &bodies);
    gate.open();

    let want: Vec<Value> = bodies.iter().map(|body| body["dataframe_records"].clone()).collect();
    assert_eq!(answers(&server, replies), want);
    assert_eq!(gate.calls(), [1, 2]);
}

#[test]
fn requests_go_together_up_to_the_limit() {
    let gate = Gate::with_independent_rows();
    let settings = Settings { batch_max: Some(3), ..one_worker() };
    let server = Server::of(settings, bare(gate.clone()));
    let bodies = [1, 2, 1, 2, 4, 1].map(|rows| json!({ "inputs": vec![7; rows] }));

    let replies = queued(&server, &gate, &bodies);
    gate.open();

    let want = [1, 2, 1, 2, 4, 1].map(|rows| json!(vec![7; rows]));
    assert_eq!(answers(&server, replies), want);
    assert_eq!(gate.calls(), [1, 3, 2, 4, 1]);
}

#[test]
fn requests_that_differ_are_not_put_together() {
    let gate = Gate::with_independent_rows();
    let server = Server::of(one_worker(), bare(gate.clone()));
    let bodies = [
        json!({ "inputs": [1] }),
        json!({ "inputs": [1.5] }),
        json!({ "inputs": [[1, 2]] }),
        json!({ "dataframe_records": [{ "a": 1 }] }),
        json!({ "dataframe_records": [{ "b": 1 }] }),
    ];

    let replies = queued(&server, &gate, &bodies);
    gate.open();

    let want = [json!([1]), json!([1.5]), json!([[1, 2]]), json!([{"a": 1}]), json!([{"b": 1}])];
    assert_eq!(answers(&server, replies), want);
    assert_eq!(gate.calls(), [1; 5]);
}

#[test]
fn a_model_whose_rows_may_depend_on_each_other_scores_each_request_alone() {
    let gate = Gate::default();
    let server = Server::of(one_worker(), bare(gate.clone()));
    let bodies = [1, 2, 3].map(|rows| json!({ "inputs": vec![7; rows] }));

    let replies = queued(&server, &gate, &bodies);
    gate.open();

    answers(&server, replies);
    assert_eq!(gate.calls(), [1, 2, 3]);
}

#[test]
fn an_answer_that_is_not_by_row_makes_each_request_score_alone() {
    /// Sums up all rows, though its settings say that rows may go together.
    #[derive(Debug)]
    struct Sum(Gate);
    impl Predictor for Sum {
        fn predict(&self, input: &Input) -> Result<Answer> {
            let Answer::Array(array) = self.0.predict(input)? else { panic!("no array") };
            let Values::Long(list) = array.values() else { panic!("no integers") };
            Ok(Answer::Array(Tensor::vector(Values::Long(vec![list.iter().sum(), 0, 0, 0]))))
        }
        fn waits(&self) -> bool {
            true
        }
    }
    let gate = Gate::default();
    let settings = Settings { batch_max: Some(100), ..one_worker() };
    let server = Server::of(settings, bare(Sum(gate.clone())));
    let bodies = [json!({"inputs": [1, 2]}), json!({"inputs": [3]}), json!({"inputs": [4, 5]})];

    let replies = queued(&server, &gate, &bodies);
    gate.open();

    let want = [3, 3, 9].map(|sum| json!([sum, 0, 0, 0]));
    assert_eq!(answers(&server, replies), want);
    assert_eq!(gate.calls(), [2, 3, 1, 2]);
}

#[test]
fn one_that_fails_or_panics_does_not_spoil_those_it_was_scored_with() {
    let gate = Gate::with_independent_rows();
    let server = Server::of(one_worker(), bare(gate.clone()));
    for (bad, status) in [(13, 400), (666, 500)] {
        let bodies = [0, 1, bad, 2].map(|row| json!({ "inputs": [row] }));
        let replies = queued(&server, &gate, &bodies);
        gate.pass(5);

        let replies: Vec<Reply> = replies.into_iter().map(|reply| server.wait(reply)).collect();

        assert_eq!(
            replies.iter().map(|reply| reply.status).collect::<Vec<_>>(),
            [200, 200, status, 200]
        );
        assert_eq!(replies[3].json(), json!({ "predictions": [2] }));
    }
    assert_eq!(gate.calls(), [1, 3, 1, 1, 1].repeat(2));
}

#[test]
fn a_panic_does_not_hold_up_those_behind_it() {
    let gate = Gate::default();
    let server = Server::of(one_worker(), bare(gate.clone()));

    let replies = queued(&server, &gate, &[0, 666, 1, 2].map(|row| json!({ "inputs": [row] })));
    gate.open();

    let statuses: Vec<u16> = replies.into_iter().map(|reply| server.wait(reply).status).collect();
    assert_eq!(statuses, [200, 500, 200, 200]);
}

#[test]
fn a_panic_is_500_at_once_and_from_the_queue() {
    let server = Server::of(Settings::default(), bare(Echo::default()));
    // The first one waits its turn, as nothing is known of the model; later ones do not.
    for _ in 0..20 {
        let reply = server.post(PATH, &json!({ "inputs": [666] }));
        assert_eq!(reply.status, 500);
        let want = json!({ "error_code": "INTERNAL_ERROR", "message": "internal error" });
        assert_eq!(reply.json(), want);
        let v2 =
            json!({"inputs": [{"name": "x", "shape": [1], "datatype": "INT64", "data": [666]}]});
        let reply = server.post("/v2/models/m/infer", &v2);
        assert_eq!((reply.status, reply.json()), (500, json!({ "error": "internal error" })));
        assert_eq!(server.post(PATH, &json!({ "inputs": [1] })).status, 200);
    }
}

#[test]
fn beyond_the_queue_requests_are_turned_away_for_a_while() {
    let gate = Gate::default();
    let server = Server::of(Settings { queue_max: 2, ..one_worker() }, bare(gate.clone()));
    let body = json!({ "inputs": [1] });
    let mut replies = queued(&server, &gate, &[body.clone(), body.clone(), body.clone()]);

    let refused = server.post(PATH, &body);
    let v2 = json!({"inputs": [{"name": "x", "shape": [1], "datatype": "INT64", "data": [1]}]});
    let refused_v2 = server.post("/v2/models/m/infer", &v2);

    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")));
    let want = json!({
        "error_code": "RESOURCE_EXHAUSTED",
        "message": "too many requests wait for the model; try again later",
    });
    assert_eq!(refused.json(), want);
    assert_eq!((refused_v2.status, refused_v2.header("retry-after")), (429, Some("1")));
    assert_eq!(refused_v2.json(), json!({ "error": want["message"] }));
    assert_eq!(server.metric("mlctl_model_requests_total", "refused"), 2.0);

    // Clients that go away make room.
    for gone in replies.drain(1..) {
        server.cancel(gone);
    }
    replies.push(server.begin(json_request(PATH, &body)));
    server.until_waiting(1);
    gate.open();
    assert!(replies.into_iter().all(|reply| server.wait(reply).status == 200));
    assert_eq!(gate.calls().len(), 2);
}

#[test]
fn a_request_that_takes_too_long_is_given_up_in_mlflows_words() {
    let gate = Gate::default();
    let timeout = Duration::from_millis(20);
    let server = Server::of(Settings { timeout, ..one_worker() }, bare(gate.clone()));
    let body = json!({ "inputs": [1] });

    let running = server.post(PATH, &body);
    let waiting = server.post(PATH, &body);
    let v2 = json!({"inputs": [{"name": "x", "shape": [1], "datatype": "INT64", "data": [1]}]});
    let waiting_v2 = server.post("/v2/models/m/infer", &v2);

    for late in [running, waiting] {
        assert_eq!(
            (late.status, late.text().as_str()),
            (504, "Request processing time exceeded limit")
        );
    }
    assert_eq!(waiting_v2.status, 504);
    assert_eq!(waiting_v2.json(), json!({ "error": "the model did not answer in time" }));
    assert_eq!(server.metric("mlctl_model_requests_total", "timed_out"), 3.0);
    // Those whose client has heard that they are late are not scored any more.
    gate.open();
    let mut more = 1;
    while server.post(PATH, &body).status != 200 {
        more += 1;
    }
    assert!(gate.calls().len() <= 1 + more, "{} calls", gate.calls().len());
}

#[test]
fn how_each_request_ended_is_counted() {
    let server = Server::of(Settings::default(), bare(Echo::default()));
    let count = |outcome: &str| {
        let label = format!("{{model=\"m\",version=\"1\",outcome=\"{outcome}\"}}");
        server.metric("mlctl_model_requests_total", &label)
    };

    for body in
        [json!({"inputs": [1]}), json!({"inputs": [13]}), json!({"inputs": [666]}), json!({})]
    {
        server.post(PATH, &body);
    }
    let media = server.send(crate::support::request(PATH, "text/plain", "x"));
    assert_eq!(media.status, 415);
    assert_eq!(["answered", "failed", "invalid"].map(count), [1.0, 2.0, 2.0]);

    let v2 = "/v2/models/m/infer";
    server.post(v2, &json!({"inputs": []}));
    let header = json_request(v2, &json!({}));
    let (mut parts, body) = header.into_parts();
    parts.headers.insert("inference-header-content-length", "x".parse().unwrap());
    server.send(axum::http::Request::from_parts(parts, body));
    assert_eq!(count("invalid"), 4.0);
    assert_eq!(server.metric("mlctl_model_request_duration_seconds_count", ""), 7.0);
    let metrics = server.get("/metrics");
    assert!(metrics.text().ends_with("# EOF\n"));
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(metrics.header("content-type"), Some(kind));
}
