//! Facts about many runs: below `/api/2.0/mlctl`, since MLflow has no such requests.

use super::experiments::view;
use super::{Answer, Service, rows};
use crate::ExperimentId;
use crate::facts::{KeyKind, KeyList, KeyQuery, ValueList, ValueQuery};
use crate::field::EnumValue;
use crate::message::{CountRuns, CountsAnswer, KeyValues, RunKeys};
use crate::search::RunQuery;
use axum::Router;
use axum::extract::State;
use axum::routing::post;
use mlctl_wire::rest::{Failure, Payload, required};

/// Keys, and values, in an answer when the request does not say.
const ROWS_DEFAULT: usize = 100;

pub(super) fn routes() -> Router<Service> {
    Router::new()
        .route("/runs/count", post(count))
        .route("/runs/keys", post(keys))
        .route("/runs/values", post(values))
}

/// Reads which runs a request is about.
fn query(
    experiment_ids: Vec<ExperimentId>,
    filter: Option<String>,
    view_type: Option<&EnumValue>,
) -> Result<RunQuery, Failure> {
    let (filter, view) = (filter.unwrap_or_default(), view(view_type)?);
    Ok(RunQuery { filter, view, ..RunQuery::of(experiment_ids) })
}

async fn count(
    State(service): State<Service>,
    Payload(request): Payload<CountRuns>,
) -> Answer<CountsAnswer> {
    let query = query(request.experiment_ids, request.filter, request.run_view_type.as_ref())?;
    service
        .call_in_turn(move |service| {
            let counts = service.store.count_runs(&query)?;
            Ok(CountsAnswer { total: counts.total(), counts })
        })
        .await
}

fn kind(text: Option<String>) -> Result<KeyKind, Failure> {
    Ok(KeyKind::parse(&required(text, "kind")?)?)
}

async fn keys(
    State(service): State<Service>,
    Payload(request): Payload<RunKeys>,
) -> Answer<KeyList> {
    let query = query(request.experiment_ids, request.filter, request.run_view_type.as_ref())?;
    let ask = KeyQuery {
        kind: kind(request.kind)?,
        contains: request.contains.unwrap_or_default(),
        max_results: rows(request.max_results, ROWS_DEFAULT)?,
    };
    service.call_in_turn(move |service| service.store.run_keys(&query, &ask)).await
}

async fn values(
    State(service): State<Service>,
    Payload(request): Payload<KeyValues>,
) -> Answer<ValueList> {
    let query = query(request.experiment_ids, request.filter, request.run_view_type.as_ref())?;
    let ask = ValueQuery {
        kind: kind(request.kind)?,
        key: request.key.ok_or_else(|| Failure::missing("key"))?,
        prefix: request.prefix.unwrap_or_default(),
        max_results: rows(request.max_results, ROWS_DEFAULT)?,
    };
    service.call_in_turn(move |service| service.store.key_values(&query, &ask)).await
}
