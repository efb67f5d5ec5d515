//! Facts about many runs: below `/api/2.0/mlctl`, since MLflow has no such requests.

use super::experiments::view;
use super::{Answer, Service, rows};
use crate::ExperimentId;
use crate::facts::experiments::DAY;
use crate::facts::{
    GroupPage, GroupQuery, KeyKind, KeyList, KeyQuery, RootPage, ValueList, ValueQuery,
};
use crate::field::EnumValue;
use crate::message::{
    ChildStates, ChildStatesAnswer, Children, CountRuns, CountsAnswer, ExperimentFactsAnswer,
    GroupRuns, KeyValues, OfExperiments, RunKeys, SearchRuns,
};
use crate::search::RunQuery;
use axum::Router;
use axum::extract::State;
use axum::routing::post;
use mlctl_wire::limits;
use mlctl_wire::rest::{Failure, Payload, required};

/// Keys, and values, in an answer when the request does not say.
const ROWS_DEFAULT: usize = 100;

pub(super) fn routes() -> Router<Service> {
    Router::new()
        .route("/runs/count", post(count))
        .route("/runs/keys", post(keys))
        .route("/runs/values", post(values))
        .route("/runs/groups", post(groups))
        .route("/runs/child-states", post(child_states))
        .route("/runs/search-roots", post(search_roots))
        .route("/experiments/facts", post(experiments))
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

async fn groups(
    State(service): State<Service>,
    Payload(request): Payload<GroupRuns>,
) -> Answer<GroupPage> {
    let query = query(request.experiment_ids, request.filter, request.run_view_type.as_ref())?;
    let ask = GroupQuery {
        by: request.by,
        metrics: request.metrics,
        order_by: request.order_by,
        max_results: rows(request.max_results, ROWS_DEFAULT)?,
        page_token: request.page_token,
    };
    service.call_in_turn(move |service| service.store.group_runs(&query, &ask)).await
}

async fn child_states(
    State(service): State<Service>,
    Payload(request): Payload<ChildStates>,
) -> Answer<ChildStatesAnswer> {
    let query = query(request.experiment_ids, request.filter, request.run_view_type.as_ref())?;
    let parents = request.parents;
    service
        .call_in_turn(move |service| {
            let counts = service.store.child_states(&query, &parents)?;
            let children = parents.into_iter().zip(counts);
            let children =
                children.map(|(run_id, counts)| Children { run_id, total: counts.total(), counts });
            Ok(ChildStatesAnswer { children: children.collect() })
        })
        .await
}

async fn search_roots(
    State(service): State<Service>,
    Payload(request): Payload<SearchRuns>,
) -> Answer<RootPage> {
    let query = RunQuery {
        order_by: request.order_by,
        max_results: rows(request.max_results, limits::PAGE_ROWS_DEFAULT)?,
        page_token: request.page_token,
        ..query(request.experiment_ids, request.filter, request.run_view_type.as_ref())?
    };
    service
        .call_in_turn(move |service| {
            let page = service.store.search_roots(&query)?;
            let outward = |run| service.outward_run(run);
            Ok(RootPage { runs: page.runs.into_iter().map(outward).collect(), ..page })
        })
        .await
}

async fn experiments(
    State(service): State<Service>,
    Payload(request): Payload<OfExperiments>,
) -> Answer<ExperimentFactsAnswer> {
    // The end of this day in UTC.
    let tomorrow = || (service.clock.now().div_euclid(DAY) + 1) * DAY;
    let until = request.until.unwrap_or_else(tomorrow);
    service
        .call_in_turn(move |service| {
            let experiments = service.store.experiment_facts(&request.experiment_ids, until)?;
            Ok(ExperimentFactsAnswer { experiments })
        })
        .await
}
