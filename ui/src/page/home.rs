//! The first page.

use super::runs::newest;
use crate::asked::Asked;
use crate::reply::{Reply, Result};
use crate::routes::page;
use crate::shell::{Page, Part};
use crate::site::Site;
use crate::{table, widget};
use axum::Router;
use maud::{Markup, html};
use mlctl_registry::{ModelQuery, PageSize, RegisteredModel};
use mlctl_tracking::entity::{Run, RunStatus};
use mlctl_tracking::search::{ExperimentQuery, RunQuery};

pub(super) fn routes() -> Router<Site> {
    Router::new().route("/", page(show))
}

/// Rows of each list.
const ROWS: usize = 8;

fn show(site: &Site, asked: &Asked) -> Result<Reply> {
    let now = site.clock.now();
    let found = site.tracking.search_experiments(&ExperimentQuery::default())?.items;
    let ids = found.iter().map(|experiment| experiment.experiment_id.clone()).collect();
    let recent = newest(site, RunQuery::of(ids), ROWS)?;
    let running: Vec<&Run> =
        recent.iter().filter(|run| run.info.status == RunStatus::Running).collect();
    let models = models(site)?;
    let body = html! {
        h1.hidden { "Home" }
        @if recent.is_empty() { (first_run(asked)) } @else {
            div.cards {
                @if !running.is_empty() {
                    section.card { h2 { "Running now" } (run_list(site, &running, now)) }
                }
                section.card {
                    h2 { a href=(site.link("/experiments")) { "Recent runs" } }
                    (run_list(site, &recent.iter().collect::<Vec<_>>(), now))
                }
                @if !models.is_empty() {
                    section.card {
                        h2 { a href=(site.link("/models")) { "Models that changed" } }
                        (model_list(site, &models, now))
                    }
                }
            }
        }
    };
    Ok(Page::new("Home", Part::Home, body).into())
}

fn models(site: &Site) -> Result<Vec<RegisteredModel>> {
    let Some(registry) = &site.registry else { return Ok(Vec::new()) };
    let query = ModelQuery {
        order_by: vec!["last_updated_timestamp DESC".to_owned()],
        size: PageSize::new(ROWS as u32)?,
        ..ModelQuery::default()
    };
    Ok(registry.search_models(&query)?.items)
}

fn run_list(site: &Site, runs: &[&Run], now: i64) -> Markup {
    html! {
        ul.list {
            @for run in runs {
                li {
                    a.name href={ (site.link("/runs/")) (run.info.run_id.as_str()) } {
                        (widget::text(&run.info.run_name))
                    }
                    (widget::status(run.info.status))
                    span.quiet { (table::cell(run, &table::Column::Started, now)) }
                }
            }
        }
    }
}

fn model_list(site: &Site, models: &[RegisteredModel], now: i64) -> Markup {
    html! {
        ul.list {
            @for model in models {
                li {
                    a.name href=(site.link(&crate::url::Url::new("/models").segment(model.name.as_str()).to_string())) {
                        (widget::text(model.name.as_str()))
                    }
                    span.quiet { (widget::time(now, model.last_updated_timestamp_ms)) }
                }
            }
        }
    }
}

/// How to log the first run to this very server.
pub(super) fn first_run(asked: &Asked) -> Markup {
    let server = &asked.server;
    widget::empty(
        "No runs yet",
        &html! {
            p { "Log the first one to this server, in a shell:" }
            (widget::command(&format!(
                "export MLFLOW_TRACKING_URI={server}\nmlctl run examples/diabetes -P alpha=0.5"
            )))
            p { "in Python, with MLflow's own client:" }
            (widget::command(&format!(
                "import mlflow\n\nmlflow.set_tracking_uri(\"{server}\")\n\
                 with mlflow.start_run():\n    mlflow.log_param(\"lr\", 0.01)\n    \
                 mlflow.log_metric(\"loss\", 0.3)"
            )))
            p { "or in Rust, with the crate mlctl-tracking:" }
            (widget::command(&format!(
                "let store = mlctl_tracking::open(\"{server}\")?.store;\n\
                 fluent::start_run(&store, RunOptions::named(\"first\"), |run| {{\n    \
                 run.log_metric(\"loss\", 0.3, 0)\n}})?;"
            )))
        },
    )
}
