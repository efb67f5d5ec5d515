//! A registered model: who holds which stage since when, its versions, its gates.

use super::{history, model_url, name, reason_fields, registry, stage, version_link, version_url};
use crate::asked::Asked;
use crate::form::hidden;
use crate::page::run;
use crate::reply::{PageError, Reply, Result};
use crate::shell::{Page, Part, here};
use crate::site::Site;
use crate::table::metric;
use crate::widget::{Tab, tabs};
use crate::{markdown, widget};
use maud::{Markup, html};
use mlctl_registry::Change;
use mlctl_registry::store::{all_events, all_versions, gates};
use mlctl_registry::{Event, Gates, ModelName, ModelVersion, RegisteredModel};
use mlctl_tracking::RunId;
use mlctl_tracking::entity::Run;
use std::collections::BTreeMap;

/// Versions whose runs are read for their metrics.
const RUNS: usize = 50;

/// Metrics of the table of versions.
const METRICS: usize = 4;

pub(super) fn show(site: &Site, asked: &Asked) -> Result<Reply> {
    let store = registry(site)?;
    let name = name(asked)?;
    let model = store.get_model(&name)?;
    let events = all_events(store.as_ref(), &name, None)?;
    if let Some(at) = asked.first("at") {
        return past(site, &name, &events, at);
    }
    let versions = all_versions(store.as_ref(), &name, "")?;
    let gates = gates(store.as_ref(), &name)?;
    let body = html! {
        (head(site, asked, &model))
        div.columns {
            div {
                (stages(site, &model, &events))
                (table(site, &model, &versions))
            }
            div {
                (description(site, asked, &model))
                (conditions(&gates))
                (aliases(site, asked, &model))
                (tags(&model))
            }
        }
    };
    Ok(frame(&name, body).into())
}

pub(super) fn frame(name: &ModelName, body: Markup) -> Page {
    Page::new(name.as_str(), Part::Models, body).below("Models", "/models")
}

fn head(site: &Site, asked: &Asked, model: &RegisteredModel) -> Markup {
    html! {
        div.title {
            h1 { bdi dir="auto" { (model.name) } }
            span.facts { "changed " (widget::time(site.clock.now(), model.last_updated_timestamp_ms)) }
            div.actions { (widget::popover("Edit", "end", &edit(site, asked, model))) }
        }
        (parts(site, &model.name, "Versions"))
    }
}

pub(super) fn parts(site: &Site, name: &ModelName, current: &str) -> Markup {
    let url = model_url(name);
    let tab =
        |text: &str, href: String| Tab { name: text.to_owned(), is_current: text == current, href };
    tabs(
        "Parts of the model",
        &[
            tab("Versions", site.link(&url.to_string())),
            tab("History", site.link(&url.clone().segment("history").to_string())),
        ],
    )
}

fn edit(site: &Site, asked: &Asked, model: &RegisteredModel) -> Markup {
    html! {
        form.stack method="post" action=(site.link(&model_url(&model.name).segment("delete").to_string())) {
            (hidden(site, "/models"))
            p { "Deletes the model with all its versions. Its history stays." }
            label { "Enter its name to confirm" input name="confirm" required autocomplete="off"; }
            (reason_fields(site))
            button.danger { "Delete" }
        }
        (widget::command(&format!("mlctl registry show {} --store {}", model.name, asked.server)))
    }
}

/// Who holds each stage, since when, by whom and why.
fn stages(site: &Site, model: &RegisteredModel, events: &[Event]) -> Markup {
    let held: Vec<&ModelVersion> = model
        .latest_versions
        .iter()
        .filter(|version| version.current_stage.as_str() != "None")
        .collect();
    let now = site.clock.now();
    html! {
        section.card {
            h2 { "Stages" }
            @if held.is_empty() { p.quiet { "No version is in a stage." } }
            dl.pairs {
                @for version in held {
                    @let entered = entered(events, version);
                    dt { (stage(&version.current_stage)) }
                    dd {
                        (version_link(site, &model.name, version.version))
                        @if let Some(event) = entered {
                            span.quiet { " since " (widget::time(now, event.at_ms)) ", by " (widget::text(&event.who)) }
                            @if let Some(why) = &event.why { ": " (widget::text(why)) }
                        }
                    }
                }
            }
        }
    }
}

