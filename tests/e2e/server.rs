//! `mlctl server`, as anything that speaks HTTP sees it.

use crate::harness::Place;
use crate::http::{Server, answer, http};
use rustix::process::Signal;
use serde_json::{Value, json};

fn code(text: &str) -> String {
    let answer: Value =
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    crate::harness::text(&answer["error_code"])
}

fn create_run(server: &Server) -> String {
    let run = server.post_json("/api/2.0/mlflow/runs/create", &json!({ "experiment_id": "0" }));
    crate::harness::text(&run["run"]["info"]["run_id"])
}

#[test]
fn logging_to_an_unknown_run_names_the_run() {
    let place = Place::new();
    let server = Server::start(&place);
    let id = "f".repeat(32);
    let body = json!({ "run_id": id, "key": "loss", "value": 0.5, "timestamp": 1 });

    let (status, text) = server.post("/api/2.0/mlflow/runs/log-metric", &body);

    assert_eq!(status, 404);
    assert_eq!(code(&text), "RESOURCE_DOES_NOT_EXIST");
    assert!(text.contains(&id), "{text}");
}

#[test]
fn it_says_how_it_is_and_what_it_is() {
    let place = Place::new();
    let server = Server::start(&place);

    assert_eq!(server.get("/health"), (200, "OK".to_owned()));
    assert_eq!(server.get("/version"), (200, env!("CARGO_PKG_VERSION").to_owned()));
    assert_eq!(server.get_json("/api/3.0/mlflow/server-info")["store_type"], "FileStore");
    for prefix in ["/api", "/ajax-api"] {
        let found =
            server.get_json(&format!("{prefix}/2.0/mlflow/experiments/get?experiment_id=0"));
        assert_eq!(found["experiment"]["name"], "Default");
    }
}

#[test]
fn it_names_the_kind_of_its_store_and_serves_the_pages_paths_to_pages_only() {
    let place = Place::new();
    let args = ["server", "--port", "0", "--backend-store-uri", "sqlite:///mlflow.db"];
    let server = Server::launch(&place, &mut place.command(&args));

    assert_eq!(server.get_json("/api/3.0/mlflow/server-info")["store_type"], "SqlStore");
    let path = "2.0/mlflow/experiments/search-datasets";
    let body = json!({ "experiment_ids": ["0"] });
    assert_eq!(server.post_json(&format!("/ajax-api/{path}"), &body), json!({}));
    let (status, text) = server.post(&format!("/api/{path}"), &body);
    assert_eq!((status, code(&text).as_str()), (404, "ENDPOINT_NOT_FOUND"));
}

#[test]
fn a_path_that_nothing_answers_is_404_in_json() {
    let place = Place::new();
    let server = Server::start(&place);

    let (status, text) = server.get("/api/2.0/mlflow/runs/explode");

    assert_eq!((status, code(&text).as_str()), (404, "ENDPOINT_NOT_FOUND"));
}

#[test]
fn a_body_that_is_no_json_is_400() {
    let place = Place::new();
    let server = Server::start(&place);

    let url = format!("{}/api/2.0/mlflow/runs/create", server.url);
    let (status, text) = answer(http().post(url).body("{\"experiment_id\": "));

    assert_eq!(status, 400, "{text}");
}

#[test]
fn other_hosts_and_origins_are_turned_away() {
    let place = Place::new();
    let server = Server::start(&place);
    let url = format!("{}/api/2.0/mlflow/experiments/create", server.url);
    let create = || http().post(&url).json(&json!({ "name": "evil" }));

    assert_eq!(answer(create().header("host", "evil.example")).0, 403);
    assert_eq!(answer(create().header("origin", "https://evil.example")).0, 403);
    assert_eq!(answer(create().header("origin", "http://localhost:3000")).0, 200);
}

#[test]
fn a_page_elsewhere_is_not_taken_for_one_of_this_machine() {
    let place = Place::new();
    let server = Server::start(&place);
    for origin in ["http://[::1].evil.example", "http://[::1]evil.example", "http://localhost:x"] {
        for path in ["/api/2.0/mlflow/experiments/create", "//api/2.0/mlflow/experiments/create"] {
            let request = http().post(format!("{}{path}", server.url)).header("origin", origin);
            let response = request.json(&json!({ "name": "evil" })).send().unwrap();
            assert_eq!(response.status(), 403, "{origin}");
            assert_eq!(response.headers().get("access-control-allow-origin"), None, "{origin}");
        }
    }
}

