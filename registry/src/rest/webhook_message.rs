//! Requests and answers of MLflow's API of webhooks.
//!
//! Source: the protobuf `webhooks.proto` behind MLflow 3.17.2, as its server answers. `mlctl_…`
//! fields are ours; MLflow's clients do not look at them.

use mlctl_wire::number;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::webhook::{DeliveryRecord, DeliveryState, EventKind, EventKinds, TestResult, Webhook};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CreateWebhook {
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) url: Option<String>,
    pub(super) events: Option<Vec<EventName>>,
    pub(super) secret: Option<String>,
    pub(super) status: Option<String>,
    pub(super) mlctl_events: Option<Vec<String>>,
}

/// Fields that are absent stay; an absent and an empty list of MLflow's events alike.
pub(super) type UpdateWebhook = CreateWebhook;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct TestWebhook {
    pub(super) event: Option<EventName>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ListWebhooks {
    #[serde(deserialize_with = "number::optional_int64::deserialize")]
    pub(super) max_results: Option<i64>,
    pub(super) page_token: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ListDeliveries {
    pub(super) webhook_id: Option<String>,
    #[serde(deserialize_with = "number::optional_int64::deserialize")]
    pub(super) max_results: Option<i64>,
}

/// A kind of event in the words of the protobuf: `MODEL_VERSION`, `CREATED`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct EventName {
    entity: String,
    action: String,
}

impl EventName {
    /// Finds the kind that is named, which must be one of MLflow's.
    pub(super) fn kind(&self) -> Result<EventKind> {
        let words = [&self.entity, &self.action].map(|word| word.to_ascii_lowercase());
        let kind = EventKind::find(&words[0], &words[1]).filter(|kind| kind.is_mlflows());
        kind.ok_or_else(|| unknown(&words.join("."), EventKind::is_mlflows))
    }
}

impl From<EventKind> for EventName {
    fn from(kind: EventKind) -> Self {
        Self {
            entity: kind.entity().to_ascii_uppercase(),
            action: kind.action().to_ascii_uppercase(),
        }
    }
}

/// Says which events a list may have.
fn unknown(name: &str, is_allowed: impl Fn(EventKind) -> bool) -> Error {
    let allowed = EventKind::ALL.into_iter().filter(|kind| is_allowed(*kind));
    let allowed: Vec<_> = allowed.map(|kind| kind.to_string()).collect();
    let allowed = allowed.join(", ");
    Error::WebhookRefused(format!("invalid webhook event `{name}`: valid ones are {allowed}"))
}

/// Finds MLflow's kinds of a request.
pub(super) fn kinds(names: &[EventName]) -> Result<EventKinds> {
    names.iter().map(EventName::kind).collect()
}

/// Finds our kinds of a request.
pub(super) fn own_kinds(names: &[String]) -> Result<EventKinds> {
    let is_own = |kind: EventKind| !kind.is_mlflows();
    let kind = |name: &String| {
        let kind = EventKind::parse(name).ok().filter(|kind| is_own(*kind));
        kind.ok_or_else(|| unknown(name, is_own))
    };
    names.iter().map(kind).collect()
}

#[derive(Debug, Serialize)]
pub(super) struct WebhookAnswer {
    pub(super) webhook: WebhookLine,
}

#[derive(Debug, Serialize)]
pub(super) struct WebhooksAnswer {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) webhooks: Vec<WebhookLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_page_token: Option<String>,
}

/// A webhook as it is answered: without its secret.
#[derive(Debug, Serialize)]
pub(super) struct WebhookLine {
    webhook_id: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    url: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<EventName>,
    status: &'static str,
    creation_timestamp: i64,
    last_updated_timestamp: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mlctl_events: Vec<String>,
}

impl From<Webhook> for WebhookLine {
    fn from(webhook: Webhook) -> Self {
        let (mlflows, own) = webhook.events.split();
        Self {
            webhook_id: webhook.id.to_string(),
            name: webhook.name.to_string(),
            description: webhook.description.filter(|text| !text.is_empty()),
            url: webhook.url,
            events: mlflows.iter().map(EventName::from).collect(),
            status: webhook.status.as_str(),
            creation_timestamp: webhook.creation_timestamp_ms,
            last_updated_timestamp: webhook.last_updated_timestamp_ms,
            mlctl_events: own.iter().map(|kind| kind.to_string()).collect(),
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct TestAnswer {
    pub(super) result: TestLine,
}

/// What came of trying a webhook.
#[derive(Debug, Serialize)]
pub(super) struct TestLine {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<String>,
}

impl From<TestResult> for TestLine {
    fn from(result: TestResult) -> Self {
        let TestResult { success, response_status, response_body, error_message } = result;
        Self { success, response_status, response_body, error_message }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct DeliveriesAnswer {
    pub(super) deliveries: Vec<DeliveryLine>,
}

/// A message that is on its way, or was given up.
#[derive(Debug, Serialize)]
pub(super) struct DeliveryLine {
    delivery_id: String,
    webhook_id: String,
    event: String,
    creation_timestamp: i64,
    attempts: u32,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_timestamp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed_timestamp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl From<DeliveryRecord> for DeliveryLine {
    fn from(record: DeliveryRecord) -> Self {
        let (state, due_timestamp, failed_timestamp) = match record.state {
            DeliveryState::Due(due_ms) => ("queued", Some(due_ms), None),
            DeliveryState::Failed(at_ms) => ("failed", None, Some(at_ms)),
        };
        Self {
            delivery_id: record.delivery_id,
            webhook_id: record.webhook.to_string(),
            event: record.event,
            creation_timestamp: record.created_ms,
            attempts: record.attempts,
            state,
            due_timestamp,
            failed_timestamp,
            reason: record.reason,
        }
    }
}
