//! What a run is and what it logged, on one page.

use super::{Found, facts, find, head, metrics, params, reply, url};
use crate::asked::Asked;
use crate::form::hidden;
use crate::reply::{Reply, Result};
use crate::shell::here;
use crate::site::Site;
use crate::table::tag;
use crate::url::Url;
use crate::{markdown, widget};
use maud::{Markup, html};
use mlctl_tracking::RunId;
use mlctl_tracking::entity::{Run, Tag};
use mlctl_tracking::search::RunQuery;

/// The tag that holds the note of a run.
pub(super) const NOTE: &str = "mlflow.note.content";

/// The tag that names the parent of a run.
pub(super) const PARENT: &str = "mlflow.parentRunId";

/// Children that the page lists.
const CHILDREN: usize = 50;

/// What a run is set against.
pub(super) struct Against<'a> {
    pub(super) run: &'a Run,
}

pub(super) fn show(site: &Site, asked: &Asked) -> Result<Reply> {
    let found = find(site, asked)?;
    let other = asked.first("against").map(RunId::parse).transpose()?;
    let other = other.map(|id| site.tracking.run(&id)).transpose()?;
    let against = other.as_ref().map(|run| Against { run });
    let run = &found.run;
    let children = children(site, run)?;
    let body = html! {
        (head(site, asked, &found, "Overview"))
        @if let Some(against) = &against { (against_note(site, &found, against)) }
        div.columns {
            div {
                (metrics::section(site, run, against.as_ref())?)
                (note(site, asked, run))
                @if !children.is_empty() { (children_list(site, &children)) }
            }
            div {
                (params::section(run, against.as_ref()))
                (facts::section(site, &found, asked))
                (tags(site, asked, run))
            }
        }
    };
    reply(&found, body)
}

fn against_note(site: &Site, found: &Found, against: &Against<'_>) -> Markup {
    let here = url(&found.run.info.run_id).to_string();
    html! {
        p.note {
            "Set against "
            a href=(site.link(&url(&against.run.info.run_id).to_string())) {
                (widget::text(&against.run.info.run_name))
            }
            ". " a href=(site.link(&here)) { "Stop" }
        }
    }
}

fn children(site: &Site, run: &Run) -> Result<Vec<Run>> {
    let filter = format!("tags.`{PARENT}` = '{}'", run.info.run_id.as_str());
    let query = RunQuery { filter, ..RunQuery::of(vec![run.info.experiment_id.clone()]) };
    Ok(site.tracking.search_runs(&RunQuery { max_results: CHILDREN, ..query })?.items)
}

fn children_list(site: &Site, children: &[Run]) -> Markup {
    html! {
        section.card {
            h2 { "Children" }
            ul.list {
                @for child in children {
                    li {
                        a.name href=(site.link(&url(&child.info.run_id).to_string())) {
                            (widget::text(&child.info.run_name))
                        }
                        (widget::status(child.info.status))
                    }
                }
            }
        }
    }
}

/// The note, rendered, and the form that changes it.
fn note(site: &Site, asked: &Asked, run: &Run) -> Markup {
    let text = tag(run, NOTE).unwrap_or_default();
    html! {
        section.card {
            h2 { "Notes" }
            @if !text.is_empty() { div.markdown { (markdown::render(text)) } }
            details.edit {
                summary { @if text.is_empty() { "Write a note" } @else { "Edit" } }
                form.stack method="post" action=(site.link(&url(&run.info.run_id).segment("note").to_string())) {
                    (hidden(site, &here(asked)))
                    input type="hidden" name="before" value=(text);
                    textarea name="note" rows="8" aria-label="Note, in Markdown" { (text) }
                    button { "Save" }
                }
            }
        }
    }
}

fn tags(site: &Site, asked: &Asked, run: &Run) -> Markup {
    let (system, own): (Vec<&Tag>, Vec<&Tag>) =
        run.data.tags.iter().partition(|tag| tag.key.as_str().starts_with("mlflow."));
    let place = |part: &str| site.link(&url(&run.info.run_id).segment(part).to_string());
    html! {
        section.card {
            h2 { "Tags" }
            @if !own.is_empty() {
                table.plain-table { tbody {
                    @for tag in &own {
                        tr {
                            th scope="row" { (widget::text(tag.key.as_str())) }
                            td { (widget::text(&tag.value)) }
                            td.menu {
                                form method="post" action=(place("untag")) {
                                    (hidden(site, &here(asked)))
                                    input type="hidden" name="key" value=(tag.key.as_str());
                                    button.plain aria-label={ "Remove the tag " (tag.key.as_str()) } { "Remove" }
                                }
                            }
                        }
                    }
                } }
            }
            details.edit {
                summary { "Add or change a tag" }
                form.stack method="post" action=(place("tag")) {
                    (hidden(site, &here(asked)))
                    label { "Key" input name="key" required maxlength="250"; }
                    label { "Value" input name="value"; }
                    button { "Save" }
                }
            }
            @if !system.is_empty() {
                details.edit {
                    summary { "Tags of MLflow" }
                    table.plain-table { tbody {
                        @for tag in &system {
                            tr { th scope="row" { (widget::text(tag.key.as_str())) } td { (widget::text(&tag.value)) } }
                        }
                    } }
                }
            }
        }
    }
}

/// A link that sets this run against another.
pub(super) fn against_link(site: &Site, run: &Run, other: &str) -> String {
    let url: Url = url(&run.info.run_id);
    site.link(&url.with("against", other).to_string())
}
