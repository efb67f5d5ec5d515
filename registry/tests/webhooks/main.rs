//! Webhooks from a change to a receiver, over real connections; and MLflow's own programs on the
//! same API and the same file.
//!
//! The tests of `oracle` run when `MLCTL_ORACLE_PYTHON` names a Python with MLflow 3.17.2, and say
//! so when it does not.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod client;
mod delivery;
mod oracle;
mod receiver;
mod rest;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use mlctl_registry::rest::{Service, WebhookService, own_webhook_router, router, webhook_router};
use mlctl_registry::source::NoTracking;
use mlctl_registry::webhook::{
    DeliveryRecord, DeliverySettings, DeliveryState, DeliveryWorker, EventKind, NewWebhook,
    SecretKey, Sender, Webhook, WebhookName, WebhookStatus, WebhookStore,
};
use mlctl_registry::{NewVersion, PageSize, RegistryStore, SqliteStore, Stamp};
use tokio::runtime::Runtime;

/// Lets receivers on this host be called, and does not wait long.
fn settings() -> DeliverySettings {
    DeliverySettings {
        allowed_schemes: vec!["http".to_owned(), "https".to_owned()],
        allow_private_ips: true,
        backoff: Duration::from_millis(5),
        poll: Duration::from_millis(10),
        ..DeliverySettings::default()
    }
}

fn sender(settings: DeliverySettings) -> Arc<Sender> {
    Arc::new(Sender::new(settings))
}

/// Starts to deliver what `store` has queued.
fn work<S: WebhookStore>(store: &Arc<S>, settings: DeliverySettings) -> DeliveryWorker {
    let store: Arc<dyn WebhookStore> = store.clone();
    DeliveryWorker::start(store, sender(settings)).unwrap()
}

/// Makes a webhook that listens to new versions.
fn webhook(store: &dyn WebhookStore, url: &str, secret: Option<(&SecretKey, &str)>) -> Webhook {
    let new = NewWebhook {
        name: WebhookName::parse("hook").unwrap(),
        description: None,
        url: url.to_owned(),
        events: EventKind::ModelVersionCreated.into(),
        status: WebhookStatus::Active,
        secret: secret.map(|(key, secret)| key.seal(secret, 1)),
    };
    store.create_webhook(&new, 1).unwrap()
}

/// Makes a change that such a webhook is told of.
fn change(store: &dyn RegistryStore) {
    let new = NewVersion {
        create_model_if_missing: true,
        ..NewVersion::of("churn".parse().unwrap(), "s3://bucket/model")
    };
    store.create_version(&new, &Stamp::new("ada", 1_500)).unwrap();
}

fn records(store: &dyn WebhookStore) -> Vec<DeliveryRecord> {
    store.list_deliveries(None, PageSize::MAX).unwrap()
}

/// Waits until every message was given up, and returns why.
fn given_up(store: &dyn WebhookStore, count: usize) -> Vec<DeliveryRecord> {
    loop {
        let failed = |record: &DeliveryRecord| matches!(record.state, DeliveryState::Failed(_));
        let found: Vec<_> = records(store).into_iter().filter(failed).collect();
        if found.len() == count {
            return found;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until nothing is queued or kept.
fn settled(store: &dyn WebhookStore) {
    settled_but(store, 0);
}

/// Waits until so many messages are left.
fn settled_but(store: &dyn WebhookStore, left: usize) {
    while records(store).len() != left {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Serves a registry with its webhooks at the paths of MLflow and of ours.
fn serve(store: &Arc<SqliteStore>, settings: DeliverySettings) -> (String, Runtime) {
    let hooks = WebhookService::new(store.clone(), sender(settings));
    let models = Service::new(store.clone(), Arc::new(NoTracking));
    let app = Router::new()
        .nest("/api/2.0/mlflow", router(models).merge(webhook_router(hooks.clone())))
        .nest("/api/2.0/mlctl", own_webhook_router(hooks));
    serve_app(app)
}

/// Serves on a free port, as long as the runtime is there.
fn serve_app(app: Router) -> (String, Runtime) {
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
