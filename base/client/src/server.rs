//! Requests to a server that speaks MLflow's REST API.

use mlctl_wire::{ErrorBody, ErrorCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::blocking::{Client, RequestBuilder, Response};
use reqwest::{Method, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::connect::{blocking_client, innermost_cause};
use crate::credentials::Credentials;
use crate::failure::Failure;

/// A part of a server's API, which is a prefix of its paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// MLflow's REST API.
    Mlflow,
    /// What MLflow's servers have for their web pages only.
    Pages,
    /// What only mlctl's server has.
    Mlctl,
}

impl Api {
    /// Returns the prefix, without slashes around it.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Mlflow => "api/2.0/mlflow",
            Self::Pages => "ajax-api/2.0/mlflow",
            Self::Mlctl => "api/2.0/mlctl",
        }
    }
}

/// A server, and who asks it. Calls block: use it outside of async code.
#[derive(Debug)]
pub struct Server {
    base: Url,
    /// What people know it as, such as "tracking".
    role: &'static str,
    http: Client,
    credentials: Credentials,
}

/// Spells one segment of a path, or any text that has to be ASCII.
pub fn path_segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

impl Server {
    /// Prepares to talk to the server at `url`, such as `https://host/prefix`. Nothing is sent.
    ///
    /// Messages name the server by its `role`: "cannot reach the tracking server …".
    ///
    /// # Errors
    /// [`Failure::Address`] when `url` is no HTTP URL.
    pub fn new(url: &str, role: &'static str, credentials: Credentials) -> Result<Self, Failure> {
        let base = Url::parse(url.trim_end_matches('/'))
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(|| Failure::Address { url: url.to_owned() })?;
        let http = blocking_client()
            .build()
            .map_err(|error| Failure::broken("cannot prepare an HTTP client", error))?;
        Ok(Self { base, role, http, credentials })
    }

    /// Asks for something, with the fields of `query` as parameters; a list becomes several.
    ///
    /// # Errors
    /// [`Failure::Refused`], and [`Failure::Broken`] when there is no answer to be understood.
    pub fn get<T: DeserializeOwned>(
        &self,
        api: Api,
        path: &str,
        query: &impl Serialize,
    ) -> Result<T, Failure> {
        self.answer(self.call(Method::GET, api, path).query(&parameters(query)?))
    }

    /// Sends a body as JSON.
    ///
    /// # Errors
    /// Those of [`get`](Self::get).
    pub fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        api: Api,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.answer(self.call(method, api, path).json(body))
    }

    /// Prepares a request to a path of an API.
    pub fn call(&self, method: Method, api: Api, path: &str) -> RequestBuilder {
        self.request(method, &format!("{}/{path}", api.prefix()))
    }

    /// Prepares a request to a path below the server's address.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}/{path}", self.base.as_str().trim_end_matches('/'));
        self.credentials.authenticate(self.http.request(method, url))
    }

    /// Sends a request, and turns an answer that is no success into a failure.
    ///
    /// # Errors
    /// Those of [`get`](Self::get).
    pub fn respond(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let response = request.send().map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body = response.bytes().unwrap_or_default();
        Err(self.refusal(status, &body))
    }

    /// Sends a request, and decodes the JSON of its answer.
    ///
    /// # Errors
    /// Those of [`get`](Self::get).
    pub fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Failure> {
        let response = self.respond(request)?;
        let body = response.bytes().map_err(|error| self.unreachable(&error))?;
        serde_json::from_slice(&body).map_err(|error| {
            Failure::broken(format!("`{}` does not answer like an MLflow server", self.base), error)
        })
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let why = if error.is_connect() {
            "no server is listening there"
        } else if error.is_timeout() {
            "it did not answer in time"
        } else {
            "the connection was lost"
        };
        let doing = format!("cannot reach the {} server `{}`: {why}", self.role, self.base);
        Failure::broken(doing, innermost_cause(error).to_string())
    }

    fn refusal(&self, status: StatusCode, body: &[u8]) -> Failure {
        match serde_json::from_slice::<ErrorBody>(body) {
            Ok(body) => Failure::Refused { code: body.error_code, message: body.message },
            Err(_) => Failure::Refused {
                code: code_of_status(status),
                message: format!("`{}` answered {status}", self.base),
            },
        }
    }
}

/// What a refusal without MLflow's envelope comes down to, as that of a proxy in front.
fn code_of_status(status: StatusCode) -> ErrorCode {
    match status {
        StatusCode::UNAUTHORIZED => ErrorCode::Unauthenticated,
        StatusCode::FORBIDDEN => ErrorCode::PermissionDenied,
        StatusCode::NOT_FOUND => ErrorCode::EndpointNotFound,
        _ => ErrorCode::InternalError,
    }
}

/// Spells a message as the parameters of a query.
fn parameters(query: &impl Serialize) -> Result<Vec<(String, String)>, Failure> {
    let failed = |error| Failure::broken("cannot encode a request", error);
    let fields = match serde_json::to_value(query).map_err(failed)? {
        Value::Object(fields) => fields,
        Value::Null => return Ok(Vec::new()),
        _ => return Err(Failure::broken("cannot encode a request", "its query has no names")),
    };
    let mut parameters = Vec::new();
    for (name, value) in fields {
        match value {
            Value::Array(values) => {
                parameters.extend(values.into_iter().map(|one| (name.clone(), spelled(one))));
            }
            Value::Null => {}
            one => parameters.push((name, spelled(one))),
        }
    }
    Ok(parameters)
}

fn spelled(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
