//! `experiments/…`.

use super::{Answer, Empty, Service, key, rows};
use crate::entity::{Experiment, Tag, ViewType};
use crate::field::EnumValue;
use crate::message::{
    CreateExperiment, ExperimentByName, ExperimentTag, OfExperiment, SearchExperiments,
    UpdateExperiment,
};
use crate::search::ExperimentQuery;
use crate::store::NewExperiment;
use crate::{Error, ExperimentId, ExperimentName};
use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use mlctl_wire::rest::{Failure, Parameters, Payload, required};
use serde::Serialize;

pub(super) fn routes() -> Router<Service> {
    Router::new()
        .route("/experiments/create", post(create))
        .route("/experiments/get", get(get_experiment))
        .route("/experiments/get-by-name", get(by_name))
        .route("/experiments/search", get(search_by_query).post(search))
        .route("/experiments/update", post(update))
        .route("/experiments/delete", post(delete))
        .route("/experiments/restore", post(restore))
        .route("/experiments/set-experiment-tag", post(set_tag))
        .route("/experiments/delete-experiment-tag", post(delete_tag))
}

fn id(of: Option<ExperimentId>) -> Result<ExperimentId, Failure> {
    of.ok_or_else(|| Failure::missing("experiment_id"))
}

impl Service {
    fn outward_experiment(&self, mut experiment: Experiment) -> Outward {
        experiment.artifact_location = self.served.outward(&experiment.artifact_location);
        Outward { experiment, workspace: "default" }
    }
}

/// An experiment as the server shows it.
#[derive(Debug, Serialize)]
struct Outward {
    #[serde(flatten)]
    experiment: Experiment,
    /// MLflow's only one, unless workspaces are turned on.
    workspace: &'static str,
}

#[derive(Debug, Serialize)]
struct OutwardAnswer {
    experiment: Outward,
}

#[derive(Debug, Serialize)]
struct OutwardsAnswer {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    experiments: Vec<Outward>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

async fn create(
    State(service): State<Service>,
    Payload(request): Payload<CreateExperiment>,
) -> Answer<OfExperiment> {
    let name = required(request.name, "name")?;
    let new = NewExperiment {
        name: ExperimentName::parse(name).map_err(Failure::from)?,
        artifact_location: request.artifact_location.filter(|location| !location.is_empty()),
        tags: request.tags,
        time: service.clock.now(),
    };
    service
        .call(move |service| {
            let experiment_id = Some(service.store.create_experiment(&new)?);
            Ok(OfExperiment { experiment_id })
        })
        .await
}

async fn get_experiment(
    State(service): State<Service>,
    Parameters(request): Parameters<OfExperiment>,
) -> Answer<OutwardAnswer> {
    let id = id(request.experiment_id)?;
    service
        .call(move |service| {
            let experiment = service.outward_experiment(service.store.experiment(&id)?);
            Ok(OutwardAnswer { experiment })
        })
        .await
}

async fn by_name(
    State(service): State<Service>,
    Parameters(request): Parameters<ExperimentByName>,
) -> Answer<OutwardAnswer> {
    let name = required(request.experiment_name, "experiment_name")?;
    service
        .call(move |service| {
            let experiment = service.outward_experiment(service.store.experiment_by_name(&name)?);
            Ok(OutwardAnswer { experiment })
        })
        .await
}

async fn search(
    State(service): State<Service>,
    Payload(request): Payload<SearchExperiments>,
) -> Answer<OutwardsAnswer> {
    found(service, request).await
}

async fn search_by_query(
    State(service): State<Service>,
    Parameters(request): Parameters<SearchExperiments>,
) -> Answer<OutwardsAnswer> {
    found(service, request).await
}

async fn found(service: Service, request: SearchExperiments) -> Answer<OutwardsAnswer> {
    let query = ExperimentQuery {
        filter: request.filter.unwrap_or_default(),
        view: view(request.view_type.as_ref())?,
        order_by: request.order_by,
        // MLflow refuses a request that does not say how many.
        max_results: rows(request.max_results, 0)?,
        page_token: request.page_token,
    };
    service
        .call_in_turn(move |service| {
            let page = service.store.search_experiments(&query)?;
            let outward = |one| service.outward_experiment(one);
            Ok(OutwardsAnswer {
                experiments: page.items.into_iter().map(outward).collect(),
                next_page_token: page.next_page_token,
            })
        })
        .await
}

/// Reads a view; when not given it is the active ones.
pub(super) fn view(value: Option<&EnumValue>) -> Result<ViewType, Error> {
    let read = |value: &EnumValue| value.resolve(ViewType::from_number, ViewType::parse);
    value.map_or(Ok(ViewType::ActiveOnly), read)
}

async fn update(
    State(service): State<Service>,
    Payload(request): Payload<UpdateExperiment>,
) -> Answer<Empty> {
    let id = id(request.experiment_id)?;
    let name = required(request.new_name, "new_name")?;
    let name = ExperimentName::parse(name).map_err(Failure::from)?;
    let now = service.clock.now();
    service.act(move |store| store.rename_experiment(&id, &name, now)).await
}

async fn delete(
    State(service): State<Service>,
    Payload(request): Payload<OfExperiment>,
) -> Answer<Empty> {
    let id = id(request.experiment_id)?;
    let now = service.clock.now();
    service.act(move |store| store.delete_experiment(&id, now)).await
}

async fn restore(
    State(service): State<Service>,
    Payload(request): Payload<OfExperiment>,
) -> Answer<Empty> {
    let id = id(request.experiment_id)?;
    let now = service.clock.now();
    service.act(move |store| store.restore_experiment(&id, now)).await
}

async fn set_tag(
    State(service): State<Service>,
    Payload(request): Payload<ExperimentTag>,
) -> Answer<Empty> {
    let id = id(request.experiment_id)?;
    let tag = Tag { key: key(request.key)?, value: request.value.unwrap_or_default() };
    service.act(move |store| store.set_experiment_tag(&id, &tag)).await
}

async fn delete_tag(
    State(service): State<Service>,
    Payload(request): Payload<ExperimentTag>,
) -> Answer<Empty> {
    let id = id(request.experiment_id)?;
    let key = key(request.key)?;
    service.act(move |store| store.delete_experiment_tag(&id, &key)).await
}
