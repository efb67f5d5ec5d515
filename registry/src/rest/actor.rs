//! Who asks for a change, and why.

use axum::extract::FromRequestParts;
use axum::http::{HeaderMap, request::Parts};
use percent_encoding::percent_decode_str;
use std::convert::Infallible;

use crate::message::{WHO_HEADER, WHY_HEADER};

/// The name of whoever sent a request, as the host has checked it.
///
/// A layer of the host puts it into the request's extensions; what a client says about itself does
/// not count then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller(pub String);

/// Whoever changes something: the checked name, else the name that the client gives.
#[derive(Debug)]
pub(super) struct Actor {
    pub(super) who: String,
    pub(super) why: Option<String>,
    /// Whether the host has checked the name.
    pub(super) is_checked: bool,
}

/// How long a name or a reason may be.
const CHARS_MAX: usize = 1000;
const UNKNOWN: &str = "anonymous";

impl<S: Send + Sync> FromRequestParts<S> for Actor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let checked = parts.extensions.get::<Caller>().map(|caller| caller.0.clone());
        let is_checked = checked.is_some();
        let who = checked
            .or_else(|| text(&parts.headers, WHO_HEADER))
            .unwrap_or_else(|| UNKNOWN.to_owned());
        Ok(Self { who, why: text(&parts.headers, WHY_HEADER), is_checked })
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    let text = percent_decode_str(value).decode_utf8().ok()?;
    let text: String = text.chars().take(CHARS_MAX).collect();
    Some(text).filter(|text| !text.trim().is_empty())
}
