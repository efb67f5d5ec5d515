//! Messages on their way to one webhook.

use super::entity::{Webhook, WebhookId};

/// What to take from the queue.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The time, in milliseconds since 1970-01-01 UTC.
    pub now_ms: i64,
    /// When what is taken is due again, unless it is settled: its taker may have died.
    pub until_ms: i64,
    /// How many messages at most; of one webhook, the oldest that is due.
    pub count: usize,
    /// Webhooks that have a message of theirs taken already.
    pub busy: Vec<WebhookId>,
}

/// A message that was taken from the queue to be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its place in the queue.
    pub id: i64,
    /// What names it to its receiver, however often it is sent.
    pub delivery_id: String,
    /// Where it goes.
    pub webhook: Webhook,
    /// The body of the request.
    pub body: String,
    /// How often it was taken, this time included.
    pub attempts: u32,
}

/// What became of a message that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It arrived; the queue forgets it.
    Delivered,
    /// It is tried again.
    Retry {
        /// When, in milliseconds since 1970-01-01 UTC.
        due_ms: i64,
        /// Why it did not arrive.
        reason: String,
    },
    /// It is not tried again; the queue keeps it for a while.
    Failed {
        /// When it was given up, in milliseconds since 1970-01-01 UTC.
        at_ms: i64,
        /// Why it did not arrive.
        reason: String,
    },
}

/// What the queue knows of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRecord {
    /// Its place in the queue.
    pub id: i64,
    /// What names it to its receiver.
    pub delivery_id: String,
    /// Where it goes.
    pub webhook: WebhookId,
    /// The kind of event, such as `model_version.created`.
    pub event: String,
    /// When it was queued, in milliseconds since 1970-01-01 UTC.
    pub created_ms: i64,
    /// How often it was sent.
    pub attempts: u32,
    /// Whether it is still on its way.
    pub state: DeliveryState,
    /// Why the last attempt failed, if one did.
    pub reason: Option<String>,
}

/// Whether a message is still on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// It waits for this time, in milliseconds since 1970-01-01 UTC.
    Due(i64),
    /// It was given up at this time, in milliseconds since 1970-01-01 UTC.
    Failed(i64),
}
