//! The runs of one experiment or of several: a table with its filter, order, columns and pages.

mod act;
mod export;
mod filter;
mod head;
mod rows;

use super::experiments;
use crate::asked::Asked;
use crate::query::RunsState;
use crate::reply::{Reply, Result};
use crate::routes::{form, page};
use crate::shell::{Page, Part};
use crate::site::Site;
use crate::table::{Column, choose};
use axum::Router;
use maud::html;
use mlctl_tracking::entity::{Experiment, Run};
use mlctl_tracking::facts::RunCounts;
use mlctl_tracking::search::RunQuery;

pub(super) fn routes() -> Router<Site> {
    Router::new()
        .route("/experiments/{experiment}", page(show))
        .route("/runs", page(show))
        .route("/runs/act", form(act::act))
        .route("/runs/delete", page(act::confirm).merge(form(act::delete)))
        .route("/runs/restore", form(act::restore))
}

/// What a page of runs shows, read from the stores.
#[derive(Debug)]
struct Shown {
    experiments: Vec<Experiment>,
    runs: Vec<Run>,
    /// How many there are; a server of MLflow does not count many.
    counts: Option<RunCounts>,
    columns: Vec<Column>,
    next: Option<String>,
    /// What is wrong with the filter.
    mistake: Option<mlctl_filter::Error>,
    /// What else is wrong with the address.
    problems: Vec<String>,
}

fn show(site: &Site, asked: &Asked) -> Result<Reply> {
    let (state, problems) = RunsState::read(asked);
    if asked.path == "/runs" && state.experiments.is_empty() {
        return Ok(Reply::Redirect(site.link("/experiments")));
    }
    if let Some(kind) = asked.first("format") {
        return export::export(site, &state, kind);
    }
    let shown = read(site, &state, problems)?;
    let title = match shown.experiments.as_slice() {
        [one] => one.name.clone(),
        several => format!("{} experiments", several.len()),
    };
    let body = html! {
        (head::head(site, asked, &state, &shown, &title))
        (filter::bar(site, &state, &shown))
        (rows::rows(site, asked, &state, &shown))
    };
    Ok(Page::new(title, Part::Experiments, body).below("Experiments", "/experiments").into())
}

/// Reads what the page shows. While the filter has a mistake, the rows of the one before stay.
fn read(site: &Site, state: &RunsState, problems: Vec<String>) -> Result<Shown> {
    let experiments = experiments::read(site, &state.experiments)?;
    let mut query = state.query();
    let mistake = match mlctl_filter::parse(&query.filter, &mlctl_tracking::search::RUNS) {
        Ok(_) => None,
        Err(error) => {
            let before = RunQuery { filter: state.filter_before.clone(), ..query.clone() };
            query = match before.compile() {
                Ok(_) => before,
                Err(_) => RunQuery { filter: String::new(), ..before },
            };
            Some(error)
        }
    };
    let page = site.tracking.search_runs(&query)?;
    let counts = count(site, &query)?;
    let total = counts.map(|counts| counts.total());
    let columns = match state.columns.as_slice() {
        [] => choose(site.tracking.as_ref(), &query, total, &page.items)?,
        chosen => chosen.to_vec(),
    };
    let next = page.next_page_token;
    Ok(Shown { experiments, runs: page.items, counts, columns, next, mistake, problems })
}

fn count(site: &Site, query: &RunQuery) -> Result<Option<RunCounts>> {
    match site.tracking.count_runs(query) {
        Ok(counts) => Ok(Some(counts)),
        Err(mlctl_tracking::Error::Unsupported(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Returns the newest runs that a search finds.
pub(super) fn newest(site: &Site, query: RunQuery, rows: usize) -> Result<Vec<Run>> {
    if query.experiment_ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(site.tracking.search_runs(&RunQuery { max_results: rows, ..query })?.items)
}
