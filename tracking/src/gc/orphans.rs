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
    /// Returns where the folder is.
    pub fn place(&self) -> String {
        format!("{}/{}", self.location.trim_end_matches('/'), self.path)
    }

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

/// Where orphans may be, and who else may own what looks like one.
pub struct Ground<'a> {
    /// The places that are the store's own, each of which holds folders of experiments.
    pub roots: &'a [String],
    /// Tells whether a location lies inside of these places; a client may have given an experiment
    /// any location.
    pub is_own: &'a dyn Fn(&str) -> bool,
    /// Tells whether another store there knows a run or logged model of this id.
    pub is_known: &'a dyn Fn(&str) -> Result<bool>,
    /// Opens a location.
    pub open: Open<'a>,
}

impl std::fmt::Debug for Ground<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ground").field("roots", &self.roots).finish_non_exhaustive()
    }
}

/// Finds the folders that are named like a run or a logged model and belong to none, where the
/// experiments keep their artifacts below the store's own roots, and in the roots the folders of
/// experiments that are gone.
///
/// A location that cannot be looked at, or is not the store's own, is passed to `unseen`. A folder
/// with a document (`meta.yaml`) is never one: it belongs to a file store.
///
/// # Errors
/// What the store reports, and what [`Ground::is_known`] does.
pub fn find_orphans(
    store: &dyn TrackingStore,
    ground: &Ground<'_>,
    unseen: &mut dyn FnMut(&str, Error),
) -> Result<Vec<Orphan>> {
    let experiments = all_experiments(store)?;
    let mut places: BTreeSet<String> =
        experiments.into_iter().map(|one| one.artifact_location).collect();
    let mut candidates = Vec::new();
    for root in ground.roots {
        match lost_experiments(store, root, &places, ground.open) {
            Ok(folders) => candidates.extend(folders),
            Err(error) => unseen(root, error),
        }
    }
    // What has no location is nowhere.
    places.remove("");
    for place in &places {
        if !(ground.is_own)(place) {
            let why = "it is not inside the artifact folder of the store";
            unseen(place, Error::Unsupported(why.to_owned()));
            continue;
        }
        match below_experiment(place, ground.open) {
            Ok(folders) => candidates.extend(folders),
            Err(error) => unseen(place, error),
        }
    }
    // Folders first, owners second: a run that is made meanwhile is there before its folder.
    let deleted: Vec<DeletedModel> = store.deleted(None)?.models;
    let deleted: HashSet<ModelId> = deleted.into_iter().map(|model| model.model_id).collect();
    let mut found = Vec::new();
    for mut candidate in candidates {
        let mut owned = false;
        for path in &candidate.owners {
            let name = path.file_name().unwrap_or_default();
            owned = owned || is_owned(store, name, &deleted)? || (ground.is_known)(name)?;
        }
        if !owned {
            let orphan = &mut candidate.orphan;
            orphan.bytes = bytes_below(orphan.artifacts.as_ref(), &orphan.path)?;
            found.push(candidate.orphan);
        }
    }
    Ok(found)
}

/// A folder that is an orphan when nobody knows any of its owners.
struct Candidate {
    orphan: Orphan,
    /// The folders in it, or itself, that are named like runs and logged models.
    owners: Vec<ArtifactPath>,
}

/// Lists the folders in an experiment's place that are named like runs and logged models.
fn below_experiment(place: &str, open: Open<'_>) -> Result<Vec<Candidate>> {
    let artifacts = open(place)?;
    let mut folders = folders_in(artifacts.as_ref(), &ArtifactPath::root())?;
    folders.retain(is_like_run);
    let models = folders_in(artifacts.as_ref(), &ArtifactPath::parse(MODELS)?)?;
    folders.extend(models.into_iter().filter(is_like_model));
    let mut candidates = Vec::new();
    for path in folders {
        if !has_document(artifacts.as_ref(), &path)? {
            let owners = vec![path.clone()];
            candidates.push(Candidate { orphan: orphan(place, path, &artifacts), owners });
        }
    }
    Ok(candidates)
}

/// Finds the folders in a root that are named like experiments and hold nothing but what looks
/// like runs and logged models.
fn lost_experiments(
    store: &dyn TrackingStore,
    root: &str,
    places: &BTreeSet<String>,
    open: Open<'_>,
) -> Result<Vec<Candidate>> {
    let artifacts = open(root)?;
    let mut lost = Vec::new();
    for path in folders_in(artifacts.as_ref(), &ArtifactPath::root())? {
        let name = path.as_str();
        let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
        let is_place = places.iter().any(|place| place.trim_end_matches('/').ends_with(name));
        if !is_number || is_place || exists(store, name)? {
            continue;
        }
        if let Some(owners) = only_owners(artifacts.as_ref(), &path)? {
            lost.push(Candidate { orphan: orphan(root, path, &artifacts), owners });
        }
    }
    Ok(lost)
}

/// Lists the runs and logged models that an experiment's folder looks like it holds; none when
/// there is nothing, or something else, or one that belongs to a file store.
fn only_owners(
    artifacts: &dyn ArtifactStore,
    experiment: &ArtifactPath,
) -> Result<Option<Vec<ArtifactPath>>> {
    let mut owners = Vec::new();
    for info in artifacts.list(experiment)? {
        if info.is_dir && info.path.file_name() == Some(MODELS) {
            let models = artifacts.list(&info.path)?;
            if !models.iter().all(|model| model.is_dir && is_like_model(&model.path)) {
                return Ok(None);
            }
            owners.extend(models.into_iter().map(|model| model.path));
        } else if info.is_dir && is_like_run(&info.path) {
            owners.push(info.path);
        } else {
            return Ok(None);
        }
    }
    for owner in &owners {
        if has_document(artifacts, owner)? {
            return Ok(None);
        }
    }
    Ok((!owners.is_empty()).then_some(owners))
}

fn has_document(artifacts: &dyn ArtifactStore, folder: &ArtifactPath) -> Result<bool> {
    match artifacts.info(&folder.join(&ArtifactPath::parse(DOCUMENT)?)) {
        Ok(_) => Ok(true),
        Err(mlctl_artifacts::Error::NotFound { .. }) => Ok(false),
        // What is there and cannot be looked at is no orphan.
        Err(_) => Ok(true),
    }
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

fn is_owned(store: &dyn TrackingStore, name: &str, deleted: &HashSet<ModelId>) -> Result<bool> {
    if is_hex_id(name) {
        let run = store.run(&RunId::parse(name)?);
        return Ok(!matches!(run, Err(Error::RunNotFound(_))));
    }
    let id = ModelId::parse(name)?;
    let is_gone = |error: &Error| matches!(error, Error::ModelNotFound(_) | Error::Unsupported(_));
    Ok(deleted.contains(&id) || !store.logged_model(&id).as_ref().is_err_and(is_gone))
}
