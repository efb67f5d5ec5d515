//! How webhooks are told: what a host may set.

use std::time::Duration;

use super::secret::SecretKey;

/// How webhooks may be called, and how often.
#[derive(Clone, Debug)]
pub struct DeliverySettings {
    /// The schemes that a webhook's URL may have (MLflow's `MLFLOW_WEBHOOK_ALLOWED_SCHEMES`).
    pub allowed_schemes: Vec<String>,
    /// Whether addresses of this host and its network may be called
    /// (`MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS`): anyone who may create a webhook reaches them then.
    pub allow_private_ips: bool,
    /// How long one request may take (`MLFLOW_WEBHOOK_REQUEST_TIMEOUT`).
    pub request_timeout: Duration,
    /// How often a request is made again (`MLFLOW_WEBHOOK_REQUEST_MAX_RETRIES`).
    pub retries_max: u32,
    /// The pause before the first repetition; each further one doubles it, and up to the same
    /// time is added at random.
    pub backoff: Duration,
    /// The longest of these pauses.
    pub backoff_max: Duration,
    /// How many webhooks are called at the same time (`MLFLOW_WEBHOOK_DELIVERY_MAX_WORKERS`);
    /// one gets its messages one by one.
    pub webhooks_at_once: usize,
    /// How often the queue is looked at.
    pub poll: Duration,
    /// How much of an answer is read when a webhook is tried.
    pub answer_bytes_max: usize,
    /// How long a message that could not be delivered is kept.
    pub failed_kept: Duration,
    /// How many such messages are kept.
    pub failed_max: usize,
    /// What opens the secrets (`MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY`); without one a webhook can
    /// have none.
    pub secret_key: Option<SecretKey>,
}

impl Default for DeliverySettings {
    /// MLflow's choices, as far as it has them.
    fn default() -> Self {
        Self {
            allowed_schemes: vec!["https".to_owned()],
            allow_private_ips: false,
            request_timeout: Duration::from_secs(30),
            retries_max: 3,
            backoff: Duration::from_secs(1),
            backoff_max: Duration::from_secs(60),
            webhooks_at_once: 10,
            poll: Duration::from_secs(1),
            answer_bytes_max: 64 * 1024,
            failed_kept: Duration::from_secs(7 * 24 * 60 * 60),
            failed_max: 10_000,
            secret_key: None,
        }
    }
}
