//! Runs a project from its URI to its end.
//!
//! The order matters: everything that can be checked without work is checked before the run is
//! recorded, so a typo leaves no failed run behind; whatever fails later is recorded as failed.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use crate::{
    About, Bound, BoxError, Cancel, Cause, EnvManager, Environ, Error, Failure, Outcome,
    Parameters, Progress, Project, Reporter, Result, Step, Strictness,
    child::{self, Child},
    env::{self, Plan, Prepared},
    error::Context,
    parameters::{Resolve, scheme},
    source::{self, Place, Source, uri::file_path, with_causes},
    tool::Workbench,
};

use mlctl_scratch::{Access, Scratch};

/// The longest value of a tag that MLflow's stores take, in bytes.
const TAG_BYTES_MAX: usize = 8000;

/// Where a run's files go among its artifacts.
const PATCH_ARTIFACT: &str = "mlctl/source.patch";
const LOCK_ARTIFACT: &str = "mlctl/requirements.lock";

/// Downloads the values of `path` parameters that are URIs.
pub trait Fetch: Send + Sync {
    /// Brings what `uri` names into the empty folder `into` and returns its path.
    ///
    /// # Errors
    /// The run fails with it.
    fn fetch(&self, uri: &str, into: &Path) -> Result<PathBuf, BoxError>;
}

/// Everything that decides what a run does.
pub struct Request {
    /// The project: a folder, a git URL or a zip file, with `#folder` for a folder within it.
    pub uri: String,
    /// The branch, tag or commit; only for git repositories.
    pub version: Option<String>,
    /// The entry point, or the name of a script.
    pub entry_point: String,
    /// The values of parameters.
    pub parameters: Parameters,
    /// What prepares the environment; by default what the project asks for.
    pub env_manager: Option<EnvManager>,
    /// Whether doubtful values fail.
    pub strictness: Strictness,
    /// The user to be recorded.
    pub user: Option<String>,
    /// The run that this one is part of.
    pub parent_run: Option<String>,
    /// What relative paths are relative to.
    pub current_dir: PathBuf,
    /// Where repositories (`git/`) and environments (`envs/`) are kept between runs.
    pub cache_dir: PathBuf,
    /// Where the folder of this run is made; it is removed at the end.
    pub temp_dir: PathBuf,
    /// The environment variables of all processes.
    pub environ: Environ,
    /// Downloads `path` parameters; without it they must be local or, with the feature `http`, HTTP URLs.
    pub fetch: Option<Arc<dyn Fetch>>,
    /// Gets the command's standard output as it comes.
    pub stdout: Box<dyn io::Write + Send>,
    /// Gets the command's standard error as it comes.
    pub stderr: Box<dyn io::Write + Send>,
    /// Time that a cancelled command has between SIGTERM and SIGKILL.
    pub grace: Duration,
    /// The longest time without an answer from the network.
    pub network_timeout: Duration,
}

impl Request {
    /// Asks for the entry point `main` of the project at `uri`, with nothing else set.
    ///
    /// Output is dropped unless `stdout` and `stderr` are set.
    pub fn new(
        uri: impl Into<String>,
        current_dir: impl Into<PathBuf>,
        cache_dir: impl Into<PathBuf>,
        temp_dir: impl Into<PathBuf>,
        environ: Environ,
    ) -> Self {
        Self {
            uri: uri.into(),
            version: None,
            entry_point: "main".to_owned(),
            parameters: Parameters::default(),
            env_manager: None,
            strictness: Strictness::Lenient,
            user: None,
            parent_run: None,
            current_dir: current_dir.into(),
            cache_dir: cache_dir.into(),
            temp_dir: temp_dir.into(),
            environ,
            fetch: None,
            stdout: Box::new(io::sink()),
            stderr: Box::new(io::sink()),
            grace: Duration::from_secs(10),
            network_timeout: Duration::from_secs(30),
        }
    }
}

