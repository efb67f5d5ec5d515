//! The proxy: files by the paths of `mlflow-artifacts:/PATH`.

use super::body;
use super::file::{self, Asked};
use crate::message::{FileInfo, FilesAnswer, ListArtifacts};
use crate::rest::{Answer, Empty, Service};
use crate::{Error, Result};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use mlctl_wire::rest::{Failure, Parameters, blocking};

/// Lists a folder; the paths are relative to it, as in MLflow's proxy.
pub(super) async fn list(
    State(service): State<Service>,
    Parameters(request): Parameters<ListArtifacts>,
) -> Answer<FilesAnswer> {
    service.check_serving()?;
    service
        .call(move |service| {
            let (artifacts, below) = service.open_proxied(&request.path.unwrap_or_default())?;
            let relative = |info: mlctl_artifacts::ArtifactInfo| FileInfo {
                path: info.path.file_name().unwrap_or_default().to_owned(),
                ..FileInfo::from(&info)
            };
            let files = artifacts.list(&below)?.into_iter().map(relative).collect();
            Ok(FilesAnswer { root_uri: None, files, next_page_token: None })
        })
        .await
}

pub(super) async fn download(
    State(service): State<Service>,
    Path(path): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> std::result::Result<Response, Failure> {
    service.check_serving()?;
    let transfer = service.download()?;
    file::send(Asked { method, headers }, transfer, move || service.open_proxied(&path)).await
}

pub(super) async fn upload(
    State(service): State<Service>,
    Path(path): Path<String>,
    body: Body,
) -> std::result::Result<StatusCode, Failure> {
    service.check_serving()?;
    let _transfer = service.upload()?;
    let mut content = body::incoming(body);
    blocking(move || -> Result<()> {
        let (artifacts, below) = service.open_to_write(&path)?;
        artifacts.write(&below, &mut content)?;
        Ok(())
    })
    .await?;
    Ok(StatusCode::OK)
}

pub(super) async fn remove(
    State(service): State<Service>,
    Path(path): Path<String>,
) -> Answer<Empty> {
    service.check_serving()?;
    service
        .call(move |service| {
            let (artifacts, below) = service.open_to_delete(&path)?;
            match artifacts.delete(&below) {
                // Deleting what is not there is no failure, as in MLflow.
                Ok(()) | Err(mlctl_artifacts::Error::NotFound { .. }) => Ok(Empty {}),
                Err(error) => Err(Error::from(error)),
            }
        })
        .await
}
