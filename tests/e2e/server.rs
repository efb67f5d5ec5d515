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
        assert!(text.contains(&format!("mlctl does not support {what} yet")), "{path}: {text}");
    }
}
