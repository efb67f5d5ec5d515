//! The client of webhooks on a server of ours.

use std::sync::Arc;

use mlctl_registry::client::{Credentials, HttpStore, HttpWebhooks, PlainWebhook};
use mlctl_registry::webhook::{
    DELIVERY_ID_HEADER, DeliverySettings, DeliveryState, EventKind, SecretKey, TIMESTAMP_HEADER,
    WebhookId, WebhookName, WebhookStatus, sign,
};
use mlctl_registry::{Error, PageSize, SqliteStore};
use tokio::runtime::Runtime;

use crate::receiver::Receiver;
use crate::{change, given_up, records, serve, serve_app, settings, work};

pub(crate) fn plain(name: &str, url: &str, events: &[EventKind]) -> PlainWebhook {
    PlainWebhook {
        name: WebhookName::parse(name).unwrap(),
        description: None,
        url: url.to_owned(),
        events: events.iter().copied().collect(),
        secret: None,
    }
}

pub(crate) fn connect(url: &str) -> HttpWebhooks {
    HttpStore::new(url, Credentials::None).unwrap().webhooks()
}

fn live(store: &Arc<SqliteStore>) -> (HttpWebhooks, Runtime) {
    let settings = DeliverySettings { secret_key: Some(SecretKey::random()), ..settings() };
    let (url, runtime) = serve(store, settings);
    (connect(&url), runtime)
}

#[test]
fn what_is_made_is_listed() {
    let store = Arc::new(SqliteStore::in_memory().unwrap());
    let (client, _runtime) = live(&store);
    let signed = PlainWebhook {
        description: Some("who wants to know".to_owned()),
        secret: Some("geheim".to_owned()),
        ..plain(
            "both",
            "http://127.0.0.1/b",
            &[EventKind::ModelVersionCreated, EventKind::StageTransitioned],
        )
    };

    let both = client.create(&signed).unwrap();
    let own = client.create(&plain("own", "http://127.0.0.1/", &[EventKind::GatePassed])).unwrap();

    assert_eq!((both.name.as_str(), both.url.as_str()), ("both", "http://127.0.0.1/b"));
    assert_eq!((&both.description, &both.events), (&signed.description, &signed.events));
    assert_eq!((both.status, both.is_signed), (WebhookStatus::Active, Some(true)));
    assert!(both.creation_timestamp_ms > 1_700_000_000_000);
    assert_eq!((own.events.clone(), own.is_signed), (EventKind::GatePassed.into(), Some(false)));
    let mut listed = client.list().unwrap();
    listed.sort_by_key(|one| one.name.to_string());
    assert_eq!(listed, [both, own]);
}

#[test]
fn a_long_list_is_read_to_its_end() {
    let store = Arc::new(SqliteStore::in_memory().unwrap());
    for _ in 0..1_001 {
        crate::webhook(store.as_ref(), "http://127.0.0.1/", None);
    }
    let (client, _runtime) = live(&store);

    assert_eq!(client.list().unwrap().len(), 1_001);
}

#[test]
fn a_webhook_is_disabled_tried_and_deleted() {
    let store = Arc::new(SqliteStore::in_memory().unwrap());
    let (client, _runtime) = live(&store);
    let receiver = Receiver::answering([(200, None), (200, None), (500, None)]);
    let events = [EventKind::ModelVersionCreated];
    let secret = Some("geheim".to_owned());
    let new = PlainWebhook { secret, ..plain("hook", &receiver.url, &events) };
    let id = client.create(&new).unwrap().id;

    client.set_status(&id, WebhookStatus::Disabled).unwrap();
    assert_eq!(client.list().unwrap()[0].status, WebhookStatus::Disabled);

    let fine = client.test(&id, None).unwrap();
    assert_eq!((fine.success, fine.response_status), (true, Some(200)));
    let request = receiver.next();
    let (delivery, at) = (request.header(DELIVERY_ID_HEADER), request.header(TIMESTAMP_HEADER));
    let signature = sign("geheim", delivery, at, &request.body);
    assert_eq!(request.header("x-mlflow-signature"), signature);
    client.test(&id, Some(EventKind::GateRefused)).unwrap();
    assert_eq!(receiver.next().json()["action"], "gate_refused");
    let failed = client.test(&id, Some(EventKind::PromptTagSet)).unwrap();
    assert_eq!((failed.success, failed.response_status), (false, Some(500)));
    assert_eq!(receiver.next().json()["entity"], "prompt_tag");

    client.delete(&id).unwrap();
    assert!(client.list().unwrap().is_empty());
}

