//! What a filter sees of runs, experiments and logged models.

use super::query::DatasetScope;
use crate::RunId;
use crate::entity::{DatasetInput, Experiment, LoggedModel, Metric, Run, RunInfo, RunInputs, Tag};
use mlctl_filter::{Entity, Facts, Field, Scalar, Values};
use std::cmp::Reverse;

/// Looks up a run's attribute, by its name in [`RUNS`](super::RUNS).
pub fn run_attribute<'a>(info: &'a RunInfo, key: &str) -> Values<'a> {
    match key {
        "run_id" => text_value(info.run_id.as_str()),
        "run_name" => text_value(&info.run_name),
        "experiment_id" => text_value(info.experiment_id.as_str()),
        "status" => text_value(info.status.as_str()),
        "artifact_uri" => text_value(&info.artifact_uri),
        "user_id" => text_value(&info.user_id),
        "start_time" => Values::One(Scalar::Number(info.start_time as f64)),
        "end_time" => info.end_time.map_or(Values::None, |t| Values::One(Scalar::Number(t as f64))),
        _ => Values::None,
    }
}

fn text_value(text: &str) -> Values<'_> {
    Values::One(Scalar::Text(text))
}

fn optional_text(text: Option<&str>) -> Values<'_> {
    text.map_or(Values::None, text_value)
}

fn tag_value<'a>(tags: &'a [Tag], key: &str) -> Values<'a> {
    optional_text(tags.iter().find(|tag| tag.key.as_str() == key).map(|tag| tag.value.as_str()))
}

impl Facts for Run {
    fn values<'a>(&'a self, field: &Field) -> Values<'a> {
        let key = field.key.as_str();
        match field.entity {
            Entity::Attribute => run_attribute(&self.info, key),
            Entity::Tag => tag_value(&self.data.tags, key),
            Entity::Param => {
                let param = self.data.params.iter().find(|param| param.key.as_str() == key);
                optional_text(param.map(|param| param.value.as_str()))
            }
            Entity::Metric => {
                let metric = self.data.metrics.iter().find(|metric| metric.key.as_str() == key);
                metric.map_or(Values::None, |metric| Values::One(Scalar::Number(metric.value)))
            }
            Entity::Dataset => dataset_values(&self.inputs, key),
        }
    }
}

/// Collects one attribute of all the datasets that a run used.
pub fn dataset_values<'a>(inputs: &'a RunInputs, key: &str) -> Values<'a> {
    let of_input = |input: &'a DatasetInput| match key {
        "name" => Some(input.dataset.name.as_str()),
        "digest" => Some(input.dataset.digest.as_str()),
        "context" => input
            .tags
            .iter()
            .find(|tag| tag.key.as_str() == "mlflow.data.context")
            .map(|tag| tag.value.as_str()),
        _ => None,
    };
    Values::Many(inputs.dataset_inputs.iter().filter_map(of_input).map(Scalar::Text).collect())
}

impl Facts for Experiment {
    fn values<'a>(&'a self, field: &Field) -> Values<'a> {
        let key = field.key.as_str();
        match (field.entity, key) {
            (Entity::Tag, _) => tag_value(&self.tags, key),
            (_, "name") => text_value(&self.name),
            (_, "experiment_id") => text_value(self.experiment_id.as_str()),
            (_, "creation_time") => Values::One(Scalar::Number(self.creation_time as f64)),
            (_, "last_update_time") => Values::One(Scalar::Number(self.last_update_time as f64)),
            _ => Values::None,
        }
    }
}

/// A logged model seen through the datasets that a search names.
pub(super) struct ScopedModel<'a> {
    pub(super) model: &'a LoggedModel,
    pub(super) datasets: &'a [DatasetScope],
}

impl ScopedModel<'_> {
    /// Collects all points of a metric that were measured on one of the datasets. The latest comes
    /// first, as it is what models are ordered by.
    fn metric(&self, key: &str) -> Values<'_> {
        let in_scope = |metric: &Metric| {
            self.datasets.is_empty() || self.datasets.iter().any(|set| set.has(metric))
        };
        let points = self.model.metrics.iter();
        let mut points: Vec<&Metric> =
            points.filter(|metric| metric.key.as_str() == key && in_scope(metric)).collect();
        points.sort_by_key(|metric| (Reverse((metric.timestamp, metric.step)), &metric.run_id));
        Values::Many(points.into_iter().map(|metric| Scalar::Number(metric.value)).collect())
    }
}

impl Facts for ScopedModel<'_> {
    fn values<'a>(&'a self, field: &Field) -> Values<'a> {
        let key = field.key.as_str();
        let model = self.model;
        match (field.entity, key) {
            (Entity::Tag, _) => tag_value(&model.tags, key),
            (Entity::Param, _) => {
                let param = model.params.iter().find(|param| param.key.as_str() == key);
                optional_text(param.map(|param| param.value.as_str()))
            }
            (Entity::Metric, _) => self.metric(key),
            (_, "name") => text_value(&model.name),
            (_, "model_id") => text_value(model.model_id.as_str()),
            // As MLflow's server stores them: empty when they were not given.
            (_, "model_type") => text_value(model.model_type.as_deref().unwrap_or_default()),
            (_, "status") => text_value(model.status.as_str()),
            (_, "source_run_id") => {
                text_value(model.source_run_id.as_ref().map_or("", RunId::as_str))
            }
            (_, "creation_timestamp") => {
                Values::One(Scalar::Number(model.creation_timestamp as f64))
            }
            (_, "last_updated_timestamp") => {
                Values::One(Scalar::Number(model.last_updated_timestamp as f64))
            }
            _ => Values::None,
        }
    }
}
