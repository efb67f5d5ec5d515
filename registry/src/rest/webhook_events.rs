//! Events in requests: MLflow's by two words, ours by one name.

use crate::error::{Error, Result};
use crate::webhook::message::EventName;
use crate::webhook::{EventKind, EventKinds};

/// Finds the kind that is named, which must be one of MLflow's.
pub(super) fn kind(name: &EventName) -> Result<EventKind> {
    let [entity, action] = name.words();
    let found = EventKind::find(&entity, &action).filter(|kind| kind.is_mlflows());
    found.ok_or_else(|| {
        let actions = EventKind::ALL.into_iter().filter(|kind| kind.is_mlflows());
        let actions = actions.filter(|kind| kind.entity() == entity).map(EventKind::action);
        let actions: Vec<_> = actions.map(|action| format!("'{action}'")).collect();
        if actions.is_empty() {
            return unknown(&format!("{entity}.{action}"), EventKind::is_mlflows);
        }
        Error::WebhookRefused(format!(
            "Invalid action '{action}' for entity '{entity}'. Valid actions are: [{}]",
            actions.join(", ")
        ))
    })
}

/// Finds MLflow's kinds of a request.
pub(super) fn kinds(names: &[EventName]) -> Result<EventKinds> {
    names.iter().map(kind).collect()
}

/// Finds the kind that is named, which must be one of ours.
pub(super) fn own_kind(name: &str) -> Result<EventKind> {
    let is_own = |kind: EventKind| !kind.is_mlflows();
    let found = EventKind::parse(name).ok().filter(|kind| is_own(*kind));
    found.ok_or_else(|| unknown(name, is_own))
}

/// Finds our kinds of a request.
pub(super) fn own_kinds(names: &[String]) -> Result<EventKinds> {
    names.iter().map(|name| own_kind(name)).collect()
}

/// Says which events a list may have.
fn unknown(name: &str, is_allowed: impl Fn(EventKind) -> bool) -> Error {
    let allowed = EventKind::ALL.into_iter().filter(|kind| is_allowed(*kind));
    let allowed: Vec<_> = allowed.map(|kind| kind.to_string()).collect();
    let allowed = allowed.join(", ");
    Error::WebhookRefused(format!("invalid webhook event `{name}`: valid events are {allowed}"))
}
