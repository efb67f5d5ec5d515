//! The memory of a registry: what happened, to what, by whom, when and why.
//!
//! Events are only ever added. Their JSON is stored, so a field is never renamed, and a reader
//! keeps what a newer writer wrote as [`Change::Unknown`].

use serde::{Deserialize, Serialize};

use crate::entity::{NewModel, NewVersion, Tags};
use crate::id::{Alias, ModelName, Stage, TagKey, TagValue, VersionNumber};

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
    ModelCreated {
        /// What was said about it.
        #[serde(default, skip_serializing_if = "is_blank")]
        description: Option<String>,
        /// Its first tags.
        #[serde(default, skip_serializing_if = "Tags::is_empty")]
        tags: Tags,
    },
    /// The model came from another name, under which its events before this one stand.
    RenamedFrom {
        /// The name before.
        from: ModelName,
    },
    /// The model went on under another name, as did its history.
    RenamedTo {
        /// The name after.
        to: ModelName,
    },
    /// The model was deleted, with its versions, tags and aliases.
    ModelDeleted,
    /// The version was created, in stage `None`.
    VersionCreated {
        /// The URI that it was registered from.
        source: String,
        /// The run that made it.
        #[serde(default, skip_serializing_if = "is_blank")]
        run_id: Option<String>,
        /// The logged model that it was made of.
        #[serde(default, skip_serializing_if = "is_blank")]
        model_id: Option<String>,
        /// What was said about it.
        #[serde(default, skip_serializing_if = "is_blank")]
        description: Option<String>,
        /// Its first tags.
        #[serde(default, skip_serializing_if = "Tags::is_empty")]
        tags: Tags,
    },
    /// The version was deleted, with its aliases; its number stays taken.
    VersionDeleted {
        /// The stage that it was in.
        from: Stage,
    },
    /// The model or the version was described anew.
    DescriptionChanged {
        /// The text before.
        #[serde(default, skip_serializing_if = "is_blank")]
        from: Option<String>,
        /// The text after.
        #[serde(default, skip_serializing_if = "is_blank")]
        to: Option<String>,
    },
    /// A tag of the model or the version was set.
    TagSet {
        /// The key.
        key: TagKey,
        /// The value before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<TagValue>,
        /// The value after.
        to: TagValue,
    },
    /// A tag of the model or the version was deleted.
    TagDeleted {
        /// The key.
        key: TagKey,
        /// The value before.
        from: TagValue,
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
    /// Somebody wants the version to enter a stage.
    TransitionRequested {
        /// The stage.
        to: Stage,
    },
    /// Somebody else agreed.
    TransitionApproved {
        /// The stage.
        to: Stage,
        /// Who requested it.
        requested_by: String,
    },
    /// Somebody did not agree, or withdrew the request.
    TransitionRejected {
        /// The stage.
        to: Stage,
        /// Who requested it.
        requested_by: String,
    },
    /// The version met the conditions of the stage that it enters next.
    GatePassed {
        /// The stage.
        to: Stage,
        /// What was found, one text for each condition.
        met: Vec<String>,
    },
    /// The version did not meet the conditions of the stage that it enters next all the same.
    GateForced {
        /// The stage.
        to: Stage,
        /// What was not met.
        failed: Vec<String>,
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

/// Tells whether a text says nothing; MLflow's servers store an empty one for none.
fn is_blank(text: &Option<String>) -> bool {
    text.as_deref().is_none_or(str::is_empty)
}

impl Change {
    /// Tells of a model's creation.
    pub fn model_created(new: &NewModel) -> Self {
        Self::ModelCreated { description: new.description.clone(), tags: new.tags.clone() }
    }

    /// Tells of a version's creation.
    pub fn version_created(new: &NewVersion) -> Self {
        Self::VersionCreated {
            source: new.source.clone(),
            run_id: new.run_id.clone(),
            model_id: new.model_id.clone(),
            description: new.description.clone(),
            tags: new.tags.clone(),
        }
    }

    /// Returns the word for this kind of change, as the JSON has it.
    pub fn kind(&self) -> &str {
        match self {
            Self::ModelCreated { .. } => "model_created",
            Self::RenamedFrom { .. } => "renamed_from",
            Self::RenamedTo { .. } => "renamed_to",
            Self::ModelDeleted => "model_deleted",
            Self::VersionCreated { .. } => "version_created",
            Self::VersionDeleted { .. } => "version_deleted",
            Self::DescriptionChanged { .. } => "description_changed",
            Self::TagSet { .. } => "tag_set",
            Self::TagDeleted { .. } => "tag_deleted",
            Self::StageChanged { .. } => "stage_changed",
            Self::TransitionRequested { .. } => "transition_requested",
            Self::TransitionApproved { .. } => "transition_approved",
            Self::TransitionRejected { .. } => "transition_rejected",
            Self::GatePassed { .. } => "gate_passed",
            Self::GateForced { .. } => "gate_forced",
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
        check(&Change::ModelDeleted, r#"{"kind":"model_deleted"}"#);
        check(
            &Change::ModelCreated { description: None, tags: Tags::new() },
            r#"{"kind":"model_created"}"#,
        );
        check(
            &Change::StageChanged { from: Stage::NONE, to: Stage::PRODUCTION, displaced_by: None },
            r#"{"kind":"stage_changed","from":"None","to":"Production"}"#,
        );
        check(
            &Change::GateForced { to: Stage::STAGING, failed: vec!["tag `a` is missing".into()] },
            r#"{"kind":"gate_forced","to":"Staging","failed":["tag `a` is missing"]}"#,
        );
        check(
            &Change::TransitionApproved { to: Stage::STAGING, requested_by: "ada".into() },
            r#"{"kind":"transition_approved","to":"Staging","requested_by":"ada"}"#,
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
