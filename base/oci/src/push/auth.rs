//! How registries ask who somebody is: RFC 7617 and the token scheme of Docker's registry
//! (<https://distribution.github.io/distribution/spec/auth/token/>).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::Credentials;

/// What a registry wants.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// A user name and a password.
    Basic,
    /// A token.
    Bearer {
        /// Where one is given.
        realm: String,
        /// What the registry is called there.
        service: Option<String>,
    },
}

impl Challenge {
    /// Reads a `WWW-Authenticate` header; `None` for what is not understood.
    pub(super) fn parse(header: &str) -> Option<Self> {
        let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let (mut realm, mut service) = (None, None);
        for (name, value) in parameters(rest) {
            match name.as_str() {
                "realm" => realm = Some(value),
                "service" => service = Some(value),
                _ => {}
            }
        }
        Some(Self::Bearer { realm: realm?, service })
    }
}

/// Reads `name="value", other=token`; commas and quotes may be in quotes.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_matches([' ', ',']).to_ascii_lowercase();
        let (value, after) = value(after.trim_start());
        found.push((name, value));
        rest = after.trim_start_matches([' ', ',']);
    }
    found
}

/// Reads one value, quoted or not, and returns what follows.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(',').unwrap_or(text.len());
        return (text[..end].trim_end().to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut is_escaped = false;
    for (at, c) in quoted.char_indices() {
        match c {
            '\\' if !is_escaped => is_escaped = true,
            '"' if !is_escaped => return (value, &quoted[at + 1..]),
            _ => {
                value.push(c);
                is_escaped = false;
            }
        }
    }
    (value, "")
}

/// Spells credentials as a header.
pub(super) fn basic(known: &Credentials) -> String {
    let pair = format!("{}:{}", known.username, known.password);
    format!("Basic {}", STANDARD.encode(pair))
}

/// Reads the token out of an answer; it goes by two names.
pub(super) fn token_in(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Given {
        token: Option<String>,
        access_token: Option<String>,
    }
    let given: Given = serde_json::from_slice(body).ok()?;
    let token = given.token.or(given.access_token)?;
    // What is in a header must not end it.
    let is_plain = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    is_plain.then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(header: &str, want: Option<(&str, Option<&str>)>) {
        let want = want.map(|(realm, service)| Challenge::Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
        });
        assert_eq!(Challenge::parse(header), want, "for {header:?}");
    }

    #[test]
    fn challenges_are_read() {
        assert_eq!(Challenge::parse("Basic realm=\"r\""), Some(Challenge::Basic));
        check(
            "Bearer realm=\"https://a.example/t?x=1,2\",service=\"r.example\",scope=\"repository:a:pull,push\"",
            Some(("https://a.example/t?x=1,2", Some("r.example"))),
        );
        check("bearer Realm=https://a.example , error=\"x\"", Some(("https://a.example", None)));
        check("Bearer realm=\"a\\\"b\"", Some(("a\"b", None)));
        for header in
            ["", "Bearer", "Bearer service=\"x\"", "Negotiate", "Digest realm=\"x\"", "Bearer ==="]
        {
            check(header, None);
        }
        check("Bearer realm=\"unclosed", Some(("unclosed", None)));
    }

    #[test]
    fn a_token_goes_by_two_names() {
        assert_eq!(token_in(br#"{"token": "a"}"#).as_deref(), Some("a"));
        assert_eq!(token_in(br#"{"access_token": "b", "expires_in": 60}"#).as_deref(), Some("b"));
        for body in [&b"{}"[..], b"[]", b"", br#"{"token": ""}"#, br#"{"token": "a\r\nX: y"}"#] {
            assert_eq!(token_in(body), None);
        }
    }
}
