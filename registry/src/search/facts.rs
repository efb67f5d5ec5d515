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

impl Facts for ModelVersion {
    fn values<'a>(&'a self, field: &Field) -> Values<'a> {
        match (field.entity, field.key.as_str()) {
            (Entity::Tag, key) => tag(&self.tags, key),
            (_, "name") => text(self.name.as_str()),
            (_, "version_number") => number(self.version.get().into()),
            (_, "run_id") => self.run_id.as_deref().map_or(Values::None, text),
            (_, "source_path") => text(&self.source),
            (_, "current_stage") => text(self.current_stage.as_str()),
            (_, "creation_timestamp") => number(self.creation_timestamp_ms),
            (_, "last_updated_timestamp") => number(self.last_updated_timestamp_ms),
            _ => Values::None,
        }
    }
}
