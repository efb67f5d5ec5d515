//! The pages' usage reports, which nobody collects here.

use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

/// Builds the route below `/ajax-api/3.0/mlflow`: the pages ask whether to report, and are told
/// not to.
pub fn router() -> Router {
    Router::new().route("/ui-telemetry", get(settings).post(report))
}

async fn settings() -> Json<Value> {
    Json(json!({
        "disable_ui_telemetry": true,
        "disable_ui_events": [],
        "ui_rollout_percentage": 0,
    }))
}

/// Drops what it is sent and asks for no more.
async fn report() -> Json<Value> {
    Json(json!({ "status": "disabled" }))
}
