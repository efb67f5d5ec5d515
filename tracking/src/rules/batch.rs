//! What one batch may log to a run.

use super::{fits, tag};
use crate::entity::{Metric, Param, Tag};
use crate::store::Batch;
use crate::{Error, Result};
use mlctl_wire::limits;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Checks a batch against MLflow's limits, and cuts values that are too long, as MLflow does.
pub fn enforce_batch_limits(batch: &Batch) -> Result<Cow<'_, Batch>> {
    check_sizes(batch)?;
    check_metrics(&batch.metrics)?;
    let mut keys = BTreeSet::new();
    if let Some(twice) = batch.params.iter().find(|param| !keys.insert(&param.key)) {
        return Err(Error::ParamTwice { key: twice.key.to_string() });
    }
    let params_fit =
        batch.params.iter().all(|param| fits(&param.value, limits::PARAM_VALUE_CHARS_MAX));
    let tag_fits =
        |tag: &Tag| fits(&tag.value, limits::TAG_VALUE_CHARS_MAX) && !is_empty_run_name(tag);
    if params_fit && batch.tags.iter().all(tag_fits) {
        return Ok(Cow::Borrowed(batch));
    }
    Ok(Cow::Owned(Batch {
        metrics: batch.metrics.clone(),
        params: batch.params.iter().map(cut_param).collect(),
        tags: batch.tags.iter().filter(|tag| !is_empty_run_name(tag)).map(cut_tag).collect(),
    }))
}

/// Tells whether a tag would take a run's name away, which MLflow lets pass and ignores.
fn is_empty_run_name(tag: &Tag) -> bool {
    tag.value.is_empty() && tag.key.as_str() == tag::RUN_NAME
}

fn check_sizes(batch: &Batch) -> Result<()> {
    let sizes = [
        ("metrics", limits::METRICS_PER_BATCH_MAX, batch.metrics.len()),
        ("params", limits::PARAMS_TAGS_PER_BATCH_MAX, batch.params.len()),
        ("tags", limits::PARAMS_TAGS_PER_BATCH_MAX, batch.tags.len()),
        (
            "metrics, params, and tags",
            limits::ENTITIES_PER_BATCH_MAX,
            batch.metrics.len() + batch.params.len() + batch.tags.len(),
        ),
    ];
    match sizes.into_iter().find(|(_, max, got)| got > max) {
        Some((what, max, got)) => Err(Error::BatchTooLarge { what, max, got }),
        None => Ok(()),
    }
}

fn check_metrics(metrics: &[Metric]) -> Result<()> {
    let Some(at) = metrics.iter().position(|metric| metric.timestamp < 0) else { return Ok(()) };
    let Metric { key, value, timestamp, .. } = &metrics[at];
    // A request for one metric has no list, and comes here as a batch of one.
    let parameter = match metrics.len() {
        1 => "timestamp".to_owned(),
        _ => format!("metrics[{at}].timestamp"),
    };
    let (key, value, timestamp) = (key.to_string(), *value, *timestamp);
    Err(Error::NegativeTime { parameter, key, value, timestamp })
}

fn cut(text: &str, chars_max: usize) -> String {
    text.chars().take(chars_max).collect()
}

fn cut_param(param: &Param) -> Param {
    if !fits(&param.value, limits::PARAM_VALUE_CHARS_MAX) {
        tracing::warn!(key = %param.key, "the value of a param is truncated to 6000 characters");
    }
    Param::new(param.key.clone(), cut(&param.value, limits::PARAM_VALUE_CHARS_MAX))
}

fn cut_tag(tag: &Tag) -> Tag {
    if !fits(&tag.value, limits::TAG_VALUE_CHARS_MAX) {
        tracing::warn!(key = %tag.key, "the value of a tag is truncated to 8000 characters");
    }
    Tag::new(tag.key.clone(), cut(&tag.value, limits::TAG_VALUE_CHARS_MAX))
}
