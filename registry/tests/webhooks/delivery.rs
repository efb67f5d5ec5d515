//! From a change to its receiver.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use mlctl_registry::webhook::{
    DELIVERY_ID_HEADER, DeliverySettings, DeliveryState, DeliveryWorker, SIGNATURE_HEADER,
    SecretKey, Sender, TIMESTAMP_HEADER, WebhookStore, sign,
};
use mlctl_registry::{MemoryStore, SqliteStore};

use crate::receiver::Receiver;
use crate::{change, given_up, records, settings, settled, webhook, work};

#[test]
fn a_change_arrives_signed() {
    let (key, receiver) = (SecretKey::random(), Receiver::start());
    let store = Arc::new(SqliteStore::in_memory().unwrap());
    webhook(store.as_ref(), &receiver.url, Some((&key, "geheim")));
    let _worker = work(&store, DeliverySettings { secret_key: Some(key), ..settings() });

    change(store.as_ref());

    let request = receiver.next();
    assert_eq!(request.path, "/hook");
    assert_eq!(request.header("content-type"), "application/json");
    let (id, at) = (request.header(DELIVERY_ID_HEADER), request.header(TIMESTAMP_HEADER));
    assert_eq!(request.header(SIGNATURE_HEADER), sign("geheim", id, at, &request.body));
    assert!(at.parse::<u64>().unwrap() > 1_700_000_000 && id.len() == 36, "{at} {id}");
    let body = request.json();
    assert_eq!((&body["entity"], &body["action"]), (&"model_version".into(), &"created".into()));
    assert_eq!(body["data"]["source"], "s3://bucket/model");
    settled(store.as_ref());
    assert!(receiver.arrived().is_none());
}

#[test]
fn a_webhook_without_a_secret_is_told_unsigned() {
    let receiver = Receiver::start();
    let store = Arc::new(MemoryStore::new());
    webhook(store.as_ref(), &receiver.url, None);
    let _worker = work(&store, settings());

    change(store.as_ref());

    assert_eq!(receiver.next().headers.get(SIGNATURE_HEADER), None);
}

#[test]
fn a_server_in_trouble_is_asked_again_with_the_same_message() {
    let receiver = Receiver::answering([(503, None), (500, None), (429, None)]);
    let store = Arc::new(SqliteStore::in_memory().unwrap());
    webhook(store.as_ref(), &receiver.url, None);
    let _worker = work(&store, settings());

    change(store.as_ref());

    let all = [receiver.next(), receiver.next(), receiver.next(), receiver.next()];
    let first = all[0].header(DELIVERY_ID_HEADER);
    assert!(all.iter().all(|one| one.header(DELIVERY_ID_HEADER) == first));
    assert!(all.iter().all(|one| one.body == all[0].body));
    settled(store.as_ref());
}

/// Has a receiver ask for a pause at 1.5 seconds past 1970, and returns when it is asked again.
fn due_after(retry_after: &str) -> i64 {
    let receiver = Receiver::answering([(503, Some(("retry-after", retry_after.to_owned())))]);
    let store = Arc::new(MemoryStore::new());
    webhook(store.as_ref(), &receiver.url, None);
    let sender = Arc::new(Sender::new(settings()).with_clock(|| 1_500));
    let _worker = DeliveryWorker::start(store.clone(), sender).unwrap();

    change(store.as_ref());

    loop {
        let record = records(store.as_ref()).remove(0);
        if record.reason.is_none() {
            std::thread::sleep(Duration::from_millis(5));
            continue;
        }
        match record.state {
            DeliveryState::Due(due_ms) => return due_ms,
            DeliveryState::Failed(_) => panic!("{record:?}"),
        }
    }
}

#[test]
fn a_receiver_may_ask_for_a_pause_until_a_date() {
    assert_eq!(due_after("120"), 121_500);
    assert_eq!(due_after("Thu, 01 Jan 1970 00:01:30 GMT"), 90_000);
    // No longer than an hour.
    assert_eq!(due_after("Fri, 02 Jan 1970 00:00:00 GMT"), 3_601_500);
}

#[test]
fn after_the_last_attempt_the_message_is_kept_with_the_reason() {
    let receiver = Receiver::answering([(503, None), (503, None), (503, None)]);
    let store = Arc::new(SqliteStore::in_memory().unwrap());
    webhook(store.as_ref(), &receiver.url, None);
    let _worker = work(&store, DeliverySettings { retries_max: 2, ..settings() });

    change(store.as_ref());

    let record = given_up(store.as_ref(), 1).remove(0);
    assert_eq!((record.attempts, record.reason.as_deref()), (3, Some("its answer was 503")));
    assert_eq!(record.event, "model_version.created");
}

#[test]
fn a_refusal_is_final() {
    let receiver = Receiver::answering([(404, None)]);
    let store = Arc::new(MemoryStore::new());
    webhook(store.as_ref(), &receiver.url, None);
    let _worker = work(&store, settings());

    change(store.as_ref());

    let record = given_up(store.as_ref(), 1).remove(0);
    assert_eq!((record.attempts, record.reason.as_deref()), (1, Some("its answer was 404")));
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = Receiver::start();
    let receiver = Receiver::answering([(307, Some(("location", elsewhere.url.clone())))]);
    let store = Arc::new(SqliteStore::in_memory().unwrap());
    webhook(store.as_ref(), &receiver.url, None);
    let _worker = work(&store, settings());

    change(store.as_ref());

    let reason = given_up(store.as_ref(), 1).remove(0).reason.unwrap();
    assert_eq!(reason, "its answer was 307: redirects are not followed");
    assert!(elsewhere.arrived().is_none());
}

