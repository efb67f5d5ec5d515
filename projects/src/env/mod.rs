//! Prepares what a project wants before it runs, and keeps it for the next run.
//!
//! An environment lives in a folder named by the digest of everything it depends on. A lock file
//! beside it keeps two processes apart; a marker within it, written last, says that it is whole.
//! What a killed process left behind has no marker and is made anew.

mod build;
mod plan;
mod python_env;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

pub use plan::EnvManager;
pub(crate) use plan::Plan;

use self::build::{Built, Site};
use crate::{Environ, Result, Strictness, error::Context, source::lock, tool::Workbench};

/// The file that says that an environment is whole.
const MARKER: &str = "mlctl-environment.json";

/// The list of an environment's packages.
const LOCK: &str = "mlctl-lock.txt";

/// An environment that a project can run in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Prepared {
    /// The environment's folder; none for the caller's own environment.
    pub(crate) folder: Option<PathBuf>,
    /// Whether conda made it.
    pub(crate) is_conda: bool,
    /// What went not quite well when it was made.
    pub(crate) warnings: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Marker {
    manager: EnvManager,
    warnings: Vec<String>,
}

/// Prepares `plan` for the project in `project`, below `cache`.
pub(crate) fn prepare(
    plan: &Plan,
    project: &Path,
    cache: &Path,
    strictness: Strictness,
    bench: &Workbench<'_>,
) -> Result<Prepared> {
    let (key, mut warnings) = match plan {
        Plan::Local => return Ok(Prepared::default()),
        Plan::Python { key, env, .. } => (key, env.warnings.clone()),
        Plan::Conda { key, .. } => (key, Vec::new()),
    };
    let folder = cache.join(key);
    let is_conda = plan.manager() == EnvManager::Conda;
    if let Some(marker) = whole(&folder, strictness) {
        warnings.extend(marker.warnings);
        return Ok(Prepared { folder: Some(folder), is_conda, warnings });
    }
    let doing = || format!("prepare the environment {}", folder.display());
    fs::create_dir_all(cache).context(doing)?;
    let _lock = lock(&cache.join(format!("{key}.lock")), "environment", bench)?;
    // Whoever held the lock may have made it meanwhile.
    let made = match whole(&folder, strictness) {
        Some(marker) => marker.warnings,
        None => {
            remove(&folder).context(doing)?;
            let site = Site { folder: &folder, project, strictness, bench: *bench };
            let built = site.build(plan).inspect_err(|_| drop(remove(&folder)))?;
            finish(&folder, plan.manager(), &built).context(doing)?;
            built.warnings
        }
    };
    bench.progress.done();
    warnings.extend(made);
    Ok(Prepared { folder: Some(folder), is_conda, warnings })
}

/// Returns the marker of an environment that can be used as it is.
fn whole(folder: &Path, strictness: Strictness) -> Option<Marker> {
    let marker: Marker = serde_json::from_slice(&fs::read(folder.join(MARKER)).ok()?).ok()?;
    // The interpreter is a link that dangles once the system's Python is replaced.
    let has_python = marker.manager == EnvManager::Conda || folder.join("bin/python").exists();
    let is_exact = strictness == Strictness::Lenient || marker.warnings.is_empty();
    (has_python && is_exact).then_some(marker)
}

fn remove(folder: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(err) if err.kind() != std::io::ErrorKind::NotFound => Err(err),
        _ => Ok(()),
    }
}

fn finish(folder: &Path, manager: EnvManager, built: &Built) -> std::io::Result<()> {
    fs::write(folder.join(LOCK), &built.lock)?;
    let marker = Marker { manager, warnings: built.warnings.clone() };
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer(&mut file, &marker)?;
    file.flush()?;
    file.as_file().sync_all()?;
    file.persist(folder.join(MARKER))?;
    Ok(())
}

impl Prepared {
    /// Returns the list of installed packages, to be recorded.
    pub(crate) fn lock(&self) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.join(LOCK))
    }

    /// Makes `environ` that of a process within the environment.
    pub(crate) fn enter(&self, environ: &mut Environ) {
        let Some(folder) = &self.folder else { return };
        environ.prepend_path(&folder.join("bin"));
        environ.remove("PYTHONHOME");
        environ.set(if self.is_conda { "CONDA_PREFIX" } else { "VIRTUAL_ENV" }, folder);
    }

    /// Returns `command` preceded by what the environment's packages want to be run first.
    pub(crate) fn wrap(&self, command: &str) -> String {
        let scripts = self.folder.as_ref().map(|folder| folder.join("etc/conda/activate.d"));
        match scripts.filter(|scripts| self.is_conda && scripts.is_dir()) {
            Some(_) => format!(
                "for script in \"$CONDA_PREFIX\"/etc/conda/activate.d/*.sh; do . \"$script\"; done\n{command}"
            ),
            None => command.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::fs::PermissionsExt,
        sync::{Mutex, atomic::AtomicUsize, atomic::Ordering},
        thread,
    };

    use super::*;
    use crate::{Cancel, Environment, Progress, Silent, Step};

    /// A project and a `uv` that writes down what it is asked, since nothing may be downloaded here.
    struct Fixture(tempfile::TempDir);

    const UV: &str = r#"#!/bin/bash
echo "$*" >> "$CALLS"
case "$1 $2" in
  "venv "*) mkdir -p "$2/bin"; ln -s /bin/true "$2/bin/python";;
  "pip install") echo "Resolved 2 packages" >&2
    if grep -q nosuchpackage "${@: -1}"; then echo "no version of nosuchpackage" >&2; exit 1; fi;;
  "pip freeze") echo "numpy==1.0";;
