//! Webhooks in MLflow's own tables, and beside them what MLflow cannot read.
//!
//! A webhook that listens to none of MLflow's events is kept in a table of ours, and moves when
//! that changes.

use rusqlite::{OptionalExtension, Row, named_params, types::Type};
use std::path::Path;

use super::{Failure, Session, SqliteStore, outbox};
use crate::entity::{Page, PageSize};
use crate::error::{Error, Result};
use crate::webhook::{
    Claim, Delivery, DeliveryRecord, EventKind, EventKinds, NewWebhook, Notice, Outcome,
    SealedSecret, Webhook, WebhookId, WebhookName, WebhookPosition, WebhookQuery, WebhookStatus,
    WebhookStore, WebhookUpdate,
};

impl WebhookStore for SqliteStore {
    fn create_webhook(&self, new: &NewWebhook, at_ms: i64) -> Result<Webhook> {
        let webhook = new.clone().into_webhook(at_ms)?;
        self.change("creating a webhook", move |db| {
            insert(db, &webhook)?;
            Ok(webhook.clone())
        })
    }

    fn get_webhook(&self, id: &WebhookId) -> Result<Webhook> {
        self.look("reading a webhook", |db| require_webhook(db, id))
    }

    fn list_webhooks(&self, query: &WebhookQuery) -> Result<Page<Webhook, WebhookPosition>> {
        let found = self.look("listing webhooks", |db| list(db, query))?;
        Ok(Page::cut(found, query.size, |webhook| {
            (webhook.creation_timestamp_ms, webhook.id.as_str().to_owned())
        }))
    }

    fn update_webhook(
        &self,
        id: &WebhookId,
        update: &WebhookUpdate,
        at_ms: i64,
    ) -> Result<Webhook> {
        let (id, change) = (id.clone(), update.clone());
        self.change("changing a webhook", move |db| update_one(db, &id, change.clone(), at_ms))
    }

    fn delete_webhook(&self, id: &WebhookId, at_ms: i64) -> Result<()> {
        let id = id.clone();
        self.change("deleting a webhook", move |db| delete(db, &id, at_ms))
    }

    fn queue_notice(&self, notice: &Notice, at_ms: i64) -> Result<()> {
        let notice = notice.clone();
        self.change("queueing a message", move |db| outbox::queue_notice(db, &notice, at_ms))
    }

    fn claim_deliveries(&self, claim: &Claim) -> Result<Vec<Delivery>> {
        let doing = "taking messages";
        // Looking costs a reader nothing; writing costs the disk.
        if !self.read(doing, |db| outbox::is_due(db, claim))? {
            return Ok(Vec::new());
        }
        let claim = claim.clone();
        self.write(doing, move |db| outbox::claim(db, &claim))
    }

    fn settle_delivery(&self, id: i64, outcome: &Outcome) -> Result<()> {
        let outcome = outcome.clone();
        self.write("updating a message", move |db| outbox::settle(db, id, &outcome))
    }

    fn list_deliveries(
        &self,
        webhook: Option<&WebhookId>,
        size: PageSize,
    ) -> Result<Vec<DeliveryRecord>> {
        self.look("listing messages", |db| outbox::list(db, webhook, size))
    }

    fn prune_deliveries(&self, before_ms: i64, keep: usize) -> Result<()> {
        let doing = "deleting old messages";
        if !self.read(doing, |db| outbox::has_old(db, before_ms, keep))? {
            return Ok(());
        }
        self.write(doing, move |db| outbox::prune(db, before_ms, keep))
    }
}

