//! What happened to a model or a version, newest first.

use super::{model, model_url, name, number, registry, version_link};
use crate::asked::Asked;
use crate::reply::{Reply, Result};
use crate::shell::Page;
use crate::site::Site;
use crate::widget;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use maud::{Markup, html};
use mlctl_registry::Change;
use mlctl_registry::store::all_events;
use mlctl_registry::{Event, ModelName};

pub(super) fn of_model(site: &Site, asked: &Asked) -> Result<Reply> {
    let name = name(asked)?;
    let events = all_events(registry(site)?.as_ref(), &name, None)?;
    let body = html! {
        div.title { h1 { bdi dir="auto" { (name) } } }
        (model::parts(site, &name, "History"))
        form.filter.auto action=(site.link(&model_url(&name).to_string())) {
            label { "As it was on " input type="date" name="at" required; } button { "Show" }
        }
        (line(site, &name, &events))
    };
    Ok(model::frame(&name, body).into())
}

pub(super) fn of_version(site: &Site, asked: &Asked) -> Result<Reply> {
    let (name, number) = (name(asked)?, number(asked)?);
    let events = all_events(registry(site)?.as_ref(), &name, Some(number))?;
    let title = format!("{name} version {number}");
    let body = html! {
        div.title { h1 { bdi dir="auto" { (name) } " version " (number) } }
        (super::version::parts(site, &name, number, "History"))
        (line(site, &name, &events))
    };
    let page = Page::new(title, crate::shell::Part::Models, body).below("Models", "/models");
    Ok(page.below(name.as_str(), model_url(&name).to_string()).into())
}

/// Reads a time: a date means its end, so that it shows what happened on it.
pub(super) fn moment(text: &str) -> Option<i64> {
    if let Ok(date) = text.parse::<Date>() {
        let end = date.tomorrow().ok()?.to_zoned(TimeZone::UTC).ok()?;
        return Some(end.timestamp().as_millisecond() - 1);
    }
    let stamp = text.parse::<Timestamp>().ok().map(|time| time.as_millisecond());
    stamp.or_else(|| text.parse().ok())
}

fn line(site: &Site, name: &ModelName, events: &[Event]) -> Markup {
    let now = site.clock.now();
    html! {
        ol.events {
            @for event in events.iter().rev() {
                li {
                    span.quiet { (widget::time(now, event.at_ms)) }
                    span {
                        @if let Some(version) = event.version { (version_link(site, name, version)) " " }
                        (says(&event.change))
                        span.quiet { ", by " (widget::text(&event.who)) }
                        @if let Some(why) = &event.why { ": " (widget::text(why)) }
                    }
                }
            }
        }
    }
}

/// What changed, in words.
fn says(change: &Change) -> Markup {
    let text = match change {
        Change::ModelCreated { .. } => "model created".to_owned(),
        Change::RenamedFrom { from } => format!("renamed from {from}"),
        Change::RenamedTo { to } => format!("renamed to {to}"),
        Change::ModelDeleted => "model deleted".to_owned(),
        Change::VersionCreated { .. } => "registered".to_owned(),
        Change::VersionDeleted { from } => format!("deleted, from {from}"),
        Change::DescriptionChanged { .. } => "description changed".to_owned(),
        Change::TagSet { key, to, .. } => format!("tag {} set to {}", key.as_str(), to.as_str()),
        Change::TagDeleted { key, .. } => format!("tag {} removed", key.as_str()),
        Change::StageChanged { from, to, displaced_by: Some(by) } => {
            format!("moved from {from} to {to}, to make room for version {by}")
        }
        Change::StageChanged { from, to, .. } => format!("moved from {from} to {to}"),
        Change::TransitionRequested { to } => format!("requested for {to}"),
        Change::TransitionApproved { to, requested_by } => {
            format!("approved for {to}, as requested by {requested_by}")
        }
        Change::TransitionRejected { to, requested_by } => {
            format!("rejected for {to}, as requested by {requested_by}")
        }
        Change::GatePassed { to, met } => format!("passed the gates of {to}: {}", met.join("; ")),
        Change::GateForced { to, failed } => {
            format!("forced through the gates of {to}: {}", failed.join("; "))
        }
        Change::AliasSet { alias, .. } => format!("has the alias @{}", alias.as_str()),
        Change::AliasDeleted { alias, .. } => format!("lost the alias @{}", alias.as_str()),
        _ => "changed by a newer program".to_owned(),
    };
    widget::text(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_its_end_and_a_time_is_itself() {
        assert_eq!(moment("2026-01-01"), Some(1_767_311_999_999));
        assert_eq!(moment("2026-01-01T00:00:00Z"), Some(1_767_225_600_000));
        assert_eq!(moment("1767225600000"), Some(1_767_225_600_000));
        assert_eq!(moment("yesterday"), None);
    }
}
