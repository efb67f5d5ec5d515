//! Deleting for good what is in the deleted state, artifacts included: what `mlctl gc` does.
//!
//! The order is what makes it safe: artifacts go first and what refers to them last, so that after
//! a kill in between the rest is still found by doing it again. Nothing here decides where a
//! location is; the caller opens it.

mod orphans;

pub use orphans::{Ground, Orphan, find_orphans};

use crate::entity::{Experiment, RunInfo, ViewType};
use crate::search::{ExperimentQuery, LoggedModelQuery, RunQuery};
use crate::store::{DeletedModel, Millis};
use crate::{Error, ExperimentId, ModelId, Result, RunId, TrackingStore};
use mlctl_artifacts::{ArtifactPath, ArtifactStore};
use mlctl_wire::limits;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Opens the artifacts at a location.
pub type Open<'a> = &'a dyn Fn(&str) -> Result<Arc<dyn ArtifactStore>>;

/// What to delete for good.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Only what was deleted then or earlier.
    pub before: Option<Millis>,
    /// These runs.
    pub runs: Vec<RunId>,
    /// These experiments, with everything in them.
    pub experiments: Vec<ExperimentId>,
    /// These logged models.
    pub models: Vec<ModelId>,
}

/// What is to be deleted for good, in the order of doing it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selected {
    /// Runs, those of the experiments included.
    pub runs: Vec<RunInfo>,
    /// Logged models, those of the experiments included.
    pub models: Vec<DeletedModel>,
    /// Experiments.
    pub experiments: Vec<Experiment>,
}

impl Wanted {
    /// Finds what is meant: everything in the deleted state when nothing is named, else what is
    /// named.
    ///
    /// # Errors
    /// [`Error::NotDeleted`] when something that is named is active, [`Error::TooYoung`] when it
    /// was deleted after `before`, and what the store says of what is not there.
    pub fn select(&self, store: &dyn TrackingStore) -> Result<Selected> {
        let due = store.deleted(self.before)?;
        let all = if self.before.is_some() { store.deleted(None)? } else { due.clone() };
        let names_some =
            !(self.runs.is_empty() && self.experiments.is_empty() && self.models.is_empty());
        let mut selected = Selected::default();
        if names_some {
            for id in &self.runs {
                let is_it = |run: &RunInfo| &run.run_id == id;
                let known = || store.run(id).map(drop);
                selected.runs.push(named(("run", id), is_it, (&due.runs, &all.runs), known)?);
            }
            for id in &self.models {
                let is_it = |model: &DeletedModel| &model.model_id == id;
                let known = || store.logged_model(id).map(drop);
                let lists = (due.models.as_slice(), all.models.as_slice());
                selected.models.push(named(("logged model", id), is_it, lists, known)?);
            }
            for id in &self.experiments {
                let is_it = |one: &Experiment| &one.experiment_id == id;
                let known = || store.experiment(id).map(drop);
                let lists = (due.experiments.as_slice(), all.experiments.as_slice());
                selected.experiments.push(named(("experiment", id), is_it, lists, known)?);
            }
        } else {
            selected.runs = due.runs;
            selected.models = due.models;
            selected.experiments = due.experiments;
        }
        selected.with_contents(store, &all.models)
    }
}

