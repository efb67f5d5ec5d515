//! The bytes of a file as a page shows them: pictures, sound, films, and framed pages.

use super::kind::Kind;
use super::{Place, unusable};
use crate::asked::Asked;
use crate::page::run;
use crate::reply::{Result, respond, see_other};
use crate::site::Site;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mlctl_artifacts::ArtifactPath;
use mlctl_wire::rest::{Failure, blocking};
use std::io::{Read, SeekFrom};

/// Bytes of one answer: a browser asks for the next part of what is longer.
const PART_BYTES_MAX: u64 = 4 << 20;

pub(super) async fn serve(State(site): State<Site>, asked: Asked, headers: HeaderMap) -> Response {
    let outcome = blocking(move || {
        let from = range_start(&headers);
        let outcome = read(&site, &asked, from);
        Ok::<_, Failure>(outcome.unwrap_or_else(|error| respond(&site, &asked, Err(error))))
    });
    outcome.await.unwrap_or_else(IntoResponse::into_response)
}

/// Where a request wants to begin: `bytes=N-`, with or without an end.
fn range_start(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(header::RANGE)?.to_str().ok()?;
    text.strip_prefix("bytes=")?.split_once('-')?.0.trim().parse().ok()
}

fn read(site: &Site, asked: &Asked, from: Option<u64>) -> Result<Response> {
    let found = run::find(site, asked)?;
    let path = ArtifactPath::parse(asked.hole("path")).map_err(unusable)?;
    let store = site.tracking.artifacts(&found.run.info.artifact_uri)?;
    let mut artifact = store.open(&path).map_err(unusable)?;
    let mut bytes = Vec::new();
    let io =
        |source| unusable(mlctl_artifacts::Error::Io { doing: format!("read `{path}`"), source });
    artifact.content.by_ref().take(512).read_to_end(&mut bytes).map_err(io)?;
    let kind = Kind::of(&path, &bytes);
    let size = artifact.size;
    let plays = matches!(kind, Kind::Audio(_) | Kind::Video(_));
    let place = Place { id: found.run.info.run_id, store, path: path.clone() };
    let Some(media) = kind.media_type().filter(|_| plays || size <= PART_BYTES_MAX * 4) else {
        return Ok(see_other(&place.download(site, &path)));
    };
    let start = from.filter(|start| plays && *start < size).unwrap_or(0);
    let most = if plays { PART_BYTES_MAX } else { size };
    artifact.content.seek(SeekFrom::Start(start)).map_err(io)?;
    bytes.clear();
    artifact.content.take(most).read_to_end(&mut bytes).map_err(io)?;
    let end = start + bytes.len() as u64;
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    if plays {
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        let part = format!("bytes {start}-{}/{size}", end.saturating_sub(1));
        if let Ok(part) = HeaderValue::from_str(&part) {
            headers.insert(header::CONTENT_RANGE, part);
        }
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(kind.policy()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if plays && size > 0 {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}
