//! Versions that come, go, fail, and are loaded by hand.

use crate::support::{Echo, Gate, Server, Shelf, bare, example, found, json_request};
use mlctl_models::serving::{Found, Repository, Settings, Source, SourceError, Standing};
use serde_json::{Value, json};
use std::sync::Arc;

const PATH: &str = "/models/m/invocations";

/// Version N adds N; `broken` does not load, `silent` has an example that it refuses, `mad` one at
/// which it panics.
fn load(version: &str) -> Result<Found, SourceError> {
    let plus = match version {
        "broken" => return Err("the file is half there".into()),
        "terrible" => panic!("no error at all"),
        number => number.parse().unwrap_or(0),
    };
    let body = match version {
        "silent" => r#"{"inputs": [13]}"#,
        "mad" => r#"{"inputs": [666]}"#,
        "torn" => r#"{"inputs": "#,
        _ => r#"{"inputs": [1]}"#,
    };
    Ok(Found { example: example(body), ..found(bare(Echo { plus })) })
}

fn server() -> (Server, Arc<Shelf>) {
    let shelf = Shelf::new(load);
    let settings = Settings { repository_control: true, ..Settings::default() };
    (Server::open(settings, vec![("m", Arc::clone(&shelf) as Arc<dyn Source>)]), shelf)
}

/// Asks for the sum of 10 and the version.
#[track_caller]
fn check_answer(server: &Server, want: i64) {
    let reply = server.post(PATH, &json!({ "inputs": [10] }));
    assert_eq!((reply.status, reply.json()), (200, json!({ "predictions": [want] })));
}

#[track_caller]
fn check_standing(server: &Server, version: Option<&str>, problem: Option<&str>) {
    let standing = Standing {
        name: "m".to_owned(),
        version: version.map(str::to_owned),
        problem: problem.map(str::to_owned),
    };
    assert_eq!(server.repository.standings(), [standing]);
    let state = if version.is_some() { "READY" } else { "UNAVAILABLE" };
    let reason = problem.unwrap_or_default();
    let want = json!([{ "name": "m", "version": version, "state": state, "reason": reason }]);
    assert_eq!(server.post("/v2/repository/index", &json!({})).json(), want);
}

#[test]
fn a_new_version_replaces_the_old_one() {
    let (server, shelf) = server();
    check_answer(&server, 11);

    shelf.set("2");
    check_answer(&server, 11);
    server.repository.refresh();

    check_answer(&server, 12);
    check_standing(&server, Some("2"), None);
    assert_eq!(server.get("/v2/models/m").json()["versions"], json!(["2"]));
    let old = server.post("/v2/models/m/versions/1/infer", &json!({}));
    assert_eq!(old.status, 404);
    let want =
        json!({ "error": "this version of the model is not served; the served version is 2" });
    assert_eq!(old.json(), want);
}

#[test]
fn a_version_that_cannot_be_served_leaves_the_old_one_and_says_why() {
    for (version, want) in [
        ("broken", "version broken: the file is half there"),
        ("terrible", "version terrible: it panicked"),
        (
            "silent",
            "version silent: it cannot score its input example: the model cannot score this \
             input: 13 has no luck",
        ),
        ("mad", "version mad: it cannot score its input example: it panicked"),
        (
            "torn",
            "version torn: it cannot score its input example: Invalid input. Ensure that input \
             is a valid JSON formatted string. Error: 'EOF while parsing a value at line 1 \
             column 11'",
        ),
    ] {
        let (server, shelf) = server();

        shelf.set(version);
        server.repository.refresh();
        server.repository.refresh();

        check_answer(&server, 11);
        check_standing(&server, Some("1"), Some(want));
        shelf.set("3");
        server.repository.refresh();
        check_answer(&server, 13);
        check_standing(&server, Some("3"), None);
    }
}

