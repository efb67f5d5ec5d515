//! The points of one metric, in order and in pages.

use crate::entity::Metric;
use crate::search::Page;
use crate::{Error, Key, Result, RunId};
use mlctl_wire::page as token;
use std::cmp::Ordering;

/// Which points of a metric to read.
#[derive(Clone, Debug, Default)]
pub struct HistoryPage {
    /// How many points at most; all of them when not given.
    pub max_results: Option<usize>,
    /// Where to go on, from the page before.
    pub page_token: Option<String>,
}

/// Compares two points by their places in a history: by time, step and value, where `NaN` counts as
/// 0, since that is how MLflow's databases hold it.
pub fn compare_points(a: &Metric, b: &Metric) -> Ordering {
    let value = |point: &Metric| if point.value.is_nan() { 0.0 } else { point.value };
    (a.timestamp, a.step)
        .cmp(&(b.timestamp, b.step))
        .then_with(|| value(a).total_cmp(&value(b)))
        .then_with(|| a.value.is_nan().cmp(&b.value.is_nan()))
}

/// Orders the points of a run's metric, which are held in memory, and cuts a page out of them.
///
/// # Errors
/// [`Error::PageToken`] when the token is not of this history.
pub fn select_history(
    mut points: Vec<Metric>,
    (run, key): (&RunId, &Key),
    page: &HistoryPage,
) -> Result<Page<Metric>> {
    let scope = format!("history {run} {key}");
    let from = match page.page_token.as_deref().filter(|text| !text.is_empty()) {
        None => 0,
        Some(text) => token::open::<usize>(&scope, text).map_err(|_| Error::PageToken)?,
    };
    points.sort_by(compare_points);
    let left = points.len().saturating_sub(from);
    let count = page.max_results.unwrap_or(left).min(left);
    let next_page_token = (count < left).then(|| token::seal(&scope, &(from + count)));
    let items = points.into_iter().skip(from).take(count).collect();
    Ok(Page { items, next_page_token })
}
