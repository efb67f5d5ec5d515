//! What a browser sees at `/` of a server without pages.

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

/// Answers `/` below `static_prefix` with a few lines of text: what this is, where its API lies.
pub fn landing(static_prefix: &str) -> Router {
    let text = format!(
        "This is an mlctl tracking server. Use its address as the tracking URI in MLflow's \
         clients.\n\
         \n\
         REST API  {static_prefix}/api/2.0/mlflow/\n\
         health    {static_prefix}/health\n\
         version   {static_prefix}/version\n\
         \n\
         To see MLflow's own pages here, start the server with: mlctl server --mlflow-ui DIR\n\
         where DIR is the folder mlflow of an installed mlflow.\n"
    );
    let page = get(async move || {
        ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
    });
    let router = Router::new().route(&format!("{static_prefix}/"), page.clone());
    match static_prefix {
        "" => router,
        prefix => router.route(prefix, page),
    }
}