impl SqliteStore {
    /// Reads, and says which file is too old.
    fn look<T>(
        &self,
        doing: &'static str,
        work: impl FnMut(&Session<'_>) -> Result<T, Failure>,
    ) -> Result<T> {
        self.read(doing, work).map_err(|error| named(error, self.path()))
    }

    /// Writes, and says which file is too old.
    fn change<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl Fn(&Session<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T> {
        let checked = move |db: &Session<'_>| {
            must_have(db)?;
            work(db)
        };
        self.write(doing, checked).map_err(|error| named(error, self.path()))
    }
}

fn named(error: Error, path: &Path) -> Error {
    match error {
        Error::WebhooksAbsent { .. } => Error::WebhooksAbsent { path: path.to_owned() },
        other => other,
    }
}

/// Refuses a file without tables for webhooks; whoever knows its name adds that.
pub(super) fn must_have(db: &Session<'_>) -> Result<(), Failure> {
    match db.layout().has_webhooks() {
        true => Ok(()),
        false => Err(Error::WebhooksAbsent { path: Default::default() }.into()),
    }
}

const COLUMNS: &str = "webhook_id, name, description, url, status, secret,
    coalesce(creation_timestamp, 0) AS created, coalesce(last_updated_timestamp, 0) AS updated";
const IN_MLFLOWS: &str = "FROM webhooks WHERE workspace = 'default' AND deleted_timestamp IS NULL";

fn everywhere() -> String {
    format!("SELECT {COLUMNS} {IN_MLFLOWS} UNION ALL SELECT {COLUMNS} FROM mlctl_webhooks")
}

/// Finds a webhook.
pub(super) fn find(db: &Session<'_>, id: &WebhookId) -> Result<Option<Webhook>, Failure> {
    let sql = format!("SELECT * FROM ({}) WHERE webhook_id = ?1", everywhere());
    let found = db.prepare(&sql)?.query_row([id.as_str()], decode_webhook).optional()?;
    found.map(|webhook| with_events(db, webhook)).transpose()
}

fn require_webhook(db: &Session<'_>, id: &WebhookId) -> Result<Webhook, Failure> {
    must_have(db)?;
    find(db, id)?.ok_or_else(|| Error::WebhookNotFound(id.clone()).into())
}

/// Lists webhooks: one more than a page holds, if there is one.
fn list(db: &Session<'_>, query: &WebhookQuery) -> Result<Vec<Webhook>, Failure> {
    must_have(db)?;
    let rows = match query.mlflow_only {
        true => format!("SELECT {COLUMNS} {IN_MLFLOWS}"),
        false => everywhere(),
    };
    let sql = format!(
        "SELECT * FROM ({rows}) WHERE :id IS NULL OR (created, webhook_id) < (:created, :id)
         ORDER BY created DESC, webhook_id DESC LIMIT :limit"
    );
    let (created, id) = query.after.as_ref().map(|(at_ms, id)| (*at_ms, id.as_str())).unzip();
    let mut select = db.prepare(&sql)?;
    let limit = query.size.and_one_more() as i64;
    let found = select.query_map(
        named_params! { ":created": created, ":id": id, ":limit": limit },
        decode_webhook,
    )?;
    let found: Vec<_> = found.collect::<rusqlite::Result<_>>()?;
    found.into_iter().map(|webhook| with_events(db, webhook)).collect()
}

fn decode_webhook(row: &Row<'_>) -> rusqlite::Result<Webhook> {
    let status: String = row.get(4)?;
    let status = WebhookStatus::parse(&status)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(4, Type::Text, error.into()))?;
    Ok(Webhook {
        id: WebhookId::new(row.get::<_, String>(0)?),
        name: WebhookName::stored(row.get(1)?),
        description: row.get(2)?,
        url: row.get(3)?,
        events: EventKinds::default(),
        status,
        secret: row.get::<_, Option<String>>(5)?.map(SealedSecret::stored),
        creation_timestamp_ms: row.get(6)?,
        last_updated_timestamp_ms: row.get(7)?,
    })
}

/// Adds what a webhook listens to; an event of a newer MLflow means nothing here.
fn with_events(db: &Session<'_>, webhook: Webhook) -> Result<Webhook, Failure> {
    let mut select = db.prepare(
        "SELECT entity, action FROM webhook_events WHERE webhook_id = ?1
         UNION ALL SELECT entity, action FROM mlctl_webhook_events WHERE webhook_id = ?1",
    )?;
    let kinds = select.query_map([webhook.id.as_str()], |row| {
        Ok(EventKind::find(row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?))
    })?;
    let kinds: Vec<_> = kinds.collect::<rusqlite::Result<_>>()?;
    Ok(Webhook { events: kinds.into_iter().flatten().collect(), ..webhook })
}

