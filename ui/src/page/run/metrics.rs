//! The metrics of a run: last, least and greatest value, and how each went.

use super::overview::Against;
use super::url;
use crate::chart::spark;
use crate::reply::Result;
use crate::site::Site;
use crate::table::metric;
use crate::{format, widget};
use maud::{Markup, html};
use mlctl_tracking::entity::{Metric, Run};
use mlctl_tracking::series::{Point, Series, SeriesQuery};

/// Metrics whose course is shown; the others show their last value.
const DRAWN: usize = 60;

/// Columns of a small line.
const COLUMNS: usize = 48;

pub(super) fn section(site: &Site, run: &Run, against: Option<&Against<'_>>) -> Result<Markup> {
    let own = run.data.metrics.iter().filter(|one| !one.key.as_str().starts_with("system/"));
    let own: Vec<&Metric> = own.collect();
    let query = SeriesQuery { columns: COLUMNS, ..SeriesQuery::default() };
    let read = |one: &&Metric| Ok(site.tracking.series(&run.info.run_id, &one.key, &query)?);
    let series = own.iter().take(DRAWN).map(read).collect::<Result<Vec<Series>>>()?;
    let rest = own.len().saturating_sub(series.len());
    Ok(html! {
        section.card {
            h2 { "Metrics" }
            @if own.is_empty() { p.quiet { "This run logged no metrics." } } @else {
                div.scroll.bare {
                    table.rows {
                        thead { tr {
                            th.name scope="col" { "Metric" }
                            th.number scope="col" { "Last" }
                            @if against.is_some() { th.number scope="col" { "Difference" } }
                            th.number scope="col" { "Min" } th.number scope="col" { "Max" }
                            th scope="col" { "Trend" }
                        } }
                        tbody {
                            @for (index, one) in own.iter().enumerate() {
                                (row(site, run, one, series.get(index), against))
                            }
                        }
                    }
                }
                @if rest > 0 {
                    p.quiet { "The trend of " (format::plural(rest as u64, "metric", "metrics"))
                        " is not shown here: see the charts." }
                }
            }
        }
    })
}

fn row(
    site: &Site,
    run: &Run,
    one: &Metric,
    series: Option<&Series>,
    against: Option<&Against<'_>>,
) -> Markup {
    let extremes = series.and_then(|series| series.line.extremes());
    let chart = url(&run.info.run_id).segment("charts").with("q", one.key.as_str());
    html! {
        tr {
            th.name scope="row" { a href=(site.link(&chart.to_string())) { (widget::text(one.key.as_str())) } }
            td.number { (widget::value(one.value)) }
            @if let Some(against) = against { td.number { (difference(one.value, metric(against.run, one.key.as_str()))) } }
            td.number { (extreme(extremes.map(|(min, _)| min))) }
            td.number { (extreme(extremes.map(|(_, max)| max))) }
            td { @if let Some(series) = series { (spark(series)) } }
        }
    }
}

fn extreme(point: Option<Point>) -> Markup {
    html! {
        @if let Some(point) = point {
            (widget::value(point.y)) span.quiet { " @" (format::number(point.x)) }
        }
    }
}

/// How much more a value is than another.
fn difference(value: f64, other: Option<f64>) -> Markup {
    html! {
        @match other {
            None => { span.quiet { "not logged" } }
            Some(other) if value == other || (value.is_nan() && other.is_nan()) => { span.quiet { "equal" } }
            Some(other) => { @if value > other { "+" } (widget::value(value - other)) }
        }
    }
}
