//! `model-versions/…`.

use axum::Router;
use axum::extract::State;
use axum::routing::{delete, get, patch, post};
use mlctl_wire::rest::{Failure, Parameters, Payload, required};

use super::actor::Actor;
use super::failure::of_version;
use super::{
    Answer, Empty, Service, model_name, page_size, refuse, tag_key, tag_value, tags, version_number,
};
use crate::entity::{ModelVersion, NewVersion, Stamp};
use crate::error::Result;
use crate::id::Stage;
use crate::lifecycle::Transition;
use crate::message::{
    CreateVersion, DownloadUri, OfVersion, Search, TransitionStage, UpdateVersion, Version,
    VersionAnswer, VersionTag, VersionsAnswer,
};
use crate::search::{VersionQuery, is_prompt};
use crate::source::{Claim, SourceRefusal};
use crate::uri::{ModelUri, VersionRef};

/// Versions on a page when the request does not say, and at most (MLflow's number).
const PAGE_VERSIONS_MAX: u32 = 200_000;

pub(super) fn routes() -> Router<Service> {
    Router::new()
        .route("/model-versions/create", post(create))
        .route("/model-versions/get", get(get_version))
        .route("/model-versions/update", patch(update))
        .route("/model-versions/delete", delete(remove))
        .route("/model-versions/search", get(search))
        .route("/model-versions/get-download-uri", get(download_uri))
        .route("/model-versions/transition-stage", post(transition))
        .route("/model-versions/set-tag", post(set_tag))
        .route("/model-versions/delete-tag", delete(delete_tag))
}

fn answer(version: ModelVersion) -> VersionAnswer {
    VersionAnswer { model_version: Some(Version::from(version)) }
}

async fn create(
    State(service): State<Service>,
    actor: Actor,
    Payload(request): Payload<CreateVersion>,
) -> Answer<VersionAnswer> {
    let name = model_name(request.name, "name")?;
    let source = required(request.source, "source")?;
    let new = NewVersion {
        model: name,
        source,
        storage_location: None,
        run_id: request.run_id,
        model_id: request.model_id,
        run_link: Some(request.run_link.unwrap_or_default()),
        description: Some(request.description.unwrap_or_default()),
        tags: refuse(tags(request.tags))?,
        create_model_if_missing: request.mlctl_create_model_if_missing.unwrap_or_default(),
    };
    service.call(move |service| service.create(new, &service.stamp(actor)).map(answer)).await
}

impl Service {
    /// Creates a version that comes from where it may.
    fn create(&self, mut new: NewVersion, stamp: &Stamp) -> Result<ModelVersion> {
        if is_prompt(&new.tags) {
            self.rules.check_prompt(&new.source)?;
        } else {
            self.follow(&mut new)?;
            let (run_id, model_id) = (new.run_id.as_deref(), new.model_id.as_deref());
            let claim = Claim {
                source: &new.source,
                run_id: run_id.unwrap_or_default(),
                model_id: model_id.unwrap_or_default(),
            };
            let origin = self.rules.check_new(self.sources.as_ref(), claim)?;
            new.storage_location = origin.location;
            new.run_id = origin.run_id.or(new.run_id);
        }
        // What a client does not say is stored as empty text, as MLflow's server does.
        new.run_id.get_or_insert_default();
        let version = self.store.create_version(&new, stamp)?;
        if let Some(model_id) = new.model_id.as_deref().filter(|id| !id.is_empty()) {
            // The version exists; its logged model only knows less of it.
            if let Err(error) = self.sources.registered(model_id, &version.name, version.version) {
                tracing::warn!(%error, model_id, "cannot record a version with its logged model");
            }
        }
        Ok(version)
    }

    /// Pins a source that is another version to its number, and takes over what made that one.
    fn follow(&self, new: &mut NewVersion) -> Result<()> {
        let Ok(uri) = ModelUri::parse(&new.source) else { return Ok(()) };
        let refuse = |refusal: fn(String) -> SourceRefusal| Err(refusal(new.source.clone()).into());
        if is_prompt(&self.store.get_model(&uri.model)?.tags) {
            return refuse(SourceRefusal::OfPrompt);
        }
        let original = self.store.get_version(&uri.model, &uri.version)?;
        let made_by = original.run_id.clone().unwrap_or_default();
        let says_otherwise = new.run_id.as_ref().is_some_and(|run_id| *run_id != made_by)
            || new.model_id.as_ref().is_some_and(|model_id| !model_id.is_empty());
        if says_otherwise {
            return refuse(SourceRefusal::Lineage);
        }
        let version = VersionRef::Number(original.version);
        new.source = ModelUri { model: uri.model, version }.to_string();
        new.run_id = Some(made_by);
        Ok(())
    }
}

