//! Requests over HTTP, and what their failures mean.

use crate::{Error, Result};
use mlctl_wire::{ErrorBody, ErrorCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::blocking::{Client, RequestBuilder, Response};
use reqwest::{Method, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::time::Duration;

/// Who the client says it is.
#[derive(Clone, Default)]
pub enum Credentials {
    /// Nobody.
    #[default]
    None,
    /// A bearer token (`MLFLOW_TRACKING_TOKEN`).
    Token(String),
    /// A user and a password (`MLFLOW_TRACKING_USERNAME`, `MLFLOW_TRACKING_PASSWORD`).
    Basic {
        /// The user's name.
        username: String,
        /// The password.
        password: String,
    },
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Token(_) => "Token(…)",
            Self::Basic { .. } => "Basic(…)",
        })
    }
}

/// How long to wait for a connection; MLflow waits as long for an answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);

/// A connection to one server.
#[derive(Debug)]
pub(super) struct Transport {
    base: Url,
    http: Client,
    credentials: Credentials,
}

/// Spells one segment of a path.
pub(super) fn segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

impl Transport {
    pub(super) fn new(url: &str, credentials: Credentials) -> Result<Self> {
        let rule = "it must be a URL such as http://127.0.0.1:5000";
        let base = Url::parse(url.trim_end_matches('/'))
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(|| Error::invalid("tracking URI", url, rule))?;
        // A second installation in one process is refused, and changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT)
            .build()
            .map_err(|error| Error::backend("cannot prepare an HTTP client", error))?;
        Ok(Self { base, http, credentials })
    }

    pub(super) fn get<T: DeserializeOwned>(&self, path: &str, query: &impl Serialize) -> Result<T> {
        self.json(self.request(Method::GET, &format!("api/2.0/mlflow/{path}")).query(query))
    }

    pub(super) fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T> {
        self.json(self.request(Method::POST, &format!("api/2.0/mlflow/{path}")).json(body))
    }

    /// Posts to one of the paths that servers have for their pages only.
    pub(super) fn post_as_page<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T> {
        self.json(self.request(Method::POST, &format!("ajax-api/2.0/mlflow/{path}")).json(body))
    }

    pub(super) fn patch<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T> {
        self.json(self.request(Method::PATCH, &format!("api/2.0/mlflow/{path}")).json(body))
    }

    pub(super) fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let request = self.request(Method::DELETE, &format!("api/2.0/mlflow/{path}"));
        self.json(request.json(&serde_json::json!({})))
    }

    /// Prepares a request to a path below the server's address.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}/{path}", self.base.as_str().trim_end_matches('/'));
        let request = self.http.request(method, url);
        match &self.credentials {
            Credentials::None => request,
            Credentials::Token(token) => request.bearer_auth(token),
            Credentials::Basic { username, password } => {
                request.basic_auth(username, Some(password))
            }
        }
    }

    /// Sends a request, and turns an answer that is no success into an error.
    pub(super) fn send(&self, request: RequestBuilder) -> Result<Response> {
        let response = request.send().map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body = response.bytes().unwrap_or_default();
        Err(self.refusal(status, &body))
    }

    fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T> {
        let response = self.send(request)?;
        let body = response.bytes().map_err(|error| self.unreachable(&error))?;
        serde_json::from_slice(&body).map_err(|error| {
            Error::backend(format!("`{}` does not answer like an MLflow server", self.base), error)
        })
    }

    fn unreachable(&self, error: &reqwest::Error) -> Error {
        let why = if error.is_connect() {
            "no server is listening there"
        } else if error.is_timeout() {
            "it did not answer in time"
        } else {
            "the connection was lost"
        };
        // The innermost cause says most, and the URL is said already.
        let mut cause: &dyn std::error::Error = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        let cause = cause.to_string();
        Error::backend(format!("cannot reach the tracking server `{}`: {why}", self.base), cause)
    }

    fn refusal(&self, status: StatusCode, body: &[u8]) -> Error {
        match serde_json::from_slice::<ErrorBody>(body) {
            Ok(body) => Error::Remote { code: body.error_code, message: body.message },
            Err(_) => Error::Remote {
                code: match status {
                    StatusCode::UNAUTHORIZED => ErrorCode::Unauthenticated,
                    StatusCode::FORBIDDEN => ErrorCode::PermissionDenied,
                    StatusCode::NOT_FOUND => ErrorCode::EndpointNotFound,
                    _ => ErrorCode::InternalError,
                },
                message: format!("`{}` answered {status}", self.base),
            },
        }
    }
}
