//! Every metric of a run as a chart, under the part of its name before `/`.

use super::{Found, find, head, reply};
use crate::asked::Asked;
use crate::chart::{ChartLine, LineChart};
use crate::reply::{PageError, Reply, Result};
use crate::site::Site;
use crate::url::Url;
use crate::{format, widget};
use maud::{Markup, html};
use mlctl_tracking::Key;
use mlctl_tracking::series::{Axis, SeriesQuery, Smoothing};
use std::collections::BTreeMap;

/// Charts of one page.
const CHARTS: usize = 60;

/// How lines are drawn, read from the address.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) query: SeriesQuery,
    pub(crate) is_log: bool,
    smooth: String,
}

impl Look {
    pub(crate) fn read(asked: &Asked) -> Result<Self> {
        let number = |name: &str| {
            let text = asked.first(name);
            let read = |text: &str| {
                text.parse::<f64>()
                    .map_err(|_| PageError::invalid(format!("{name} `{text}` is not a number")))
            };
            text.map(read).transpose()
        };
        let smooth = asked.first("smooth").unwrap_or_default().to_owned();
        let smoothing = Some(&smooth).filter(|text| !text.is_empty());
        let query = SeriesQuery {
            axis: asked.first("x").map_or(Ok(Axis::Step), Axis::parse)?,
            from: number("from")?,
            to: number("to")?,
            columns: 400,
            smoothing: smoothing.map(|text| Smoothing::parse(text)).transpose()?,
        };
        query.check()?;
        Ok(Self { query, is_log: asked.first("y") == Some("log"), smooth })
    }

    /// The address of the numbers of a chart.
    pub(crate) fn source(&self, site: &Site, runs: &[&str], key: &str) -> String {
        let start = Url::new(site.link("/api/2.0/mlctl/series"));
        let url = runs.iter().fold(start, |url, run| url.with("run_id", run)).with("metric", key);
        let url = url.with("x", self.query.axis.as_str());
        url.with_some("from", self.query.from.map(|n| n.to_string()))
            .with_some("to", self.query.to.map(|n| n.to_string()))
            .to_string()
    }

    /// The fields that change how lines are drawn.
    pub(crate) fn fields(&self) -> Markup {
        let axes =
            [(Axis::Step, "Step"), (Axis::Relative, "Time since start"), (Axis::Time, "Time")];
        let smooth = [
            ("", "Not smoothed"),
            ("ema:0.6", "Smoothed a little"),
            ("ema:0.9", "Smoothed"),
            ("ema:0.97", "Smoothed much"),
        ];
        let known = smooth.iter().any(|(value, _)| *value == self.smooth);
        html! {
            select name="x" aria-label="Horizontal axis" {
                @for (axis, name) in axes {
                    option value=(axis.as_str()) selected[axis == self.query.axis] { (name) }
                }
            }
            select name="y" aria-label="Vertical axis" {
                option value="" { "Linear" }
                option value="log" selected[self.is_log] { "Logarithmic" }
            }
            select name="smooth" aria-label="Smoothing" {
                @for (value, name) in smooth { option value=(value) selected[value == self.smooth] { (name) } }
                @if !known { option value=(self.smooth) selected { (self.smooth) } }
            }
            @if let Some(from) = self.query.from { input type="hidden" name="from" value=(from); }
            @if let Some(to) = self.query.to { input type="hidden" name="to" value=(to); }
        }
    }
}

pub(super) fn show(site: &Site, asked: &Asked) -> Result<Reply> {
    page(site, asked, "Charts", false)
}

pub(super) fn show_system(site: &Site, asked: &Asked) -> Result<Reply> {
    page(site, asked, "System", true)
}

fn page(site: &Site, asked: &Asked, name: &str, of_system: bool) -> Result<Reply> {
    let found = find(site, asked)?;
    let look = Look::read(asked)?;
    let find = asked.first("q").unwrap_or_default();
    let keys: Vec<&Key> = found.run.data.metrics.iter().map(|metric| &metric.key).collect();
    let keys = keys.into_iter().filter(|key| {
        key.as_str().starts_with("system/") == of_system && contains(key.as_str(), find)
    });
    let keys: Vec<&Key> = keys.collect();
    let body = html! {
        (head(site, asked, &found, name))
        (bar(asked, site, &look, find))
        @if keys.is_empty() {
            (widget::empty("No metric to show", &html! {
                @if find.is_empty() { p { "This run logged no metrics." } }
                @else { p { "No metric has " code { (find) } " in its name." } }
            }))
        }
        @if keys.len() > CHARTS {
            p.note { "The first " (CHARTS) " of " (format::plural(keys.len() as u64, "metric", "metrics"))
                ": enter a part of a name above to see others." }
        }
        @for (group, keys) in groups(&keys[..keys.len().min(CHARTS)]) {
            @if !group.is_empty() { h2 { (widget::text(group)) } }
            div.charts { @for key in keys { (chart(site, &found, &look, key)?) } }
        }
    };
    reply(&found, body)
}

fn contains(key: &str, part: &str) -> bool {
    key.to_lowercase().contains(&part.to_lowercase())
}

/// Charts under the part of their names before the last `/`; those without one first.
fn groups<'a>(keys: &[&'a Key]) -> BTreeMap<&'a str, Vec<&'a Key>> {
    let mut groups: BTreeMap<&str, Vec<&Key>> = BTreeMap::new();
    for key in keys {
        let group = key.as_str().rsplit_once('/').map_or("", |(group, _)| group);
        groups.entry(group).or_default().push(key);
    }
    groups
}

fn chart(site: &Site, found: &Found, look: &Look, key: &Key) -> Result<Markup> {
    let id = &found.run.info.run_id;
    let series = site.tracking.series(id, key, &look.query)?;
    let name = found.run.info.run_name.clone();
    let chart = LineChart {
        title: key.as_str().to_owned(),
        href: None,
        axis: look.query.axis,
        is_log: look.is_log,
        lines: vec![ChartLine { name, href: None, place: 0, series }],
        source: look.source(site, &[id.as_str()], key.as_str()),
    };
    Ok(chart.render())
}

fn bar(asked: &Asked, site: &Site, look: &Look, find: &str) -> Markup {
    let path = site.link(&asked.path);
    let is_zoomed = look.query.from.is_some() || look.query.to.is_some();
    html! {
        form.filter.auto role="search" action=(path) {
            input type="search" name="q" value=(find) placeholder="Part of a name" aria-label="Find metrics"
                data-key="filter";
            (look.fields())
            button { "Show" }
            @if is_zoomed { a.plain href=(path) data-key="reset" { "Whole range" } }
        }
    }
}
