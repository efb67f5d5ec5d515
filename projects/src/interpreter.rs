//! A Python for a folder that describes an environment, without a project around it.

use std::path::{Path, PathBuf};

use crate::{
    Cancel, EnvManager, Environ, Environment, Error, Progress, Result, Strictness,
    env::{self, Plan},
    tool::Workbench,
};

/// What an environment is prepared with.
#[derive(Clone, Copy)]
pub struct Preparation<'a> {
    /// What prepares it; by default uv when it is there, else `venv`.
    pub manager: Option<EnvManager>,
    /// Where environments are kept, in `envs/`.
    pub cache_dir: &'a Path,
    /// The variables that tools get.
    pub environ: &'a Environ,
    /// Who watches.
    pub progress: &'a dyn Progress,
    /// What ends a tool early.
    pub cancel: &'a Cancel,
}

impl std::fmt::Debug for Preparation<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Preparation").field("manager", &self.manager).finish_non_exhaustive()
    }
}

/// Prepares the environment that a file in `folder` describes, and returns its Python.
///
/// `file` is a `python_env.yaml` or, with conda, a `conda.yaml`. The environment is kept and found
/// again by everything that it depends on. With [`EnvManager::Local`] the Python is the one of
/// `PATH`.
///
/// # Errors
/// A file that cannot be understood; a tool that is missing or fails; no Python on `PATH`.
pub fn python(folder: &Path, file: &str, with: Preparation<'_>) -> Result<PathBuf> {
    if with.manager == Some(EnvManager::Local) {
        let found = with.environ.find("python3").or_else(|| with.environ.find("python"));
        return found.ok_or_else(missing);
    }
    let wanted = match with.manager {
        Some(EnvManager::Conda) => Environment::Conda(file.to_owned()),
        _ => Environment::Python(file.to_owned()),
    };
    let plan = Plan::make(&wanted, folder, with.manager, with.environ)?;
    let bench = Workbench { environ: with.environ, progress: with.progress, cancel: with.cancel };
    let cache = with.cache_dir.join("envs");
    let prepared = env::prepare(&plan, folder, &cache, Strictness::Lenient, &bench)?;
    match prepared.folder {
        Some(folder) => Ok(folder.join("bin/python")),
        None => Err(missing()),
    }
}

fn missing() -> Error {
    Error::ToolNotFound {
        programs: vec!["python3".to_owned(), "python".to_owned()],
        purpose: "run Python".to_owned(),
    }
}