#[test]
fn a_private_address_is_never_called() {
    let receiver = Receiver::start();
    let port = receiver.url.rsplit(':').next().unwrap();
    let store = Arc::new(SqliteStore::in_memory().unwrap());
    for host in ["127.0.0.1", "127.1", "[::1]", "[::ffff:127.0.0.1]", "localhost"] {
        webhook(store.as_ref(), &format!("http://{host}:{port}"), None);
    }
    let _worker = work(&store, DeliverySettings { allow_private_ips: false, ..settings() });

    change(store.as_ref());

    for record in given_up(store.as_ref(), 5) {
        let reason = record.reason.unwrap();
        assert!(reason.contains("must not resolve to a non-public IP address"), "{reason}");
        assert_eq!(record.attempts, 1);
    }
    assert!(receiver.arrived().is_none());
}

#[test]
fn a_scheme_that_is_not_allowed_any_longer_is_not_used() {
    let receiver = Receiver::start();
    let store = Arc::new(MemoryStore::new());
    webhook(store.as_ref(), &receiver.url, None);
    let allowed_schemes = vec!["https".to_owned()];
    let _worker = work(&store, DeliverySettings { allowed_schemes, ..settings() });

    change(store.as_ref());

    let reason = given_up(store.as_ref(), 1).remove(0).reason.unwrap();
    assert!(reason.contains("Allowed schemes are: https."), "{reason}");
}

#[test]
fn a_secret_that_cannot_be_opened_sends_nothing() {
    let receiver = Receiver::start();
    let store = Arc::new(SqliteStore::in_memory().unwrap());
    webhook(store.as_ref(), &receiver.url, Some((&SecretKey::random(), "geheim")));
    let other = Some(SecretKey::random());
    let _worker = work(&store, DeliverySettings { secret_key: other, ..settings() });

    change(store.as_ref());

    let reason = given_up(store.as_ref(), 1).remove(0).reason.unwrap();
    assert!(reason.contains("MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY"), "{reason}");
    assert!(receiver.arrived().is_none());
}

#[test]
fn what_is_queued_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.db");
    let receiver = Receiver::start();
    {
        let store = SqliteStore::open(&path).unwrap();
        webhook(&store, &receiver.url, None);
        change(&store);
        assert_eq!(records(&store).len(), 1);
    }
    assert!(receiver.arrived().is_none());

    let store = Arc::new(SqliteStore::open(&path).unwrap());
    let _worker = work(&store, settings());

    assert_eq!(receiver.next().json()["data"]["version"], "1");
    settled(store.as_ref());
}

#[test]
fn what_another_process_queues_is_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.db");
    let receiver = Receiver::start();
    let server = Arc::new(SqliteStore::open(&path).unwrap());
    webhook(server.as_ref(), &receiver.url, None);
    let _worker = work(&server, settings());

    change(&SqliteStore::open(&path).unwrap());

    assert_eq!(receiver.next().json()["action"], "created");
}

#[test]
fn a_slow_receiver_holds_up_nobody() {
    // It takes the connection, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let slow = format!("http://{}/", silent.local_addr().unwrap());
    let receiver = Receiver::start();
    let store = Arc::new(SqliteStore::in_memory().unwrap());
    let stuck = webhook(store.as_ref(), &slow, None);
    webhook(store.as_ref(), &receiver.url, None);
    let worker = work(&store, settings());

    for _ in 0..5 {
        change(store.as_ref());
    }

    for version in 1..=5 {
        assert_eq!(receiver.next().json()["data"]["version"], version.to_string());
    }
    let waiting = store.list_deliveries(Some(&stuck.id), mlctl_registry::PageSize::MAX).unwrap();
    assert_eq!(waiting.len(), 5);
    drop(worker);
}

#[test]
fn a_long_queue_hides_nobody() {
    let (busy, quick) = (Receiver::start(), Receiver::start());
    let store = Arc::new(SqliteStore::in_memory().unwrap());
    webhook(store.as_ref(), &busy.url, None);
    for _ in 0..1_200 {
        change(store.as_ref());
    }
    webhook(store.as_ref(), &quick.url, None);
    change(store.as_ref());
    let _worker = work(&store, settings());

    assert_eq!(quick.next().json()["data"]["version"], "1201");

    let waiting = records(store.as_ref()).len();
    assert!(waiting > 1_000, "{waiting} of the long queue are left");
}

#[test]
fn an_answer_that_does_not_come_is_an_attempt() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let store = Arc::new(SqliteStore::in_memory().unwrap());
    webhook(store.as_ref(), &url, None);
    let request_timeout = Duration::from_millis(20);
    let _worker = work(&store, DeliverySettings { request_timeout, retries_max: 1, ..settings() });

    change(store.as_ref());

    let record = given_up(store.as_ref(), 1).remove(0);
    assert_eq!(record.reason.as_deref(), Some("it did not answer in time"));
    assert_eq!(record.attempts, 2);
}

#[test]
fn nobody_there_is_said_without_the_url() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let store = Arc::new(MemoryStore::new());
    webhook(store.as_ref(), &format!("http://127.0.0.1:{port}/token"), None);
    let _worker = work(&store, DeliverySettings { retries_max: 0, ..settings() });

    change(store.as_ref());

    let reason = given_up(store.as_ref(), 1).remove(0).reason.unwrap();
    assert!(reason.starts_with("cannot reach it: "), "{reason}");
    assert!(!reason.contains("token"), "{reason}");
}
