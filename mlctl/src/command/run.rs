//! `mlctl run`.

use super::progress::Display;
use super::{Context, experiment, run_id};
use crate::Outcome;
use crate::bridge::{Destination, RunReporter, Target};
use crate::cli::{EnvManagerChoice, RunArgs};
use crate::config::{self, known};
use crate::failure::Hinted;
use crate::output::duration;
use crate::stores::{self, Missing};
use anyhow::{Context as _, Result};
use mlctl_artifacts::ArtifactPath;
use mlctl_projects::{
    BoxError, Cancel, EnvManager, Environ, Failure, Fetch, Parameters, Request, Strictness,
};
use mlctl_scratch::{Access, Scratch};
use mlctl_tracking::OpenStore;
use mlctl_tracking::entity::RunInfo;
use mlctl_tracking::store::NewExperiment;
use mlctl_tracking::{ExperimentId, ExperimentName, RunId, TrackingStore};
use serde_json::json;
use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

/// The exit code of a shell whose child was ended by SIGINT.
const INTERRUPTED: u8 = 130;

pub(crate) fn run(context: &Arc<Context>, args: &RunArgs) -> Outcome {
    let parameters = Parameters::parse(&args.parameters)
        .map_err(|error| Hinted::usage(error.to_string(), "for example: -P alpha=0.5"))?;
    refuse_backend(args)?;
    let destination = destination(context, args)?;
    let own_folder = OwnFolder::make()?;
    let request = request(context, args, parameters, &destination, &own_folder)?;
    let reporter =
        RunReporter::new(destination, &context.config.store.value, context.clock.clone());
    let cancel = Cancel::new();
    cancel_on_signal(&cancel)?;
    let display = Display::new();
    let began = context.clock.now();
    let outcome = mlctl_projects::run(request, &reporter, &display, &cancel);
    display.close();
    let Some(info) = reporter.info() else {
        outcome?;
        anyhow::bail!("the run did not start");
    };
    let outcome =
        outcome.with_context(|| format!("run {} ({}) failed", info.run_name, info.run_id))?;
    report(context, info, &outcome, context.clock.now() - began)
}

/// Refuses to run elsewhere than on this machine.
fn refuse_backend(args: &RunArgs) -> Result<()> {
    if let Some(backend) = args.backend.as_ref().filter(|backend| *backend != "local") {
        return Err(Hinted::usage(
            format!(
                "the backend `{backend}` is not supported: mlctl runs projects on this \
                     machine"
            ),
            "leave out --backend, or start `mlctl run` on the machine where the project should \
             run",
        ));
    }
    if args.backend_config.is_some() {
        tracing::warn!("--backend-config has no effect: projects run on this machine");
    }
    Ok(())
}

/// Settles where the run is reported to. What exists is opened now, so that a wrong name is said
/// before anything is fetched or built.
fn destination(context: &Arc<Context>, args: &RunArgs) -> Result<Arc<Destination>> {
    let opening = (context.clone(), args.clone());
    let destination = Destination::new(move || {
        let (context, args) = &opening;
        let tracking = stores::tracking(&context.config, Missing::Make)?;
        let target = target(context, args, &tracking)?;
        Ok((tracking, target))
    });
    if stores::exists(&context.config) {
        destination.get()?;
    }
    Ok(Arc::new(destination))
}

/// Settles which run is reported to.
fn target(context: &Context, args: &RunArgs, tracking: &OpenStore) -> Result<Target> {
    if let Some(id) = &args.run_id {
        let id = run_id(tracking.store.as_ref(), id)?;
        tracking.store.run(&id)?;
        return Ok(Target::Existing(id));
    }
    Ok(Target::New {
        experiment_id: experiment_id(context, args, tracking.store.as_ref())?,
        run_name: args.run_name.clone(),
        user: context.config.user.value.clone(),
    })
}

/// Settles the experiment; one that is named and does not exist is made, as `mlflow run` does.
fn experiment_id(
    context: &Context,
    args: &RunArgs,
    store: &dyn TrackingStore,
) -> Result<ExperimentId> {
    let chosen = args.experiment.experiment_name.as_ref();
    let name = match (chosen, &args.experiment.experiment_id) {
        (None, Some(_)) => None,
        (None, None) if context.config.experiment_id.value.is_some() => None,
        (None, None) => context.config.experiment_name.value.as_ref(),
        (Some(name), _) => Some(name),
    };
    let Some(name) = name else { return context.chosen_experiment(store, &args.experiment) };
    if let Ok(found) = experiment(store, name) {
        return Ok(found.experiment_id);
    }
    let new = NewExperiment {
        name: ExperimentName::parse(name.as_str())?,
        artifact_location: None,
        tags: Vec::new(),
        time: context.clock.now(),
    };
    Ok(store.create_experiment(&new)?)
}

