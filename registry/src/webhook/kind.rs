//! What webhooks can be told of: MLflow's events, and ours.
//!
//! Source of MLflow's: the `WebhookEntity`, `WebhookAction` and valid combinations of MLflow 3.17.2.

use std::collections::BTreeSet;
use std::fmt;

use crate::error::{Error, Result};

/// A kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// A registered model was created.
    RegisteredModelCreated,
    /// A model version was created.
    ModelVersionCreated,
    /// A tag of a model version was set.
    ModelVersionTagSet,
    /// A tag of a model version was deleted.
    ModelVersionTagDeleted,
    /// An alias names a model version.
    ModelVersionAliasCreated,
    /// An alias names no model version any longer.
    ModelVersionAliasDeleted,
    /// A prompt was created.
    PromptCreated,
    /// A prompt version was created.
    PromptVersionCreated,
    /// A tag of a prompt was set.
    PromptTagSet,
    /// A tag of a prompt was deleted.
    PromptTagDeleted,
    /// A tag of a prompt version was set.
    PromptVersionTagSet,
    /// A tag of a prompt version was deleted.
    PromptVersionTagDeleted,
    /// An alias names a prompt version.
    PromptAliasCreated,
    /// An alias names no prompt version any longer.
    PromptAliasDeleted,
    /// A budget of MLflow's gateway is used up: nothing here ever says so, but webhooks of MLflow
    /// listen to it.
    BudgetPolicyExceeded,
    /// A model version went to another stage. MLflow has neither this event nor those below.
    StageTransitioned,
    /// Somebody wants a model version to enter a stage.
    TransitionRequested,
    /// Somebody else agreed.
    TransitionApproved,
    /// Somebody did not agree, or withdrew the request.
    TransitionRejected,
    /// A model version met the conditions of a stage, which it enters.
    GatePassed,
    /// A model version did not meet the conditions of a stage, which it enters all the same.
    GateForced,
    /// A model version did not meet the conditions of a stage, and did not enter it.
    GateRefused,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 22] = [
        Self::RegisteredModelCreated,
        Self::ModelVersionCreated,
        Self::ModelVersionTagSet,
        Self::ModelVersionTagDeleted,
        Self::ModelVersionAliasCreated,
        Self::ModelVersionAliasDeleted,
        Self::PromptCreated,
        Self::PromptVersionCreated,
        Self::PromptTagSet,
        Self::PromptTagDeleted,
        Self::PromptVersionTagSet,
        Self::PromptVersionTagDeleted,
        Self::PromptAliasCreated,
        Self::PromptAliasDeleted,
        Self::BudgetPolicyExceeded,
        Self::StageTransitioned,
        Self::TransitionRequested,
        Self::TransitionApproved,
        Self::TransitionRejected,
        Self::GatePassed,
        Self::GateForced,
        Self::GateRefused,
    ];

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::RegisteredModelCreated => ("registered_model", "created"),
            Self::ModelVersionCreated => ("model_version", "created"),
            Self::ModelVersionTagSet => ("model_version_tag", "set"),
            Self::ModelVersionTagDeleted => ("model_version_tag", "deleted"),
            Self::ModelVersionAliasCreated => ("model_version_alias", "created"),
            Self::ModelVersionAliasDeleted => ("model_version_alias", "deleted"),
            Self::PromptCreated => ("prompt", "created"),
            Self::PromptVersionCreated => ("prompt_version", "created"),
            Self::PromptTagSet => ("prompt_tag", "set"),
            Self::PromptTagDeleted => ("prompt_tag", "deleted"),
            Self::PromptVersionTagSet => ("prompt_version_tag", "set"),
            Self::PromptVersionTagDeleted => ("prompt_version_tag", "deleted"),
            Self::PromptAliasCreated => ("prompt_alias", "created"),
            Self::PromptAliasDeleted => ("prompt_alias", "deleted"),
            Self::BudgetPolicyExceeded => ("budget_policy", "exceeded"),
            Self::StageTransitioned => ("model_version", "stage_transitioned"),
            Self::TransitionRequested => ("model_version", "transition_requested"),
            Self::TransitionApproved => ("model_version", "transition_approved"),
            Self::TransitionRejected => ("model_version", "transition_rejected"),
            Self::GatePassed => ("model_version", "gate_passed"),
            Self::GateForced => ("model_version", "gate_forced"),
            Self::GateRefused => ("model_version", "gate_refused"),
        }
    }

    /// Returns what it happens to: `model_version`.
    pub fn entity(self) -> &'static str {
        self.words().0
    }

    /// Returns what happens to it: `created`.
    pub fn action(self) -> &'static str {
        self.words().1
    }

    /// Tells whether MLflow knows it. What it does not know it cannot even read, so that its
    /// tables and answers hold none of the others.
    pub fn is_mlflows(self) -> bool {
        !matches!(
            self,
            Self::StageTransitioned
                | Self::TransitionRequested
                | Self::TransitionApproved
                | Self::TransitionRejected
                | Self::GatePassed
                | Self::GateForced
                | Self::GateRefused
        )
    }

    /// Finds the kind of two words, if there is one.
    pub fn find(entity: &str, action: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.words() == (entity, action))
    }

    /// Finds the kind that a text such as `model_version.created` names.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a text that names none.
    pub fn parse(text: &str) -> Result<Self> {
        let words = text.split_once('.');
        words.and_then(|(entity, action)| Self::find(entity, action)).ok_or_else(|| {
            let rule = "it must be an event such as `model_version.created` or \
                        `model_version.stage_transitioned`";
            Error::invalid("webhook event", text, rule)
        })
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (entity, action) = self.words();
        write!(f, "{entity}.{action}")
    }
}

