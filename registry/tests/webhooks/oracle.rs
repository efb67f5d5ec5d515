//! MLflow's own client, server and tables.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use mlctl_registry::SqliteStore;
use mlctl_registry::rest::{Service, WebhookService, own_webhook_router, router, webhook_router};
use mlctl_registry::source::NoTracking;
use mlctl_registry::webhook::{
    DeliverySettings, EventKind, EventKinds, NewWebhook, SecretKey, WebhookName, WebhookQuery,
    WebhookStatus, WebhookStore,
};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::receiver::Receiver;
use crate::{sender, settings, settled, work};

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

/// Serves a registry with its webhooks at the paths of MLflow and of ours.
fn serve(store: &Arc<SqliteStore>, settings: DeliverySettings) -> (String, Runtime) {
    let hooks = WebhookService::new(store.clone(), sender(settings));
    let models = Service::new(store.clone(), Arc::new(NoTracking));
    let app = axum::Router::new()
        .nest("/api/2.0/mlflow", router(models).merge(webhook_router(hooks.clone())))
        .nest("/api/2.0/mlctl", own_webhook_router(hooks));
    let runtime = Runtime::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    runtime.spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        axum::serve(listener, app).await.unwrap();
    });
    (url, runtime)
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
