//! The field for the filter, with what is wrong in it under it, and the columns.

use super::Shown;
use crate::query::RunsState;
use crate::site::Site;
use crate::table::Column;
use crate::widget;
use maud::{Markup, html};
use mlctl_tracking::entity::ViewType;
use std::collections::BTreeSet;

pub(super) fn bar(site: &Site, state: &RunsState, shown: &Shown) -> Markup {
    let path = site.link(state.url().to_string().split('?').next().unwrap_or_default());
    let mistake = shown.mistake.as_ref();
    let kept = if mistake.is_some() { &state.filter_before } else { &state.filter };
    html! {
        div.bar {
            form.filter role="search" action=(path) {
                (experiments(state))
                @for (name, value) in state.carried(&["q"]) {
                    input type="hidden" name=(name) value=(value);
                }
                @if !kept.is_empty() { input type="hidden" name="was" value=(kept); }
                input.code type="search" name="q" value=(state.filter) data-key="filter"
                    placeholder="metrics.val_auc > 0.9 AND params.model = 'mlp'"
                    aria-label="Filter" spellcheck="false" autocomplete="off" list="fields"
                    aria-invalid=[mistake.map(|_| "true")]
                    aria-describedby=[mistake.map(|_| "mistake")];
                button { "Search" }
                @if !state.filter.is_empty() {
                    a.plain href=(site.link(&cleared(state))) { "Clear" }
                }
            }
            (fields(shown))
            (widget::popover(view_name(state.view), "", &views(site, state)))
            (widget::popover("Columns", "", &picker(site, state, shown, &path)))
        }
        @if let Some(error) = mistake { (mistake_note(error, shown)) }
    }
}

/// The experiments, where they are no part of the path.
fn experiments(state: &RunsState) -> Markup {
    html! {
        @if state.experiments.len() > 1 {
            @for id in &state.experiments { input type="hidden" name="e" value=(id.as_str()); }
        }
    }
}

fn cleared(state: &RunsState) -> String {
    RunsState { filter: String::new(), ..state.at_start() }.url().to_string()
}

/// What the filter can name, for the browser to suggest.
fn fields(shown: &Shown) -> Markup {
    let keys = shown.columns.iter().filter_map(Column::field);
    html! {
        datalist #fields { @for field in keys { option value=(field.to_string()) {} } }
    }
}

/// The mistake, with a caret under its place.
fn mistake_note(error: &mlctl_filter::Error, shown: &Shown) -> Markup {
    let place = error.place();
    html! {
        div.note.bad #mistake role="alert" {
            @if let Some(place) = place {
                pre { (place.text) "\n" (" ".repeat(place.column.saturating_sub(1))) "^" }
            }
            p { (crate::shell::sentence(&error.to_string())) }
            @if !shown.runs.is_empty() { p.quiet { "The rows below are those of the filter before." } }
        }
    }
}

fn view_name(view: ViewType) -> &'static str {
    match view {
        ViewType::ActiveOnly => "Active",
        ViewType::DeletedOnly => "Deleted",
        ViewType::All => "Active and deleted",
    }
}

fn views(site: &Site, state: &RunsState) -> Markup {
    html! {
        @for view in [ViewType::ActiveOnly, ViewType::DeletedOnly, ViewType::All] {
            a href=(site.link(&RunsState { view, ..state.at_start() }.url().to_string()))
                aria-current=[(view == state.view).then_some("true")] { (view_name(view)) " runs" }
        }
    }
}

/// A form with a box for every column that the rows could fill.
fn picker(site: &Site, state: &RunsState, shown: &Shown, path: &str) -> Markup {
    let mut families: Vec<(&str, Vec<Column>)> = vec![("", Column::fixed().collect())];
    let keys = |of: fn(&mlctl_tracking::entity::Run) -> Vec<Column>| {
        let all: BTreeSet<String> =
            shown.runs.iter().flat_map(of).map(|column| column.to_string()).collect();
        all.iter().filter_map(|text| Column::parse(text).ok()).collect::<Vec<_>>()
    };
    families.push((
        "Params",
        keys(|run| {
            run.data.params.iter().map(|p| Column::Param(p.key.as_str().to_owned())).collect()
        }),
    ));
    families.push((
        "Metrics",
        keys(|run| {
            run.data.metrics.iter().map(|m| Column::Metric(m.key.as_str().to_owned())).collect()
        }),
    ));
    families.push((
        "Tags",
        keys(|run| {
            let own = run.data.tags.iter().filter(|tag| !tag.key.as_str().starts_with("mlflow."));
            own.map(|tag| Column::Tag(tag.key.as_str().to_owned())).collect()
        }),
    ));
    html! {
        form.picker action=(path) {
            (experiments(state))
            @for (name, value) in state.carried(&["c"]) {
                input type="hidden" name=(name) value=(value);
            }
            @for (family, columns) in families {
                @if !columns.is_empty() {
                    fieldset {
                        @if !family.is_empty() { legend { (family) } }
                        @for column in columns {
                            label {
                                input type="checkbox" name="c" value=(column.to_string())
                                    checked[shown.columns.contains(&column)];
                                " " (widget::text(column.heading()))
                            }
                        }
                    }
                }
            }
            div.buttons {
                button { "Show these" }
                @if !state.columns.is_empty() {
                    a.plain href=(site.link(&RunsState { columns: Vec::new(), ..state.at_start() }.url().to_string())) {
                        "Choose for me"
                    }
                }
            }
        }
    }
}
