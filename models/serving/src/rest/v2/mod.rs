//! The Open Inference Protocol, version 2.
//!
//! Source: <https://github.com/kserve/open-inference-protocol>, with the extensions for
//! repositories and binary tensors of
//! <https://github.com/triton-inference-server/server/tree/main/docs/protocol>.

mod answer;
mod binary;
mod datatype;
mod infer;
mod repository;

use super::failure::told;
use crate::{Deployed, Missing, Repository};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use datatype::datatype;
use mlctl_models_format::signature::Signature;
use mlctl_table::schema::Schema;
use serde_json::{Value, json};
use std::sync::Arc;

/// Says what is wrong, as this protocol has it.
#[derive(Debug)]
struct Problem(StatusCode, String);

impl Problem {
    fn bad(text: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, text.into())
    }
}

impl From<Missing> for Problem {
    fn from(missing: Missing) -> Self {
        Self(StatusCode::NOT_FOUND, told(&missing))
    }
}

impl From<mlctl_models_format::Error> for Problem {
    fn from(error: mlctl_models_format::Error) -> Self {
        Self::bad(error.to_string())
    }
}

impl From<mlctl_table::Error> for Problem {
    fn from(error: mlctl_table::Error) -> Self {
        Self::bad(error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

/// Builds the routes below `/v2`.
pub(super) fn routes() -> Router<Arc<Repository>> {
    Router::new()
        .route("/", get(server))
        .route("/health/live", get(async || Json(json!({ "live": true }))))
        .route("/health/ready", get(ready))
        .route("/models/{name}", get(metadata))
        .route("/models/{name}/ready", get(model_ready))
        .route("/models/{name}/infer", post(infer::latest))
        .route("/models/{name}/versions/{version}", get(version_metadata))
        .route("/models/{name}/versions/{version}/ready", get(version_ready))
        .route("/models/{name}/versions/{version}/infer", post(infer::version))
        .route("/repository/index", post(repository::index))
        .route("/repository/models/{name}/load", post(repository::load))
        .route("/repository/models/{name}/unload", post(repository::unload))
}

async fn server() -> Json<Value> {
    Json(json!({
        "name": "mlctl",
        "version": env!("CARGO_PKG_VERSION"),
        "extensions": ["model_repository", "binary_tensor_data"],
    }))
}

async fn ready(State(repository): State<Arc<Repository>>) -> Response {
    let is_ready = repository.standings().iter().all(|standing| standing.version.is_some());
    let status = if is_ready { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    (status, Json(json!({ "ready": is_ready }))).into_response()
}

async fn model_ready(
    State(repository): State<Arc<Repository>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    ready_state(&*repository.get(&name, None)?)
}

async fn version_ready(
    State(repository): State<Arc<Repository>>,
    Path((name, version)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    ready_state(&*repository.get(&name, Some(&version))?)
}

#[expect(clippy::unnecessary_wraps, reason = "it ends two handlers")]
fn ready_state(deployed: &Deployed) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({ "name": deployed.name(), "ready": true })))
}

async fn metadata(
    State(repository): State<Arc<Repository>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    Ok(described(&*repository.get(&name, None)?))
}

async fn version_metadata(
    State(repository): State<Arc<Repository>>,
    Path((name, version)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    Ok(described(&*repository.get(&name, Some(&version))?))
}

fn described(deployed: &Deployed) -> Json<Value> {
    let signature = deployed.model().info.signature.as_ref();
    let side = |pick: fn(&Signature) -> Option<&Schema>, unnamed| {
        signature.and_then(pick).map(|schema| tensors(schema, unnamed)).unwrap_or_default()
    };
    Json(json!({
        "name": deployed.name(),
        "versions": [deployed.version()],
        "platform": format!("mlflow_{}", deployed.model().flavor()),
        "inputs": side(|signature| signature.inputs.as_ref(), "input"),
        "outputs": side(|signature| signature.outputs.as_ref(), "output"),
    }))
}

/// Lists a schema's tensors; a column is one with a row for each row.
///
/// One without a name is `unnamed`, counted from 1.
fn tensors(schema: &Schema, unnamed: &str) -> Vec<Value> {
    let named = |name: Option<&str>, at: usize| {
        name.map_or_else(|| format!("{unnamed}-{}", at + 1), str::to_owned)
    };
    match schema {
        Schema::Columns(columns) => columns
            .iter()
            .enumerate()
            .map(|(at, column)| {
                let name = named(column.name.as_deref(), at);
                let kind = column.data_type().map_or("BYTES", datatype);
                json!({ "name": name, "datatype": kind, "shape": [-1, 1] })
            })
            .collect(),
        Schema::Tensors(tensors) => tensors
            .iter()
            .enumerate()
            .map(|(at, tensor)| {
                let name = named(tensor.name.as_deref(), at);
                let kind = datatype::of_numpy(&tensor.dtype);
                json!({ "name": name, "datatype": kind, "shape": tensor.shape })
            })
            .collect(),
    }
}
