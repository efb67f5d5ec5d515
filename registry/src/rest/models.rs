//! `registered-models/…`, but for their aliases.

use axum::Router;
use axum::extract::State;
use axum::routing::{delete, get, patch, post};
use mlctl_wire::rest::{Parameters, Payload};

use super::actor::Actor;
use super::{Answer, Empty, Service, model_name, page_size, refuse, tag_key, tag_value, tags};
use crate::entity::NewModel;
use crate::error::{Error, Result};
use crate::id::{ModelName, Stage};
use crate::message::{
    CreateModel, LatestVersions, Model, ModelAnswer, ModelTag, ModelsAnswer, OfModel, RenameModel,
    Search, UpdateModel, VersionsAnswer,
};
use crate::search::{ModelQuery, is_prompt};
use crate::store::RegistryStore;

/// Models on a page when the request does not say, and at most (MLflow's numbers).
const PAGE_MODELS_DEFAULT: u32 = 100;
const PAGE_MODELS_MAX: u32 = 1000;

pub(super) fn routes() -> Router<Service> {
    Router::new()
        .route("/registered-models/create", post(create))
        .route("/registered-models/get", get(get_model))
        .route("/registered-models/update", patch(update))
        .route("/registered-models/rename", post(rename))
        .route("/registered-models/delete", delete(remove))
        .route("/registered-models/search", get(search))
        .route("/registered-models/get-latest-versions", get(get_latest).post(post_latest))
        .route("/registered-models/set-tag", post(set_tag))
        .route("/registered-models/delete-tag", delete(delete_tag))
}

fn answer(model: crate::RegisteredModel) -> ModelAnswer {
    ModelAnswer { registered_model: Some(Model::from(model)) }
}

async fn create(
    State(service): State<Service>,
    actor: Actor,
    Payload(request): Payload<CreateModel>,
) -> Answer<ModelAnswer> {
    let new = NewModel {
        name: model_name(request.name, "name")?,
        description: request.description,
        tags: refuse(tags(request.tags))?,
    };
    service
        .call(move |service| {
            let made = service.store.create_model(&new, &service.stamp(actor)).map(answer);
            made.map_err(|error| match error {
                Error::ModelExists(name) => taken(service.store.as_ref(), name, &new),
                other => other,
            })
        })
        .await
}

/// Tells who has the name that something new was to get.
fn taken(store: &dyn RegistryStore, name: ModelName, new: &NewModel) -> Error {
    let has = store.get_model(&name).is_ok_and(|model| is_prompt(&model.tags));
    match (is_prompt(&new.tags), has) {
        (false, false) => Error::ModelExists(name),
        (true, true) => Error::PromptExists(name),
        (false, true) => Error::TakenByPrompt(name),
        (true, false) => Error::TakenByModel(name),
    }
}

async fn get_model(
    State(service): State<Service>,
    Parameters(request): Parameters<OfModel>,
) -> Answer<ModelAnswer> {
    let name = model_name(request.name, "name")?;
    service.call(move |service| service.store.get_model(&name).map(answer)).await
}

async fn update(
    State(service): State<Service>,
    actor: Actor,
    Payload(request): Payload<UpdateModel>,
) -> Answer<ModelAnswer> {
    let name = model_name(request.name, "name")?;
    service
        .call(move |service| {
            let stamp = service.stamp(actor);
            let text = request.description.as_deref();
            service.store.describe_model(&name, text, &stamp).map(answer)
        })
        .await
}

async fn rename(
    State(service): State<Service>,
    actor: Actor,
    Payload(request): Payload<RenameModel>,
) -> Answer<ModelAnswer> {
    let name = model_name(request.name, "name")?;
    let to = model_name(request.new_name, "new_name")?;
    service
        .call(move |service| {
            service.store.rename_model(&name, &to, &service.stamp(actor)).map(answer)
        })
        .await
}

async fn remove(
    State(service): State<Service>,
    actor: Actor,
    Payload(request): Payload<OfModel>,
) -> Answer<Empty> {
    let name = model_name(request.name, "name")?;
    service.act(actor, move |store, stamp| store.delete_model(&name, stamp)).await
}

async fn search(
    State(service): State<Service>,
    Parameters(request): Parameters<Search>,
) -> Answer<ModelsAnswer> {
    let query = ModelQuery {
        filter: request.filter.unwrap_or_default(),
        order_by: request.order_by,
        size: page_size(request.max_results, PAGE_MODELS_DEFAULT, PAGE_MODELS_MAX)?,
        page_token: request.page_token,
    };
    service
        .call(move |service| {
            let page = service.store.search_models(&query)?;
            Ok(ModelsAnswer {
                registered_models: page.items.into_iter().map(Model::from).collect(),
                next_page_token: page.next,
            })
        })
        .await
}

async fn get_latest(
    State(service): State<Service>,
    Parameters(request): Parameters<LatestVersions>,
) -> Answer<VersionsAnswer> {
    latest(service, request).await
}

async fn post_latest(
    State(service): State<Service>,
    Payload(request): Payload<LatestVersions>,
) -> Answer<VersionsAnswer> {
    latest(service, request).await
}

async fn latest(service: Service, request: LatestVersions) -> Answer<VersionsAnswer> {
    let name = model_name(request.name, "name")?;
    service
        .call(move |service| {
            let stages: Result<Vec<Stage>> =
                request.stages.iter().map(|stage| Stage::parse(stage)).collect();
            if stages.is_err() {
                // That the model lacks would matter more.
                service.store.get_model(&name)?;
            }
            let latest = service.store.latest_versions(&name, &stages?)?;
            let model_versions = latest.into_iter().map(Into::into).collect();
            Ok(VersionsAnswer { model_versions, next_page_token: None })
        })
        .await
}

async fn set_tag(
    State(service): State<Service>,
    actor: Actor,
    Payload(request): Payload<ModelTag>,
) -> Answer<Empty> {
    let name = model_name(request.name, "name")?;
    let key = tag_key(request.key)?;
    let value = refuse(tag_value(&key, request.value))?;
    service.act(actor, move |store, stamp| store.set_model_tag(&name, &key, &value, stamp)).await
}

async fn delete_tag(
    State(service): State<Service>,
    actor: Actor,
    Payload(request): Payload<ModelTag>,
) -> Answer<Empty> {
    let name = model_name(request.name, "name")?;
    let key = tag_key(request.key)?;
    service.act(actor, move |store, stamp| store.delete_model_tag(&name, &key, stamp)).await
}
