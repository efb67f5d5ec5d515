//! Sends clients to the storage itself, where it is one that they can be sent to.

use super::file::media_type;
use crate::rest::{Answer, Empty, Service};
use crate::{Error, ModelId, Result, RunId};
use axum::extract::{Path, State};
use mlctl_artifacts::{ArtifactPath, ArtifactStore, DirectTransfers, SignedRequest, UploadedPart};
use mlctl_wire::ErrorCode;
use mlctl_wire::number;
use mlctl_wire::rest::{Failure, Payload, required};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a part of an upload may be sent.
const PART_VALID: Duration = Duration::from_secs(3600);

/// How long a download may begin, when the request does not say.
const DOWNLOAD_SECONDS: i64 = 300;

/// How long an upload may begin, when the request does not say.
const UPLOAD_SECONDS: i64 = 900;

/// The longest time that S3 signs for.
const SECONDS_MAX: i64 = 7 * 24 * 3600;

#[derive(Debug, Deserialize)]
pub(super) struct Begin {
    path: Option<String>,
    #[serde(default, deserialize_with = "number::optional_int64::deserialize")]
    num_parts: Option<i64>,
}

#[derive(Debug, Serialize)]
pub(super) struct Begun {
    upload_id: String,
    credentials: Vec<Credential>,
}

#[derive(Debug, Serialize)]
struct Credential {
    url: String,
    part_number: usize,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
}

pub(super) async fn begin(
    State(service): State<Service>,
    Path(folder): Path<String>,
    Payload(request): Payload<Begin>,
) -> Answer<Begun> {
    service.check_serving()?;
    let name = required(request.path, "path")?;
    service
        .call(move |service| {
            let (store, path) = service.open_named(&folder, &name)?;
            let direct = direct(store.as_ref(), "Multipart upload")?;
            let parts = u16::try_from(request.num_parts.unwrap_or(1)).unwrap_or(0);
            let session = direct.begin(&path, parts, PART_VALID)?;
            let credential = |(part, part_number): (SignedRequest, usize)| Credential {
                url: part.url,
                part_number,
                headers: part.headers.into_iter().collect(),
            };
            Ok(Begun {
                upload_id: session.id,
                credentials: session.parts.into_iter().zip(1..).map(credential).collect(),
            })
        })
        .await
}

#[derive(Debug, Deserialize)]
pub(super) struct End {
    path: Option<String>,
    #[serde(default)]
    upload_id: Option<String>,
    #[serde(default)]
    parts: Option<Vec<Part>>,
}

#[derive(Debug, Deserialize)]
struct Part {
    #[serde(default, deserialize_with = "number::optional_int64::deserialize")]
    part_number: Option<i64>,
    #[serde(default)]
    etag: Option<String>,
}

pub(super) async fn complete(
    State(service): State<Service>,
    Path(folder): Path<String>,
    Payload(request): Payload<End>,
) -> Answer<Empty> {
    service.check_serving()?;
    let name = required(request.path, "path")?;
    let parts = request.parts.ok_or_else(|| Failure::missing("parts"))?;
    service
        .call(move |service| {
            let (store, path) = service.open_named(&folder, &name)?;
            let direct = direct(store.as_ref(), "Multipart upload")?;
            let part = |part: Part| UploadedPart {
                number: part.part_number.and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
                etag: part.etag.unwrap_or_default(),
            };
            let mut parts: Vec<_> = parts.into_iter().map(part).collect();
            // Clients send them in the order in which they were done.
            parts.sort_by_key(|part| part.number);
            direct.complete(&path, &request.upload_id.unwrap_or_default(), &parts)?;
            Ok(Empty {})
        })
        .await
}

pub(super) async fn abort(
    State(service): State<Service>,
    Path(folder): Path<String>,
    Payload(request): Payload<End>,
) -> Answer<Empty> {
    service.check_serving()?;
    let name = required(request.path, "path")?;
    service
        .call(move |service| {
            let (store, path) = service.open_named(&folder, &name)?;
            let direct = direct(store.as_ref(), "Multipart upload")?;
            direct.abort(&path, &request.upload_id.unwrap_or_default())?;
            Ok(Empty {})
        })
        .await
}

#[derive(Debug, Serialize)]
pub(super) struct Proxied {
    url: String,
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_size: Option<u64>,
}

pub(super) async fn sign_proxied(
    State(service): State<Service>,
    Path(path): Path<String>,
) -> Answer<Proxied> {
    service.check_serving()?;
    service
        .call(move |service| {
            let (store, path) = service.open_proxied(&path)?;
            let direct = direct(store.as_ref(), "Multipart download")?;
            let signed = direct.sign_read(&path, seconds(DOWNLOAD_SECONDS))?;
            let headers = signed.headers.into_iter().collect();
            Ok(Proxied { url: signed.url, headers, file_size: signed.file_size })
        })
        .await
}

