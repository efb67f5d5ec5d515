//! The table of runs, its pages, and what can be done with the runs that are selected.

use super::Shown;
use crate::asked::Asked;
use crate::form::hidden;
use crate::page::home::first_run;
use crate::query::RunsState;
use crate::shell::here;
use crate::site::Site;
use crate::table::sort::SortBy;
use crate::table::{Column, Sort, cell};
use crate::{format, widget};
use maud::{Markup, html};
use mlctl_tracking::entity::{LifecycleStage, Run};

pub(super) fn rows(site: &Site, asked: &Asked, state: &RunsState, shown: &Shown) -> Markup {
    if shown.runs.is_empty() {
        return nothing(site, asked, state, shown);
    }
    html! {
        form #chosen method="post" action=(site.link("/runs/act")) {
            (hidden(site, &here(asked)))
            (table(site, asked, state, shown))
            div.below {
                (pager(site, state, shown))
                div.selection {
                    span #selected data-one="selected" data-many="selected" {}
                    button name="do" value="compare" data-key="compare" { "Compare" }
                    @if state.view == mlctl_tracking::entity::ViewType::DeletedOnly {
                        button name="do" value="restore" { "Restore" }
                    } @else {
                        button name="do" value="delete" { "Delete" }
                    }
                }
            }
        }
    }
}

fn table(site: &Site, asked: &Asked, state: &RunsState, shown: &Shown) -> Markup {
    let now = site.clock.now();
    html! {
        div.scroll tabindex="0" role="region" aria-label="Runs" {
            table.rows.runs {
                thead {
                    (families(&shown.columns))
                    tr {
                        th.pick scope="col" {
                            input type="checkbox" data-all="r" aria-label="Select all on this page";
                        }
                        (heading(site, state, "Run", "name", false, Some(SortBy::Name)))
                        @for (index, column) in shown.columns.iter().enumerate() {
                            @let sort = column.field().map(|_| SortBy::Column(column.clone()));
                            (heading(site, state, column.heading(), class(&shown.columns, index), column.is_number(), sort))
                        }
                    }
                }
                tbody {
                    @for run in &shown.runs { (row(site, asked, run, &shown.columns, now)) }
                }
            }
        }
    }
}

/// A line between the columns of one kind and the next.
fn class(columns: &[Column], index: usize) -> &'static str {
    let starts = index > 0 && columns[index].family() != columns[index - 1].family();
    match (starts, columns[index].is_number()) {
        (true, true) => "start number",
        (true, false) => "start",
        (false, true) => "number",
        (false, false) => "",
    }
}

/// The names of neighbours of one kind, above their headings.
fn families(columns: &[Column]) -> Markup {
    if columns.iter().all(|column| column.family().is_empty()) {
        return html! {};
    }
    let groups = columns.chunk_by(|a, b| a.family() == b.family());
    html! {
        tr.families {
            td.pick {} td.name {}
            @for (index, group) in groups.enumerate() {
                td colspan=(group.len()) .start[index > 0] { (group[0].family()) }
            }
        }
    }
}

fn heading(
    site: &Site,
    state: &RunsState,
    text: &str,
    class: &str,
    is_number: bool,
    by: Option<SortBy>,
) -> Markup {
    let current = state.sort.as_ref().filter(|sort| Some(&sort.by) == by.as_ref());
    let order = current.map(|sort| if sort.descending { "descending" } else { "ascending" });
    html! {
        th scope="col" class=(class) .number[is_number] aria-sort=[order] {
            @match by {
                Some(by) => {
                    @let next = Sort::after_click(by, state.sort.as_ref());
                    a href=(site.link(&state.sorted_by(next).url().to_string())) title=(text) {
                        span.cut { (text) }
                        @if let Some(sort) = current {
                            span.arrow aria-hidden="true" { (if sort.descending { "▾" } else { "▴" }) }
                        }
                    }
                }
                None => { span.cut title=(text) { (text) } }
            }
        }
    }
}

fn row(site: &Site, _: &Asked, run: &Run, columns: &[Column], now: i64) -> Markup {
    let id = run.info.run_id.as_str();
    let is_deleted = run.info.lifecycle_stage == LifecycleStage::Deleted;
    html! {
        tr data-id=(id) .deleted[is_deleted] {
            td.pick {
                input type="checkbox" name="r" value=(id) aria-label={ "Select " (run.info.run_name) };
            }
            th.name scope="row" {
                a href={ (site.link("/runs/")) (id) } { (widget::text(&run.info.run_name)) }
            }
            @for (index, column) in columns.iter().enumerate() {
                td class=(class(columns, index)) { (cell(run, column, now)) }
            }
        }
    }
}

fn pager(site: &Site, state: &RunsState, shown: &Shown) -> Markup {
    let here = shown.runs.len() as u64;
    let total = shown.counts.map(|counts| counts.total());
    let runs = |number| format::plural(number, "run", "runs");
    let text = match (&state.after, total) {
        (None, Some(total)) if here == total => runs(total),
        (None, Some(total)) => format!("1–{} of {}", format::count(here), runs(total)),
        (Some(_), Some(total)) => format!("{} of {}", format::count(here), runs(total)),
        (_, None) => runs(here),
    };
    html! {
        div.pager {
            span { (text) }
            @if state.after.is_some() {
                a href=(site.link(&state.at_start().url().to_string())) rel="first" { "First page" }
            }
            @if let Some(next) = &shown.next {
                @let next = RunsState { after: Some(next.clone()), ..state.clone() };
                a href=(site.link(&next.url().to_string())) rel="next" data-key="next" { "Next page" }
            }
        }
    }
}

/// Says why there is no row: nothing logged yet, or nothing that the filter lets pass.
fn nothing(site: &Site, asked: &Asked, state: &RunsState, shown: &Shown) -> Markup {
    if state.after.is_some() {
        return widget::empty(
            "No more runs",
            &html! {
                p { a href=(site.link(&state.at_start().url().to_string())) { "Go to the first page" } }
            },
        );
    }
    if shown.mistake.is_none()
        && state.filter.is_empty()
        && state.view == mlctl_tracking::entity::ViewType::ActiveOnly
    {
        return first_run(asked);
    }
    widget::empty(
        "No run matches",
        &html! {
            p { "No run of this experiment matches the filter "
                code { (state.filter) } "." }
            p {
                a href=(site.link(&RunsState { filter: String::new(), ..state.at_start() }.url().to_string())) { "Show all runs" }
            }
        },
    )
}
