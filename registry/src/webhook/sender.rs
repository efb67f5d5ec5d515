//! Requests to webhooks: signed, bounded, and only to where they may go.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use mlctl_client::reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use mlctl_client::reqwest::{self, Client, RequestBuilder, Response, redirect};
use mlctl_wire::Clock;

use super::delivery::{Delivery, Outcome};
use super::entity::Webhook;
use super::kind::EventKind;
use super::notice::Notice;
use super::retry::{self, Attempt};
use super::settings::DeliverySettings;
use super::signature::{DELIVERY_ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign};
use super::target::{CheckedResolver, Forbidden, check_url, forbidden_text};
use crate::error::{Error, Result};

/// Calls webhooks.
pub struct Sender {
    /// Made when it is first needed: reading all trusted certificates takes time and memory.
    http: OnceLock<Client>,
    settings: DeliverySettings,
    clock: Clock,
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// What came of trying a webhook, as MLflow tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestResult {
    /// Whether the webhook took the message.
    pub success: bool,
    /// The HTTP status, if it answered.
    pub response_status: Option<u16>,
    /// The answer, cut where it is too long.
    pub response_body: Option<String>,
    /// What went wrong.
    pub error_message: Option<String>,
}

/// The headers of one request.
struct Envelope<'a> {
    delivery_id: &'a str,
    body: &'a str,
}

impl Sender {
    /// Prepares to call webhooks. Nothing is sent, and trusted certificates are not read yet.
    pub fn new(settings: DeliverySettings) -> Self {
        Self { http: OnceLock::new(), settings, clock: Clock::system() }
    }

    /// Sets what tells the time.
    #[must_use]
    pub fn with_clock(self, clock: impl Into<Clock>) -> Self {
        Self { clock: clock.into(), ..self }
    }

    /// Returns how it calls.
    pub fn settings(&self) -> &DeliverySettings {
        &self.settings
    }

