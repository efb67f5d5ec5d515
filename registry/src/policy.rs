//! What a model says about its own stages and gates: two of its tags.
//!
//! They are tags, so every client can read and set them, and every change of them is an event.
//! Rules that cannot be read are refused when they are set here; where another program has
//! written them, transitions are refused until they are mended.

use crate::entity::Tags;
use crate::error::{Error, Result};
use crate::gate::Gates;
use crate::id::{TagKey, TagValue};
use crate::stages::{StageRules, listed};

/// The tag of a model with its [`StageRules`].
pub const STAGES_TAG: &str = "mlctl.stages";
/// The tag of a model with its [`Gates`].
pub const GATES_TAG: &str = "mlctl.gates";

/// A model's stages and gates.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// The stages, and the moves between them.
    pub stages: StageRules,
    /// The gates, all of them of stages that there are.
    pub gates: Gates,
}

impl Policy {
    /// Reads the tags of a model; without rules of its own it has the `configured` ones.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a text that cannot be read, and for a gate of an unknown stage.
    pub fn of(tags: &Tags, configured: &StageRules) -> Result<Self> {
        let stages = stages_of(tags, configured)?;
        let gates = tag_text(tags, GATES_TAG).map_or(Ok(Gates::default()), Gates::parse)?;
        for gate in &gates.list {
            if stages.find(gate.stage.as_str()).is_err() {
                let known = listed(stages.all());
                let rule = format!("`{}` is not a stage; the stages are {known}", gate.stage);
                return Err(Error::invalid("tag", GATES_TAG, rule));
            }
        }
        Ok(Self { stages, gates })
    }
}

/// Reads the rules of stages out of a model's tags; without its own it has the `configured` ones.
pub(crate) fn stages_of(tags: &Tags, configured: &StageRules) -> Result<StageRules> {
    tag_text(tags, STAGES_TAG).map_or_else(|| Ok(configured.clone()), StageRules::parse)
}

/// Returns the text of a tag.
pub(crate) fn tag_text<'t>(tags: &'t Tags, key: &str) -> Option<&'t str> {
    let found = tags.iter().find(|(known, _)| known.as_str() == key);
    found.map(|(_, value)| value.as_str())
}

/// Tells whether a tag of a model says something about its stages or gates.
pub fn is_policy_tag(key: &TagKey) -> bool {
    [STAGES_TAG, GATES_TAG].contains(&key.as_str())
}

/// Refuses a change of one of these tags that would leave rules which cannot be read.
///
/// What could not be read before may be mended piece by piece.
pub fn reject_unreadable_policy(
    before: &Tags,
    key: &TagKey,
    to: Option<&TagValue>,
    configured: &StageRules,
) -> Result<()> {
    if !is_policy_tag(key) {
        return Ok(());
    }
    let mut after = before.clone();
    match to {
        Some(value) => after.insert(key.clone(), value.clone()),
        None => after.remove(key),
    };
    let readable = |value: &TagValue| match key.as_str() {
        STAGES_TAG => StageRules::parse(value.as_str()).map(drop),
        _ => Gates::parse(value.as_str()).map(drop),
    };
    match Policy::of(&after, configured) {
        Err(error) if Policy::of(before, configured).is_ok() => Err(error),
        Err(_) => to.map_or(Ok(()), readable),
        Ok(_) => Ok(()),
    }
}

/// Refuses to make a transition without a reason.
pub fn require_reason(stamp: &crate::entity::Stamp) -> Result<()> {
    match stamp.why.as_deref().is_some_and(|why| !why.trim().is_empty()) {
        true => Ok(()),
        false => Err(Error::invalid("reason", "", "a forced transition needs a reason")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Stage;

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        let tag = |(key, value): &(&str, &str)| {
            (TagKey::parse(key).unwrap(), TagValue::parse(value).unwrap())
        };
        pairs.iter().map(tag).collect()
    }

    #[track_caller]
    fn check(before: &[(&str, &str)], key: &str, to: Option<&str>, want: Result<(), &str>) {
        let key = TagKey::parse(key).unwrap();
        let to = to.map(|to| TagValue::parse(to).unwrap());
        let got =
            reject_unreadable_policy(&tags(before), &key, to.as_ref(), &StageRules::default());
        assert_eq!(got.map_err(|err| err.to_string()), want.map_err(str::to_owned));
    }

    #[test]
    fn a_models_own_rules_go_before_the_configured_ones() {
        let configured = StageRules::parse("Canary").unwrap();
        let of = |pairs| Policy::of(&tags(pairs), &configured).unwrap().stages;

        assert!(of(&[("team", "x")]).find("canary").is_ok());
        assert!(of(&[(STAGES_TAG, "Shadow")]).find("canary").is_err());
        assert_eq!(of(&[(STAGES_TAG, "")]).all(), Stage::ALL);
    }

    #[test]
    fn rules_that_cannot_be_read_are_not_set() {
        let unknown = "invalid tag `mlctl.gates`: `Shadow` is not a stage; the stages are None, \
                       Staging, Production and Archived";
        let gated = [(STAGES_TAG, "Shadow"), (GATES_TAG, "Shadow: approval")];
        check(&[], STAGES_TAG, Some("Shadow"), Ok(()));
        check(&gated[..1], GATES_TAG, Some("shadow: approval"), Ok(()));
        check(&[], GATES_TAG, Some("Shadow: approval"), Err(unknown));
        check(&gated, STAGES_TAG, None, Err(unknown));
        check(&gated, STAGES_TAG, Some(""), Err(unknown));
        check(&gated, GATES_TAG, None, Ok(()));
    }

    #[test]
    fn broken_rules_are_mended_piece_by_piece() {
        let broken = [(STAGES_TAG, "-> ->"), (GATES_TAG, "what?")];
        check(&broken, STAGES_TAG, Some("Shadow"), Ok(()));
        check(&broken, GATES_TAG, None, Ok(()));
        let still = "invalid rule of stages `->`: a stage is missing";
        check(&broken, STAGES_TAG, Some("->"), Err(still));
    }

    #[test]
    fn force_needs_a_reason() {
        let stamp = crate::entity::Stamp::new("ada", 1);
        assert!(require_reason(&stamp).is_err());
        assert!(require_reason(&stamp.clone().because("  ")).is_err());
        assert!(require_reason(&stamp.because("the old one is broken")).is_ok());
    }
}
