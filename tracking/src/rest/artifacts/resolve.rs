//! Where artifacts are, whatever their location says.

use crate::rest::Service;
use crate::rest::serve_location::{Owner, ServedArtifacts, proxied_path};
use crate::{Error, Result};
use mlctl_artifacts::{ArtifactPath, ArtifactStore, Below, location_path};
use mlctl_wire::ErrorCode;
use mlctl_wire::rest::Failure;
use std::path::Component;
use std::sync::Arc;

impl Service {
    /// Opens the artifacts at any location that a run, a logged model or a model version can have.
    ///
    /// What is recorded behind a proxy is looked for in this server's destination, and without one
    /// in the root that it serves; anything else is the store's to open.
    ///
    /// # Errors
    /// [`Error::Unsupported`] or [`Error::Artifacts`] when nothing here can reach the location.
    pub fn artifacts_at(&self, location: &str) -> Result<Arc<dyn ArtifactStore>> {
        let Some(path) = proxied_path(location)? else { return self.store.artifacts(location) };
        if let Some(destination) = self.served.destination() {
            return Ok(Arc::new(Below::new(destination.clone(), path)));
        }
        match self.served.in_root(&path) {
            Some(location) => self.store.artifacts(&location),
            None => self.store.artifacts(location),
        }
    }

    /// Opens the artifacts of a run or logged model, at the location that is recorded for it.
    ///
    /// # Errors
    /// [`Error::Remote`] for a folder of this machine that neither carries the owner's name
    /// nor is the store's: whoever wrote that into a database wants other files to be served.
    pub(super) fn artifacts_of(
        &self,
        owner: &str,
        location: &str,
    ) -> Result<Arc<dyn ArtifactStore>> {
        if let Some(path) = location_path(location)
            && !self.served.holds(location)
        {
            let mut parts = path.components();
            let leads_up = parts.clone().any(|part| part == Component::ParentDir);
            if leads_up || !parts.any(|part| part.as_os_str() == owner) {
                let message = format!(
                    "artifacts at `{location}` are not served: a folder outside of the store \
                     must be named after the run or logged model, as in \
                     EXPERIMENT/{owner}/artifacts"
                );
                return Err(Error::Remote { code: ErrorCode::PermissionDenied, message });
            }
        }
        self.artifacts_at(location)
    }

    /// Opens what a proxied path leads to: the store, and the path in it.
    ///
    /// # Errors
    /// A missing artifact when the path is no run's or model's and there is no destination.
    pub(super) fn open_proxied(
        &self,
        path: &str,
    ) -> Result<(Arc<dyn ArtifactStore>, ArtifactPath)> {
        let path = ArtifactPath::parse(path)?;
        if let Some(found) = self.open_owned(&path)? {
            return Ok(found);
        }
        match self.served.destination() {
            Some(destination) => Ok((destination.clone(), path)),
            None => Err(mlctl_artifacts::Error::NotFound { path }.into()),
        }
    }

    /// Opens a path inside the served root; none when it is not there.
    fn open_owned(
        &self,
        path: &ArtifactPath,
    ) -> Result<Option<(Arc<dyn ArtifactStore>, ArtifactPath)>> {
        if self.served.in_root(path).is_none() {
            return Ok(None);
        }
        let Some(place) = ServedArtifacts::owner(path) else { return Ok(None) };
        let location = match &place.owner {
            Owner::Run(id) => self.store.run(id).map(|run| run.info.artifact_uri),
            Owner::Model(id) => self.store.logged_model(id).map(|model| model.artifact_uri),
        };
        let location = match location {
            Err(Error::RunNotFound(_) | Error::ModelNotFound(_))
                if self.served.destination().is_some() =>
            {
                return Ok(None);
            }
            location => location?,
        };
        // A path that only looks like the owner's leads nowhere; one that is recorded as proxied
        // is the destination's, where there is one.
        let is_recorded = proxied_path(&location)?.is_some();
        if self.served.outward(&location) != place.location
            || (is_recorded && self.served.destination().is_some())
        {
            return Ok(None);
        }
        let owner = match &place.owner {
            Owner::Run(id) => id.as_str(),
            Owner::Model(id) => id.as_str(),
        };
        Ok(Some((self.artifacts_of(owner, &location)?, place.below)))
    }

    /// Refuses when nothing is served.
    pub(super) fn check_serving(&self) -> std::result::Result<(), Failure> {
        if self.served.is_on() {
            return Ok(());
        }
        let message = "this server does not serve artifacts: it was started with \
                       --no-serve-artifacts";
        Err(Failure::new(ErrorCode::TemporarilyUnavailable, message))
    }
}
