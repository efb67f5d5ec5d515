//! Where webhooks are: in a file, whose rules hold here, or on a server, which has its own.

use crate::failure::Hinted;
use crate::stores::Webhooks;
use crate::webhooks;
use anyhow::Result;
use mlctl_registry::PageSize;
use mlctl_registry::client::{HttpWebhooks, PlainWebhook};
use mlctl_registry::webhook::{
    DeliveryRecord, EventKind, NewWebhook, SealedSecret, Sender, TestResult, WebhookId,
    WebhookQuery, WebhookStatus, WebhookStore, WebhookSummary, WebhookUpdate,
};
use mlctl_wire::Clock;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};

/// The webhooks of a registry, wherever they are.
pub(super) enum Place {
    File(File),
    Server(HttpWebhooks),
}

impl Place {
    pub(super) fn new(webhooks: Webhooks, clock: Clock) -> Self {
        match webhooks {
            Webhooks::File(store) => Self::File(File { store, clock }),
            Webhooks::Server(server) => Self::Server(server),
        }
    }

    pub(super) fn all(&self) -> Result<Vec<WebhookSummary>> {
        match self {
            Self::File(file) => file.all(),
            Self::Server(server) => Ok(server.list()?),
        }
    }

    pub(super) fn create(&self, new: PlainWebhook) -> Result<WebhookSummary> {
        match self {
            Self::File(file) => file.create(new),
            Self::Server(server) => Ok(server.create(&new)?),
        }
    }

    pub(super) fn set_status(&self, id: &WebhookId, status: WebhookStatus) -> Result<()> {
        match self {
            Self::File(file) => {
                let update = WebhookUpdate { status: Some(status), ..WebhookUpdate::default() };
                file.store.update_webhook(id, &update, file.clock.now())?;
            }
            Self::Server(server) => server.set_status(id, status)?,
        }
        Ok(())
    }

    pub(super) fn delete(&self, id: &WebhookId) -> Result<()> {
        match self {
            Self::File(file) => file.store.delete_webhook(id, file.clock.now())?,
            Self::Server(server) => server.delete(id)?,
        }
        Ok(())
    }

    /// Tries a webhook: from here, or from the server, whose network may be another.
    pub(super) fn test(&self, id: &WebhookId, event: Option<EventKind>) -> Result<TestResult> {
        match self {
            Self::File(file) => file.test(id, event),
            Self::Server(server) => Ok(server.test(id, event)?),
        }
    }

    pub(super) fn deliveries(
        &self,
        id: Option<&WebhookId>,
        size: PageSize,
    ) -> Result<Vec<DeliveryRecord>> {
        match self {
            Self::File(file) => Ok(file.store.list_deliveries(id, size)?),
            Self::Server(server) => Ok(server.deliveries(id, size)?),
        }
    }
}

/// The webhooks of a file.
pub(super) struct File {
    store: Arc<dyn WebhookStore>,
    clock: Clock,
}

impl File {
    fn all(&self) -> Result<Vec<WebhookSummary>> {
        let mut all = Vec::new();
        let mut query = WebhookQuery::default();
        loop {
            let page = self.store.list_webhooks(&query)?;
            all.extend(page.items.into_iter().map(WebhookSummary::from));
            query.after = page.next;
            if query.after.is_none() {
                return Ok(all);
            }
        }
    }

    fn create(&self, new: PlainWebhook) -> Result<WebhookSummary> {
        let sender = Sender::new(webhooks::settings()?);
        runtime()?.block_on(sender.check(&new.url))?;
        let new = NewWebhook {
            name: new.name,
            description: new.description,
            url: new.url,
            events: new.events,
            status: WebhookStatus::Active,
            secret: new.secret.map(|secret| self.seal(&sender, &secret)).transpose()?,
        };
        Ok(self.store.create_webhook(&new, self.clock.now())?.into())
    }

    fn test(&self, id: &WebhookId, event: Option<EventKind>) -> Result<TestResult> {
        let sender = Sender::new(webhooks::settings()?);
        let webhook = self.store.get_webhook(id)?;
        Ok(runtime()?.block_on(sender.test(&webhook, event)))
    }

    fn seal(&self, sender: &Sender, secret: &str) -> Result<SealedSecret> {
        let Some(key) = &sender.settings().secret_key else {
            return Err(Hinted::usage(
                "a webhook's secret is stored encrypted, and there is no key to encrypt it",
                "set MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY, also for the server",
            ));
        };
        Ok(key.seal(secret, self.clock.now()))
    }
}

fn runtime() -> Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}
