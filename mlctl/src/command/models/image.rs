//! `mlctl models build-image`: a container image of a model, made by mlctl alone.

mod content;
mod login;

pub(super) use content::{LIBRARIES, MODEL, PROGRAM, Program, USER};

use super::predict;
use crate::cli::BuildImageArgs;
use crate::command::Context;
use crate::config;
use crate::failure::Hinted;
use crate::output::bytes;
use crate::resolve;
use anyhow::{Context as _, Result};
use jiff::Timestamp;
use mlctl_models::Error as ModelError;
use mlctl_models::{Manifest, Model};
use mlctl_oci::push::{Options, Pushed, push};
use mlctl_oci::{Base, Digest, Image, Recipe, Reference, Settings, write_archive};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::thread;

pub(super) fn build(context: &Context, args: &BuildImageArgs) -> Result<()> {
    let target = args.push.as_deref().map(Reference::parse).transpose()?;
    let name = match (&args.tag, &target) {
        (Some(tag), _) => Reference::parse(tag)?,
        (None, Some(target)) => target.clone(),
        (None, None) => return Err(Hinted::usage("the image has no name", "give --tag NAME")),
    };
    // What fails in the end should fail before minutes are spent.
    let target = target.map(|target| with_login(target, args)).transpose()?;
    let folder = resolve::fetch(context, args.which.uri())?;
    let model = runnable(args.which.uri(), &folder.path)?;
    let scratch = scratch(args.output.as_deref())?;
    let image = image(args, &folder.path, &model, &scratch)?;
    if let Some(output) = &args.output {
        let cannot = || format!("cannot write `{}`", output.display());
        let (draft, file) = predict::draft(output)?;
        let out = BufWriter::with_capacity(1 << 18, file);
        write_archive(&image, &name, out).with_context(cannot)?;
        predict::keep(draft, output)?;
    }
    let pushed = target.map(|(to, options)| send(&image, to, &options)).transpose()?;
    show(context, args, &image, &name, pushed.as_ref())
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

/// Returns the folder for what is too large for memory: where there must be room anyway.
fn scratch(output: Option<&Path>) -> Result<PathBuf> {
    let Some(output) = output else { return Ok(config::temporary_folder()) };
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty());
    Ok(folder.unwrap_or(Path::new(".")).to_owned())
}

fn image(args: &BuildImageArgs, model: &Path, loaded: &Model, scratch: &Path) -> Result<Image> {
    let program = Program::of_this()?;
    let platform = program.platform()?;
    let base = args.base.as_deref().map(|path| {
        let cannot = || format!("cannot use `{}`", path.display());
        let file = File::open(path).with_context(cannot)?;
        Base::open(file, &platform, scratch).with_context(cannot)
    });
    let base = base.transpose()?;
    let is_alone = base.is_none();
    let seconds = args.created;
    // The two have nothing to do with each other, and gzip takes its time.
    let (runtime, model_layer) = thread::scope(|scope| {
        let runtime = scope.spawn(|| content::runtime(&program, is_alone, seconds, scratch));
        let model = content::model(model, seconds, scratch);
        (runtime.join(), model)
    });
    let runtime = runtime.map_err(|_| anyhow::anyhow!("packing mlctl was interrupted"))??;
    let created = Timestamp::from_second(seconds.try_into()?)?;
    let recipe = Recipe {
        platform,
        base,
        layers: vec![
            (runtime, format!("mlctl {} and its libraries", env!("CARGO_PKG_VERSION"))),
            (model_layer?, "the model".to_owned()),
        ],
        settings: settings(&program, args.port, is_alone, labels(model, loaded, created)?),
        created,
    };
    Ok(recipe.build()?)
}

