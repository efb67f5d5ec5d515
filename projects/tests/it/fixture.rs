//! A folder with projects in it, a reporter that remembers, and git kept away from the user's own
//! settings.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
};

use mlctl_projects::{
    About, BoxError, Cancel, Environ, Error, Outcome, Parameters, Reporter, Request, Silent, run,
};

/// What a run told its reporter.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) about: Option<About>,
    pub(crate) artifacts: Vec<(String, Vec<u8>)>,
    pub(crate) warnings: Vec<String>,
    pub(crate) ends: Vec<Outcome>,
}

impl Record {
    pub(crate) fn artifact(&self, path: &str) -> Option<String> {
        let (_, bytes) = self.artifacts.iter().find(|(name, _)| name == path)?;
        Some(String::from_utf8_lossy(bytes).into_owned())
    }

    pub(crate) fn tag(&self, name: &str) -> Option<&str> {
        let tags = &self.about.as_ref()?.tags;
        tags.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Remembers what it is told, and can be told to fail or panic.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) record: Mutex<Record>,
    pub(crate) panics_at_artifact: bool,
}

impl Reporter for Memory {
    fn start(&self, about: &About) -> Result<Vec<(String, String)>, BoxError> {
        self.record.lock().unwrap().about = Some(about.clone());
        Ok(vec![("MLFLOW_RUN_ID".to_owned(), "run 1".to_owned())])
    }

    fn artifact(&self, path: &str, file: &Path) -> Result<(), BoxError> {
        assert!(!self.panics_at_artifact, "as told");
        self.record.lock().unwrap().artifacts.push((path.to_owned(), fs::read(file)?));
        Ok(())
    }

    fn warn(&self, message: &str) {
        self.record.lock().unwrap().warnings.push(message.to_owned());
    }

    fn end(&self, outcome: &Outcome) -> Result<(), BoxError> {
        self.record.lock().unwrap().ends.push(outcome.clone());
        Ok(())
    }
}

/// A writer into shared memory that calls back on each write.
pub(crate) struct Screen<F>(pub(crate) Arc<Mutex<Vec<u8>>>, pub(crate) F);

impl<F: FnMut(&[u8]) + Send> Write for Screen<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        (self.1)(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A folder of a test's own.
pub(crate) struct Fixture(tempfile::TempDir);

impl Fixture {
    /// Makes a folder `project` with an MLproject file whose entry point `main` runs `command`.
    pub(crate) fn with_command(command: &str) -> Self {
        let fixture = Self::new();
        fixture.write("project/MLproject", &main(command));
        fixture
    }

    pub(crate) fn new() -> Self {
        let fixture = Self(tempfile::tempdir().unwrap());
        for folder in ["tmp", "home"] {
            fs::create_dir(fixture.path(folder)).unwrap();
        }
        fixture
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn program(&self, name: &str, text: &str) {
        self.write(name, text);
        fs::set_permissions(self.path(name), PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// The caller's variables, with a home and a git of the test's own.
    pub(crate) fn environ(&self) -> Environ {
        let mut environ: Environ = std::env::vars_os().collect();
        environ.set("HOME", self.path("home"));
        environ.set("GIT_CONFIG_GLOBAL", "/dev/null");
        environ.set("GIT_CONFIG_NOSYSTEM", "1");
        environ
    }

    pub(crate) fn request(&self, uri: &str) -> Request {
        Request::new(uri, self.path(""), self.path("cache"), self.path("tmp"), self.environ())
    }

    /// Runs and returns what the reporter was told.
    pub(crate) fn run(&self, request: Request) -> (Result<Outcome, Error>, Record) {
        let memory = Memory::default();
        let result = run(request, &memory, &Silent, &Cancel::new());
        let left: Vec<_> = fs::read_dir(self.path("tmp")).unwrap().flatten().collect();
        assert!(left.is_empty(), "left behind: {left:?}");
        (result, memory.record.into_inner().unwrap())
    }

    /// Runs what must succeed, and returns its standard output besides the record.
    #[track_caller]
    pub(crate) fn output(&self, uri: &str, version: Option<&str>) -> (String, Record) {
        let mut request = self.request(uri);
        request.version = version.map(str::to_owned);
        let (result, record) = self.run(request);
        assert_eq!(result.unwrap(), Outcome::Finished, "{record:?}");
        (record.artifact("logs/stdout.txt").unwrap(), record)
    }

    /// Runs what must fail before a run is recorded, and returns the message.
    #[track_caller]
    pub(crate) fn problem(&self, request: Request) -> String {
        let (result, record) = self.run(request);
        assert!(record.about.is_none(), "a run was recorded");
        result.unwrap_err().to_string().replace(&self.path("").display().to_string(), "/T/")
    }

    pub(crate) fn parameters(&self, uri: &str, given: &[&str]) -> Request {
        Request { parameters: Parameters::parse(given).unwrap(), ..self.request(uri) }
    }

    #[track_caller]
    pub(crate) fn git(&self, folder: &str, args: &[&str]) -> String {
        let output = Command::new("git")
            .arg("-C")
            .arg(self.path(folder))
            .args([
                "-c",
                "user.name=T",
                "-c",
                "user.email=t@example.org",
                "-c",
                "init.defaultBranch=main",
            ])
            .args(["-c", "protocol.file.allow=always", "-c", "commit.gpgsign=false"])
            .args(args)
            .env("HOME", self.path("home"))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "git {args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Makes `repo` a repository: `v1` and then `v2` on `main`, `other` on a branch of that name.
    pub(crate) fn repository(&self, folder: &str) {
        fs::create_dir_all(self.path(folder)).unwrap();
        self.git(folder, &["init", "-q"]);
        for (version, branch) in [("v1", "main"), ("v2", "main"), ("other", "other")] {
            if branch != "main" {
                self.git(folder, &["checkout", "-q", "-b", branch]);
            }
            self.write(&format!("{folder}/MLproject"), &main(&format!("echo {version}")));
            self.write(&format!("{folder}/sub/MLproject"), &main(&format!("echo sub {version}")));
            self.write(&format!("{folder}/.gitignore"), "ignored\n");
            self.git(folder, &["add", "."]);
            self.git(folder, &["commit", "-q", "-m", version]);
            if branch == "main" {
                self.git(folder, &["tag", version]);
            }
        }
        self.git(folder, &["checkout", "-q", "main"]);
    }

    /// Describes everything below a folder: names, modes, times, contents.
    pub(crate) fn snapshot(&self, folder: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.path(folder)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                let meta = fs::symlink_metadata(&path).unwrap();
                let content = if meta.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
                let times = (meta.mtime(), meta.mtime_nsec());
                found.push(format!("{} {:o} {times:?} {content:?}", path.display(), meta.mode()));
                if meta.is_dir() {
                    folders.push(path);
                }
            }
        }
        found.sort();
        found
    }
}

/// An MLproject file with one entry point.
pub(crate) fn main(command: &str) -> String {
    format!("entry_points:\n  main:\n    command: {command:?}\n")
}
