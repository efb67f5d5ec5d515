//! What webhooks are told of a change.

use std::collections::BTreeMap;

use serde::Serialize;

use super::kind::EventKind;
use super::payload::Payload;
use crate::entity::{Stamp, Tags};
use crate::event::Change;
use crate::gate::GateReport;
use crate::id::{ModelName, Stage, VersionNumber};
use crate::search::PROMPT_TAG;

const PROMPT_TYPE_TAG: &str = "_mlflow_prompt_type";
const PROMPT_TEXT_TAG: &str = "mlflow.prompt.text";

/// A message to every webhook that listens to its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The kind of event.
    pub kind: EventKind,
    /// The body of the request, in JSON.
    pub body: String,
}

/// A change, and what it happened to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) model: &'a ModelName,
    pub(crate) version: Option<VersionNumber>,
    pub(crate) change: &'a Change,
    pub(crate) stamp: &'a Stamp,
}

/// The kinds that a change may be an event of: one if it happens to a model, one to a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kinds {
    pub(crate) of_model: Option<EventKind>,
    pub(crate) of_prompt: Option<EventKind>,
}

impl Kinds {
    fn new(of_model: Option<EventKind>, of_prompt: Option<EventKind>) -> Self {
        Self { of_model, of_prompt }
    }
}

impl Subject<'_> {
    /// Says which kinds of event this may be.
    ///
    /// A further change is one more line here, one in [`Self::payload`] and one in [`EventKind`].
    pub(crate) fn kinds(&self) -> Kinds {
        use EventKind as K;
        let of_version = self.version.is_some();
        let both = |kind| (Some(kind), Some(kind));
        let (of_model, of_prompt) = match self.change {
            Change::ModelCreated { .. } => {
                (Some(K::RegisteredModelCreated), Some(K::PromptCreated))
            }
            Change::VersionCreated { .. } => {
                (Some(K::ModelVersionCreated), Some(K::PromptVersionCreated))
            }
            Change::TagSet { .. } if of_version => {
                (Some(K::ModelVersionTagSet), Some(K::PromptVersionTagSet))
            }
            Change::TagSet { .. } => (None, Some(K::PromptTagSet)),
            Change::TagDeleted { .. } if of_version => {
                (Some(K::ModelVersionTagDeleted), Some(K::PromptVersionTagDeleted))
            }
            Change::TagDeleted { .. } => (None, Some(K::PromptTagDeleted)),
            Change::AliasSet { .. } => {
                (Some(K::ModelVersionAliasCreated), Some(K::PromptAliasCreated))
            }
            // An alias that moves is told of once, where it went.
            Change::AliasDeleted { displaced_by: None, .. } => {
                (Some(K::ModelVersionAliasDeleted), Some(K::PromptAliasDeleted))
            }
            Change::StageChanged { from, to, .. } if from != to => both(K::StageTransitioned),
            Change::TransitionRequested { .. } => both(K::TransitionRequested),
            Change::TransitionApproved { .. } => both(K::TransitionApproved),
            Change::TransitionRejected { .. } => both(K::TransitionRejected),
            Change::GatePassed { .. } => both(K::GatePassed),
            Change::GateForced { .. } => both(K::GateForced),
            _ => (None, None),
        };
        Kinds::new(of_model, of_prompt)
    }

    /// Tells whether this happens to a prompt, if the change itself says so.
    pub(crate) fn is_prompt(&self) -> Option<bool> {
        match self.change {
            Change::ModelCreated { tags, .. } | Change::VersionCreated { tags, .. } => {
                Some(is_prompt(tags))
            }
            _ => None,
        }
    }

    fn payload(&self, kind: EventKind) -> Option<Payload> {
        let name = self.model.to_string();
        let number = self.version.map(|version| version.to_string());
        Some(match self.change {
            Change::ModelCreated { description, tags } => Payload::Model {
                name,
                tags: told_tags(tags, kind == EventKind::PromptCreated),
                // MLflow says empty text where nothing was said about a model.
                description: Some(description.clone().unwrap_or_default()),
            },
            Change::VersionCreated { description, tags, .. }
                if kind == EventKind::PromptVersionCreated =>
            {
                let text = tags.iter().find(|(key, _)| key.as_str() == PROMPT_TEXT_TAG);
                Payload::PromptVersion {
                    name,
                    version: number?,
                    template: text.map(|(_, text)| text.as_str().to_owned()),
                    tags: told_tags(tags, true),
                    description: said(description),
                }
            }
            Change::VersionCreated { source, run_id, description, tags, .. } => Payload::Version {
                name,
                version: number?,
                source: source.clone(),
                run_id: said(run_id),
                tags: told_tags(tags, false),
                description: said(description),
            },
            Change::TagSet { key, to, .. } => Payload::Tag {
                name,
                version: number,
                key: key.to_string(),
                value: Some(to.as_str().to_owned()),
            },
            Change::TagDeleted { key, .. } => {
                Payload::Tag { name, version: number, key: key.to_string(), value: None }
            }
            Change::AliasSet { alias, to, .. } => {
                Payload::Alias { name, alias: alias.to_string(), version: Some(to.to_string()) }
            }
            Change::AliasDeleted { alias, .. } => {
                Payload::Alias { name, alias: alias.to_string(), version: None }
            }
            Change::StageChanged { from, to, displaced_by } => Payload::Stage {
                name,
                version: number?,
                from_stage: from.to_string(),
                to_stage: to.to_string(),
                displaced_by: displaced_by.map(|version| version.to_string()),
                who: self.stamp.who.clone(),
                why: self.stamp.why.clone(),
            },
            Change::TransitionRequested { to } => self.decision(to, None, Vec::new())?,
            Change::TransitionApproved { to, requested_by }
            | Change::TransitionRejected { to, requested_by } => {
                self.decision(to, Some(requested_by.clone()), Vec::new())?
            }
            Change::GatePassed { to, met: conditions }
            | Change::GateForced { to, failed: conditions } => {
                self.decision(to, None, conditions.clone())?
            }
            _ => return None,
        })
    }
}

