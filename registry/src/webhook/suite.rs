//! What every store of webhooks must do.

use crate::entity::{NewModel, NewVersion, PageSize, Stamp};
use crate::error::Error;
use crate::id::{ModelName, Stage, VersionNumber};
use crate::lifecycle::Transition;
use crate::store::RegistryStore;
use crate::webhook::*;

/// A registry with webhooks.
pub(crate) trait Both: RegistryStore + WebhookStore {}

impl<T: RegistryStore + WebhookStore> Both for T {}

macro_rules! webhook_tests {
    ($make:expr) => {
        $crate::webhook::suite::webhook_tests!(@each $make;
            a_created_webhook_reads_back
            webhooks_page_newest_first
            an_update_changes_what_it_names
            a_webhook_always_listens_to_something
            what_mlflow_cannot_read_is_not_listed_for_it
            a_deleted_webhook_is_gone_with_its_messages
            a_change_is_queued_for_who_listens
            a_refused_change_queues_nothing
            a_prompt_is_no_model
            a_transition_is_told_to_who_wants_to_know
            one_message_of_a_webhook_at_a_time
            what_is_not_settled_comes_again
            failures_are_kept_and_forgotten
            a_queue_that_nobody_empties_is_bounded
            nobody_is_told_who_is_gone_or_disabled
        );
    };
    (@each $make:expr; $($case:ident)*) => {
        mod webhook_suite {
            use super::*;
            $(
                #[test]
                fn $case() {
                    $crate::webhook::suite::$case(&$make);
                }
            )*
        }
    };
}
pub(crate) use webhook_tests;

fn kinds(texts: &[&str]) -> EventKinds {
    texts.iter().map(|text| EventKind::parse(text).unwrap()).collect()
}

fn hook(name: &str, events: &[&str]) -> NewWebhook {
    NewWebhook {
        name: WebhookName::parse(name).unwrap(),
        description: None,
        url: format!("https://{name}.example.com/"),
        events: kinds(events),
        status: WebhookStatus::Active,
        secret: None,
    }
}

fn churn() -> ModelName {
    "churn".parse().unwrap()
}

fn new_version() -> NewVersion {
    NewVersion { create_model_if_missing: true, ..NewVersion::of(churn(), "s3://b/m") }
}

fn claim(now_ms: i64) -> Claim {
    Claim { now_ms, until_ms: now_ms + 1_000, count: 10, busy: Vec::new() }
}

fn events_queued(store: &dyn Both) -> Vec<String> {
    let mut records = store.list_deliveries(None, PageSize::MAX).unwrap();
    records.reverse();
    records.into_iter().map(|record| record.event).collect()
}

pub(crate) fn a_created_webhook_reads_back(store: &dyn Both) {
    let new = NewWebhook {
        description: Some("who wants to know".to_owned()),
        status: WebhookStatus::Disabled,
        secret: Some(SecretKey::random().seal("s", 1)),
        ..hook("a", &["model_version.created", "model_version.stage_transitioned"])
    };

    let made = store.create_webhook(&new, 7).unwrap();

    assert_eq!(store.get_webhook(&made.id).unwrap(), made);
    assert_eq!((made.creation_timestamp_ms, made.last_updated_timestamp_ms), (7, 7));
    assert_eq!((&made.events, &made.url, made.status), (&new.events, &new.url, new.status));
    assert_eq!((&made.secret, &made.description), (&new.secret, &new.description));
    let unknown = WebhookId::new("x");
    let refused = store.get_webhook(&unknown).unwrap_err();
    assert!(matches!(refused, Error::WebhookNotFound(id) if id == unknown));
}

