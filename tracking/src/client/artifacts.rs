//! Artifacts behind a server's proxy.

use super::transport::Transport;
use crate::Result as TrackingResult;
use crate::message::FilesAnswer;
use mlctl_artifacts::{Artifact, ArtifactInfo, ArtifactPath, ArtifactStore, Error, Result};
use mlctl_client::path_segment;
use mlctl_client::reqwest::Method;
use mlctl_client::reqwest::blocking::Body;
use mlctl_wire::ErrorCode;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

/// The artifacts at one place behind a proxy.
#[derive(Debug)]
pub(super) struct HttpArtifacts {
    transport: Arc<Transport>,
    root: ArtifactPath,
}

impl HttpArtifacts {
    /// Takes the path of an `mlflow-artifacts:` URI; a host in it is this server's.
    pub(super) fn new(transport: Arc<Transport>, path: &str) -> TrackingResult<Self> {
        let below = match path.strip_prefix("//") {
            Some(with_host) => with_host.split_once('/').map_or("", |(_, path)| path),
            None => path,
        };
        let root = ArtifactPath::parse(below.trim_start_matches('/'))?;
        Ok(Self { transport, root })
    }

    fn url(&self, path: &ArtifactPath) -> String {
        let whole = self.root.join(path);
        let segments: Vec<String> = whole.as_str().split('/').map(path_segment).collect();
        format!("api/2.0/mlflow-artifacts/artifacts/{}", segments.join("/"))
    }

    fn failed(&self, doing: &str, path: &ArtifactPath, error: crate::Error) -> Error {
        match error {
            crate::Error::Remote { code: ErrorCode::ResourceDoesNotExist, .. } => {
                Error::NotFound { path: path.clone() }
            }
            other => {
                Error::Io { doing: format!("{doing} `{path}`"), source: io::Error::other(other) }
            }
        }
    }
}

impl ArtifactStore for HttpArtifacts {
    fn list(&self, path: &ArtifactPath) -> Result<Vec<ArtifactInfo>> {
        let whole = self.root.join(path);
        let request = self
            .transport
            .request(Method::GET, "api/2.0/mlflow-artifacts/artifacts")
            .query(&[("path", whole.as_str())]);
        let answer = self.transport.send(request);
        let response = match answer {
            Ok(response) => response,
            Err(crate::Error::Remote { code: ErrorCode::ResourceDoesNotExist, .. }) => {
                return Ok(Vec::new());
            }
            Err(error) => return Err(self.failed("list", path, error)),
        };
        let answer: FilesAnswer = response.json().map_err(|error| Error::Io {
            doing: format!("list `{path}`"),
            source: io::Error::other(error),
        })?;
        let info = |file: crate::message::FileInfo| {
            let path = path.join(&ArtifactPath::parse(&file.path)?);
            Ok(match file.is_dir {
                true => ArtifactInfo::folder(path),
                false => {
                    let bytes = file.file_size.and_then(|bytes| u64::try_from(bytes).ok());
                    ArtifactInfo::file(path, bytes.unwrap_or_default())
                }
            })
        };
        answer.files.into_iter().map(info).collect()
    }

    fn info(&self, path: &ArtifactPath) -> Result<ArtifactInfo> {
        let Some(parent) = path.parent() else {
            return Ok(ArtifactInfo::folder(ArtifactPath::root()));
        };
        let found = self.list(&parent)?.into_iter().find(|info| &info.path == path);
        found.ok_or_else(|| Error::NotFound { path: path.clone() })
    }

    fn open(&self, path: &ArtifactPath) -> Result<Artifact> {
        let request = self.transport.request(Method::GET, &self.url(path));
        let mut response =
            self.transport.send(request).map_err(|error| self.failed("read", path, error))?;
        // A reader can go back, a connection cannot: the content waits on disk.
        let io = |source| Error::Io { doing: format!("read `{path}`"), source };
        let mut file = tempfile::tempfile().map_err(io)?;
        let size = io::copy(&mut response, &mut file).map_err(io)?;
        file.flush().and_then(|()| file.seek(SeekFrom::Start(0)).map(drop)).map_err(io)?;
        Ok(Artifact { content: Box::new(file), size, modified: None, etag: None })
    }

    fn write(&self, path: &ArtifactPath, content: &mut dyn Read) -> Result<u64> {
        // The blocking client takes only a reader that it may keep: the content waits on disk.
        let io = |source| Error::Io { doing: format!("write `{path}`"), source };
        let mut file = tempfile::tempfile().map_err(io)?;
        let size = io::copy(content, &mut file).map_err(io)?;
        file.seek(SeekFrom::Start(0)).map_err(io)?;
        let request =
            self.transport.request(Method::PUT, &self.url(path)).body(Body::sized(file, size));
        self.transport.send(request).map_err(|error| self.failed("write", path, error))?;
        Ok(size)
    }

    fn delete(&self, path: &ArtifactPath) -> Result<()> {
        // The proxy is content when there is nothing to delete; this trait is not.
        self.info(path)?;
        let request = self.transport.request(Method::DELETE, &self.url(path));
        let sent = self.transport.send(request);
        sent.map(drop).map_err(|error| self.failed("delete", path, error))
    }
}
