//! The statements about what webhooks are to be told.

mod bound;

use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension, Row, named_params};

use super::webhooks::{self, must_have};
use super::{Failure, Session, json};
use crate::entity::{PageSize, Stamp};
use crate::event::Change;
use crate::id::{ModelName, VersionNumber};
use crate::search::PROMPT_TAG;
use crate::webhook::bound::{Bound, CHECK_EVERY};
use crate::webhook::{
    Claim, Delivery, DeliveryRecord, DeliveryState, EventKind, Notice, Outcome, Subject, WebhookId,
    WebhookStatus,
};

/// Queues what webhooks are told of a change, if any listens to it.
pub(super) fn queue(
    db: &Session<'_>,
    model: &ModelName,
    version: Option<VersionNumber>,
    change: &Change,
    stamp: &Stamp,
) -> Result<(), Failure> {
    if !db.layout().has_webhooks() {
        return Ok(());
    }
    let subject = Subject { model, version, change, stamp };
    let kinds = subject.kinds();
    let mut told = Vec::new();
    for kind in [kinds.of_model, kinds.of_prompt].into_iter().flatten() {
        told.extend(listeners(db, kind)?);
    }
    // Most registries have no webhook, and pay no more than this.
    if told.is_empty() {
        return Ok(());
    }
    let is_prompt = match subject.is_prompt() {
        Some(is_prompt) => is_prompt,
        None => is_tagged_prompt(db, model)?,
    };
    match Notice::of_subject(&subject, is_prompt) {
        Some(notice) => queue_notice(db, &notice, stamp.at_ms),
        None => Ok(()),
    }
}

/// Queues a message for everyone who listens to its kind.
pub(super) fn queue_notice(db: &Session<'_>, notice: &Notice, at_ms: i64) -> Result<(), Failure> {
    let mut is_check_due = false;
    for webhook in listeners(db, notice.kind)? {
        let sql = "INSERT INTO mlctl_webhook_outbox
                       (delivery_id, webhook_id, event, body, created_ms, due_ms)
                   VALUES (:delivery, :webhook, :event, :body, :at_ms, :at_ms) RETURNING id";
        let message = named_params! {
            ":delivery": uuid::Uuid::new_v4().to_string(),
            ":webhook": webhook,
            ":event": notice.kind.to_string(),
            ":body": notice.body,
            ":at_ms": at_ms,
        };
        let id: i64 = db.prepare(sql)?.query_row(message, |row| row.get(0))?;
        is_check_due |= id % CHECK_EVERY == 0;
    }
    match is_check_due {
        true => bound::keep(db, &Bound::USUAL, at_ms),
        false => Ok(()),
    }
}

