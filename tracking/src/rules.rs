//! Rules about what may be logged, apart from where it is stored.

use crate::entity::{DatasetInput, DatasetSummary, Metric, Param, Tag};
use crate::store::Batch;
use crate::{Error, Key, Result};
use mlctl_wire::{limits, python_json};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// MLflow's tags that this crate reads or writes.
pub(crate) mod tag {
    /// A run's name; kept equal to the run's own field.
    pub(crate) const RUN_NAME: &str = "mlflow.runName";
    /// What a dataset was used for; a tag of the input.
    pub(crate) const CONTEXT: &str = "mlflow.data.context";
    /// The models that a run logged, as clients before MLflow 3 note them: a JSON list.
    pub(crate) const MODEL_HISTORY: &str = "mlflow.log-model.history";
    /// The registered versions of a logged model: a JSON list.
    pub(crate) const MODEL_VERSIONS: &str = "mlflow.modelVersions";
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

/// Refuses datasets that are described at too great length.
pub(crate) fn check_datasets(datasets: &[DatasetInput]) -> Result<()> {
    if datasets.len() > limits::DATASETS_PER_BATCH_MAX {
        let (max, got) = (limits::DATASETS_PER_BATCH_MAX, datasets.len());
        return Err(Error::BatchTooLarge { what: "datasets", max, got });
    }
    for DatasetInput { dataset, tags } in datasets {
        let texts = [
            ("dataset name", "name", Some(&dataset.name), limits::DATASET_NAME_CHARS_MAX),
            ("dataset digest", "digest", Some(&dataset.digest), limits::DATASET_DIGEST_CHARS_MAX),
            ("dataset source", "source", Some(&dataset.source), limits::DATASET_SOURCE_CHARS_MAX),
            ("dataset schema", "schema", dataset.schema.as_ref(), limits::DATASET_SCHEMA_CHARS_MAX),
            (
                "dataset profile",
                "profile",
                dataset.profile.as_ref(),
                limits::DATASET_PROFILE_CHARS_MAX,
            ),
        ];
        let chars_max = limits::INPUT_TAG_VALUE_CHARS_MAX;
        let tags =
            tags.iter().map(|tag| ("dataset tag value", "value", Some(&tag.value), chars_max));
        for (what, parameter, text, chars_max) in texts.into_iter().chain(tags) {
            if let Some(text) = text.filter(|text| !fits(text, chars_max)) {
                return Err(Error::too_long(what, parameter, text, chars_max));
            }
        }
    }
    Ok(())
}

/// Adds a model to the list that a tag holds, which is not cut.
pub(crate) fn with_model(history: Option<&str>, model: &Value) -> Result<Tag> {
    let mut models: Vec<Value> = match history {
        None => Vec::new(),
        Some(text) => serde_json::from_str(text).map_err(|_| {
            Error::invalid("tag mlflow.log-model.history", text, "it must be a JSON list of models")
        })?,
    };
    models.push(model.clone());
    let models: Vec<_> = models.iter().map(Noted).collect();
    json_tag(tag::MODEL_HISTORY, &models)
}

/// What the list of models says of one, with its parts in MLflow's order.
struct Noted<'a>(&'a Value);

impl Serialize for Noted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        const ORDER: [&str; 5] =
            ["run_id", "artifact_path", "utc_time_created", "model_uuid", "flavors"];
        let Some(parts) = self.0.as_object() else { return self.0.serialize(serializer) };
        let known = ORDER.into_iter().filter_map(|key| parts.get_key_value(key));
        let others = parts.iter().filter(|(key, _)| !ORDER.contains(&key.as_str()));
        serializer.collect_map(known.chain(others))
    }
}

