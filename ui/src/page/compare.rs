//! Runs side by side: in what they differ first, then their curves.

mod curves;
mod table;

use super::run;
use crate::asked::Asked;
use crate::query::RunsState;
use crate::reply::{PageError, Reply, Result};
use crate::routes::page;
use crate::shell::{Page, Part};
use crate::site::Site;
use crate::url::Url;
use crate::widget::{Tab, tabs};
use crate::{format, widget};
use axum::Router;
use maud::{Markup, html};
use mlctl_tracking::RunId;
use mlctl_tracking::entity::Run;
use mlctl_tracking::search::RunQuery;

pub(super) fn routes() -> Router<Site> {
    Router::new().route("/compare", page(show))
}

/// Runs that are compared at most.
const RUNS_MAX: usize = 1_000;

fn show(site: &Site, asked: &Asked) -> Result<Reply> {
    let runs = read(site, asked)?;
    let part = asked.first("tab").unwrap_or("differences");
    let title = format!("Compare {}", format::plural(runs.len() as u64, "run", "runs"));
    let shown = match part {
        "differences" => table::show(site, asked, &runs)?,
        "curves" => curves::show(site, asked, &runs)?,
        other => {
            let rule = "it must be differences or curves";
            return Err(PageError::invalid(format!("tab `{other}` is unknown: {rule}")));
        }
    };
    let body = html! {
        div.title { h1 { (title) } }
        (tabs("Parts of the comparison", &parts(site, asked, part)))
        (shown)
    };
    Ok(Page::new(title, Part::Experiments, body).below("Experiments", "/experiments").into())
}

/// Reads the runs: those that are listed, in their order, or those that a search finds.
fn read(site: &Site, asked: &Asked) -> Result<Vec<Run>> {
    let ids: Vec<&str> = asked.all("r").filter(|id| !id.is_empty()).collect();
    let runs = match ids.len() {
        0 => {
            let (state, _) = RunsState::read(asked);
            let query = RunQuery { max_results: RUNS_MAX, ..state.query() };
            site.tracking.search_runs(&query)?.items
        }
        1..=RUNS_MAX => {
            let read = |id: &&str| Ok(site.tracking.run(&RunId::parse(*id)?)?);
            ids.iter().map(read).collect::<Result<_>>()?
        }
        more => {
            return Err(PageError::invalid(format!(
                "{more} runs are too many: at most {RUNS_MAX}"
            )));
        }
    };
    match runs.is_empty() {
        true => {
            Err(PageError::invalid("no run is selected: select runs in a table and press Compare"))
        }
        false => Ok(runs),
    }
}

/// The address of this comparison with other parameters: `but` are left out.
fn with(asked: &Asked, but: &[&str]) -> Url {
    let kept =
        asked.pairs.iter().filter(|(name, _)| !but.contains(&name.as_str()) && name != "back");
    kept.fold(Url::new("/compare"), |url, (name, value)| url.with(name, value))
}

fn parts(site: &Site, asked: &Asked, current: &str) -> Vec<Tab> {
    let tab = |(part, name): (&str, &str)| Tab {
        name: name.to_owned(),
        href: site.link(&with(asked, &["tab"]).with("tab", part).to_string()),
        is_current: part == current,
    };
    [("differences", "Differences"), ("curves", "Curves")].map(tab).into()
}

/// The name of a run with its colour, leading to its page.
fn name(site: &Site, run: &Run, place: usize) -> Markup {
    html! {
        svg viewBox="0 0 100 100" width="10" height="10" aria-hidden="true" {
            path.(crate::chart::class(place)) d="M10 50l80 0" {}
        }
        " "
        a href=(site.link(&run::url(&run.info.run_id).to_string())) { (widget::text(&run.info.run_name)) }
    }
}