#[test]
fn who_is_not_there_is_named() {
    let store = Arc::new(SqliteStore::in_memory().unwrap());
    let (client, _runtime) = live(&store);
    let id = WebhookId::new("a/b?c");

    for outcome in [
        client.delete(&id),
        client.set_status(&id, WebhookStatus::Active),
        client.test(&id, None).map(drop),
    ] {
        assert_eq!(outcome.unwrap_err().to_string(), "webhook `a/b?c` does not exist");
    }
}

#[test]
fn the_server_says_what_it_refuses() {
    let store = Arc::new(SqliteStore::in_memory().unwrap());
    let (url, _runtime) = serve(&store, settings());
    let client = connect(&url);
    let events = [EventKind::ModelVersionCreated];

    let scheme = client.create(&plain("hook", "ftp://127.0.0.1/", &events)).unwrap_err();
    assert!(scheme.to_string().contains("Allowed schemes are: http, https."), "{scheme}");
    let secret = Some("geheim".to_owned());
    let signed = PlainWebhook { secret, ..plain("hook", "http://127.0.0.1/", &events) };
    let keyless = client.create(&signed).unwrap_err();
    assert!(keyless.to_string().contains("MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY"), "{keyless}");
    let none = client.create(&plain("hook", "http://127.0.0.1/", &[])).unwrap_err();
    assert!(none.to_string().contains("'events'"), "{none}");
    assert!(!format!("{signed:?}").contains("geheim"));
}

#[test]
fn what_waits_and_what_failed_is_listed() {
    let store = Arc::new(SqliteStore::in_memory().unwrap());
    let (client, _runtime) = live(&store);
    let receiver = Receiver::answering([(404, None)]);
    let hook = crate::webhook(store.as_ref(), &receiver.url, None);
    let other = crate::webhook(store.as_ref(), &receiver.url, None);
    change(store.as_ref());

    let waiting = client.deliveries(None, PageSize::MAX).unwrap();
    assert_eq!(waiting, records(store.as_ref()));
    assert!(waiting.iter().all(|record| record.state == DeliveryState::Due(1_500)));
    let newest = client.deliveries(None, PageSize::new(1).unwrap()).unwrap();
    assert_eq!(newest, waiting[..1]);
    let of_one = client.deliveries(Some(&hook.id), PageSize::MAX).unwrap();
    assert_eq!((of_one.len(), &of_one[0].webhook), (1, &hook.id));

    let _worker = work(&store, settings());
    let failed = given_up(store.as_ref(), 1);
    crate::settled_but(store.as_ref(), 1);
    assert_eq!(client.deliveries(None, PageSize::MAX).unwrap(), failed);
    assert_eq!(failed[0].reason.as_deref(), Some("its answer was 404"));
    assert!(other.id != hook.id);
}

#[test]
fn a_server_without_webhooks_is_said_to_have_none() {
    let (url, _runtime) = serve_app(axum::Router::new());
    let client = connect(&url);
    let id = WebhookId::new("x");
    let new = plain("hook", "http://127.0.0.1/", &[EventKind::ModelVersionCreated]);

    for error in [
        client.list().unwrap_err(),
        client.create(&new).unwrap_err(),
        client.delete(&id).unwrap_err(),
    ] {
        assert_eq!(error.to_string(), "the server has no webhooks");
        assert!(matches!(error, Error::Remote { .. }), "{error:?}");
    }
}
