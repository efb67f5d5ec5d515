//! Where things lie in an `mlruns/` folder.
//!
//! ```text
//! mlruns/EXPERIMENT/meta.yaml, tags/KEY, datasets/ID/meta.yaml
//! mlruns/EXPERIMENT/RUN/meta.yaml, metrics/KEY, params/KEY, tags/KEY, artifacts/,
//!                       inputs/ID/meta.yaml, outputs/MODEL/meta.yaml
//! mlruns/EXPERIMENT/models/MODEL/meta.yaml, metrics/KEY, params/KEY, tags/KEY, artifacts/
//! mlruns/.trash/EXPERIMENT/…      deleted experiments
//! mlruns/.mlctl.db                our index
//! ```

use super::document::{self, META, RunDocument};
use crate::store::location::{is_of_windows, location_path, path_uri};
use crate::{Error, ExperimentId, ModelId, Result, RunId};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Deleted experiments.
pub(super) const TRASH: &str = ".trash";
/// Logged models of an experiment; in the root, MLflow's file registry.
pub(super) const MODELS: &str = "models";
/// Descriptions of datasets.
pub(super) const DATASETS: &str = "datasets";
/// Files of a run or model.
pub(super) const ARTIFACTS: &str = "artifacts";

/// Folders of an experiment that are no runs.
const NO_RUNS: [&str; 4] = ["tags", DATASETS, "traces", MODELS];

/// The paths of one store.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    root: PathBuf,
    /// Whether what is recorded as `mlflow-artifacts:` is kept outside of the store.
    has_destination: bool,
}

impl Layout {
    /// Takes the store's folder, an absolute path.
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root, has_destination: false }
    }

    /// Leaves locations behind a server's proxy to its destination.
    pub(super) fn with_destination(self) -> Self {
        Self { has_destination: true, ..self }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn active(&self, id: &ExperimentId) -> PathBuf {
        self.root.join(id.as_str())
    }

    pub(super) fn trashed(&self, id: &ExperimentId) -> PathBuf {
        self.root.join(TRASH).join(id.as_str())
    }

    /// Finds an experiment's folder, deleted or not.
    pub(super) fn experiment(&self, id: &ExperimentId) -> Result<PathBuf> {
        let places = [self.active(id), self.trashed(id)];
        let found = places.into_iter().find(|home| home.join(META).exists() && self.holds(home));
        found.ok_or_else(|| Error::ExperimentNotFound(id.clone()))
    }

    /// Lists the folders of all experiments, deleted ones included.
    pub(super) fn experiments(&self) -> Result<Vec<PathBuf>> {
        let mut folders = Vec::new();
        for parent in [self.root.clone(), self.root.join(TRASH)] {
            for name in folder_names(&parent)? {
                let folder = parent.join(&name);
                if name != TRASH && ExperimentId::parse(name).is_ok() && folder.join(META).exists()
                {
                    folders.push(folder);
                }
            }
        }
        Ok(folders)
    }

    /// Finds a run's folder, whatever experiment it is in.
    pub(super) fn find_run(&self, id: &RunId) -> Result<PathBuf> {
        let says_so = |folder: &Path| {
            let document = document::read::<RunDocument>(folder);
            // A broken document is for the reader to complain about.
            document.map_or(true, |run| run.is_some_and(|run| is_home(folder, &run.experiment_id)))
        };
        self.find_in_experiments(id.as_str(), says_so).ok_or_else(|| Error::RunNotFound(id.clone()))
    }

    /// Finds a logged model's folder, whatever experiment it is in.
    pub(super) fn find_model(&self, id: &ModelId) -> Result<PathBuf> {
        let found = self.find_in_experiments(&format!("{MODELS}/{id}"), |_| true);
        found.ok_or_else(|| Error::ModelNotFound(id.clone()))
    }

    fn find_in_experiments(
        &self,
        below_experiment: &str,
        fits: impl Fn(&Path) -> bool,
    ) -> Option<PathBuf> {
        let parents = [self.root.clone(), self.root.join(TRASH)];
        let experiments = parents.iter().filter_map(|parent| fs::read_dir(parent).ok()).flatten();
        experiments
            .flatten()
            .map(|experiment| experiment.path().join(below_experiment))
            .find(|folder| folder.join(META).exists() && self.holds(folder) && fits(folder))
    }

    /// Tells whether a folder really lies in the store, and is not reached by a link out of it.
    fn holds(&self, folder: &Path) -> bool {
        let Ok(real) = fs::canonicalize(folder) else { return false };
        let is_below = |root: &Path| real.starts_with(root);
        let held = is_below(&self.root) || fs::canonicalize(&self.root).is_ok_and(|r| is_below(&r));
        if !held {
            tracing::warn!(folder = %folder.display(), "not following a link that leads out of \
                                                        the store");
        }
        held
    }

    /// Settles where a run's or model's artifacts are, whose folder is `folder`.
    pub(super) fn settle(&self, folder: &Path, recorded: &str) -> String {
        self.settle_at(&folder.join(ARTIFACTS), recorded)
    }

    /// Settles where the artifacts of an experiment's new runs go, whose folder is `home`.
    pub(super) fn settle_home(&self, home: &Path, recorded: &str) -> String {
        self.settle_at(home, recorded)
    }

    /// A recorded location that ends like the place `here` was here before the store was moved or
    /// copied, unless its experiment's folder there is one of artifacts only: then the store keeps
    /// them apart.
    fn settle_at(&self, here: &Path, recorded: &str) -> String {
        let Ok(inside) = here.strip_prefix(&self.root) else { return recorded.to_owned() };
        let inside = inside.strip_prefix(TRASH).unwrap_or(inside);
        let Some(path) = location_path(recorded) else {
            let is_proxied = recorded.starts_with("mlflow-artifacts:");
            let is_ours = recorded.is_empty() || (is_proxied && !self.has_destination);
            return if is_ours { path_uri(here) } else { recorded.to_owned() };
        };
        if is_of_windows(recorded) {
            let path = PathBuf::from(recorded.replace('\\', "/"));
            return if path.ends_with(inside) { path_uri(here) } else { recorded.to_owned() };
        }
        if path == here || !path.ends_with(inside) {
            return recorded.to_owned();
        }
        let depth = inside.components().count().saturating_sub(1);
        let kept_apart = path
            .ancestors()
            .nth(depth)
            .is_some_and(|home| home.is_dir() && !home.join(META).exists());
        if kept_apart { recorded.to_owned() } else { path_uri(here) }
    }
}

