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

/// What a page may load and do. MLflow draws with inline styles and compiled functions, and shows
/// artifacts that are web pages, with scripts of their own, in a closed frame that has its policy
/// from here. So scripts are not limited, but where they may send what they read is.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob: https:; \
     style-src 'self' 'unsafe-inline' https:; font-src 'self' data: https:; \
     img-src 'self' data: blob: https:; media-src 'self' data: blob: https:; \
     connect-src 'self' data: blob:; worker-src 'self' blob:; frame-src 'self' data: blob: https:; \
     object-src 'none'; base-uri 'self'; form-action 'self'",
);

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
                let message = "MLflow's pages do not have this file";
                return Failure::new(ErrorCode::EndpointNotFound, message).into_response();
            }
            if response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED {
                response.headers_mut().insert(header::CACHE_CONTROL, policy);
                response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY);
            }
            response
        }
    }))
}
