//! The memory of a registry: what happened, to what, by whom, when and why.
//!
//! Events are only ever added. Their JSON is stored, so a field is never renamed, and a reader
//! keeps what a newer writer wrote as [`Change::Unknown`].

use serde::{Deserialize, Serialize};

use crate::id::{Alias, ModelName, Stage, VersionNumber};

/// The place of an event in its registry's history; later ones are larger.
pub type EventId = i64;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its place in the history.
    pub id: EventId,
    /// When, in milliseconds since 1970-01-01 UTC.
    pub at_ms: i64,
    /// Who did it.
    pub who: String,
    /// Why, when someone said so.
    pub why: Option<String>,
    /// The model.
    pub model: ModelName,
    /// The version, unless the whole model is meant.
    pub version: Option<VersionNumber>,
    /// What changed, from what to what.
    pub change: Change,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Change {
    /// The model was created.
    ModelCreated,
    /// The version was created, in stage `None`.
    VersionCreated {
        /// The URI that it was registered from.
        source: String,
        /// The run that made it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run_id: Option<String>,
    },
    /// The version went to a stage, maybe the one that it was in.
    StageChanged {
        /// The stage before.
        from: Stage,
        /// The stage after.
        to: Stage,
        /// The version that took its place, when that is why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        displaced_by: Option<VersionNumber>,
    },
    /// The alias names the version now.
    AliasSet {
        /// The alias.
        alias: Alias,
        /// The version that it named before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<VersionNumber>,
        /// The version that it names now.
        to: VersionNumber,
    },
    /// The alias names the version no longer.
    AliasDeleted {
        /// The alias.
        alias: Alias,
        /// The version that it named.
        from: VersionNumber,
        /// The version that it went to, when it moved.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        displaced_by: Option<VersionNumber>,
    },
    /// A change of a kind that this program does not know.
    #[serde(untagged)]
    Unknown(serde_json::Value),
}

impl Change {
    /// Returns the word for this kind of change, as the JSON has it.
    pub fn kind(&self) -> &str {
        match self {
            Self::ModelCreated => "model_created",
            Self::VersionCreated { .. } => "version_created",
            Self::StageChanged { .. } => "stage_changed",
            Self::AliasSet { .. } => "alias_set",
            Self::AliasDeleted { .. } => "alias_deleted",
            Self::Unknown(json) => json["kind"].as_str().unwrap_or("unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(change: &Change, json: &str) {
        assert_eq!(serde_json::to_string(change).unwrap(), json);
        assert_eq!(&serde_json::from_str::<Change>(json).unwrap(), change);
        assert!(json.contains(&format!("\"kind\":\"{}\"", change.kind())), "{json}");
    }

    #[test]
    fn changes_are_stored_as_readable_json() {
        check(&Change::ModelCreated, r#"{"kind":"model_created"}"#);
        check(
            &Change::StageChanged { from: Stage::NONE, to: Stage::PRODUCTION, displaced_by: None },
            r#"{"kind":"stage_changed","from":"None","to":"Production"}"#,
        );
        check(
            &Change::AliasSet {
                alias: Alias::parse("champion").unwrap(),
                from: None,
                to: VersionNumber::FIRST,
            },
            r#"{"kind":"alias_set","alias":"champion","to":"1"}"#,
        );
    }

    #[test]
    fn a_change_of_a_newer_program_is_kept() {
        let json = r#"{"kind":"gate_added","metric":"rmse"}"#;

        check(&Change::Unknown(serde_json::from_str(json).unwrap()), json);
    }
}
