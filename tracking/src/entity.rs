//! What a tracking store holds, as plain data.
//!
//! The serde form of each type is MLflow's JSON for it (REST API 2.0 of MLflow 3.17.2): defaults
//! are left out, `NaN` is text, a run's id appears as `run_id` and as the older `run_uuid`.

mod experiment;
mod metric;
mod model;
mod run;

pub use experiment::{Experiment, LifecycleStage, ViewType};
pub use metric::{Metric, Param, Tag};
#[cfg(any(feature = "rest", feature = "client"))]
pub(crate) use model::ModelParam;
pub use model::{LoggedModel, LoggedModelStatus};
pub use run::{
    Dataset, DatasetInput, DatasetSummary, LoggedModelInput, LoggedModelOutput, Run, RunData,
    RunInfo, RunInputs, RunOutputs, RunStatus,
};