/// The event with which a version entered the stage that it is in.
pub(super) fn entered<'e>(events: &'e [Event], version: &ModelVersion) -> Option<&'e Event> {
    events.iter().rev().find(|event| {
        let enters = matches!(&event.change, Change::StageChanged { to, from, .. }
            if *to == version.current_stage && to != from);
        event.version == Some(version.version) && enters
    })
}

fn table(site: &Site, model: &RegisteredModel, versions: &[ModelVersion]) -> Markup {
    let runs: Vec<Option<Run>> =
        versions.iter().take(RUNS).map(|version| run_of(site, version)).collect();
    let metrics = metrics(&runs);
    let now = site.clock.now();
    html! {
        section.card {
            h2 { "Versions" }
            @if versions.is_empty() { p.quiet { "No version is registered." } } @else {
                div.scroll.bare tabindex="0" role="region" aria-label="Versions" {
                    table.rows {
                        thead { tr {
                            th.name scope="col" { "Version" } th scope="col" { "Stage" }
                            th scope="col" { "Aliases" }
                            @for key in &metrics { th.number scope="col" title=(key) { span.cut { (key) } } }
                            th scope="col" { "Run" } th scope="col" { "Created" }
                        } }
                        tbody {
                            @for (index, version) in versions.iter().enumerate() {
                                @let run = runs.get(index).and_then(Option::as_ref);
                                tr {
                                    th.name scope="row" {
                                        a href=(site.link(&version_url(&model.name, version.version).to_string())) { "Version " (version.version) }
                                    }
                                    td { (stage(&version.current_stage)) }
                                    td { @for alias in &version.aliases { span.tag { "@" (alias.as_str()) } } }
                                    @for key in &metrics {
                                        td.number { @if let Some(value) = run.and_then(|run| metric(run, key)) { (widget::value(value)) } }
                                    }
                                    td {
                                        @if let Some(run) = run {
                                            a href=(site.link(&run::url(&run.info.run_id).to_string())) { (widget::text(&run.info.run_name)) }
                                        }
                                    }
                                    td { (widget::time(now, version.creation_timestamp_ms)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The run that made a version, if it is known and there.
pub(super) fn run_of(site: &Site, version: &ModelVersion) -> Option<Run> {
    let id = RunId::parse(version.run_id.as_deref()?).ok()?;
    site.tracking.run(&id).ok()
}

/// The metrics that most of the runs have.
fn metrics(runs: &[Option<Run>]) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for metric in runs.iter().flatten().flat_map(|run| &run.data.metrics) {
        *counts.entry(metric.key.as_str()).or_default() += 1;
    }
    counts.retain(|key, _| !key.starts_with("system/"));
    let mut keys: Vec<_> = counts.into_iter().collect();
    keys.sort_by(|(a, m), (b, n)| n.cmp(m).then(a.cmp(b)));
    keys.into_iter().take(METRICS).map(|(key, _)| key.to_owned()).collect()
}

fn description(site: &Site, asked: &Asked, model: &RegisteredModel) -> Markup {
    let text = model.description.as_deref().unwrap_or_default();
    html! {
        section.card {
            h2 { "Description" }
            @if !text.is_empty() { div.markdown { (markdown::render(text)) } }
            details.edit {
                summary { @if text.is_empty() { "Describe the model" } @else { "Edit" } }
                form.stack method="post" action=(site.link(&model_url(&model.name).segment("describe").to_string())) {
                    (hidden(site, &here(asked)))
                    textarea name="description" rows="6" aria-label="Description, in Markdown" { (text) }
                    (reason_fields(site))
                    button { "Save" }
                }
            }
        }
    }
}

fn conditions(gates: &Gates) -> Markup {
    html! {
        @if !gates.is_empty() {
            section.card {
                h2 { "Gates" }
                @for gate in &gates.list {
                    h3 { "To enter " (widget::text(gate.stage.as_str())) }
                    ul { @for condition in &gate.conditions { li { (widget::text(&condition.to_string())) } } }
                }
            }
        }
    }
}

fn aliases(site: &Site, asked: &Asked, model: &RegisteredModel) -> Markup {
    let place = |part: &str| site.link(&model_url(&model.name).segment(part).to_string());
    html! {
        section.card {
            h2 { "Aliases" }
            @if !model.aliases.is_empty() {
                table.plain-table { tbody {
                    @for (alias, version) in &model.aliases {
                        tr {
                            th scope="row" { "@" (alias.as_str()) }
                            td { (version_link(site, &model.name, *version)) }
                            td.menu {
                                form method="post" action=(place("unalias")) {
                                    (hidden(site, &here(asked)))
                                    input type="hidden" name="alias" value=(alias.as_str());
                                    button.plain aria-label={ "Remove the alias " (alias.as_str()) } { "Remove" }
                                }
                            }
                        }
                    }
                } }
            }
            details.edit {
                summary { "Set an alias" }
                form.stack method="post" action=(place("alias")) {
                    (hidden(site, &here(asked)))
                    label { "Alias" input name="alias" required placeholder="champion"; }
                    label { "Version" input name="version" required inputmode="numeric"; }
                    (reason_fields(site))
                    button { "Save" }
                }
            }
        }
    }
}

fn tags(model: &RegisteredModel) -> Markup {
    let own = || model.tags.iter().filter(|(key, _)| !key.as_str().starts_with("mlctl."));
    html! {
        @if own().next().is_some() {
            section.card {
                h2 { "Tags" }
                table.plain-table { tbody {
                    @for (key, value) in own() {
                        tr { th scope="row" { (widget::text(key.as_str())) } td { (widget::text(value.as_str())) } }
                    }
                } }
            }
        }
    }
}

/// The model as it was at a time: a date, or milliseconds since 1970.
fn past(site: &Site, name: &ModelName, events: &[Event], at: &str) -> Result<Reply> {
    let millis = history::moment(at).ok_or_else(|| {
        PageError::invalid(format!(
            "at `{at}` is not a time: write it as 2026-01-31 or 2026-01-31T12:00:00Z"
        ))
    })?;
    let then = mlctl_registry::past::at(events, millis);
    let url = model_url(name);
    let body = html! {
        div.title { h1 { bdi dir="auto" { (name) } } span.status.warn { "as of " (crate::format::moment(millis)) } }
        (parts(site, name, "History"))
        p.note.warn { "This is the past. " a href=(site.link(&url.to_string())) { "Show it as it is now" } }
        @match then {
            None => { (widget::empty("The model did not exist then", &html! {})) }
            Some(then) => {
                @if let Some(text) = &then.description { div.markdown.card { (markdown::render(text)) } }
                div.scroll tabindex="0" role="region" aria-label="Versions" {
                    table.rows {
                        thead { tr { th.name scope="col" { "Version" } th scope="col" { "Stage" } th scope="col" { "Aliases" } } }
                        tbody {
                            @for (number, version) in then.versions.iter().rev() {
                                tr {
                                    th.name scope="row" { (version_link(site, name, *number)) }
                                    td { (stage(&version.current_stage)) }
                                    td { @for (alias, _) in then.aliases.iter().filter(|(_, v)| *v == number) { span.tag { "@" (alias.as_str()) } } }
                                }
                            }
                        }
                    }
                }
            }
        }
    };
    Ok(frame(name, body).into())
}
