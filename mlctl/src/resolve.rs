//! Finds the folder that a model URI means.

use crate::command::Context;
use crate::config;
use crate::failure::Hinted;
use crate::stores::{self, Missing};
use anyhow::{Context as _, Result};
use mlctl_artifacts::{ArtifactPath, ArtifactStore};
use mlctl_registry::ModelUri;
use mlctl_scratch::{Access, Scratch};
use mlctl_tracking::entity::LoggedModel;
use mlctl_tracking::search::LoggedModelQuery;
use mlctl_tracking::store::location::location_path;
use mlctl_tracking::{ModelId, RunId, TrackingStore};
use std::path::PathBuf;
use std::sync::Arc;

/// A model's folder on this machine.
#[derive(Debug)]
pub(crate) struct ModelFolder {
    pub(crate) path: PathBuf,
    /// Keeps a downloaded folder until the model is done with.
    _download: Option<Scratch>,
}

/// What a URI names, before anything is fetched.
#[derive(Debug)]
pub(crate) struct Located {
    /// What the registry notes as the version's source.
    pub(crate) source: String,
    /// Where the files are: a folder or URI, and the path below it.
    pub(crate) location: String,
    pub(crate) below: ArtifactPath,
    /// The run that made the model, if known.
    pub(crate) run_id: Option<String>,
}

/// How deep one registered version may point to another.
const HOPS_MAX: usize = 8;

/// Finds what a model URI names.
pub(crate) fn locate(context: &Context, uri: &str) -> Result<Located> {
    follow_references(context, uri, HOPS_MAX)
}

fn follow_references(context: &Context, uri: &str, hops: usize) -> Result<Located> {
    if hops == 0 {
        anyhow::bail!("`{uri}` points to another model through too many references");
    }
    if let Some(rest) = uri.strip_prefix("runs:/") {
        return locate_in_run(context, uri, rest);
    }
    let Some(rest) = uri.strip_prefix("models:/") else { return locate_folder(uri) };
    if rest.starts_with("m-") && !rest.contains(['/', '@']) {
        let store = stores::tracking(&context.config, Missing::Refuse)?.store;
        return Ok(locate_logged_model(store.logged_model(&ModelId::parse(rest)?)?));
    }
    let registry = stores::registry(&context.config, Missing::Refuse)?;
    let version = mlctl_registry::resolve(registry.as_ref(), &ModelUri::parse(uri)?)?;
    match follow_references(context, &version.source, hops - 1) {
        Ok(located) => Ok(located),
        // The run may be gone while the files are still where they were.
        Err(gone) => match version.storage_location.filter(|place| *place != version.source) {
            Some(place) => follow_references(context, &place, hops - 1),
            None => Err(gone.context(format!("cannot find the source of `{uri}`"))),
        },
    }
}

fn locate_folder(uri: &str) -> Result<Located> {
    let Some(path) = location_path(uri) else {
        // Behind a server's proxy, or in a bucket.
        if uri.starts_with("mlflow-artifacts:") || stores::locations().open(uri).is_ok() {
            let (source, location) = (uri.to_owned(), uri.to_owned());
            return Ok(Located { source, location, below: ArtifactPath::root(), run_id: None });
        }
        return Err(Hinted::error(
            format!("cannot load a model from `{uri}`: this kind of URI is not supported"),
            "use a folder, runs:/RUN_ID/NAME, models:/NAME/VERSION or models:/NAME@ALIAS",
        ));
    };
    let path = std::path::absolute(&path)?;
    let text = path.to_string_lossy().into_owned();
    Ok(Located { source: text.clone(), location: text, below: ArtifactPath::root(), run_id: None })
}

fn locate_logged_model(model: LoggedModel) -> Located {
    Located {
        source: format!("models:/{}", model.model_id),
        location: model.artifact_uri,
        below: ArtifactPath::root(),
        run_id: model.source_run_id.map(|id| id.to_string()),
    }
}

