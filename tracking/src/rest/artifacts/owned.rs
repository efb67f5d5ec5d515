//! Artifacts by the run or logged model that they belong to.

use super::direct::file_path;
use super::file::{self, Asked};
use crate::message::{FileInfo, FilesAnswer, ListArtifacts};
use crate::rest::{Answer, Service, run_id};
use crate::{ModelId, Result, RunId};
use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mlctl_artifacts::ArtifactPath;
use mlctl_wire::ErrorCode;
use mlctl_wire::rest::{Failure, Parameters, Query, blocking, required};
use serde::Deserialize;

/// Bytes that a page may upload at once, which is MLflow's limit.
const UPLOAD_BYTES_MAX: usize = 10 * 1024 * 1024;

pub(super) async fn list_of_run(
    State(service): State<Service>,
    Parameters(request): Parameters<ListArtifacts>,
) -> Answer<FilesAnswer> {
    let id = run_id(request.run_id, request.run_uuid)?;
    service
        .call(move |service| {
            let location = service.store.run(&id)?.info.artifact_uri;
            service.list_at((id.as_str(), &location), request.path.as_deref())
        })
        .await
}

#[derive(Debug, Deserialize)]
pub(super) struct OfModel {
    artifact_directory_path: Option<String>,
    artifact_file_path: Option<String>,
}

pub(super) async fn list_of_model(
    State(service): State<Service>,
    Path(model_id): Path<String>,
    Parameters(request): Parameters<OfModel>,
) -> Answer<FilesAnswer> {
    let id = ModelId::parse(model_id).map_err(Failure::from)?;
    service
        .call(move |service| {
            let location = service.store.logged_model(&id)?.artifact_uri;
            let path = request.artifact_directory_path.as_deref();
            service.list_at((id.as_str(), &location), path)
        })
        .await
}

impl Service {
    /// Lists a folder; the paths are relative to the location.
    fn list_at(&self, (owner, location): (&str, &str), path: Option<&str>) -> Result<FilesAnswer> {
        let path = ArtifactPath::parse(path.unwrap_or_default())?;
        let files = self.artifacts_of(owner, location)?.list(&path)?;
        Ok(FilesAnswer {
            root_uri: Some(self.served.outward(location)),
            files: files.iter().map(FileInfo::from).collect(),
            next_page_token: None,
        })
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct OfRun {
    run_id: Option<RunId>,
    run_uuid: Option<RunId>,
    path: Option<String>,
}

pub(super) async fn file_of_run(
    State(service): State<Service>,
    Query(request): Query<OfRun>,
    method: Method,
    headers: HeaderMap,
) -> std::result::Result<Response, Failure> {
    let id = run_id(request.run_id, request.run_uuid)?;
    let path = required(request.path, "path")?;
    let transfer = service.download()?;
    file::send(Asked { method, headers }, transfer, move || {
        let path = ArtifactPath::parse(&path)?;
        let location = service.store.run(&id)?.info.artifact_uri;
        Ok((service.artifacts_of(id.as_str(), &location)?, path))
    })
    .await
}

pub(super) async fn file_of_model(
    State(service): State<Service>,
    Path(model_id): Path<String>,
    Query(request): Query<OfModel>,
    method: Method,
    headers: HeaderMap,
) -> std::result::Result<Response, Failure> {
    let id = ModelId::parse(model_id).map_err(Failure::from)?;
    let path = request.artifact_file_path.filter(|path| !path.is_empty()).ok_or_else(|| {
        let message = "Request must include the \"artifact_file_path\" query parameter.";
        Failure::new(ErrorCode::BadRequest, message)
    })?;
    let transfer = service.download()?;
    file::send(Asked { method, headers }, transfer, move || {
        let path = ArtifactPath::parse(&path)?;
        let location = service.store.logged_model(&id)?.artifact_uri;
        Ok((service.artifacts_of(id.as_str(), &location)?, path))
    })
    .await
}

/// Stores the small file that a page sends.
pub(super) async fn upload(
    State(service): State<Service>,
    Query(request): Query<OfRun>,
    body: Body,
) -> std::result::Result<Response, Failure> {
    let invalid = |message: &str| Failure::new(ErrorCode::InvalidParameterValue, message);
    let id = request.run_uuid.ok_or_else(|| invalid("Request must specify run_uuid."))?;
    let path = request.path.filter(|path| !path.is_empty());
    let path = path.ok_or_else(|| invalid("Request must specify path."))?;
    let _transfer = service.upload()?;
    let content = to_bytes(body, UPLOAD_BYTES_MAX).await;
    let content = content.map_err(|_| invalid("Artifact size is too large. Max size is 10MB."))?;
    if content.is_empty() {
        return Err(invalid("Request must specify data."));
    }
    blocking(move || -> Result<()> {
        let path = file_path(&path)?;
        let location = service.store.run(&id)?.info.artifact_uri;
        service.artifacts_of(id.as_str(), &location)?.write(&path, &mut content.as_ref())?;
        Ok(())
    })
    .await?;
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, "application/json")]).into_response())
}
