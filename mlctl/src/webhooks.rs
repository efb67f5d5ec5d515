//! How webhooks may be called, as MLflow's variables say.

use crate::config::Origin;
use crate::config::known::{self, Known};
use crate::failure::Hinted;
use anyhow::Result;
use mlctl_registry::webhook::{DeliverySettings, SecretKey};
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

/// Reads the settings from the environment.
pub(crate) fn settings() -> Result<DeliverySettings> {
    let mut settings = DeliverySettings::default();
    if let Some((list, _)) = known::WEBHOOK_SCHEMES.read() {
        let schemes = list.split(',').map(|scheme| scheme.trim().to_ascii_lowercase());
        settings.allowed_schemes = schemes.filter(|scheme| !scheme.is_empty()).collect();
    }
    if let Some((text, origin)) = known::WEBHOOK_PRIVATE_IPS.read() {
        settings.allow_private_ips = match text.to_ascii_lowercase().as_str() {
            "true" | "1" => true,
            "false" | "0" => false,
            _ => return Err(invalid_variable(&origin, &text, "true or false")),
        };
    }
    if let Some(seconds) = number::<u64>(&known::WEBHOOK_TIMEOUT)? {
        settings.request_timeout = Duration::from_secs(seconds.max(1));
    }
    if let Some(retries) = number(&known::WEBHOOK_RETRIES)? {
        settings.retries_max = retries;
    }
    if let Some(workers) = number::<usize>(&known::WEBHOOK_WORKERS)? {
        settings.webhooks_at_once = workers.max(1);
    }
    if let Some((text, origin)) = known::WEBHOOK_KEY.read() {
        let key = SecretKey::parse(&text).map_err(|_| {
            Hinted::usage(
                format!("{origin} is not a key"),
                "create a key with Python's Fernet.generate_key(): 32 bytes in URL-safe base64",
            )
        })?;
        settings.secret_key = Some(key);
    }
    Ok(settings)
}

fn number<T: FromStr>(setting: &Known) -> Result<Option<T>> {
    let Some((text, origin)) = setting.read() else { return Ok(None) };
    text.parse().map(Some).map_err(|_| invalid_variable(&origin, &text, "a whole number"))
}

fn invalid_variable(origin: &Origin, text: &str, right: impl Display) -> anyhow::Error {
    Hinted::usage(format!("{origin} is `{text}`"), format!("it must be {right}"))
}
