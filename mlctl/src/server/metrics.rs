//! Counts of requests for Prometheus, under the names of MLflow's exporter.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use std::sync::Arc;
use std::time::Instant;

/// Upper bounds in seconds: the defaults of Prometheus' Python client, which MLflow uses.
const BUCKETS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    method: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TimedKind {
    method: &'static str,
    mlflow_version: &'static str,
    status: u16,
}

#[derive(Clone, Debug)]
struct Requests {
    count: Family<Kind, Counter>,
    seconds: Family<TimedKind, Histogram, fn() -> Histogram>,
}

/// Counts what `app` answers, and shows the counts at `/metrics`.
pub(super) fn counted(app: Router) -> Router {
    let requests = Requests {
        count: Family::default(),
        seconds: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
    };
    let mut registry = Registry::with_prefix("mlflow");
    let about = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("exporter", "The program that reports these metrics", about);
    registry.register("http_request", "Number of requests answered", requests.count.clone());
    let help = "Duration of requests in seconds";
    registry.register("http_request_duration_seconds", help, requests.seconds.clone());
    let registry = Arc::new(registry);
    app.layer(middleware::from_fn_with_state(requests, count))
        .route("/metrics", get(move || show(registry.clone())))
}

async fn show(registry: Arc<Registry>) -> Response {
    let mut text = String::new();
    match encode(&mut text, &registry) {
        Ok(()) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Err(_) => axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn count(State(requests): State<Requests>, request: Request, next: Next) -> Response {
    let method = name(request.method());
    let start = Instant::now();
    let response = next.run(request).await;
    let status = response.status().as_u16();
    requests.count.get_or_create(&Kind { method, status }).inc();
    let kind = TimedKind { method, mlflow_version: env!("CARGO_PKG_VERSION"), status };
    requests.seconds.get_or_create(&kind).observe(start.elapsed().as_secs_f64());
    response
}

/// Names a method. Clients may make up others, and each would be a series for ever.
fn name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}
