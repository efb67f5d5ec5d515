//! Webhooks: `mlctl registry webhooks`, and the server that delivers.

use crate::harness::{Finished, Place, finish, text, until};
use crate::http::Server;
use crate::python::Python;
use crate::running::Running;
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

/// Runs `mlctl registry webhooks …` on a server, without the key that only the server needs.
fn on(url: &str, place: &Place, args: &[&str]) -> Finished {
    let args = [&["--store", url, "registry", "webhooks"], args].concat();
    finish(&mut place.command(&args))
}

#[track_caller]
fn done(url: &str, place: &Place, args: &[&str]) -> String {
    let finished = on(url, place, args);
    assert_eq!(finished.code, Some(0), "{args:?}: {finished:?}");
    finished.stdout
}

#[track_caller]
fn refused(url: &str, place: &Place, args: &[&str], part: &str) {
    let finished = on(url, place, args);
    assert_eq!(finished.code, Some(1), "{args:?}: {finished:?}");
    assert!(finished.stderr.contains(part), "{args:?}: {finished:?}");
    assert_eq!(finished.stderr.matches("error: ").count(), 1, "{finished:?}");
}

fn listed(url: &str, place: &Place) -> Vec<Value> {
    serde_json::from_str(&done(url, place, &["list", "--json"])).unwrap()
}

#[test]
fn webhooks_of_a_server_are_its_clients_too() {
    let (place, client) = (Place::new(), Place::new());
    let server = Server::launch(&place, open(&mut place.command(&["server", "--port", "0"])));
    let url = server.url.as_str();
    client.write("secret", "s3cret\n");
    let (receiver, received) = receive(2);
    let event = ["--event", "model_version.created"];
    let own = ["--event", "model_version.stage_transitioned"];
    let create = ["create", "ci", &receiver, "--secret-file", "secret", "--description", "d"];
    let told = done(url, &client, &[&create[..], &event, &own].concat());
    assert!(told.starts_with("created ci ("), "{told}");

    let webhook = listed(url, &client).remove(0);
    assert_eq!((&webhook["name"], &webhook["status"]), (&"ci".into(), &"ACTIVE".into()));
    assert_eq!((&webhook["url"], &webhook["is_signed"]), (&receiver.as_str().into(), &true.into()));
    let events = ["model_version.created", "model_version.stage_transitioned"];
    assert_eq!(webhook["events"], serde_json::json!(events));
    let answered = done(url, &client, &["test", "ci"]);
    assert_eq!(answered, "ci answered 200\n");
    done(url, &client, &["test", "ci", "--event", "model_version.gate_passed"]);
    let received = received.join().unwrap();
    assert_eq!(text(&received[1].1["action"]), "gate_passed");
    assert!(received.iter().all(|(headers, _)| headers.contains("x-mlflow-signature: v1,")));

    // Nobody answers there any longer.
    let model = serde_json::json!({"name": "churn"});
    server.post_json("/api/2.0/mlflow/registered-models/create", &model);
    let version = serde_json::json!({"name": "churn", "source": "s3://bucket/model"});
    server.post_json("/api/2.0/mlflow/model-versions/create", &version);
    let failed = || done(url, &client, &["deliveries", "ci"]).contains("cannot reach it");
    until("the delivery fails", failed);
    refused(url, &client, &["test", "ci"], "error: the webhook ci did not accept the message");

    done(url, &client, &["disable", "ci"]);
    assert_eq!(listed(url, &client)[0]["status"], "DISABLED");
    done(url, &client, &["enable", text(&webhook["webhook_id"]).as_str()]);
    assert_eq!(listed(url, &client)[0]["status"], "ACTIVE");
    refused(url, &client, &["disable", "cd"], "error: there is no webhook `cd`");
    let ftp = [&["create", "x", "ftp://127.0.0.1/"], &event[..]].concat();
    refused(url, &client, &ftp, "Allowed schemes are: http.");
    done(url, &client, &["delete", "ci", "--yes"]);
    assert_eq!(done(url, &client, &["list"]), "no webhooks\n");
}

#[test]
fn webhooks_of_mlflows_server_are_its_clients_too() {
    let Some(python) = Python::with_client() else { return };
    let (place, client) = (Place::new(), Place::new());
    let mut script = python.script(&place, "oracle.py", &["."]);
    let mut mlflow = Running::start(&place, open(&mut script));
    let url = mlflow.line();
    let url = url.as_str();
    client.write("secret", "s3cret\n");
    let (receiver, received) = receive(1);
    let event = ["--event", "model_version.created"];
    let create = ["create", "ci", &receiver, "--secret-file", "secret"];
    done(url, &client, &[&create[..], &event].concat());

    let webhook = listed(url, &client).remove(0);
    assert_eq!((&webhook["name"], &webhook["is_signed"]), (&"ci".into(), &Value::Null));
    assert_eq!(done(url, &client, &["test", "ci"]), "ci answered 200\n");
    assert!(received.join().unwrap()[0].0.contains("x-mlflow-signature: v1,"));
    done(url, &client, &["disable", "ci"]);
    assert_eq!(listed(url, &client)[0]["status"], "DISABLED");

    let keeps_none = "error: the server has no list of deliveries: it is not an mlctl server\n";
    refused(url, &client, &["deliveries"], keeps_none);
    refused(url, &client, &["deliveries", "ci"], keeps_none);
    let own = ["--event", "model_version.stage_transitioned"];
    let unknown = "error: the server does not know the event `model_version.stage_transitioned`";
    refused(url, &client, &[&["create", "own", &receiver], &own[..], &event].concat(), unknown);
    refused(url, &client, &[&["test", "ci"], &own[..]].concat(), unknown);
    let ftp = [&["create", "x", "ftp://127.0.0.1/"], &event[..]].concat();
    refused(url, &client, &ftp, "Allowed schemes are: http.");
    done(url, &client, &["delete", "ci", "--yes"]);
    assert!(listed(url, &client).is_empty());
}

#[test]
fn what_a_gate_says_is_told() {
    let place = Place::new();
    let trusting = ["server", "--port", "0", "--trust-user-header"];
    let server = Server::launch(&place, open(&mut place.command(&trusting)));
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
        ("MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY", "short", "hint: create a key"),
    ] {
        let mut command = place.command(&["server", "--port", "0"]);
        let finished = crate::harness::finish(command.env(name, value));
        assert_eq!(finished.code, Some(2), "{finished:?}");
        assert!(finished.stderr.starts_with(&format!("error: {name} is ")), "{finished:?}");
        assert!(finished.stderr.contains(want), "{finished:?}");
    }
}
