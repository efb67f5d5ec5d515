//! The `data` of a message, one form per kind of event, with MLflow's fields in MLflow's order.
//!
//! Source: `mlflow/webhooks/types.py` of MLflow 3.17.2.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::kind::EventKind;

/// What is said about an event.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Payload {
    /// A model or a prompt, new.
    Model { name: String, tags: BTreeMap<String, String>, description: Option<String> },
    /// A version of a model, new.
    Version {
        name: String,
        version: String,
        source: String,
        run_id: Option<String>,
        tags: BTreeMap<String, String>,
        description: Option<String>,
    },
    /// A version of a prompt, new.
    PromptVersion {
        name: String,
        version: String,
        template: Option<String>,
        tags: BTreeMap<String, String>,
        description: Option<String>,
    },
    /// A tag of a version, or of a prompt as a whole.
    Tag {
        name: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        version: Option<String>,
        key: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        value: Option<String>,
    },
    /// An alias.
    Alias {
        name: String,
        alias: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        version: Option<String>,
    },
    /// A version in another stage.
    Stage {
        name: String,
        version: String,
        from_stage: String,
        to_stage: String,
        displaced_by: Option<String>,
        who: String,
        why: Option<String>,
    },
    /// What was said about a version that is to enter a stage.
    Decision {
        name: String,
        version: String,
        to_stage: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        requested_by: Option<String>,
        /// What was met, or what was not.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        conditions: Vec<String>,
        who: String,
        why: Option<String>,
    },
    /// What only an example needs.
    Other(Value),
}

impl Payload {
    /// Makes up an event of a kind, as MLflow does to try a webhook.
    pub(super) fn example(kind: EventKind) -> Self {
        let of = |text: &str| format!("example_{text}");
        let (model, prompt, first) = (of("model"), of("prompt"), "1".to_owned());
        let described = |what: &str| Some(format!("An example {what}"));
        let tags = BTreeMap::from([(of("key"), of("value"))]);
        let tag = |name: String, version: Option<String>, value: Option<String>| Self::Tag {
            name,
            version,
            key: of("key"),
            value,
        };
        let decision = |requested_by: Option<String>, condition: Option<&str>| Self::Decision {
            name: of("model"),
            version: "1".to_owned(),
            to_stage: "Production".to_owned(),
            requested_by,
            conditions: condition.map(str::to_owned).into_iter().collect(),
            who: of("user"),
            why: Some("An example reason".to_owned()),
        };
        let alias = |name: String, version: Option<String>| Self::Alias {
            name,
            alias: of("alias"),
            version,
        };
        match kind {
            EventKind::RegisteredModelCreated => {
                Self::Model { name: model, tags, description: described("registered model") }
            }
            EventKind::ModelVersionCreated => Self::Version {
                name: model,
                version: first,
                source: "models:/123".to_owned(),
                run_id: Some("abcd1234abcd5678".to_owned()),
                tags,
                description: described("model version"),
            },
            EventKind::ModelVersionTagSet => tag(model, Some(first), Some(of("value"))),
            EventKind::ModelVersionTagDeleted => tag(model, Some(first), None),
            EventKind::ModelVersionAliasCreated => alias(model, Some(first)),
            EventKind::ModelVersionAliasDeleted => alias(model, None),
            EventKind::PromptCreated => {
                Self::Model { name: prompt, tags, description: described("prompt") }
            }
            EventKind::PromptVersionCreated => Self::PromptVersion {
                name: prompt,
                version: first,
                template: Some("Hello {{name}}!".to_owned()),
                tags,
                description: described("prompt version"),
            },
            EventKind::PromptTagSet => tag(prompt, None, Some(of("value"))),
            EventKind::PromptTagDeleted => tag(prompt, None, None),
            EventKind::PromptVersionTagSet => tag(prompt, Some(first), Some(of("value"))),
            EventKind::PromptVersionTagDeleted => tag(prompt, Some(first), None),
            EventKind::PromptAliasCreated => alias(prompt, Some(first)),
            EventKind::PromptAliasDeleted => alias(prompt, None),
            EventKind::BudgetPolicyExceeded => Self::Other(json!({
                "budget_policy_id": "bp-abc123", "budget_unit": "USD", "budget_amount": 100.0,
                "current_spend": 105.5, "duration_unit": "MONTHS", "duration_value": 1,
                "target_scope": "ENDPOINT", "workspace": "default", "target_value": "ep-abc123",
                "window_start": 1_704_067_200_000_i64,
            })),
            EventKind::StageTransitioned => Self::Stage {
                name: model,
                version: first,
                from_stage: "Staging".to_owned(),
                to_stage: "Production".to_owned(),
                displaced_by: None,
                who: of("user"),
                why: Some("An example reason".to_owned()),
            },
            EventKind::TransitionRequested => decision(None, None),
            EventKind::TransitionApproved | EventKind::TransitionRejected => {
                decision(Some(of("other_user")), None)
            }
            EventKind::GatePassed => decision(None, Some("rmse 0.7 is <= 0.8")),
            EventKind::GateForced | EventKind::GateRefused => {
                decision(None, Some("rmse 0.9 is not <= 0.8"))
            }
        }
    }
}