impl Subject<'_> {
    fn decision(
        &self,
        to: &Stage,
        requested_by: Option<String>,
        conditions: Vec<String>,
    ) -> Option<Payload> {
        Some(Payload::Decision {
            name: self.model.to_string(),
            version: self.version?.to_string(),
            to_stage: to.to_string(),
            requested_by,
            conditions,
            who: self.stamp.who.clone(),
            why: self.stamp.why.clone(),
        })
    }
}

impl Notice {
    /// Says what webhooks are told of a version that a gate kept out, which changes nothing.
    pub fn of_refusal(report: &GateReport, stamp: &Stamp) -> Self {
        let failed = report.findings.iter().filter(|finding| !finding.passed);
        let payload = Payload::Decision {
            name: report.model.to_string(),
            version: report.version.to_string(),
            to_stage: report.stage.to_string(),
            requested_by: None,
            conditions: failed.map(|finding| finding.says.clone()).collect(),
            who: stamp.who.clone(),
            why: stamp.why.clone(),
        };
        Self::new(EventKind::GateRefused, &payload, stamp.at_ms)
    }

    /// Says what webhooks are told of a change: nothing, when none can listen to it.
    pub fn of(
        model: &ModelName,
        version: Option<VersionNumber>,
        change: &Change,
        stamp: &Stamp,
        is_prompt: bool,
    ) -> Option<Self> {
        Self::of_subject(&Subject { model, version, change, stamp }, is_prompt)
    }

    pub(crate) fn of_subject(subject: &Subject<'_>, is_prompt: bool) -> Option<Self> {
        let kinds = subject.kinds();
        let kind = if is_prompt { kinds.of_prompt } else { kinds.of_model }?;
        let payload = subject.payload(kind)?;
        Some(Self::new(kind, &payload, subject.stamp.at_ms))
    }

    /// Makes up an event of a kind.
    pub(crate) fn example(kind: EventKind, at_ms: i64) -> Self {
        Self::new(kind, &Payload::example(kind), at_ms)
    }

    /// Makes a message of a kind; `data` says what happened, at `at_ms` milliseconds since
    /// 1970-01-01 UTC.
    pub fn new(kind: EventKind, data: &impl Serialize, at_ms: i64) -> Self {
        #[derive(Serialize)]
        struct Message<'a, T> {
            entity: &'a str,
            action: &'a str,
            timestamp: String,
            data: &'a T,
        }
        let message = Message {
            entity: kind.entity(),
            action: kind.action(),
            timestamp: iso_time(at_ms),
            data,
        };
        // What is told is text and numbers, which always have a JSON form.
        Self { kind, body: serde_json::to_string(&message).unwrap_or_default() }
    }
}

/// Spells a time as Python's `datetime.isoformat` does.
fn iso_time(at_ms: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(at_ms).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string()
}

