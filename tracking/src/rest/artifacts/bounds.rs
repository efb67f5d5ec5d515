//! What a change through the proxy may be about.
//!
//! A destination is one tree for everybody, so a path that is short or normalises to something
//! short would reach the artifacts of many runs at once. A delete names something inside the
//! artifacts of one run or logged model; the whole of them goes only with an owner that is deleted.

use crate::entity::LifecycleStage;
use crate::rest::Service;
use crate::rest::serve_location::proxied_path;
use crate::{Error, ExperimentId, ModelId, Result, RunId};
use mlctl_artifacts::{ArtifactPath, ArtifactStore};
use std::sync::Arc;

/// The folder of a run or logged model that holds its artifacts.
const ARTIFACTS: &str = "artifacts";
/// The folder of an experiment that holds logged models.
const MODELS: &str = "models";

impl Service {
    /// Opens what a client wants to delete: the store, and the path in it.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the path is not inside the artifacts of one run or logged model,
    /// nor all artifacts of one that is deleted.
    pub(super) fn open_to_delete(
        &self,
        path: &str,
    ) -> Result<(Arc<dyn ArtifactStore>, ArtifactPath)> {
        self.check_deletable(&ArtifactPath::parse(path)?)?;
        self.open_proxied(path)
    }

    /// Opens the file that a client wants to write: the store, and the path in it.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the path is the root, or the folder of an experiment, a run, a
    /// logged model or their artifacts.
    pub(super) fn open_to_write(
        &self,
        path: &str,
    ) -> Result<(Arc<dyn ArtifactStore>, ArtifactPath)> {
        if is_folder_of_layout(&ArtifactPath::parse(path)?) {
            let rule = "this is a folder, so no file can have its name: use a path of a file \
                        below the artifacts of one run or logged model";
            return Err(Error::invalid("artifact path", path, rule));
        }
        self.open_proxied(path)
    }

    fn check_deletable(&self, path: &ArtifactPath) -> Result<()> {
        let parts: Vec<&str> = path.components().collect();
        let ends = (1..parts.len()).filter(|at| parts[*at] == ARTIFACTS);
        for end in ends {
            let (home, rest) = parts.split_at(end + 1);
            let state = self.state_of_owner(home)?;
            match (state, rest.is_empty()) {
                (Some(_), false) | (Some(LifecycleStage::Deleted), true) => return Ok(()),
                (Some(LifecycleStage::Active), true) => {
                    let rule = "its owner is active: delete the run or logged model first, or \
                                use the path of a file or folder below";
                    return Err(Error::invalid("path to delete", path.as_str(), rule));
                }
                // A run of another store, whose artifacts are kept here too.
                (None, false) if is_artifacts_of_layout(home) => return Ok(()),
                (None, _) => {}
            }
        }
        let rule = "it must be the path of a file or folder below the artifacts of one run or \
                    logged model, such as EXPERIMENT/RUN/artifacts/model";
        Err(Error::invalid("path to delete", path.as_str(), rule))
    }

    /// Finds the run or logged model whose artifacts are at `home`, and whether it is active.
    fn state_of_owner(&self, home: &[&str]) -> Result<Option<LifecycleStage>> {
        let name = match home {
            [.., MODELS, model, _] => return self.state_of_model(model, home),
            [.., run, _] => *run,
            _ => return Ok(None),
        };
        let Ok(id) = RunId::parse(name) else { return Ok(None) };
        match self.store.run(&id) {
            Ok(run) if self.leads_to(&run.info.artifact_uri, home)? => {
                self.state_within(run.info.lifecycle_stage, &run.info.experiment_id).map(Some)
            }
            Ok(_) | Err(Error::RunNotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn state_of_model(&self, name: &str, home: &[&str]) -> Result<Option<LifecycleStage>> {
        let Ok(id) = ModelId::parse(name) else { return Ok(None) };
        match self.store.logged_model(&id) {
            Ok(model) if self.leads_to(&model.artifact_uri, home)? => {
                return self.state_within(LifecycleStage::Active, &model.experiment_id).map(Some);
            }
            Ok(_) => return Ok(None),
            Err(Error::ModelNotFound(_) | Error::Unsupported(_)) => {}
            Err(error) => return Err(error),
        }
        let deleted = self.store.deleted(None)?.models;
        match deleted.iter().find(|model| model.model_id == id) {
            Some(model) if self.leads_to(&model.artifact_uri, home)? => {
                Ok(Some(LifecycleStage::Deleted))
            }
            _ => Ok(None),
        }
    }

    /// What is in a deleted experiment is deleted with it.
    fn state_within(&self, own: LifecycleStage, id: &ExperimentId) -> Result<LifecycleStage> {
        match own {
            LifecycleStage::Deleted => Ok(own),
            LifecycleStage::Active => Ok(self.store.experiment(id)?.lifecycle_stage),
        }
    }

    /// Tells whether clients know a recorded location by this path.
    fn leads_to(&self, location: &str, home: &[&str]) -> Result<bool> {
        let outward = self.served.outward(location);
        Ok(proxied_path(&outward)?.is_some_and(|path| path.components().eq(home.iter().copied())))
    }
}

/// Tells whether a path is, in MLflow's layout, the root or a folder above somebody's artifacts.
fn is_folder_of_layout(path: &ArtifactPath) -> bool {
    let parts: Vec<&str> = path.components().collect();
    match parts.as_slice() {
        [] => true,
        [experiment] | [experiment, MODELS] => is_number(experiment),
        [experiment, run] => is_number(experiment) && is_run(run),
        [experiment, MODELS, model] => is_number(experiment) && is_model(model),
        home => is_artifacts_of_layout(home),
    }
}

/// Tells whether a path is, in MLflow's layout, the folder with one owner's artifacts.
fn is_artifacts_of_layout(home: &[&str]) -> bool {
    match home {
        [experiment, run, ARTIFACTS] => is_number(experiment) && is_run(run),
        [experiment, MODELS, model, ARTIFACTS] => is_number(experiment) && is_model(model),
        _ => false,
    }
}

fn is_number(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_run(name: &str) -> bool {
    name.len() == 32 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_model(name: &str) -> bool {
    name.strip_prefix("m-").is_some_and(is_run)
}