/// Tells whether a run's folder lies in that of its experiment, and is no copy.
fn is_home(folder: &Path, experiment_id: &str) -> bool {
    let home = folder.parent().and_then(Path::file_name);
    home.is_some_and(|name| name == experiment_id)
}

/// Lists the runs of an experiment's folder by their folders' names.
pub(super) fn run_names(experiment: &Path) -> Result<Vec<String>> {
    let mut names = folder_names(experiment)?;
    names.retain(|name| !NO_RUNS.contains(&name.as_str()) && RunId::parse(name.as_str()).is_ok());
    Ok(names)
}

/// Lists the folders in `parent`; none when it does not exist.
pub(super) fn folder_names(parent: &Path) -> Result<Vec<String>> {
    let listing = match fs::read_dir(parent) {
        Ok(listing) => listing,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => {
            return Err(Error::backend(format!("cannot list `{}`", parent.display()), error));
        }
    };
    // A link to a folder here counts as one, as it does for MLflow; one that leads elsewhere could
    // show what is not the store's.
    let is_folder = |entry: &fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_symlink() => leads_into(&entry.path(), parent),
        Ok(kind) => kind.is_dir(),
        Err(_) => false,
    };
    Ok(listing
        .flatten()
        .filter(is_folder)
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect())
}

fn leads_into(link: &Path, parent: &Path) -> bool {
    let (Ok(target), Ok(parent)) = (fs::canonicalize(link), fs::canonicalize(parent)) else {
        return false;
    };
    target.starts_with(parent) && target.is_dir()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(recorded: &str, want: &str) {
        let layout = Layout::new(PathBuf::from("/now/ml runs"));
        let folder = Path::new("/now/ml runs/0/abc");
        assert_eq!(layout.settle(folder, recorded), want, "for {recorded}");
    }

    #[test]
    fn locations_inside_the_store_move_with_it() {
        let here = "file:///now/ml%20runs/0/abc/artifacts";
        check("file:///then/mlruns/0/abc/artifacts", here);
        check("/then/mlruns/0/abc/artifacts", here);
        check("mlflow-artifacts:/0/abc/artifacts", here);
        check("", here);
        check("/data/abc/artifacts", "/data/abc/artifacts");
        check("s3://bucket/0/abc/artifacts", "s3://bucket/0/abc/artifacts");
        check(r"C:\work\mlruns\0\abc\artifacts", here);
        check("C:/work/mlruns/0/abc/artifacts", here);
        check(r"\\host\share\mlruns\0\abc\artifacts", here);
        check(r"C:\work\mlruns\1\abc\artifacts", r"C:\work\mlruns\1\abc\artifacts");
    }
}
