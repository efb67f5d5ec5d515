//! Webhooks and their queue, beside the models and behind the same lock.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{MemoryStore, State};
use crate::entity::{Page, PageSize, Stamp};
use crate::error::{Error, Result};
use crate::event::Change;
use crate::id::{ModelName, VersionNumber};
use crate::search;
use crate::webhook::bound::{Bound, CHECK_EVERY, REASON};
use crate::webhook::{
    Claim, Delivery, DeliveryRecord, DeliveryState, NewWebhook, Notice, Outcome, Subject, Webhook,
    WebhookId, WebhookPosition, WebhookQuery, WebhookStatus, WebhookStore, WebhookUpdate,
};

#[derive(Debug, Default)]
pub(super) struct Hooks {
    webhooks: Vec<Webhook>,
    outbox: BTreeMap<i64, Entry>,
    /// The highest id ever given in the outbox.
    last_id: i64,
}

#[derive(Debug)]
struct Entry {
    record: DeliveryRecord,
    body: String,
}

impl Entry {
    fn is_due(&self, now_ms: i64) -> bool {
        matches!(self.record.state, DeliveryState::Due(due_ms) if due_ms <= now_ms)
    }

    fn failed_ms(&self) -> Option<i64> {
        match self.record.state {
            DeliveryState::Failed(at_ms) => Some(at_ms),
            DeliveryState::Due(_) => None,
        }
    }
}

impl State {
    /// Queues what webhooks are told of a change.
    pub(super) fn tell_of(
        &mut self,
        model: &ModelName,
        version: Option<VersionNumber>,
        change: &Change,
        stamp: &Stamp,
    ) {
        let subject = Subject { model, version, change, stamp };
        let is_tagged = || self.models.get(model).is_some_and(|m| search::is_prompt(&m.tags));
        let is_prompt = subject.is_prompt().unwrap_or_else(is_tagged);
        if let Some(notice) = Notice::of_subject(&subject, is_prompt) {
            self.hooks.queue(&notice, stamp.at_ms);
        }
    }
}

impl Hooks {
    fn get(&mut self, id: &WebhookId) -> Result<&mut Webhook> {
        let found = self.webhooks.iter_mut().find(|webhook| webhook.id == *id);
        found.ok_or_else(|| Error::WebhookNotFound(id.clone()))
    }

    fn queue(&mut self, notice: &Notice, at_ms: i64) {
        let listens = |webhook: &&Webhook| {
            webhook.status == WebhookStatus::Active && webhook.events.contains(notice.kind)
        };
        let before = self.last_id;
        for webhook in self.webhooks.iter().filter(listens) {
            self.last_id += 1;
            let record = DeliveryRecord {
                id: self.last_id,
                delivery_id: uuid::Uuid::new_v4().to_string(),
                webhook: webhook.id.clone(),
                event: notice.kind.to_string(),
                created_ms: at_ms,
                attempts: 0,
                state: DeliveryState::Due(at_ms),
                reason: None,
            };
            self.outbox.insert(self.last_id, Entry { record, body: notice.body.clone() });
        }
        if self.last_id / CHECK_EVERY > before / CHECK_EVERY {
            self.bound(&Bound::USUAL, at_ms);
        }
    }

    /// Gives up the oldest that wait, and forgets the oldest that were given up.
    fn bound(&mut self, bound: &Bound, at_ms: i64) {
        let mut waiting: BTreeMap<_, usize> = BTreeMap::new();
        for entry in self.outbox.values_mut().rev().filter(|entry| entry.failed_ms().is_none()) {
            let newer = waiting.entry(entry.record.webhook.clone()).or_default();
            if *newer >= bound.waiting {
                entry.record.state = DeliveryState::Failed(at_ms);
                entry.record.reason = Some(REASON.to_owned());
            }
            *newer += 1;
        }
        let mut given_up: BTreeMap<_, usize> = BTreeMap::new();
        for id in self.failed_newest_first() {
            let newer = given_up.entry(self.outbox[&id].record.webhook.clone()).or_default();
            *newer += 1;
            if *newer > bound.given_up {
                self.outbox.remove(&id);
            }
        }
    }

    fn failed_newest_first(&self) -> Vec<i64> {
        let failed = |(id, entry): (&i64, &Entry)| Some((entry.failed_ms()?, *id));
        let mut failed: Vec<_> = self.outbox.iter().filter_map(failed).collect();
        failed.sort_by_key(|found| Reverse(*found));
        failed.into_iter().map(|(_, id)| id).collect()
    }

