//! The list of experiments, and what can be done with one.

use crate::asked::Asked;
use crate::form::{Form, hidden};
use crate::reply::{PageError, Reply, Result};
use crate::routes::{form, page};
use crate::shell::{Page, Part, here};
use crate::site::Site;
use crate::url::Url;
use crate::widget;
use axum::Router;
use maud::{Markup, html};
use mlctl_tracking::entity::{Experiment, LifecycleStage, ViewType};
use mlctl_tracking::search::ExperimentQuery;
use mlctl_tracking::store::NewExperiment;
use mlctl_tracking::{ExperimentId, ExperimentName};

pub(super) fn routes() -> Router<Site> {
    Router::new()
        .route("/experiments", page(list).merge(form(create)))
        .route("/experiments/{experiment}/rename", form(rename))
        .route("/experiments/{experiment}/delete", form(delete))
        .route("/experiments/{experiment}/restore", form(restore))
}

/// Experiments of a page.
const ROWS: usize = 100;

fn list(site: &Site, asked: &Asked) -> Result<Reply> {
    let find = asked.first("q").unwrap_or_default();
    let view = if asked.first("show") == Some("deleted") {
        ViewType::DeletedOnly
    } else {
        ViewType::ActiveOnly
    };
    let query = ExperimentQuery {
        filter: name_filter(find),
        view,
        max_results: ROWS,
        page_token: asked.first("after").map(str::to_owned),
        ..ExperimentQuery::default()
    };
    let found = site.tracking.search_experiments(&query)?;
    let now = site.clock.now();
    let next = found.next_page_token.map(|token| {
        let url = Url::new("/experiments").with_some("q", asked.first("q"));
        url.with_some("show", asked.first("show")).with("after", token)
    });
    let body = html! {
        div.title {
            h1 { "Experiments" }
            div.actions { (widget::popover("New experiment", "", &new_form(site, asked))) }
        }
        (find_form(site, find, view))
        @if found.items.is_empty() { (nothing(find, view)) } @else {
            form method="get" action=(site.link("/runs")) {
                (table(site, &found.items, now))
                div.below {
                    button { "Show the runs of the selected" }
                    @if let Some(next) = next { a href=(site.link(&next.to_string())) rel="next" { "Next page" } }
                }
            }
        }
    };
    Ok(Page::new("Experiments", Part::Experiments, body).into())
}

/// Finds a part of a name, whatever its case.
fn name_filter(find: &str) -> String {
    match find {
        "" => String::new(),
        _ => {
            let pattern = find.replace('\'', "''").replace('%', "_");
            format!("name ILIKE '%{pattern}%'")
        }
    }
}

fn find_form(site: &Site, find: &str, view: ViewType) -> Markup {
    let is_deleted = view == ViewType::DeletedOnly;
    html! {
        form.filter role="search" action=(site.link("/experiments")) {
            input type="search" name="q" value=(find) placeholder="Part of a name"
                aria-label="Find experiments by name" data-key="filter";
            select name="show" aria-label="Which experiments" {
                option value="" selected[!is_deleted] { "active" }
                option value="deleted" selected[is_deleted] { "deleted" }
            }
            button { "Find" }
        }
    }
}

fn nothing(find: &str, view: ViewType) -> Markup {
    let what = match (find, view) {
        ("", ViewType::DeletedOnly) => "No deleted experiments".to_owned(),
        ("", _) => "No experiments yet".to_owned(),
        (find, _) => format!("No experiment has `{find}` in its name"),
    };
    widget::empty(
        &what,
        &html! {
            p { "Create one here, or in a shell:" }
            (widget::command("mlctl experiments create NAME"))
        },
    )
}

fn new_form(site: &Site, asked: &Asked) -> Markup {
    html! {
        form.stack method="post" action=(site.link("/experiments")) {
            (hidden(site, &here(asked)))
            label { "Name" input name="name" required maxlength="500"; }
            button { "Create" }
        }
    }
}

