//! What a run logs: metrics and params, alone or in batches, and the history of a metric.

use super::{Answer, Empty, Service, key, run_id};
use crate::entity::{Metric, Param};
use crate::message::{LogBatch, LogMetric, MetricHistory, MetricsAnswer, RunPair};
use crate::store::{Batch, HistoryPage};
use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use mlctl_wire::rest::{Failure, Parameters, Payload, required};

pub(super) fn routes() -> Router<Service> {
    Router::new()
        .route("/runs/log-metric", post(log_metric))
        .route("/runs/log-parameter", post(log_param))
        .route("/runs/log-batch", post(log_batch))
        .route("/metrics/get-history", get(history))
}

async fn log_metric(
    State(service): State<Service>,
    Payload(request): Payload<LogMetric>,
) -> Answer<Empty> {
    let id = run_id(request.run_id, request.run_uuid)?;
    let metric = Metric {
        key: key(request.key)?,
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
    let param = Param { key: key(request.key)?, value: request.value.unwrap_or_default() };
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

async fn history(
    State(service): State<Service>,
    Parameters(request): Parameters<MetricHistory>,
) -> Answer<MetricsAnswer> {
    let id = run_id(request.run_id, request.run_uuid)?;
    let key = request.metric_key.ok_or_else(|| Failure::missing("metric_key"))?;
    let page = HistoryPage {
        // Not given means all, which is what MLflow 3.17.2 answers.
        max_results: request.max_results.map(|rows| super::rows(Some(rows), 0)).transpose()?,
        page_token: request.page_token,
    };
    service
        .call(move |service| {
            let page = service.store.metric_history(&id, &key, &page)?;
            Ok(MetricsAnswer { metrics: page.items, next_page_token: page.next_page_token })
        })
        .await
}
