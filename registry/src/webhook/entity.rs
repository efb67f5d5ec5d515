//! Webhooks as plain data, and what it takes to make and change them.

use std::fmt;

use super::kind::EventKinds;
use super::secret::SealedSecret;
use crate::entity::PageSize;
use crate::error::{Error, Result};

/// Identifies a webhook: a UUID where this crate or MLflow made it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WebhookId(String);

impl WebhookId {
    /// Makes an id that nothing else has.
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4().to_string())
    }

    /// Takes any text: an id that no webhook has is not found.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WebhookId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Names a webhook for people: 1 to 63 letters, digits, `.`, `_` and `-`; two may share one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookName(String);

impl WebhookName {
    /// The most characters a name may have.
    pub const CHARS_MAX: usize = 63;

    /// Checks a name; it starts and ends with a letter or digit.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that breaks the rule.
    pub fn parse(text: &str) -> Result<Self> {
        let is_fine = (1..=Self::CHARS_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.ends_with(|c: char| c.is_ascii_alphanumeric());
        if is_fine {
            return Ok(Self(text.to_owned()));
        }
        let rule = "it must start and end with a letter or digit, have at most 63 characters, \
                    and contain only letters, digits, dots, underscores and hyphens";
        let words = format!(
            "Webhook name '{text}' is invalid. It must start and end with a letter or digit, be \
             less than 63 characters long, and contain only letters, digits, dots (.), underscores \
             (_), and hyphens (-)."
        );
        Err(Error::invalid("webhook name", text, rule).in_words(words))
    }

    /// Takes over a name that a store holds, whatever today's rule says of it.
    #[cfg(any(feature = "sqlite", feature = "client"))]
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WebhookName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Whether a webhook is told anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WebhookStatus {
    /// It is told of its events.
    #[default]
    Active,
    /// It is kept, and told nothing.
    Disabled,
}

impl WebhookStatus {
    /// Returns MLflow's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Disabled => "DISABLED",
        }
    }

    /// Finds the status of MLflow's word.
    ///
    /// # Errors
    /// [`Error::Invalid`] for any other word.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "ACTIVE" => Ok(Self::Active),
            "DISABLED" => Ok(Self::Disabled),
            _ => Err(Error::invalid("webhook status", text, "it must be ACTIVE or DISABLED")),
        }
    }
}

/// A URL that is told of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// The id.
    pub id: WebhookId,
    /// The name.
    pub name: WebhookName,
    /// What people should know about it.
    pub description: Option<String>,
    /// Where requests go; it may hold a password or a token, so it belongs in no log.
    pub url: String,
    /// What it is told of; never nothing.
    pub events: EventKinds,
    /// Whether it is told anything.
    pub status: WebhookStatus,
    /// What requests are signed with, sealed; unsigned without one.
    pub secret: Option<SealedSecret>,
    /// When it was created, in milliseconds since 1970-01-01 UTC.
    pub creation_timestamp_ms: i64,
    /// When it last changed, in milliseconds since 1970-01-01 UTC.
    pub last_updated_timestamp_ms: i64,
}

/// What may be told of a webhook: all but its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookSummary {
    /// The id.
    pub id: WebhookId,
    /// The name.
    pub name: WebhookName,
    /// What people should know about it.
    pub description: Option<String>,
    /// Where requests go; it may hold a password or a token, so it belongs in no log.
    pub url: String,
    /// What it is told of, as far as this crate knows it.
    pub events: EventKinds,
    /// Whether it is told anything.
    pub status: WebhookStatus,
    /// Whether requests are signed; `None` where a server does not say.
    pub is_signed: Option<bool>,
    /// When it was created, in milliseconds since 1970-01-01 UTC.
    pub creation_timestamp_ms: i64,
    /// When it last changed, in milliseconds since 1970-01-01 UTC.
    pub last_updated_timestamp_ms: i64,
}

impl From<Webhook> for WebhookSummary {
    fn from(webhook: Webhook) -> Self {
        Self {
            id: webhook.id,
            name: webhook.name,
            description: webhook.description,
            url: webhook.url,
            events: webhook.events,
            status: webhook.status,
            is_signed: Some(webhook.secret.is_some()),
            creation_timestamp_ms: webhook.creation_timestamp_ms,
            last_updated_timestamp_ms: webhook.last_updated_timestamp_ms,
        }
    }
}

