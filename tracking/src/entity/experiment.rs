//! Experiments and the lifecycle that runs share with them.

use super::Tag;
use crate::{Error, ExperimentId, Result};
use serde::{Deserialize, Serialize};

/// Groups runs that belong together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Experiment {
    /// Identifies it.
    pub experiment_id: ExperimentId,
    /// Its name, unique in a store.
    pub name: String,
    /// Where the artifacts of its runs go: a folder or a URI.
    #[serde(default)]
    pub artifact_location: String,
    /// Whether it is deleted.
    pub lifecycle_stage: LifecycleStage,
    /// When its name or stage last changed, in milliseconds since 1970.
    #[serde(default, deserialize_with = "mlctl_wire::number::int64::deserialize")]
    pub last_update_time: i64,
    /// When it was made, in milliseconds since 1970.
    #[serde(default, deserialize_with = "mlctl_wire::number::int64::deserialize")]
    pub creation_time: i64,
    /// Its tags, in the order of their keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

/// Whether an experiment or a run is in use or deleted. What is deleted can be restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LifecycleStage {
    /// In use.
    Active,
    /// Deleted, but still there.
    Deleted,
}

impl LifecycleStage {
    /// Returns MLflow's name of the stage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deleted => "deleted",
        }
    }
}

/// Which stages a search shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ViewType {
    /// Only what is in use.
    #[default]
    ActiveOnly,
    /// Only what is deleted.
    DeletedOnly,
    /// Both.
    All,
}

impl ViewType {
    /// Tells whether the view shows things in `stage`.
    pub fn shows(self, stage: LifecycleStage) -> bool {
        match self {
            Self::All => true,
            Self::ActiveOnly => stage == LifecycleStage::Active,
            Self::DeletedOnly => stage == LifecycleStage::Deleted,
        }
    }

    /// Reads the number of a view (the `ViewType` enum of MLflow's protobuf).
    pub fn from_number(number: i64) -> Option<Self> {
        match number {
            1 => Some(Self::ActiveOnly),
            2 => Some(Self::DeletedOnly),
            3 => Some(Self::All),
            _ => None,
        }
    }

    /// Reads MLflow's name of a view, in any case.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the names that exist.
    pub fn parse(text: &str) -> Result<Self> {
        match text.to_ascii_uppercase().as_str() {
            "ACTIVE_ONLY" => Ok(Self::ActiveOnly),
            "DELETED_ONLY" => Ok(Self::DeletedOnly),
            "ALL" => Ok(Self::All),
            _ => Err(Error::invalid(
                "view type",
                text,
                "it must be ACTIVE_ONLY, DELETED_ONLY or ALL",
            )),
        }
    }
}
