//! Registered models and their versions as plain data, and what it takes to make them.
//!
//! Field names are MLflow's; times are milliseconds since 1970-01-01 UTC. Nothing here has an
//! invariant beyond those of its field types.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::id::{Alias, ModelName, Stage, TagKey, TagValue, VersionNumber};

/// Tags of a model or a version.
pub type Tags = BTreeMap<TagKey, TagValue>;

/// A registered model: a name that versions gather under.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredModel {
    /// The name, unique in its registry.
    pub name: ModelName,
    /// When it was created.
    pub creation_timestamp_ms: i64,
    /// When it, or one of its versions' stages, last changed.
    pub last_updated_timestamp_ms: i64,
    /// What people should know about it.
    pub description: Option<String>,
    /// Its tags.
    pub tags: Tags,
    /// Its aliases and the versions they name.
    pub aliases: BTreeMap<Alias, VersionNumber>,
    /// The newest version of each stage that has one, by number.
    pub latest_versions: Vec<ModelVersion>,
}

/// One version of a registered model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelVersion {
    /// The model's name.
    pub name: ModelName,
    /// The number, never used again for the same model.
    pub version: VersionNumber,
    /// When it was created.
    pub creation_timestamp_ms: i64,
    /// When it last changed.
    pub last_updated_timestamp_ms: i64,
    /// What people should know about it.
    pub description: Option<String>,
    /// Who created it, where MLflow recorded that.
    pub user_id: Option<String>,
    /// The stage that it is in.
    pub current_stage: Stage,
    /// The URI that it was registered from.
    pub source: String,
    /// Where its files lie, when that is not `source`.
    pub storage_location: Option<String>,
    /// The run that made it, as opaque text.
    pub run_id: Option<String>,
    /// A link to that run.
    pub run_link: Option<String>,
    /// Whether it can be used.
    pub status: VersionStatus,
    /// Why it cannot be used.
    pub status_message: Option<String>,
    /// Its tags.
    pub tags: Tags,
    /// The aliases that name it, in order.
    pub aliases: Vec<Alias>,
}

impl ModelVersion {
    /// Returns the URI that the version's files can be fetched from.
    pub fn download_uri(&self) -> &str {
        match self.storage_location.as_deref() {
            Some(location) if !location.is_empty() => location,
            _ => &self.source,
        }
    }
}

/// Whether a version can be used; the stores of this crate only make ready ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum VersionStatus {
    /// Its files are still on their way.
    PendingRegistration,
    /// Its files did not arrive.
    FailedRegistration,
    /// It can be used.
    Ready,
}

impl VersionStatus {
    /// Returns MLflow's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PendingRegistration => "PENDING_REGISTRATION",
            Self::FailedRegistration => "FAILED_REGISTRATION",
            Self::Ready => "READY",
        }
    }

    /// Reads MLflow's word; one that MLflow does not know means that the version failed.
    pub fn from_stored(text: &str) -> Self {
        match text {
            "READY" => Self::Ready,
            "PENDING_REGISTRATION" => Self::PendingRegistration,
            _ => Self::FailedRegistration,
        }
    }
}

/// A registered model to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewModel {
    /// The name.
    pub name: ModelName,
    /// What people should know about it.
    pub description: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

impl NewModel {
    /// Makes a model with nothing but a name.
    pub fn named(name: ModelName) -> Self {
        Self { name, description: None, tags: Tags::new() }
    }
}

/// A version to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewVersion {
    /// The model that it becomes a version of.
    pub model: ModelName,
    /// The URI of the model's folder, not empty.
    ///
    /// A `models:/` URI of another version is resolved by the store, which then notes where that
    /// version's files lie.
    pub source: String,
    /// Where the files lie, when `source` needs another component to be understood.
    pub storage_location: Option<String>,
    /// The run that made it, as opaque text.
    pub run_id: Option<String>,
    /// The logged model that it is made of, as opaque text. MLflow's tables have no place for it;
    /// the version's first event keeps it.
    pub model_id: Option<String>,
    /// A link to that run.
    pub run_link: Option<String>,
    /// What people should know about it.
    pub description: Option<String>,
    /// Its tags.
    pub tags: Tags,
    /// Whether a missing model is created in the same change.
    pub create_model_if_missing: bool,
}

impl NewVersion {
    /// Makes a version with nothing but a source, of a model that must exist.
    pub fn of(model: ModelName, source: impl Into<String>) -> Self {
        Self {
            model,
            source: source.into(),
            storage_location: None,
            run_id: None,
            model_id: None,
            run_link: None,
            description: None,
            tags: Tags::new(),
            create_model_if_missing: false,
        }
    }
}

/// Who changes the registry, when and why: part of every change, kept in its event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// When, in milliseconds since 1970-01-01 UTC.
    pub at_ms: i64,
    /// Who, in the caller's words.
    pub who: String,
    /// Why, when someone said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Stamp {
    /// Makes a stamp without a reason.
    pub fn new(who: impl Into<String>, at_ms: i64) -> Self {
        Self { at_ms, who: who.into(), why: None }
    }

    /// Adds the reason.
    #[must_use]
    pub fn because(mut self, why: impl Into<String>) -> Self {
        self.why = Some(why.into());
        self
    }
}

/// How many items a page may hold: 1 to 200,000, MLflow's bound for versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageSize(u32);

impl PageSize {
    /// The most items that a page may hold.
    pub const MAX: Self = Self(200_000);

    /// Checks a size.
    pub fn new(items: u32) -> Result<Self> {
        if (1..=Self::MAX.0).contains(&items) {
            return Ok(Self(items));
        }
        Err(Error::invalid("page size", &items.to_string(), "a page must have 1 to 200000 items"))
    }

    /// Returns the plain number.
    pub fn get(self) -> usize {
        self.0 as usize
    }

    /// Returns how many items to read to learn whether there is a next page.
    pub fn and_one_more(self) -> usize {
        self.get() + 1
    }
}

impl Default for PageSize {
    fn default() -> Self {
        Self(100)
    }
}

/// Some items of a longer list, and where to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T, K> {
    /// The items.
    pub items: Vec<T>,
    /// What to ask for the next page with; `None` on the last one.
    pub next: Option<K>,
}

impl<T, K> Page<T, K> {
    /// Cuts a list that was read with one item too many down to a page.
    pub fn cut(mut items: Vec<T>, size: PageSize, key: impl Fn(&T) -> K) -> Self {
        let has_more = items.len() > size.get();
        items.truncate(size.get());
        let next = items.last().filter(|_| has_more).map(key);
        Self { items, next }
    }
}
