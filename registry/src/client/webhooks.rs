//! Webhooks that a server keeps and calls.
//!
//! MLflow's paths do for MLflow's server and for ours; what only ours can is asked for at its own,
//! and refused here where the server does not know them.

use std::fmt;
use std::sync::Arc;

use mlctl_client::path_segment;
use mlctl_client::reqwest::Method;
use mlctl_wire::ErrorCode;

use super::Ignored;
use super::decode::{present, said};
use super::not_there;
use super::transport::Transport;
use crate::entity::PageSize;
use crate::error::{Error, Result};
use crate::webhook::message::{
    CreateWebhook, DeliveriesAnswer, DeliveryLine, EventName, ListDeliveries, ListWebhooks,
    TestAnswer, TestWebhook, UpdateWebhook, WebhookAnswer, WebhookLine, WebhooksAnswer,
};
use crate::webhook::{
    DeliveryRecord, DeliveryState, EventKind, EventKinds, TestResult, WebhookId, WebhookName,
    WebhookStatus, WebhookSummary,
};

/// Webhooks on a page, and messages in an answer: as many as a server gives at most.
const PAGE_MAX: i64 = 1000;
/// Where our list of webhooks is.
const OWN_LIST: &str = "registry/webhooks";

/// The webhooks of a server, which checks their URLs, seals their secrets and calls them.
///
/// Calls block, like those of [`HttpStore`](super::HttpStore).
#[derive(Clone, Debug)]
pub struct HttpWebhooks {
    transport: Arc<Transport>,
}

/// A webhook to be created by whoever has the key for its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct PlainWebhook {
    /// The name.
    pub name: WebhookName,
    /// What people should know about it.
    pub description: Option<String>,
    /// Where requests go.
    pub url: String,
    /// What it is told of.
    pub events: EventKinds,
    /// What requests are signed with, as it is.
    pub secret: Option<String>,
}

impl fmt::Debug for PlainWebhook {
    /// Leaves out the secret, and the URL, which may hold one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlainWebhook")
            .field("name", &self.name)
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

impl HttpWebhooks {
    pub(super) fn new(transport: Arc<Transport>) -> Self {
        Self { transport }
    }

    /// Lists all webhooks, the newest first.
    ///
    /// # Errors
    /// What the server says, and [`Error::Backend`] when it cannot be reached.
    pub fn list(&self) -> Result<Vec<WebhookSummary>> {
        // MLflow's list has none that listen to our events only.
        let own = pages(|request| self.transport.get_own(OWN_LIST, request));
        let lines = match own {
            Err(error) if is_unknown(&error) => {
                pages(|request| self.transport.get("webhooks", request)).map_err(no_webhooks)
            }
            lines => lines,
        }?;
        lines.into_iter().map(summary).collect()
    }

    /// Creates a webhook.
    ///
    /// # Errors
    /// What the server says, such as that its URL is none to be called; [`Error::Remote`] with
    /// [`ErrorCode::NotImplemented`] when an event is not known to it.
    pub fn create(&self, new: &PlainWebhook) -> Result<WebhookSummary> {
        let (events, own) = self.spelled(&new.events)?;
        let request = CreateWebhook {
            name: Some(new.name.to_string()),
            description: new.description.clone(),
            url: Some(new.url.clone()),
            events: Some(events).filter(|events| !events.is_empty()),
            secret: new.secret.clone(),
            status: Some(WebhookStatus::Active.as_str().to_owned()),
            mlctl_events: Some(own).filter(|own| !own.is_empty()),
        };
        let answer = self.transport.ask(Method::POST, "webhooks", &request);
        let answer: WebhookAnswer = answer.map_err(no_webhooks)?;
        let made = summary(present(answer.webhook, "webhook")?)?;
        let is_signed = new.secret.as_ref().is_some_and(|secret| !secret.is_empty());
        Ok(WebhookSummary { is_signed: Some(is_signed), ..made })
    }

    /// Has a webhook told of its events, or not.
    ///
    /// # Errors
    /// [`Error::WebhookNotFound`], and what the server says.
    pub fn set_status(&self, id: &WebhookId, status: WebhookStatus) -> Result<()> {
        let status = Some(status.as_str().to_owned());
        let request = UpdateWebhook { status, ..UpdateWebhook::default() };
        self.of_one(Method::PATCH, id, "", &request).map(|Ignored {}| ())
    }

    /// Deletes a webhook, with what it was still to be told.
    ///
    /// # Errors
    /// [`Error::WebhookNotFound`], and what the server says.
    pub fn delete(&self, id: &WebhookId) -> Result<()> {
        self.of_one(Method::DELETE, id, "", &serde_json::json!({})).map(|Ignored {}| ())
    }

    /// Has the server try a webhook with a made-up event, the first that it listens to if none is
    /// given. A webhook that does not take it is no error.
    ///
    /// # Errors
    /// [`Error::WebhookNotFound`], and those of [`create`](Self::create).
    pub fn test(&self, id: &WebhookId, kind: Option<EventKind>) -> Result<TestResult> {
        let (events, own) = self.spelled(&kind.into_iter().collect())?;
        let request =
            TestWebhook { event: events.into_iter().next(), mlctl_event: own.into_iter().next() };
        let answer: TestAnswer = self.of_one(Method::POST, id, "/test", &request)?;
        Ok(present(answer.result, "result")?.into())
    }

