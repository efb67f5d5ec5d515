//! `registry/events`: the history of a model, which MLflow does not keep.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use mlctl_wire::rest::{Failure, Parameters};

use super::{Answer, Service, model_name, page_size, version_number};
use crate::error::Error;
use crate::event::EventId;
use crate::message::{Events, EventsAnswer};

/// Events on a page when the request does not say, and at most.
const PAGE_EVENTS_DEFAULT: u32 = 1000;
const PAGE_EVENTS_MAX: u32 = 200_000;

pub(super) fn routes() -> Router<Service> {
    Router::new().route("/registry/events", get(list))
}

async fn list(
    State(service): State<Service>,
    Parameters(request): Parameters<Events>,
) -> Answer<EventsAnswer> {
    let name = model_name(request.name, "name")?;
    let version =
        request.version.map(|version| version_number(&name, Some(version))).transpose()?;
    let size = page_size(request.max_results, PAGE_EVENTS_DEFAULT, PAGE_EVENTS_MAX)?;
    let token = request.page_token.filter(|token| !token.is_empty());
    let after = token.map(|token| token.parse::<EventId>().map_err(|_| Error::PageToken));
    let after = after.transpose().map_err(Failure::from)?;
    service
        .call(move |service| {
            let page = service.store.events(&name, version, after, size)?;
            let next_page_token = page.next.map(|id| id.to_string());
            Ok(EventsAnswer { events: page.items, next_page_token })
        })
        .await
}
