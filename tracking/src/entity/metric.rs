//! What a run logs: metrics, params and tags.

use crate::{Key, ModelId, RunId, field};
use mlctl_wire::number;
use serde::{Deserialize, Serialize};

/// One point of a metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// Which metric.
    #[serde(deserialize_with = "field::metric_key")]
    pub key: Key,
    /// The value; `NaN` and the infinities are kept.
    #[serde(with = "number::double")]
    pub value: f64,
    /// When it was measured, in milliseconds since 1970.
    #[serde(deserialize_with = "number::int64::deserialize")]
    pub timestamp: i64,
    /// The step of the training that it belongs to.
    #[serde(default, deserialize_with = "field::read")]
    pub step: i64,
    /// The dataset that it was measured on.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "field::read")]
    pub dataset_name: Option<String>,
    /// That dataset's digest.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "field::read")]
    pub dataset_digest: Option<String>,
    /// The logged model that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "field::read")]
    pub model_id: Option<ModelId>,
    /// The run that measured it; stores fill it in where MLflow does.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "field::read")]
    pub run_id: Option<RunId>,
}

impl Metric {
    /// Makes a point without a dataset or a model.
    pub fn new(key: Key, value: f64, timestamp: i64, step: i64) -> Self {
        Self {
            key,
            value,
            timestamp,
            step,
            dataset_name: None,
            dataset_digest: None,
            model_id: None,
            run_id: None,
        }
    }

    /// Tells whether this point is later than `other`: by step, then time, then value.
    ///
    /// The last point by this order is a metric's current value. `NaN` is later than any number,
    /// so that a run that diverged at its last step shows it.
    pub fn is_later_than(&self, other: &Self) -> bool {
        let value = || {
            let by_nan = self.value.is_nan().cmp(&other.value.is_nan());
            by_nan.then_with(|| self.value.total_cmp(&other.value))
        };
        let order = self.step.cmp(&other.step).then(self.timestamp.cmp(&other.timestamp));
        order.then_with(value).is_gt()
    }
}

/// A parameter of a run. Once logged it keeps its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Param {
    /// Which parameter.
    #[serde(deserialize_with = "field::param_key")]
    pub key: Key,
    /// Its value.
    #[serde(default, deserialize_with = "field::read")]
    pub value: String,
}

/// A note on a run, an experiment or a model. It can be changed and deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// Which tag.
    #[serde(deserialize_with = "field::key")]
    pub key: Key,
    /// Its value.
    #[serde(default, deserialize_with = "field::read")]
    pub value: String,
}

impl Param {
    /// Makes a param.
    pub fn new(key: Key, value: impl Into<String>) -> Self {
        Self { key, value: value.into() }
    }
}

impl Tag {
    /// Makes a tag.
    pub fn new(key: Key, value: impl Into<String>) -> Self {
        Self { key, value: value.into() }
    }
}
