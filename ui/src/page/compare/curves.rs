//! The same metric of all runs in one chart.

use super::with;
use crate::asked::Asked;
use crate::chart::{ChartLine, LineChart};
use crate::page::run::{self, Look};
use crate::reply::Result;
use crate::site::Site;
use crate::{format, widget};
use maud::{Markup, html};
use mlctl_tracking::Key;
use mlctl_tracking::entity::Run;
use std::collections::BTreeMap;

/// Lines of a chart.
const LINES: usize = 24;

/// Charts of a page.
const CHARTS: usize = 24;

pub(super) fn show(site: &Site, asked: &Asked, runs: &[Run]) -> Result<Markup> {
    let look = Look::read(asked)?;
    let find = asked.first("find").unwrap_or_default();
    let shown = &runs[..runs.len().min(LINES)];
    let keys = keys(shown, find);
    let charts = keys.iter().take(CHARTS).map(|key| chart(site, &look, shown, key));
    let charts = charts.collect::<Result<Vec<_>>>()?;
    Ok(html! {
        (bar(site, asked, &look, find))
        @if shown.len() < runs.len() {
            p.note { "The first " (LINES) " of " (format::plural(runs.len() as u64, "run", "runs")) "." }
        }
        @if keys.len() > CHARTS {
            p.note { "The first " (CHARTS) " of " (format::plural(keys.len() as u64, "metric", "metrics"))
                ": enter a part of a name above to see others." }
        }
        @if keys.is_empty() { (widget::empty("No metric to show", &html! { p { "None of these runs logged such a metric." } })) }
        div.charts { @for chart in charts { (chart) } }
    })
}

/// The metrics of the runs whose names have a part, those that most runs have first.
fn keys(runs: &[Run], find: &str) -> Vec<Key> {
    let mut counts: BTreeMap<&Key, usize> = BTreeMap::new();
    for metric in runs.iter().flat_map(|run| &run.data.metrics) {
        *counts.entry(&metric.key).or_default() += 1;
    }
    let find = find.to_lowercase();
    let mut keys: Vec<_> = counts
        .into_iter()
        .filter(|(key, _)| key.as_str().to_lowercase().contains(&find))
        .filter(|(key, _)| !find.is_empty() || !key.as_str().starts_with("system/"))
        .collect();
    keys.sort_by(|(a, m), (b, n)| n.cmp(m).then(a.as_str().cmp(b.as_str())));
    keys.into_iter().map(|(key, _)| key.clone()).collect()
}

fn chart(site: &Site, look: &Look, runs: &[Run], key: &Key) -> Result<Markup> {
    let (mut lines, mut ids) = (Vec::new(), Vec::new());
    for (place, run) in runs.iter().enumerate() {
        let has = run.data.metrics.iter().any(|metric| metric.key == *key);
        if !has {
            continue;
        }
        let series = site.tracking.series(&run.info.run_id, key, &look.query)?;
        let href = Some(site.link(&run::url(&run.info.run_id).to_string()));
        ids.push(run.info.run_id.as_str());
        lines.push(ChartLine { name: run.info.run_name.clone(), href, place, series });
    }
    let chart = LineChart {
        title: key.as_str().to_owned(),
        href: None,
        axis: look.query.axis,
        is_log: look.is_log,
        lines,
        source: look.source(site, &ids, key.as_str()),
    };
    Ok(chart.render())
}

fn bar(site: &Site, asked: &Asked, look: &Look, find: &str) -> Markup {
    let changed = ["find", "x", "y", "smooth", "from", "to", "back"];
    let is_zoomed = look.query.from.is_some() || look.query.to.is_some();
    html! {
        form.filter.auto role="search" action=(site.link("/compare")) {
            @for (name, value) in asked.pairs.iter().filter(|(name, _)| !changed.contains(&name.as_str())) {
                input type="hidden" name=(name) value=(value);
            }
            input type="search" name="find" value=(find) placeholder="Part of a name"
                aria-label="Find metrics" data-key="filter";
            (look.fields())
            button { "Show" }
            @if is_zoomed { a.plain href=(site.link(&with(asked, &["from", "to"]).to_string())) { "Whole range" } }
        }
    }
}
