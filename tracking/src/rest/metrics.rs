//! What a run logs: metrics and params, alone or in batches.

use super::{Answer, Empty, Service, failure, key_of, run_id};
use crate::entity::{Metric, Param};
use crate::message::{LogBatch, LogMetric, RunPair};
use crate::store::Batch;
use axum::Router;
use axum::extract::State;
use axum::routing::post;
use mlctl_wire::rest::{Payload, required};

pub(super) fn routes() -> Router<Service> {
    Router::new()
        .route("/runs/log-metric", post(log_metric))
        .route("/runs/log-parameter", post(log_param))
        .route("/runs/log-batch", post(log_batch))
}

async fn log_metric(
    State(service): State<Service>,
    Payload(request): Payload<LogMetric>,
) -> Answer<Empty> {
    let id = run_id(request.run_id, request.run_uuid)?;
    let metric = Metric {
        key: key_of(request.key, failure::of_metric)?,
        value: required(request.value, "value")?,
        timestamp: required(request.timestamp, "timestamp")?,
        step: request.step.unwrap_or_default(),
        dataset_name: request.dataset_name.filter(|name| !name.is_empty()),
        dataset_digest: request.dataset_digest.filter(|digest| !digest.is_empty()),
        model_id: request.model_id,
        run_id: None,
    };
    let batch = Batch { metrics: vec![metric], ..Batch::default() };
    service.log(id, batch).await
}

async fn log_param(
    State(service): State<Service>,
    Payload(request): Payload<RunPair>,
) -> Answer<Empty> {
    let id = run_id(request.run_id, request.run_uuid)?;
    let param = Param {
        key: key_of(request.key, failure::of_param)?,
        value: request.value.unwrap_or_default(),
    };
    let batch = Batch { params: vec![param], ..Batch::default() };
    service.log(id, batch).await
}

async fn log_batch(
    State(service): State<Service>,
    Payload(request): Payload<LogBatch>,
) -> Answer<Empty> {
    let id = run_id(request.run_id, None)?;
    let batch = Batch { metrics: request.metrics, params: request.params, tags: request.tags };
    service.log(id, batch).await
}
