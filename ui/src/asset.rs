//! The style sheet, the script and the icon: parts of the binary, at addresses that change with
//! their content, so that a browser keeps them for good.

use crate::reply::compressed;
use crate::site::Site;
use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::LazyLock;

/// A file that pages load.
#[derive(Debug)]
pub(crate) struct Asset {
    name: &'static str,
    kind: &'static str,
    content: &'static [u8],
    hash: u64,
}

pub(crate) static STYLE: Asset =
    Asset::new("style.css", "text/css; charset=utf-8", include_bytes!("../assets/style.css"));
pub(crate) static SCRIPT: Asset =
    Asset::new("app.js", "text/javascript; charset=utf-8", include_bytes!("../assets/app.js"));
pub(crate) static ICON: Asset =
    Asset::new("icon.svg", "image/svg+xml", include_bytes!("../assets/icon.svg"));

static ALL: [&Asset; 3] = [&STYLE, &SCRIPT, &ICON];

/// The compressed forms, in the order of [`ALL`]; made when the first browser asks.
static COMPRESSED: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| ALL.iter().map(|asset| compressed(asset.content)).collect());

impl Asset {
    const fn new(name: &'static str, kind: &'static str, content: &'static [u8]) -> Self {
        Self { name, kind, content, hash: fnv1a(content) }
    }

    /// Returns the address, which no other content has.
    pub(crate) fn link(&self, site: &Site) -> String {
        site.link(&format!("/assets/{:016x}/{}", self.hash, self.name))
    }
}

/// Serves the files below `/assets`.
pub(crate) fn routes() -> Router<Site> {
    Router::new().route("/assets/{hash}/{name}", get(serve))
}

async fn serve(Path((hash, name)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let found = ALL.iter().position(|asset| asset.name == name);
    let Some(index) = found else { return StatusCode::NOT_FOUND.into_response() };
    let asset = ALL[index];
    // A page of the version before may still ask for its own file: it gets ours, but not for good.
    let keeps = match hash == format!("{:016x}", asset.hash) {
        true => HeaderValue::from_static("public, max-age=31536000, immutable"),
        false => HeaderValue::from_static("no-cache"),
    };
    let accepts = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    let kind = HeaderValue::from_static(asset.kind);
    let known = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, keeps)];
    match accepts.is_some_and(|ways| ways.contains("gzip")) {
        true => {
            let encoding = [(header::CONTENT_ENCODING, "gzip"), (header::VARY, "accept-encoding")];
            (known, encoding, COMPRESSED[index].as_slice()).into_response()
        }
        false => (known, asset.content).into_response(),
    }
}

/// Hashes a content when it is compiled: FNV-1a with 64 bits, by its authors' reference.
const fn fnv1a(content: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut index = 0;
    while index < content.len() {
        hash = (hash ^ content[index] as u64).wrapping_mul(0x0100_0000_01b3);
        index += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_reference() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn the_files_stay_within_their_budget() {
        assert!(SCRIPT.content.len() <= 25 * 1024, "{} bytes of script", SCRIPT.content.len());
        assert!(STYLE.content.len() <= 15 * 1024, "{} bytes of style", STYLE.content.len());
    }
}