pub(crate) fn webhooks_page_newest_first(store: &dyn Both) {
    for (name, at_ms) in [("a", 1), ("b", 3), ("c", 2), ("d", 3)] {
        store.create_webhook(&hook(name, &["model_version.created"]), at_ms).unwrap();
    }
    let mut query = WebhookQuery { size: PageSize::new(1).unwrap(), ..WebhookQuery::default() };
    let mut seen = Vec::new();
    loop {
        let page = store.list_webhooks(&query).unwrap();
        seen.extend(page.items.into_iter().map(|webhook| webhook.creation_timestamp_ms));
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    assert_eq!(seen, [3, 3, 2, 1]);
}

pub(crate) fn an_update_changes_what_it_names(store: &dyn Both) {
    let new = hook("a", &["model_version.created", "model_version.stage_transitioned"]);
    let made = store.create_webhook(&new, 1).unwrap();

    let same = store.update_webhook(&made.id, &WebhookUpdate::default(), 2).unwrap();
    assert_eq!(same, Webhook { last_updated_timestamp_ms: 2, ..made.clone() });

    let update = WebhookUpdate {
        name: Some(WebhookName::parse("b").unwrap()),
        description: Some("d".to_owned()),
        url: Some("https://b.example.com".to_owned()),
        mlflow_events: Some(kinds(&["registered_model.created"])),
        status: Some(WebhookStatus::Disabled),
        secret: Some(Some(SecretKey::random().seal("s", 1))),
        ..WebhookUpdate::default()
    };
    let changed = store.update_webhook(&made.id, &update, 3).unwrap();
    assert_eq!(store.get_webhook(&made.id).unwrap(), changed);
    assert_eq!((changed.name.as_str(), changed.url.as_str()), ("b", "https://b.example.com"));
    let want = kinds(&["registered_model.created", "model_version.stage_transitioned"]);
    assert_eq!((changed.events, changed.status), (want, WebhookStatus::Disabled));
    assert!(changed.secret.is_some());

    let without = WebhookUpdate { secret: Some(None), ..WebhookUpdate::default() };
    assert_eq!(store.update_webhook(&made.id, &without, 4).unwrap().secret, None);
    let unknown = store.update_webhook(&WebhookId::new("x"), &without, 4).unwrap_err();
    assert!(matches!(unknown, Error::WebhookNotFound(_)));
}

pub(crate) fn a_webhook_always_listens_to_something(store: &dyn Both) {
    assert!(matches!(
        store.create_webhook(&hook("a", &[]), 1),
        Err(Error::Invalid { what: "webhook events", .. })
    ));
    let made = store.create_webhook(&hook("a", &["model_version.created"]), 1).unwrap();
    let none =
        WebhookUpdate { mlflow_events: Some(EventKinds::default()), ..WebhookUpdate::default() };

    assert!(store.update_webhook(&made.id, &none, 2).is_err());

    assert_eq!(store.get_webhook(&made.id).unwrap(), made);
}

pub(crate) fn what_mlflow_cannot_read_is_not_listed_for_it(store: &dyn Both) {
    let own = store.create_webhook(&hook("a", &["model_version.stage_transitioned"]), 1).unwrap();
    let names = |mlflow_only| {
        let query = WebhookQuery { mlflow_only, ..WebhookQuery::default() };
        let page = store.list_webhooks(&query).unwrap();
        page.items.into_iter().map(|webhook| webhook.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!((names(false), names(true)), (vec!["a".to_owned()], Vec::new()));

    let both = WebhookUpdate {
        mlflow_events: Some(kinds(&["model_version.created"])),
        ..WebhookUpdate::default()
    };
    store.update_webhook(&own.id, &both, 2).unwrap();
    assert_eq!((names(false), names(true)), (vec!["a".to_owned()], vec!["a".to_owned()]));

    let neither =
        WebhookUpdate { mlflow_events: Some(EventKinds::default()), ..WebhookUpdate::default() };
    let back = store.update_webhook(&own.id, &neither, 3).unwrap();
    assert_eq!(back.events, own.events);
    assert_eq!((names(false), names(true)), (vec!["a".to_owned()], Vec::new()));
    assert_eq!(store.get_webhook(&own.id).unwrap().creation_timestamp_ms, 1);
}

pub(crate) fn a_deleted_webhook_is_gone_with_its_messages(store: &dyn Both) {
    for events in [&["model_version.created"][..], &["model_version.stage_transitioned"]] {
        let made = store.create_webhook(&hook("a", events), 1).unwrap();
        store.create_version(&new_version(), &Stamp::new("ada", 2)).unwrap();

        store.delete_webhook(&made.id, 3).unwrap();

        assert!(matches!(store.get_webhook(&made.id), Err(Error::WebhookNotFound(_))));
        assert!(store.delete_webhook(&made.id, 4).is_err());
        assert!(store.list_webhooks(&WebhookQuery::default()).unwrap().items.is_empty());
        assert!(events_queued(store).is_empty());
        store.create_version(&new_version(), &Stamp::new("ada", 5)).unwrap();
        assert!(events_queued(store).is_empty());
    }
}

pub(crate) fn a_change_is_queued_for_who_listens(store: &dyn Both) {
    let all = [
        "registered_model.created",
        "model_version.created",
        "model_version_tag.set",
        "model_version_tag.deleted",
        "model_version_alias.created",
        "model_version_alias.deleted",
    ];
    let made = store.create_webhook(&hook("a", &all), 1).unwrap();
    store.create_webhook(&hook("b", &["prompt.created", "model_version.created"]), 1).unwrap();
    let stamp = Stamp::new("ada", 5);
    let (first, alias) = (VersionNumber::FIRST, "champion".parse().unwrap());

    store.create_version(&new_version(), &stamp).unwrap();
    store
        .set_version_tag(&churn(), first, &"k".parse().unwrap(), &"v".parse().unwrap(), &stamp)
        .unwrap();
    store.set_model_tag(&churn(), &"k".parse().unwrap(), &"v".parse().unwrap(), &stamp).unwrap();
    store.delete_version_tag(&churn(), first, &"k".parse().unwrap(), &stamp).unwrap();
    store.set_alias(&churn(), &alias, first, &stamp).unwrap();
    store.delete_alias(&churn(), &alias, &stamp).unwrap();

    let records = store.list_deliveries(Some(&made.id), PageSize::MAX).unwrap();
    let told: Vec<_> = records.iter().rev().map(|record| record.event.as_str()).collect();
    assert_eq!(told, all);
    assert!(records.iter().all(|record| record.state == DeliveryState::Due(5)));
    assert_eq!(events_queued(store).len(), all.len() + 1);
    let taken = store.claim_deliveries(&claim(5)).unwrap();
    let body: serde_json::Value = serde_json::from_str(&taken[0].body).unwrap();
    assert_eq!(body["data"], serde_json::json!({"name": "churn", "tags": {}, "description": ""}));
}

pub(crate) fn a_refused_change_queues_nothing(store: &dyn Both) {
    let all = ["registered_model.created", "model_version_alias.created"];
    store.create_webhook(&hook("a", &all), 1).unwrap();
    let stamp = Stamp::new("ada", 5);
    store.create_model(&NewModel::named(churn()), &stamp).unwrap();

    store.create_model(&NewModel::named(churn()), &stamp).unwrap_err();
    let alias = "champion".parse().unwrap();
    store.set_alias(&churn(), &alias, VersionNumber::FIRST, &stamp).unwrap_err();

    assert_eq!(events_queued(store), ["registered_model.created"]);
}

pub(crate) fn a_prompt_is_no_model(store: &dyn Both) {
    let models = ["registered_model.created", "model_version.created", "model_version_tag.set"];
    let prompts =
        ["prompt.created", "prompt_version.created", "prompt_version_tag.set", "prompt_tag.set"];
    store.create_webhook(&hook("a", &[&models[..], &prompts].concat()), 1).unwrap();
    let stamp = Stamp::new("ada", 5);
    let tag = |key: &str, value: &str| [(key.parse().unwrap(), value.parse().unwrap())];
    let prompt = tag("mlflow.prompt.is_prompt", "true");
    let (key, value) = ("k".parse().unwrap(), "v".parse().unwrap());

    let model = NewModel { tags: prompt.clone().into(), ..NewModel::named(churn()) };
    store.create_model(&model, &stamp).unwrap();
    let version = NewVersion { tags: prompt.into(), ..new_version() };
    store.create_version(&version, &stamp).unwrap();
    store.set_version_tag(&churn(), VersionNumber::FIRST, &key, &value, &stamp).unwrap();
    store.set_model_tag(&churn(), &key, &value, &stamp).unwrap();

    assert_eq!(events_queued(store), prompts);
}

pub(crate) fn a_transition_is_told_to_who_wants_to_know(store: &dyn Both) {
    store.create_webhook(&hook("a", &["model_version.stage_transitioned"]), 1).unwrap();
    store.create_webhook(&hook("b", &["model_version.created"]), 1).unwrap();
    let both = ["model_version.created", "model_version.stage_transitioned"];
    store.create_webhook(&hook("c", &both), 1).unwrap();
    let stamp = Stamp::new("ada", 5).because("best so far");
    let version = store.create_version(&new_version(), &stamp).unwrap().version;
    let asked = Transition {
        model: churn(),
        version,
        stage: Stage::PRODUCTION,
        archive_existing_versions: false,
    };

    store.transition(&asked, &stamp).unwrap();
    store.transition(&asked, &stamp).unwrap();

    let created = "model_version.created";
    let moved = "model_version.stage_transitioned";
    assert_eq!(events_queued(store), [created, created, moved, moved]);
}

pub(crate) fn one_message_of_a_webhook_at_a_time(store: &dyn Both) {
    let one = store.create_webhook(&hook("a", &["model_version.created"]), 1).unwrap();
    store.create_webhook(&hook("b", &["model_version.created"]), 1).unwrap();
    for at_ms in [2, 3] {
        store.create_version(&new_version(), &Stamp::new("ada", at_ms)).unwrap();
    }
    assert!(store.claim_deliveries(&claim(1)).unwrap().is_empty());

    let first = store.claim_deliveries(&claim(10)).unwrap();
    assert_eq!(first.len(), 2);
    assert!(first[0].webhook.id != first[1].webhook.id && first[0].attempts == 1);
    let busy = Claim { busy: vec![one.id.clone()], ..claim(10) };
    let second = store.claim_deliveries(&busy).unwrap();
    assert_eq!(second.len(), 1);
    assert_ne!(second[0].webhook.id, one.id);
    let count = Claim { count: 0, ..claim(10_000) };
    assert!(store.claim_deliveries(&count).unwrap().is_empty());
}

pub(crate) fn what_is_not_settled_comes_again(store: &dyn Both) {
    store.create_webhook(&hook("a", &["model_version.created"]), 1).unwrap();
    store.create_version(&new_version(), &Stamp::new("ada", 2)).unwrap();

    let first = store.claim_deliveries(&claim(10)).unwrap().remove(0);
    assert!(store.claim_deliveries(&claim(11)).unwrap().is_empty());
    let second = store.claim_deliveries(&claim(1_010)).unwrap().remove(0);
    assert_eq!((&second.delivery_id, second.attempts), (&first.delivery_id, 2));
    let again = Outcome::Retry { due_ms: 5_000, reason: "busy".to_owned() };
    store.settle_delivery(second.id, &again).unwrap();
    let record = store.list_deliveries(None, PageSize::MAX).unwrap().remove(0);
    assert_eq!(record.state, DeliveryState::Due(5_000));
    assert_eq!(record.reason.as_deref(), Some("busy"));
    assert!(store.claim_deliveries(&claim(4_999)).unwrap().is_empty());
    let third = store.claim_deliveries(&claim(5_000)).unwrap().remove(0);
    store.settle_delivery(third.id, &Outcome::Delivered).unwrap();
    assert!(store.list_deliveries(None, PageSize::MAX).unwrap().is_empty());
    store.settle_delivery(third.id, &Outcome::Delivered).unwrap();
}

pub(crate) fn failures_are_kept_and_forgotten(store: &dyn Both) {
    store.create_webhook(&hook("a", &["model_version.created"]), 1).unwrap();
    for at_ms in [10, 20, 30] {
        store.create_version(&new_version(), &Stamp::new("ada", at_ms)).unwrap();
        let taken = store.claim_deliveries(&claim(at_ms)).unwrap().remove(0);
        let failed = Outcome::Failed { at_ms, reason: "gone".to_owned() };
        store.settle_delivery(taken.id, &failed).unwrap();
    }
    let kept = || {
        let records = store.list_deliveries(None, PageSize::MAX).unwrap();
        records.into_iter().map(|record| record.state).collect::<Vec<_>>()
    };
    assert!(store.claim_deliveries(&claim(100_000)).unwrap().is_empty());
    let failed = DeliveryState::Failed;
    assert_eq!(kept(), [failed(30), failed(20), failed(10)]);

    store.prune_deliveries(11, 10).unwrap();
    assert_eq!(kept(), [failed(30), failed(20)]);
    store.prune_deliveries(0, 1).unwrap();
    assert_eq!(kept(), [failed(30)]);
}

/// Queues so many messages for who listens to new versions.
fn queue(store: &dyn Both, count: usize, at_ms: i64) {
    let notice = Notice::example(EventKind::ModelVersionCreated, at_ms);
    (0..count).for_each(|_| store.queue_notice(&notice, at_ms).unwrap());
}

/// Returns the messages of a webhook that wait, and those that were given up, the oldest first.
fn parted(store: &dyn Both, webhook: &WebhookId) -> (Vec<DeliveryRecord>, Vec<DeliveryRecord>) {
    let mut records = store.list_deliveries(Some(webhook), PageSize::MAX).unwrap();
    records.reverse();
    records.into_iter().partition(|record| matches!(record.state, DeliveryState::Due(_)))
}

pub(crate) fn a_queue_that_nobody_empties_is_bounded(store: &dyn Both) {
    let quiet = store.create_webhook(&hook("b", &["registered_model.created"]), 1).unwrap();
    store.create_model(&NewModel::named(churn()), &Stamp::new("ada", 2)).unwrap();
    let told = store.create_webhook(&hook("a", &["model_version.created"]), 3).unwrap();
    queue(store, 1, 4);
    let taken = store.claim_deliveries(&claim(4)).unwrap().remove(1);
    assert_eq!(taken.webhook.id, told.id);

    queue(store, 10_299, 5);

    let (waiting, given_up) = parted(store, &told.id);
    assert!((9_000..=10_000).contains(&waiting.len()), "{}", waiting.len());
    assert_eq!(waiting.len() + given_up.len(), 10_300);
    assert!(given_up.last().unwrap().id < waiting[0].id);
    let reason = "10000 messages were waiting, and no server sent them";
    assert!(given_up.iter().all(|record| record.reason.as_deref() == Some(reason)));
    assert_eq!(parted(store, &quiet.id).0.len(), 1);
    // What is under way meanwhile may arrive still, and is not tried again.
    assert_eq!(given_up[0].id, taken.id);
    let retry = Outcome::Retry { due_ms: 9, reason: "its answer was 503".to_owned() };
    store.settle_delivery(taken.id, &retry).unwrap();
    assert_eq!(parted(store, &told.id).1, given_up);
    store.settle_delivery(taken.id, &Outcome::Delivered).unwrap();
    assert_eq!(parted(store, &told.id).1, given_up[1..]);
}

pub(crate) fn nobody_is_told_who_is_gone_or_disabled(store: &dyn Both) {
    let made = store.create_webhook(&hook("a", &["model_version.created"]), 1).unwrap();
    store.create_version(&new_version(), &Stamp::new("ada", 2)).unwrap();
    let off = WebhookUpdate { status: Some(WebhookStatus::Disabled), ..WebhookUpdate::default() };
    store.update_webhook(&made.id, &off, 3).unwrap();
    store.create_version(&new_version(), &Stamp::new("ada", 4)).unwrap();
    assert_eq!(events_queued(store).len(), 1);

    assert!(store.claim_deliveries(&claim(10)).unwrap().is_empty());

    assert!(events_queued(store).is_empty());
}
