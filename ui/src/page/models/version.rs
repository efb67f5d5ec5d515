//! A version of a model: its stage and what it takes to leave it, where it comes from, how to use
//! it.

use super::{model, model_url, name, number, reason_fields, registry, report, stage, version_url};
use crate::asked::Asked;
use crate::form::hidden;
use crate::page::run;
use crate::reply::{Reply, Result};
use crate::shell::{Page, Part, here};
use crate::site::Site;
use crate::widget::{Tab, tabs};
use crate::{format, markdown, widget};
use maud::{Markup, html};
use mlctl_registry::lineage::makers;
use mlctl_registry::store::all_events;
use mlctl_registry::{
    Event, GateReport, ModelName, ModelVersion, Request, VersionNumber, VersionRef,
};
use mlctl_tracking::entity::Run;

pub(super) fn show(site: &Site, asked: &Asked) -> Result<Reply> {
    let store = registry(site)?;
    let (name, number) = (name(asked)?, number(asked)?);
    let version = store.get_version(&name, &VersionRef::Number(number))?;
    let events = all_events(store.as_ref(), &name, Some(number))?;
    let reports = report::reports(site, &version)?;
    let requests = store.requests(&name)?;
    let requests: Vec<&Request> = requests.iter().filter(|one| one.version == number).collect();
    let run = model::run_of(site, &version);
    let body = html! {
        (head(site, &version, &events))
        div.columns {
            div {
                (moves(site, asked, &version, &reports, &requests))
                (metrics(run.as_ref()))
                (description(site, asked, &version))
            }
            div {
                (lineage(site, &version, &events, run.as_ref()))
                (usage(&version, asked))
                (tags(&version))
            }
        }
    };
    let title = format!("{name} version {number}");
    let page = Page::new(title, Part::Models, body).below("Models", "/models");
    Ok(page.below(name.as_str(), model_url(&name).to_string()).into())
}

fn head(site: &Site, version: &ModelVersion, events: &[Event]) -> Markup {
    let now = site.clock.now();
    html! {
        div.title {
            h1 { bdi dir="auto" { (version.name) } " version " (version.version) }
            (stage(&version.current_stage))
            @if let Some(event) = model::entered(events, version) {
                span.facts {
                    "since " (widget::time(now, event.at_ms)) ", by " (widget::text(&event.who))
                    @if let Some(why) = &event.why { ": " (widget::text(why)) }
                }
            }
            @for alias in &version.aliases { span.tag { "@" (alias.as_str()) } }
        }
        (parts(site, &version.name, version.version, "Overview"))
    }
}

pub(super) fn parts(site: &Site, name: &ModelName, number: VersionNumber, current: &str) -> Markup {
    let url = version_url(name, number);
    let tab =
        |text: &str, href: String| Tab { name: text.to_owned(), is_current: text == current, href };
    tabs(
        "Parts of the version",
        &[
            tab("Overview", site.link(&url.to_string())),
            tab("History", site.link(&url.clone().segment("history").to_string())),
        ],
    )
}

/// Each stage that the version can go to: what is asked for it, and the buttons.
fn moves(
    site: &Site,
    asked: &Asked,
    version: &ModelVersion,
    reports: &[GateReport],
    requests: &[&Request],
) -> Markup {
    html! {
        section.card {
            h2 { "Move to another stage" }
            @if reports.is_empty() { p.quiet { "No stage can be reached from here." } }
            @for report in reports {
                @let request = requests.iter().find(|request| request.stage == report.stage);
                details.move open[!report.findings.is_empty() || request.is_some()] {
                    summary {
                        "To " (widget::text(report.stage.as_str()))
                        @if let Some(holder) = report.holder { span.quiet { ", now version " (holder) } }
                        @if !report.passed { span.bad { " ✕ conditions are not met" } }
                    }
                    (report::findings(report))
                    @if let Some(request) = request { (open_request(site, request)) }
                    (move_form(site, asked, version, report, request.is_some()))
                }
            }
        }
    }
}

fn open_request(site: &Site, request: &Request) -> Markup {
    let now = site.clock.now();
    html! {
        p.note {
            "Requested " (widget::time(now, request.requested.at_ms)) " by " (widget::text(&request.requested.who))
            @if let Some(why) = &request.requested.why { ": " (widget::text(why)) }
            @match &request.approved {
                Some(stamp) => { ". Approved by " (widget::text(&stamp.who)) "." }
                None => { ". Not approved yet." }
            }
        }
    }
}