/// Finds what an id names among what is due.
fn named<T: Clone>(
    (what, id): (&'static str, &impl std::fmt::Display),
    is_it: impl Fn(&T) -> bool,
    (due, all): (&[T], &[T]),
    known: impl FnOnce() -> Result<()>,
) -> Result<T> {
    if let Some(found) = due.iter().find(|one| is_it(one)) {
        return Ok(found.clone());
    }
    let what = format!("{what} `{id}`");
    if all.iter().any(is_it) {
        return Err(Error::TooYoung { what });
    }
    known()?;
    Err(Error::NotDeleted { what })
}

impl Selected {
    /// Adds what goes with the experiments: all their runs and models, whatever their state.
    fn with_contents(
        self,
        store: &dyn TrackingStore,
        deleted_models: &[DeletedModel],
    ) -> Result<Self> {
        let mut runs: BTreeMap<RunId, RunInfo> =
            self.runs.into_iter().map(|run| (run.run_id.clone(), run)).collect();
        let mut models: BTreeMap<ModelId, DeletedModel> =
            self.models.into_iter().map(|model| (model.model_id.clone(), model)).collect();
        for experiment in &self.experiments {
            let id = &experiment.experiment_id;
            for run in runs_of(store, id)? {
                runs.insert(run.run_id.clone(), run);
            }
            for model in models_of(store, id)? {
                models.insert(model.model_id.clone(), model);
            }
            for model in deleted_models.iter().filter(|model| &model.experiment_id == id) {
                models.insert(model.model_id.clone(), model.clone());
            }
        }
        Ok(Self {
            runs: runs.into_values().collect(),
            models: models.into_values().collect(),
            experiments: self.experiments,
        })
    }
}

fn runs_of(store: &dyn TrackingStore, id: &ExperimentId) -> Result<Vec<RunInfo>> {
    let mut query = RunQuery::of(vec![id.clone()]);
    query.view = ViewType::All;
    query.max_results = limits::PAGE_ROWS_MAX;
    let mut runs = Vec::new();
    loop {
        let page = store.search_runs(&query)?;
        runs.extend(page.items.into_iter().map(|run| run.info));
        match page.next_page_token {
            None => return Ok(runs),
            token => query.page_token = token,
        }
    }
}

/// Finds the models of an experiment that are active; none in a file that has no tables for them.
fn models_of(store: &dyn TrackingStore, id: &ExperimentId) -> Result<Vec<DeletedModel>> {
    /// Models of one page.
    const PAGE: usize = 50;
    let mut query = LoggedModelQuery {
        experiment_ids: vec![id.clone()],
        filter: String::new(),
        datasets: Vec::new(),
        order_by: Vec::new(),
        max_results: PAGE,
        page_token: None,
    };
    let mut models = Vec::new();
    loop {
        let page = match store.search_logged_models(&query) {
            Err(Error::Unsupported(_)) => return Ok(models),
            page => page?,
        };
        models.extend(page.items.into_iter().map(|model| DeletedModel {
            model_id: model.model_id,
            experiment_id: model.experiment_id,
            artifact_uri: model.artifact_uri,
        }));
        match page.next_page_token {
            None => return Ok(models),
            token => query.page_token = token,
        }
    }
}

/// Lists all experiments, deleted ones included.
fn all_experiments(store: &dyn TrackingStore) -> Result<Vec<Experiment>> {
    let mut query = ExperimentQuery {
        view: ViewType::All,
        max_results: limits::PAGE_ROWS_MAX,
        ..ExperimentQuery::default()
    };
    let mut experiments = Vec::new();
    loop {
        let page = store.search_experiments(&query)?;
        experiments.extend(page.items);
        match page.next_page_token {
            None => return Ok(experiments),
            token => query.page_token = token,
        }
    }
}

/// Deletes the artifacts of a run or logged model, which are at `location`.
///
/// # Errors
/// [`Error::Unsupported`] when the location is not the owner's alone, so that deleting it would
/// take files of others along; and what opening and deleting report.
pub fn delete_artifacts(location: &str, owner: &str, open: Open<'_>) -> Result<()> {
    if !location.split('/').any(|part| part == owner) {
        return Err(Error::Unsupported(format!(
            "`{location}` is not named after its owner and may contain other files"
        )));
    }
    Ok(open(location)?.delete(&ArtifactPath::root())?)
}

/// Deletes the folder that held the artifacts of an owner that is deleted for good already.
///
/// Only a folder that is named after the owner goes; another location is left as it is.
///
/// # Errors
/// What opening and deleting report.
pub fn delete_folder(location: &str, owner: &str, open: Open<'_>) -> Result<()> {
    let Some(parent) = location.strip_suffix(&format!("/{owner}/artifacts")) else {
        return Ok(());
    };
    match open(parent)?.delete(&ArtifactPath::parse(owner)?) {
        Err(mlctl_artifacts::Error::NotFound { .. }) => Ok(()),
        deleted => Ok(deleted?),
    }
}

/// Adds up the sizes of all files below a path, in bytes.
///
/// # Errors
/// What listing reports.
pub fn bytes_below(artifacts: &dyn ArtifactStore, path: &ArtifactPath) -> Result<u64> {
    let mut bytes = 0;
    let mut folders = vec![path.clone()];
    while let Some(folder) = folders.pop() {
        for info in artifacts.list(&folder)? {
            match info.is_dir {
                true => folders.push(info.path),
                false => bytes += info.file_size.unwrap_or_default(),
            }
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
