//! What a `python_env.yaml` asks for, and what MLflow makes of a `conda.yaml` without conda.
//!
//! Pure: text in, requirements out.

use crate::{
    Error, Result,
    yaml::{self, Value},
};

/// The packages that a conda file may name and pip can install before the others.
const BUILD_PACKAGES: [&str; 3] = ["pip", "setuptools", "wheel"];

/// A Python version and the packages to install with pip.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PythonEnv {
    /// The version, such as `3.11` or `3.11.7`.
    pub(crate) python: Option<String>,
    /// What is installed first.
    pub(crate) build_dependencies: Vec<String>,
    /// Lines of a requirements file.
    pub(crate) dependencies: Vec<String>,
    /// What is left out.
    pub(crate) warnings: Vec<String>,
}

impl PythonEnv {
    /// Reads a `python_env.yaml`.
    pub(crate) fn parse(text: &str, file: &str) -> Result<Self> {
        let root = yaml::load(text, file)?;
        let spec = Spec { file };
        for (key, _) in root.pairs().unwrap_or_default() {
            if !matches!(key.text(), Some("python" | "build_dependencies" | "dependencies")) {
                return Err(spec.problem(format!(
                    "unknown key `{key}`: known are python, build_dependencies, dependencies"
                )));
            }
        }
        let python = match root.get("python") {
            None | Some(Value::Null) => None,
            Some(Value::Text(version)) => Some(spec.version(version)?),
            Some(Value::Float(_) | Value::Int(_)) => {
                let problem = "`python` must be in quotes, because YAML reads 3.10 as 3.1: \
                               python: \"3.10\"";
                return Err(spec.problem(problem.to_owned()));
            }
            Some(_) => return Err(spec.problem("`python` must be a version in quotes".to_owned())),
        };
        Ok(Self {
            python,
            build_dependencies: spec.lines(&root, "build_dependencies")?,
            dependencies: spec.lines(&root, "dependencies")?,
            warnings: Vec::new(),
        })
    }

    /// Translates a `conda.yaml`: the Python version and what pip is to install.
    pub(crate) fn from_conda(text: &str, file: &str) -> Result<Self> {
        let root = yaml::load(text, file)?;
        let spec = Spec { file };
        let mut env = Self::default();
        let mut skipped = Vec::new();
        let Some(Value::List(items)) = root.get("dependencies") else { return Ok(env) };
        for item in items {
            match item {
                Value::Text(text) => match conda_package(text) {
                    Some(("python", operator, version)) if env.python.is_none() => {
                        env.python = Some(spec.conda_python(text, operator, version)?);
                    }
                    Some(("python", ..)) => {}
                    Some((name, operator, version)) => {
                        let operator = if operator == "=" { "==" } else { operator };
                        env.build_dependencies.push(format!("{name}{operator}{version}"));
                    }
                    None => skipped.push(text.clone()),
                },
                Value::Map(_) if item.get("pip").is_some() => {
                    env.dependencies = spec.lines(item, "pip")?;
                }
                other => {
                    return Err(spec.problem(format!(
                        "`{other}` is not a dependency: write a package, or a `pip` list"
                    )));
                }
            }
        }
        if !skipped.is_empty() {
            let skipped = skipped.join(", ");
            env.warnings.push(format!("{file}: without conda these are not installed: {skipped}"));
        }
        Ok(env)
    }
}

/// Splits `python>=3.8` into name, operator and version, for the packages known here.
fn conda_package(text: &str) -> Option<(&str, &str, &str)> {
    let end = text.find(['<', '>', '=', '!']).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let version = rest.trim_start_matches(['<', '>', '=', '!']);
    let operator = &rest[..rest.len() - version.len()];
    let fits = (name == "python" || BUILD_PACKAGES.contains(&name))
        && matches!(operator, "" | "<" | ">" | "<=" | ">=" | "=" | "==" | "!=")
        && version.chars().all(|c| c.is_ascii_digit() || c == '.');
    fits.then_some((name, operator, version))
}

struct Spec<'a> {
    file: &'a str,
}

impl Spec<'_> {
    fn problem(&self, problem: String) -> Error {
        Error::Spec { file: self.file.to_owned(), problem }
    }

    fn version(&self, text: &str) -> Result<String> {
        let fits = text.starts_with(|c: char| c.is_ascii_digit())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '.');
        if fits {
            return Ok(text.to_owned());
        }
        Err(self.problem(format!("`{text}` is not a Python version: write for example \"3.11\"")))
    }

    fn conda_python(&self, text: &str, operator: &str, version: &str) -> Result<String> {
        if matches!(operator, "" | "<" | ">" | "!=") || version.is_empty() {
            let problem = format!("`{text}` does not pin Python: write for example python=3.11");
            return Err(self.problem(problem));
        }
        self.version(version)
    }

    fn lines(&self, root: &Value, key: &str) -> Result<Vec<String>> {
        match root.get(key) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::List(items)) => Ok(items.iter().map(Value::to_string).collect()),
            Some(_) => Err(self.problem(format!("`{key}` must be a list"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_python_env_file_is_read() {
        let text = "python: '3.11'\nbuild_dependencies: [pip==23]\ndependencies:\n  - -r requirements.txt\n  - x>1 # note\n";

        let env = PythonEnv::parse(text, "python_env.yaml").unwrap();

        assert_eq!(env.python.as_deref(), Some("3.11"));
        assert_eq!(env.build_dependencies, ["pip==23"]);
        assert_eq!(env.dependencies, ["-r requirements.txt", "x>1"]);
    }

    #[test]
    fn a_conda_file_is_translated_as_mlflow_does() {
        let text = "
channels: [conda-forge]
dependencies:
  - python=3.10.2
  - pip<=22.0
  - setuptools=60
  - numpy=1.2
  - pip: [mlflow>=2, 'a==1']
";

        let env = PythonEnv::from_conda(text, "conda.yaml").unwrap();

        assert_eq!(env.python.as_deref(), Some("3.10.2"));
        assert_eq!(env.build_dependencies, ["pip<=22.0", "setuptools==60"]);
        assert_eq!(env.dependencies, ["mlflow>=2", "a==1"]);
        assert_eq!(env.warnings, ["conda.yaml: without conda these are not installed: numpy=1.2"]);
    }

    #[test]
    fn wrong_forms_are_named() {
        let problem = |text: &str| PythonEnv::parse(text, "p").unwrap_err().to_string();

        assert_eq!(
            problem("python: 3.10"),
            "p: `python` must be in quotes, because YAML reads 3.10 as 3.1: python: \"3.10\""
        );
        assert_eq!(
            problem("python: '-c x'"),
            "p: `-c x` is not a Python version: write for example \"3.11\""
        );
        assert_eq!(problem("dependencies: x"), "p: `dependencies` must be a list");
        assert_eq!(
            problem("deps: []"),
            "p: unknown key `deps`: known are python, build_dependencies, dependencies"
        );
        let problem = |text: &str| PythonEnv::from_conda(text, "c").unwrap_err().to_string();
        assert_eq!(
            problem("dependencies: [python>3]"),
            "c: `python>3` does not pin Python: write for example python=3.11"
        );
    }
}
