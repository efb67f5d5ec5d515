//! Requests and answers of MLflow's API of webhooks, for the router and the client alike.
//!
//! Source: the protobuf `webhooks.proto` behind MLflow 3.17.2, as its server answers. `mlctl_…`
//! fields are ours; MLflow's clients do not look at them.

use mlctl_wire::number;
use serde::{Deserialize, Serialize};

use super::delivery::{DeliveryRecord, DeliveryState};
use super::entity::WebhookSummary;
use super::kind::EventKind;
use super::sender::TestResult;
use crate::message::messages;

messages! {
    /// A webhook to be made, or what is to change of one.
    CreateWebhook {
        name: Option<String>,
        description: Option<String>,
        url: Option<String>,
        events: Option<Vec<EventName>>,
        secret: Option<String>,
        status: Option<String>,
        mlctl_events: Option<Vec<String>>,
    }

    /// Which event to try a webhook with: one of MLflow's, or one of ours.
    TestWebhook {
        event: Option<EventName>,
        mlctl_event: Option<String>,
    }

    ListWebhooks {
        #[serde(deserialize_with = "number::optional_int64::deserialize")]
        max_results: Option<i64>,
        page_token: Option<String>,
    }

    ListDeliveries {
        webhook_id: Option<String>,
        #[serde(deserialize_with = "number::optional_int64::deserialize")]
        max_results: Option<i64>,
    }

    /// A kind of event in the words of the protobuf: `MODEL_VERSION`, `CREATED`.
    EventName {
        entity: Option<String>,
        action: Option<String>,
    }

    WebhookAnswer {
        webhook: Option<WebhookLine>,
    }

    WebhooksAnswer {
        webhooks: Vec<WebhookLine>,
        next_page_token: Option<String>,
    }

    /// A webhook as it is answered: without its secret.
    WebhookLine {
        webhook_id: Option<String>,
        name: Option<String>,
        description: Option<String>,
        url: Option<String>,
        events: Vec<EventName>,
        status: Option<String>,
        creation_timestamp: Option<i64>,
        last_updated_timestamp: Option<i64>,
        mlctl_events: Vec<String>,
        /// Only in our own list.
        mlctl_is_signed: Option<bool>,
    }

    TestAnswer {
        result: Option<TestLine>,
    }

    /// What came of trying a webhook.
    TestLine {
        success: Option<bool>,
        response_status: Option<u16>,
        response_body: Option<String>,
        error_message: Option<String>,
    }

    /// A message that is on its way, or was given up.
    DeliveryLine {
        id: Option<i64>,
        delivery_id: Option<String>,
        webhook_id: Option<String>,
        event: Option<String>,
        creation_timestamp: Option<i64>,
        attempts: Option<u32>,
        state: Option<String>,
        due_timestamp: Option<i64>,
        failed_timestamp: Option<i64>,
        reason: Option<String>,
    }
}

/// Fields that are absent stay; an absent and an empty list of MLflow's events alike.
pub(crate) type UpdateWebhook = CreateWebhook;

/// The messages of webhooks; the list is there even when it is empty.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DeliveriesAnswer {
    pub(crate) deliveries: Vec<DeliveryLine>,
}

impl EventName {
    /// Returns the two words in lower case.
    pub(crate) fn words(&self) -> [String; 2] {
        [&self.entity, &self.action]
            .map(|word| word.as_deref().unwrap_or_default().to_ascii_lowercase())
    }
}

impl From<EventKind> for EventName {
    fn from(kind: EventKind) -> Self {
        Self {
            entity: Some(kind.entity().to_ascii_uppercase()),
            action: Some(kind.action().to_ascii_uppercase()),
        }
    }
}

impl From<WebhookSummary> for WebhookLine {
    fn from(webhook: WebhookSummary) -> Self {
        let (mlflows, own) = webhook.events.split();
        Self {
            webhook_id: Some(webhook.id.to_string()),
            name: Some(webhook.name.to_string()),
            description: webhook.description.filter(|text| !text.is_empty()),
            url: Some(webhook.url),
            events: mlflows.iter().map(EventName::from).collect(),
            status: Some(webhook.status.as_str().to_owned()),
            creation_timestamp: Some(webhook.creation_timestamp_ms),
            last_updated_timestamp: Some(webhook.last_updated_timestamp_ms),
            mlctl_events: own.iter().map(|kind| kind.to_string()).collect(),
            mlctl_is_signed: None,
        }
    }
}

impl From<TestResult> for TestLine {
    fn from(result: TestResult) -> Self {
        let TestResult { success, response_status, response_body, error_message } = result;
        Self { success: Some(success), response_status, response_body, error_message }
    }
}

impl From<TestLine> for TestResult {
    fn from(line: TestLine) -> Self {
        let TestLine { success, response_status, response_body, error_message } = line;
        Self { success: success.unwrap_or(false), response_status, response_body, error_message }
    }
}

impl From<DeliveryRecord> for DeliveryLine {
    fn from(record: DeliveryRecord) -> Self {
        let (state, due_timestamp, failed_timestamp) = match record.state {
            DeliveryState::Due(due_ms) => ("queued", Some(due_ms), None),
            DeliveryState::Failed(at_ms) => ("failed", None, Some(at_ms)),
        };
        Self {
            id: Some(record.id),
            delivery_id: Some(record.delivery_id),
            webhook_id: Some(record.webhook.to_string()),
            event: Some(record.event),
            creation_timestamp: Some(record.created_ms),
            attempts: Some(record.attempts),
            state: Some(state.to_owned()),
            due_timestamp,
            failed_timestamp,
            reason: record.reason,
        }
    }
}
