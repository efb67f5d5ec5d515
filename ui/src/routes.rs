//! Which function draws which address.

use crate::asked::Asked;
use crate::form::Form;
use crate::reply::{PageError, Reply, Result, respond};
use crate::site::Site;
use crate::{asset, page, policy};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use mlctl_wire::rest::blocking;

/// Serves the pages, with paths relative to the prefix of `site`.
pub fn router(site: Site) -> Router {
    let pages = page::routes().merge(asset::routes());
    pages.layer(map_response(policy::protect)).with_state(site)
}

/// Serves a page: `draw` may block, so it runs where that does no harm.
pub(crate) fn page<F>(draw: F) -> MethodRouter<Site>
where
    F: Fn(&Site, &Asked) -> Result<Reply> + Copy + Send + Sync + 'static,
{
    get(async move |State(site): State<Site>, asked: Asked| {
        answer(site, asked, move |site, asked| draw(site, asked)).await
    })
}

/// Serves a form: `change` does what it asks and says which page comes next.
pub(crate) fn form<F>(change: F) -> MethodRouter<Site>
where
    F: Fn(&Site, &Asked, &Form) -> Result<Reply> + Copy + Send + Sync + 'static,
{
    post(async move |State(site): State<Site>, asked: Asked, headers: HeaderMap, body: Body| {
        match Form::read(&site, &headers, body).await {
            Ok(form) => answer(site, asked, move |site, asked| change(site, asked, &form)).await,
            Err(error) => respond(&site, &asked, Err(error)),
        }
    })
}

async fn answer(
    site: Site,
    asked: Asked,
    work: impl FnOnce(&Site, &Asked) -> Result<Reply> + Send + 'static,
) -> Response {
    let (there, question) = (site.clone(), asked.clone());
    let outcome = blocking(move || {
        let outcome = work(&there, &question);
        Ok::<_, mlctl_wire::rest::Failure>(respond(&there, &question, outcome))
    });
    match outcome.await {
        Ok(response) => response,
        Err(failure) => {
            let status = axum::http::StatusCode::INTERNAL_SERVER_ERROR;
            respond(&site, &asked, Err(PageError { status, message: failure.0.message }))
        }
    }
}
