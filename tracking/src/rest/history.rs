//! The history of a metric: of one run in pages, or of several runs at once for charts.

use super::{Answer, Service, run_id};
use crate::entity::Metric;
use crate::message::{BulkHistory, MetricHistory, MetricsAnswer, SampledHistory};
use crate::store::{HistoryPage, HistorySample, TrackingStore};
use crate::{Error, Key, Result, RunId};
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use mlctl_wire::rest::{Failure, Parameters};
use mlctl_wire::{ErrorCode, limits};
use serde::Serialize;

pub(super) fn routes() -> Router<Service> {
    Router::new()
        .route("/metrics/get-history", get(history))
        .route("/metrics/get-history-bulk-interval", get(sampled))
}

pub(super) fn ui_routes() -> Router<Service> {
    Router::new().route("/metrics/get-history-bulk", get(bulk))
}

async fn history(
    State(service): State<Service>,
    Parameters(request): Parameters<MetricHistory>,
) -> Answer<MetricsAnswer> {
    let id = run_id(request.run_id, request.run_uuid)?;
    let key = request.metric_key.ok_or_else(|| Failure::missing("metric_key"))?;
    let page = HistoryPage {
        // Not given means all, which is what MLflow 3.17.2 answers.
        max_results: request.max_results.map(page_rows).transpose()?,
        page_token: request.page_token,
    };
    service
        .call_in_turn(move |service| {
            let page = service.store.metric_history(&id, &key, &page)?;
            Ok(MetricsAnswer { metrics: page.items, next_page_token: page.next_page_token })
        })
        .await
}

fn page_rows(max_results: i64) -> std::result::Result<usize, Failure> {
    let rows = usize::try_from(max_results).ok().filter(|rows| *rows > 0);
    rows.ok_or_else(|| {
        invalid(format!(
            "Invalid value {max_results} for parameter 'max_results' supplied. \
             It must be a positive integer."
        ))
    })
}

fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(ErrorCode::InvalidParameterValue, message)
}

/// Unlike other answers it shows its list also when that is empty.
#[derive(Debug, Serialize)]
struct BulkAnswer {
    metrics: Vec<Metric>,
}

async fn bulk(
    State(service): State<Service>,
    Parameters(request): Parameters<BulkHistory>,
) -> Answer<BulkAnswer> {
    let ids = run_ids(request.run_id, "GetMetricHistoryBulk request cannot specify more than")?;
    if ids.is_empty() {
        return Err(invalid("GetMetricHistoryBulk request must specify at least one run_id."));
    }
    let Some(key) = request.metric_key else {
        return Err(invalid("GetMetricHistoryBulk request must specify a metric_key."));
    };
    let max = limits::HISTORY_POINTS_MAX;
    let max = request.max_results.map_or(Ok(max), page_rows)?.min(max);
    service
        .call_in_turn(move |service| {
            let metrics = whole_histories(service.store.as_ref(), ids, &key, max)?;
            Ok(BulkAnswer { metrics })
        })
        .await
}

/// Reads `runs`, at most as many as MLflow takes.
fn run_ids(runs: Vec<String>, refusal: &str) -> std::result::Result<Vec<RunId>, Failure> {
    const MAX: usize = limits::HISTORY_RUNS_MAX;
    if runs.len() > MAX {
        let got = runs.len();
        return Err(invalid(format!("{refusal} {MAX} run_ids. Received {got} run_ids.")));
    }
    runs.into_iter().map(RunId::parse).collect::<Result<_>>().map_err(Failure::from)
}

/// Reads the histories of runs in the order of their ids, up to `max` points in all. A run that is
/// not there has none: of many runs on a page one may be gone.
fn whole_histories(
    store: &dyn TrackingStore,
    mut runs: Vec<RunId>,
    key: &Key,
    max: usize,
) -> Result<Vec<Metric>> {
    runs.sort_unstable();
    runs.dedup();
    let mut points: Vec<Metric> = Vec::new();
    for id in &runs {
        let left = max - points.len();
        if left == 0 {
            break;
        }
        let page = HistoryPage { max_results: Some(left), page_token: None };
        match store.metric_history(id, key, &page) {
            Ok(page) => points.extend(page.items.into_iter().map(|point| of_run(id, point))),
            Err(Error::RunNotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(points)
}

/// Names the run of a point, where several are in one answer.
fn of_run(id: &RunId, point: Metric) -> Metric {
    Metric { run_id: Some(id.clone()), ..point }
}

async fn sampled(
    State(service): State<Service>,
    Parameters(request): Parameters<SampledHistory>,
) -> Answer<MetricsAnswer> {
    if request.run_ids.is_empty() {
        return Err(Failure::missing("run_ids"));
    }
    let refusal = "GetMetricHistoryBulkInterval request must specify at most";
    let ids = run_ids(request.run_ids, refusal)?;
    let key = request.metric_key.ok_or_else(|| Failure::missing("metric_key"))?;
    let sample = HistorySample {
        start_step: request.start_step,
        end_step: request.end_step,
        max_results: sample_size(request.max_results)?,
    };
    check_steps(&sample)?;
    service
        .call_in_turn(move |service| {
            let metrics = sample_of(service.store.as_ref(), ids, &key, &sample)?;
            Ok(MetricsAnswer { metrics, next_page_token: None })
        })
        .await
}

fn sample_size(max_results: Option<i64>) -> std::result::Result<usize, Failure> {
    const MAX: usize = limits::HISTORY_SAMPLE_MAX;
    let Some(rows) = max_results else { return Ok(MAX) };
    let rows = usize::try_from(rows).ok().filter(|rows| (1..=MAX).contains(rows));
    rows.ok_or_else(|| invalid(format!("max_results must be between 1 and {MAX}.")))
}

fn check_steps(sample: &HistorySample) -> std::result::Result<(), Failure> {
    match (sample.start_step, sample.end_step) {
        (Some(start), Some(end)) if start > end => Err(invalid(format!(
            "end_step must be greater than start_step. \
             Found start_step={start} and end_step={end}."
        ))),
        (Some(_), None) | (None, Some(_)) => {
            Err(invalid("If either start step or end step are specified, both must be specified."))
        }
        _ => Ok(()),
    }
}

/// Samples runs; one that is not there is left out, as in [`whole_histories`].
fn sample_of(
    store: &dyn TrackingStore,
    mut runs: Vec<RunId>,
    key: &Key,
    sample: &HistorySample,
) -> Result<Vec<Metric>> {
    loop {
        match store.metric_history_sampled(&runs, key, sample) {
            Ok(points) => {
                return Ok(points.into_iter().map(|(id, point)| of_run(&id, point)).collect());
            }
            Err(Error::RunNotFound(gone)) if runs.contains(&gone) => {
                runs.retain(|id| *id != gone);
            }
            Err(error) => return Err(error),
        }
    }
}