esac
"#;

    impl Fixture {
        fn new(dependencies: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let uv = folder.path().join("uv");
            fs::write(&uv, UV).unwrap();
            fs::set_permissions(&uv, PermissionsExt::from_mode(0o755)).unwrap();
            let text = format!("python: '3.11'\ndependencies: [{dependencies}]");
            fs::write(folder.path().join("python_env.yaml"), text).unwrap();
            Self(folder)
        }

        fn environ(&self) -> Environ {
            let mut environ: Environ = std::env::vars_os().collect();
            environ.prepend_path(self.0.path());
            environ.set("CALLS", self.0.path().join("calls"));
            environ
        }

        fn prepare(&self, progress: &dyn Progress) -> Result<Prepared> {
            let (environ, project) = (self.environ(), self.0.path());
            let bench = Workbench { environ: &environ, progress, cancel: &Cancel::new() };
            let wanted = Environment::Python("python_env.yaml".into());
            let plan = Plan::make(&wanted, project, Some(EnvManager::Uv), &environ)?;
            prepare(&plan, project, &project.join("envs"), Strictness::Lenient, &bench)
        }

        fn calls(&self) -> usize {
            fs::read_to_string(self.0.path().join("calls")).unwrap_or_default().lines().count()
        }
    }

    #[derive(Default)]
    struct Watch(Mutex<Vec<String>>);

    impl Progress for Watch {
        fn step(&self, step: &Step) {
            self.0.lock().unwrap().push(step.to_string());
        }
        fn line(&self, line: &str) {
            self.0.lock().unwrap().push(line.to_owned());
        }
        fn done(&self) {
            self.0.lock().unwrap().push("done".to_owned());
        }
    }

    #[test]
    fn an_environment_is_made_once_and_then_reused() {
        let (fixture, watch) = (Fixture::new("numpy, scipy"), Watch::default());

        let first = fixture.prepare(&watch).unwrap();
        let calls = fixture.calls();
        let second = fixture.prepare(&watch).unwrap();

        assert_eq!(first, second);
        assert_eq!((calls, fixture.calls()), (3, 3));
        assert_eq!(fs::read_to_string(first.lock().unwrap()).unwrap(), "numpy==1.0\n");
        let seen = watch.0.lock().unwrap().clone();
        let want = [
            "create environment with uv",
            "install 2 packages",
            "Resolved 2 packages",
            "numpy==1.0",
            "done",
        ];
        assert_eq!(seen, want);
    }

    #[test]
    fn a_half_made_environment_is_made_anew() {
        let fixture = Fixture::new("numpy");
        let folder = fixture.prepare(&Silent).unwrap().folder.unwrap();
        fs::remove_file(folder.join(MARKER)).unwrap();
        fs::write(folder.join("rubbish"), "").unwrap();

        fixture.prepare(&Silent).unwrap();

        assert!(!folder.join("rubbish").exists());
        assert!(folder.join(MARKER).exists());
    }

    #[test]
    fn an_environment_whose_interpreter_is_gone_is_made_anew() {
        let fixture = Fixture::new("numpy");
        let folder = fixture.prepare(&Silent).unwrap().folder.unwrap();
        fs::remove_file(folder.join("bin/python")).unwrap();

        fixture.prepare(&Silent).unwrap();

        assert!(folder.join("bin/python").exists());
    }

    #[test]
    fn a_failed_installation_shows_its_last_lines_and_leaves_nothing() {
        let fixture = Fixture::new("nosuchpackage");

        let problem = fixture.prepare(&Silent).unwrap_err().to_string();

        let want = "installing packages failed (exit status: 1)\n  Resolved 2 packages\n  no version of nosuchpackage";
        assert_eq!(problem, want);
        let left: Vec<_> = fs::read_dir(fixture.0.path().join("envs")).unwrap().flatten().collect();
        assert!(left.iter().all(|entry| entry.path().extension().is_some()), "{left:?}");
    }

    #[test]
    fn many_at_once_make_one_environment() {
        let (fixture, made) = (Fixture::new("numpy"), AtomicUsize::new(0));

        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    fixture.prepare(&Silent).unwrap();
                    made.fetch_add(1, Ordering::SeqCst);
                });
            }
        });

        assert_eq!((made.into_inner(), fixture.calls()), (4, 3));
    }

    #[test]
    fn venv_makes_an_environment_that_runs() {
        let folder = tempfile::tempdir().unwrap();
        let environ: Environ = std::env::vars_os().collect();
        let bench = Workbench { environ: &environ, progress: &Silent, cancel: &Cancel::new() };
        let asked = Some(EnvManager::Virtualenv);
        let plan = Plan::make(&Environment::None, folder.path(), asked, &environ).unwrap();

        let prepared =
            prepare(&plan, folder.path(), &folder.path().join("envs"), Strictness::Strict, &bench)
                .unwrap();

        let mut inside = environ.clone();
        prepared.enter(&mut inside);
        let script = "import sys; print(sys.prefix != sys.base_prefix)";
        let python = inside.find("python").unwrap();
        let output = inside.command(&python).args(["-c", script]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "True\n");
        let lock = fs::read_to_string(prepared.lock().unwrap()).unwrap();
        assert!(lock.contains("pip=="), "{lock}");
    }
}