fn listeners(db: &Session<'_>, kind: EventKind) -> Result<Vec<String>, Failure> {
    let sql = match kind.is_mlflows() {
        true => {
            "SELECT webhook_id FROM webhook_events JOIN webhooks USING (webhook_id)
             WHERE entity = ?1 AND action = ?2 AND status = 'ACTIVE' AND workspace = 'default'
                 AND deleted_timestamp IS NULL ORDER BY webhook_id"
        }
        false => {
            "SELECT webhook_id FROM mlctl_webhook_events WHERE entity = ?1 AND action = ?2
                 AND (webhook_id IN (SELECT webhook_id FROM mlctl_webhooks
                                     WHERE status = 'ACTIVE')
                   OR webhook_id IN (SELECT webhook_id FROM webhooks
                                     WHERE status = 'ACTIVE' AND workspace = 'default'
                                         AND deleted_timestamp IS NULL))
             ORDER BY webhook_id"
        }
    };
    let mut select = db.prepare(sql)?;
    let rows = select.query_map([kind.entity(), kind.action()], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn is_tagged_prompt(db: &Session<'_>, model: &ModelName) -> Result<bool, Failure> {
    let sql = "SELECT 1 FROM registered_model_tags WHERE workspace = 'default' AND name = ?1
               AND key = ?2 AND lower(value) = 'true'";
    let found = db.prepare(sql)?.query_row([model.as_str(), PROMPT_TAG], |_| Ok(()));
    Ok(found.optional()?.is_some())
}

/// Tells whether anything is due, without writing.
pub(super) fn is_due(db: &Session<'_>, claim: &Claim) -> Result<bool, Failure> {
    if !db.layout().has_webhooks() {
        return Ok(false);
    }
    let sql = "SELECT 1 FROM mlctl_webhook_outbox WHERE failed_ms IS NULL AND due_ms <= ?1
               AND webhook_id NOT IN (SELECT value FROM json_each(?2)) LIMIT 1";
    let busy = busy(claim)?;
    Ok(db.prepare(sql)?.query_row((claim.now_ms, busy), |_| Ok(())).optional()?.is_some())
}

/// Spells the webhooks that get nothing now, for `json_each`.
fn busy(claim: &Claim) -> Result<String, Failure> {
    json(&claim.busy.iter().map(WebhookId::as_str).collect::<Vec<_>>())
}

/// Takes what is due, and drops what nobody is to be told any longer.
pub(super) fn claim(db: &Session<'_>, claim: &Claim) -> Result<Vec<Delivery>, Failure> {
    let mut taken = Vec::new();
    for (id, webhook) in oldest_due(db, claim)? {
        let webhook = webhooks::find(db, &WebhookId::new(webhook))?;
        let Some(webhook) = webhook.filter(|found| found.status == WebhookStatus::Active) else {
            remove(db, id)?;
            continue;
        };
        let sql = "UPDATE mlctl_webhook_outbox SET attempts = attempts + 1, due_ms = ?2
                   WHERE id = ?1 RETURNING delivery_id, body, attempts";
        taken.push(db.prepare(sql)?.query_row((id, claim.until_ms), |row| {
            Ok(Delivery {
                id,
                delivery_id: row.get(0)?,
                webhook: webhook.clone(),
                body: row.get(1)?,
                attempts: row.get(2)?,
            })
        })?);
    }
    Ok(taken)
}

fn oldest_due(db: &Session<'_>, claim: &Claim) -> Result<Vec<(i64, String)>, Failure> {
    // However long the queue is, only its beginning is looked at.
    let mut select = db.prepare(
        "SELECT min(id), webhook_id
         FROM (SELECT id, webhook_id FROM mlctl_webhook_outbox
               WHERE failed_ms IS NULL AND due_ms <= :now
                   AND webhook_id NOT IN (SELECT value FROM json_each(:busy))
               ORDER BY due_ms, id LIMIT 1000)
         GROUP BY webhook_id ORDER BY 1 LIMIT :count",
    )?;
    let count = i64::try_from(claim.count).unwrap_or(i64::MAX);
    let rows = select.query_map(
        named_params! { ":now": claim.now_ms, ":busy": busy(claim)?, ":count": count },
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Notes what became of a message.
pub(super) fn settle(db: &Session<'_>, id: i64, outcome: &Outcome) -> Result<(), Failure> {
    match outcome {
        Outcome::Delivered => remove(db, id),
        Outcome::Retry { due_ms, reason } => {
            // It may have been given up meanwhile.
            let sql = "UPDATE mlctl_webhook_outbox SET due_ms = ?2, reason = ?3
                       WHERE id = ?1 AND failed_ms IS NULL";
            db.execute(sql, (id, due_ms, reason))?;
            Ok(())
        }
        Outcome::Failed { at_ms, reason } => {
            let sql = "UPDATE mlctl_webhook_outbox SET failed_ms = ?2, reason = ?3 WHERE id = ?1";
            db.execute(sql, (id, at_ms, reason))?;
            Ok(())
        }
    }
}

fn remove(db: &Session<'_>, id: i64) -> Result<(), Failure> {
    db.execute("DELETE FROM mlctl_webhook_outbox WHERE id = ?1", [id])?;
    Ok(())
}

/// Lists messages, the newest first.
pub(super) fn list(
    db: &Session<'_>,
    webhook: Option<&WebhookId>,
    size: PageSize,
) -> Result<Vec<DeliveryRecord>, Failure> {
    must_have(db)?;
    let mut select = db.prepare(
        "SELECT id, delivery_id, webhook_id, event, created_ms, attempts, due_ms, failed_ms, reason
         FROM mlctl_webhook_outbox WHERE ?1 IS NULL OR webhook_id = ?1 ORDER BY id DESC LIMIT ?2",
    )?;
    let size = i64::try_from(size.get()).unwrap_or(i64::MAX);
    let rows = select.query_map((webhook.map(WebhookId::as_str), size), record)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn record(row: &Row<'_>) -> rusqlite::Result<DeliveryRecord> {
    let state = match row.get_ref(7)? {
        ValueRef::Null => DeliveryState::Due(row.get(6)?),
        _ => DeliveryState::Failed(row.get(7)?),
    };
    Ok(DeliveryRecord {
        id: row.get(0)?,
        delivery_id: row.get(1)?,
        webhook: WebhookId::new(row.get::<_, String>(2)?),
        event: row.get(3)?,
        created_ms: row.get(4)?,
        attempts: row.get(5)?,
        state,
        reason: row.get(8)?,
    })
}

/// Tells whether there are failures to forget, without writing.
pub(super) fn has_old(db: &Session<'_>, before_ms: i64, keep: usize) -> Result<bool, Failure> {
    let sql = "SELECT count(*), min(failed_ms) FROM mlctl_webhook_outbox
               WHERE failed_ms IS NOT NULL";
    let (count, oldest): (i64, Option<i64>) =
        db.prepare(sql)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let is_old = oldest.is_some_and(|oldest| oldest < before_ms);
    Ok(is_old || usize::try_from(count).is_ok_and(|count| count > keep))
}

/// Forgets old failures, and all but the newest.
pub(super) fn prune(db: &Session<'_>, before_ms: i64, keep: usize) -> Result<(), Failure> {
    let keep = i64::try_from(keep).unwrap_or(i64::MAX);
    db.execute("DELETE FROM mlctl_webhook_outbox WHERE failed_ms < ?1", [before_ms])?;
    db.execute(
        "DELETE FROM mlctl_webhook_outbox WHERE id IN (
             SELECT id FROM mlctl_webhook_outbox WHERE failed_ms IS NOT NULL
             ORDER BY failed_ms DESC, id DESC LIMIT -1 OFFSET ?1)",
        [keep],
    )?;
    Ok(())
}