/// A webhook to be created. Its URL was checked by [`Sender::check`](super::Sender::check).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewWebhook {
    /// The name.
    pub name: WebhookName,
    /// What people should know about it.
    pub description: Option<String>,
    /// Where requests go.
    pub url: String,
    /// What it is told of.
    pub events: EventKinds,
    /// Whether it is told anything.
    pub status: WebhookStatus,
    /// What requests are signed with.
    pub secret: Option<SealedSecret>,
}

impl NewWebhook {
    /// Makes the webhook, with an id of its own.
    ///
    /// # Errors
    /// [`Error::Invalid`] without any event.
    pub(crate) fn into_webhook(self, at_ms: i64) -> Result<Webhook> {
        must_have_events(&self.events)?;
        Ok(Webhook {
            id: WebhookId::random(),
            name: self.name,
            description: self.description,
            url: self.url,
            events: self.events,
            status: self.status,
            secret: self.secret,
            creation_timestamp_ms: at_ms,
            last_updated_timestamp_ms: at_ms,
        })
    }
}

/// What to change of a webhook; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebhookUpdate {
    /// Another name.
    pub name: Option<WebhookName>,
    /// Another description.
    pub description: Option<String>,
    /// Another URL, checked like that of a new one.
    pub url: Option<String>,
    /// Other events of those that MLflow knows; the others stay.
    pub mlflow_events: Option<EventKinds>,
    /// Other events of those that MLflow does not know; the others stay.
    pub own_events: Option<EventKinds>,
    /// Another status.
    pub status: Option<WebhookStatus>,
    /// Another secret, or none.
    pub secret: Option<Option<SealedSecret>>,
}

impl WebhookUpdate {
    /// Changes a webhook.
    ///
    /// # Errors
    /// [`Error::Invalid`] when no event would be left.
    pub(crate) fn apply(self, webhook: &mut Webhook, at_ms: i64) -> Result<()> {
        let (mut mlflow, mut own) = webhook.events.split();
        mlflow = self.mlflow_events.map_or(mlflow, |events| events.split().0);
        own = self.own_events.map_or(own, |events| events.split().1);
        let events = mlflow.iter().chain(own.iter()).collect();
        must_have_events(&events)?;
        webhook.events = events;
        webhook.name = self.name.unwrap_or_else(|| webhook.name.clone());
        webhook.url = self.url.unwrap_or_else(|| std::mem::take(&mut webhook.url));
        webhook.description = self.description.or(webhook.description.take());
        webhook.status = self.status.unwrap_or(webhook.status);
        webhook.secret = self.secret.unwrap_or_else(|| webhook.secret.take());
        webhook.last_updated_timestamp_ms = at_ms;
        Ok(())
    }
}

fn must_have_events(events: &EventKinds) -> Result<()> {
    match events.is_empty() {
        false => Ok(()),
        true => {
            let rule = "a webhook needs at least one event";
            let words = "Webhook events must be a non-empty list of WebhookEvent objects: [].";
            Err(Error::invalid("webhook events", "[]", rule).in_words(words))
        }
    }
}

/// Which webhooks to list, the newest first.
#[derive(Clone, Debug, Default)]
pub struct WebhookQuery {
    /// Leaves out those that listen to none of MLflow's events, which its programs cannot read.
    pub mlflow_only: bool,
    /// How many at most.
    pub size: PageSize,
    /// The last one of the page before.
    pub after: Option<WebhookPosition>,
}

/// Where a page of webhooks ends: the time of creation and the id of its last one.
pub type WebhookPosition = (i64, String);

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, is_fine: bool) {
        assert_eq!(WebhookName::parse(name).is_ok(), is_fine, "{name:?}");
    }

    #[test]
    fn names_are_mlflows() {
        check("a", true);
        check("Hook-1.prod_x", true);
        check(&"a".repeat(63), true);
        check(&"a".repeat(64), false);
        check("", false);
        check("-a", false);
        check("a.", false);
        check("a b", false);
        check("ä", false);
        check("a\n", false);
    }
}
