//! The names of images: `churn`, `team/churn:7`, `registry.example:5000/team/churn:7`.

use std::fmt;

use crate::{Error, Result};

/// The longest name without host and tag, as registries have it.
const REPOSITORY_BYTES_MAX: usize = 255;
/// The longest tag.
const TAG_BYTES_MAX: usize = 128;
/// The registry that Docker means when none is named.
const DEFAULT_REGISTRY: &str = "docker.io";

/// The name of an image, with the registry that it belongs to if it says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    registry: Option<String>,
    repository: String,
    tag: String,
}

impl Reference {
    /// Reads a name; the tag is `latest` when it has none.
    ///
    /// As everywhere, the first part is a host if it holds a dot or a colon, or is `localhost`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what no registry takes, and for names by digest.
    pub fn parse(text: &str) -> Result<Self> {
        let invalid = |rule| Error::Invalid { what: "image name", value: text.to_owned(), rule };
        if text.contains('@') {
            return Err(invalid("it must have a tag, not a digest"));
        }
        let (registry, rest) = match text.split_once('/') {
            Some((host, rest)) if is_host(host) => (Some(host), rest),
            _ => (None, text),
        };
        let (repository, tag) = rest.rsplit_once(':').unwrap_or((rest, "latest"));
        if !is_repository(repository) {
            return Err(invalid(
                "it must be lowercase letters and digits, separated by `.`, `_`, `-` or `/`",
            ));
        }
        if !is_tag(tag) {
            return Err(invalid("a tag is up to 128 letters, digits, `_`, `.` and `-`"));
        }
        if registry.is_some_and(|host| !is_valid_host(host)) {
            return Err(invalid("its host must be a name or address, and a port if it has one"));
        }
        Ok(Self {
            registry: registry.map(str::to_owned),
            repository: repository.to_owned(),
            tag: tag.to_owned(),
        })
    }

    /// Returns the host of the registry, with its port, if the name says one.
    pub fn registry(&self) -> Option<&str> {
        self.registry.as_deref()
    }

    /// Returns the name in its registry: official images of Docker's are below `library/`.
    pub fn repository(&self) -> String {
        let is_official = self.registry.as_deref() == Some(DEFAULT_REGISTRY);
        let prefix = if is_official && !self.repository.contains('/') { "library/" } else { "" };
        format!("{prefix}{}", self.repository)
    }

    /// Returns the tag.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// Spells the name out as Docker's programs do among themselves.
    pub fn qualified(&self) -> String {
        let registry = self.registry.clone().unwrap_or_else(|| DEFAULT_REGISTRY.to_owned());
        let whole = Self { registry: Some(registry.clone()), ..self.clone() };
        format!("{registry}/{}:{}", whole.repository(), self.tag)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(registry) = &self.registry {
            write!(f, "{registry}/")?;
        }
        write!(f, "{}:{}", self.repository, self.tag)
    }
}

fn is_host(part: &str) -> bool {
    part == "localhost" || part.contains(['.', ':'])
}

fn is_valid_host(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) if address.parse::<std::net::Ipv6Addr>().is_ok() => ("v6", port),
            _ => return false,
        },
        None => host.find(':').map_or((host, ""), |at| host.split_at(at)),
    };
    let is_port =
        |text: &str| text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    let is_label = |label: &str| {
        label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.split('.').all(is_label) && (port.is_empty() || is_port(port))
}

fn is_repository(text: &str) -> bool {
    text.len() <= REPOSITORY_BYTES_MAX && text.split('/').all(is_path_component)
}

/// Letters and digits; between them one `.`, up to two `_`, or any number of `-`.
fn is_path_component(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    if !is_word(*first) || !is_word(*last) {
        return false;
    }
    bytes.split(|byte| is_word(*byte)).all(|between| {
        matches!(between, b"" | b"." | b"_" | b"__") || between.iter().all(|byte| *byte == b'-')
    })
}

fn is_tag(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mut bytes = text.bytes();
    text.len() <= TAG_BYTES_MAX
        && bytes.next().is_some_and(is_word)
        && bytes.all(|byte| is_word(byte) || matches!(byte, b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Option<(&str, &str)>) {
        let got = Reference::parse(text).ok().map(|name| (name.to_string(), name.qualified()));
        let got = got.as_ref().map(|(shown, whole)| (shown.as_str(), whole.as_str()));
        assert_eq!(got, want, "for {text:?}");
    }

    #[test]
    fn names_are_read_as_docker_reads_them() {
        check("churn", Some(("churn:latest", "docker.io/library/churn:latest")));
        check("team/churn:v1.2", Some(("team/churn:v1.2", "docker.io/team/churn:v1.2")));
        check("localhost/churn:1", Some(("localhost/churn:1", "localhost/churn:1")));
        check(
            "r.example:5000/a/b__c/d-e:1",
            Some(("r.example:5000/a/b__c/d-e:1", "r.example:5000/a/b__c/d-e:1")),
        );
        check("[::1]:5000/a", Some(("[::1]:5000/a:latest", "[::1]:5000/a:latest")));
        check(
            "docker.io/churn",
            Some(("docker.io/churn:latest", "docker.io/library/churn:latest")),
        );
    }

    #[test]
    fn what_no_registry_takes_is_refused() {
        let long = "a".repeat(256);
        let long_tag = format!("a:{}", "t".repeat(129));
        let texts = [
            "",
            ":1",
            "Churn",
            "a//b",
            "/a",
            "a/",
            "a..b",
            "a___b",
            "-a",
            "a:",
            "a:.x",
            "a b",
            "a:b:c",
            "../etc",
            "a/../b",
            "r.example:99999/a",
            "evil.example:5000@h/a",
            "r_x.example/a",
            "a@sha256:0",
            "[::g]:5000/a",
            &long,
            &long_tag,
        ];
        for text in texts {
            check(text, None);
        }
    }
}
