//! Models that are scored by Python, in an environment made of their own requirements.

use crate::cli::ModelUri;
use crate::command::Context;
use crate::command::progress::Display;
use crate::config::{self, known};
use crate::output::notice;
use anyhow::{Context as _, Result};
use mlctl_models::python::Worker;
use mlctl_models::{Model, ModelInfo};
use mlctl_projects::{Cancel, EnvManager, Environ, Preparation};
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The file with the environment that MLflow writes into every model folder.
const PYTHON_ENV: &str = "python_env.yaml";
const CONDA_ENV: &str = "conda.yaml";

/// Starts the worker of a model, with these variables beside those of this program.
pub(super) fn open(
    context: &Context,
    asked: &ModelUri,
    folder: &Path,
    variables: Vec<(String, String)>,
) -> Result<Model> {
    let cannot = || format!("cannot load the model `{}`", asked.uri());
    let info = mlctl_models::read_info(folder).with_context(cannot)?;
    let python = interpreter(context, asked, folder, &info).with_context(cannot)?;
    let command = move || {
        let mut command = Command::new(&python);
        if let Some(programs) = python.parent() {
            // What the model starts on its own is the environment's, too.
            let path = known::PROGRAMS.folders();
            let folders = [programs.to_owned()].into_iter().chain(env::split_paths(&path));
            command.env("PATH", env::join_paths(folders).unwrap_or(path));
        }
        command.env_remove("PYTHONHOME");
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        command
    };
    let worker = Worker::start(Box::new(command), folder).with_context(cannot)?;
    Ok(Model::new(info, Box::new(worker)))
}

/// Prepares the environment of a model; returns its interpreter.
pub(super) fn interpreter(
    context: &Context,
    asked: &ModelUri,
    folder: &Path,
    info: &ModelInfo,
) -> Result<PathBuf> {
    let environ: Environ = config::environ().collect();
    let progress = Display::new();
    let manager = asked.env_manager.map(EnvManager::from);
    let has = |name: &str| folder.join(name).is_file();
    let file = match manager {
        Some(EnvManager::Conda) => CONDA_ENV,
        // Before MLflow 1.29 there was only conda's.
        None if !has(PYTHON_ENV) && has(CONDA_ENV) => CONDA_ENV,
        _ => PYTHON_ENV,
    };
    let manager = if file == CONDA_ENV { Some(EnvManager::Conda) } else { manager };
    if manager != Some(EnvManager::Local) && !has(file) {
        let flavors = info.flavors.keys().cloned().collect::<Vec<_>>().join(", ");
        notice(&format!("the model has no {file} (its flavors: {flavors})"));
    }
    let preparation = Preparation {
        manager,
        cache_dir: &context.config.cache_dir.value,
        environ: &environ,
        progress: &progress,
        cancel: &Cancel::new(),
    };
    let python = mlctl_projects::python(folder, file, preparation);
    progress.close();
    Ok(python?)
}