    /// Lists messages that are queued or could not be delivered, of one webhook or of all, the
    /// newest first: `size` of them, and 1000 at most.
    ///
    /// # Errors
    /// [`Error::Remote`] with [`ErrorCode::NotImplemented`] by a server that keeps none.
    pub fn deliveries(
        &self,
        webhook: Option<&WebhookId>,
        size: PageSize,
    ) -> Result<Vec<DeliveryRecord>> {
        let request = ListDeliveries {
            webhook_id: webhook.map(ToString::to_string),
            max_results: i64::try_from(size.get()).ok().map(|rows| rows.min(PAGE_MAX)),
        };
        let answer = self.transport.get_own("registry/webhooks/deliveries", &request);
        let answer: DeliveriesAnswer = answer.map_err(|error| {
            not_there(error, "the server has no list of deliveries: it is not an mlctl server")
        })?;
        answer.deliveries.into_iter().map(record).collect()
    }

    fn of_one<T: serde::de::DeserializeOwned>(
        &self,
        method: Method,
        id: &WebhookId,
        rest: &str,
        body: &impl serde::Serialize,
    ) -> Result<T> {
        let path = format!("webhooks/{}{rest}", path_segment(id.as_str()));
        self.transport.ask(method, &path, body).map_err(|error| match error {
            Error::Remote { code: ErrorCode::ResourceDoesNotExist, .. } => {
                Error::WebhookNotFound(id.clone())
            }
            other => no_webhooks(other),
        })
    }

    /// Spells MLflow's events and ours. MLflow's server breaks on ours in one field, and does not
    /// look at the other: a webhook without them would be made.
    fn spelled(&self, kinds: &EventKinds) -> Result<(Vec<EventName>, Vec<String>)> {
        let (mlflows, own) = kinds.split();
        if let Some(kind) = own.iter().next() {
            let request = ListWebhooks { max_results: Some(1), page_token: None };
            let answer: Result<WebhooksAnswer> = self.transport.get_own(OWN_LIST, &request);
            let message = format!(
                "the server does not know the event `{kind}`: it is not an \
                                   mlctl server"
            );
            answer.map_err(|error| not_there(error, &message))?;
        }
        let own = own.iter().map(|kind| kind.to_string());
        Ok((mlflows.iter().map(EventName::from).collect(), own.collect()))
    }
}

/// Asks for one page after the other.
fn pages(ask: impl Fn(&ListWebhooks) -> Result<WebhooksAnswer>) -> Result<Vec<WebhookLine>> {
    let mut request = ListWebhooks { max_results: Some(PAGE_MAX), page_token: None };
    let mut lines = Vec::new();
    loop {
        let answer = ask(&request)?;
        lines.extend(answer.webhooks);
        request.page_token = said(answer.next_page_token);
        if request.page_token.is_none() {
            return Ok(lines);
        }
    }
}

fn is_unknown(error: &Error) -> bool {
    matches!(error, Error::Remote { code: ErrorCode::EndpointNotFound, .. })
}

/// An MLflow before 3.3 does not know the path.
fn no_webhooks(error: Error) -> Error {
    not_there(error, "the server has no webhooks")
}

fn summary(line: WebhookLine) -> Result<WebhookSummary> {
    let created = line.creation_timestamp.unwrap_or_default();
    let found = |name: &EventName| {
        let [entity, action] = name.words();
        EventKind::find(&entity, &action)
    };
    // An event of a newer server means nothing here.
    let mlflows = line.events.iter().filter_map(found);
    let own = line.mlctl_events.iter().filter_map(|name| EventKind::parse(name).ok());
    Ok(WebhookSummary {
        id: WebhookId::new(present(line.webhook_id, "webhook_id")?),
        name: WebhookName::stored(present(line.name, "name")?),
        description: said(line.description),
        url: present(line.url, "url")?,
        events: mlflows.chain(own).collect(),
        status: WebhookStatus::parse(&present(line.status, "status")?)?,
        is_signed: line.mlctl_is_signed,
        creation_timestamp_ms: created,
        last_updated_timestamp_ms: line.last_updated_timestamp.unwrap_or(created),
    })
}

fn record(line: DeliveryLine) -> Result<DeliveryRecord> {
    let state = match line.failed_timestamp {
        Some(at_ms) => DeliveryState::Failed(at_ms),
        None => DeliveryState::Due(present(line.due_timestamp, "due_timestamp")?),
    };
    Ok(DeliveryRecord {
        id: present(line.id, "id")?,
        delivery_id: present(line.delivery_id, "delivery_id")?,
        webhook: WebhookId::new(present(line.webhook_id, "webhook_id")?),
        event: present(line.event, "event")?,
        created_ms: present(line.creation_timestamp, "creation_timestamp")?,
        attempts: line.attempts.unwrap_or_default(),
        state,
        reason: line.reason,
    })
}
