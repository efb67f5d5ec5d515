//! Decides what to prepare for a project, with which tool, and under which key it is kept.

use std::{
    collections::HashSet,
    fmt, fs,
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::python_env::PythonEnv;
use crate::{Environ, Environment, Error, Result, error::Context};

/// Changes when environments of older versions must not be reused.
const LAYOUT: &str = "mlctl environment 1";

/// What prepares a project's environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EnvManager {
    /// Nothing: the project runs in the caller's environment.
    Local,
    /// uv, which also fetches the Python version asked for.
    Uv,
    /// Python's own `venv` and pip.
    Virtualenv,
    /// conda, mamba or micromamba.
    Conda,
}

impl EnvManager {
    /// Returns the name, which is also the value of the tag `mlflow.project.env`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Uv => "uv",
            Self::Virtualenv => "virtualenv",
            Self::Conda => "conda",
        }
    }
}

impl fmt::Display for EnvManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EnvManager {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let all = [Self::Local, Self::Uv, Self::Virtualenv, Self::Conda];
        all.into_iter().find(|manager| manager.as_str() == text).ok_or_else(|| Error::Invalid {
            what: "environment manager",
            value: text.to_owned(),
            rule: "must be local, uv, virtualenv or conda".to_owned(),
        })
    }
}

/// What is to be prepared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Nothing.
    Local,
    /// A Python environment made with uv or `venv`.
    Python {
        /// [`EnvManager::Uv`] or [`EnvManager::Virtualenv`].
        manager: EnvManager,
        /// The tool that makes it; with `venv`, whatever Python is found.
        tool: Option<PathBuf>,
        /// What it holds.
        env: PythonEnv,
        /// The key of its folder.
        key: String,
    },
    /// A conda environment.
    Conda {
        /// conda, mamba or micromamba.
        tool: PathBuf,
        /// The environment file.
        file: PathBuf,
        /// The key of its folder.
        key: String,
    },
}

impl Plan {
    /// Returns the manager, as it is recorded.
    pub(crate) fn manager(&self) -> EnvManager {
        match self {
            Self::Local => EnvManager::Local,
            Self::Python { manager, .. } => *manager,
            Self::Conda { .. } => EnvManager::Conda,
        }
    }

    /// Decides for a project in `folder`; `asked` is the caller's choice.
    ///
    /// Without a choice and without an environment file nothing is prepared. MLflow would make an
    /// empty environment of its own Python; a project of shell commands needs none.
    pub(crate) fn make(
        wanted: &Environment,
        folder: &Path,
        asked: Option<EnvManager>,
        environ: &Environ,
    ) -> Result<Self> {
        if asked == Some(EnvManager::Local) {
            return Ok(Self::Local);
        }
        let maker = Maker { folder, environ };
        match (wanted, asked) {
            (Environment::Docker { image }, _) => Err(Error::Unsupported {
                what: format!("`docker_env` with the image `{image}`"),
                instead: "run the project with the environment manager `local`",
            }),
            (Environment::None, None) => Ok(Self::Local),
            (Environment::None | Environment::Python(_), Some(EnvManager::Conda)) => {
                Err(Error::Unsupported {
                    what: "conda for a project without a `conda_env`".to_owned(),
                    instead: "use the environment manager uv, virtualenv or local",
                })
            }
            (Environment::None, Some(manager)) => maker.python(PythonEnv::default(), manager),
            (Environment::Python(path), asked) => {
                let file = maker.file("python_env", path)?;
                let env = PythonEnv::parse(&read(&file)?, path)?;
                maker.python(env, asked.unwrap_or_else(|| maker.default_manager()))
            }
            (Environment::Conda(path), asked) => maker.conda_file(path, asked),
        }
    }
}

/// The programs that can make a conda environment, in the order they are looked for.
pub(crate) const CONDA_PROGRAMS: [&str; 3] = ["conda", "mamba", "micromamba"];

struct Maker<'a> {
    folder: &'a Path,
    environ: &'a Environ,
}

