//! One search over everything: runs, experiments, models; an id or an address leads to its page.

use super::models::model_url;
use super::run;
use crate::asked::Asked;
use crate::reply::{Reply, Result};
use crate::routes::page;
use crate::shell::{Page, Part};
use crate::site::Site;
use crate::url::Url;
use crate::widget;
use axum::Router;
use maud::{Markup, html};
use mlctl_registry::{ModelQuery, PageSize};
use mlctl_tracking::entity::{Experiment, Run};
use mlctl_tracking::search::{ExperimentQuery, RunQuery};
use mlctl_tracking::{ExperimentId, RunId};

pub(super) fn routes() -> Router<Site> {
    Router::new().route("/search", page(show))
}

/// Results of each kind.
const ROWS: usize = 20;

fn show(site: &Site, asked: &Asked) -> Result<Reply> {
    let text = asked.first("q").unwrap_or_default().trim();
    if let Some(page) = direct(site, text) {
        return Ok(Reply::Redirect(site.link(&page.to_string())));
    }
    let all = site.tracking.search_experiments(&ExperimentQuery::default())?.items;
    let ids: Vec<ExperimentId> = all.iter().map(|one| one.experiment_id.clone()).collect();
    let found = contains(text);
    let experiments: Vec<&Experiment> =
        all.iter().filter(|one| found(&one.name)).take(ROWS).collect();
    let runs = if text.is_empty() { Vec::new() } else { runs(site, &ids, text)? };
    let models = models(site, text)?;
    let nothing = experiments.is_empty() && runs.is_empty() && models.is_empty();
    let body = html! {
        div.title { h1 { "Search" } }
        form.filter role="search" action=(site.link("/search")) {
            input type="search" name="q" value=(text) aria-label="Search everything" autofocus
                placeholder="A name, an id or its beginning, or an address of MLflow's pages";
            button { "Search" }
        }
        @if nothing { (widget::empty("Nothing found", &html! { p { "Nothing has " code { (text) } " in its name." } })) }
        (section("Experiments", experiments.iter().map(|one| {
            (Url::new("/experiments").segment(one.experiment_id.as_str()), one.name.clone())
        }), site))
        (section("Runs", runs.iter().map(|one| (run::url(&one.info.run_id), one.info.run_name.clone())), site))
        (section("Models", models.into_iter(), site))
    };
    Ok(Page::new("Search", Part::Other, body).into())
}

/// The page of an id, or of an address of MLflow's pages.
fn direct(site: &Site, text: &str) -> Option<Url> {
    let path = text.split_once("/#/").map_or(text, |(_, path)| path);
    let parts: Vec<&str> = path.split(['/', '?']).collect();
    let run = match parts.as_slice() {
        ["experiments", _, "runs", id, ..] | ["runs", id, ..] | [id] => *id,
        ["experiments", id, ..] => return Some(Url::new("/experiments").segment(id)),
        ["models", name, "versions", version, ..] => {
            return Some(Url::new("/models").segment(name).segment(version));
        }
        ["models", name, ..] => return Some(Url::new("/models").segment(name)),
        _ => return None,
    };
    let id = RunId::parse(run).ok()?;
    site.tracking.run(&id).ok().map(|run| super::run::url(&run.info.run_id))
}

fn contains(text: &str) -> impl Fn(&str) -> bool {
    let text = text.to_lowercase();
    move |name: &str| name.to_lowercase().contains(&text)
}

/// Runs by a part of their names, or the beginning of their ids.
fn runs(site: &Site, experiment_ids: &[ExperimentId], text: &str) -> Result<Vec<Run>> {
    if experiment_ids.is_empty() {
        return Ok(Vec::new());
    }
    let pattern = text.replace('\'', "''").replace('%', "_");
    let search = |filter: String| {
        let query = RunQuery { filter, max_results: ROWS, ..RunQuery::of(experiment_ids.to_vec()) };
        Ok::<_, mlctl_tracking::Error>(site.tracking.search_runs(&query)?.items)
    };
    let mut found = search(format!("run_name ILIKE '%{pattern}%'"))?;
    if text.len() >= 4 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        found.extend(search(format!("run_id LIKE '{pattern}%'"))?);
    }
    Ok(found)
}

fn models(site: &Site, text: &str) -> Result<Vec<(Url, String)>> {
    let Some(store) = &site.registry else { return Ok(Vec::new()) };
    let pattern = text.replace('\'', "''").replace('%', "_");
    let filter = if text.is_empty() { String::new() } else { format!("name ILIKE '%{pattern}%'") };
    let query = ModelQuery { filter, size: PageSize::new(ROWS as u32)?, ..ModelQuery::default() };
    let found = store.search_models(&query)?.items;
    Ok(found.into_iter().map(|one| (model_url(&one.name), one.name.to_string())).collect())
}

fn section(title: &str, found: impl Iterator<Item = (Url, String)>, site: &Site) -> Markup {
    let found: Vec<_> = found.collect();
    html! {
        @if !found.is_empty() {
            section.card {
                h2 { (title) }
                ul.list {
                    @for (url, name) in found {
                        li { a.name href=(site.link(&url.to_string())) { (widget::text(&name)) } }
                    }
                }
            }
        }
    }
}
