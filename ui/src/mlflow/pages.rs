//! The files of the build, at the paths and with the cache times of MLflow's server.

use super::Build;
use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, get_service};
use mlctl_wire::ErrorCode;
use mlctl_wire::rest::Failure;
use tower_http::services::{ServeDir, ServeFile};

/// Files whose names change with their content: a browser may keep them for four weeks.
const FOUR_WEEKS: HeaderValue = HeaderValue::from_static("public, max-age=2419200");

/// What a browser must ask again for: `index.html` names the files of its version.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

/// Serves `/` and `/static-files/…` below `static_prefix`, and `/build/…`.
pub fn pages(build: &Build, static_prefix: &str) -> Router {
    let index = get_service(ServeFile::new(build.folder().join("index.html")));
    let mut fresh = Router::new().route(&format!("{static_prefix}/"), index);
    if !static_prefix.is_empty() {
        // The page names its files relative to itself, so its address needs the slash.
        let home = format!("{static_prefix}/");
        fresh = fresh.route(static_prefix, get(async move || Redirect::permanent(&home)));
    }
    let files = || ServeDir::new(build.folder()).append_index_html_on_directories(false);
    let fresh = fresh.nest_service("/build", files());
    let kept = Router::new().nest_service(&format!("{static_prefix}/static-files"), files());
    cached(fresh, ASK_AGAIN).merge(cached(kept, FOUR_WEEKS))
}

/// Tells browsers how long they may keep what is found, and in JSON when nothing is.
fn cached(files: Router, policy: HeaderValue) -> Router {
    files.layer(map_response(move |mut response: Response| {
        let policy = policy.clone();
        async move {
            if response.status() == StatusCode::NOT_FOUND {
                let message = "the build of MLflow's pages has no such file";
                return Failure::new(ErrorCode::EndpointNotFound, message).into_response();
            }
            if response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED {
                response.headers_mut().insert(header::CACHE_CONTROL, policy);
            }
            response
        }
    }))
}