#[derive(Debug, Deserialize)]
pub(super) struct Sign {
    run_id: Option<String>,
    model_id: Option<String>,
    path: Option<String>,
    #[serde(default, deserialize_with = "number::optional_int64::deserialize")]
    expiration: Option<i64>,
}

#[derive(Debug, Serialize)]
pub(super) struct Signed {
    presigned_url: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_size: Option<u64>,
}

impl From<SignedRequest> for Signed {
    fn from(signed: SignedRequest) -> Self {
        Self {
            presigned_url: signed.url,
            headers: signed.headers.into_iter().collect(),
            file_size: signed.file_size,
        }
    }
}

pub(super) async fn sign_download(
    State(service): State<Service>,
    Payload(request): Payload<Sign>,
) -> Answer<Signed> {
    let id = RunId::parse(required(request.run_id, "run_id")?).map_err(Failure::from)?;
    let path = required(request.path, "path")?;
    let valid = checked_seconds(request.expiration.unwrap_or(DOWNLOAD_SECONDS))?;
    service
        .call(move |service| {
            let path = ArtifactPath::parse(&path)?;
            let location = service.store.run(&id)?.info.artifact_uri;
            service.check_unproxied(&location, "Presigned download")?;
            let store = service.artifacts_at(&location)?;
            let direct = direct(store.as_ref(), "Presigned download")?;
            Ok(direct.sign_read(&path, valid)?.into())
        })
        .await
}

pub(super) async fn sign_upload(
    State(service): State<Service>,
    Payload(request): Payload<Sign>,
) -> Answer<Signed> {
    let path = required(request.path, "path")?;
    let given = |id: Option<String>| id.filter(|id| !id.is_empty());
    let (run, model) = match (given(request.run_id), given(request.model_id)) {
        (Some(run), None) => (Some(RunId::parse(run).map_err(Failure::from)?), None),
        (None, Some(model)) => (None, Some(ModelId::parse(model).map_err(Failure::from)?)),
        _ => {
            let message = "Exactly one of run_id and model_id must be provided.";
            return Err(Failure::new(ErrorCode::InvalidParameterValue, message));
        }
    };
    let valid = checked_seconds(request.expiration.unwrap_or(UPLOAD_SECONDS))?;
    service
        .call(move |service| {
            let path = file_path(&path)?;
            let location = match (run, model) {
                (Some(id), _) => service.store.run(&id)?.info.artifact_uri,
                (_, Some(id)) => service.store.logged_model(&id)?.artifact_uri,
                (None, None) => return Err(Error::Unsupported("no owner".to_owned())),
            };
            service.check_unproxied(&location, "Presigned upload")?;
            let store = service.artifacts_at(&location)?;
            let direct = direct(store.as_ref(), "Presigned upload")?;
            let media_type = media_type(path.file_name().unwrap_or_default());
            Ok(direct.sign_write(&path, media_type, valid)?.into())
        })
        .await
}

impl Service {
    /// Opens a file of a proxied folder by its name, of which clients send their local path.
    fn open_named(
        &self,
        folder: &str,
        name: &str,
    ) -> Result<(std::sync::Arc<dyn ArtifactStore>, ArtifactPath)> {
        let name = file_path(name.rsplit('/').next().unwrap_or_default())?;
        self.open_to_write(&format!("{}/{name}", folder.trim_end_matches('/')))
    }

    /// Refuses artifacts that clients know by the proxy only, whose storage is not theirs to see.
    fn check_unproxied(&self, location: &str, what: &str) -> Result<()> {
        let outward = self.served.outward(location);
        let scheme = outward.split(':').next().unwrap_or_default();
        if !matches!(scheme, "http" | "https" | "mlflow-artifacts") {
            return Ok(());
        }
        Err(Error::Remote {
            code: ErrorCode::InvalidParameterValue,
            message: format!(
                "{what} is not supported for proxied artifact storage \
                 (artifact URI scheme: {scheme}): use the proxy"
            ),
        })
    }
}

/// Reads the path of a file that is to be written below its owner's artifacts.
pub(super) fn file_path(text: &str) -> Result<ArtifactPath> {
    let path = ArtifactPath::parse(text)?;
    match path.is_root() {
        false => Ok(path),
        true => Err(Error::invalid("artifact path", text, "it must be the path of a file")),
    }
}

fn direct<'s>(store: &'s dyn ArtifactStore, what: &str) -> Result<&'s dyn DirectTransfers> {
    store.direct().ok_or_else(|| {
        Error::Unsupported(format!("{what} is not supported for the current artifact repository"))
    })
}

fn seconds(count: i64) -> Duration {
    Duration::from_secs(u64::try_from(count).unwrap_or_default())
}

fn checked_seconds(count: i64) -> std::result::Result<Duration, Failure> {
    if (1..=SECONDS_MAX).contains(&count) {
        return Ok(seconds(count));
    }
    let message = format!("expiration must be between 1 and {SECONDS_MAX} seconds (got {count}).");
    Err(Failure::new(ErrorCode::InvalidParameterValue, message))
}
