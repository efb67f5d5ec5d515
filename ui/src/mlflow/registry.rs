//! The two searches of the registry that the pages of experiments and runs make.
//!
//! A run's page asks which model versions came from it, a logged model's page which registered
//! models there are. They are answered from the registry's trait; nothing else of the registry's
//! REST API is here.

use super::Sources;
use super::registered::{self, Search};
use axum::extract::{Query, State};
use axum::routing::get;
use axum::{Json, Router};
use mlctl_registry::{ModelVersion, RegisteredModel, Tags};
use mlctl_wire::rest::{Failure, blocking};
use serde::Serialize;

/// Parameters of a search, which may come more than once.
type Pairs = Query<Vec<(String, String)>>;

/// Builds the routes below `/ajax-api/2.0/mlflow`.
pub fn router(sources: &Sources) -> Router {
    Router::new()
        .route("/registered-models/search", get(models))
        .route("/model-versions/search", get(versions))
        .with_state(sources.clone())
}

async fn models(
    State(sources): State<Sources>,
    Query(pairs): Pairs,
) -> Result<Json<ModelsAnswer>, Failure> {
    let search = search(pairs, Search::MODELS_DEFAULT, Search::MODELS_MAX)?;
    let found = blocking(move || registered::models(&sources, &search)).await?;
    Ok(Json(ModelsAnswer {
        registered_models: found.items.iter().map(ModelForm::of).collect(),
        next_page_token: found.next_page_token,
    }))
}

async fn versions(
    State(sources): State<Sources>,
    Query(pairs): Pairs,
) -> Result<Json<VersionsAnswer>, Failure> {
    let search = search(pairs, Search::VERSIONS_MAX, Search::VERSIONS_MAX)?;
    let found = blocking(move || registered::versions(&sources, &search)).await?;
    Ok(Json(VersionsAnswer {
        model_versions: found.items.iter().map(VersionForm::of).collect(),
        next_page_token: found.next_page_token,
    }))
}

fn search(pairs: Vec<(String, String)>, default: usize, max: usize) -> Result<Search, Failure> {
    let mut search = Search { max_results: default, ..Search::all(String::new()) };
    for (name, value) in pairs {
        match name.as_str() {
            "filter" => search.filter = value,
            "order_by" => search.order_by.push(value),
            "page_token" => search.page_token = Some(value),
            "max_results" => search = search.at_most(&value, max)?,
            _ => {}
        }
    }
    Ok(search)
}

#[derive(Debug, Serialize)]
struct ModelsAnswer {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    registered_models: Vec<ModelForm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

#[derive(Debug, Serialize)]
struct VersionsAnswer {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    model_versions: Vec<VersionForm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

#[derive(Debug, Serialize)]
struct TagForm {
    key: String,
    value: String,
}

#[derive(Debug, Serialize)]
struct AliasForm {
    alias: String,
    version: String,
}

/// MLflow's JSON of a registered model.
#[derive(Debug, Serialize)]
struct ModelForm {
    name: String,
    creation_timestamp: i64,
    last_updated_timestamp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    latest_versions: Vec<VersionForm>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<TagForm>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<AliasForm>,
}

impl ModelForm {
    fn of(model: &RegisteredModel) -> Self {
        let alias = |(alias, version): (&mlctl_registry::Alias, &mlctl_registry::VersionNumber)| {
            AliasForm { alias: alias.to_string(), version: version.to_string() }
        };
        Self {
            name: model.name.to_string(),
            creation_timestamp: model.creation_timestamp_ms,
            last_updated_timestamp: model.last_updated_timestamp_ms,
            description: model.description.clone().filter(|text| !text.is_empty()),
            latest_versions: model.latest_versions.iter().map(VersionForm::of).collect(),
            tags: tags(&model.tags),
            aliases: model.aliases.iter().map(alias).collect(),
        }
    }
}

/// MLflow's JSON of a model version, which names no aliases in searches.
#[derive(Debug, Serialize)]
struct VersionForm {
    name: String,
    version: String,
    creation_timestamp: i64,
    last_updated_timestamp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    current_stage: String,
    description: String,
    source: String,
    run_id: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_message: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<TagForm>,
    run_link: String,
}

impl VersionForm {
    fn of(version: &ModelVersion) -> Self {
        let unless_empty = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        Self {
            name: version.name.to_string(),
            version: version.version.to_string(),
            creation_timestamp: version.creation_timestamp_ms,
            last_updated_timestamp: version.last_updated_timestamp_ms,
            user_id: unless_empty(&version.user_id),
            current_stage: version.current_stage.to_string(),
            description: version.description.clone().unwrap_or_default(),
            source: version.source.clone(),
            run_id: version.run_id.clone().unwrap_or_default(),
            status: version.status.as_str(),
            status_message: unless_empty(&version.status_message),
            tags: tags(&version.tags),
            run_link: version.run_link.clone().unwrap_or_default(),
        }
    }
}

fn tags(tags: &Tags) -> Vec<TagForm> {
    tags.iter()
        .map(|(key, value)| TagForm { key: key.to_string(), value: value.to_string() })
        .collect()
}