#[test]
fn a_problem_that_is_over_is_forgotten() {
    let (server, shelf) = server();

    shelf.set("broken");
    server.repository.refresh();
    check_standing(&server, Some("1"), Some("version broken: the file is half there"));
    shelf.set("1");
    server.repository.refresh();
    check_standing(&server, Some("1"), None);

    shelf.break_down("nobody answers at registry.example");
    server.repository.refresh();
    check_standing(&server, Some("1"), Some("nobody answers at registry.example"));
    check_answer(&server, 11);
    shelf.set("1");
    server.repository.refresh();
    check_standing(&server, Some("1"), None);
}

#[test]
fn a_repository_does_not_open_with_a_model_that_cannot_be_served() {
    for (version, want) in
        [("broken", "the file is half there"), ("mad", "it cannot score its input example")]
    {
        let (good, bad) = (Shelf::new(load), Shelf::new(load));
        bad.set(version);
        let sources: Vec<(String, Arc<dyn Source>)> =
            vec![("good".to_owned(), good), ("spam".to_owned(), bad)];

        let (name, error) = Repository::open(Settings::default(), sources).unwrap_err();

        assert_eq!(name, "spam");
        assert!(error.to_string().starts_with(want), "{error}");
    }
}

#[test]
fn a_request_that_has_begun_with_the_old_version_ends_with_it() {
    let gates = [Gate::plus(1), Gate::plus(2)];
    let of = gates.clone();
    let shelf = Shelf::new(move |version| {
        Ok(found(bare(of[version.parse::<usize>().unwrap() - 1].clone())))
    });
    let settings = Settings { workers: 2, ..Settings::default() };
    let server = Server::open(settings, vec![("m", Arc::clone(&shelf) as Arc<dyn Source>)]);
    let [old, new] = gates;

    let first = server.begin(json_request(PATH, &json!({ "inputs": [10] })));
    old.until_calls(1);
    shelf.set("2");
    server.repository.refresh();
    new.open();
    check_answer(&server, 12);
    assert!(!first.is_finished());
    old.open();

    assert_eq!(server.wait(first).json(), json!({ "predictions": [11] }));
    assert_eq!((old.calls().len(), new.calls().len()), (1, 1));
}

#[test]
fn what_a_version_keeps_is_let_go_with_its_last_request() {
    let gate = Gate::plus(1);
    let (of, kept) = (gate.clone(), Arc::new(()));
    let keeping = Arc::downgrade(&kept);
    let kept = std::sync::Mutex::new(Some(kept));
    let shelf = Shelf::new(move |version| match version {
        "1" => {
            let kept = kept.lock().unwrap().take().unwrap();
            Ok(Found { kept: Some(Box::new(kept)), ..found(bare(of.clone())) })
        }
        _ => load(version),
    });
    let server =
        Server::open(Settings::default(), vec![("m", Arc::clone(&shelf) as Arc<dyn Source>)]);

    let first = server.begin(json_request(PATH, &json!({ "inputs": [10] })));
    gate.until_calls(1);
    shelf.set("2");
    server.repository.refresh();
    assert!(keeping.upgrade().is_some());
    gate.open();

    assert_eq!(server.wait(first).status, 200);
    crate::support::until(|| keeping.upgrade().is_none());
}

fn post(server: &Server, path: &str) -> (u16, Value) {
    let reply = server.post(path, &json!({}));
    (reply.status, reply.json())
}

