//! The registry of a server, which asks the server's tracking store where versions come from.

use crate::stores::{OpenRegistry, Webhooks};
use axum::Router;
use mlctl_registry::rest::{
    AbsentRoutes, Service, WebhookService, absent_routes, history_router, own_webhook_router,
    router, webhook_router,
};
use mlctl_registry::source::{ArtifactPlace, SourceRules, Sources};
use mlctl_registry::webhook::Sender;
use mlctl_registry::{Error, ModelName, Result, VersionNumber};
use mlctl_tracking::rest::{ServedArtifacts, VersionPlaces};
use mlctl_tracking::{Error as TrackingError, ModelId, RunId, TrackingStore};
use mlctl_wire::ErrorCode;
use mlctl_wire::rest::Failure;
use std::sync::Arc;

/// A registry and where its versions may come from.
#[derive(Debug)]
pub(crate) struct Registry {
    /// The store, or why there is none.
    pub(crate) store: std::result::Result<OpenRegistry, String>,
    pub(crate) rules: SourceRules,
    /// Whether the name that a client gives itself is enough to approve something.
    pub(crate) trusts_user_header: bool,
    /// Calls webhooks.
    pub(crate) sender: Arc<Sender>,
}

/// The routes of a registry.
#[derive(Debug)]
pub(super) struct Routes {
    /// Below `/api/2.0/mlflow` and `/ajax-api/2.0/mlflow`.
    pub(super) mlflow: Router,
    /// Below `/api/2.0/mlctl`.
    pub(super) own: Router,
    /// Where the files of versions are.
    pub(super) places: VersionPlaces,
}

/// The registry answers what it can; without a store, why it cannot.
pub(super) fn routes(
    registry: Registry,
    tracking: Arc<dyn TrackingStore>,
    served: ServedArtifacts,
) -> Routes {
    match registry.store {
        Ok(OpenRegistry { store, webhooks }) => {
            let sources = Arc::new(Logged { tracking, served });
            let service = Service::new(store, sources)
                .with_rules(registry.rules)
                .with_trusted_user_header(registry.trusts_user_header);
            let (mut mlflow, mut own) = (router(service.clone()), history_router(service.clone()));
            // Those of another server are its business.
            if let Webhooks::File(webhooks) = webhooks {
                let service = WebhookService::new(webhooks, registry.sender);
                mlflow = mlflow.merge(webhook_router(service.clone()));
                own = own.merge(own_webhook_router(service));
            }
            Routes {
                mlflow,
                own,
                places: VersionPlaces::new(move |model, version| {
                    let model = ModelName::parse(model)?;
                    Ok(service.location(&model, VersionNumber::parse(version)?)?)
                }),
            }
        }
        Err(why) => {
            let failure = Failure::new(ErrorCode::NotImplemented, why);
            let AbsentRoutes { mlflow, own } = absent_routes(&failure);
            Routes { mlflow, own, places: VersionPlaces::new(move |_, _| Err(failure.clone())) }
        }
    }
}

/// What the tracking store knows of runs and logged models.
#[derive(Debug)]
struct Logged {
    tracking: Arc<dyn TrackingStore>,
    served: ServedArtifacts,
}

impl Logged {
    fn place(&self, location: &str, run_id: Option<String>) -> ArtifactPlace {
        let uri = self.served.outward(location);
        ArtifactPlace { also: vec![location.to_owned()], uri, run_id }
    }
}

/// Takes a run or model that is not there for none.
fn found<T>(outcome: mlctl_tracking::Result<T>) -> Result<Option<T>> {
    match outcome {
        Ok(it) => Ok(Some(it)),
        Err(TrackingError::RunNotFound(_) | TrackingError::ModelNotFound(_)) => Ok(None),
        Err(error) => Err(Error::backend("asking the tracking store", error)),
    }
}

impl Sources for Logged {
    fn run(&self, run_id: &str) -> Result<Option<ArtifactPlace>> {
        let Ok(id) = RunId::parse(run_id) else { return Ok(None) };
        let run = found(self.tracking.run(&id))?;
        Ok(run.map(|run| self.place(&run.info.artifact_uri, None)))
    }

    fn logged_model(&self, model_id: &str) -> Result<Option<ArtifactPlace>> {
        let Ok(id) = ModelId::parse(model_id) else { return Ok(None) };
        let model = found(self.tracking.logged_model(&id))?;
        Ok(model.map(|model| {
            let run_id = model.source_run_id.as_ref().map(ToString::to_string);
            self.place(&model.artifact_uri, run_id)
        }))
    }

    fn registered(&self, model_id: &str, model: &ModelName, version: VersionNumber) -> Result<()> {
        ModelId::parse(model_id)
            .and_then(|id| self.tracking.add_model_version(&id, model.as_str(), version.get()))
            .map_err(|error| Error::backend("recording a version with its logged model", error))
    }
}