    /// Returns the time, in milliseconds since 1970-01-01 UTC.
    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now()
    }

    /// Checks that a URL may be a webhook's: its scheme, its host and the addresses of that.
    ///
    /// # Errors
    /// [`Error::WebhookRefused`] when it may not.
    pub async fn check(&self, url: &str) -> Result<()> {
        let url = check_url(url, &self.settings)?;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        if self.settings.allow_private_ips {
            return Ok(());
        }
        let resolver = CheckedResolver { allow_private_ips: false };
        resolver.addresses(host).await.map(|_| ()).map_err(|error| {
            Error::WebhookRefused(match error.downcast_ref::<Forbidden>() {
                Some(forbidden) => forbidden_text(forbidden),
                None => format!("Cannot resolve Webhook URL hostname '{host}': {error}"),
            })
        })
    }

    /// Tries a webhook once with a made-up event, the first that it listens to if none is given.
    pub async fn test(&self, webhook: &Webhook, kind: Option<EventKind>) -> TestResult {
        let failed = |error_message: String| TestResult {
            success: false,
            response_status: None,
            response_body: None,
            error_message: Some(format!("Failed to test webhook: {error_message}")),
        };
        let Some(kind) = kind.or(webhook.events.iter().next()) else {
            return failed("it has no events".to_owned());
        };
        let notice = Notice::example(kind, self.now_ms());
        let delivery_id = uuid::Uuid::new_v4().to_string();
        let envelope = Envelope { delivery_id: &delivery_id, body: &notice.body };
        match self.send(webhook, &envelope).await {
            Err(Attempt::Answered { status, .. }) => failed(format!("its answer was {status}")),
            Err(Attempt::Unreachable(why) | Attempt::Forbidden(why)) => failed(why),
            Ok(response) => {
                let status = response.status().as_u16();
                let complaint = retry::complaint(status);
                TestResult {
                    success: complaint.is_none(),
                    response_status: Some(status),
                    response_body: Some(self.read(response).await),
                    error_message: complaint.filter(|_| (300..400).contains(&status)),
                }
            }
        }
    }

    /// Makes one attempt at a delivery, and says what becomes of it.
    pub(crate) async fn attempt(&self, delivery: &Delivery) -> Outcome {
        let envelope = Envelope { delivery_id: &delivery.delivery_id, body: &delivery.body };
        let attempt = match self.send(&delivery.webhook, &envelope).await {
            Ok(response) => Attempt::Answered {
                status: response.status().as_u16(),
                retry_after: self.pause_asked(&response),
            },
            Err(attempt) => attempt,
        };
        let chance = rand::random::<f64>();
        retry::decide(attempt, delivery.attempts, &self.settings, self.now_ms(), chance)
    }

    fn pause_asked(&self, response: &Response) -> Option<Duration> {
        let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
        retry::pause_asked(text, self.now_ms())
    }

    async fn send(&self, webhook: &Webhook, envelope: &Envelope<'_>) -> Result<Response, Attempt> {
        let url = check_url(&webhook.url, &self.settings)
            .map_err(|error| Attempt::Forbidden(error.to_string()))?;
        let request = self.sign(self.http()?.post(url), webhook, envelope)?;
        request.body(envelope.body.to_owned()).send().await.map_err(|error| failure(&error))
    }

    fn sign(
        &self,
        request: RequestBuilder,
        webhook: &Webhook,
        envelope: &Envelope<'_>,
    ) -> Result<RequestBuilder, Attempt> {
        let timestamp = (self.now_ms() / 1000).to_string();
        let request = request
            .header(CONTENT_TYPE, "application/json")
            .header(DELIVERY_ID_HEADER, envelope.delivery_id)
            .header(TIMESTAMP_HEADER, &timestamp);
        let Some(sealed) = &webhook.secret else { return Ok(request) };
        let key = self.settings.secret_key.as_ref();
        let secret = key.and_then(|key| key.open(sealed)).ok_or_else(|| {
            let why = "cannot decrypt its secret: MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY is not \
                       set, or is not the key that encrypted it";
            Attempt::Forbidden(why.to_owned())
        })?;
        if secret.is_empty() {
            return Ok(request);
        }
        let signature = sign(&secret, envelope.delivery_id, &timestamp, envelope.body);
        Ok(request.header(SIGNATURE_HEADER, signature))
    }

    fn http(&self) -> Result<&Client, Attempt> {
        if let Some(made) = self.http.get() {
            return Ok(made);
        }
        let unreachable =
            |error| Attempt::Unreachable(format!("cannot prepare an HTTP client: {error}"));
        let made = client(&self.settings).map_err(unreachable)?;
        Ok(self.http.get_or_init(|| made))
    }

    /// Reads an answer, up to what one may be.
    async fn read(&self, mut response: Response) -> String {
        let max = self.settings.answer_bytes_max;
        let mut bytes = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            bytes.extend_from_slice(&chunk[..chunk.len().min(max - bytes.len())]);
            if bytes.len() >= max {
                break;
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Makes the HTTP client. No proxy of the environment is used, no redirect followed, and no
/// connection kept: every request checks the address that it goes to.
fn client(settings: &DeliverySettings) -> reqwest::Result<Client> {
    mlctl_client::install_tls();
    Client::builder()
        .user_agent(concat!("mlctl/", env!("CARGO_PKG_VERSION")))
        .no_proxy()
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .dns_resolver(CheckedResolver { allow_private_ips: settings.allow_private_ips })
        .pool_max_idle_per_host(0)
        .timeout(settings.request_timeout)
        .build()
}

/// Says why a request came to nothing. The URL stays out: it may hold a token.
fn failure(error: &reqwest::Error) -> Attempt {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
        if let Some(forbidden) = cause.downcast_ref::<Forbidden>() {
            return Attempt::Forbidden(forbidden_text(forbidden));
        }
    }
    let what = if error.is_timeout() {
        return Attempt::Unreachable("it did not answer in time".to_owned());
    } else if error.is_connect() {
        "cannot reach it"
    } else {
        "the connection was lost"
    };
    Attempt::Unreachable(format!("{what}: {cause}"))
}
