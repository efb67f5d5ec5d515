//! `experiments/search-datasets`, which only MLflow's pages ask for.

use super::{Answer, Service};
use crate::message::{DatasetsAnswer, SearchDatasets};
use axum::Router;
use axum::extract::State;
use axum::routing::post;
use mlctl_wire::rest::{Failure, Payload};
use mlctl_wire::{ErrorCode, limits};

pub(super) fn routes() -> Router<Service> {
    Router::new().route("/experiments/search-datasets", post(search))
}

async fn search(
    State(service): State<Service>,
    Payload(request): Payload<SearchDatasets>,
) -> Answer<DatasetsAnswer> {
    reject_too_many_experiments(request.experiment_ids.len())?;
    service
        .call_in_turn(move |service| {
            let dataset_summaries = service.store.search_datasets(&request.experiment_ids)?;
            Ok(DatasetsAnswer { dataset_summaries })
        })
        .await
}

fn reject_too_many_experiments(experiments: usize) -> Result<(), Failure> {
    const MAX: usize = limits::DATASET_EXPERIMENTS_MAX;
    let refuse = |message| Err(Failure::new(ErrorCode::InvalidParameterValue, message));
    match experiments {
        0 => refuse("SearchDatasets request must specify at least one experiment_id.".to_owned()),
        1..=MAX => Ok(()),
        got => refuse(format!(
            "SearchDatasets request cannot specify more than {MAX} experiment_ids. \
             Received {got} experiment_ids."
        )),
    }
}
