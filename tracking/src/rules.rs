//! Rules about what may be logged, apart from where it is stored.

use crate::entity::{Metric, Param, Tag};
use crate::store::Batch;
use crate::{Error, Result};
use mlctl_wire::limits;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// MLflow's tags that this crate reads or writes.
pub(crate) mod tag {
    /// A run's name; kept equal to the run's own field.
    pub(crate) const RUN_NAME: &str = "mlflow.runName";
}

/// Checks a batch against MLflow's limits, and cuts values that are too long, as MLflow does.
pub(crate) fn check_batch(batch: &Batch) -> Result<Cow<'_, Batch>> {
    check_sizes(batch)?;
    check_metrics(&batch.metrics)?;
    let mut keys = BTreeSet::new();
    if let Some(twice) = batch.params.iter().find(|param| !keys.insert(&param.key)) {
        return Err(Error::ParamTwice { key: twice.key.to_string() });
    }
    let params_fit =
        batch.params.iter().all(|param| fits(&param.value, limits::PARAM_VALUE_CHARS_MAX));
    let tags_fit = batch.tags.iter().all(|tag| fits(&tag.value, limits::TAG_VALUE_CHARS_MAX));
    if params_fit && tags_fit {
        return Ok(Cow::Borrowed(batch));
    }
    Ok(Cow::Owned(Batch {
        metrics: batch.metrics.clone(),
        params: batch.params.iter().map(cut_param).collect(),
        tags: batch.tags.iter().map(cut_tag).collect(),
    }))
}

/// Refuses an experiment's tag whose value is too long.
pub(crate) fn check_experiment_tag(tag: &Tag) -> Result<()> {
    if fits(&tag.value, limits::EXPERIMENT_TAG_VALUE_CHARS_MAX) {
        return Ok(());
    }
    Err(Error::invalid(
        "tag value",
        &tag.value,
        "it exceeds the maximum length of 20000 characters",
    ))
}

/// Refuses a logged model's name with characters that paths and URIs give a meaning.
pub(crate) fn check_model_name(name: &str) -> Result<()> {
    if !name.is_empty() && !name.contains(['/', ':', '.', '%', '"', '\'']) {
        return Ok(());
    }
    Err(Error::invalid(
        "model name",
        name,
        "it must not be empty and must not contain `/`, `:`, `.`, `%`, `\"` or `'`",
    ))
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
    match metrics.iter().find(|metric| metric.timestamp < 0) {
        Some(metric) => Err(Error::invalid(
            "timestamp",
            &metric.timestamp.to_string(),
            "a metric's timestamp must be a nonnegative number of milliseconds",
        )),
        None => Ok(()),
    }
}

fn fits(text: &str, chars_max: usize) -> bool {
    text.len() <= chars_max || text.chars().count() <= chars_max
}

fn cut(text: &str, chars_max: usize) -> String {
    text.chars().take(chars_max).collect()
}

fn cut_param(param: &Param) -> Param {
    if !fits(&param.value, limits::PARAM_VALUE_CHARS_MAX) {
        tracing::warn!(key = %param.key, "a param's value is cut to 6000 characters");
    }
    Param::new(param.key.clone(), cut(&param.value, limits::PARAM_VALUE_CHARS_MAX))
}

fn cut_tag(tag: &Tag) -> Tag {
    if !fits(&tag.value, limits::TAG_VALUE_CHARS_MAX) {
        tracing::warn!(key = %tag.key, "a tag's value is cut to 8000 characters");
    }
    Tag::new(tag.key.clone(), cut(&tag.value, limits::TAG_VALUE_CHARS_MAX))
}