#[test]
fn a_malformed_host_is_400() {
    let place = Place::new();
    let server = Server::start(&place);
    let ask = |line: &str, host: &str| server.raw(&format!("GET {line}\r\n{host}\r\n")).0;
    let health = "/health HTTP/1.1";

    assert_eq!(ask(health, "Host: /H\r\n"), 200);
    for host in ["[::1]evil.example", "localhost:evil.example", "127.0.0.1:x@evil", ""] {
        assert_eq!(ask(health, &format!("Host: {host}\r\n")), 400, "{host}");
    }
    assert_eq!(ask(health, "Host: /H\r\nHost: /H\r\n"), 400);
    assert_eq!(ask(health, ""), 400);
    assert_eq!(ask("/health HTTP/1.0", ""), 200);
    assert_eq!(ask("http:///H/health HTTP/1.1", "Host: /H\r\n"), 200);
    assert_eq!(ask("http://evil.example/health HTTP/1.1", "Host: /H\r\n"), 400);
}

#[test]
fn slashes_that_begin_a_path_are_one() {
    let place = Place::new();
    let server = Server::start(&place);
    let experiment = "api/2.0/mlflow/experiments/get?experiment_id=0";
    for path in ["health", experiment, "ajax-api/2.0/mlflow/experiments/get?experiment_id=0"] {
        for slashes in ["//", "///"] {
            let (status, text) = server.get(&format!("{slashes}{path}"));
            assert_eq!(status, 200, "{slashes}{path}: {text}");
        }
    }
    let below = format!("mlflow-artifacts/artifacts/0/{}/artifacts/a.txt", create_run(&server));
    let artifact = format!("{}//api/2.0/{below}", server.url);
    assert_eq!(answer(http().put(&artifact).body("kept")).0, 200);
    assert_eq!(answer(http().get(&artifact)), (200, "kept".to_owned()));

    // What is let in by its path is the path that is answered.
    let foreign = |path: &str| {
        answer(http().get(format!("{}{path}", server.url)).header("host", "evil.example")).0
    };
    assert_eq!(foreign("//health"), 200);
    assert_eq!(foreign(&format!("//{experiment}")), 403);
}

#[test]
fn a_get_asks_with_a_json_body_too() {
    let place = Place::new();
    let server = Server::start(&place);
    let id = create_run(&server);
    server.post_json("/api/2.0/mlflow/registered-models/create", &json!({ "name": "churn" }));
    let get = |path: &str, body: &Value| {
        http().get(format!("{}/api/2.0/{path}", server.url)).body(body.to_string())
    };
    let asked = [
        ("mlflow/experiments/get", json!({ "experiment_id": "0" })),
        ("mlflow/experiments/get-by-name", json!({ "experiment_name": "Default" })),
        ("mlflow/experiments/search", json!({ "max_results": 5 })),
        ("mlflow/runs/get", json!({ "run_id": id })),
        ("mlflow/metrics/get-history", json!({ "run_id": id, "metric_key": "loss" })),
        ("mlflow/artifacts/list", json!({ "run_id": id })),
        ("mlflow-artifacts/artifacts", json!({ "path": format!("0/{id}/artifacts") })),
        ("mlflow/registered-models/get", json!({ "name": "churn" })),
        ("mlflow/registered-models/search", json!({ "max_results": 5 })),
        ("mlflow/model-versions/search", json!({ "filter": "name = 'churn'" })),
        ("mlctl/registry/events", json!({ "name": "churn" })),
    ];
    for (path, body) in asked {
        let typed = get(path, &body).header("content-type", "application/json");
        for request in [get(path, &body), typed] {
            let (status, text) = answer(request);
            assert_eq!(status, 200, "{path}: {text}");
        }
    }
    let path = "mlflow/experiments/get";
    assert_eq!(
        answer(get(&format!("{path}?experiment_id=0"), &json!({ "experiment_id": 9 }))).0,
        200
    );
    assert_eq!(answer(get(path, &json!({ "experiment_id": "77" }))).0, 404);
}

