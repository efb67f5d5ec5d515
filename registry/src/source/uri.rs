//! URIs of sources, read as Python's `urllib.parse` does, which MLflow checks them with.

use super::SourceRefusal;
use crate::error::Result;

/// What a source is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A folder on the server's machine.
    Local(String),
    /// A run's artifacts, by the run's id.
    Run(String),
    /// A logged model, by its id.
    LoggedModel(String),
    /// A version of a registered model.
    Version,
    /// What the server's artifact proxy serves.
    Proxied,
    /// A bucket, say.
    Other,
}

impl Kind {
    pub(super) fn of(source: &str) -> Result<Self> {
        let (scheme, rest) = split_scheme(source);
        let unowned = |parameter| Err(SourceRefusal::unowned(source, parameter).into());
        let path = path(rest);
        match scheme.to_ascii_lowercase().as_str() {
            "" => Ok(Self::Local(source.to_owned())),
            "file" if is_this_host(authority(rest)) => Ok(Self::Local(unquoted(path))),
            "file" => Err(SourceRefusal::Host { what: "source", scheme: "file".to_owned() }.into()),
            "runs" => match path.strip_prefix('/').and_then(|path| path.split('/').next()) {
                Some(id) if !id.is_empty() && authority(rest).is_empty() => {
                    Ok(Self::Run(id.to_owned()))
                }
                _ => unowned("run_id"),
            },
            "models" if !authority(rest).is_empty() => {
                Err(SourceRefusal::OtherRegistry(source.to_owned()).into())
            }
            "models" => match crate::uri::ModelUri::parse(source) {
                Ok(_) => Ok(Self::Version),
                Err(_) => match path.trim_start_matches('/') {
                    id if path.starts_with('/') && is_logged_model(id) => {
                        Ok(Self::LoggedModel(id.to_owned()))
                    }
                    _ => unowned("model_id"),
                },
            },
            _ if is_proxied(source) => Ok(Self::Proxied),
            _ => Ok(Self::Other),
        }
    }
}

/// Tells whether a `models:/` path names a logged model rather than nothing.
fn is_logged_model(id: &str) -> bool {
    id.starts_with("m-") && !id.contains(['/', '@'])
}

fn is_this_host(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    matches!(host.as_str(), "" | ".")
        || host.starts_with("localhost")
        || host.starts_with("127.0.0.1")
}

/// Splits the scheme off; without one it is empty.
pub(super) fn split_scheme(uri: &str) -> (&str, &str) {
    let Some((scheme, rest)) = uri.split_once(':') else { return ("", uri) };
    let mut chars = scheme.chars();
    let is_scheme = chars.next().is_some_and(|first| first.is_ascii_alphabetic())
        && chars.all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    if is_scheme { (scheme, rest) } else { ("", uri) }
}

/// Returns the host between `//` and the path.
pub(super) fn authority(rest: &str) -> &str {
    let Some(after) = rest.strip_prefix("//") else { return "" };
    after.split(['/', '?', '#']).next().unwrap_or_default()
}

/// Returns the path, without query and fragment.
pub(super) fn path(rest: &str) -> &str {
    let after = match rest.strip_prefix("//") {
        Some(_) => &rest[2 + authority(rest).len()..],
        None => rest,
    };
    after.split(['?', '#']).next().unwrap_or_default()
}

/// Takes percent-encoding away until none is left, so that nothing hides behind two layers.
pub(super) fn unquoted(text: &str) -> String {
    let mut text = text.to_owned();
    loop {
        let plain = unquoted_once(&text);
        if plain == text {
            return plain;
        }
        text = plain;
    }
}

fn unquoted_once(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = tail.get(..2).filter(|_| *first == b'%').and_then(|hex| {
            let hex = std::str::from_utf8(hex).ok().filter(|hex| !hex.starts_with('+'))?;
            u8::from_str_radix(hex, 16).ok()
        });
        match hex {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Tells whether a path or URI has a part that climbs, however it is spelled.
pub(super) fn climbs(source: &str) -> bool {
    let plain = unquoted(source);
    plain.contains('\0') || plain.split('/').any(|part| part == "..")
}

/// Refuses what is not absolute or climbs.
pub(super) fn check_absolute(source: &str) -> Result<()> {
    let plain = unquoted(&source.replace('+', " "));
    let (_, rest) = split_scheme(&plain);
    let path = path(rest).trim_end_matches('/');
    let is_plain = path.starts_with('/') && path.split('/').all(|part| part != ".");
    match is_plain && !climbs(source) {
        true => Ok(()),
        false => Err(SourceRefusal::Relative(source.to_owned()).into()),
    }
}

/// The parts that two URIs are compared by.
pub(super) fn parts(uri: &str) -> (String, String, Vec<String>) {
    let (scheme, rest) = split_scheme(uri);
    let parts = path(rest).split('/').filter(|part| !part.is_empty()).map(unquoted);
    (scheme.to_ascii_lowercase(), authority(rest).to_ascii_lowercase(), parts.collect())
}

/// Tells whether the server's own proxy serves it.
fn is_proxied(source: &str) -> bool {
    const ROUTE: [&str; 4] = ["api", "2.0", "mlflow-artifacts", "artifacts"];
    let (scheme, _, parts) = parts(source);
    scheme == "mlflow-artifacts"
        || (matches!(scheme.as_str(), "http" | "https")
            && parts.windows(ROUTE.len()).any(|window| window == ROUTE))
}
