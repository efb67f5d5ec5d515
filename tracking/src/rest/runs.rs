//! `runs/…`, without what is logged as metrics.

use super::experiments::view;
use super::{Answer, Empty, Encoded, Service, key, rows, run_id};
use crate::ExperimentId;
use crate::entity::{Run, RunData, RunInfo, RunInputs, RunStatus, Tag};
use crate::message::{
    CreateRun, LogInputs, LogOutputs, OfRun, RunAnswer, RunInfoAnswer, RunPair, RunsAnswer,
    SearchRuns, UpdateRun,
};
use crate::search::RunQuery;
use crate::store::{Batch, NewRun, RunChange};
use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use mlctl_wire::limits;
use mlctl_wire::rest::{Failure, Parameters, Payload};
use serde::Serialize;

pub(super) fn routes() -> Router<Service> {
    Router::new()
        .route("/runs/create", post(create))
        .route("/runs/get", get(get_run))
        .route("/runs/update", post(update))
        .route("/runs/delete", post(delete))
        .route("/runs/restore", post(restore))
        .route("/runs/search", post(search))
        .route("/runs/set-tag", post(set_tag))
        .route("/runs/delete-tag", post(delete_tag))
        .route("/runs/log-inputs", post(log_inputs))
        .route("/runs/outputs", post(log_outputs))
}

impl Service {
    pub(super) fn outward_info(&self, mut info: RunInfo) -> RunInfo {
        info.artifact_uri = self.served.outward(&info.artifact_uri);
        info
    }

    pub(super) fn outward_run(&self, run: Run) -> Run {
        Run { info: self.outward_info(run.info), ..run }
    }
}

/// A run that was just made, which MLflow shows without outputs.
#[derive(Debug, Serialize)]
struct Created {
    info: RunInfo,
    data: RunData,
    inputs: RunInputs,
}

#[derive(Debug, Serialize)]
struct CreatedAnswer {
    run: Created,
}

async fn create(
    State(service): State<Service>,
    Payload(request): Payload<CreateRun>,
) -> Answer<CreatedAnswer> {
    let new = NewRun {
        experiment_id: request.experiment_id.unwrap_or_else(ExperimentId::default_experiment),
        user_id: request.user_id.unwrap_or_default(),
        run_name: request.run_name,
        start_time: request.start_time.unwrap_or_default(),
        tags: request.tags,
    };
    let run = service.finish(move |store, done| store.create_run_then(new, done)).await?;
    let Run { info, data, inputs, .. } = service.outward_run(run);
    Ok(Encoded::of(&CreatedAnswer { run: Created { info, data, inputs } })?)
}

async fn get_run(
    State(service): State<Service>,
    Parameters(request): Parameters<OfRun>,
) -> Answer<RunAnswer> {
    let id = run_id(request.run_id, request.run_uuid)?;
    service
        .call(move |service| {
            let run = service.outward_run(service.store.run(&id)?);
            Ok(RunAnswer { run: Some(run) })
        })
        .await
}

async fn update(
    State(service): State<Service>,
    Payload(request): Payload<UpdateRun>,
) -> Answer<RunInfoAnswer> {
    let id = run_id(request.run_id, request.run_uuid)?;
    let status = request.status.as_ref();
    let status =
        status.map(|value| value.resolve(RunStatus::from_number, RunStatus::parse)).transpose();
    let change = RunChange {
        status: status.map_err(Failure::from)?,
        end_time: request.end_time,
        run_name: request.run_name,
    };
    service
        .call(move |service| {
            let info = service.outward_info(service.store.update_run(&id, &change)?);
            Ok(RunInfoAnswer { run_info: Some(info) })
        })
        .await
}

async fn delete(State(service): State<Service>, Payload(request): Payload<OfRun>) -> Answer<Empty> {
    let id = run_id(request.run_id, request.run_uuid)?;
    let now = service.clock.now();
    service.act(move |store| store.delete_run(&id, now)).await
}

async fn restore(
    State(service): State<Service>,
    Payload(request): Payload<OfRun>,
) -> Answer<Empty> {
    let id = run_id(request.run_id, request.run_uuid)?;
    service.act(move |store| store.restore_run(&id)).await
}

async fn search(
    State(service): State<Service>,
    Payload(request): Payload<SearchRuns>,
) -> Answer<RunsAnswer> {
    let query = RunQuery {
        experiment_ids: request.experiment_ids,
        filter: request.filter.unwrap_or_default(),
        view: view(request.run_view_type.as_ref())?,
        order_by: request.order_by,
        max_results: rows(request.max_results, limits::PAGE_ROWS_DEFAULT)?,
        page_token: request.page_token,
    };
    service
        .call_in_turn(move |service| {
            let page = service.store.search_runs(&query)?;
            let outward = |run| service.outward_run(run);
            Ok(RunsAnswer {
                runs: page.items.into_iter().map(outward).collect(),
                next_page_token: page.next_page_token,
            })
        })
        .await
}

async fn set_tag(
    State(service): State<Service>,
    Payload(request): Payload<RunPair>,
) -> Answer<Empty> {
    let id = run_id(request.run_id, request.run_uuid)?;
    let tag = Tag { key: key(request.key)?, value: request.value.unwrap_or_default() };
    let batch = Batch { tags: vec![tag], ..Batch::default() };
    service.log(id, batch).await
}

async fn delete_tag(
    State(service): State<Service>,
    Payload(request): Payload<RunPair>,
) -> Answer<Empty> {
    let id = run_id(request.run_id, request.run_uuid)?;
    let key = key(request.key)?;
    service.act(move |store| store.delete_tag(&id, &key)).await
}

async fn log_inputs(
    State(service): State<Service>,
    Payload(request): Payload<LogInputs>,
) -> Answer<Empty> {
    let id = run_id(request.run_id, None)?;
    service.act(move |store| store.log_inputs(&id, &request.datasets, &request.models)).await
}

async fn log_outputs(
    State(service): State<Service>,
    Payload(request): Payload<LogOutputs>,
) -> Answer<Empty> {
    let id = run_id(request.run_id, None)?;
    let models = request.models.ok_or_else(|| Failure::missing("models"))?;
    service.act(move |store| store.log_outputs(&id, &models)).await
}