impl Maker<'_> {
    fn file(&self, key: &str, path: &str) -> Result<PathBuf> {
        let file = self.folder.join(path);
        if file.is_file() {
            return Ok(file);
        }
        Err(Error::Spec {
            file: "project".to_owned(),
            problem: format!("specified {key} file {}, but no such file was found", file.display()),
        })
    }

    fn default_manager(&self) -> EnvManager {
        let has_uv = self.environ.find("uv").is_some();
        if has_uv { EnvManager::Uv } else { EnvManager::Virtualenv }
    }

    fn conda_file(&self, path: &str, asked: Option<EnvManager>) -> Result<Plan> {
        let file = self.file("conda_env", path)?;
        let text = read(&file)?;
        let tool = CONDA_PROGRAMS.iter().find_map(|program| self.environ.find(program));
        match (asked, tool) {
            (None | Some(EnvManager::Conda), Some(tool)) => {
                let mut key = Key::new(EnvManager::Conda);
                key.add("file", &text);
                Ok(Plan::Conda { tool, file, key: key.finish() })
            }
            (Some(EnvManager::Conda), None) => Err(Error::ToolNotFound {
                programs: CONDA_PROGRAMS.map(str::to_owned).to_vec(),
                purpose: "create the project's conda environment".to_owned(),
            }),
            (asked, _) => {
                let env = PythonEnv::from_conda(&text, path)?;
                self.python(env, asked.unwrap_or_else(|| self.default_manager()))
            }
        }
    }

    fn python(&self, env: PythonEnv, manager: EnvManager) -> Result<Plan> {
        let tool = if manager == EnvManager::Uv {
            let found = self.environ.find("uv").ok_or_else(|| Error::ToolNotFound {
                programs: vec!["uv".to_owned()],
                purpose: "create the project's environment".to_owned(),
            })?;
            Some(found)
        } else {
            None
        };
        let mut key = Key::new(manager);
        key.add("python", env.python.as_deref().unwrap_or(""));
        let mut seen = HashSet::new();
        for (kind, lines) in [("build", &env.build_dependencies), ("install", &env.dependencies)] {
            for line in lines {
                key.requirement(kind, line, self.folder, &mut seen)?;
            }
        }
        Ok(Plan::Python { manager, tool, env, key: key.finish() })
    }
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).context(|| format!("read {}", file.display()))
}

/// Collects everything that an environment's content depends on.
struct Key(Sha256);

impl Key {
    fn new(manager: EnvManager) -> Self {
        let mut key = Self(Sha256::new());
        key.add("layout", LAYOUT);
        key.add("manager", manager.as_str());
        key.add("platform", &format!("{} {}", std::env::consts::OS, std::env::consts::ARCH));
        key
    }

    fn add(&mut self, name: &str, value: &str) {
        // Lengths keep neighbours apart: ("a", "bc") is not ("ab", "c").
        self.0.update(format!("{name} {}\n", value.len()));
        self.0.update(value);
    }

    /// Adds a requirements line, and the content of the file it refers to.
    fn requirement(
        &mut self,
        kind: &str,
        line: &str,
        folder: &Path,
        seen: &mut HashSet<PathBuf>,
    ) -> Result<()> {
        self.add(kind, line);
        if is_local(line) {
            // What is installed from a folder is only right for that folder.
            self.add("folder", &folder.display().to_string());
        }
        let Some(file) = referred_file(line).filter(|file| !file.contains("://")) else {
            return Ok(());
        };
        let file = folder.join(file);
        if !seen.insert(file.clone()) {
            return Ok(());
        }
        let text = read(&file)?;
        let beside = file.parent().unwrap_or(folder);
        text.lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .try_for_each(|line| self.requirement(kind, line, beside, seen))
    }

