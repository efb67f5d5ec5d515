//! What a browser sees at `/` of a server without pages.

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

const TEXT: &str = "This is an mlctl server of artifacts. It has no pages: it was started with \
                    --artifacts-only.\n\
                    \n\
                    artifacts  api/2.0/mlflow-artifacts/artifacts\n\
                    health     health\n\
                    version    version\n";

/// Answers `/` with a few lines of text: what this is, and what it serves.
pub fn landing() -> Router {
    let page =
        async || ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], TEXT).into_response();
    Router::new().route("/", get(page))
}
