//! What a run takes: changes while it is active, and models in its tag.

use super::{json_tag, tag};
use crate::entity::{LifecycleStage, RunInfo, Tag};
use crate::{Error, Result, Thing};
use serde::{Serialize, Serializer};
use serde_json::Value;

/// Refuses a change of a run that is deleted.
pub fn require_active_run(info: &RunInfo) -> Result<()> {
    match info.lifecycle_stage {
        LifecycleStage::Active => Ok(()),
        LifecycleStage::Deleted => Err(Error::NotActive { what: Thing::Run(info.run_id.clone()) }),
    }
}

/// Adds a model to the list that a tag holds, which is not cut.
pub fn add_model_to_history(history: Option<&str>, model: &Value) -> Result<Tag> {
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
