//! Keeps a bare copy of each repository that projects come from.
//!
//! One folder per address, locked while it is brought up to date. libgit2 reads local
//! repositories; addresses on the network go to the `git` program, which knows the user's
//! credentials, proxies and ssh settings, and can be ended when nothing answers. Without that
//! program, libgit2 is tried where it can be.

use std::{
    fs::{self, File, TryLockError},
    net::{TcpStream, ToSocketAddrs},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use git2::{AutotagOption, Direction, FetchOptions, FetchPrune, Oid, RemoteCallbacks, Repository};
use sha2::{Digest, Sha256};

use super::uri::without_credentials;
use crate::{
    Environ, Error, Result, Step,
    error::Context,
    tool::{Tool, Workbench},
};

/// Names of a mirror's references.
const REFSPECS: [&str; 2] = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];

/// Time between two looks at a lock that another process holds.
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// A locked mirror of one repository.
pub(crate) struct Mirror<'a> {
    /// The mirror itself.
    pub(crate) repository: Repository,
    origin: &'a Origin<'a>,
    _lock: File,
}

/// Where a mirror's content comes from.
pub(crate) struct Origin<'a> {
    /// The address: a URL, or the path of a local repository.
    pub(crate) url: String,
    /// Whether the address is a path.
    pub(crate) is_local: bool,
    /// The longest time without an answer.
    pub(crate) timeout: Duration,
    /// What the `git` program needs.
    pub(crate) bench: Workbench<'a>,
}

impl Origin<'_> {
    /// Returns the address for people: without credentials, a local repository by its folder.
    fn shown(&self) -> String {
        let shown = without_credentials(&self.url);
        let folder = shown.trim_end_matches('/');
        match folder.strip_suffix("/.git") {
            Some(folder) if self.is_local => folder.to_owned(),
            _ => folder.to_owned(),
        }
    }
}

/// A commit, and the branch it was named by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// The commit.
    pub(crate) commit: Oid,
    /// The branch, when a branch was asked for.
    pub(crate) branch: Option<String>,
}

impl<'a> Mirror<'a> {
    /// Opens or creates the mirror of `origin` below `cache`, once nobody else updates it.
    pub(crate) fn open(cache: &Path, origin: &'a Origin<'a>) -> Result<Self> {
        let digest: String =
            Sha256::digest(&origin.url).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let path = cache.join(&digest);
        let doing = || format!("prepare the cache {}", path.display());
        fs::create_dir_all(cache).context(doing)?;
        let lock = lock(&cache.join(format!("{digest}.lock")), "repository", &origin.bench)?;
        let repository = match Repository::open_bare(&path) {
            Ok(repository) => repository,
            Err(_) => {
                // Nothing, or what a process that was killed left of its first attempt.
                if path.exists() {
                    fs::remove_dir_all(&path).context(doing)?;
                }
                Repository::init_bare(&path).context(doing)?
            }
        };
        remove_stale_locks(repository.path());
        Ok(Self { repository, origin, _lock: lock })
    }

    /// Returns the commit of `version`, or of the default branch, fetching what is missing.
    pub(crate) fn find(&self, version: Option<&str>) -> Result<Found> {
        if let Some(found) = version.and_then(|version| self.full_commit(version)) {
            return Ok(found);
        }
        let default = self.update()?;
        let Some(version) = version else {
            let problem = "it has no default branch: pass a version".to_owned();
            let branch = default.ok_or_else(|| self.failed(problem.clone()))?;
            return self.branch(&branch).ok_or_else(|| self.failed(problem));
        };
        let found = || {
            self.branch(version)
                .or_else(|| self.tag(version))
                .or_else(|| self.short_commit(version))
        };
        if let Some(found) = found() {
            return Ok(found);
        }
        if let Some(found) = self.fetch_unlisted(version) {
            return Ok(found);
        }
        Err(Error::VersionNotFound {
            uri: self.origin.shown(),
            version: version.to_owned(),
            near: self.near(version),
        })
    }

    fn failed(&self, problem: String) -> Error {
        failed(&self.origin.url, problem)
    }

    fn full_commit(&self, version: &str) -> Option<Found> {
        let oid = (version.len() == 40).then(|| Oid::from_str(version).ok()).flatten()?;
        self.repository.find_commit(oid).ok().map(|_| Found { commit: oid, branch: None })
    }

    fn branch(&self, name: &str) -> Option<Found> {
        let reference = self.repository.find_reference(&format!("refs/heads/{name}")).ok()?;
        let commit = reference.peel_to_commit().ok()?.id();
        Some(Found { commit, branch: Some(name.to_owned()) })
    }