/// The kinds that a webhook listens to, in the order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventKinds(BTreeSet<EventKind>);

impl EventKinds {
    /// Tells whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells whether `kind` is one of them.
    pub fn contains(&self, kind: EventKind) -> bool {
        self.0.contains(&kind)
    }

    /// Lists them by name, as MLflow's answers do.
    pub fn iter(&self) -> impl Iterator<Item = EventKind> + use<> {
        let mut kinds: Vec<_> = self.0.iter().copied().collect();
        kinds.sort_by_key(|kind| kind.words());
        kinds.into_iter()
    }

    /// Parts those that MLflow knows from those that it does not.
    pub fn split(&self) -> (Self, Self) {
        let (mlflows, own) = self.0.iter().partition(|kind| kind.is_mlflows());
        (Self(mlflows), Self(own))
    }
}

impl FromIterator<EventKind> for EventKinds {
    fn from_iter<I: IntoIterator<Item = EventKind>>(kinds: I) -> Self {
        Self(kinds.into_iter().collect())
    }
}

impl From<EventKind> for EventKinds {
    fn from(kind: EventKind) -> Self {
        Self([kind].into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_name() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::parse(&kind.to_string()).unwrap(), kind);
        }
        assert!(EventKind::parse("model_version.updated").is_err());
        assert!(EventKind::parse("created").is_err());
    }

    #[test]
    fn kinds_are_listed_by_name_and_parted_by_who_knows_them() {
        let kinds: EventKinds = [
            EventKind::StageTransitioned,
            EventKind::RegisteredModelCreated,
            EventKind::ModelVersionTagSet,
            EventKind::ModelVersionTagDeleted,
        ]
        .into_iter()
        .collect();

        let names: Vec<_> = kinds.split().0.iter().map(|kind| kind.to_string()).collect();

        assert_eq!(
            names,
            ["model_version_tag.deleted", "model_version_tag.set", "registered_model.created"]
        );
        assert_eq!(kinds.split().1, EventKinds::from(EventKind::StageTransitioned));
    }
}
