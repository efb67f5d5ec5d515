//! Requests over HTTP, and what their failures mean.

use std::fmt;
use std::time::Duration;

use mlctl_wire::{ErrorBody, ErrorCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::blocking::{Client, RequestBuilder};
use reqwest::{Method, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::entity::Stamp;
use crate::error::{Error, Result};
use crate::message::{WHO_HEADER, WHY_HEADER};

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
/// Where MLflow's paths are, and ours.
const MLFLOW: &str = "api/2.0/mlflow";
const OWN: &str = "api/2.0/mlctl";

/// A connection to one server.
#[derive(Debug)]
pub(super) struct Transport {
    base: Url,
    http: Client,
    credentials: Credentials,
}

impl Transport {
    pub(super) fn new(url: &str, credentials: Credentials) -> Result<Self> {
        let rule = "it must be a URL such as http://127.0.0.1:5000";
        let base = Url::parse(url.trim_end_matches('/'))
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(|| Error::invalid("registry URI", url, rule))?;
        // A second installation in one process is refused, and changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT)
            .build()
            .map_err(|error| Error::backend("cannot prepare an HTTP client", error))?;
        Ok(Self { base, http, credentials })
    }

    /// Reads from one of MLflow's paths.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str, query: &impl Serialize) -> Result<T> {
        self.send(self.request(Method::GET, MLFLOW, path).query(&pairs(query)?))
    }

    /// Reads from one of our own paths.
    pub(super) fn get_own<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &impl Serialize,
    ) -> Result<T> {
        self.send(self.request(Method::GET, OWN, path).query(&pairs(query)?))
    }

    /// Changes something by one of MLflow's paths.
    pub(super) fn change<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
        stamp: &Stamp,
    ) -> Result<T> {
        self.send_stamped(self.request(method, MLFLOW, path), body, stamp)
    }

    /// Sends a body to one of MLflow's paths, without who and why.
    #[cfg(feature = "webhooks")]
    pub(super) fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T> {
        self.send(self.request(method, MLFLOW, path).json(body))
    }

    /// Changes something by one of our own paths.
    pub(super) fn post_own<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        stamp: &Stamp,
    ) -> Result<T> {
        self.send_stamped(self.request(Method::POST, OWN, path), body, stamp)
    }

    fn send_stamped<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
        body: &impl Serialize,
        stamp: &Stamp,
    ) -> Result<T> {
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let mut request = request.header(WHO_HEADER, encode(&stamp.who));
        if let Some(why) = &stamp.why {
            request = request.header(WHY_HEADER, encode(why));
        }
        self.send(request.json(body))
    }

    fn request(&self, method: Method, root: &str, path: &str) -> RequestBuilder {
        let url = format!("{}/{root}/{path}", self.base.as_str().trim_end_matches('/'));
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
    fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T> {
        let response = request.send().map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let body = response.bytes().map_err(|error| self.unreachable(&error))?;
        if !status.is_success() {
            return Err(self.refusal(status, &body));
        }
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
        Error::backend(format!("cannot reach the registry server `{}`: {why}", self.base), cause)
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

/// Spells a message as parameters; a list is one that comes several times.
fn pairs(query: &impl Serialize) -> Result<Vec<(String, String)>> {
    let failed = |error| Error::backend("cannot encode a request", error);
    let serde_json::Value::Object(fields) = serde_json::to_value(query).map_err(failed)? else {
        return Ok(Vec::new());
    };
    let text = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    let mut pairs = Vec::new();
    for (name, value) in fields {
        match value {
            serde_json::Value::Array(all) => {
                pairs.extend(all.into_iter().map(|one| (name.clone(), text(one))));
            }
            one => pairs.push((name, text(one))),
        }
    }
    Ok(pairs)
}