async fn get_version(
    State(service): State<Service>,
    Parameters(request): Parameters<OfVersion>,
) -> Answer<VersionAnswer> {
    let name = model_name(request.name, "name")?;
    let version = version_number(&name, request.version)?;
    service
        .call(move |service| {
            of_version(service.store.get_version(&name, &version.into()), &name, version)
                .map(answer)
        })
        .await
}

async fn update(
    State(service): State<Service>,
    actor: Actor,
    Payload(request): Payload<UpdateVersion>,
) -> Answer<VersionAnswer> {
    let name = model_name(request.name, "name")?;
    let version = version_number(&name, request.version)?;
    service
        .call(move |service| {
            let stamp = service.stamp(actor);
            let text = request.description.as_deref();
            let described = service.store.describe_version(&name, version, text, &stamp);
            of_version(described, &name, version).map(answer)
        })
        .await
}

async fn remove(
    State(service): State<Service>,
    actor: Actor,
    Payload(request): Payload<OfVersion>,
) -> Answer<Empty> {
    let name = model_name(request.name, "name")?;
    let version = version_number(&name, request.version)?;
    service
        .act(actor, move |store, stamp| {
            of_version(store.delete_version(&name, version, stamp), &name, version)
        })
        .await
}

async fn search(
    State(service): State<Service>,
    Parameters(request): Parameters<Search>,
) -> Answer<VersionsAnswer> {
    let query = VersionQuery {
        filter: request.filter.unwrap_or_default(),
        order_by: request.order_by,
        size: page_size(request.max_results, PAGE_VERSIONS_MAX, PAGE_VERSIONS_MAX)?,
        page_token: request.page_token,
    };
    service
        .call(move |service| {
            let page = service.store.search_versions(&query)?;
            Ok(VersionsAnswer {
                model_versions: page.items.into_iter().map(Version::from).collect(),
                next_page_token: page.next,
            })
        })
        .await
}

async fn download_uri(
    State(service): State<Service>,
    Parameters(request): Parameters<OfVersion>,
) -> Answer<DownloadUri> {
    let name = model_name(request.name, "name")?;
    let version = version_number(&name, request.version)?;
    service
        .call(move |service| {
            Ok(DownloadUri { artifact_uri: Some(service.location(&name, version)?) })
        })
        .await
}

async fn transition(
    State(service): State<Service>,
    actor: Actor,
    Payload(request): Payload<TransitionStage>,
) -> Answer<VersionAnswer> {
    let model = model_name(request.name, "name")?;
    let version = required(request.version, "version")?;
    let stage = required(request.stage, "stage")?;
    let asked = Transition {
        version: version_number(&model, Some(version))?,
        model,
        stage: Stage::parse(&stage).map_err(Failure::from)?,
        archive_existing_versions: request.archive_existing_versions.unwrap_or_default(),
    };
    let force = request.mlctl_force.unwrap_or_default();
    service
        .call(move |service| {
            let stamp = service.stamp(actor);
            let moved = match force {
                true => service.store.force_transition(&asked, &stamp),
                false => service.store.transition(&asked, &stamp),
            };
            of_version(moved, &asked.model, asked.version).map(answer)
        })
        .await
}

async fn set_tag(
    State(service): State<Service>,
    actor: Actor,
    Payload(request): Payload<VersionTag>,
) -> Answer<Empty> {
    let name = model_name(request.name, "name")?;
    let (version, key) = (required(request.version, "version")?, required(request.key, "key")?);
    let version = version_number(&name, Some(version))?;
    let key = tag_key(Some(key))?;
    let value = refuse(tag_value(&key, request.value))?;
    service
        .act(actor, move |store, stamp| {
            of_version(store.set_version_tag(&name, version, &key, &value, stamp), &name, version)
        })
        .await
}

async fn delete_tag(
    State(service): State<Service>,
    actor: Actor,
    Payload(request): Payload<VersionTag>,
) -> Answer<Empty> {
    let name = model_name(request.name, "name")?;
    let (version, key) = (required(request.version, "version")?, required(request.key, "key")?);
    let version = version_number(&name, Some(version))?;
    let key = tag_key(Some(key))?;
    service
        .act(actor, move |store, stamp| {
            of_version(store.delete_version_tag(&name, version, &key, stamp), &name, version)
        })
        .await
}
