//! Webhooks: `mlctl registry webhooks`, and the server that delivers.

use crate::harness::{Place, text};
use crate::http::Server;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::thread::{self, JoinHandle};

/// A key as `Fernet.generate_key()` makes it.
const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

/// Says that webhooks on this machine may be called.
fn open(command: &mut Command) -> &mut Command {
    command
        .env("MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS", "true")
        .env("MLFLOW_WEBHOOK_ALLOWED_SCHEMES", "http")
        .env("MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY", KEY)
}

/// One request that came: its headers, in lower case, and its body.
type Received = (String, Value);

/// Answers so many requests, and returns them.
fn receive(count: usize) -> (String, JoinHandle<Vec<Received>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let one = move || {
        let mut stream = BufReader::new(listener.accept().unwrap().0);
        let mut headers = String::new();
        while !headers.ends_with("\r\n\r\n") {
            assert_ne!(stream.read_line(&mut headers).unwrap(), 0, "{headers}");
        }
        let headers = headers.to_ascii_lowercase();
        let length = headers.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.unwrap().parse().unwrap()];
        stream.read_exact(&mut body).unwrap();
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        stream.get_mut().write_all(answer.as_bytes()).unwrap();
        (headers, serde_json::from_slice(&body).unwrap())
    };
    (url, thread::spawn(move || (0..count).map(|_| one()).collect()))
}

#[test]
fn a_change_is_told_by_the_server_whoever_made_it() {
    let place = Place::new();
    let store = ["--store", "sqlite:///mlflow.db"];
    let ok = |args: &[&str]| {
        let args = [args, &store].concat();
        let finished = crate::harness::finish(open(&mut place.command(&args)));
        assert_eq!(finished.code, Some(0), "{args:?}: {finished:?}");
        finished.stdout
    };
    ok(&["registry", "create", "churn"]);
    place.write("secret", "s3cret\n");
    let (url, received) = receive(2);
    let create = ["registry", "webhooks", "create", "ci", &url, "--secret-file", "secret"];
    let events =
        ["--event", "model_version.created", "--event", "model_version.stage_transitioned"];
    ok(&[&create[..], &events].concat());
    let listed = ok(&["registry", "webhooks", "list"]);
    assert!(listed.contains("ci") && listed.contains("ACTIVE"), "{listed}");

    // What happens while no server runs waits for one.
    place.write("model/MLmodel", "flavors: {}\n");
    ok(&["registry", "register", "./model", "churn"]);
    let waiting = ok(&["registry", "webhooks", "deliveries", "ci"]);
    assert!(waiting.contains("model_version.created"), "{waiting}");
    let flags = ["server", "--port", "0", "--backend-store-uri", "sqlite:///mlflow.db"];
    let server = Server::launch(&place, open(&mut place.command(&flags)));
    let body = serde_json::json!({"name": "churn", "version": "1", "stage": "Production"});
    server.post_json("/api/2.0/mlflow/model-versions/transition-stage", &body);

    let received = received.join().unwrap();
    let entities: Vec<String> = received
        .iter()
        .map(|(_, body)| format!("{} {}", text(&body["entity"]), text(&body["action"])))
        .collect();
    assert_eq!(entities, ["model_version created", "model_version stage_transitioned"]);
    for (headers, body) in &received {
        assert!(headers.contains("x-mlflow-signature: v1,"), "{headers}");
        assert_eq!(body["data"]["name"], "churn");
    }
}

#[test]
fn what_a_gate_says_is_told() {
    let place = Place::new();
    let server = Server::launch(&place, open(&mut place.command(&["server", "--port", "0"])));
    let (url, received) = receive(4);
    let flags = ["registry", "webhooks", "create", "gates", &url];
    let events = ["transition_requested", "transition_approved", "gate_refused", "gate_passed"];
    let events = events.map(|event| format!("model_version.{event}"));
    let events: Vec<&str> = events.iter().flat_map(|event| ["--event", event.as_str()]).collect();
    let run = |args: &[&str], user: &str| {
        let mut command = place.command(args);
        crate::harness::finish(open(&mut command).env("MLFLOW_TRACKING_USERNAME", user)).code
    };
    assert_eq!(run(&[&flags[..], &events].concat(), "ann"), Some(0));
    place.write("model/MLmodel", "flavors: {}\n");
    assert_eq!(run(&["registry", "register", "./model", "churn"], "ann"), Some(0));
    let gates = ["registry", "gates", "churn", "Production: approval"];
    assert_eq!(run(&gates, "ann"), Some(0));
    let with = |command| ["registry", command, "churn", "1", "Production"];
    assert_eq!(run(&with("transition"), "ann"), Some(1));
    assert_eq!(run(&with("request"), "ann"), Some(0));
    assert_eq!(run(&with("approve"), "bob"), Some(0));
    assert_eq!(run(&with("transition"), "ann"), Some(0));

    let received = received.join().unwrap();
    let told: Vec<String> = received
        .iter()
        .map(|(_, body)| format!("{} by {}", text(&body["action"]), text(&body["data"]["who"])))
        .collect();
    assert_eq!(
        told,
        [
            "gate_refused by ann",
            "transition_requested by ann",
            "transition_approved by bob",
            "gate_passed by ann"
        ]
    );
    drop(server);
}

#[test]
fn a_webhook_on_this_machine_is_refused_unless_it_may_be() {
    let place = Place::new();
    place.ok(&["registry", "create", "churn"]);
    let create = |url: &str| {
        let args =
            ["registry", "webhooks", "create", "ci", url, "--event", "model_version.created"];
        place.run(&args)
    };
    for url in ["http://example.com/x", "https://127.0.0.1/x", "https://169.254.169.254/latest"] {
        let finished = create(url);
        assert_eq!(finished.code, Some(1), "{url}: {finished:?}");
    }
    place.check_failure(
        &["registry", "webhooks", "delete", "ci", "--yes"],
        1,
        "error: there is no webhook `ci`\nhint: list them with `mlctl registry webhooks list`",
    );
    let mut command = place.command(&["registry", "webhooks", "test", "ci"]);
    let finished =
        crate::harness::finish(command.env("MLFLOW_WEBHOOK_REQUEST_MAX_RETRIES", "many"));
    assert_eq!(finished.code, Some(1));
    let server = Server::start(&place);
    let status = server.get("/api/2.0/mlflow/webhooks");
    assert_eq!((status.0, status.1.as_str()), (200, "{}"));
}

#[test]
fn a_server_refuses_settings_that_mean_nothing() {
    let place = Place::new();
    for (name, value, want) in [
        ("MLFLOW_WEBHOOK_REQUEST_TIMEOUT", "soon", "hint: it must be a whole number"),
        ("MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS", "maybe", "hint: it must be true or false"),
        ("MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY", "short", "hint: a key is 32 bytes"),
    ] {
        let mut command = place.command(&["server", "--port", "0"]);
        let finished = crate::harness::finish(command.env(name, value));
        assert_eq!(finished.code, Some(2), "{finished:?}");
        assert!(finished.stderr.starts_with(&format!("error: {name} is ")), "{finished:?}");
        assert!(finished.stderr.contains(want), "{finished:?}");
    }
}
