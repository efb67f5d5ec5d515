//! The commands that tell what is in a registry, and what was.

use super::Desk;
use crate::failure::Hinted;
use crate::output::{table, time};
use anyhow::Result;
use jiff::{Timestamp, civil, tz::TimeZone};
use mlctl_registry::store::{all_events, all_models, all_versions};
use mlctl_registry::{
    Change, Event, ModelName, ModelVersion, RegisteredModel, Tags, VersionNumber, past,
};
use serde_json::json;

impl Desk<'_> {
    pub(super) fn list(&self, filter: &str, order_by: &[String]) -> Result<()> {
        let models = all_models(self.store, filter, order_by)?;
        self.context.output.show(&models, |models| {
            let rows = models.iter().flat_map(latest_rows);
            table(&["MODEL", "VERSION", "STAGE", "ALIASES", "CHANGED"], rows.collect(), "no models")
        })
    }

    pub(super) fn versions(&self, name: &str, filter: &str) -> Result<()> {
        let name = ModelName::parse(name)?;
        self.store.get_model(&name)?;
        let versions = all_versions(self.store, &name, filter)?;
        self.context.output.show(&versions, |versions| {
            let rows = versions.iter().map(version_row).collect();
            table(&["VERSION", "STAGE", "ALIASES", "CHANGED", "SOURCE"], rows, "no versions")
        })
    }

    pub(super) fn show(&self, name: &str) -> Result<()> {
        let model = self.store.get_model(&ModelName::parse(name)?)?;
        let versions = all_versions(self.store, &model.name, "")?;
        self.context.output.show(&json!({ "model": model, "versions": versions }), |_| {
            let mut text = about(&model);
            text.push('\n');
            let rows = versions.iter().map(version_row).collect();
            let header = ["VERSION", "STAGE", "ALIASES", "CHANGED", "SOURCE"];
            text.push_str(&table(&header, rows, "no versions"));
            text
        })
    }

    pub(super) fn show_past(&self, name: &str, at: &str) -> Result<()> {
        let (name, at_ms) = (ModelName::parse(name)?, moment(at)?);
        let events = all_events(self.store, &name, None)?;
        let Some(model) = past::at(&events, at_ms) else {
            let then = time(at_ms);
            return Err(match events.first() {
                None => mlctl_registry::Error::ModelNotFound(name).into(),
                Some(first) => Hinted::error(
                    format!("there was no model `{name}` at {then}"),
                    format!("its history begins at {}", time(first.at_ms)),
                ),
            });
        };
        self.context.output.show(&model, |model| {
            let mut rows = vec![
                vec!["name".to_owned(), model.name.to_string()],
                vec!["as of".to_owned(), time(at_ms)],
            ];
            rows.extend(details(model.description.as_deref(), &model.tags));
            let mut text = table(&[], rows, "");
            text.push('\n');
            let row = |(number, version): (&VersionNumber, &past::PastVersion)| {
                let named = model.aliases.iter().filter(|(_, version)| *version == number);
                let aliases: Vec<String> = named.map(|(alias, _)| alias.to_string()).collect();
                vec![
                    number.to_string(),
                    version.current_stage.to_string(),
                    aliases.join(", "),
                    version.source.clone(),
                ]
            };
            let rows = model.versions.iter().rev().map(row).collect();
            text.push_str(&table(&["VERSION", "STAGE", "ALIASES", "SOURCE"], rows, "no versions"));
            text
        })
    }

    pub(super) fn history(&self, name: &str, version: Option<&str>) -> Result<()> {
        let name = ModelName::parse(name)?;
        let version = version.map(VersionNumber::parse).transpose()?;
        let events = all_events(self.store, &name, version)?;
        if events.is_empty() {
            // Tells a model without a history from one that never was.
            match version {
                Some(version) => drop(self.store.get_version(&name, &version.into())?),
                None => drop(self.store.get_model(&name)?),
            }
        }
        self.context.output.show(&events, |events| {
            let rows = events.iter().map(event_row).collect();
            let none = "no changes are recorded; changes by other programs are not recorded";
            table(&["WHEN", "WHO", "VERSION", "WHAT", "WHY"], rows, none)
        })
    }
}

/// Reads a time off the command line: a date, with or without a time of day and an offset.
fn moment(text: &str) -> Result<i64> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at.as_millisecond());
    }
    let local = text.parse::<civil::DateTime>().ok();
    let zoned = local.and_then(|local| local.to_zoned(TimeZone::system()).ok());
    zoned.map(|zoned| zoned.timestamp().as_millisecond()).ok_or_else(|| {
        Hinted::usage(
            format!("`{text}` is not a time"),
            "write a time as 2026-03-01, 2026-03-01T12:00 (local time) or 2026-03-01T12:00Z",
        )
    })
}