/// Tells whether tags make a prompt, in any case, as MLflow's server reads them.
fn is_prompt(tags: &Tags) -> bool {
    tags.iter().any(|(key, value)| {
        key.as_str() == PROMPT_TAG && value.as_str().eq_ignore_ascii_case("true")
    })
}

fn told_tags(tags: &Tags, of_prompt: bool) -> BTreeMap<String, String> {
    let hidden = [PROMPT_TAG, PROMPT_TYPE_TAG, PROMPT_TEXT_TAG];
    tags.iter()
        .filter(|(key, _)| !(of_prompt && hidden.contains(&key.as_str())))
        .map(|(key, value)| (key.to_string(), value.as_str().to_owned()))
        .collect()
}

fn said(text: &Option<String>) -> Option<String> {
    text.clone().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Alias, Stage};

    #[track_caller]
    fn check(version: Option<u32>, change: &Change, is_prompt: bool, want: Option<&str>) {
        let model = ModelName::parse("churn").unwrap();
        let version = version.and_then(VersionNumber::from_u32);
        let stamp = Stamp::new("ada", 1_500).because("time");
        let notice = Notice::of(&model, version, change, &stamp, is_prompt);
        assert_eq!(notice.map(|notice| notice.body).as_deref(), want);
    }

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        pairs.iter().map(|(key, value)| (key.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn messages_have_mlflows_form() {
        check(
            None,
            &Change::ModelCreated { description: None, tags: tags(&[("k", "v")]) },
            false,
            Some(
                r#"{"entity":"registered_model","action":"created","timestamp":"1970-01-01T00:00:01.500000+00:00","data":{"name":"churn","tags":{"k":"v"},"description":""}}"#,
            ),
        );
        check(
            Some(3),
            &Change::VersionCreated {
                source: "s3://b/m".to_owned(),
                run_id: Some(String::new()),
                model_id: None,
                description: None,
                tags: Tags::new(),
            },
            false,
            Some(
                r#"{"entity":"model_version","action":"created","timestamp":"1970-01-01T00:00:01.500000+00:00","data":{"name":"churn","version":"3","source":"s3://b/m","run_id":null,"tags":{},"description":null}}"#,
            ),
        );
        let alias = Alias::parse("champion").unwrap();
        check(
            Some(3),
            &Change::AliasDeleted { alias, from: VersionNumber::FIRST, displaced_by: None },
            false,
            Some(
                r#"{"entity":"model_version_alias","action":"deleted","timestamp":"1970-01-01T00:00:01.500000+00:00","data":{"name":"churn","alias":"champion"}}"#,
            ),
        );
    }

    #[test]
    fn a_transition_tells_who_and_why() {
        let change = |from, to| Change::StageChanged { from, to, displaced_by: None };
        check(
            Some(1),
            &change(Stage::NONE, Stage::PRODUCTION),
            false,
            Some(
                r#"{"entity":"model_version","action":"stage_transitioned","timestamp":"1970-01-01T00:00:01.500000+00:00","data":{"name":"churn","version":"1","from_stage":"None","to_stage":"Production","displaced_by":null,"who":"ada","why":"time"}}"#,
            ),
        );
        check(Some(1), &change(Stage::STAGING, Stage::STAGING), false, None);
    }

    #[test]
    fn a_prompt_is_told_as_one() {
        let tags =
            tags(&[("mlflow.prompt.is_prompt", "true"), ("mlflow.prompt.text", "Hi"), ("k", "v")]);
        check(
            Some(1),
            &Change::VersionCreated {
                source: "x".to_owned(),
                run_id: None,
                model_id: None,
                description: Some("d".to_owned()),
                tags,
            },
            true,
            Some(
                r#"{"entity":"prompt_version","action":"created","timestamp":"1970-01-01T00:00:01.500000+00:00","data":{"name":"churn","version":"1","template":"Hi","tags":{"k":"v"},"description":"d"}}"#,
            ),
        );
    }

    #[test]
    fn what_mlflow_has_no_event_for_is_silent() {
        let set =
            Change::TagSet { key: "k".parse().unwrap(), from: None, to: "v".parse().unwrap() };
        check(None, &set, false, None);
        check(None, &Change::ModelDeleted, false, None);
        let moved = Change::AliasDeleted {
            alias: Alias::parse("a").unwrap(),
            from: VersionNumber::FIRST,
            displaced_by: VersionNumber::from_u32(2),
        };
        check(Some(1), &moved, false, None);
    }
}