fn table(site: &Site, found: &[Experiment], now: i64) -> Markup {
    html! {
        div.scroll {
            table.rows {
                thead { tr {
                    th.pick scope="col" { span.hidden { "Select" } }
                    th.name scope="col" { "Name" }
                    th scope="col" { "Changed" }
                    th scope="col" { "Created" }
                    th scope="col" { "Tags" }
                    th scope="col" { span.hidden { "Actions" } }
                } }
                tbody {
                    @for experiment in found { (row(site, experiment, now)) }
                }
            }
        }
    }
}

fn row(site: &Site, experiment: &Experiment, now: i64) -> Markup {
    let id = experiment.experiment_id.as_str();
    html! {
        tr {
            td.pick {
                input type="checkbox" name="e" value=(id)
                    aria-label={ "Select " (experiment.name) };
            }
            th.name scope="row" {
                a href={ (site.link("/experiments/")) (id) } { (widget::text(&experiment.name)) }
            }
            td { (widget::time(now, experiment.last_update_time)) }
            td { (widget::time(now, experiment.creation_time)) }
            td {
                @for tag in experiment.tags.iter().filter(|tag| !tag.key.as_str().starts_with("mlflow.")) {
                    span.tag { (widget::text(&format!("{}: {}", tag.key.as_str(), tag.value))) }
                }
            }
            td.menu { a href=(site.link(&Url::new("/experiments").segment(id).with("edit", "1").to_string())) { "Edit" } }
        }
    }
}

/// The forms that change one experiment; shown on its page.
pub(super) fn edit_forms(site: &Site, asked: &Asked, experiment: &Experiment) -> Markup {
    let place = Url::new(site.link("/experiments")).segment(experiment.experiment_id.as_str());
    let is_deleted = experiment.lifecycle_stage == LifecycleStage::Deleted;
    html! {
        @if is_deleted {
            form.stack method="post" action=(place.segment("restore")) {
                (hidden(site, &here(asked)))
                button { "Restore" }
            }
        } @else {
            form.stack method="post" action=(place.clone().segment("rename")) {
                (hidden(site, &here(asked)))
                label { "Name" input name="name" required maxlength="500" value=(experiment.name); }
                button { "Rename" }
            }
            form.stack method="post" action=(place.segment("delete")) {
                (hidden(site, "/experiments"))
                p { "Deletes the experiment and its runs. They can be restored until they are "
                    "collected with " code { "mlctl gc" } "." }
                button.danger { "Delete" }
            }
        }
    }
}

fn id(asked: &Asked) -> Result<ExperimentId> {
    Ok(ExperimentId::parse(asked.hole("experiment"))?)
}

fn create(site: &Site, _: &Asked, form: &Form) -> Result<Reply> {
    let name = ExperimentName::parse(form.required("name", "the name of the experiment")?)?;
    let new =
        NewExperiment { name, artifact_location: None, tags: Vec::new(), time: site.clock.now() };
    let id = site.tracking.create_experiment(&new)?;
    Ok(Reply::Redirect(site.link(&format!("/experiments/{}", id.as_str()))))
}

fn rename(site: &Site, asked: &Asked, form: &Form) -> Result<Reply> {
    let name = ExperimentName::parse(form.required("name", "the new name")?)?;
    site.tracking.rename_experiment(&id(asked)?, &name, site.clock.now())?;
    Ok(Reply::Redirect(form.back(site, "/experiments")))
}

fn delete(site: &Site, asked: &Asked, form: &Form) -> Result<Reply> {
    site.tracking.delete_experiment(&id(asked)?, site.clock.now())?;
    Ok(Reply::Redirect(form.back(site, "/experiments")))
}

fn restore(site: &Site, asked: &Asked, form: &Form) -> Result<Reply> {
    site.tracking.restore_experiment(&id(asked)?, site.clock.now())?;
    Ok(Reply::Redirect(form.back(site, "/experiments")))
}

/// Reads the experiments that a page is about; one that does not exist is named.
pub(super) fn read(site: &Site, ids: &[ExperimentId]) -> Result<Vec<Experiment>> {
    if ids.is_empty() {
        return Err(PageError::invalid("no experiment is selected: select one or more"));
    }
    ids.iter().map(|id| Ok(site.tracking.experiment(id)?)).collect()
}