    fn finish(self) -> String {
        self.0.finalize().iter().take(20).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Returns the file that a line such as `-r requirements.txt` refers to.
pub(crate) fn referred_file(line: &str) -> Option<&str> {
    let line = line.trim();
    let rest = ["--requirement", "--constraint", "-r", "-c"]
        .into_iter()
        .find_map(|option| line.strip_prefix(option))?;
    let rest = rest.strip_prefix('=').unwrap_or(rest);
    let file = rest.split(" #").next().unwrap_or(rest).trim();
    (!file.is_empty()).then_some(file)
}

fn is_local(line: &str) -> bool {
    let line = line.trim();
    line.starts_with(['.', '/'])
        || line.starts_with("-e")
        || line.starts_with("--editable")
        || line.contains("file:")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    struct Fixture(tempfile::TempDir);

    impl Fixture {
        fn new(files: &[(&str, &str)], programs: &[&str]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir(folder.path().join("bin")).unwrap();
            for (name, text) in files {
                fs::write(folder.path().join(name), text).unwrap();
            }
            for name in programs {
                let file = folder.path().join("bin").join(name);
                fs::write(&file, "").unwrap();
                fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).unwrap();
            }
            Self(folder)
        }

        fn plan(&self, wanted: &Environment, asked: Option<EnvManager>) -> Result<Plan> {
            let environ = Environ::from_iter([("PATH", self.0.path().join("bin"))]);
            Plan::make(wanted, self.0.path(), asked, &environ)
        }

        fn key(&self) -> String {
            let wanted = Environment::Python("python_env.yaml".into());
            match self.plan(&wanted, Some(EnvManager::Virtualenv)).unwrap() {
                Plan::Python { key, .. } => key,
                other => panic!("{other:?}"),
            }
        }

        fn write(&self, name: &str, text: &str) {
            fs::write(self.0.path().join(name), text).unwrap();
        }
    }

    fn python() -> Environment {
        Environment::Python("python_env.yaml".into())
    }

    fn conda() -> Environment {
        Environment::Conda("conda.yaml".into())
    }

    const FILES: &[(&str, &str)] = &[
        ("python_env.yaml", "dependencies: [-r requirements.txt]"),
        ("requirements.txt", "# top\n-r more.txt\nnumpy\n"),
        ("more.txt", "scipy\n"),
        ("conda.yaml", "dependencies: [python=3.11, {pip: [numpy]}]"),
    ];

    #[test]
    fn the_manager_follows_the_project_and_what_is_installed() {
        let manager = |programs: &[&str], wanted: &Environment, asked| {
            Fixture::new(FILES, programs).plan(wanted, asked).map(|plan| plan.manager())
        };

        assert_eq!(manager(&["uv"], &python(), None).unwrap(), EnvManager::Uv);
        assert_eq!(manager(&[], &python(), None).unwrap(), EnvManager::Virtualenv);
        assert_eq!(manager(&["uv", "mamba"], &conda(), None).unwrap(), EnvManager::Conda);
        assert_eq!(manager(&["uv"], &conda(), None).unwrap(), EnvManager::Uv);
        assert_eq!(
            manager(&["conda"], &conda(), Some(EnvManager::Virtualenv)).unwrap(),
            EnvManager::Virtualenv
        );
        assert_eq!(manager(&["uv"], &Environment::None, None).unwrap(), EnvManager::Local);
        assert_eq!(
            manager(&["uv"], &Environment::None, Some(EnvManager::Uv)).unwrap(),
            EnvManager::Uv
        );
        assert_eq!(manager(&[], &python(), Some(EnvManager::Local)).unwrap(), EnvManager::Local);
    }

    #[test]
    fn what_cannot_be_prepared_is_explained() {
        let problem = |wanted: &Environment, asked| {
            Fixture::new(FILES, &[]).plan(wanted, asked).unwrap_err().to_string()
        };

        assert_eq!(
            problem(&python(), Some(EnvManager::Uv)),
            "could not find `uv` on PATH; it is needed to create the project's environment"
        );
        assert_eq!(
            problem(&conda(), Some(EnvManager::Conda)),
            "could not find `conda`, `mamba`, `micromamba` on PATH; it is needed to create the \
             project's conda environment"
        );
        assert!(
            problem(&python(), Some(EnvManager::Conda)).contains("use the environment manager")
        );
        assert!(problem(&Environment::Docker { image: "x".into() }, None).contains("`docker_env`"));
        let missing = problem(&Environment::Python("no.yaml".into()), None);
        assert!(missing.contains("/no.yaml, but no such file was found"), "{missing}");
    }

    #[test]
    fn the_key_follows_everything_that_is_installed() {
        let fixture = Fixture::new(FILES, &[]);
        let first = fixture.key();
        assert_eq!(fixture.key(), first);

        fixture.write("more.txt", "scipy==1.2\n");
        let second = fixture.key();
        assert_ne!(second, first);

        fixture.write("python_env.yaml", "python: '3.11'\ndependencies: [-r requirements.txt]");
        assert_ne!(fixture.key(), second);
    }

    #[test]
    fn references_to_files_are_recognised() {
        assert_eq!(referred_file("-r a.txt"), Some("a.txt"));
        assert_eq!(referred_file("-ra.txt # why"), Some("a.txt"));
        assert_eq!(referred_file("--constraint=c.txt"), Some("c.txt"));
        assert_eq!(referred_file("requests"), None);
    }
}