/// Adds a version to the list that a tag holds; none when it is in the list already.
pub(crate) fn with_version(known: Option<&str>, name: &str, version: u32) -> Result<Option<Tag>> {
    let mut versions: Vec<Value> = match known.filter(|text| !text.is_empty()) {
        None => Vec::new(),
        Some(text) => serde_json::from_str(text).map_err(|_| {
            Error::invalid("tag mlflow.modelVersions", text, "it must be a JSON list of versions")
        })?,
    };
    let this = json!({ "name": name, "version": version });
    if versions.contains(&this) {
        return Ok(None);
    }
    versions.push(this);
    json_tag(tag::MODEL_VERSIONS, &versions).map(Some)
}

/// Clients compare such a tag with what MLflow writes.
fn json_tag(key: &str, value: &impl Serialize) -> Result<Tag> {
    let text = python_json::to_string(value).map_err(|error| Error::Backend {
        doing: format!("cannot encode the tag {key}"),
        source: error.into(),
    })?;
    Ok(Tag::new(Key::parse(key)?, text))
}

/// Refuses more params or tags of a logged model than one request may set.
pub(crate) fn check_model_pairs(params: &[Param], tags: &[Tag]) -> Result<()> {
    let max = limits::MODEL_PAIRS_MAX;
    match [("params", params.len()), ("tags", tags.len())].into_iter().find(|(_, got)| *got > max) {
        Some((what, got)) => Err(Error::BatchTooLarge { what, max, got }),
        None => Ok(()),
    }
}

/// Refuses another value of a param that a logged model has.
pub(crate) fn check_model_param(known: Option<&str>, param: &Param) -> Result<()> {
    match known {
        Some(value) if value != param.value => Err(Error::invalid(
            "param of a logged model",
            param.key.as_str(),
            "it was already logged with another value, and the value of a param cannot change",
        )),
        _ => Ok(()),
    }
}

/// Puts summaries of datasets in order, each once, and cuts them at MLflow's limit.
pub(crate) fn settle_summaries(found: BTreeSet<DatasetSummary>) -> Vec<DatasetSummary> {
    found.into_iter().take(limits::DATASET_SUMMARIES_MAX).collect()
}

/// Refuses the location of an experiment's artifacts that no file system and no URL can have.
pub(crate) fn check_artifact_location(location: Option<&str>) -> Result<()> {
    /// What file systems take as a path; MLflow's columns hold less.
    const BYTES_MAX: usize = 4096;
    let Some(location) = location else { return Ok(()) };
    if location.contains(char::is_control) || location.contains("%00") {
        let rule = "it must not contain control characters such as NUL and line breaks";
        return Err(Error::invalid("artifact location", location, rule));
    }
    if location.len() > BYTES_MAX {
        let rule = "it can have at most 4096 bytes";
        return Err(Error::invalid("artifact location", location, rule));
    }
    Ok(())
}

/// Refuses an experiment's tag whose value is too long.
pub(crate) fn check_experiment_tag(tag: &Tag) -> Result<()> {
    if fits(&tag.value, limits::EXPERIMENT_TAG_VALUE_CHARS_MAX) {
        return Ok(());
    }
    Err(Error::too_long("tag value", "value", &tag.value, limits::EXPERIMENT_TAG_VALUE_CHARS_MAX))
}

/// Refuses a logged model's name with characters that paths and URIs give a meaning.
pub(crate) fn check_model_name(name: &str) -> Result<()> {
    if !name.is_empty() && !name.contains(['/', ':', '.', '%', '"', '\'']) {
        return Ok(());
    }
    let phrase = format!(
        "Invalid model name ('{name}') provided. Model name must be a non-empty string and cannot \
         contain the following characters: ('/', ':', '.', '%', '\"', \"'\")"
    );
    let rule = "it must not be empty and must not contain `/`, `:`, `.`, `%`, `\"` or `'`";
    Err(Error::invalid_as(phrase, "model name", name, rule))
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

fn fits(text: &str, chars_max: usize) -> bool {
    text.len() <= chars_max || text.chars().count() <= chars_max
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
