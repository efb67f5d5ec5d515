//! `mlctl registry import`.

use crate::command::Context;
use crate::failure::Hinted;
use crate::output::table;
use crate::stores::{self, Missing};
use anyhow::Result;
use mlctl_registry::{Error, files};
use serde::Serialize;
use std::path::Path;

/// A model that was found.
#[derive(Debug, Serialize)]
struct Found {
    name: String,
    versions: usize,
    outcome: &'static str,
}

/// Takes over what MLflow's registry of files holds. A model that is there already is left alone.
pub(super) fn import(context: &Context, folder: &Path, dry_run: bool) -> Result<()> {
    let below = folder.join("models");
    let folder = if below.is_dir() { below.as_path() } else { folder };
    let models = files::read(folder)?;
    if models.is_empty() {
        let missing = match below.is_dir() {
            true => String::new(),
            false => format!(": `{}` does not exist", below.display()),
        };
        return Err(Hinted::error(
            format!("there are no registered models in `{}`{missing}", folder.display()),
            "pass an mlruns folder that MLflow wrote, or the `models` folder in it",
        ));
    }
    let store = stores::registry(&context.config, Missing::Make)?;
    let why = format!("imported from {}", std::path::absolute(folder)?.display());
    let mut found = Vec::new();
    for model in &models {
        let outcome = match (store.get_model(model.name()), dry_run) {
            (Ok(_), _) => "exists already",
            (Err(Error::ModelNotFound(_)), true) => "would be imported",
            (Err(Error::ModelNotFound(_)), false) => {
                model.take_over(store.as_ref(), &context.config.user.value, &why)?;
                "imported"
            }
            (Err(error), _) => return Err(error.into()),
        };
        let (name, versions) = (model.name().to_string(), model.versions());
        found.push(Found { name, versions, outcome });
    }
    context.output.show(&found, |found| {
        let row =
            |one: &Found| vec![one.name.clone(), one.versions.to_string(), one.outcome.to_owned()];
        table(&["MODEL", "VERSIONS", ""], found.iter().map(row).collect(), "")
    })
}
