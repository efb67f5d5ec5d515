//! MLflow's own client, server and tables.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use mlctl_registry::client::{HttpWebhooks, PlainWebhook};
use mlctl_registry::webhook::{
    DeliverySettings, EventKind, EventKinds, NewWebhook, SecretKey, WebhookId, WebhookName,
    WebhookQuery, WebhookStatus, WebhookStore, WebhookSummary,
};
use mlctl_registry::{PageSize, SqliteStore};
use serde_json::Value;

use crate::client::{connect, plain};
use crate::receiver::Receiver;
use crate::{serve, settings, settled, work};

#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn python(script: &str, key: &SecretKey, folder: &Path) -> Option<Command> {
    let Ok(python) = std::env::var("MLCTL_ORACLE_PYTHON") else {
        eprintln!("SKIPPED: MLCTL_ORACLE_PYTHON names no Python with MLflow 3.17.2");
        return None;
    };
    let mut command = Command::new(python);
    command
        .arg(format!("{}/tests/webhooks/{script}", env!("CARGO_MANIFEST_DIR")))
        .current_dir(folder)
        .env("MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY", key.encode())
        .env("MLFLOW_WEBHOOK_ALLOWED_SCHEMES", "http,https")
        .env("MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS", "true")
        .env("MLFLOW_WEBHOOK_CACHE_TTL", "0")
        .env("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0");
    Some(command)
}

#[track_caller]
fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    told
}

#[test]
fn mlflows_client_works_here() {
    let (key, folder) = (SecretKey::random(), tempfile::tempdir().unwrap());
    let Some(mut client) = python("client.py", &key, folder.path()) else { return };
    let store = Arc::new(SqliteStore::open(folder.path().join("registry.db")).unwrap());
    let receiver = Receiver::start();
    let (url, _runtime) = serve(&store, DeliverySettings { secret_key: Some(key), ..settings() });

    output(client.args([&url, &receiver.url]));

    assert_eq!(receiver.next().json()["data"]["name"], "example_model");
}

/// Lists the messages of a receiver without their times, in an order of their own.
fn messages(receiver: &Receiver) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(request) = receiver.arrived() {
        let mut body = request.json();
        body.as_object_mut().unwrap().remove("timestamp");
        all.push(serde_json::to_string(&body).unwrap());
    }
    all.sort();
    all
}

#[test]
fn answers_and_messages_agree_with_mlflows() {
    let (key, folder) = (SecretKey::random(), tempfile::tempdir().unwrap());
    let Some(mut compare) = python("compare.py", &key, folder.path()) else { return };
    let store = Arc::new(SqliteStore::open(folder.path().join("registry.db")).unwrap());
    let settings = DeliverySettings { secret_key: Some(key), ..settings() };
    let (url, _runtime) = serve(&store, settings.clone());
    let (ours, theirs) = (Receiver::start(), Receiver::start());
    let _worker = work(&store, settings);

    let told = output(compare.args([&url, &ours.url, &theirs.url]));
    settled(store.as_ref());

    let (ours, theirs) = (messages(&ours), messages(&theirs));
    assert_eq!(ours, theirs);
    assert!(ours.len() >= 15, "{ours:#?}");
    assert!(told.contains("answers agree"), "{told}");
}