    fn tag(&self, name: &str) -> Option<Found> {
        let reference = self.repository.find_reference(&format!("refs/tags/{name}")).ok()?;
        let commit = reference.peel_to_commit().ok()?.id();
        Some(Found { commit, branch: None })
    }

    fn short_commit(&self, version: &str) -> Option<Found> {
        let is_hex = version.len() >= 4 && version.chars().all(|c| c.is_ascii_hexdigit());
        let object = is_hex.then(|| self.repository.revparse_single(version).ok()).flatten()?;
        let commit = object.peel_to_commit().ok()?.id();
        Some(Found { commit, branch: None })
    }

    /// Asks for a commit or a reference that no branch or tag leads to, such as `refs/pull/7/head`.
    fn fetch_unlisted(&self, version: &str) -> Option<Found> {
        let looks_fetchable = version.starts_with("refs/") || version.len() == 40;
        if !looks_fetchable || version.contains([':', '+', '*', ' ']) {
            return None;
        }
        let refspec = format!("+{version}:refs/mlctl/{version}");
        self.git(&[
            "fetch",
            "--progress",
            "--no-tags",
            "--no-write-fetch-head",
            &self.origin.url,
            &refspec,
        ])?
        .ok()?;
        let reference = self.repository.find_reference(&format!("refs/mlctl/{version}")).ok()?;
        let commit = reference.peel_to_commit().ok()?.id();
        Some(Found { commit, branch: None })
    }

    fn near(&self, version: &str) -> Vec<String> {
        let references = self.repository.references().into_iter().flatten().flatten();
        let mut named: Vec<(f64, String)> = references
            .filter_map(|reference| {
                let name = reference.name().ok()?;
                let name = name.strip_prefix("refs/heads/").or(name.strip_prefix("refs/tags/"))?;
                Some((strsim::jaro_winkler(version, name), name.to_owned()))
            })
            .filter(|(likeness, _)| *likeness > 0.6)
            .collect();
        named.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        named.into_iter().take(5).map(|(_, name)| name).collect()
    }

    /// Brings the mirror up to date and returns the name of the default branch.
    fn update(&self) -> Result<Option<String>> {
        let uri = self.origin.shown();
        self.origin.bench.progress.step(&Step::FetchProject { uri });
        if self.origin.is_local {
            // A shallow repository is beyond libgit2, not beyond git.
            return match self.update_with_libgit2() {
                Err(Error::Cancelled) => Err(Error::Cancelled),
                Err(err) => self.update_with_git().unwrap_or(Err(err)),
                Ok(default) => Ok(default),
            };
        }
        if let Some(result) = self.update_with_git() {
            return result;
        }
        self.reach()?;
        self.update_with_libgit2()
    }

    fn update_with_libgit2(&self) -> Result<Option<String>> {
        let fail = |err: git2::Error| {
            let cancelled = self.origin.bench.cancel.is_cancelled();
            if cancelled { Error::Cancelled } else { self.failed(err.message().to_owned()) }
        };
        let mut remote = self.repository.remote_anonymous(&self.origin.url).map_err(fail)?;
        remote.connect(Direction::Fetch).map_err(fail)?;
        let default =
            remote.default_branch().ok().and_then(|name| branch_name(name.as_str().ok()?));
        let mut callbacks = RemoteCallbacks::new();
        callbacks.transfer_progress(|_| !self.origin.bench.cancel.is_cancelled());
        let mut options = FetchOptions::new();
        options
            .prune(FetchPrune::On)
            .update_fetchhead(false)
            .download_tags(AutotagOption::None)
            .remote_callbacks(callbacks);
        remote.fetch(&REFSPECS, Some(&mut options), None).map_err(fail)?;
        Ok(default)
    }

    /// Does it with the `git` program; `None` when there is none.
    fn update_with_git(&self) -> Option<Result<Option<String>>> {
        let url = self.origin.url.as_str();
        let heads = match self.git(&["ls-remote", "--symref", url, "HEAD"])? {
            Ok(heads) => heads,
            Err(err) => return Some(Err(err)),
        };
        let default = heads
            .lines()
            .find_map(|line| branch_name(line.strip_prefix("ref: ")?.split_whitespace().next()?));
        let mut fetch = vec!["fetch", "--prune", "--no-tags", "--no-write-fetch-head"];
        fetch.extend(["--update-shallow", "--progress", url]);
        fetch.extend(REFSPECS);
        Some(self.git(&fetch)?.map(|_| default))
    }

