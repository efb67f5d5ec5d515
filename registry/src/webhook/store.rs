//! Where webhooks and what they are to be told are kept.

use std::fmt;

use super::delivery::{Claim, Delivery, DeliveryRecord, Outcome};
use super::entity::{NewWebhook, Webhook, WebhookId, WebhookPosition, WebhookQuery, WebhookUpdate};
use super::notice::Notice;
use crate::entity::{Page, PageSize};
use crate::error::Result;

/// Keeps webhooks, and a queue of what they are to be told.
///
/// A store that is a [`RegistryStore`](crate::RegistryStore) too queues the [`Notice`] of each of
/// its changes in the same transaction. One method is one atomic change.
///
/// At most 10,000 messages of one webhook wait, and at most as many that were given up are kept:
/// what is queued beyond that makes the oldest give way, in the same change. So a store whose queue
/// nobody empties does not grow without end.
pub trait WebhookStore: fmt::Debug + Send + Sync + 'static {
    /// Creates a webhook.
    fn create_webhook(&self, new: &NewWebhook, at_ms: i64) -> Result<Webhook>;

    /// Returns a webhook.
    fn get_webhook(&self, id: &WebhookId) -> Result<Webhook>;

    /// Lists webhooks, the newest first.
    fn list_webhooks(&self, query: &WebhookQuery) -> Result<Page<Webhook, WebhookPosition>>;

    /// Changes a webhook; one that would listen to nothing is refused.
    fn update_webhook(&self, id: &WebhookId, update: &WebhookUpdate, at_ms: i64)
    -> Result<Webhook>;

    /// Deletes a webhook, with what it was still to be told.
    fn delete_webhook(&self, id: &WebhookId, at_ms: i64) -> Result<()>;

    /// Queues a message for every active webhook that listens to its kind: for what is worth
    /// telling and no change of the registry.
    fn queue_notice(&self, notice: &Notice, at_ms: i64) -> Result<()>;

    /// Takes messages that are due, the oldest of each webhook that is not busy, and drops those
    /// of webhooks that are gone or disabled.
    fn claim_deliveries(&self, claim: &Claim) -> Result<Vec<Delivery>>;

    /// Notes what became of a message; one that is gone meanwhile is fine.
    fn settle_delivery(&self, id: i64, outcome: &Outcome) -> Result<()>;

    /// Lists messages that are queued or could not be delivered, of one webhook or of all, the
    /// newest first.
    fn list_deliveries(
        &self,
        webhook: Option<&WebhookId>,
        size: PageSize,
    ) -> Result<Vec<DeliveryRecord>>;

    /// Forgets messages that were given up before `before_ms`, and all but the newest `keep`.
    fn prune_deliveries(&self, before_ms: i64, keep: usize) -> Result<()>;
}