/// A row for each version that is the latest of its stage.
fn latest_rows(model: &RegisteredModel) -> Vec<Vec<String>> {
    if model.latest_versions.is_empty() {
        let changed = time(model.last_updated_timestamp_ms);
        return vec![vec![model.name.to_string(), "-".into(), "-".into(), String::new(), changed]];
    }
    let row = |version: &ModelVersion| {
        let named = model.aliases.iter().filter(|(_, number)| **number == version.version);
        let aliases: Vec<String> = named.map(|(alias, _)| alias.to_string()).collect();
        vec![
            model.name.to_string(),
            version.version.to_string(),
            version.current_stage.to_string(),
            aliases.join(", "),
            time(version.last_updated_timestamp_ms),
        ]
    };
    model.latest_versions.iter().map(row).collect()
}

fn version_row(version: &ModelVersion) -> Vec<String> {
    let aliases: Vec<String> = version.aliases.iter().map(ToString::to_string).collect();
    vec![
        version.version.to_string(),
        version.current_stage.to_string(),
        aliases.join(", "),
        time(version.last_updated_timestamp_ms),
        version.source.clone(),
    ]
}

fn about(model: &RegisteredModel) -> String {
    let mut rows = vec![
        vec!["name".to_owned(), model.name.to_string()],
        vec!["created".to_owned(), time(model.creation_timestamp_ms)],
        vec!["changed".to_owned(), time(model.last_updated_timestamp_ms)],
    ];
    rows.extend(details(model.description.as_deref(), &model.tags));
    let alias = |(alias, version): (&mlctl_registry::Alias, &VersionNumber)| {
        vec![format!("@{alias}"), format!("version {version}")]
    };
    rows.extend(model.aliases.iter().map(alias));
    table(&[], rows, "")
}

fn details(description: Option<&str>, tags: &Tags) -> Vec<Vec<String>> {
    let description = description.filter(|text| !text.is_empty());
    let description = description.map(|text| vec!["description".to_owned(), text.to_owned()]);
    let tags = tags.iter().map(|(key, value)| vec![format!("tag {key}"), value.to_string()]);
    description.into_iter().chain(tags).collect()
}

fn event_row(event: &Event) -> Vec<String> {
    vec![
        time(event.at_ms),
        event.who.clone(),
        event.version.map(|version| version.to_string()).unwrap_or_default(),
        describe_change(&event.change),
        event.why.clone().unwrap_or_default(),
    ]
}

/// Says in words what changed.
pub(super) fn describe_change(change: &Change) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    match change {
        Change::ModelCreated { .. } => "model created".to_owned(),
        Change::RenamedFrom { from } => format!("renamed from {from}"),
        Change::RenamedTo { to } => format!("renamed to {to}"),
        Change::ModelDeleted => "model deleted".to_owned(),
        Change::VersionCreated { source, .. } => format!("registered from {source}"),
        Change::VersionDeleted { from } => format!("deleted from stage {from}"),
        Change::DescriptionChanged { to, .. } => format!("described: {}", text(to)),
        Change::TagSet { key, to, .. } => format!("tag {key} = {to}"),
        Change::TagDeleted { key, .. } => format!("tag {key} deleted"),
        Change::StageChanged { from, to, displaced_by: Some(by) } => {
            format!("{from} → {to}, replaced by version {by}")
        }
        Change::StageChanged { from, to, .. } => format!("{from} → {to}"),
        Change::AliasSet { alias, from: Some(from), to } => {
            format!("@{alias} moved from version {from} to {to}")
        }
        Change::AliasSet { alias, to, .. } => format!("@{alias} set to version {to}"),
        Change::AliasDeleted { alias, displaced_by: Some(by), .. } => {
            format!("@{alias} moved to version {by}")
        }
        Change::AliasDeleted { alias, .. } => format!("alias @{alias} deleted"),
        Change::TransitionRequested { to } => format!("requested {to}"),
        Change::TransitionApproved { to, requested_by } => {
            format!("approved {to}, requested by {requested_by}")
        }
        Change::TransitionRejected { to, requested_by } => {
            format!("rejected {to}, requested by {requested_by}")
        }
        Change::GatePassed { to, met } => format!("gate of {to} passed: {}", met.join("; ")),
        Change::GateForced { to, failed } => {
            format!("gate of {to} ignored (--force): {}", failed.join("; "))
        }
        other => other.kind().replace('_', " "),
    }
}