    fn git(&self, args: &[&str]) -> Option<Result<String>> {
        let environ = git_environ(self.origin.bench.environ);
        let program = environ.find("git")?;
        let bench = Workbench { environ: &environ, ..self.origin.bench };
        let mut all = git_settings(self.origin.timeout);
        all.extend(args.iter().map(|&arg| arg.to_owned()));
        let result = bench.run(&Tool {
            program: &program,
            args: all,
            folder: self.repository.path(),
            silence_max: Some(self.origin.timeout),
            doing: "git".to_owned(),
        });
        Some(result.map_err(|err| match err {
            Error::ToolFailed { status, last_lines, .. } => {
                let lines = last_lines.join("; ");
                let problem = if lines.is_empty() { status } else { lines };
                let shown = without_credentials(&self.origin.url);
                self.failed(problem.replace(&self.origin.url, &shown))
            }
            other => other,
        }))
    }

    /// Looks whether somebody answers at all, since libgit2 would wait for ever.
    fn reach(&self) -> Result<()> {
        let url = self.origin.url.as_str();
        let parsed = url::Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "git"));
        let Some(parsed) = parsed else {
            let programs = vec!["git".to_owned()];
            let purpose = format!("fetch `{}`", without_credentials(url));
            return Err(Error::ToolNotFound { programs, purpose });
        };
        let port = parsed.port_or_known_default().unwrap_or(9418);
        let host = parsed.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let addresses =
            (host, port).to_socket_addrs().map_err(|err| self.failed(err.to_string()))?;
        let mut last = "its host name has no address".to_owned();
        for address in addresses {
            match TcpStream::connect_timeout(&address, self.origin.timeout) {
                Ok(_) => return Ok(()),
                Err(err) => last = err.to_string(),
            }
        }
        Err(self.failed(last))
    }
}

fn failed(url: &str, problem: String) -> Error {
    Error::Fetch { uri: without_credentials(url), problem }
}

fn branch_name(reference: &str) -> Option<String> {
    reference.strip_prefix("refs/heads/").map(str::to_owned)
}

/// Settings for every use of the `git` program: no questions, no waiting, no housekeeping.
pub(crate) fn git_settings(timeout: Duration) -> Vec<String> {
    let seconds = timeout.as_secs().max(1);
    [
        "gc.auto=0".to_owned(),
        "maintenance.auto=false".to_owned(),
        "core.hooksPath=/dev/null".to_owned(),
        "http.lowSpeedLimit=1".to_owned(),
        format!("http.lowSpeedTime={seconds}"),
    ]
    .into_iter()
    .flat_map(|setting| ["-c".to_owned(), setting])
    .collect()
}

/// The environment of the `git` program: as the user's, but for no repository in particular.
pub(crate) fn git_environ(environ: &Environ) -> Environ {
    let mut environ = environ.clone();
    for name in
        ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"]
    {
        environ.remove(name);
    }
    environ.set("GIT_TERMINAL_PROMPT", "0");
    environ.set("LC_ALL", "C");
    if environ.get("GIT_SSH_COMMAND").is_none() && environ.get("GIT_SSH").is_none() {
        environ.set("GIT_SSH_COMMAND", "ssh -o BatchMode=yes -o ConnectTimeout=15");
    }
    environ
}

/// Takes the lock, telling the watcher when it has to wait; a cancel ends the waiting.
pub(crate) fn lock(path: &Path, what: &'static str, bench: &Workbench<'_>) -> Result<File> {
    let doing = || format!("lock {}", path.display());
    let file = File::options().create(true).append(true).open(path).context(doing)?;
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(err)) => return Err(err).context(doing),
        }
        if !told {
            bench.progress.step(&Step::WaitForOther { what });
            told = true;
        }
        if bench.cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        thread::sleep(LOCK_PAUSE);
    }
}

/// Removes git's own lock files: our lock is held, so they belong to a process that was killed.
fn remove_stale_locks(mirror: &Path) {
    let mut folders: Vec<PathBuf> = vec![mirror.join("refs")];
    let top_files = fs::read_dir(mirror).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = top_files.map(|entry| entry.path()).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder { folders.push(entry.path()) } else { files.push(entry.path()) }
        }
    }
    for file in files {
        if file.extension().is_some_and(|extension| extension == "lock") {
            // One that stays makes git fail with its name, which says enough.
            let _ = fs::remove_file(file);
        }
    }
}
