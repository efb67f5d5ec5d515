//! All registered models.

use super::{model_url, registry, stage, version_link};
use crate::asked::Asked;
use crate::form::hidden;
use crate::reply::{Reply, Result};
use crate::shell::{Page, Part, here};
use crate::site::Site;
use crate::url::Url;
use crate::widget;
use maud::{Markup, html};
use mlctl_registry::{ModelQuery, PageSize, RegisteredModel};

const ROWS: u32 = 100;

pub(super) fn show(site: &Site, asked: &Asked) -> Result<Reply> {
    let find = asked.first("q").unwrap_or_default();
    let query = ModelQuery {
        filter: filter(find),
        order_by: vec!["last_updated_timestamp DESC".to_owned()],
        size: PageSize::new(ROWS)?,
        page_token: asked.first("after").map(str::to_owned),
    };
    let found = registry(site)?.search_models(&query)?;
    let next = found
        .next
        .map(|token| Url::new("/models").with_some("q", asked.first("q")).with("after", token));
    let body = html! {
        div.title {
            h1 { "Models" }
            div.actions { (widget::popover("New model", "end", &new_form(site, asked))) }
        }
        form.filter role="search" action=(site.link("/models")) {
            input type="search" name="q" value=(find) placeholder="Part of a name"
                aria-label="Find models by name" data-key="filter";
            button { "Find" }
        }
        @if found.items.is_empty() { (nothing(asked, find)) } @else {
            (table(site, &found.items))
            @if let Some(next) = next { p { a href=(site.link(&next.to_string())) rel="next" { "Next page" } } }
        }
    };
    Ok(Page::new("Models", Part::Models, body).into())
}

fn filter(find: &str) -> String {
    match find {
        "" => String::new(),
        _ => format!("name ILIKE '%{}%'", find.replace('\'', "''").replace('%', "_")),
    }
}

fn new_form(site: &Site, asked: &Asked) -> Markup {
    html! {
        form.stack method="post" action=(site.link("/models")) {
            (hidden(site, &here(asked)))
            label { "Name" input name="name" required maxlength="256"; }
            label { "Description" input name="description"; }
            (super::reason_fields(site))
            button { "Create" }
        }
    }
}

fn nothing(asked: &Asked, find: &str) -> Markup {
    if !find.is_empty() {
        return widget::empty(&format!("No model has `{find}` in its name"), &html! {});
    }
    widget::empty(
        "No registered models yet",
        &html! {
            p { "Register the model of a run, in a shell:" }
            (widget::command(&format!(
                "export MLFLOW_TRACKING_URI={}\nmlctl registry register runs:/RUN_ID/model --name NAME", asked.server
            )))
            p { "or in Python:" }
            (widget::command(&format!(
                "mlflow.set_tracking_uri(\"{}\")\nmlflow.register_model(\"runs:/RUN_ID/model\", \"NAME\")", asked.server
            )))
        },
    )
}

fn table(site: &Site, models: &[RegisteredModel]) -> Markup {
    let now = site.clock.now();
    html! {
        div.scroll tabindex="0" role="region" aria-label="Models" {
            table.rows {
                thead { tr {
                    th.name scope="col" { "Name" } th scope="col" { "Newest" }
                    th scope="col" { "In stages" } th scope="col" { "Aliases" }
                    th scope="col" { "Changed" } th scope="col" { "Description" }
                } }
                tbody {
                    @for model in models {
                        @let newest = model.latest_versions.iter().map(|version| version.version).max();
                        tr {
                            th.name scope="row" {
                                a href=(site.link(&model_url(&model.name).to_string())) { (widget::text(model.name.as_str())) }
                            }
                            td { @if let Some(newest) = newest { (version_link(site, &model.name, newest)) } }
                            td {
                                @for version in model.latest_versions.iter().filter(|v| v.current_stage.as_str() != "None") {
                                    (stage(&version.current_stage)) " " (version.version) "  "
                                }
                            }
                            td { @for (alias, version) in &model.aliases { span.tag { "@" (alias.as_str()) " → " (version) } } }
                            td { (widget::time(now, model.last_updated_timestamp_ms)) }
                            td { @if let Some(text) = &model.description { (widget::text(text)) } }
                        }
                    }
                }
            }
        }
    }
}
