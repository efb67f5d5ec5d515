//! Searches of the registry, as its store does them.

use crate::mlflow::Sources;
use mlctl_registry::{ModelVersion, Page, PageSize, VersionQuery};
use mlctl_wire::ErrorCode;
use mlctl_wire::rest::Failure;

/// What to search for.
#[derive(Clone, Debug)]
pub(super) struct Search {
    pub(super) filter: String,
    pub(super) order_by: Vec<String>,
    pub(super) max_results: usize,
    pub(super) page_token: Option<String>,
}

impl Search {
    /// How many versions a page may hold, and holds when nothing is said.
    pub(super) const VERSIONS_MAX: usize = 200_000;

    /// Asks for everything that `filter` lets through, in MLflow's order.
    pub(super) fn all(filter: String) -> Self {
        let max_results = Self::VERSIONS_MAX;
        Self { filter, order_by: Vec::new(), max_results, page_token: None }
    }

    fn size(&self) -> Result<PageSize, Failure> {
        let rows = u32::try_from(self.max_results).unwrap_or(u32::MAX);
        PageSize::new(rows).map_err(|error| failure(&error))
    }

    /// Limits the page to a number of rows from 1 to `max`, given as text.
    pub(super) fn at_most(mut self, rows: &str, max: usize) -> Result<Self, Failure> {
        self.max_results =
            rows.parse().ok().filter(|rows| (1..=max).contains(rows)).ok_or_else(|| {
                invalid(format!("invalid max_results `{rows}`: it must be from 1 to {max}"))
            })?;
        Ok(self)
    }
}

/// Finds versions: by default the last changed first; none without a registry.
pub(super) fn versions(
    sources: &Sources,
    search: &Search,
) -> Result<Page<ModelVersion, String>, Failure> {
    let Some(registry) = &sources.registry else {
        return Ok(Page { items: Vec::new(), next: None });
    };
    let query = VersionQuery {
        filter: search.filter.clone(),
        order_by: search.order_by.clone(),
        size: search.size()?,
        page_token: search.page_token.clone(),
    };
    registry.search_versions(&query).map_err(|error| failure(&error))
}

fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(ErrorCode::InvalidParameterValue, message)
}

/// Spells a failure of the registry; what broke inside is logged and answered plainly.
fn failure(error: &mlctl_registry::Error) -> Failure {
    let code = error.code();
    if code != ErrorCode::InternalError {
        return Failure::new(code, error.to_string());
    }
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    tracing::error!(%error, cause, "a request failed");
    Failure::new(code, "internal error: see the log of the server")
}
