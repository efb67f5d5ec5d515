//! What a filter, an order and a page mean for models and versions.
//!
//! Pure: every store searches through here, so they agree. A store that holds its rows as values
//! hands them to [`select_models`] and [`select_versions`]. One that searches by itself compiles the
//! query ([`ModelQuery::compile`]) and does what the [`Compiled`] search asks for.

mod facts;
mod order;
mod query;
mod vocabulary;

pub use order::RowKey;
pub use query::{Compiled, ModelQuery, VersionQuery};
pub use vocabulary::{MODELS, VERSIONS};

use crate::entity::{ModelVersion, Page, RegisteredModel};
use crate::error::Result;

/// The tag that makes a registered model a prompt, which searches do not show unless asked.
pub const PROMPT_TAG: &str = "mlflow.prompt.is_prompt";

/// Filters, orders and cuts models that are held in memory.
///
/// # Errors
/// Those of [`ModelQuery::compile`].
pub fn select_models(
    query: &ModelQuery,
    models: impl Iterator<Item = RegisteredModel>,
) -> Result<Page<RegisteredModel, String>> {
    let compiled = query.compile()?;
    let rows = models
        .filter(|model| compiled.shows(&model.tags) && compiled.admits(model))
        .map(|model| (compiled.key(&model), model))
        .collect();
    Ok(compiled.page(rows))
}

/// Filters, orders and cuts versions that are held in memory, each beside whether its model is a
/// prompt.
///
/// # Errors
/// Those of [`VersionQuery::compile`].
pub fn select_versions(
    query: &VersionQuery,
    versions: impl Iterator<Item = (bool, ModelVersion)>,
) -> Result<Page<ModelVersion, String>> {
    let compiled = query.compile()?;
    let rows = versions
        .filter(|(of_prompt, version)| {
            let shown = compiled.shows_prompts() || !of_prompt;
            shown && compiled.shows(&version.tags) && compiled.admits(version)
        })
        .map(|(_, version)| (compiled.key(&version), version))
        .collect();
    Ok(compiled.page(rows))
}

/// Tells whether tags make a prompt.
pub fn is_prompt(tags: &crate::entity::Tags) -> bool {
    tags.iter().any(|(key, value)| key.as_str() == PROMPT_TAG && value.as_str() == "true")
}
