//! Names, params and tags of logged models.

use super::{json_tag, tag};
use crate::entity::{Param, Tag};
use crate::{Error, Result};
use mlctl_wire::limits;
use serde_json::{Value, json};

/// Refuses a logged model's name with characters that paths and URIs give a meaning.
pub fn reject_invalid_model_name(name: &str) -> Result<()> {
    if !name.is_empty() && !name.contains(['/', ':', '.', '%', '"', '\'']) {
        return Ok(());
    }
    let phrase = format!(
        "Invalid model name ('{name}') provided. Model name must be a non-empty string and cannot \
         contain the following characters: ('/', ':', '.', '%', '\"', \"'\")"
    );
    let rule = "it must not be empty and must not contain `/`, `:`, `.`, `%`, `\"` or `'`";
    Err(Error::invalid_as(phrase, "model name", name, rule))
}

/// Refuses more params or tags of a logged model than one request may set.
pub fn reject_too_many_model_pairs(params: &[Param], tags: &[Tag]) -> Result<()> {
    let max = limits::MODEL_PAIRS_MAX;
    match [("params", params.len()), ("tags", tags.len())].into_iter().find(|(_, got)| *got > max) {
        Some((what, got)) => Err(Error::BatchTooLarge { what, max, got }),
        None => Ok(()),
    }
}

/// Refuses another value of a param that a logged model has.
pub fn reject_changed_model_param(known: Option<&str>, param: &Param) -> Result<()> {
    match known {
        Some(value) if value != param.value => Err(Error::invalid(
            "param of a logged model",
            param.key.as_str(),
            "it was already logged with another value, and the value of a param cannot change",
        )),
        _ => Ok(()),
    }
}

/// Adds a version to the list that a tag holds; none when it is in the list already.
pub fn add_model_version(known: Option<&str>, name: &str, version: u32) -> Result<Option<Tag>> {
    let mut versions: Vec<Value> = match known.filter(|text| !text.is_empty()) {
        None => Vec::new(),
        Some(text) => serde_json::from_str(text).map_err(|_| {
            Error::invalid("tag mlflow.modelVersions", text, "it must be a JSON list of versions")
        })?,
    };
    let this = json!({ "name": name, "version": version });
    if versions.contains(&this) {
        return Ok(None);
    }
    versions.push(this);
    json_tag(tag::MODEL_VERSIONS, &versions).map(Some)
}
