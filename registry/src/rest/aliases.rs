//! `registered-models/alias`.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use mlctl_wire::rest::{Parameters, Payload, blocking, required};

use super::actor::Actor;
use super::{Answer, Empty, Service, failure, model_name, refuse, version_number};
use crate::error::Error;
use crate::id::Alias;
use crate::message::{OfAlias, Version, VersionAnswer};
use crate::uri::VersionRef;

pub(super) fn routes() -> Router<Service> {
    Router::new()
        .route("/registered-models/alias", get(get_version_by_alias).post(set).delete(remove))
}

async fn get_version_by_alias(
    State(service): State<Service>,
    Parameters(request): Parameters<OfAlias>,
) -> Answer<VersionAnswer> {
    let name = model_name(request.name, "name")?;
    let alias = required(request.alias, "alias")?;
    let which = if alias.eq_ignore_ascii_case("latest") {
        VersionRef::Latest
    } else if Alias::is_reserved(&alias) {
        // Nothing has such an alias; that the model lacks would matter more.
        blocking(move || service.store.get_model(&name).map(drop)).await?;
        return Err(failure::no_alias(&alias));
    } else {
        VersionRef::Alias(refuse(Alias::parse(&alias))?)
    };
    service
        .call(move |service| {
            let version = service.store.get_version(&name, &which)?;
            Ok(VersionAnswer { model_version: Some(Version::from(version)) })
        })
        .await
}

async fn set(
    State(service): State<Service>,
    actor: Actor,
    Payload(request): Payload<OfAlias>,
) -> Answer<Empty> {
    let name = model_name(request.name, "name")?;
    let alias = required(request.alias, "alias")?;
    let version = version_number(&name, request.version)?;
    let alias = refuse(Alias::parse(&alias))?;
    service
        .act(actor, move |store, stamp| {
            let set = store.set_alias(&name, &alias, version, stamp);
            failure::of_version(set, &name, version)
        })
        .await
}

async fn remove(
    State(service): State<Service>,
    actor: Actor,
    Payload(request): Payload<OfAlias>,
) -> Answer<Empty> {
    let name = model_name(request.name, "name")?;
    let alias = required(request.alias, "alias")?;
    service
        .act(actor, move |store, stamp| match Alias::parse(&alias) {
            Ok(alias) => store.delete_alias(&name, &alias, stamp),
            // Nothing has such an alias, so none is left, as in MLflow.
            Err(Error::Invalid { .. }) if Alias::is_reserved(&alias) => {
                store.get_model(&name).map(drop)
            }
            Err(error) => Err(error),
        })
        .await
}
