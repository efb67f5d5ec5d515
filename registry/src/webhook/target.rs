//! Where a webhook may be: its URL, and the addresses of its host.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mlctl_client::reqwest::Url;
use mlctl_client::reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::is_public;
use super::settings::DeliverySettings;
use crate::error::{Error, Result};

/// How long a host's addresses are waited for.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// A host that may not be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Forbidden {
    host: String,
    address: IpAddr,
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, address } = self;
        write!(f, "`{host}` is at {address}, which is not a public IP address")
    }
}

impl std::error::Error for Forbidden {}

/// Reads a webhook's URL.
///
/// # Errors
/// [`Error::WebhookRefused`] for what is no URL with a host and an allowed scheme, and for an
/// address in it that may not be called.
pub(super) fn check_url(text: &str, settings: &DeliverySettings) -> Result<Url> {
    let refuse = |problem: String| Err(Error::WebhookRefused(problem));
    if text.trim().is_empty() {
        return refuse(format!("Webhook URL cannot be empty or just whitespace: '{text}'"));
    }
    // The parser leaves line breaks out, so that another URL would be called than is stored.
    if text.contains(char::is_control) {
        return refuse(no_url(text, "it must not contain control characters", settings));
    }
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(error) => return refuse(no_url(text, &error.to_string(), settings)),
    };
    if !settings.allowed_schemes.iter().any(|scheme| scheme == url.scheme()) {
        let allowed = settings.allowed_schemes.join(", ");
        let scheme = url.scheme();
        return refuse(format!(
            "Invalid webhook URL scheme: '{scheme}'. Allowed schemes are: {allowed}."
        ));
    }
    let Some(host) = url.host_str().filter(|host| !host.is_empty()) else {
        return refuse(format!("Webhook URL must include a hostname: '{text}'"));
    };
    // The client connects to an address in a URL without asking the resolver.
    if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>()
        && !settings.allow_private_ips
        && !is_public(address)
    {
        let host = host.to_owned();
        return refuse(forbidden_text(&Forbidden { host, address }));
    }
    Ok(url)
}

/// Says why a text is no URL, in MLflow's words.
fn no_url(text: &str, error: &str, settings: &DeliverySettings) -> String {
    match text.split_once("://") {
        None => format!(
            "Invalid webhook URL scheme: ''. Allowed schemes are: {}. A URL is one such as \
             https://{EXAMPLE}",
            settings.allowed_schemes.join(", ")
        ),
        Some((_, rest)) if rest.is_empty() || rest.starts_with('/') => {
            format!("Webhook URL must include a hostname: '{text}'")
        }
        Some(_) => format!(
            "Invalid webhook URL '{text}': {error}; it must be one such as https://{EXAMPLE}"
        ),
    }
}

const EXAMPLE: &str = "example.com/hook";

/// Says that a host may not be called, to whoever wants it to be.
pub(super) fn forbidden_text(forbidden: &Forbidden) -> String {
    let Forbidden { host, address } = forbidden;
    format!(
        "Webhook URL must not resolve to a non-public IP address. '{host}' resolves to {address}."
    )
}

/// Finds the addresses of hosts, and refuses a host with one that may not be called.
///
/// The client connects to what this returns and asks nobody else, so a name that is given another
/// address meanwhile gains nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct CheckedResolver {
    pub(super) allow_private_ips: bool,
}

impl CheckedResolver {
    /// Finds a host's addresses.
    ///
    /// # Errors
    /// A [`Forbidden`], or why there are none.
    pub(super) async fn addresses(
        self,
        host: &str,
    ) -> Result<Vec<SocketAddr>, Box<dyn std::error::Error + Send + Sync>> {
        let lookup = tokio::time::timeout(LOOKUP_TIMEOUT, tokio::net::lookup_host((host, 0)));
        let found: Vec<_> = match lookup.await {
            Ok(found) => found?.collect(),
            Err(_) => return Err(format!("no answer for {} s", LOOKUP_TIMEOUT.as_secs()).into()),
        };
        let forbidden = found.iter().map(SocketAddr::ip).find(|address| !is_public(*address));
        match forbidden {
            Some(address) if !self.allow_private_ips => {
                Err(Forbidden { host: host.to_owned(), address }.into())
            }
            _ => Ok(found),
        }
    }
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = *self;
        Box::pin(async move {
            let found = resolver.addresses(name.as_str()).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, schemes: &[&str], allow_private_ips: bool, want: Option<&str>) {
        let settings = DeliverySettings {
            allowed_schemes: schemes.iter().map(ToString::to_string).collect(),
            allow_private_ips,
            ..DeliverySettings::default()
        };
        let refused = check_url(url, &settings).err().map(|error| error.to_string());
        match (refused, want) {
            (None, None) => {}
            (Some(refused), Some(want)) => assert!(refused.contains(want), "{url}: {refused}"),
            (got, want) => panic!("{url}: {got:?} instead of {want:?}"),
        }
    }

    #[test]
    fn schemes_hosts_and_addresses_are_checked() {
        check("https://example.com/x", &["https"], false, None);
        check("HTTPS://example.com", &["https"], false, None);
        check("http://example.com", &["https"], false, Some("'http'. Allowed schemes are: https."));
        check("http://example.com", &["https", "http"], false, None);
        check("ftp://x", &["https", "http"], false, Some("Allowed schemes are: https, http."));
        check("", &["https"], false, Some("Webhook URL cannot be empty"));
        check("example.com", &["https"], false, Some("Invalid webhook URL scheme: ''"));
        check("https://", &["https"], false, Some("Webhook URL must include a hostname"));
        check("https://[::1", &["https"], false, Some("Invalid webhook URL"));
        for url in ["https://example.com/a\nb", "https://example.com/\0", "https://a\r\n.example"] {
            check(url, &["https"], false, Some("it must not contain control characters"));
        }
        check("https://8.8.8.8/", &["https"], false, None);
        check("https://127.0.0.1/", &["https"], true, None);
    }

    #[test]
    fn a_private_address_is_seen_in_every_spelling() {
        for host in [
            "127.0.0.1",
            "127.1",
            "0177.0.0.1",
            "2130706433",
            "0x7f000001",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "0.0.0.0",
            "169.254.169.254",
            "10.0.0.1",
            "①②⑦.0.0.1",
        ] {
            let url = format!("https://{host}/");
            check(&url, &["https"], false, Some("must not resolve to a non-public IP address"));
        }
    }
}