/// Runs a project and waits for its end.
///
/// It blocks and must not be called from within an async runtime.
///
/// # Errors
/// Before the reporter's `start`, everything that is wrong with the request, the project or the
/// reporter. After it, what kept the command from running; the reporter has then been told that
/// the run failed. A command that fails is not an error but an [`Outcome`].
pub fn run(
    request: Request,
    reporter: &dyn Reporter,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Outcome> {
    let scratch = Scratch::make(&request.temp_dir, "mlctl-run-", Access::Private)
        .context(|| format!("create a folder in {}", request.temp_dir.display()))?;
    let job = Job { request: &request, scratch: scratch.path(), reporter, progress, cancel };
    let checked = job.check()?;
    if cancel.is_cancelled() {
        return Err(Error::Cancelled);
    }
    let variables = job
        .reporter
        .start(&checked.about)
        .map_err(|source| Error::Report { what: "the start of the run", source })?;
    let ending = Ending { reporter, told: false };
    let result = job.carry_out(&checked, variables).and_then(|(environ, command)| {
        let folder = checked.source.folder.clone();
        let logs = scratch.path().join("logs");
        let Request { stdout, stderr, grace, .. } = request;
        let child = Child { command, folder, environ, stdout, stderr, grace, logs };
        child::run(child, reporter, cancel, scratch.lock())
    });
    ending.tell(result)
}

/// What is known once everything is checked.
struct Checked {
    source: Source,
    bound: Bound,
    plan: Plan,
    about: About,
}

struct Job<'a> {
    request: &'a Request,
    scratch: &'a Path,
    reporter: &'a dyn Reporter,
    progress: &'a dyn Progress,
    cancel: &'a Cancel,
}