#[test]
fn each_reads_what_the_other_wrote_in_one_file() {
    let (key, folder) = (SecretKey::random(), tempfile::tempdir().unwrap());
    let Some(mut writes) = python("tables.py", &key, folder.path()) else { return };
    let path = folder.path().join("mlflow.db");
    output(writes.args(["write", path.to_str().unwrap()]));

    let store = SqliteStore::open(&path).unwrap();
    let theirs = store.list_webhooks(&WebhookQuery::default()).unwrap().items;
    assert_eq!(theirs.len(), 1, "the deleted one is gone");
    let found = &theirs[0];
    assert_eq!((found.name.as_str(), found.status), ("theirs", WebhookStatus::Disabled));
    assert_eq!(found.url, "https://example.com/hook?a=b");
    assert_eq!(found.description.as_deref(), Some("what MLflow wrote"));
    let events = [EventKind::ModelVersionTagSet, EventKind::BudgetPolicyExceeded];
    assert_eq!(found.events, events.into_iter().collect());
    assert_eq!(key.open(found.secret.as_ref().unwrap()).as_deref(), Some("gehéim"));

    let new = |name: &str, events: EventKinds| NewWebhook {
        name: WebhookName::parse(name).unwrap(),
        description: None,
        url: "https://example.org/ours".to_owned(),
        events,
        status: WebhookStatus::Active,
        secret: Some(key.seal("unsér", 1_700_000_000_000)),
    };
    let both = [EventKind::ModelVersionCreated, EventKind::StageTransitioned];
    store.create_webhook(&new("ours", both.into_iter().collect()), 5).unwrap();
    store.create_webhook(&new("hidden", EventKind::StageTransitioned.into()), 6).unwrap();
    drop(store);
    let mut reads = python("tables.py", &key, folder.path()).unwrap();
    let told: Value =
        serde_json::from_str(&output(reads.args(["read", path.to_str().unwrap()]))).unwrap();

    assert_eq!(told["theirs"]["secret"], "gehéim");
    let ours = serde_json::json!({
        "secret": "unsér", "events": ["model_version.created"], "status": "ACTIVE",
        "url": "https://example.org/ours", "created": 5,
    });
    assert_eq!(told["ours"], ours);
    assert_eq!(told.as_object().unwrap().len(), 2);
    // What MLflow deleted meanwhile is gone here too, with what was ours of it.
    let store = SqliteStore::open(&path).unwrap();
    let left = store.list_webhooks(&WebhookQuery::default()).unwrap().items;
    let names: Vec<_> = left.iter().map(|webhook| webhook.name.as_str()).collect();
    assert_eq!(names, ["theirs", "hidden"]);
}

/// A real MLflow server, which ends with this value.
struct Oracle {
    process: Child,
    url: String,
}

impl Oracle {
    fn start(mut script: Command) -> Self {
        let mut process = script.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self { process, url: url.trim().to_owned() }
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn the_client_works_with_a_real_mlflow() {
    let (key, folder) = (SecretKey::random(), tempfile::tempdir().unwrap());
    let Some(script) = python("server.py", &key, folder.path()) else { return };
    let oracle = Oracle::start(script);
    let (client, receiver) = (connect(&oracle.url), Receiver::start());
    let events = [EventKind::ModelVersionCreated, EventKind::ModelVersionTagSet];
    let new = PlainWebhook {
        description: Some("who wants to know".to_owned()),
        secret: Some("gehéim".to_owned()),
        ..plain("hook", &receiver.url, &events)
    };

    let made = client.create(&new).unwrap();
    assert_eq!((&made.description, &made.events), (&new.description, &new.events));
    assert_eq!((made.name.as_str(), made.is_signed), ("hook", Some(true)));
    // The server does not say whether there is a secret.
    let mut listed = client.list().unwrap();
    assert_eq!(listed.remove(0), WebhookSummary { is_signed: None, ..made.clone() });
    assert!(listed.is_empty());

    let tried = client.test(&made.id, Some(EventKind::ModelVersionTagSet)).unwrap();
    assert_eq!((tried.success, tried.response_body.as_deref()), (true, Some("thanks")));
    let request = receiver.next();
    assert_eq!(request.json()["entity"], "model_version_tag");
    assert!(request.header("x-mlflow-signature").starts_with("v1,"));
    client.set_status(&made.id, WebhookStatus::Disabled).unwrap();
    assert_eq!(client.list().unwrap()[0].status, WebhookStatus::Disabled);

    refusals_of_mlflow(&client, &made.id, &receiver.url);
    client.delete(&made.id).unwrap();
    assert!(client.list().unwrap().is_empty());
    let gone = client.delete(&made.id).unwrap_err().to_string();
    assert_eq!(gone, format!("webhook `{}` does not exist", made.id));
}

/// What MLflow refuses, and what it would not have understood, changes nothing.
fn refusals_of_mlflow(client: &HttpWebhooks, id: &WebhookId, url: &str) {
    let ours = [EventKind::ModelVersionCreated, EventKind::StageTransitioned];
    let unknown = "the server does not know the event `model_version.stage_transitioned`: it is \
                   not an mlctl server";
    assert_eq!(client.create(&plain("own", url, &ours)).unwrap_err().to_string(), unknown);
    let tried = client.test(id, Some(EventKind::StageTransitioned)).unwrap_err();
    assert_eq!(tried.to_string(), unknown);
    let ftp = client.create(&plain("ftp", "ftp://127.0.0.1/", &ours[..1])).unwrap_err();
    assert!(ftp.to_string().contains("Allowed schemes are: http, https."), "{ftp}");
    let deliveries = client.deliveries(None, PageSize::MAX).unwrap_err().to_string();
    assert_eq!(deliveries, "the server has no list of deliveries: it is not an mlctl server");
    assert_eq!(client.list().unwrap().len(), 1);
}