#[test]
fn facts_of_many_runs_are_below_the_path_of_mlctl() {
    let place = Place::new();
    let server = Server::start(&place);
    let id = create_run(&server);
    let asked = |path: &str, more: Value| {
        let mut body = json!({ "experiment_ids": ["0"] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        server.post_json(path, &body)
    };

    for root in ["/api/2.0/mlctl", "/ajax-api/2.0/mlctl"] {
        let counted = asked(&format!("{root}/runs/count"), json!({}));
        assert_eq!((&counted["total"], &counted["counts"]["running"]), (&json!(1), &json!(1)));
        let keys = asked(&format!("{root}/runs/keys"), json!({ "kind": "tag" }));
        assert_eq!(keys["keys"][0]["runs"], json!(1), "{keys}");
        let groups = asked(&format!("{root}/runs/groups"), json!({ "by": ["status"] }));
        assert_eq!(groups["groups"][0]["values"], json!(["RUNNING"]), "{groups}");
        let roots = asked(&format!("{root}/runs/search-roots"), json!({}));
        assert_eq!(roots["runs"][0]["info"]["run_id"], json!(id), "{roots}");
        let uri = roots["runs"][0]["info"]["artifact_uri"].as_str().unwrap();
        assert!(uri.starts_with("mlflow-artifacts:"), "{uri}");
        let facts = asked(&format!("{root}/experiments/facts"), json!({}));
        assert_eq!(facts["experiments"][0]["runs"], json!(1), "{facts}");
    }
    let (status, text) = server.post("/api/2.0/mlctl/runs/keys", &json!({ "kind": "x" }));
    assert_eq!(status, 400, "{text}");
    assert!(text.contains("it must be metric, param or tag"), "{text}");
}

#[test]
fn a_byte_order_mark_before_a_body_is_ignored() {
    let place = Place::new();
    let server = Server::start(&place);
    for (path, body) in [
        ("api/2.0/mlflow/experiments/create", r#"{"name": "marked"}"#),
        ("api/2.0/mlflow/registered-models/create", r#"{"name": "marked"}"#),
    ] {
        let request = http().post(format!("{}/{path}", server.url));
        let request = request.header("content-type", "application/json");
        let (status, text) = answer(request.body(format!("\u{feff}{body}")));
        assert_eq!(status, 200, "{path}: {text}");
        assert!(!text.contains('\u{feff}'), "{text}");
    }
}

#[test]
fn a_write_beyond_the_limit_of_files_is_an_error_and_the_server_goes_on() {
    let place = Place::new();
    let mut limited = place.program(std::path::Path::new("sh"));
    let start = r#"ulimit -f 2048; exec "$0" server --port 0"#;
    limited.args(["-c", start, env!("CARGO_BIN_EXE_mlctl")]);
    let server = Server::launch(&place, &mut limited);
    let below = format!("mlflow-artifacts/artifacts/0/{}/artifacts/big.bin", create_run(&server));
    let url = format!("{}/api/2.0/{below}", server.url);

    let (status, text) = answer(http().put(&url).body(vec![0; 4 << 20]));

    assert!(status >= 500, "{status} {text}");
    assert_eq!(server.get("/health").0, 200);
    assert_eq!(answer(http().get(&url)).0, 404);
}

#[test]
fn a_broken_page_token_is_400() {
    let place = Place::new();
    let server = Server::start(&place);
    let body = json!({ "experiment_ids": ["0"], "max_results": 1, "page_token": "AAAA" });

    let (status, text) = server.post("/api/2.0/mlflow/runs/search", &body);

    assert_eq!(status, 400);
    assert!(text.contains("Invalid page token"), "{text}");
}

#[test]
fn artifacts_stay_beneath_their_root() {
    let place = Place::new();
    let server = Server::start(&place);
    place.write("secret.txt", "secret");

    for path in ["..%2fsecret.txt", "0/..%2f..%2f..%2fsecret.txt", "%2fetc%2fpasswd"] {
        let (status, text) = server.get(&format!("/api/2.0/mlflow-artifacts/artifacts/{path}"));
        assert!((400..=404).contains(&status), "{path}: {status} {text}");
        assert!(!text.contains("secret\n") && !text.contains("root:"), "{text}");
    }
}

#[test]
fn sigterm_and_ctrl_c_end_it_well() {
    for signal in [Signal::TERM, Signal::INT] {
        let place = Place::new();
        let server = Server::start(&place);

        server.process.signal(signal);

        let finished = server.process.end();
        assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""), "{signal:?}");
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    let place = Place::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();

    let finished = place.run(&["server", "--port", &port]);

    assert_eq!(finished.code, Some(1));
    let want = format!("error: cannot listen on 127.0.0.1:{port}: Address already in use");
    assert!(finished.stderr.starts_with(&want), "{finished:?}");
}

#[test]
fn graphql_answers_without_pages() {
    let place = Place::new();
    let server = Server::start(&place);
    let query = "{ mlflowGetExperiment(input: {experimentId: \"0\"}) { experiment { name } } }";

    let answer = server.post_json("/graphql", &json!({ "query": query }));

    assert_eq!(answer["data"]["mlflowGetExperiment"]["experiment"]["name"], "Default");
}

#[test]
fn what_is_not_here_yet_says_so() {
    let place = Place::new();
    let server = Server::start(&place);
    let asked = [
        ("/ajax-api/2.0/mlflow/runs/create-promptlab-run", "the prompt lab"),
        ("/api/2.0/mlflow/traces", "traces"),
        ("/api/3.0/mlflow/traces/search", "traces"),
        ("/api/3.0/mlflow/datasets/create", "evaluation datasets"),
        ("/v1/traces", "traces"),
    ];
    for (path, what) in asked {
        let (status, text) = server.post(path, &json!({}));
        assert_eq!(status, 501, "{path}: {text}");
        assert!(text.contains("NOT_IMPLEMENTED"), "{path}: {text}");
        assert!(text.contains(&format!("mlctl does not support {what};")), "{path}: {text}");
    }
}
