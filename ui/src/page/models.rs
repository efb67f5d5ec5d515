//! The model registry: registered models, one of them, and its versions.

mod act;
mod history;
mod list;
mod model;
mod report;
mod version;
mod who;

use crate::asked::Asked;
use crate::reply::{PageError, Result};
use crate::routes::{form, page};
use crate::site::Site;
use crate::url::Url;
use crate::widget;
use axum::Router;
use axum::http::StatusCode;
use maud::{Markup, html};
use mlctl_registry::{ModelName, RegistryStore, Stage, VersionNumber};
use std::sync::Arc;
pub(super) use who::{reason_fields, stamp};

pub(super) fn routes() -> Router<Site> {
    Router::new()
        .route("/models", page(list::show).merge(form(act::create)))
        .route("/models/{model}", page(model::show))
        .route("/models/{model}/history", page(history::of_model))
        .route("/models/{model}/{version}", page(version::show))
        .route("/models/{model}/{version}/history", page(history::of_version))
        .route("/models/{model}/describe", form(act::describe))
        .route("/models/{model}/alias", form(act::alias))
        .route("/models/{model}/unalias", form(act::unalias))
        .route("/models/{model}/delete", form(act::delete))
        .route("/models/{model}/{version}/move", form(act::transition))
        .route("/models/{model}/{version}/describe", form(act::describe_version))
}

/// Returns the registry; a server may have none.
pub(super) fn registry(site: &Site) -> Result<&Arc<dyn RegistryStore>> {
    site.registry.as_ref().ok_or_else(|| PageError {
        status: StatusCode::NOT_IMPLEMENTED,
        message: "this server has no model registry; its log says why".to_owned(),
    })
}

fn name(asked: &Asked) -> Result<ModelName> {
    Ok(ModelName::parse(asked.hole("model"))?)
}

fn number(asked: &Asked) -> Result<VersionNumber> {
    Ok(VersionNumber::parse(asked.hole("version"))?)
}

/// Returns the address of a model, below the prefix.
pub(super) fn model_url(name: &ModelName) -> Url {
    Url::new("/models").segment(name.as_str())
}

/// Returns the address of a version, below the prefix.
pub(super) fn version_url(name: &ModelName, version: VersionNumber) -> Url {
    model_url(name).segment(&version.to_string())
}

/// A link to a version.
pub(super) fn version_link(site: &Site, name: &ModelName, version: VersionNumber) -> Markup {
    html! {
        a href=(site.link(&version_url(name, version).to_string())) { "version " (version) }
    }
}

/// A stage, with the colour of how live it is.
fn stage(stage: &Stage) -> Markup {
    let class = match stage.as_str() {
        "Production" => "good",
        "Staging" => "running",
        _ => "quiet",
    };
    html! { span.status.(class) { (widget::text(stage.as_str())) } }
}
