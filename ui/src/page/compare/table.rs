//! One table of differences over params, metrics, datasets, source, environment and tags.

use super::{name, with};
use crate::asked::Asked;
use crate::reply::Result;
use crate::site::Site;
use crate::{format, widget};
use maud::{Markup, html};
use mlctl_tracking::differences::{Delta, Row, Section, Value, compare};
use mlctl_tracking::entity::Run;

/// Above so many runs, the runs are the rows.
const COLUMNS_MAX: usize = 12;

/// Fields that a table with runs as rows has.
const FIELDS_MAX: usize = 40;

pub(super) fn show(site: &Site, asked: &Asked, runs: &[Run]) -> Result<Markup> {
    let differences = compare(runs);
    let base = base(asked, runs);
    let (different, equal) = (differences.different(), differences.equal());
    let draw = |rows: &[Row<'_>]| match runs.len() > COLUMNS_MAX {
        true => by_run(site, runs, rows),
        false => by_field(site, asked, runs, rows, base),
    };
    Ok(html! {
        @if different.is_empty() { p { "The runs do not differ." } } @else { (draw(different)) }
        @if different.len() > FIELDS_MAX && runs.len() > COLUMNS_MAX {
            p.quiet { "The first " (FIELDS_MAX) " of " (different.len()) " fields that differ." }
        }
        @if !equal.is_empty() {
            details.edit {
                summary { (format::count(equal.len() as u64)) " equal" }
                (draw(equal))
            }
        }
    })
}

/// The place of the run that the others are set against.
fn base(asked: &Asked, runs: &[Run]) -> Option<usize> {
    let id = asked.first("base")?;
    runs.iter().position(|run| run.info.run_id.as_str() == id)
}

fn section(section: Section) -> &'static str {
    match section {
        Section::Param => "Params",
        Section::Metric => "Metrics",
        Section::Dataset => "Datasets",
        Section::Source => "Source",
        Section::Environment => "Environment",
        Section::Tag => "Tags",
    }
}

fn by_field(
    site: &Site,
    asked: &Asked,
    runs: &[Run],
    rows: &[Row<'_>],
    base: Option<usize>,
) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label="Differences" {
            table.rows {
                thead { tr {
                    th.name scope="col" { "Field" }
                    @for (place, run) in runs.iter().enumerate() {
                        th scope="col" {
                            (name(site, run, place)) " "
                            @if base == Some(place) {
                                a.base href=(site.link(&with(asked, &["base"]).to_string())) { "baseline ×" }
                            } @else {
                                a.base href=(site.link(&with(asked, &["base"]).with("base", run.info.run_id.as_str()).to_string()))
                                    title="Show the others as differences from this run" { "set as baseline" }
                            }
                        }
                    }
                } }
                @for group in rows.chunk_by(|a, b| a.section == b.section) {
                    tbody {
                        tr.group { th colspan=(runs.len() + 1) scope="rowgroup" { (section(group[0].section)) } }
                        @for row in group {
                            @let deltas = base.map(|base| row.deltas(base)).unwrap_or_default();
                            tr {
                                th.name scope="row" { (widget::text(row.key)) }
                                @for (place, value) in row.values.iter().enumerate() {
                                    td { (cell(value.as_ref())) (delta(deltas.get(place).filter(|_| base != Some(place)))) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn by_run(site: &Site, runs: &[Run], rows: &[Row<'_>]) -> Markup {
    let rows = &rows[..rows.len().min(FIELDS_MAX)];
    html! {
        div.scroll tabindex="0" role="region" aria-label="Differences" {
            table.rows {
                thead { tr {
                    th.name scope="col" { "Run" }
                    @for row in rows {
                        th scope="col" title=(section(row.section)) { span.cut { (row.key) } }
                    }
                } }
                tbody {
                    @for (place, run) in runs.iter().enumerate() {
                        tr {
                            th.name scope="row" { (name(site, run, place)) }
                            @for row in rows { td { (cell(row.values[place].as_ref())) } }
                        }
                    }
                }
            }
        }
    }
}

fn cell(value: Option<&Value<'_>>) -> Markup {
    html! {
        @match value {
            None => { span.quiet { "–" } }
            Some(Value::Number(number)) => { (widget::value(*number)) }
            Some(Value::Text(text)) => { (widget::text(text)) }
        }
    }
}

/// How much more a number is than that of the baseline.
fn delta(delta: Option<&Option<Delta>>) -> Markup {
    html! {
        @if let Some(Some(delta)) = delta {
            span.quiet {
                " " @if delta.difference >= 0.0 { "+" } (format::number(delta.difference))
                @if let Some(part) = delta.part {
                    " (" @if part >= 0.0 { "+" } (format::number((part * 1e3).round() / 10.0)) " %)"
                }
            }
        }
    }
}
