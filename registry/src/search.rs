//! What a filter, an order and a page mean for models and versions.
//!
//! Pure: the memory store searches through here, and every other store answers the same.

mod facts;
mod order;
mod query;
mod vocabulary;

#[cfg(feature = "sqlite")]
pub(crate) use order::{Column, SortKey};
#[cfg(feature = "sqlite")]
pub(crate) use query::Compiled;
pub use query::{ModelQuery, VersionQuery};
pub use vocabulary::{MODELS, VERSIONS};

use crate::entity::{ModelVersion, Page, RegisteredModel};
use crate::error::Result;
use facts::VersionFacts;

/// The tag that makes a registered model a prompt, which searches do not show unless asked.
pub const PROMPT_TAG: &str = "mlflow.prompt.is_prompt";

/// Filters, orders and cuts models that are held in memory.
pub(crate) fn select_models(
    query: &ModelQuery,
    models: impl Iterator<Item = RegisteredModel>,
) -> Result<Page<RegisteredModel, String>> {
    let compiled = query.compile()?;
    let rows = models
        .filter(|model| compiled.shows(&model.tags) && compiled.admits(model))
        .map(|model| (compiled.key(&model), model))
        .collect();
    compiled.page(rows)
}

/// Filters, orders and cuts versions that are held in memory, each beside whether its model is a
/// prompt.
pub(crate) fn select_versions(
    query: &VersionQuery,
    versions: impl Iterator<Item = (bool, ModelVersion)>,
) -> Result<Page<ModelVersion, String>> {
    let compiled = query.compile()?;
    let rows = versions
        .filter(|(of_prompt, version)| {
            let shown = compiled.shows_prompts() || !of_prompt;
            shown && compiled.shows(&version.tags) && compiled.admits(&VersionFacts(version))
        })
        .map(|(_, version)| (compiled.key(&VersionFacts(&version)), version))
        .collect();
    compiled.page(rows)
}

/// Tells whether tags make a prompt.
pub(crate) fn is_prompt(tags: &crate::entity::Tags) -> bool {
    tags.iter().any(|(key, value)| key.as_str() == PROMPT_TAG && value.as_str() == "true")
}
