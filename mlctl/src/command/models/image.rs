//! `mlctl models build-image`: a container image of a model.

use crate::cli::BuildImageArgs;
use crate::command::Context;
use crate::command::image::{self, Names, Purpose};
use crate::failure::Hinted;
use crate::resolve;
use anyhow::{Context as _, Result};
use mlctl_artifacts::{ArtifactPath, ArtifactStore, LocalArtifacts, walk};
use mlctl_models::Error as ModelError;
use mlctl_models::{Manifest, Model};
use mlctl_oci::{Content, Entry, Opened};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// Where the model lies in an image, as in MLflow's images, from the root.
pub(super) const MODEL: &str = "opt/ml/model";

pub(super) fn build(context: &Context, args: &BuildImageArgs) -> Result<()> {
    let names = Names::parse(&args.image)?;
    let folder = resolve::fetch(context, args.which.uri())?;
    let model = runnable(args.which.uri(), &folder.path)?;
    let cannot = || format!("cannot pack the model in `{}`", folder.path.display());
    let store = LocalArtifacts::open(&folder.path).with_context(cannot)?;
    let port = args.port.to_string();
    let path = format!("/{MODEL}");
    let serve = ["models", "serve", &path, "--host", "0.0.0.0", "--port", &port];
    let purpose = Purpose {
        entries: entries(&store).with_context(cannot)?,
        origin: "the model",
        arguments: serve.map(str::to_owned).to_vec(),
        // Whoever publishes the container's port says under which names it is reached.
        env: vec![("MLFLOW_SERVER_ALLOWED_HOSTS", "*".to_owned())],
        port: args.port,
        working_dir: "/",
        volumes: Vec::new(),
        health: None,
        labels: labels(&folder.path, &model)?,
    };
    image::build(context, &args.image, names, purpose, &format!("-p 5001:{port}"))
}

/// Loads the model, so that no image is made of one that will not run.
pub(super) fn runnable(uri: &str, folder: &Path) -> Result<Model> {
    mlctl_models::load(folder).map_err(|error| match error {
        ModelError::NoFlavor { .. }
        | ModelError::UnsupportedOperators { .. }
        | ModelError::UnsupportedGraph { .. }
        | ModelError::UnsupportedModel { .. } => Hinted::error(
            format!("mlctl cannot run the model `{uri}` without Python: {error}"),
            format!("`mlctl models build-docker -m {uri}` prints a Dockerfile with Python"),
        ),
        other => anyhow::Error::new(other).context(format!("cannot load the model `{uri}`")),
    })
}

/// Lists the files of a model's folder. Links in it are followed as long as they stay in it.
fn entries(store: &LocalArtifacts) -> Result<Vec<Entry<'_>>> {
    let found = walk(store, &ArtifactPath::root())?;
    let entries = found.into_iter().map(|info| {
        let path = info.path.clone();
        let open = move || {
            let artifact = store.open(&path).map_err(io::Error::other)?;
            Ok(Opened { bytes: artifact.size, content: Box::new(artifact.content) })
        };
        Entry::file(format!("{MODEL}/{}", info.path), Content::Stream(Box::new(open)))
    });
    Ok(entries.collect())
}

/// Says what the model is, by nothing that is elsewhere on another machine.
fn labels(folder: &Path, model: &Model) -> Result<BTreeMap<&'static str, String>> {
    let mut labels = BTreeMap::from([
        ("org.opencontainers.image.title", "MLflow model".to_owned()),
        (
            "org.opencontainers.image.description",
            format!("An MLflow model ({}), served by mlctl at /invocations", model.flavor()),
        ),
        ("mlctl.model.flavor", model.flavor().to_owned()),
        ("mlctl.model.sha256", Manifest::read(folder)?.digest()),
    ]);
    if let Some(id) = &model.info.model_id {
        labels.insert("mlctl.model.id", id.clone());
    }
    Ok(labels)
}
