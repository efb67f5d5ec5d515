//! The flags of `mlflow server`, given to `mlctl server`.

use crate::harness::Place;
use crate::http::{Server, answer, http};
use reqwest::Method;
use reqwest::blocking::Response;
use serde_json::json;
use std::fs::{self, File};

fn start(place: &Place, flags: &[&str]) -> Server {
    Server::launch(place, &mut place.command(&[&["server", "--port", "0"], flags].concat()))
}

fn ask(server: &Server, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = http().request(method, format!("{}{path}", server.url));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().unwrap()
}

fn header(response: &Response, name: &str) -> Option<String> {
    response.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
}

#[test]
fn flags_without_a_meaning_are_taken_and_explained() {
    let place = Place::new();
    let flags = [
        "-w=8",
        "--gunicorn-opts=--timeout 90",
        "--waitress-opts=--threads=4",
        "--uvicorn-opts=--reload",
        "--dev",
        "--secrets-cache-ttl=60",
        "--secrets-cache-max-size=10",
        "--workspace-store-uri=sqlite:///w.db",
        "--read-replica-backend-store-uri=sqlite:///r.db",
        "--disable-workspaces",
        "--registry-store-uri=sqlite:///registry.db",
        "--serve-artifacts",
    ];
    let server = start(&place, &flags);

    assert_eq!(server.get("/health").0, 200);

    server.process.signal(rustix::process::Signal::TERM);
    let finished = server.process.end();
    let named = [
        "--workers has no effect: one process serves everything",
        "--gunicorn-opts has no effect",
        "--waitress-opts has no effect",
        "--uvicorn-opts has no effect",
        "--dev has no effect",
        "--secrets-cache-ttl has no effect",
        "--secrets-cache-max-size has no effect",
        "--workspace-store-uri has no effect",
        "--read-replica-backend-store-uri has no effect",
    ];
    for text in named {
        assert!(finished.stderr.contains(&format!("warning: {text}")), "{text}: {finished:?}");
    }
    assert_eq!(finished.stderr.lines().count(), named.len(), "{finished:?}");
}

#[test]
fn a_server_for_other_machines_says_that_it_knows_no_users() {
    let warning = "there is no authentication";
    for (host, is_warned) in [("0.0.0.0", true), ("127.0.0.1", false), ("localhost", false)] {
        let place = Place::new();
        let server = start(&place, &["--host", host]);
        server.process.signal(rustix::process::Signal::TERM);
        let finished = server.process.end();
        assert_eq!(finished.stderr.contains(warning), is_warned, "{host}: {finished:?}");
    }
}

#[test]
fn what_would_only_look_protected_is_refused() {
    let place = Place::new();
    place.check_failure(
        &["server", "--app-name", "basic-auth"],
        2,
        "error: --app-name basic-auth is refused: mlctl does not support users and permissions, \
         so it would protect nothing\n\
         hint: listen on 127.0.0.1, behind a proxy that asks for passwords",
    );
    place.check_failure(
        &["server", "--enable-workspaces"],
        2,
        "error: --enable-workspaces is refused: mlctl does not support workspaces, so it would \
         separate nobody\n\
         hint: start a server with a separate store for each team",
    );
}

#[test]
fn an_unknown_flag_is_answered_with_the_nearest_one() {
    let finished = Place::new().run(&["server", "--artifact-destination", "x"]);

    assert_eq!(finished.code, Some(2));
    let said = &finished.stderr;
    assert!(said.contains("unexpected argument '--artifact-destination'"), "{said}");
    assert!(said.contains("'--artifacts-destination'"), "{said}");
}

#[test]
fn a_server_is_no_store_for_a_server() {
    let place = Place::new();
    let mut command = place.command(&["server", "--port", "0"]);
    let finished = crate::harness::finish(command.env("MLFLOW_TRACKING_URI", "http://localhost:1"));

    assert_eq!(finished.code, Some(2));
    let want = "error: MLFLOW_TRACKING_URI is the server `http://localhost:1`, but a server \
                needs a folder or a database as its store\n";
    assert!(finished.stderr.starts_with(want), "{finished:?}");
}

