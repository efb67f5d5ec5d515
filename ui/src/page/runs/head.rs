//! The title of a page of runs, and what can be done with the whole table.

use super::Shown;
use crate::asked::Asked;
use crate::page::experiments::edit_forms;
use crate::query::RunsState;
use crate::site::Site;
use crate::{format, widget};
use maud::{Markup, html};
use mlctl_tracking::entity::LifecycleStage;
use mlctl_tracking::facts::RunCounts;

pub(super) fn head(
    site: &Site,
    asked: &Asked,
    state: &RunsState,
    shown: &Shown,
    title: &str,
) -> Markup {
    let url = || state.at_start().url();
    html! {
        div.title {
            h1 { bdi dir="auto" { (title) } }
            @if let [one] = shown.experiments.as_slice() {
                @if one.lifecycle_stage == LifecycleStage::Deleted { span.status.bad { "✕ deleted" } }
                span.quiet { "experiment " (one.experiment_id.as_str()) }
            }
            @if let Some(known) = &shown.counts { span.facts { (counts(known)) } }
            div.actions {
                @if let [one] = shown.experiments.as_slice() {
                    (widget::popover("Edit", "end", &edit_forms(site, asked, one)))
                }
                (widget::popover("Use", "end wide", &use_commands(asked, state)))
                (widget::popover("Export", "end", &html! {
                    a href=(site.link(&url().with("format", "csv").to_string())) { "CSV" }
                    a href=(site.link(&url().with("format", "json").to_string())) { "JSON" }
                }))
            }
        }
        @for problem in &shown.problems {
            p.note.warn role="alert" { (crate::shell::sentence(problem)) }
        }
    }
}

/// How many runs there are, and how those are that need a look.
fn counts(counts: &RunCounts) -> String {
    let mut text = format::plural(counts.total(), "run", "runs");
    let noted = [(counts.running, "running"), (counts.failed, "failed")];
    for (number, word) in noted.into_iter().filter(|(number, _)| *number > 0) {
        text.push_str(&format!(", {} {word}", format::count(number)));
    }
    text
}

/// The same search in a shell and in Python.
fn use_commands(asked: &Asked, state: &RunsState) -> Markup {
    let query = state.query();
    let ids: Vec<&str> = state.experiments.iter().map(|id| id.as_str()).collect();
    let mut shell = format!("mlctl runs search --store {}", asked.server);
    for id in &ids {
        shell.push_str(&format!(" --experiment-id {}", quoted(id)));
    }
    if !query.filter.is_empty() {
        shell.push_str(&format!(" --filter {}", quoted(&query.filter)));
    }
    for clause in &query.order_by {
        shell.push_str(&format!(" --order-by {}", quoted(clause)));
    }
    let python = format!(
        "import mlflow\n\nmlflow.set_tracking_uri({})\nruns = mlflow.search_runs(\n    \
         experiment_ids={},\n    filter_string={},\n    order_by={},\n)",
        json(&asked.server),
        json(&ids),
        json(&query.filter),
        json(&query.order_by)
    );
    html! {
        p { "The same search in a shell:" } (widget::command(&shell))
        p { "and in Python:" } (widget::command(&python))
    }
}

/// A word of a POSIX shell.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

/// JSON of texts is Python too.
fn json(value: &(impl serde::Serialize + ?Sized)) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