/// Looks for a logged model of the run, as MLflow 3 does, then among the run's own artifacts.
fn locate_in_run(context: &Context, uri: &str, rest: &str) -> Result<Located> {
    let (id, path) = rest.split_once('/').unwrap_or((rest, ""));
    let run_id = RunId::parse(id)?;
    let store = stores::tracking(&context.config, Missing::Refuse)?.store;
    let info = store.run(&run_id)?.info;
    if let Some(model) = model_named(store.as_ref(), &run_id, &info.experiment_id, path)? {
        return Ok(Located { run_id: Some(id.to_owned()), ..locate_logged_model(model) });
    }
    let below = ArtifactPath::parse(path)?;
    let artifacts = store.artifacts(&info.artifact_uri)?;
    if artifacts.list(&below)?.is_empty() {
        let logged = logged_names(store.as_ref(), &run_id, &info.experiment_id)?;
        return Err(no_model(uri, id, &logged));
    }
    Ok(Located {
        source: uri.to_owned(),
        location: info.artifact_uri,
        below,
        run_id: Some(id.to_owned()),
    })
}

fn query_models_of(run: &RunId, experiment: &mlctl_tracking::ExperimentId) -> LoggedModelQuery {
    LoggedModelQuery {
        experiment_ids: vec![experiment.clone()],
        filter: format!("source_run_id = '{run}'"),
        datasets: Vec::new(),
        order_by: Vec::new(),
        max_results: 1000,
        page_token: None,
    }
}

fn model_named(
    store: &dyn TrackingStore,
    run: &RunId,
    experiment: &mlctl_tracking::ExperimentId,
    name: &str,
) -> Result<Option<LoggedModel>> {
    let models = store.search_logged_models(&query_models_of(run, experiment))?.items;
    Ok(models.into_iter().find(|model| model.name == name))
}

fn logged_names(
    store: &dyn TrackingStore,
    run: &RunId,
    experiment: &mlctl_tracking::ExperimentId,
) -> Result<Vec<String>> {
    let models = store.search_logged_models(&query_models_of(run, experiment))?.items;
    Ok(models.into_iter().map(|model| format!("runs:/{run}/{}", model.name)).collect())
}

fn no_model(uri: &str, run: &str, logged: &[String]) -> anyhow::Error {
    let hint = if logged.is_empty() {
        format!("`mlctl artifacts list {run}` lists the artifacts of the run")
    } else {
        format!("the run logged {}", logged.join(", "))
    };
    Hinted::error(format!("there is no model at `{uri}`"), hint)
}

/// Finds the file or folder that an artifact's URI names: of a run, of a logged model or a
/// registered one, or at a location.
pub(crate) fn artifact(
    context: &Context,
    store: &dyn TrackingStore,
    uri: &str,
) -> Result<(Arc<dyn ArtifactStore>, ArtifactPath)> {
    if let Some(rest) = uri.strip_prefix("runs:/") {
        let (id, path) = rest.trim_start_matches('/').split_once('/').unwrap_or((rest, ""));
        let run_id = RunId::parse(id)?;
        let info = store.run(&run_id)?.info;
        let (name, below) = path.split_once('/').unwrap_or((path, ""));
        if let Some(model) = model_named(store, &run_id, &info.experiment_id, name)? {
            return Ok((store.artifacts(&model.artifact_uri)?, ArtifactPath::parse(below)?));
        }
        return Ok((store.artifacts(&info.artifact_uri)?, ArtifactPath::parse(path)?));
    }
    if uri.starts_with("models:/") {
        let located = locate(context, uri)?;
        return Ok((store.artifacts(&located.location)?, located.below));
    }
    // The last part of a location may be a file, which a store cannot be opened at.
    let (parent, name) = uri.trim_end_matches('/').rsplit_once('/').unwrap_or((".", uri));
    Ok((store.artifacts(parent)?, ArtifactPath::parse(name)?))
}

/// Brings the model that a URI names to this machine, unless it is here.
pub(crate) fn fetch(context: &Context, uri: &str) -> Result<ModelFolder> {
    let located = locate(context, uri)?;
    if let Some(folder) = location_path(&located.location) {
        // Joining nothing would still add a slash.
        let path = match located.below.as_str() {
            "" => folder,
            below => folder.join(below),
        };
        return Ok(ModelFolder { path, _download: None });
    }
    let store = stores::tracking(&context.config, Missing::Refuse)?.store;
    let artifacts = store.artifacts(&located.location)?;
    let download = draft()?;
    let folder = download.path().join("model");
    mlctl_artifacts::download(artifacts.as_ref(), &located.below, &folder)
        .with_context(|| format!("cannot download `{uri}`"))?;
    Ok(ModelFolder { path: folder, _download: Some(download) })
}

/// Makes a folder of this user's alone for a model that is on its way.
pub(crate) fn draft() -> Result<Scratch> {
    Scratch::make(&config::temporary_folder(), "mlctl-model-", Access::Private)
        .context("cannot create a temporary folder")
}