#[test]
fn every_path_begins_with_the_prefix() {
    let place = Place::new();
    let server = start(&place, &["--static-prefix", "/ml/flow"]);

    assert!(server.url.ends_with("/ml/flow"), "{}", server.url);
    assert_eq!(server.get("/health"), (200, "OK".to_owned()));
    for prefix in ["/api", "/ajax-api"] {
        let path = format!("{prefix}/2.0/mlflow/experiments/get?experiment_id=0");
        assert_eq!(server.get_json(&path)["experiment"]["name"], "Default");
    }
    let bare = server.url.trim_end_matches("/ml/flow");
    let path = "/api/2.0/mlflow/experiments/get?experiment_id=0";
    assert_eq!(answer(http().get(format!("{bare}{path}"))).0, 404);

    for wrong in ["ml", "/ml/"] {
        assert_eq!(place.run(&["server", "--static-prefix", wrong]).code, Some(2), "{wrong}");
    }
}

#[test]
fn the_variables_of_mlflow_are_those_of_mlctl() {
    let place = Place::new();
    let mut command = place.command(&["server"]);
    command
        .env("MLFLOW_PORT", "0")
        .env("MLFLOW_BACKEND_STORE_URI", "sqlite:///team.db")
        .env("MLFLOW_DEFAULT_ARTIFACT_ROOT", "/data/artifacts")
        .env("MLFLOW_SERVER_ALLOWED_HOSTS", "ml.example.com, *.lan")
        .env("MLFLOW_SERVER_X_FRAME_OPTIONS", "deny")
        .env("MLFLOW_STATIC_PREFIX", "/ml");
    let server = Server::launch(&place, &mut command);
    assert!(place.path("team.db").is_file());

    let path = "/api/2.0/mlflow/experiments/get?experiment_id=0";
    assert_eq!(ask(&server, Method::GET, path, &[]).status(), 403);
    let found = ask(&server, Method::GET, path, &[("host", "gpu.lan")]);

    assert_eq!(header(&found, "x-frame-options").as_deref(), Some("DENY"));
    let experiment: serde_json::Value = found.json().unwrap();
    assert_eq!(experiment["experiment"]["artifact_location"], "/data/artifacts/0");
}

#[test]
fn a_file_store_takes_an_artifact_root_too() {
    let place = Place::new();
    let root = place.text("data");
    let server = start(&place, &["--default-artifact-root", &root]);

    let made = server.post_json("/api/2.0/mlflow/experiments/create", &json!({ "name": "e" }));

    let id = crate::harness::text(&made["experiment_id"]);
    let path = format!("/api/2.0/mlflow/experiments/get?experiment_id={id}");
    let experiment = server.get_json(&path);
    let want = format!("{root}/{id}");
    assert_eq!(experiment["experiment"]["artifact_location"], want);
}

#[test]
fn browsers_are_told_which_pages_may_use_the_server() {
    let place = Place::new();
    let server = start(&place, &["--cors-allowed-origins", "https://app.example.com"]);
    let path = "/api/2.0/mlflow/experiments/create";
    let preflight = |origin| {
        let headers = [("origin", origin), ("access-control-request-method", "POST")];
        let response = ask(&server, Method::OPTIONS, path, &headers);
        (response.status().is_success(), header(&response, "access-control-allow-origin"))
    };

    for origin in ["https://app.example.com", "http://localhost:3000"] {
        assert_eq!(preflight(origin), (true, Some(origin.to_owned())), "{origin}");
    }
    assert_eq!(preflight("https://evil.example").1, None);
    let evil = ask(&server, Method::POST, path, &[("origin", "https://evil.example")]);
    assert_eq!(evil.status(), 403);
}

