//! MLflow's registry API over a [`RegistryStore`], as axum routers.
//!
//! [`router`] has the paths below `/api/2.0/mlflow`, [`history_router`] those of our own below
//! `/api/2.0/mlctl`. A handler decodes, calls the store and encodes; rules live in the store and in
//! [`crate::source`]. Building a router opens no socket.

mod actor;
mod aliases;
mod events;
mod failure;
mod gates;
mod models;
mod requests;
mod versions;
#[cfg(feature = "webhooks")]
mod webhook_events;
#[cfg(feature = "webhooks")]
mod webhooks;

pub use actor::Caller;
#[cfg(feature = "webhooks")]
pub use webhooks::{WebhookService, own_webhook_router, webhook_router};

use std::fmt;
use std::sync::Arc;

use axum::routing::any;
use axum::{Json, Router};
use mlctl_wire::rest::{Failure, blocking, required};
use mlctl_wire::{Clock, phrase};
use serde::Serialize;

use crate::approval::Candidate;
use crate::entity::{ModelVersion, PageSize, Stamp, Tags};
use crate::error::{Error, Result};
use crate::id::{ModelName, Stage, TagKey, TagValue, VersionNumber};
use crate::message::{OfCandidate, Tag};
use crate::source::{SourceRules, Sources};
use crate::store::RegistryStore;
use actor::Actor;

/// What handlers work with.
#[derive(Clone)]
pub struct Service {
    store: Arc<dyn RegistryStore>,
    sources: Arc<dyn Sources>,
    rules: Arc<SourceRules>,
    clock: Clock,
    trusts_user_header: bool,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("store", &self.store)
            .field("sources", &self.sources)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

impl Service {
    /// Serves `store`; `sources` knows the runs and logged models that versions come from.
    pub fn new(store: Arc<dyn RegistryStore>, sources: Arc<dyn Sources>) -> Self {
        let rules = Arc::new(SourceRules::default());
        Self { store, sources, rules, clock: Clock::system(), trusts_user_header: false }
    }

    /// Sets where versions may come from.
    #[must_use]
    pub fn with_rules(self, rules: SourceRules) -> Self {
        Self { rules: Arc::new(rules), ..self }
    }

    /// Sets what tells the time.
    #[must_use]
    pub fn with_clock(self, clock: impl Into<Clock>) -> Self {
        Self { clock: clock.into(), ..self }
    }

    /// Sets whether the name that a client gives itself is enough to approve a request; without,
    /// only a [`Caller`] that the host has checked may do that.
    #[must_use]
    pub fn with_trusted_user_header(self, trusts_user_header: bool) -> Self {
        Self { trusts_user_header, ..self }
    }

    /// Returns where the files of a version lie, for whoever serves them.
    ///
    /// # Errors
    /// [`Error::Source`] when they lie where no version may, and those of the store.
    pub fn location(&self, model: &ModelName, version: VersionNumber) -> Result<String> {
        let found = self.store.get_version(model, &version.into());
        self.checked_location(&failure::of_version(found, model, version)?)
    }

    fn checked_location(&self, version: &ModelVersion) -> Result<String> {
        self.rules.check_read(self.store.as_ref(), self.sources.as_ref(), version)
    }

    fn stamp(&self, actor: Actor) -> Stamp {
        Stamp { at_ms: self.clock.now(), who: actor.who, why: actor.why }
    }

    /// Runs one call of the store where it may block, and encodes what it returns.
    async fn call<T: Serialize + Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T> + Send + 'static,
    ) -> Answer<T> {
        let service = self.clone();
        blocking(move || work(&service)).await.map(Json)
    }

    /// Makes one change, and answers `{}`.
    async fn act(
        &self,
        actor: Actor,
        change: impl FnOnce(&dyn RegistryStore, &Stamp) -> Result<()> + Send + 'static,
    ) -> Answer<Empty> {
        self.call(move |service| {
            change(service.store.as_ref(), &service.stamp(actor))?;
            Ok(Empty {})
        })
        .await
    }
}

/// An answer on its way to the client.
type Answer<T> = std::result::Result<Json<T>, Failure>;

/// `{}`.
#[derive(Debug, Serialize)]
struct Empty {}

/// Builds the routes below `/api/2.0/mlflow`.
pub fn router(service: Service) -> Router {
    Router::new()
        .merge(models::routes())
        .merge(versions::routes())
        .merge(aliases::routes())
        .with_state(service)
}

