//! Requests to a tracking server.

use crate::{Error, Result};
use mlctl_client::reqwest::Method;
use mlctl_client::reqwest::blocking::{RequestBuilder, Response};
use mlctl_client::{Api, Credentials, Failure, Server, URL_RULE};
use mlctl_wire::ErrorCode;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A connection to one server, with this crate's errors.
#[derive(Debug)]
pub(super) struct Transport(Server);

impl Transport {
    pub(super) fn new(url: &str, credentials: Credentials) -> Result<Self> {
        Ok(Self(Server::new(url, "tracking", credentials)?))
    }

    pub(super) fn get<T: DeserializeOwned>(&self, path: &str, query: &impl Serialize) -> Result<T> {
        Ok(self.0.get(Api::Mlflow, path, query)?)
    }

    pub(super) fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T> {
        Ok(self.0.send(Method::POST, Api::Mlflow, path, body)?)
    }

    /// Posts to one of the paths that servers have for their pages only.
    pub(super) fn post_as_page<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T> {
        Ok(self.0.send(Method::POST, Api::Pages, path, body)?)
    }

    /// Posts to one of the paths that only mlctl's servers have; none when this one has it not.
    pub(super) fn post_own<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Option<T>> {
        match self.0.send(Method::POST, Api::Mlctl, path, body) {
            Ok(answer) => Ok(Some(answer)),
            Err(Failure::Refused { code: ErrorCode::EndpointNotFound, .. }) => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    pub(super) fn patch<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T> {
        Ok(self.0.send(Method::PATCH, Api::Mlflow, path, body)?)
    }

    pub(super) fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        Ok(self.0.send(Method::DELETE, Api::Mlflow, path, &serde_json::json!({}))?)
    }

    /// Prepares a request to a path below the server's address.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.0.request(method, path)
    }

    /// Sends a request, and turns an answer that is no success into an error.
    pub(super) fn send(&self, request: RequestBuilder) -> Result<Response> {
        Ok(self.0.respond(request)?)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Address { url } => Self::invalid("tracking URI", &url, URL_RULE),
            Failure::Refused { code, message } => Self::Remote { code, message },
            Failure::Broken { doing, source } => Self::Backend { doing, source },
            other => Self::backend("cannot ask the tracking server", other),
        }
    }
}
