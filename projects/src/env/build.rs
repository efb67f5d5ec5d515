//! Makes an environment in its folder: interpreter, packages, lock.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    plan::{Plan, referred_file},
    python_env::PythonEnv,
};
use crate::{
    EnvManager, Error, Result, Step, Strictness,
    error::Context,
    tool::{Tool, Workbench},
};

/// What the making of an environment needs to know.
pub(super) struct Site<'a> {
    /// The environment's folder, which does not exist yet.
    pub(super) folder: &'a Path,
    /// The project's folder.
    pub(super) project: &'a Path,
    /// Whether another Python version than asked for is an error.
    pub(super) strictness: Strictness,
    /// What tools need.
    pub(super) bench: Workbench<'a>,
}

/// What was made.
#[derive(Debug, Default)]
pub(super) struct Built {
    /// Every package with its version, as the tool lists them.
    pub(super) lock: String,
    /// What went not quite well.
    pub(super) warnings: Vec<String>,
}

impl Site<'_> {
    /// Makes the environment of `plan`.
    pub(super) fn build(&self, plan: &Plan) -> Result<Built> {
        match plan {
            Plan::Local => Ok(Built::default()),
            Plan::Python { tool: Some(uv), env, .. } => self.with_uv(uv, env),
            Plan::Python { tool: None, env, .. } => self.with_venv(env),
            Plan::Conda { tool, file, .. } => self.with_conda(tool, file),
        }
    }

    fn run(&self, program: &Path, args: &[&str], doing: &str) -> Result<String> {
        self.bench.run(&Tool {
            program,
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            folder: self.project,
            silence_max: None,
            doing: doing.to_owned(),
        })
    }

    fn step(&self, tool: impl Into<String>) {
        self.bench.progress.step(&Step::CreateEnvironment { tool: tool.into() });
    }

    fn with_uv(&self, uv: &Path, env: &PythonEnv) -> Result<Built> {
        let folder = self.folder.display().to_string();
        self.step(EnvManager::Uv.as_str());
        let mut args = vec!["venv", &folder];
        let python = env.python.as_ref().map(|version| format!("--python={version}"));
        args.extend(python.as_deref());
        self.run(uv, &args, "creating the environment")?;
        let python = self.python().display().to_string();
        let prefix = ["pip", "install", "--python", &python];
        self.install(uv, &prefix, env)?;
        let lock = self.run(uv, &["pip", "freeze", "--python", &python], "listing packages")?;
        Ok(Built { lock, warnings: Vec::new() })
    }

    fn with_venv(&self, env: &PythonEnv) -> Result<Built> {
        let (interpreter, warnings) = self.interpreter(env.python.as_deref())?;
        let folder = self.folder.display().to_string();
        self.step(format!("{} -m venv", interpreter.display()));
        self.run(&interpreter, &["-m", "venv", &folder], "creating the environment")?;
        let python = self.python();
        let prefix = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input"];
        self.install(&python, &prefix, env)?;
        let freeze = ["-m", "pip", "--disable-pip-version-check", "freeze", "--all"];
        let lock = self.run(&python, &freeze, "listing packages")?;
        Ok(Built { lock, warnings })
    }

    fn with_conda(&self, tool: &Path, file: &Path) -> Result<Built> {
        let (folder, file) = (self.folder.display().to_string(), file.display().to_string());
        let name = tool.file_name().unwrap_or_default().to_string_lossy();
        self.step(name.clone());
        let micro = name == "micromamba";
        let create = if micro { vec!["create", "-y"] } else { vec!["env", "create"] };
        let args = [create.as_slice(), &["-p", &folder, "-f", &file]].concat();
        self.run(tool, &args, "creating the environment")?;
        let list =
            if micro { vec!["env", "export", "--explicit"] } else { vec!["list", "--explicit"] };
        let args = [list.as_slice(), &["-p", &folder]].concat();
        let lock = self.run(tool, &args, "listing packages")?;
        Ok(Built { lock, warnings: Vec::new() })
    }

    fn python(&self) -> PathBuf {
        self.folder.join("bin/python")
    }

    fn install(&self, program: &Path, prefix: &[&str], env: &PythonEnv) -> Result<()> {
        for (name, lines) in [("build", &env.build_dependencies), ("install", &env.dependencies)] {
            if lines.is_empty() {
                continue;
            }
            self.bench.progress.step(&Step::InstallPackages { count: self.count(lines) });
            let file = self.folder.join(format!("mlctl-{name}.txt"));
            let text: String = lines.iter().map(|line| self.anchored(line) + "\n").collect();
            fs::write(&file, text).context(|| format!("write {}", file.display()))?;
            let file = file.display().to_string();
            let args = [prefix, &["-r", &file]].concat();
            self.run(program, &args, "installing packages")?;
        }
        Ok(())
    }

    /// Makes references to files absolute: the list they stand in lies elsewhere.
    fn anchored(&self, line: &str) -> String {
        match referred_file(line).filter(|file| !file.contains("://")) {
            Some(file) => {
                let option =
                    if line.contains("-c") && !line.starts_with("-r") { "-c" } else { "-r" };
                format!("{option} {}", self.project.join(file).display())
            }
            None => line.to_owned(),
        }
    }

    fn count(&self, lines: &[String]) -> usize {
        let in_file = |line: &String| {
            let file = referred_file(line)?;
            let text = fs::read_to_string(self.project.join(file)).ok()?;
            let is_package = |line: &&str| !line.is_empty() && !line.starts_with(['#', '-']);
            Some(text.lines().map(str::trim).filter(is_package).count())
        };
        lines.iter().map(|line| in_file(line).unwrap_or(1)).sum()
    }

    /// Finds an interpreter of the version asked for, or the default one with a warning.
    fn interpreter(&self, wanted: Option<&str>) -> Result<(PathBuf, Vec<String>)> {
        let environ = self.bench.environ;
        let minor = wanted.map(minor_version);
        let by_minor = minor.as_ref().filter(|minor| minor.contains('.'));
        let names = by_minor.map(|minor| format!("python{minor}"));
        let names = names.into_iter().chain(["python3".to_owned(), "python".to_owned()]);
        let mut default: Option<(PathBuf, String)> = None;
        for program in names.filter_map(|name| environ.find(&name)) {
            // A shim of pyenv exists for versions that are not usable here, so each is asked.
            let Some(version) = self.version_of(&program)? else { continue };
            let fits = minor
                .as_ref()
                .is_none_or(|minor| version == *minor || version.starts_with(&format!("{minor}.")));
            if fits {
                return Ok((program, Vec::new()));
            }
            default.get_or_insert((program, version));
        }
        let wanted = wanted.unwrap_or("3");
        let Some((program, version)) = default else {
            let purpose = format!("create an environment with Python {wanted}");
            let programs = vec!["python3".to_owned(), "python".to_owned()];
            return Err(Error::ToolNotFound { programs, purpose });
        };
        if self.strictness == Strictness::Strict {
            let purpose = format!("create the environment; Python {version} is installed");
            let programs = vec![format!("python{}", minor.unwrap_or_default())];
            return Err(Error::ToolNotFound { programs, purpose });
        }
        let warning = format!(
            "the project asks for Python {wanted}; using Python {version}, which is \
                     installed"
        );
        Ok((program, vec![warning]))
    }

    fn version_of(&self, python: &Path) -> Result<Option<String>> {
        let script = "import sys; print('%d.%d.%d' % sys.version_info[:3])";
        match self.run(python, &["-I", "-c", script], "asking Python for its version") {
            Ok(version) => Ok(Some(version.trim().to_owned())),
            Err(Error::Cancelled) => Err(Error::Cancelled),
            Err(_) => Ok(None),
        }
    }
}

/// Cuts `3.11.7` to `3.11`.
fn minor_version(version: &str) -> String {
    version.split('.').take(2).collect::<Vec<_>>().join(".")
}