#[test]
fn the_guard_can_be_taken_away() {
    let place = Place::new();
    let server = start(&place, &["--disable-security-middleware", "--x-frame-options", "none"]);
    let foreign = [("host", "evil.example"), ("origin", "https://evil.example")];

    let response = ask(&server, Method::GET, "/version", &foreign);

    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "x-frame-options"), None);
    let path = "/api/2.0/mlflow/experiments/get?experiment_id=0";
    assert_eq!(ask(&server, Method::GET, path, &foreign).status(), 200);
}

#[test]
fn requests_are_counted_for_prometheus() {
    let place = Place::new();
    let server = start(&place, &["--expose-prometheus", "metrics"]);
    server.get("/api/2.0/mlflow/experiments/get?experiment_id=0");
    server.get("/api/2.0/mlflow/experiments/get?experiment_id=9");

    let (status, text) = server.get("/metrics");

    assert_eq!(status, 200);
    for line in [
        r#"mlflow_http_request_total{method="GET",status="200"} 1"#,
        r#"mlflow_http_request_total{method="GET",status="404"} 1"#,
        r#"mlflow_http_request_duration_seconds_bucket{le="+Inf",method="GET","#,
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    assert!(!place.path("metrics").exists());
    let other = Place::new();
    assert_eq!(Server::start(&other).get("/metrics").0, 404);
}

#[test]
fn a_server_of_artifacts_has_no_runs() {
    let place = Place::new();
    let server = start(&place, &["--artifacts-only"]);

    let (status, text) = server.get("/api/2.0/mlflow/experiments/get?experiment_id=0");

    assert_eq!(status, 503, "{text}");
    assert!(text.contains("--artifacts-only"), "{text}");
    assert_eq!(server.get("/health").0, 200);
}

#[test]
fn a_database_can_be_opened_with_less_durability() {
    let place = Place::new();
    let flags = ["--backend-store-uri", "sqlite:///m.db", "--durability", "normal"];
    let server = start(&place, &flags);

    server.post_json("/api/2.0/mlflow/experiments/create", &json!({ "name": "e" }));

    assert!(fs::metadata(place.path("m.db")).unwrap().len() > 0);
    assert_eq!(place.run(&["server", "--durability", "none"]).code, Some(2));
}

#[test]
fn a_database_keeps_artifacts_where_mlflows_server_does() {
    let place = Place::new();
    let server = start(&place, &["--backend-store-uri", "sqlite:///m.db"]);
    let made = server.post_json("/api/2.0/mlflow/runs/create", &json!({ "experiment_id": "0" }));
    let id = crate::harness::text(&made["run"]["info"]["run_id"]);
    let folder = format!("0/{id}/artifacts");

    let path = format!("/api/2.0/mlflow-artifacts/artifacts/{folder}/a.txt");
    let (status, _) = answer(http().put(format!("{}{path}", server.url)).body("hello"));

    assert_eq!(status, 200);
    assert_eq!(made["run"]["info"]["artifact_uri"], format!("mlflow-artifacts:/{folder}"));
    let kept = place.path(&format!("mlartifacts/{folder}/a.txt"));
    assert_eq!(fs::read_to_string(kept).unwrap(), "hello");
    let listed = place.json(&["artifacts", "list", &id, "--store", "sqlite:///m.db"]);
    assert_eq!(listed[0]["path"], "a.txt");
}

#[test]
fn what_mlflows_server_left_beside_a_folder_is_served() {
    let place = Place::new();
    let create = json!({ "experiment_id": "0" });
    let made = Server::start(&place).post_json("/api/2.0/mlflow/runs/create", &create);
    let id = crate::harness::text(&made["run"]["info"]["run_id"]);
    let folder = format!("0/{id}/artifacts");
    let meta = place.path(&format!("mlruns/0/{id}/meta.yaml"));
    let text = fs::read_to_string(&meta).unwrap();
    let (before, after) = text.split_once("artifact_uri:").unwrap();
    let (_, after) = after.split_once("deleted_time:").unwrap();
    let proxied = format!("artifact_uri: mlflow-artifacts:/{folder}\ndeleted_time:");
    fs::write(&meta, [before, &proxied, after].concat()).unwrap();
    place.write(&format!("mlartifacts/{folder}/a.txt"), "hello");

    let server = Server::start(&place);

    let path = format!("/api/2.0/mlflow-artifacts/artifacts/{folder}/a.txt");
    assert_eq!(server.get(&path), (200, "hello".to_owned()));
    let listed = place.json(&["artifacts", "list", &id]);
    assert_eq!(listed[0]["path"], "a.txt");
}

#[test]
fn where_model_versions_come_from_can_be_narrowed() {
    let place = Place::new();
    let variable = "MLFLOW_CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX";
    let mut command = place.command(&["server", "--port", "0"]);
    let server = Server::launch(&place, command.env(variable, "^s3://models/"));
    let api = |path: &str| format!("/api/2.0/mlflow/{path}");
    server.post_json(&api("registered-models/create"), &json!({ "name": "churn" }));
    let create = |source: &str| {
        server.post(&api("model-versions/create"), &json!({ "name": "churn", "source": source }))
    };
    assert_eq!(create("s3://models/churn").0, 200);
    let (status, answer) = create("s3://elsewhere/churn");
    assert_eq!(status, 400, "{answer}");
    assert!(answer.contains("INVALID_PARAMETER_VALUE"), "{answer}");

    let mut command = place.command(&["server", "--port", "0"]);
    let finished = crate::harness::finish(command.env(variable, "("));
    assert_eq!(finished.code, Some(2));
    let want = format!("error: {variable} is not a regular expression: ");
    assert!(finished.stderr.starts_with(&want), "{finished:?}");
}

#[test]
fn a_relative_artifact_root_is_below_where_the_server_was_started() {
    let place = Place::new();
    let flags = ["--backend-store-uri", "sqlite:///m.db", "--default-artifact-root", "./files"];
    let server = start(&place, &flags);
    let api = |path: &str| format!("/api/2.0/mlflow/{path}");
    let made = server.post_json(&api("experiments/create"), &json!({ "name": "a" }));
    let id = made["experiment_id"].as_str().unwrap().to_owned();
    let found = server.get_json(&api(&format!("experiments/get?experiment_id={id}")));
    let want = format!("{}/{id}", place.text("files"));
    assert_eq!(found["experiment"]["artifact_location"], want.as_str());
}

#[test]
fn a_server_ends_when_nobody_holds_the_lock_any_more() {
    let place = Place::new();
    place.write("users", "");
    let user = || {
        let file = File::open(place.path("users")).unwrap();
        file.lock_shared().unwrap();
        file
    };
    let (first, second) = (user(), user());
    let server = start(&place, &["--while-locked", "users"]);

    drop(first);
    assert_eq!(server.get("/health").0, 200);
    drop(second);

    assert_eq!(server.process.end().code, Some(0));
}

#[test]
fn a_file_to_watch_must_be_there() {
    let place = Place::new();
    let want =
        "error: cannot open `users` of --while-locked: No such file or directory (os error 2)";
    place.check_failure(&["server", "--port", "0", "--while-locked", "users"], 1, want);
}

#[test]
fn a_server_with_a_token_lets_in_only_who_sends_it() {
    let place = Place::new();
    let mut command = place.command(&["server", "--port", "0"]);
    let server = Server::launch(&place, command.env("MLCTL_SERVER_TOKEN", "s3cret"));

    let refused = ask(&server, Method::GET, "/health", &[]);
    assert_eq!(refused.status(), 401);
    assert_eq!(header(&refused, "www-authenticate").as_deref(), Some("Basic realm=\"mlctl\""));
    assert!(refused.text().unwrap().contains("MLFLOW_TRACKING_TOKEN"));
    // The second one is `ann:s3cret`.
    for token in ["Bearer s3cret", "Basic YW5uOnMzY3JldA=="] {
        let answer = ask(&server, Method::GET, "/health", &[("authorization", token)]);
        assert_eq!(answer.status(), 200, "for {token}");
    }
}
