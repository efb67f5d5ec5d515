//! What waits for an approval, over all models, the oldest first.

use super::models::{model_url, registry, version_link};
use crate::asked::Asked;
use crate::reply::{Reply, Result};
use crate::routes::page;
use crate::shell::{Page, Part};
use crate::site::Site;
use crate::widget;
use axum::Router;
use maud::{Markup, html};
use mlctl_registry::Request;
use mlctl_registry::store::all_models;

pub(super) fn routes() -> Router<Site> {
    Router::new().route("/approvals", page(show))
}

fn show(site: &Site, _: &Asked) -> Result<Reply> {
    let requests = open_requests(site)?;
    let body = html! {
        div.title { h1 { "Approvals" } }
        @if requests.is_empty() {
            (widget::empty("No request is open", &html! {
                p { "A version whose stage asks for an approval is requested on its page, or in a shell:" }
                (widget::command("mlctl registry request MODEL VERSION STAGE"))
            }))
        } @else { (table(site, &requests)) }
    };
    Ok(Page::new("Approvals", Part::Approvals, body).into())
}

/// Lists the open requests of all models, the oldest first.
pub(super) fn open_requests(site: &Site) -> Result<Vec<Request>> {
    let store = registry(site)?;
    let mut all = Vec::new();
    for model in all_models(store.as_ref(), "", &[])? {
        all.extend(store.requests(&model.name)?);
    }
    all.sort_by_key(|request| request.requested.at_ms);
    Ok(all)
}

fn table(site: &Site, requests: &[Request]) -> Markup {
    let now = site.clock.now();
    html! {
        div.scroll tabindex="0" role="region" aria-label="Requests" {
            table.rows {
                thead { tr {
                    th.name scope="col" { "Model" } th scope="col" { "Version" } th scope="col" { "To" }
                    th scope="col" { "Requested" } th scope="col" { "By" } th scope="col" { "Reason" }
                    th scope="col" { "Approved by" }
                } }
                tbody {
                    @for request in requests {
                        tr {
                            th.name scope="row" {
                                a href=(site.link(&model_url(&request.model).to_string())) { (widget::text(request.model.as_str())) }
                            }
                            td { (version_link(site, &request.model, request.version)) }
                            td { (widget::text(request.stage.as_str())) }
                            td { (widget::time(now, request.requested.at_ms)) }
                            td { (widget::text(&request.requested.who)) }
                            td { @if let Some(why) = &request.requested.why { (widget::text(why)) } }
                            td { @if let Some(stamp) = &request.approved { (widget::text(&stamp.who)) } @else { span.warn { "! waiting" } } }
                        }
                    }
                }
            }
        }
    }
}