    fn claim(&mut self, claim: &Claim) -> Vec<Delivery> {
        let Self { webhooks, outbox, .. } = self;
        let active = |id: &WebhookId| {
            webhooks.iter().find(|w| w.id == *id && w.status == WebhookStatus::Active)
        };
        outbox.retain(|_, entry| {
            !entry.is_due(claim.now_ms) || active(&entry.record.webhook).is_some()
        });
        let mut busy = claim.busy.clone();
        let mut taken = Vec::new();
        for entry in outbox.values_mut() {
            let record = &mut entry.record;
            let is_due =
                matches!(record.state, DeliveryState::Due(due_ms) if due_ms <= claim.now_ms);
            if !is_due || busy.contains(&record.webhook) || taken.len() == claim.count {
                continue;
            }
            let Some(webhook) = active(&record.webhook) else { continue };
            busy.push(record.webhook.clone());
            record.attempts += 1;
            record.state = DeliveryState::Due(claim.until_ms);
            taken.push(Delivery {
                id: record.id,
                delivery_id: record.delivery_id.clone(),
                webhook: webhook.clone(),
                body: entry.body.clone(),
                attempts: record.attempts,
            });
        }
        taken
    }

    fn settle(&mut self, id: i64, outcome: &Outcome) {
        let is_given_up = self.outbox.get(&id).is_some_and(|entry| entry.failed_ms().is_some());
        let (state, reason) = match outcome {
            Outcome::Delivered => {
                self.outbox.remove(&id);
                return;
            }
            Outcome::Retry { .. } if is_given_up => return,
            Outcome::Retry { due_ms, reason } => (DeliveryState::Due(*due_ms), reason),
            Outcome::Failed { at_ms, reason } => (DeliveryState::Failed(*at_ms), reason),
        };
        if let Some(entry) = self.outbox.get_mut(&id) {
            entry.record.state = state;
            entry.record.reason = Some(reason.clone());
        }
    }

    fn prune(&mut self, before_ms: i64, keep: usize) {
        for (index, id) in self.failed_newest_first().into_iter().enumerate() {
            if index >= keep || self.outbox[&id].failed_ms() < Some(before_ms) {
                self.outbox.remove(&id);
            }
        }
    }
}

impl WebhookStore for MemoryStore {
    fn create_webhook(&self, new: &NewWebhook, at_ms: i64) -> Result<Webhook> {
        let webhook = new.clone().into_webhook(at_ms)?;
        self.state().hooks.webhooks.push(webhook.clone());
        Ok(webhook)
    }

    fn get_webhook(&self, id: &WebhookId) -> Result<Webhook> {
        self.state().hooks.get(id).cloned()
    }

    fn list_webhooks(&self, query: &WebhookQuery) -> Result<Page<Webhook, WebhookPosition>> {
        let position =
            |webhook: &Webhook| (webhook.creation_timestamp_ms, webhook.id.as_str().to_owned());
        let mut found = self.state().hooks.webhooks.clone();
        found.retain(|webhook| {
            let is_shown = !query.mlflow_only || !webhook.events.split().0.is_empty();
            is_shown && query.after.as_ref().is_none_or(|after| position(webhook) < *after)
        });
        found.sort_by_key(|webhook| Reverse(position(webhook)));
        found.truncate(query.size.get() + 1);
        Ok(Page::cut(found, query.size, position))
    }

    fn update_webhook(
        &self,
        id: &WebhookId,
        update: &WebhookUpdate,
        at_ms: i64,
    ) -> Result<Webhook> {
        let mut state = self.state();
        let stored = state.hooks.get(id)?;
        let mut webhook = stored.clone();
        update.clone().apply(&mut webhook, at_ms)?;
        *stored = webhook.clone();
        Ok(webhook)
    }

    fn delete_webhook(&self, id: &WebhookId, _: i64) -> Result<()> {
        let mut state = self.state();
        state.hooks.get(id)?;
        state.hooks.webhooks.retain(|webhook| webhook.id != *id);
        state.hooks.outbox.retain(|_, entry| entry.record.webhook != *id);
        Ok(())
    }

    fn queue_notice(&self, notice: &Notice, at_ms: i64) -> Result<()> {
        self.state().hooks.queue(notice, at_ms);
        Ok(())
    }

    fn claim_deliveries(&self, claim: &Claim) -> Result<Vec<Delivery>> {
        Ok(self.state().hooks.claim(claim))
    }

    fn settle_delivery(&self, id: i64, outcome: &Outcome) -> Result<()> {
        self.state().hooks.settle(id, outcome);
        Ok(())
    }

    fn list_deliveries(
        &self,
        webhook: Option<&WebhookId>,
        size: PageSize,
    ) -> Result<Vec<DeliveryRecord>> {
        let state = self.state();
        let newest_first = state.hooks.outbox.values().rev().map(|entry| &entry.record);
        let wanted = newest_first.filter(|record| webhook.is_none_or(|id| record.webhook == *id));
        Ok(wanted.take(size.get()).cloned().collect())
    }

    fn prune_deliveries(&self, before_ms: i64, keep: usize) -> Result<()> {
        self.state().hooks.prune(before_ms, keep);
        Ok(())
    }
}