fn request(
    context: &Context,
    args: &RunArgs,
    parameters: Parameters,
    destination: &Arc<Destination>,
    own_folder: &OwnFolder,
) -> Result<Request> {
    let mut environ: Environ = config::environ().collect();
    environ.prepend_path(own_folder.0.path());
    let temp_dir = args.storage_dir.clone().unwrap_or_else(config::temporary_folder);
    let current_dir = env::current_dir().context("cannot find the current folder")?;
    let cache_dir = &context.config.cache_dir.value;
    let mut request =
        Request::new(args.uri.as_str(), current_dir, cache_dir.clone(), temp_dir, environ);
    request.version.clone_from(&args.version);
    request.entry_point.clone_from(&args.entry_point);
    request.parameters = parameters;
    let local = args.no_conda.then_some(EnvManagerChoice::Local);
    request.env_manager = args.env_manager.or(local).map(EnvManager::from);
    request.strictness = if args.strict { Strictness::Strict } else { Strictness::Lenient };
    request.user = Some(context.config.user.value.clone());
    request.parent_run = match &args.run_id {
        Some(_) => None,
        None => known::PARENT_RUN.read().map(|(id, _)| id),
    };
    request.fetch = Some(Arc::new(ArtifactFetch(destination.clone())));
    // With --json, standard output is the answer's alone.
    request.stdout =
        if context.output.json { Box::new(io::stderr()) } else { Box::new(io::stdout()) };
    request.stderr = Box::new(io::stderr());
    Ok(request)
}

impl From<EnvManagerChoice> for EnvManager {
    fn from(choice: EnvManagerChoice) -> Self {
        match choice {
            EnvManagerChoice::Local => Self::Local,
            EnvManagerChoice::Uv => Self::Uv,
            EnvManagerChoice::Virtualenv => Self::Virtualenv,
            EnvManagerChoice::Conda => Self::Conda,
        }
    }
}

/// A folder with nothing but this program in it, for the child's PATH: whatever else lies beside
/// the program must not get in the way of the child's own tools.
#[derive(Debug)]
struct OwnFolder(Scratch);

impl OwnFolder {
    fn make() -> Result<Self> {
        let folder = Scratch::make(&config::temporary_folder(), "mlctl-bin-", Access::Private);
        let folder = folder.context("cannot create a temporary folder")?;
        let program = env::current_exe().context("cannot find the mlctl program file")?;
        std::os::unix::fs::symlink(program, folder.path().join("mlctl"))?;
        Ok(Self(folder))
    }
}

/// Downloads `path` parameters that name artifacts.
struct ArtifactFetch(Arc<Destination>);

impl Fetch for ArtifactFetch {
    fn fetch(&self, uri: &str, into: &Path) -> Result<PathBuf, BoxError> {
        let store = &self.0.get()?.0.store;
        let (location, path) = match uri.strip_prefix("runs:/") {
            Some(rest) => {
                let (id, path) = rest.split_once('/').unwrap_or((rest, ""));
                (store.run(&RunId::parse(id)?)?.info.artifact_uri, path)
            }
            None => uri
                .rsplit_once('/')
                .map_or((uri.to_owned(), ""), |(parent, name)| (parent.to_owned(), name)),
        };
        let path = ArtifactPath::parse(path)?;
        let artifacts = store.artifacts(&location)?;
        let target = into.join(path.file_name().unwrap_or("artifacts"));
        Ok(mlctl_artifacts::download(artifacts.as_ref(), &path, &target)?)
    }
}

fn cancel_on_signal(cancel: &Cancel) -> Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let cancel = cancel.clone();
    thread::spawn(move || signals.forever().for_each(|_| cancel.cancel()));
    Ok(())
}

fn report(
    context: &Context,
    info: &RunInfo,
    outcome: &mlctl_projects::Outcome,
    took_ms: i64,
) -> Outcome {
    use mlctl_projects::Outcome as Ended;
    let (id, name, took) = (&info.run_id, &info.run_name, duration(took_ms));
    let answer = |status: &str| json!({ "run_id": id, "run_name": name, "status": status });
    match outcome {
        Ended::Finished => {
            context.output.show(&answer("FINISHED"), |_| {
                format!("run {name} ({id}) finished in {took}\nto see it: mlctl runs show {id}\n")
            })?;
            Ok(ExitCode::SUCCESS)
        }
        Ended::Killed => {
            context
                .output
                .show(&answer("KILLED"), |_| format!("run {name} ({id}) was killed\n"))?;
            Ok(ExitCode::from(INTERRUPTED))
        }
        Ended::Failed(failure) => {
            if context.output.json {
                context.output.show(&answer("FAILED"), |_| String::new())?;
            }
            Err(failed(info, failure))
        }
    }
}

fn failed(info: &RunInfo, failure: &Failure) -> anyhow::Error {
    let id = &info.run_id;
    Hinted::error(
        format!("run {} ({id}) failed: {}", info.run_name, failure.cause),
        format!("to see its output: mlctl artifacts get {id} logs/stderr.txt"),
    )
}