/// Builds the routes below `/api/2.0/mlctl`: what MLflow has none of.
pub fn history_router(service: Service) -> Router {
    events::routes().merge(gates::routes()).merge(requests::routes()).with_state(service)
}

/// The routes of a server that has no registry.
#[derive(Debug)]
pub struct AbsentRoutes {
    /// Below `/api/2.0/mlflow`.
    pub mlflow: Router,
    /// Below `/api/2.0/mlctl`.
    pub own: Router,
}

/// Builds routes that answer every request with why there is no registry.
pub fn absent_routes(why: &Failure) -> AbsentRoutes {
    let refusal = why.clone();
    let refuse = any(async move || refusal.clone());
    AbsentRoutes {
        mlflow: Router::new()
            .route("/registered-models/{*path}", refuse.clone())
            .route("/webhooks", refuse.clone())
            .route("/webhooks/{*path}", refuse.clone())
            .route("/model-versions/{*path}", refuse.clone()),
        own: Router::new().route("/registry/{*path}", refuse),
    }
}

/// Takes a required model name.
fn model_name(text: Option<String>, parameter: &str) -> std::result::Result<ModelName, Failure> {
    let text = required(text, parameter)?;
    if text.trim().is_empty() {
        return Err(Failure::missing(parameter));
    }
    ModelName::parse(&text).map_err(Failure::from)
}

/// Takes a required version of a model; a number that none can have does not exist.
fn version_number(
    model: &ModelName,
    text: Option<String>,
) -> std::result::Result<VersionNumber, Failure> {
    let text = required(text, "version")?;
    let plain = text.trim();
    VersionNumber::parse(plain).map_err(|_| {
        let digits = plain.strip_prefix(['-', '+']).unwrap_or(plain);
        if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return failure::no_version(model, plain);
        }
        Failure::new(
            mlctl_wire::ErrorCode::InvalidParameterValue,
            format!("Parameter 'version' must be an integer, got '{text}'."),
        )
    })
}

/// Takes a version and the stage that it is to enter.
fn candidate(request: OfCandidate) -> std::result::Result<Candidate, Failure> {
    let model = model_name(request.name, "name")?;
    let version = version_number(&model, request.version)?;
    let stage = refuse(Stage::parse(&required(request.stage, "stage")?))?;
    Ok(Candidate { model, version, stage })
}

fn tag_key(text: Option<String>) -> std::result::Result<TagKey, Failure> {
    TagKey::parse(&required(text, "key")?).map_err(Failure::from)
}

fn tag_value(key: &TagKey, text: Option<String>) -> Result<TagValue> {
    TagValue::parse(&text.unwrap_or_default()).map_err(|error| match key.as_str() {
        "mlflow.prompt.text" => error.in_words(format!(
            "Prompt text exceeds max length of {} characters.",
            TagValue::CHARS_MAX
        )),
        _ => error,
    })
}

/// Takes the tags of something new; of several with one key the last one counts.
fn tags(list: Vec<Tag>) -> Result<Tags> {
    let tag = |tag: Tag| {
        let key = TagKey::parse(&tag.key.unwrap_or_default())?;
        let value = tag_value(&key, tag.value)?;
        Ok((key, value))
    };
    list.into_iter().map(tag).collect()
}

/// Takes an optional number of rows, at most `max`.
fn page_size(
    max_results: Option<i64>,
    default: u32,
    max: u32,
) -> std::result::Result<PageSize, Failure> {
    let rows = max_results.unwrap_or(default.into());
    let size = u32::try_from(rows).ok().filter(|rows| (1..=max).contains(rows));
    size.and_then(|rows| PageSize::new(rows).ok()).ok_or_else(|| {
        // The parameter is of a query, so its value is text.
        let phrase = match rows > 0 {
            true => phrase::invalid_value("max_results", &rows.to_string()),
            false => format!(
                "Invalid value for max_results. It must be a positive integer, but got {rows}"
            ),
        };
        let message = format!("{phrase}: it must be from 1 to {max}");
        Failure::new(mlctl_wire::ErrorCode::InvalidParameterValue, message)
    })
}

/// Reports an error of this crate.
fn refuse<T>(outcome: Result<T, Error>) -> std::result::Result<T, Failure> {
    outcome.map_err(Failure::from)
}

#[cfg(test)]
mod tests;
