//! Artifacts: the listing of a run's, and the proxy that clients upload and download through.

use super::serve_location::Owner;
use super::{Answer, Empty, Service, run_id};
use crate::message::{FileInfo, FilesAnswer, ListArtifacts};
use crate::{Error, Result};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use mlctl_artifacts::{ArtifactPath, ArtifactStore};
use mlctl_wire::rest::{Failure, Parameters, blocking};
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::timeout;
use tokio_util::io::{StreamReader, SyncIoBridge};

/// Bytes that travel at once in a download.
const CHUNK_BYTES: usize = 128 * 1024;

/// Chunks that may wait for a slow client.
const CHUNKS_AHEAD: usize = 4;

/// How long the sender of an upload may pause.
const PAUSE_MAX: Duration = Duration::from_secs(60);

pub(super) fn run_routes() -> Router<Service> {
    Router::new().route("/artifacts/list", get(list_of_run))
}

pub(super) fn proxy_routes() -> Router<Service> {
    Router::new()
        .route("/artifacts", get(list))
        .route("/artifacts/{*path}", get(download).put(upload).delete(remove))
        // Artifacts have no size limit: they stream to their store.
        .layer(axum::extract::DefaultBodyLimit::disable())
}

impl Service {
    fn open_proxied(&self, path: &str) -> Result<(Arc<dyn ArtifactStore>, ArtifactPath)> {
        let place = self.served.inward(path)?;
        let location = match &place.owner {
            Owner::Run(id) => self.store.run(id)?.info.artifact_uri,
            Owner::Model(id) => self.store.logged_model(id)?.artifact_uri,
        };
        // A path that only looks like the owner's leads nowhere.
        if self.served.outward(&location) != place.location {
            let path = ArtifactPath::parse(path)?;
            return Err(mlctl_artifacts::Error::NotFound { path }.into());
        }
        Ok((self.store.artifacts(&location)?, place.below))
    }
}

async fn list_of_run(
    State(service): State<Service>,
    Parameters(request): Parameters<ListArtifacts>,
) -> Answer<FilesAnswer> {
    let id = run_id(request.run_id, request.run_uuid)?;
    service
        .call(move |service| {
            let info = service.store.run(&id)?.info;
            let path = ArtifactPath::parse(&request.path.unwrap_or_default())?;
            let files = service.store.artifacts(&info.artifact_uri)?.list(&path)?;
            Ok(FilesAnswer {
                root_uri: Some(service.outward_info(info).artifact_uri),
                files: files.iter().map(FileInfo::from).collect(),
                next_page_token: None,
            })
        })
        .await
}

/// Lists a folder; the paths are relative to it, as in MLflow's proxy.
async fn list(
    State(service): State<Service>,
    Parameters(request): Parameters<ListArtifacts>,
) -> Answer<FilesAnswer> {
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

async fn download(
    State(service): State<Service>,
    Path(path): Path<String>,
) -> std::result::Result<Response, Failure> {
    let transfer = service.transfer()?;
    let (artifact, name) = blocking(move || -> Result<_> {
        let (artifacts, below) = service.open_proxied(&path)?;
        let name = below.file_name().unwrap_or("artifact").to_owned();
        Ok((artifacts.open(&below)?, name))
    })
    .await?;
    let media_type = mime_guess::from_path(&name).first_raw().unwrap_or("application/octet-stream");
    let mut response = Body::from_stream(stream(artifact.content, transfer)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CONTENT_LENGTH, artifact.size.into());
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_DISPOSITION, attachment(&name));
    Ok(response)
}

/// Names the file for browsers; a name that a header cannot hold is spelled by RFC 5987.
fn attachment(name: &str) -> HeaderValue {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "._- ".contains(c));
    let text = if plain {
        format!("attachment; filename=\"{name}\"")
    } else {
        format!("attachment; filename*=UTF-8''{}", utf8_percent_encode(name, NON_ALPHANUMERIC))
    };
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("attachment"))
}

/// Reads on a thread that may block, a few chunks ahead of the client.
fn stream(
    mut content: Box<dyn mlctl_artifacts::ReadSeek + Send>,
    transfer: OwnedSemaphorePermit,
) -> impl Stream<Item = io::Result<Bytes>> {
    let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
    tokio::task::spawn_blocking(move || {
        let _transfer = transfer;
        loop {
            let mut chunk = vec![0; CHUNK_BYTES];
            let read = content.read(&mut chunk).map(|bytes| {
                chunk.truncate(bytes);
                Bytes::from(chunk)
            });
            let is_last = read.as_ref().map_or(true, Bytes::is_empty);
            if matches!(&read, Ok(chunk) if chunk.is_empty()) {
                return;
            }
            // A client that went away ends the reading.
            if sender.blocking_send(read).is_err() || is_last {
                return;
            }
        }
    });
    futures_util::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|chunk| (chunk, receiver))
    })
}

/// Reads a body whose sender may pause, but not for ever.
fn patient(body: Body) -> impl Stream<Item = io::Result<Bytes>> + Unpin {
    let chunks = futures_util::stream::unfold(body.into_data_stream(), |mut chunks| async {
        match timeout(PAUSE_MAX, chunks.next()).await {
            Ok(chunk) => chunk.map(|chunk| (chunk.map_err(io::Error::other), chunks)),
            Err(_) => Some((Err(io::ErrorKind::TimedOut.into()), chunks)),
        }
    });
    Box::pin(chunks)
}

async fn upload(
    State(service): State<Service>,
    Path(path): Path<String>,
    body: Body,
) -> std::result::Result<StatusCode, Failure> {
    let _transfer = service.transfer()?;
    let reader = StreamReader::new(patient(body));
    blocking(move || -> Result<()> {
        let (artifacts, below) = service.open_proxied(&path)?;
        let mut content = SyncIoBridge::new(reader);
        artifacts.write(&below, &mut content)?;
        Ok(())
    })
    .await?;
    Ok(StatusCode::OK)
}

async fn remove(State(service): State<Service>, Path(path): Path<String>) -> Answer<Empty> {
    service
        .call(move |service| {
            let (artifacts, below) = service.open_proxied(&path)?;
            match artifacts.delete(&below) {
                // Deleting what is not there is no failure, as in MLflow.
                Ok(()) | Err(mlctl_artifacts::Error::NotFound { .. }) => Ok(Empty {}),
                Err(error) => Err(Error::from(error)),
            }
        })
        .await
}
