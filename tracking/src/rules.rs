//! Rules about what may be logged and changed, apart from where it is kept.
//!
//! Pure, and the same for every backend: a store asks them before it writes. What MLflow limits is
//! limited alike, and the errors carry the phrases that MLflow's clients know.

mod batch;
mod datasets;
mod experiments;
mod logged_models;
mod runs;

pub use batch::enforce_batch_limits;
pub use datasets::{limit_dataset_summaries, reject_oversized_datasets};
pub use experiments::{
    find_experiment_by_name, reject_invalid_location, reject_long_experiment_tag,
    reject_taken_name, require_active_experiment, require_other_stage,
};
pub use logged_models::{
    add_model_version, reject_changed_model_param, reject_invalid_model_name,
    reject_too_many_model_pairs,
};
pub use runs::{add_model_to_history, require_active_run};

use crate::entity::Tag;
use crate::{Error, Key, Result};
use mlctl_wire::python_json;
use serde::Serialize;

/// MLflow's tags that this crate reads or writes.
pub mod tag {
    /// A run's name; kept equal to the run's own field.
    pub const RUN_NAME: &str = "mlflow.runName";
    /// The run that started a run.
    pub const PARENT: &str = "mlflow.parentRunId";
    /// What a dataset was used for; a tag of the input.
    pub const CONTEXT: &str = "mlflow.data.context";
    /// The models that a run logged, as clients before MLflow 3 note them: a JSON list.
    pub const MODEL_HISTORY: &str = "mlflow.log-model.history";
    /// The registered versions of a logged model: a JSON list.
    pub const MODEL_VERSIONS: &str = "mlflow.modelVersions";
}

/// Clients compare such a tag with what MLflow writes.
fn json_tag(key: &str, value: &impl Serialize) -> Result<Tag> {
    let text = python_json::to_string(value).map_err(|error| Error::Backend {
        doing: format!("cannot encode the tag {key}"),
        source: error.into(),
    })?;
    Ok(Tag::new(Key::parse(key)?, text))
}

fn fits(text: &str, chars_max: usize) -> bool {
    text.len() <= chars_max || text.chars().count() <= chars_max
}
