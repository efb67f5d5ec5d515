//! What a browser asks for.

use crate::site::Site;
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};
use std::convert::Infallible;

/// Which colours a page has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Theme {
    /// Those that the browser prefers.
    #[default]
    Auto,
    Light,
    Dark,
}

impl Theme {
    /// Reads the name of a theme; what is none is [`Theme::Auto`].
    pub(crate) fn parse(text: &str) -> Self {
        match text {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::Auto,
        }
    }

    /// Returns the name of the theme.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Returns the theme that the switch leads to.
    pub(crate) fn next(self) -> Self {
        match self {
            Self::Auto => Self::Dark,
            Self::Dark => Self::Light,
            Self::Light => Self::Auto,
        }
    }
}

/// The cookie that keeps a theme.
pub(crate) const THEME_COOKIE: &str = "mlctl_theme";

/// A request for a page, as far as pages look at it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// The path below the prefix.
    pub(crate) path: String,
    /// The parameters after `?`, in their order.
    pub(crate) pairs: Vec<(String, String)>,
    /// The holes of the route, by name.
    pub(crate) holes: Vec<(String, String)>,
    pub(crate) theme: Theme,
    /// Whether the browser reads gzip.
    pub(crate) takes_gzip: bool,
    /// The address of this server as the browser spells it, with the prefix.
    pub(crate) server: String,
}

impl Asked {
    /// Returns the first parameter of a name, if it is not empty.
    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        let mut values = self.pairs.iter().filter(|(known, _)| known == name);
        values.find(|(_, value)| !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// Returns all parameters of a name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Returns what stands in a hole of the route.
    pub(crate) fn hole(&self, name: &str) -> &str {
        let found = self.holes.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }
}

impl FromRequestParts<Site> for Asked {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Infallible> {
        let holes = RawPathParams::from_request_parts(parts, site).await;
        let holes = holes.iter().flat_map(|holes| holes.iter());
        let holes = holes.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self {
            path: parts.uri.path().to_owned(),
            pairs: serde_html_form::from_str(query).unwrap_or_default(),
            holes,
            theme: cookie(&parts.headers, THEME_COOKIE).map_or(Theme::Auto, Theme::parse),
            takes_gzip: text(&parts.headers, header::ACCEPT_ENCODING)
                .split(',')
                .any(|way| way.trim().split(';').next() == Some("gzip")),
            server: server_address(&parts.headers, &site.prefix),
        })
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = text(headers, header::COOKIE).split(';');
    let mut pairs = cookies.filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// A proxy in front says how it was reached; commands on the pages name that address.
fn server_address(headers: &HeaderMap, prefix: &str) -> String {
    let proto = HeaderName::from_static("x-forwarded-proto");
    let scheme = if text(headers, proto) == "https" { "https" } else { "http" };
    let host = match text(headers, header::HOST) {
        "" => "127.0.0.1:5000",
        host => host,
    };
    format!("{scheme}://{host}{prefix}")
}