impl Job<'_> {
    fn bench(&self) -> Workbench<'_> {
        Workbench { environ: &self.request.environ, progress: self.progress, cancel: self.cancel }
    }

    fn check(&self) -> Result<Checked> {
        let request = self.request;
        let place = Place {
            current_dir: &request.current_dir,
            cache: &request.cache_dir.join("git"),
            scratch: self.scratch,
            timeout: request.network_timeout,
            bench: self.bench(),
        };
        let source = source::fetch(&request.uri, request.version.as_deref(), &place)?;
        self.progress.done();
        let project = read_project(&source.folder)?;
        let shell = request.environ.get("SHELL").unwrap_or("bash");
        let entry_point = project.entry_point(&request.entry_point, shell)?;
        check_script(&project, &request.entry_point, &source.folder)?;
        let bound = entry_point.bind(&request.parameters, request.strictness)?;
        self.check_paths(&bound)?;
        let plan = Plan::make(
            &project.environment,
            &source.folder,
            request.env_manager,
            &request.environ,
        )?;
        source.warnings.iter().chain(bound.warnings()).for_each(|text| self.reporter.warn(text));
        let about = About {
            project: project.name,
            entry_point: entry_point.name,
            parameters: bound.raw(),
            tags: self.tags(&source, plan.manager()),
            folder: source.folder.clone(),
        };
        Ok(Checked { source, bound, plan, about })
    }

    /// Finds missing local files before the run is recorded.
    fn check_paths(&self, bound: &Bound) -> Result<()> {
        let mut local = bound.paths().filter(|(_, value, _)| local_path(value).is_some());
        local.try_for_each(|(name, value, _)| self.local(name, value).map(|_| ()))
    }

    fn local(&self, name: &str, value: &str) -> Result<String> {
        let bad = |problem: String| Error::BadParameter {
            name: name.to_owned(),
            value: value.to_owned(),
            problem,
        };
        let path = match local_path(value) {
            Some(Ok(path)) => self.request.current_dir.join(path),
            Some(Err(err)) => return Err(bad(err.to_string())),
            None => return Err(bad("expected a local path".to_owned())),
        };
        if !path.exists() {
            return Err(bad(format!("there is no file or folder {}", path.display())));
        }
        let path = std::path::absolute(&path).context(|| format!("resolve {}", path.display()))?;
        path.into_os_string().into_string().map_err(|_| bad("its path is not UTF-8".to_owned()))
    }

    fn tags(&self, source: &Source, manager: EnvManager) -> Vec<(String, String)> {
        let request = self.request;
        let mut tags = Vec::new();
        let mut tag = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                tags.push((name.to_owned(), value.to_owned()));
            }
        };
        tag("mlflow.user", request.user.as_deref());
        tag("mlflow.source.name", Some(&source.name));
        tag("mlflow.source.type", Some("PROJECT"));
        tag("mlflow.project.entryPoint", Some(&request.entry_point));
        tag("mlflow.project.backend", Some("local"));
        tag("mlflow.parentRunId", request.parent_run.as_deref());
        if manager != EnvManager::Local {
            tag("mlflow.project.env", Some(manager.as_str()));
        }
        let Some(git) = &source.git else { return tags };
        tag("mlflow.source.git.commit", git.commit.as_deref());
        for name in ["mlflow.source.git.repoURL", "mlflow.gitRepoURL"] {
            tag(name, git.repository.as_deref());
        }
        for name in ["mlflow.source.git.branch", "mlflow.gitBranchName"] {
            tag(name, git.branch.as_deref());
        }
        if git.commit.is_some() {
            tag("mlflow.source.git.dirty", Some(if git.dirty { "true" } else { "false" }));
        }
        let patch = std::str::from_utf8(&git.patch).ok();
        let fits = |patch: &&str| {
            !patch.is_empty() && patch.len() <= TAG_BYTES_MAX && !patch.contains('\0')
        };
        tag("mlflow.source.git.diff", patch.filter(fits));
        tags
    }

    /// Does what precedes the command: records, environment, downloads.
    fn carry_out(
        &self,
        checked: &Checked,
        variables: Vec<(String, String)>,
    ) -> Result<(Environ, String)> {
        self.record_source(&checked.source)?;
        let request = self.request;
        let cache = request.cache_dir.join("envs");
        let folder = &checked.source.folder;
        let prepared =
            env::prepare(&checked.plan, folder, &cache, request.strictness, &self.bench())?;
        self.record_environment(&prepared);
        let command = checked.bound.command(self)?;
        let mut environ = request.environ.clone();
        prepared.enter(&mut environ);
        variables.into_iter().for_each(|(name, value)| environ.set(name, value));
        Ok((environ, prepared.wrap(&command)))
    }

    fn record_source(&self, source: &Source) -> Result<()> {
        let Some(git) = &source.git else { return Ok(()) };
        if !git.left_out.is_empty() {
            let names = git.left_out.join(", ");
            self.reporter.warn(&format!("uncommitted changes too large to be recorded: {names}"));
        }
        if git.patch.is_empty() {
            return Ok(());
        }
        let file = self.scratch.join("source.patch");
        fs::write(&file, &git.patch).context(|| format!("write {}", file.display()))?;
        record(self.reporter, PATCH_ARTIFACT, &file);
        Ok(())
    }

    fn record_environment(&self, prepared: &Prepared) {
        prepared.warnings.iter().for_each(|text| self.reporter.warn(text));
        if let Some(lock) = prepared.lock() {
            record(self.reporter, LOCK_ARTIFACT, &lock);
        }
    }

    fn download(&self, name: &str, uri: &str, index: usize) -> Result<PathBuf, BoxError> {
        let into = self.scratch.join(format!("param_{index}"));
        fs::create_dir(&into)?;
        self.progress.step(&Step::DownloadParameter { name: name.to_owned() });
        if let Some(fetch) = &self.request.fetch {
            return fetch.fetch(uri, &into);
        }
        #[cfg(feature = "http")]
        if uri.starts_with("http://") || uri.starts_with("https://") {
            let file = into.join(file_name(uri));
            let limits = crate::download::Limits {
                bytes_max: u64::MAX,
                timeout: self.request.network_timeout,
                cancel: self.cancel,
            };
            crate::download::download(uri, &file, &limits)?;
            return Ok(file);
        }
        Err("mlctl cannot download URIs of this kind".into())
    }
}

