//! What a page function returns, and how it becomes an answer.

use crate::asked::Asked;
use crate::shell::{Page, failure_page};
use crate::site::Site;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use mlctl_wire::ErrorCode;
use std::io::Write;

/// What a page function returns.
pub(crate) type Result<T> = std::result::Result<T, PageError>;

/// An answer to a browser.
#[derive(Debug)]
pub(crate) enum Reply {
    /// A whole page.
    Page(Box<Page>),
    /// Another page, to be asked for with GET.
    Redirect(String),
    /// Anything else, such as a file.
    Other(Box<Response>),
}

impl From<Page> for Reply {
    fn from(page: Page) -> Self {
        Self::Page(Box::new(page))
    }
}

impl From<Response> for Reply {
    fn from(response: Response) -> Self {
        Self::Other(Box::new(response))
    }
}

/// Why a page cannot be shown.
#[derive(Clone, Debug)]
pub(crate) struct PageError {
    pub(crate) status: StatusCode,
    /// What is wrong, which one, and what would be right.
    pub(crate) message: String,
}

impl PageError {
    /// Says that what was asked is wrong.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.into() }
    }

    fn new(code: ErrorCode, message: String) -> Self {
        let status = StatusCode::from_u16(code.http_status());
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // Clients never see SQL or paths of this machine; the log has them.
        let message = match status.is_server_error() && code == ErrorCode::InternalError {
            true => "the store failed; the log of the server says why".to_owned(),
            false => message,
        };
        Self { status, message }
    }
}

impl From<mlctl_tracking::Error> for PageError {
    fn from(error: mlctl_tracking::Error) -> Self {
        if error.code() == ErrorCode::InternalError {
            tracing::error!(error = &error as &dyn std::error::Error, "a page cannot be shown");
        }
        Self::new(error.code(), error.to_string())
    }
}

impl From<mlctl_registry::Error> for PageError {
    fn from(error: mlctl_registry::Error) -> Self {
        if error.code() == ErrorCode::InternalError {
            tracing::error!(error = &error as &dyn std::error::Error, "a page cannot be shown");
        }
        Self::new(error.code(), error.to_string())
    }
}

/// Turns the outcome of a page function into an answer.
pub(crate) fn respond(site: &Site, asked: &Asked, outcome: Result<Reply>) -> Response {
    match outcome {
        Ok(Reply::Page(page)) => html(asked, page.render(site, asked).into_string()),
        Ok(Reply::Redirect(to)) => see_other(&to),
        Ok(Reply::Other(response)) => *response,
        Err(error) => {
            let page = failure_page(&error).render(site, asked);
            (error.status, html(asked, page.into_string())).into_response()
        }
    }
}

/// Sends the browser to another page, which it asks for with GET.
pub(crate) fn see_other(to: &str) -> Response {
    let Ok(to) = HeaderValue::from_str(to) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
}

fn html(asked: &Asked, text: String) -> Response {
    /// A page shows what is there now; *Back* may show it once more.
    const FRESH: HeaderValue = HeaderValue::from_static("no-cache");
    let body = match asked.takes_gzip {
        true => compressed(text.as_bytes()),
        false => text.into_bytes(),
    };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, FRESH);
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding, cookie"));
    if asked.takes_gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// Compresses with the level that takes the least time: a page is sent once.
pub(crate) fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.unwrap_or_else(|error| unreachable!("memory takes every write: {error}"))
}
