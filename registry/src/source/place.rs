//! Where runs and logged models keep their artifacts, as whoever knows them tells.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Component, Path, PathBuf};

use super::uri::{self, Kind};
use crate::error::Result;
use crate::gate::RunMetrics;
use crate::id::{ModelName, VersionNumber};

/// Knows the runs and logged models that versions come from.
pub trait Sources: fmt::Debug + Send + Sync + 'static {
    /// Says where a run keeps its artifacts; nothing when there is no such run.
    ///
    /// # Errors
    /// When that cannot be found out.
    fn run(&self, run_id: &str) -> Result<Option<ArtifactPlace>>;

    /// Says where a logged model keeps its artifacts; nothing when there is no such model.
    ///
    /// # Errors
    /// When that cannot be found out.
    fn logged_model(&self, model_id: &str) -> Result<Option<ArtifactPlace>>;

    /// Notes with a logged model that it became a version, as MLflow does with the tag
    /// `mlflow.modelVersions`.
    ///
    /// # Errors
    /// When that cannot be noted; the version stays.
    fn registered(&self, model_id: &str, model: &ModelName, version: VersionNumber) -> Result<()>;
}

/// A registry by itself: there are no runs, so versions come from elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct NoTracking;

impl RunMetrics for NoTracking {
    fn metrics(&self, _: &str) -> Result<Option<BTreeMap<String, f64>>> {
        Ok(None)
    }
}

impl Sources for NoTracking {
    fn run(&self, _: &str) -> Result<Option<ArtifactPlace>> {
        Ok(None)
    }

    fn logged_model(&self, _: &str) -> Result<Option<ArtifactPlace>> {
        Ok(None)
    }

    fn registered(&self, _: &str, _: &ModelName, _: VersionNumber) -> Result<()> {
        Ok(())
    }
}

/// Where a run or a logged model keeps its artifacts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArtifactPlace {
    /// The URI that clients are told, which versions note as the place of their files.
    pub uri: String,
    /// Other names of the same place, such as the folder behind it.
    pub also: Vec<String>,
    /// The run that made a logged model.
    pub run_id: Option<String>,
}

impl ArtifactPlace {
    /// Tells whether a source lies in it.
    pub(super) fn holds(&self, source: &str) -> bool {
        holds(&self.uri, source) || holds_any(&self.also, source)
    }
}

/// Who a new version says to come from; a logged model goes before a run.
#[derive(Clone, Copy, Debug)]
pub(super) enum Owner<'a> {
    Nobody,
    Run(&'a str),
    Model(&'a str),
}

impl<'a> Owner<'a> {
    pub(super) fn of(run_id: &'a str, model_id: &'a str) -> Self {
        match (run_id, model_id) {
            ("", "") => Self::Nobody,
            (run_id, "") => Self::Run(run_id),
            (_, model_id) => Self::Model(model_id),
        }
    }

    /// Names the parameter of the request.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Nobody | Self::Run(_) => "run_id",
            Self::Model(_) => "model_id",
        }
    }

    pub(super) fn place(self, sources: &dyn Sources) -> Result<Option<ArtifactPlace>> {
        match self {
            Self::Nobody => Ok(None),
            Self::Run(id) => sources.run(id),
            Self::Model(id) => sources.logged_model(id),
        }
    }
}

pub(super) fn holds_any(roots: &[String], source: &str) -> bool {
    roots.iter().any(|root| holds(root, source))
}

/// Tells whether a source is a folder or URI, or lies below it.
pub(super) fn holds(root: &str, source: &str) -> bool {
    match (Kind::of(root), Kind::of(source)) {
        (Ok(Kind::Local(root)), Ok(Kind::Local(source))) => {
            resolved(&source).starts_with(resolved(&root))
        }
        (Ok(Kind::Local(_)), _) | (_, Ok(Kind::Local(_))) => false,
        _ => {
            let (root, source) = (uri::parts(root), uri::parts(source));
            (&root.0, &root.1) == (&source.0, &source.1)
                && !root.2.is_empty()
                && source.2.starts_with(&root.2)
                && !source.2.iter().any(|part| part == "..")
        }
    }
}

/// Follows links as far as the path exists, and takes `.` and `..` away from the rest.
fn resolved(path: &str) -> PathBuf {
    let absolute = std::path::absolute(Path::new(path)).unwrap_or_else(|_| PathBuf::from(path));
    let mut known = PathBuf::new();
    for component in absolute.components() {
        match component {
            Component::ParentDir => {
                known.pop();
            }
            Component::CurDir => {}
            other => {
                known.push(other);
                if let Ok(target) = known.canonicalize() {
                    known = target;
                }
            }
        }
    }
    known
}
