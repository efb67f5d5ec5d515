//! The models of a server: which there are, loading them again, unloading them.

use super::Problem;
use crate::Repository;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use mlctl_models_format::payload::without_byte_order_mark;
use mlctl_wire::rest::{Failure, blocking};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(Debug, Default, Deserialize)]
struct Asked {
    /// Whether models that are not ready are left out.
    #[serde(default)]
    ready: bool,
}

/// Lists all models. The body may be empty.
pub(super) async fn index(
    State(repository): State<Arc<Repository>>,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let asked = match body.is_empty() {
        true => Asked::default(),
        false => serde_json::from_slice(without_byte_order_mark(&body))
            .map_err(|error| Problem::bad(format!("the request is not valid: {error}")))?,
    };
    let standings = repository.standings().into_iter();
    let listed = standings.filter(|standing| !asked.ready || standing.version.is_some());
    let models = listed.map(|standing| {
        let state = if standing.version.is_some() { "READY" } else { "UNAVAILABLE" };
        json!({
            "name": standing.name,
            "version": standing.version,
            "state": state,
            "reason": standing.problem.unwrap_or_default(),
        })
    });
    Ok(Json(models.collect()))
}

/// Refuses to change which models are served, unless clients may.
fn check_control(repository: &Repository) -> Result<(), Problem> {
    if repository.settings().repository_control {
        return Ok(());
    }
    let problem = "clients can load and unload models only if the server was started with \
                   --allow-repository-control";
    Err(Problem(StatusCode::FORBIDDEN, problem.to_owned()))
}

pub(super) async fn load(
    State(repository): State<Arc<Repository>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    check_control(&repository)?;
    let loaded = blocking(move || Ok::<_, Failure>(repository.load(&name))).await;
    match loaded.map_err(|failure| Problem::bad(failure.0.message))? {
        Ok(()) => Ok(Json(json!({}))),
        Err(None) => Err(crate::Missing::Name.into()),
        Err(Some(error)) => {
            Err(Problem(StatusCode::BAD_REQUEST, format!("cannot load the model: {error:#}")))
        }
    }
}

pub(super) async fn unload(
    State(repository): State<Arc<Repository>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    check_control(&repository)?;
    // It waits for a version that is being loaded.
    let unloaded = blocking(move || Ok::<_, Failure>(repository.unload(&name))).await;
    unloaded.map_err(|failure| Problem::bad(failure.0.message))??;
    Ok(Json(json!({})))
}
