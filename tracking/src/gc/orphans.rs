//! Artifact folders that no run and no logged model owns.

use super::{Open, all_experiments, bytes_below};
use crate::store::DeletedModel;
use crate::{Error, ExperimentId, ModelId, Result, RunId, TrackingStore};
use mlctl_artifacts::{ArtifactPath, ArtifactStore};
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

/// The document of a file store: a folder that has one is a thing of such a store.
const DOCUMENT: &str = "meta.yaml";
/// The folder of an experiment that holds logged models.
const MODELS: &str = "models";

/// A folder that nobody owns.
#[derive(Clone, Debug)]
pub struct Orphan {
    /// The location that it is below.
    pub location: String,
    /// Where it is, relative to the location.
    pub path: ArtifactPath,
    /// What its files take.
    pub bytes: u64,
    artifacts: Arc<dyn ArtifactStore>,
}

impl Orphan {
    /// Deletes the folder.
    ///
    /// # Errors
    /// What deleting reports; a folder that is gone already is none.
    pub fn delete(&self) -> Result<()> {
        match self.artifacts.delete(&self.path) {
            Err(mlctl_artifacts::Error::NotFound { .. }) => Ok(()),
            deleted => Ok(deleted?),
        }
    }
}

/// Finds the folders that are named like a run or a logged model and belong to none, where the
/// experiments keep their artifacts, and below `roots` the folders of experiments that are gone.
///
/// A location that cannot be looked at is told to `unseen`. Only the store's own metadata says
/// what is owned: where two stores share a folder, each takes what is the other's for orphans.
///
/// # Errors
/// What the store reports.
pub fn find_orphans(
    store: &dyn TrackingStore,
    roots: &[String],
    open: Open<'_>,
    unseen: &mut dyn FnMut(&str, Error),
) -> Result<Vec<Orphan>> {
    let experiments = all_experiments(store)?;
    let mut places: BTreeSet<String> =
        experiments.into_iter().map(|one| one.artifact_location).collect();
    let mut found = Vec::new();
    for root in roots {
        match lost_experiments(store, root, &places, open) {
            Ok(orphans) => found.extend(orphans),
            Err(error) => unseen(root, error),
        }
    }
    // What has no location is nowhere.
    places.remove("");
    let mut candidates = Vec::new();
    for place in &places {
        match below_experiment(place, open) {
            Ok(folders) => candidates.extend(folders),
            Err(error) => unseen(place, error),
        }
    }
    // Folders first, owners second: a run that is made meanwhile is there before its folder.
    let deleted: Vec<DeletedModel> = store.deleted(None)?.models;
    let deleted: HashSet<ModelId> = deleted.into_iter().map(|model| model.model_id).collect();
    for candidate in candidates {
        if !is_owned(store, &candidate.path, &deleted)? {
            found.push(candidate);
        }
    }
    for orphan in &mut found {
        orphan.bytes = bytes_below(orphan.artifacts.as_ref(), &orphan.path)?;
    }
    Ok(found)
}

/// Lists the folders in an experiment's place that are named like runs and logged models.
fn below_experiment(place: &str, open: Open<'_>) -> Result<Vec<Orphan>> {
    let artifacts = open(place)?;
    let mut folders = folders_in(artifacts.as_ref(), &ArtifactPath::root())?;
    folders.retain(is_like_run);
    let models = folders_in(artifacts.as_ref(), &ArtifactPath::parse(MODELS)?)?;
    folders.extend(models.into_iter().filter(is_like_model));
    Ok(folders.into_iter().map(|path| orphan(place, path, &artifacts)).collect())
}

/// Finds the folders in a root that are named like experiments and hold nothing but what looks
/// like runs and logged models.
fn lost_experiments(
    store: &dyn TrackingStore,
    root: &str,
    places: &BTreeSet<String>,
    open: Open<'_>,
) -> Result<Vec<Orphan>> {
    let artifacts = open(root)?;
    let mut lost = Vec::new();
    for path in folders_in(artifacts.as_ref(), &ArtifactPath::root())? {
        let name = path.as_str();
        let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
        let is_place = places.iter().any(|place| place.trim_end_matches('/').ends_with(name));
        if !is_number || is_place || exists(store, name)? {
            continue;
        }
        let inside = artifacts.list(&path)?;
        let looks_like_one = inside.iter().all(|info| {
            info.is_dir && (is_like_run(&info.path) || info.path.file_name() == Some(MODELS))
        });
        // A folder with a document belongs to another store, a file store.
        let has_document = inside.iter().any(|info| info.path.file_name() == Some(DOCUMENT));
        if looks_like_one && !has_document && !inside.is_empty() {
            lost.push(orphan(root, path, &artifacts));
        }
    }
    Ok(lost)
}

fn orphan(location: &str, path: ArtifactPath, artifacts: &Arc<dyn ArtifactStore>) -> Orphan {
    Orphan { location: location.to_owned(), path, bytes: 0, artifacts: artifacts.clone() }
}

fn folders_in(artifacts: &dyn ArtifactStore, path: &ArtifactPath) -> Result<Vec<ArtifactPath>> {
    let infos = artifacts.list(path)?;
    Ok(infos.into_iter().filter(|info| info.is_dir).map(|info| info.path).collect())
}

/// Tells whether a name is one that MLflow gives to runs.
fn is_like_run(path: &ArtifactPath) -> bool {
    path.file_name().is_some_and(is_hex_id)
}

/// Tells whether a name is one that MLflow gives to logged models.
fn is_like_model(path: &ArtifactPath) -> bool {
    path.file_name().and_then(|name| name.strip_prefix("m-")).is_some_and(is_hex_id)
}

fn is_hex_id(name: &str) -> bool {
    name.len() == 32 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn exists(store: &dyn TrackingStore, experiment: &str) -> Result<bool> {
    match store.experiment(&ExperimentId::parse(experiment)?) {
        Err(Error::ExperimentNotFound(_)) => Ok(false),
        // What is there and cannot be read is no orphan.
        _ => Ok(true),
    }
}

fn is_owned(
    store: &dyn TrackingStore,
    path: &ArtifactPath,
    deleted: &HashSet<ModelId>,
) -> Result<bool> {
    let name = path.file_name().unwrap_or_default();
    if is_hex_id(name) {
        let run = store.run(&RunId::parse(name)?);
        return Ok(!matches!(run, Err(Error::RunNotFound(_))));
    }
    let id = ModelId::parse(name)?;
    let is_gone = |error: &Error| matches!(error, Error::ModelNotFound(_) | Error::Unsupported(_));
    Ok(deleted.contains(&id) || !store.logged_model(&id).as_ref().is_err_and(is_gone))
}
