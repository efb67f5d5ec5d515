//! What a filter sees of models and versions.

use mlctl_filter::{Entity, Facts, Field, Scalar, Values};

use crate::entity::{ModelVersion, RegisteredModel, Tags};

fn text(text: &str) -> Values<'_> {
    Values::One(Scalar::Text(text))
}

fn number(number: i64) -> Values<'static> {
    Values::One(Scalar::Number(number as f64))
}

fn tag<'a>(tags: &'a Tags, key: &str) -> Values<'a> {
    let found = tags.iter().find(|(known, _)| known.as_str() == key);
    found.map_or(Values::None, |(_, value)| text(value.as_str()))
}

impl Facts for RegisteredModel {
    fn values<'a>(&'a self, field: &Field) -> Values<'a> {
        match (field.entity, field.key.as_str()) {
            (Entity::Tag, key) => tag(&self.tags, key),
            (_, "name") => text(self.name.as_str()),
            (_, "creation_timestamp") => number(self.creation_timestamp_ms),
            (_, "last_updated_timestamp") => number(self.last_updated_timestamp_ms),
            _ => Values::None,
        }
    }
}

/// A version as a filter sees it.
pub(super) struct VersionFacts<'v>(pub(super) &'v ModelVersion);

impl Facts for VersionFacts<'_> {
    fn values<'a>(&'a self, field: &Field) -> Values<'a> {
        let version = self.0;
        match (field.entity, field.key.as_str()) {
            (Entity::Tag, key) => tag(&version.tags, key),
            (_, "name") => text(version.name.as_str()),
            (_, "version_number") => number(version.version.get().into()),
            (_, "run_id") => version.run_id.as_deref().map_or(Values::None, text),
            (_, "source_path") => text(&version.source),
            (_, "current_stage") => text(version.current_stage.as_str()),
            (_, "creation_timestamp") => number(version.creation_timestamp_ms),
            (_, "last_updated_timestamp") => number(version.last_updated_timestamp_ms),
            _ => Values::None,
        }
    }
}
