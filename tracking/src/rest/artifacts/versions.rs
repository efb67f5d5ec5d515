//! A file of a model version. The registry, which this crate does not know, says where it is.

use super::file::{self, Asked};
use crate::rest::Service;
use axum::extract::State;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use mlctl_artifacts::ArtifactPath;
use mlctl_wire::rest::{Failure, Query, blocking, required};
use serde::Deserialize;
use std::fmt;
use std::sync::Arc;

type Locate = dyn Fn(&str, &str) -> Result<String, Failure> + Send + Sync;

/// Where the files of model versions are, as a registry tells.
#[derive(Clone)]
pub struct VersionPlaces(Arc<Locate>);

impl VersionPlaces {
    /// Takes what tells the checked location of a model's version. It may block.
    pub fn new(
        locate: impl Fn(&str, &str) -> Result<String, Failure> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(locate))
    }
}

impl fmt::Debug for VersionPlaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VersionPlaces").finish_non_exhaustive()
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct OfVersion {
    name: Option<String>,
    version: Option<String>,
    path: Option<String>,
}

pub(super) async fn file_of_version(
    State((service, places)): State<(Service, VersionPlaces)>,
    Query(request): Query<OfVersion>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let name = required(request.name, "name")?;
    let version = required(request.version, "version")?;
    let path = required(request.path, "path")?;
    let transfer = service.download()?;
    let location = blocking(move || (places.0)(&name, &version)).await?;
    file::send(Asked { method, headers }, transfer, move || {
        Ok((service.artifacts_at(&location)?, ArtifactPath::parse(&path)?))
    })
    .await
}