impl Resolve for Job<'_> {
    fn path(&self, name: &str, value: &str, index: usize) -> Result<String> {
        if local_path(value).is_some() {
            return self.local(name, value);
        }
        let result = self.download(name, value, index);
        self.progress.done();
        if result.is_err() && self.cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        result.map(|path| path.display().to_string()).map_err(|source| Error::Download {
            name: name.to_owned(),
            uri: source::uri::without_credentials(value),
            source,
        })
    }
}

/// Returns the path of a value that stands for a file on this machine, as MLflow decides it.
fn local_path(value: &str) -> Option<Result<PathBuf>> {
    match scheme(value) {
        None => Some(Ok(value.into())),
        Some("file") => {
            let rest = value.strip_prefix("file:").unwrap_or_default();
            let has_host = rest.starts_with("//") && !rest.starts_with("///");
            (!has_host).then(|| file_path(value))
        }
        Some(_) => None,
    }
}

#[cfg(feature = "http")]
fn file_name(uri: &str) -> &str {
    let path = uri.split(['?', '#']).next().unwrap_or(uri);
    let name = path.rsplit('/').next().unwrap_or_default();
    if matches!(name, "" | "." | "..") { "download" } else { name }
}

/// Finds a script that is not there before the run is recorded.
fn check_script(project: &Project, name: &str, folder: &Path) -> Result<()> {
    let is_declared = project.entry_points.iter().any(|entry| entry.name == name);
    if is_declared || folder.join(name).is_file() {
        return Ok(());
    }
    let known = project.entry_points.iter().map(|entry| entry.name.clone()).collect();
    Err(Error::UnknownEntryPoint { name: name.to_owned(), known })
}

fn read_project(folder: &Path) -> Result<Project> {
    let doing = || format!("read the folder {}", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).context(doing)? {
        names.push(entry.context(doing)?.file_name().to_string_lossy().into_owned());
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let Some(file) = Project::file_among(&names)? else {
        return Project::parse("", "MLproject", &names);
    };
    let path = folder.join(file);
    let text = fs::read_to_string(&path).context(|| format!("read {}", path.display()))?;
    Project::parse(&text, file, &names)
}

/// Hands a file to the reporter; a run does not fail for one.
pub(crate) fn record(reporter: &dyn Reporter, path: &str, file: &Path) {
    if let Err(err) = reporter.artifact(path, file) {
        reporter.warn(&format!("could not record {path}: {}", with_causes(&*err)));
    }
}

/// Tells the reporter how the run ended, once, and also when nobody else came to it.
struct Ending<'a> {
    reporter: &'a dyn Reporter,
    told: bool,
}

impl Ending<'_> {
    fn tell(mut self, result: Result<Outcome>) -> Result<Outcome> {
        let outcome = match &result {
            Ok(outcome) => outcome.clone(),
            Err(Error::Cancelled) => Outcome::Killed,
            Err(err) => failed(with_causes(err)),
        };
        self.told = true;
        let told = self.reporter.end(&outcome);
        match result {
            Err(err) if !matches!(err, Error::Cancelled) => Err(err),
            _ => told
                .map(|()| outcome)
                .map_err(|source| Error::Report { what: "the end of the run", source }),
        }
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        if !self.told {
            // A panic is on its way; there is nobody to hear of a second failure.
            drop(self.reporter.end(&failed("the runner failed".to_owned())));
        }
    }
}

fn failed(problem: String) -> Outcome {
    Outcome::Failed(Failure { cause: Cause::Preparation(problem), last_lines: Vec::new() })
}