fn settings(
    program: &Program,
    port: u16,
    is_alone: bool,
    labels: BTreeMap<String, String>,
) -> Settings {
    let mut env = vec![
        ("HOME", "/tmp".to_owned()),
        // Whoever publishes the container's port says under which names it is reached.
        ("MLFLOW_SERVER_ALLOWED_HOSTS", "*".to_owned()),
    ];
    if is_alone {
        // With other programs in the image, each has libraries of its own.
        env.push(("PATH", format!("/{}", content::folder_of(PROGRAM))));
        env.push(("LD_LIBRARY_PATH", format!("/{LIBRARIES}")));
    }
    let entrypoint = match is_alone {
        true => vec![format!("/{PROGRAM}")],
        false => program.command(),
    };
    let serve = ["models", "serve", MODEL_PATH, "--host", "0.0.0.0", "--port"].map(str::to_owned);
    Settings {
        entrypoint: Some(entrypoint.into_iter().chain(serve).chain([port.to_string()]).collect()),
        user: Some(USER.to_owned()),
        working_dir: Some("/".to_owned()),
        env: env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        exposed_ports: vec![format!("{port}/tcp")],
        labels,
    }
}

/// Where the model lies in a container.
const MODEL_PATH: &str = "/opt/ml/model";

/// Says what is in the image, by nothing that is elsewhere on another machine.
fn labels(folder: &Path, model: &Model, created: Timestamp) -> Result<BTreeMap<String, String>> {
    let mut labels = BTreeMap::from([
        ("org.opencontainers.image.created", created.to_string()),
        ("org.opencontainers.image.title", "MLflow model".to_owned()),
        (
            "org.opencontainers.image.description",
            format!("An MLflow model ({}), served by mlctl at /invocations", model.flavor()),
        ),
        ("mlctl.version", env!("CARGO_PKG_VERSION").to_owned()),
        ("mlctl.model.flavor", model.flavor().to_owned()),
        ("mlctl.model.sha256", Manifest::read(folder)?.digest()),
    ]);
    if let Some(id) = &model.info.model_id {
        labels.insert("mlctl.model.id", id.clone());
    }
    Ok(labels.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn with_login(target: Reference, args: &BuildImageArgs) -> Result<(Reference, Options)> {
    let registry = target.registry().ok_or_else(|| {
        let message = format!("`{target}` has no registry to push to");
        Hinted::usage(
            message,
            format!(
                "write the registry before the name: \
                                        docker.io/you/{target}"
            ),
        )
    })?;
    let credentials = login::find(registry, args.username.as_deref())?;
    Ok((target, Options { credentials, insecure: args.insecure }))
}

fn send(image: &Image, target: Reference, options: &Options) -> Result<(Reference, Pushed)> {
    let registry = target.registry().unwrap_or_default();
    let pushed = push(image, &target, options).map_err(|error| match error {
        mlctl_oci::Error::Denied { .. } if options.credentials.is_none() => Hinted::error(
            error.to_string(),
            format!(
                "log in with `docker login {registry}` or `podman login {registry}`, or set \
                 --username and MLCTL_REGISTRY_PASSWORD"
            ),
        ),
        other => other.into(),
    })?;
    Ok((target, pushed))
}

fn show(
    context: &Context,
    args: &BuildImageArgs,
    image: &Image,
    name: &Reference,
    pushed: Option<&(Reference, Pushed)>,
) -> Result<()> {
    let digest: Digest = image.digest();
    let told = json!({
        "name": name.to_string(),
        "digest": digest,
        "platform": image.platform().to_string(),
        "bytes": image.bytes(),
        "layers": image.layers().iter().map(|layer| json!({
            "digest": layer.descriptor.digest, "bytes": layer.descriptor.size,
        })).collect::<Vec<_>>(),
        "archive": args.output,
        "pushed": pushed.map(|(to, pushed)| json!({
            "name": to.to_string(),
            "sent_blobs": pushed.sent,
            "sent_bytes": pushed.sent_bytes,
            "present_blobs": pushed.present,
        })),
    });
    context.output.show(&told, |_: &Value| {
        let mut text = format!("{name}, {}, {digest}\n", bytes(image.bytes()));
        if let Some(output) = &args.output {
            let port = args.port;
            text.push_str(&format!(
                "wrote {}; to run it: docker load -i {0} && docker run -p 5001:{port} {name}\n",
                output.display()
            ));
        }
        if let Some((to, pushed)) = pushed {
            let (sent, size) = (pushed.sent, bytes(pushed.sent_bytes));
            let total = sent + pushed.present;
            text.push_str(&format!("pushed {to}: sent {sent} of {total} blobs, {size}\n"));
        }
        text
    })
}