fn move_form(
    site: &Site,
    asked: &Asked,
    version: &ModelVersion,
    report: &GateReport,
    is_requested: bool,
) -> Markup {
    let place = version_url(&version.name, version.version).segment("move");
    html! {
        form.stack method="post" action=(site.link(&place.to_string())) {
            (hidden(site, &here(asked)))
            input type="hidden" name="stage" value=(report.stage.as_str());
            (reason_fields(site))
            @if report.holder.is_some() {
                label.check { input type="checkbox" name="archive" value="1"; " Archive the version that is there now" }
            }
            div.buttons {
                button.main name="do" value="move" disabled[!report.passed] { "Move to " (report.stage.as_str()) }
                @if is_requested {
                    @if site.trusts_names { button name="do" value="approve" { "Approve" } }
                    button name="do" value="reject" { "Reject" }
                } @else {
                    button name="do" value="request" { "Request" }
                }
                @if !report.passed { button.danger name="do" value="force" title="Moves it although conditions are not met; takes a reason" { "Force" } }
            }
            @if is_requested && !site.trusts_names {
                p.quiet { "This server has no users, so it accepts no approvals. Started with "
                    code { "--trust-user-header" } ", it trusts the names that people give." }
            }
        }
    }
}

fn metrics(run: Option<&Run>) -> Markup {
    let own = run.map(|run| {
        run.data
            .metrics
            .iter()
            .filter(|one| !one.key.as_str().starts_with("system/"))
            .collect::<Vec<_>>()
    });
    html! {
        @if let Some(own) = own.filter(|own| !own.is_empty()) {
            section.card {
                h2 { "Metrics of its run" }
                table.plain-table { tbody {
                    @for one in own { tr { th scope="row" { (widget::text(one.key.as_str())) } td { (widget::value(one.value)) } } }
                } }
            }
        }
    }
}

fn description(site: &Site, asked: &Asked, version: &ModelVersion) -> Markup {
    let text = version.description.as_deref().unwrap_or_default();
    let place = version_url(&version.name, version.version).segment("describe");
    html! {
        section.card {
            h2 { "Description" }
            @if !text.is_empty() { div.markdown { (markdown::render(text)) } }
            details.edit {
                summary { @if text.is_empty() { "Describe the version" } @else { "Edit" } }
                form.stack method="post" action=(site.link(&place.to_string())) {
                    (hidden(site, &here(asked)))
                    textarea name="description" rows="6" aria-label="Description, in Markdown" { (text) }
                    (reason_fields(site))
                    button { "Save" }
                }
            }
        }
    }
}

/// From the data to the stage: what it was made of.
fn lineage(site: &Site, version: &ModelVersion, events: &[Event], run: Option<&Run>) -> Markup {
    let made = makers(version, events);
    html! {
        section.card {
            h2 { "Lineage" }
            ol.lineage {
                @if let Some(run) = run {
                    @for input in &run.inputs.dataset_inputs {
                        li { span.quiet { "Data" } (widget::text(&input.dataset.name)) " " code.quiet { (input.dataset.digest) } }
                    }
                    li { span.quiet { "Run" } a href=(site.link(&run::url(&run.info.run_id).to_string())) { (widget::text(&run.info.run_name)) } }
                } @else if let Some(id) = &made.run_id {
                    li { span.quiet { "Run" } code { (format::short_id(id)) } " (not in this store)" }
                }
                @if let Some(id) = &made.model_id { li { span.quiet { "Logged model" } code { (id) } } }
                li { span.quiet { "Version" } (version.name) " " (version.version) }
                li { span.quiet { "Stage" } (stage(&version.current_stage)) }
            }
            dl.pairs {
                dt { "Source" } dd.code { (widget::text(&version.source)) }
                dt { "Created" } dd { (widget::time(site.clock.now(), version.creation_timestamp_ms)) }
            }
        }
    }
}

fn usage(version: &ModelVersion, asked: &Asked) -> Markup {
    let uri = format!("models:/{}/{}", version.name, version.version);
    let server = &asked.server;
    html! {
        section.card {
            h2 { "Use it" }
            p { "Serve it, in a shell:" }
            (widget::command(&format!("export MLFLOW_TRACKING_URI={server}\nmlctl models serve '{uri}'")))
            p { "Score a file:" }
            (widget::command(&format!("mlctl models predict '{uri}' -i rows.csv")))
            p { "Build a container image:" }
            (widget::command(&format!("mlctl models build-image '{uri}' -t NAME -o image.tar")))
            p { "Load it, in Python:" }
            (widget::command(&format!("mlflow.set_tracking_uri(\"{server}\")\nmodel = mlflow.pyfunc.load_model(\"{uri}\")")))
        }
    }
}

fn tags(version: &ModelVersion) -> Markup {
    html! {
        @if !version.tags.is_empty() {
            section.card {
                h2 { "Tags" }
                table.plain-table { tbody {
                    @for (key, value) in &version.tags {
                        tr { th scope="row" { (widget::text(key.as_str())) } td { (widget::text(value.as_str())) } }
                    }
                } }
            }
        }
    }
}
