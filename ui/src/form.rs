//! Forms: what pages change is sent by `POST`, and comes from these pages alone.

use crate::reply::{PageError, Result};
use crate::site::Site;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, StatusCode, header};
use maud::{Markup, html};

/// The field that carries the token.
const TOKEN_FIELD: &str = "_form";

/// The largest form: notes are the longest that people write.
const FORM_BYTES_MAX: usize = 1 << 20;

/// The fields of a form that was sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form {
    pairs: Vec<(String, String)>,
}

impl Form {
    /// Reads a form, and refuses one that does not come from a page of this server.
    pub(crate) async fn read(site: &Site, headers: &HeaderMap, body: Body) -> Result<Self> {
        let from = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
        if !matches!(from, None | Some("same-origin" | "none")) {
            return Err(foreign());
        }
        let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !kind.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded")) {
            return Err(PageError::invalid("the request is not a form"));
        }
        let bytes = to_bytes(body, FORM_BYTES_MAX).await;
        let bytes = bytes.map_err(|_| PageError {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            message: "the form is larger than 1 MiB".to_owned(),
        })?;
        let pairs: Vec<(String, String)> = serde_html_form::from_bytes(&bytes)
            .map_err(|error| PageError::invalid(format!("the form cannot be read: {error}")))?;
        let form = Self { pairs };
        match form.first(TOKEN_FIELD) == Some(site.form_token()) {
            true => Ok(form),
            false => Err(foreign()),
        }
    }

    /// Returns the first field of a name, if it is not empty.
    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        let mut values = self.pairs.iter().filter(|(known, _)| known == name);
        values.find(|(_, value)| !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// Returns all fields of a name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Returns a field that must be filled in.
    pub(crate) fn required(&self, name: &str, what: &str) -> Result<&str> {
        let value = self.first(name).filter(|value| !value.trim().is_empty());
        value.ok_or_else(|| PageError::invalid(format!("{what} is missing: fill it in")))
    }

    /// Returns where the form came from, a page of this server, or `otherwise`.
    pub(crate) fn back(&self, site: &Site, otherwise: &str) -> String {
        let back = self.first("_back").filter(|back| back.starts_with('/'));
        // A second slash would be another server.
        let back = back.filter(|back| !back.starts_with("//") && !back.contains('\\'));
        site.link(back.unwrap_or(otherwise))
    }
}

fn foreign() -> PageError {
    PageError {
        status: StatusCode::FORBIDDEN,
        message: "the form does not come from a page of this server, or the server was \
                  restarted: reload the page and send the form again"
            .to_owned(),
    }
}

/// The hidden fields of every form: the token, and the page to return to.
pub(crate) fn hidden(site: &Site, back: &str) -> Markup {
    html! {
        input type="hidden" name=(TOKEN_FIELD) value=(site.form_token());
        input type="hidden" name="_back" value=(back);
    }
}
