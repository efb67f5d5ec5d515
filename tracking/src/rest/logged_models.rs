//! `logged-models/…`.

use super::{Answer, Empty, Service, rows};
use crate::entity::{LoggedModel, LoggedModelStatus, ModelParam};
use crate::message::{
    CreateLoggedModel, DatasetFilter, FinalizeLoggedModel, LoggedModelAnswer, LoggedModelOrderBy,
    LoggedModelPairs, LoggedModelsAnswer, SearchLoggedModels,
};
use crate::search::{DatasetScope, LoggedModelOrder, LoggedModelQuery};
use crate::store::NewLoggedModel;
use crate::{Key, ModelId, RunId};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{delete, get, patch, post};
use mlctl_wire::ErrorCode;
use mlctl_wire::rest::{Failure, Payload};

/// Models on a page when the request does not say (the default in MLflow's protobuf).
const PAGE_MODELS_DEFAULT: usize = 50;

/// Models on a page when the request says 0.
const PAGE_MODELS_ZERO: usize = 100;

pub(super) fn routes() -> Router<Service> {
    Router::new()
        .route("/logged-models", post(create))
        .route("/logged-models/search", post(search))
        .route("/logged-models/{model_id}", get(get_logged_model).patch(finalize).delete(remove))
        .route("/logged-models/{model_id}/params", post(log_params))
        .route("/logged-models/{model_id}/tags", patch(set_tags))
        .route("/logged-models/{model_id}/tags/{key}", delete(delete_tag))
}

impl Service {
    fn outward_model(&self, mut model: LoggedModel) -> LoggedModel {
        model.artifact_uri = self.served.outward(&model.artifact_uri);
        model
    }

    fn model_answer(&self, model: LoggedModel) -> LoggedModelAnswer {
        LoggedModelAnswer { model: Some(self.outward_model(model)) }
    }
}

fn id(text: String) -> Result<ModelId, Failure> {
    ModelId::parse(text).map_err(Failure::from)
}

async fn create(
    State(service): State<Service>,
    Payload(request): Payload<CreateLoggedModel>,
) -> Answer<LoggedModelAnswer> {
    let source = request.source_run_id.filter(|id| !id.is_empty());
    let new = NewLoggedModel {
        experiment_id: request.experiment_id.ok_or_else(|| Failure::missing("experiment_id"))?,
        name: request.name.filter(|name| !name.is_empty()),
        model_type: request.model_type.filter(|kind| !kind.is_empty()),
        source_run_id: source.map(RunId::parse).transpose().map_err(Failure::from)?,
        tags: request.tags,
        params: ModelParam::params(request.params),
        time: service.clock.now(),
    };
    service
        .call(move |service| {
            let model = service.store.create_logged_model(&new)?;
            Ok(service.model_answer(model))
        })
        .await
}

async fn get_logged_model(
    State(service): State<Service>,
    Path(model_id): Path<String>,
) -> Answer<LoggedModelAnswer> {
    let id = id(model_id)?;
    service
        .call(move |service| {
            let model = service.store.logged_model(&id)?;
            Ok(service.model_answer(model))
        })
        .await
}

async fn finalize(
    State(service): State<Service>,
    Path(model_id): Path<String>,
    Payload(request): Payload<FinalizeLoggedModel>,
) -> Answer<LoggedModelAnswer> {
    let id = id(model_id)?;
    let status = request.status.ok_or_else(|| Failure::missing("status"))?;
    let status = status.resolve(LoggedModelStatus::from_number, LoggedModelStatus::parse);
    let status = status.map_err(Failure::from)?;
    service
        .call(move |service| {
            let model = service.store.finalize_logged_model(&id, status, service.clock.now())?;
            Ok(service.model_answer(model))
        })
        .await
}

async fn remove(State(service): State<Service>, Path(model_id): Path<String>) -> Answer<Empty> {
    let id = id(model_id)?;
    let now = service.clock.now();
    service.act(move |store| store.delete_logged_model(&id, now)).await
}

async fn log_params(
    State(service): State<Service>,
    Path(model_id): Path<String>,
    Payload(request): Payload<LoggedModelPairs>,
) -> Answer<Empty> {
    let id = id(model_id)?;
    let params = ModelParam::params(request.params);
    service.act(move |store| store.log_model_params(&id, &params)).await
}

async fn set_tags(
    State(service): State<Service>,
    Path(model_id): Path<String>,
    Payload(request): Payload<LoggedModelPairs>,
) -> Answer<Empty> {
    let id = id(model_id)?;
    service.act(move |store| store.set_model_tags(&id, &request.tags)).await
}

async fn delete_tag(
    State(service): State<Service>,
    Path((model_id, key)): Path<(String, String)>,
) -> Answer<Empty> {
    let id = id(model_id)?;
    let key = Key::parse(key).map_err(Failure::from)?;
    service.act(move |store| store.delete_model_tag(&id, &key)).await
}

async fn search(
    State(service): State<Service>,
    Payload(request): Payload<SearchLoggedModels>,
) -> Answer<LoggedModelsAnswer> {
    let max_results = request.max_results.map(|rows| match rows {
        0 => PAGE_MODELS_ZERO as i64,
        rows => rows,
    });
    let query = LoggedModelQuery {
        experiment_ids: request.experiment_ids.ok_or_else(|| Failure::missing("experiment_ids"))?,
        filter: request.filter.unwrap_or_default(),
        datasets: request.datasets.into_iter().map(scope).collect::<Result<_, _>>()?,
        order_by: request.order_by.into_iter().map(order).collect::<Result<_, _>>()?,
        max_results: rows(max_results, PAGE_MODELS_DEFAULT)?,
        page_token: request.page_token,
    };
    service
        .call_in_turn(move |service| {
            let page = service.store.search_logged_models(&query)?;
            let outward = |model| service.outward_model(model);
            Ok(LoggedModelsAnswer {
                models: page.items.into_iter().map(outward).collect(),
                next_page_token: page.next_page_token,
            })
        })
        .await
}

fn scope(filter: DatasetFilter) -> Result<DatasetScope, Failure> {
    Ok(DatasetScope {
        dataset_name: filter.dataset_name.filter(|name| !name.is_empty()).ok_or_else(|| {
            let message = "`dataset_name` in the `datasets` clause must be specified.";
            Failure::new(ErrorCode::InvalidParameterValue, message)
        })?,
        dataset_digest: filter.dataset_digest.filter(|digest| !digest.is_empty()),
    })
}

fn order(clause: LoggedModelOrderBy) -> Result<LoggedModelOrder, Failure> {
    let dataset = clause.dataset_name.filter(|name| !name.is_empty()).map(|dataset_name| {
        let dataset_digest = clause.dataset_digest.filter(|digest| !digest.is_empty());
        DatasetScope { dataset_name, dataset_digest }
    });
    Ok(LoggedModelOrder {
        field_name: clause.field_name.unwrap_or_default(),
        ascending: clause.ascending.unwrap_or(true),
        dataset,
    })
}
