//! Metrics as charts need them: `GET /api/2.0/mlctl/series`, a line of JSON for each series.

use super::Service;
use crate::entity::RunStatus;
use crate::series::{Axis, Series, SeriesQuery, Smoothing};
use crate::{Error, Key, Result, RunId};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use mlctl_wire::rest::{Failure, Query, blocking};
use serde::{Deserialize, Serialize};
use std::hash::{DefaultHasher, Hasher};

/// Series of one answer, at most.
const SERIES_MAX: usize = 1_000;

pub(super) fn routes() -> Router<Service> {
    Router::new().route("/series", get(series))
}

/// Which series are asked for: every metric of every run.
#[derive(Debug, Deserialize)]
struct Request {
    #[serde(default)]
    run_id: Vec<RunId>,
    #[serde(default)]
    metric: Vec<Key>,
    x: Option<String>,
    from: Option<f64>,
    to: Option<f64>,
    columns: Option<usize>,
    smooth: Option<String>,
}

/// A line of the answer.
#[derive(Serialize)]
struct Row<'a> {
    run_id: &'a RunId,
    metric: &'a Key,
    x: &'a str,
    #[serde(flatten)]
    series: Series,
}

impl Request {
    fn query(&self) -> Result<SeriesQuery> {
        let usual = SeriesQuery::default();
        Ok(SeriesQuery {
            axis: self.x.as_deref().map_or(Ok(usual.axis), Axis::parse)?,
            from: self.from,
            to: self.to,
            columns: self.columns.unwrap_or(usual.columns),
            smoothing: self.smooth.as_deref().map(Smoothing::parse).transpose()?,
        })
    }

    fn check(&self) -> std::result::Result<(), Failure> {
        if self.run_id.is_empty() {
            return Err(Failure::missing("run_id"));
        }
        if self.metric.is_empty() {
            return Err(Failure::missing("metric"));
        }
        match self.run_id.len().saturating_mul(self.metric.len()) {
            0..=SERIES_MAX => Ok(()),
            more => {
                let rule = "runs times metrics must be at most 1000";
                Err(Error::invalid("number of series", &more.to_string(), rule).into())
            }
        }
    }
}

async fn series(
    State(service): State<Service>,
    headers: HeaderMap,
    Query(request): Query<Request>,
) -> std::result::Result<Response, Failure> {
    request.check()?;
    let (body, is_over) = blocking(move || lines(&service, &request)).await?;
    let kind = HeaderValue::from_static("application/x-ndjson");
    let mut response = ([(header::CONTENT_TYPE, kind)], body.clone()).into_response();
    if !is_over {
        return Ok(response);
    }
    // What has ended stays as it is, so a browser need not be sent it twice.
    let tag = format!("\"{:016x}\"", hash(&body));
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known == tag.as_str()) {
        response = StatusCode::NOT_MODIFIED.into_response();
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// Encodes the series, and tells whether all of the runs are over.
fn lines(service: &Service, request: &Request) -> Result<(Vec<u8>, bool)> {
    let query = request.query()?;
    let mut body = Vec::new();
    let mut is_over = true;
    for run_id in &request.run_id {
        is_over &= RunStatus::is_terminated(service.store.run(run_id)?.info.status);
        for metric in &request.metric {
            let series = service.store.series(run_id, metric, &query)?;
            let row = Row { run_id, metric, x: query.axis.as_str(), series };
            serde_json::to_writer(&mut body, &row)
                .map_err(|error| Error::backend("cannot encode a series", error))?;
            body.push(b'\n');
        }
    }
    Ok((body, is_over))
}

fn hash(body: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(body);
    hasher.finish()
}
