//! What a cell of a table of runs shows.

use super::Column;
use crate::{format, widget};
use maud::{Markup, html};
use mlctl_tracking::entity::{Run, RunStatus};

/// Draws the cell of a run in a column; empty if the run has nothing there.
pub(crate) fn cell(run: &Run, column: &Column, now: i64) -> Markup {
    match column {
        Column::State => widget::status(run.info.status),
        Column::Started => widget::time(now, run.info.start_time),
        Column::Took => html! { @if let Some(took) = took(run, now) { (format::duration(took)) } },
        Column::User => widget::text(&run.info.user_id),
        Column::Source => text(tag(run, "mlflow.source.name").map(last_part)),
        Column::Commit => html! {
            @if let Some(commit) = tag(run, "mlflow.source.git.commit") { (widget::id(commit)) }
        },
        Column::Dataset => {
            text(joined(run.inputs.dataset_inputs.iter().map(|input| input.dataset.name.as_str())))
        }
        Column::Model => {
            text(joined(run.outputs.model_outputs.iter().map(|output| output.model_id.as_str())))
        }
        Column::Experiment => html! { (run.info.experiment_id.as_str()) },
        Column::Param(key) => text(param(run, key)),
        Column::Tag(key) => text(tag(run, key)),
        Column::Metric(key) => html! {
            @if let Some(value) = metric(run, key) { (widget::value(value)) }
        },
    }
}

fn text(text: Option<impl AsRef<str>>) -> Markup {
    html! { @if let Some(text) = text { (widget::text(text.as_ref())) } }
}

fn joined<'a>(names: impl Iterator<Item = &'a str>) -> Option<String> {
    let names: Vec<&str> = names.collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// The last part of a path: what the folders before it are is in the cell's title.
fn last_part(path: &str) -> &str {
    path.trim_end_matches('/').rsplit(['/', '#']).next().unwrap_or(path)
}

/// How long a run took, or has been running.
pub(crate) fn took(run: &Run, now: i64) -> Option<i64> {
    let end = match run.info.status {
        RunStatus::Running => run.info.end_time.unwrap_or(now),
        _ => run.info.end_time?,
    };
    Some(end.saturating_sub(run.info.start_time))
}

pub(crate) fn param<'a>(run: &'a Run, key: &str) -> Option<&'a str> {
    let found = run.data.params.iter().find(|param| param.key.as_str() == key);
    found.map(|param| param.value.as_str())
}

pub(crate) fn tag<'a>(run: &'a Run, key: &str) -> Option<&'a str> {
    let found = run.data.tags.iter().find(|tag| tag.key.as_str() == key);
    found.map(|tag| tag.value.as_str())
}

pub(crate) fn metric(run: &Run, key: &str) -> Option<f64> {
    run.data.metrics.iter().find(|metric| metric.key.as_str() == key).map(|metric| metric.value)
}
