//! Container images of mlctl, made by mlctl alone: what those of models and those of the server
//! share.

mod login;
mod program;

pub(super) use program::{Program, USER, USER_ID};

use super::{Context, draft};
use crate::cli::ImageArgs;
use crate::config;
use crate::failure::Hinted;
use crate::output::bytes;
use anyhow::{Context as _, Result};
use jiff::Timestamp;
use mlctl_oci::push::{Options, Pushed, push};
use mlctl_oci::{
    Base, Digest, Entry, Image, Layer, Platform, Recipe, Reference, Settings, write_archive,
};
use program::{LIBRARIES, PROGRAM};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::thread;

/// What mlctl does in an image, and what it needs for that.
pub(super) struct Purpose<'a> {
    /// What lies in the image beside mlctl.
    pub(super) entries: Vec<Entry<'a>>,
    /// What these entries are, for the image's history.
    pub(super) origin: &'static str,
    /// The arguments that mlctl starts with.
    pub(super) arguments: Vec<String>,
    /// Variables of the container.
    pub(super) env: Vec<(&'static str, String)>,
    /// The port that it listens on.
    pub(super) port: u16,
    /// The folder that it starts in, and whether that is a volume.
    pub(super) working_dir: &'static str,
    /// Folders that outlive a container.
    pub(super) volumes: Vec<&'static str>,
    /// The arguments with which mlctl tells whether the container is healthy.
    pub(super) health: Option<Vec<&'static str>>,
    /// Labels of this purpose.
    pub(super) labels: BTreeMap<&'static str, String>,
}

/// The names of an image: its own, and where it is pushed to.
pub(super) struct Names {
    name: Reference,
    target: Option<(Reference, Options)>,
}

impl Names {
    /// Reads the names, and finds the login: what fails in the end should fail before minutes are
    /// spent.
    pub(super) fn parse(args: &ImageArgs) -> Result<Self> {
        let target = args.push.as_deref().map(Reference::parse).transpose()?;
        let name = match (&args.tag, &target) {
            (Some(tag), _) => Reference::parse(tag)?,
            (None, Some(target)) => target.clone(),
            (None, None) => return Err(Hinted::usage("the image has no name", "give --tag NAME")),
        };
        let target = target.map(|target| with_login(target, args)).transpose()?;
        Ok(Self { name, target })
    }
}

/// Makes the image, writes it and pushes it, as the arguments ask.
pub(super) fn build(
    context: &Context,
    args: &ImageArgs,
    names: Names,
    purpose: Purpose<'_>,
    run_options: &str,
) -> Result<()> {
    let scratch = scratch(args.output.as_deref())?;
    let image = assemble(args, purpose, &scratch)?;
    if let Some(output) = &args.output {
        let cannot = || format!("cannot write `{}`", output.display());
        let (draft, file) = draft::begin(output)?;
        let out = BufWriter::with_capacity(1 << 18, file);
        write_archive(&image, &names.name, out).with_context(cannot)?;
        draft::keep(draft, output)?;
    }
    let pushed = names.target.map(|(to, options)| send(&image, to, &options)).transpose()?;
    show(context, args, &image, &names.name, pushed.as_ref(), run_options)
}

/// Returns the folder for what is too large for memory: where there must be room anyway.
fn scratch(output: Option<&Path>) -> Result<PathBuf> {
    let Some(output) = output else { return Ok(config::temporary_folder()) };
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty());
    Ok(folder.unwrap_or(Path::new(".")).to_owned())
}

fn assemble(args: &ImageArgs, purpose: Purpose<'_>, scratch: &Path) -> Result<Image> {
    let program = Program::of_this()?;
    let platform = program.platform()?;
    let base = args.base.as_deref().map(|path| open_base(path, &platform, scratch)).transpose()?;
    let is_alone = base.is_none();
    let seconds = args.created;
    let created = Timestamp::from_second(seconds.try_into()?)?;
    let settings = settings(&program, is_alone, created, &purpose);
    let origin = purpose.origin;
    // The two have nothing to do with each other, and gzip takes its time.
    let (runtime, content) = thread::scope(|scope| {
        let runtime = scope.spawn(|| program::pack(&program, is_alone, seconds, scratch));
        let content = Layer::pack(purpose.entries, seconds, scratch);
        (runtime.join(), content.with_context(|| format!("cannot pack {origin}")))
    });
    let runtime = runtime.map_err(|_| anyhow::anyhow!("packing mlctl was interrupted"))??;
    let recipe = Recipe {
        platform,
        base,
        layers: vec![
            (runtime, format!("mlctl {} and its libraries", env!("CARGO_PKG_VERSION"))),
            (content?, origin.to_owned()),
        ],
        settings,
        created,
    };
    Ok(recipe.build()?)
}

fn open_base(path: &Path, platform: &Platform, scratch: &Path) -> Result<Base> {
    let cannot = || format!("cannot use `{}`", path.display());
    let file = File::open(path).with_context(cannot)?;
    Base::open(file, platform, scratch).with_context(cannot)
}

fn settings(
    program: &Program,
    is_alone: bool,
    created: Timestamp,
    purpose: &Purpose<'_>,
) -> Settings {
    let mut env = vec![("HOME", "/tmp".to_owned())];
    env.extend(purpose.env.iter().cloned());
    if is_alone {
        // With other programs in the image, each has libraries of its own.
        env.push(("PATH", format!("/{}", program::folder_of(PROGRAM))));
        env.push(("LD_LIBRARY_PATH", format!("/{LIBRARIES}")));
    }
    let command = match is_alone {
        true => vec![format!("/{PROGRAM}")],
        false => program.command(),
    };
    let health = purpose.health.as_ref().map(|arguments| {
        command.iter().cloned().chain(arguments.iter().map(|&one| one.to_owned())).collect()
    });
    Settings {
        entrypoint: Some(command.into_iter().chain(purpose.arguments.iter().cloned()).collect()),
        user: Some(USER.to_owned()),
        working_dir: Some(purpose.working_dir.to_owned()),
        env: env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        exposed_ports: vec![format!("{}/tcp", purpose.port)],
        labels: labels(created, purpose),
        volumes: purpose.volumes.iter().map(|&folder| folder.to_owned()).collect(),
        health,
    }
}

/// Says what is in the image, by nothing that is elsewhere on another machine.
fn labels(created: Timestamp, purpose: &Purpose<'_>) -> BTreeMap<String, String> {
    let common = [
        ("org.opencontainers.image.created", created.to_string()),
        ("mlctl.version", env!("CARGO_PKG_VERSION").to_owned()),
    ];
    let own = purpose.labels.iter().map(|(&name, value)| (name, value.clone()));
    common.into_iter().chain(own).map(|(name, value)| (name.to_owned(), value)).collect()
}

fn with_login(target: Reference, args: &ImageArgs) -> Result<(Reference, Options)> {
    let registry = target.registry().ok_or_else(|| {
        let message = format!("`{target}` has no registry to push to");
        Hinted::usage(
            message,
            format!("write the registry before the name: docker.io/you/{target}"),
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
    args: &ImageArgs,
    image: &Image,
    name: &Reference,
    pushed: Option<&(Reference, Pushed)>,
    run_options: &str,
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
            text.push_str(&format!(
                "wrote {}; to run it: docker load -i {0} && docker run {run_options} {name}\n",
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