fn insert(db: &Session<'_>, webhook: &Webhook) -> Result<(), Failure> {
    let table = home(webhook);
    let sql = format!(
        "INSERT INTO {table} (webhook_id, name, description, url, status, secret,
             creation_timestamp, last_updated_timestamp)
         VALUES (:id, :name, :description, :url, :status, :secret, :created, :updated)"
    );
    write_webhook(db, &sql, webhook)?;
    let (mlflows, own) = webhook.events.split();
    replace_events(db, "webhook_events", &webhook.id, &mlflows)?;
    replace_events(db, "mlctl_webhook_events", &webhook.id, &own)
}

/// Says in which table a webhook is.
fn home(webhook: &Webhook) -> &'static str {
    match webhook.events.split().0.is_empty() {
        true => "mlctl_webhooks",
        false => "webhooks",
    }
}

fn write_webhook(db: &Session<'_>, sql: &str, webhook: &Webhook) -> Result<(), Failure> {
    db.execute(
        sql,
        named_params! {
            ":id": webhook.id.as_str(),
            ":name": webhook.name.as_str(),
            ":description": webhook.description,
            ":url": webhook.url,
            ":status": webhook.status.as_str(),
            ":secret": webhook.secret.as_ref().map(SealedSecret::as_str),
            ":created": webhook.creation_timestamp_ms,
            ":updated": webhook.last_updated_timestamp_ms,
        },
    )?;
    Ok(())
}

fn replace_events(
    db: &Session<'_>,
    table: &str,
    id: &WebhookId,
    kinds: &EventKinds,
) -> Result<(), Failure> {
    db.execute(&format!("DELETE FROM {table} WHERE webhook_id = ?1"), [id.as_str()])?;
    let sql = format!("INSERT INTO {table} (webhook_id, entity, action) VALUES (?1, ?2, ?3)");
    for kind in kinds.iter() {
        db.execute(&sql, [id.as_str(), kind.entity(), kind.action()])?;
    }
    Ok(())
}

fn update_one(
    db: &Session<'_>,
    id: &WebhookId,
    update: WebhookUpdate,
    at_ms: i64,
) -> Result<Webhook, Failure> {
    let mut webhook = require_webhook(db, id)?;
    let home_before = home(&webhook);
    let (has_mlflows, has_own) = (update.mlflow_events.is_some(), update.own_events.is_some());
    update.apply(&mut webhook, at_ms)?;
    let table = home(&webhook);
    if table != home_before {
        db.execute(&format!("DELETE FROM {home_before} WHERE webhook_id = ?1"), [id.as_str()])?;
        insert(db, &webhook)?;
        return Ok(webhook);
    }
    let sql = format!(
        "UPDATE {table} SET name = :name, description = :description, url = :url,
             status = :status, secret = :secret, creation_timestamp = :created,
             last_updated_timestamp = :updated WHERE webhook_id = :id"
    );
    write_webhook(db, &sql, &webhook)?;
    // An event of a newer MLflow stays where nobody names others.
    let (mlflows, own) = webhook.events.split();
    if has_mlflows {
        replace_events(db, "webhook_events", id, &mlflows)?;
    }
    if has_own {
        replace_events(db, "mlctl_webhook_events", id, &own)?;
    }
    Ok(webhook)
}

/// Deletes a webhook as MLflow does, whose rows stay, and all that is ours of it.
fn delete(db: &Session<'_>, id: &WebhookId, at_ms: i64) -> Result<(), Failure> {
    require_webhook(db, id)?;
    db.execute(
        "UPDATE webhooks SET deleted_timestamp = ?2, last_updated_timestamp = ?2
         WHERE workspace = 'default' AND webhook_id = ?1",
        (id.as_str(), at_ms),
    )?;
    for sql in [
        "DELETE FROM mlctl_webhooks WHERE webhook_id = ?1",
        "DELETE FROM mlctl_webhook_events WHERE webhook_id = ?1",
        "DELETE FROM mlctl_webhook_outbox WHERE webhook_id = ?1",
    ] {
        db.execute(sql, [id.as_str()])?;
    }
    Ok(())
}
