//! A run: what it is, what it logged, its charts.

mod act;
mod charts;
mod facts;
mod head;
mod metrics;
mod overview;
mod params;

pub(super) use charts::Look;
pub(super) use head::head;

use crate::asked::Asked;
use crate::reply::{Reply, Result};
use crate::routes::{form, page};
use crate::shell::{Page, Part};
use crate::site::Site;
use crate::url::Url;
use axum::Router;
use maud::Markup;
use mlctl_tracking::RunId;
use mlctl_tracking::entity::{Experiment, Run};

pub(super) fn routes() -> Router<Site> {
    Router::new()
        .route("/runs/{run}", page(overview::show))
        .route("/runs/{run}/charts", page(charts::show))
        .route("/runs/{run}/system", page(charts::show_system))
        .route("/runs/{run}/rename", form(act::rename))
        .route("/runs/{run}/note", form(act::note))
        .route("/runs/{run}/tag", form(act::tag))
        .route("/runs/{run}/untag", form(act::untag))
}

/// A run and the experiment that it belongs to.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) run: Run,
    experiment: Experiment,
}

/// Reads the run that the address names.
pub(super) fn find(site: &Site, asked: &Asked) -> Result<Found> {
    let run = site.tracking.run(&id(asked)?)?;
    let experiment = site.tracking.experiment(&run.info.experiment_id)?;
    Ok(Found { run, experiment })
}

fn id(asked: &Asked) -> Result<RunId> {
    Ok(RunId::parse(asked.hole("run"))?)
}

/// Returns the address of a run, below the prefix.
pub(super) fn url(id: &RunId) -> Url {
    Url::new("/runs").segment(id.as_str())
}

/// Puts a page of a run below its experiment.
fn frame(found: &Found, body: Markup) -> Page {
    let experiment = Url::new("/experiments").segment(found.experiment.experiment_id.as_str());
    Page::new(found.run.info.run_name.clone(), Part::Experiments, body)
        .below("Experiments", "/experiments")
        .below(found.experiment.name.clone(), experiment.to_string())
}

pub(super) fn reply(found: &Found, body: Markup) -> Result<Reply> {
    Ok(frame(found, body).into())
}
