//! Requests to a registry server, which say who changes something and why.

use mlctl_client::reqwest::Method;
use mlctl_client::reqwest::blocking::RequestBuilder;
use mlctl_client::{Api, Credentials, Failure, Server, URL_RULE, path_segment};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::entity::Stamp;
use crate::error::{Error, Result};
use crate::message::{WHO_HEADER, WHY_HEADER};

/// A connection to one server, with this crate's errors.
#[derive(Debug)]
pub(super) struct Transport(Server);

impl Transport {
    pub(super) fn new(url: &str, credentials: Credentials) -> Result<Self> {
        Ok(Self(Server::new(url, "registry", credentials)?))
    }

    /// Reads from one of MLflow's paths.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str, query: &impl Serialize) -> Result<T> {
        Ok(self.0.get(Api::Mlflow, path, query)?)
    }

    /// Reads from one of our own paths.
    pub(super) fn get_own<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &impl Serialize,
    ) -> Result<T> {
        Ok(self.0.get(Api::Mlctl, path, query)?)
    }

    /// Changes something by one of MLflow's paths.
    pub(super) fn change<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
        stamp: &Stamp,
    ) -> Result<T> {
        self.send_stamped(self.0.call(method, Api::Mlflow, path), body, stamp)
    }

    /// Sends a body to one of MLflow's paths, without who and why.
    #[cfg(feature = "webhooks")]
    pub(super) fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T> {
        Ok(self.0.send(method, Api::Mlflow, path, body)?)
    }

    /// Changes something by one of our own paths.
    pub(super) fn post_own<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        stamp: &Stamp,
    ) -> Result<T> {
        self.send_stamped(self.0.call(Method::POST, Api::Mlctl, path), body, stamp)
    }

    fn send_stamped<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
        body: &impl Serialize,
        stamp: &Stamp,
    ) -> Result<T> {
        // A header is ASCII; a name is not always.
        let mut request = request.header(WHO_HEADER, path_segment(&stamp.who));
        if let Some(why) = &stamp.why {
            request = request.header(WHY_HEADER, path_segment(why));
        }
        Ok(self.0.answer(request.json(body))?)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Address { url } => Self::invalid("registry URI", &url, URL_RULE),
            Failure::Refused { code, message } => Self::Remote { code, message },
            Failure::Broken { doing, source } => Self::Backend { doing, source },
            other => Self::backend("cannot ask the registry server", other),
        }
    }
}