#[test]
fn a_model_is_unloaded_and_loaded_by_hand() {
    let (server, shelf) = server();

    assert_eq!(post(&server, "/v2/repository/models/m/unload"), (200, json!({})));

    check_standing(&server, None, None);
    let refused = server.post(PATH, &json!({ "inputs": [1] }));
    assert_eq!(refused.status, 503);
    let want = json!({
        "error_code": "TEMPORARILY_UNAVAILABLE",
        "message": "the model is not loaded",
    });
    assert_eq!(refused.json(), want);
    assert_eq!(server.get("/ping").status, 404);
    for path in ["/v2/models/m", "/v2/models/m/ready", "/v2/models/m/versions/1/ready"] {
        let reply = server.get(path);
        assert_eq!(
            (reply.status, &reply.json()["error"]),
            (404, &json!("the model is not loaded"))
        );
    }
    let ready = server.get("/v2/health/ready");
    assert_eq!((ready.status, ready.json()), (400, json!({ "ready": false })));
    assert_eq!(server.post("/v2/repository/index", &json!({ "ready": true })).json(), json!([]));

    // A new version does not bring back what somebody took away.
    shelf.set("2");
    server.repository.refresh();
    check_standing(&server, None, None);
    assert_eq!(post(&server, "/v2/repository/models/m/load"), (200, json!({})));
    check_answer(&server, 12);
    check_standing(&server, Some("2"), None);
    assert_eq!(server.get("/v2/health/ready").json(), json!({ "ready": true }));
}

#[test]
fn clients_load_and_unload_nothing_unless_the_server_lets_them() {
    let shelf = Shelf::new(load);
    let server = Server::open(Settings::default(), vec![("m", shelf as Arc<dyn Source>)]);

    for change in ["load", "unload"] {
        let (status, told) = post(&server, &format!("/v2/repository/models/m/{change}"));

        assert_eq!(status, 403);
        let told = told["error"].as_str().unwrap();
        assert!(told.contains("--allow-repository-control"), "{told}");
    }
    check_standing(&server, Some("1"), None);
    assert_eq!(server.post("/v2/repository/index", &json!({})).status, 200);
}

#[test]
fn loading_by_hand_that_fails_leaves_what_is_there() {
    let (server, shelf) = server();
    shelf.set("broken");

    let (status, told) = post(&server, "/v2/repository/models/m/load");

    assert_eq!(status, 400);
    let want = json!({ "error": "cannot load the model: the file is half there" });
    assert_eq!(told, want);
    check_answer(&server, 11);
    check_standing(&server, Some("1"), Some("version broken: the file is half there"));
}

#[test]
fn names_that_nobody_serves_are_said_to_be_so() {
    let (server, _) = server();
    let want = "no model with this name is served; POST /v2/repository/index lists the models";

    for path in ["load", "unload"] {
        let told = post(&server, &format!("/v2/repository/models/other/{path}"));
        assert_eq!(told, (404, json!({ "error": want })));
    }
    assert_eq!(server.get("/v2/models/other").json(), json!({ "error": want }));
    assert_eq!(post(&server, "/v2/models/other/infer"), (404, json!({ "error": want })));
    let reply = server.post("/models/other/invocations", &json!({ "inputs": [1] }));
    assert_eq!(
        (reply.status, reply.json()["error_code"].clone()),
        (404, json!("RESOURCE_DOES_NOT_EXIST"))
    );
    let index =
        server.send(crate::support::request("/v2/repository/index", "text/plain", "{\"ready\""));
    assert_eq!(index.status, 400);
}

#[test]
fn several_models_are_asked_by_name() {
    let (a, b) = (Shelf::new(load), Shelf::new(load));
    b.set("2");
    let server = Server::open(Settings::default(), vec![("a", a), ("b", b)]);
    let ask = |path: &str| server.post(path, &json!({ "inputs": [10] }));

    assert_eq!(ask("/models/a/invocations").json(), json!({ "predictions": [11] }));
    assert_eq!(ask("/models/b/invocations").json(), json!({ "predictions": [12] }));
    let all = ask("/invocations");
    assert_eq!(all.status, 404);
    let want = "several models are served: a, b; use /models/NAME/invocations";
    assert_eq!(all.json()["message"], want);
    // One that is away leaves the other, and the server is up.
    server.repository.unload("a").unwrap();
    assert_eq!(ask("/models/b/invocations").status, 200);
    assert_eq!(server.get("/ping").status, 200);
    assert_eq!(server.get("/v2/health/ready").status, 400);
}
