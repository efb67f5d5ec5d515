//! A file as an answer: its bytes, and the headers that say what they are.

use super::body;
use super::conditional::{Validators, Wanted};
use crate::Result;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mlctl_artifacts::{ArtifactPath, ArtifactStore, Error};
use mlctl_wire::rest::{Failure, blocking};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::io::SeekFrom;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

/// Suffixes that MLflow shows as plain text; two are whole names.
const TEXTS: [&str; 27] = [
    "txt",
    "log",
    "err",
    "cfg",
    "conf",
    "cnf",
    "cf",
    "ini",
    "properties",
    "prop",
    "hocon",
    "toml",
    "yaml",
    "yml",
    "xml",
    "json",
    "js",
    "py",
    "py3",
    "csv",
    "tsv",
    "md",
    "rst",
    "ipynb",
    "MLmodel",
    "MLproject",
    "mlproject",
];

/// Suffixes of compression, before which the suffix of the content stands.
const COMPRESSIONS: [&str; 5] = ["gz", "bz2", "xz", "Z", "br"];

/// What RFC 5987 wants spelled by its bytes.
const NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What a request asks for besides the path.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
}

/// Answers a request for the file that `find` finds.
pub(super) async fn send(
    asked: Asked,
    transfer: OwnedSemaphorePermit,
    find: impl FnOnce() -> Result<(Arc<dyn ArtifactStore>, ArtifactPath)> + Send + 'static,
) -> std::result::Result<Response, Failure> {
    let found = blocking(move || -> Result<_> {
        let (store, path) = find()?;
        let mut artifact = store.open(&path)?;
        let etag = artifact.etag.take();
        let validators = Validators::new(etag, artifact.size, artifact.modified);
        let wanted = validators.wanted(&asked.headers, artifact.size);
        if let Wanted::Part(range) = &wanted
            && asked.method != Method::HEAD
        {
            let failed = |source| Error::Io { doing: format!("read `{path}`"), source };
            artifact.content.seek(SeekFrom::Start(range.start)).map_err(failed)?;
        }
        let has_body = asked.method != Method::HEAD;
        Ok((artifact, path, wanted, validators, has_body))
    });
    let (artifact, path, wanted, validators, has_body) = found.await?;
    let size = artifact.size;
    let (status, range) = match wanted {
        Wanted::Whole => (StatusCode::OK, 0..size),
        Wanted::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Wanted::Nothing => (StatusCode::NOT_MODIFIED, 0..0),
        Wanted::Impossible => (StatusCode::RANGE_NOT_SATISFIABLE, 0..0),
    };
    let length = range.end - range.start;
    let body = match has_body && length > 0 {
        true => body::outgoing(artifact.content, length, transfer),
        false => Body::empty(),
    };
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    match status {
        StatusCode::PARTIAL_CONTENT => {
            let part = format!("bytes {}-{}/{size}", range.start, range.end - 1);
            set(headers, header::CONTENT_RANGE, &part);
        }
        StatusCode::RANGE_NOT_SATISFIABLE => {
            set(headers, header::CONTENT_RANGE, &format!("bytes */{size}"));
        }
        _ => {}
    }
    if status.is_success() {
        headers.insert(header::CONTENT_LENGTH, length.into());
        describe(headers, path.file_name().unwrap_or("artifact"));
    }
    validate(headers, &validators);
    Ok(response)
}

fn set(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}

/// Says what the bytes are. A browser must store them and never show them: they could be a page
/// that acts for the user.
fn describe(headers: &mut HeaderMap, name: &str) {
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(name)));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    set(headers, header::CONTENT_DISPOSITION, &attachment(name));
}

fn validate(headers: &mut HeaderMap, validators: &Validators) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Some(etag) = &validators.etag {
        set(headers, header::ETAG, etag);
    }
    if let Some(modified) = validators.modified {
        set(headers, header::LAST_MODIFIED, &httpdate::fmt_http_date(modified));
    }
}

/// Guesses the media type by the name, as MLflow does: what people read is plain text.
pub(super) fn media_type(name: &str) -> &'static str {
    const BINARY: &str = "application/octet-stream";
    let (stem, suffix) = name.rsplit_once('.').unwrap_or((name, name));
    if TEXTS.contains(&suffix) {
        return "text/plain";
    }
    if matches!(suffix, "tgz" | "taz" | "tz" | "tbz2" | "txz") {
        return "application/x-tar";
    }
    let name = if COMPRESSIONS.contains(&suffix) { stem } else { name };
    mime_guess::from_path(name).first_raw().unwrap_or(BINARY)
}

/// Names the file for browsers, by RFC 6266; what ASCII lacks is spelled by RFC 5987 beside it.
fn attachment(name: &str) -> String {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let quoted = |name: &str| match name.chars().all(is_token) {
        true => name.to_owned(),
        false => format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")),
    };
    if name.is_ascii() {
        return format!("attachment; filename={}", quoted(name));
    }
    let plain: String = name.chars().map(|c| if c.is_ascii() { c } else { '_' }).collect();
    let exact = utf8_percent_encode(name, NAME);
    format!("attachment; filename={}; filename*=UTF-8''{exact}", quoted(&plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_give_the_types_that_mlflow_gives() {
        for (name, want) in [
            ("a.txt", "text/plain"),
            ("MLmodel", "text/plain"),
            ("x.json", "text/plain"),
            ("m.html", "text/html"),
            ("p.png", "image/png"),
            ("p.svg", "image/svg+xml"),
            ("t.tar.gz", "application/x-tar"),
            ("t.tgz", "application/x-tar"),
            ("x.gz", "application/octet-stream"),
            ("noext", "application/octet-stream"),
        ] {
            assert_eq!(media_type(name), want, "for {name}");
        }
    }

    #[test]
    fn names_survive_in_the_header() {
        assert_eq!(attachment("a.txt"), "attachment; filename=a.txt");
        assert_eq!(attachment("we\"ird;.svg"), r#"attachment; filename="we\"ird;.svg""#);
        assert_eq!(
            attachment("ü b.bin"),
            "attachment; filename=\"_ b.bin\"; filename*=UTF-8''%C3%BC%20b.bin"
        );
    }
}
