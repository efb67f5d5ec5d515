//! The title of a run, what can be done with it, and its parts.

use super::{Found, url};
use crate::asked::Asked;
use crate::form::hidden;
use crate::format;
use crate::shell::here;
use crate::site::Site;
use crate::table::took;
use crate::widget::{self, Tab, tabs};
use maud::{Markup, html};
use mlctl_tracking::entity::{LifecycleStage, Run};

pub(in crate::page) fn head(site: &Site, asked: &Asked, found: &Found, current: &str) -> Markup {
    let run = &found.run;
    let now = site.clock.now();
    html! {
        div.title {
            h1 { bdi dir="auto" { (run.info.run_name) } }
            (widget::status(run.info.status))
            @if run.info.lifecycle_stage == LifecycleStage::Deleted { span.status.bad { "✕ deleted" } }
            span.facts {
                "started " (widget::time(now, run.info.start_time))
                @if let Some(took) = took(run, now) { ", took " (format::duration(took)) }
                @if !run.info.user_id.is_empty() { ", by " (widget::text(&run.info.user_id)) }
            }
            (widget::id(run.info.run_id.as_str()))
            div.actions { (widget::popover("Edit", "end", &edit(site, asked, run))) }
        }
        (tabs("Parts of the run", &parts(site, run, current)))
    }
}

fn parts(site: &Site, run: &Run, current: &str) -> Vec<Tab> {
    let is_system = |key: &str| key.starts_with("system/");
    let has_system = run.data.metrics.iter().any(|metric| is_system(metric.key.as_str()));
    let has_own = run.data.metrics.iter().any(|metric| !is_system(metric.key.as_str()));
    let all = [
        ("Overview", "", true),
        ("Charts", "charts", has_own),
        ("Artifacts", "artifacts", true),
        ("System", "system", has_system),
    ];
    let shown = all.into_iter().filter(|(name, _, has)| *has || *name == current);
    let tab = |(name, part, _): (&str, &str, bool)| {
        let place = url(&run.info.run_id);
        let place = if part.is_empty() { place } else { place.segment(part) };
        let href = site.link(&place.to_string());
        Tab { name: name.to_owned(), href, is_current: name == current }
    };
    shown.map(tab).collect()
}

fn edit(site: &Site, asked: &Asked, run: &Run) -> Markup {
    let id = run.info.run_id.as_str();
    let place = url(&run.info.run_id);
    let experiment = format!("/experiments/{}", run.info.experiment_id.as_str());
    html! {
        @if run.info.lifecycle_stage == LifecycleStage::Deleted {
            form.stack method="post" action=(site.link("/runs/restore")) {
                (hidden(site, &here(asked)))
                input type="hidden" name="r" value=(id);
                button { "Restore" }
            }
        } @else {
            form.stack method="post" action=(site.link(&place.segment("rename").to_string())) {
                (hidden(site, &here(asked)))
                label { "Name" input name="name" required value=(run.info.run_name); }
                button { "Rename" }
            }
            form.stack method="post" action=(site.link("/runs/act")) {
                (hidden(site, &experiment))
                input type="hidden" name="r" value=(id);
                button.danger name="do" value="delete" { "Delete" }
            }
        }
    }
}
