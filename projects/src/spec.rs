//! Reads the MLproject file into a [`Project`].
//!
//! Pure: the caller reads the file and lists the folder. Keys that are not known here are ignored,
//! as MLflow ignores them, so a project file can say more than this version understands.

use crate::{
    Error, Result,
    command::{escape, quote},
    yaml::{self, Value},
};

/// The environment files that are used when the project file names none.
const DEFAULT_PYTHON_ENV: &str = "python_env.yaml";
const DEFAULT_CONDA_ENV: &str = "conda.yaml";

/// A project: what can be run in a folder, and in which environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// The project's name, if it has one.
    pub name: Option<String>,
    /// What is to be prepared before a run.
    pub environment: Environment,
    /// What can be run, in the file's order.
    pub entry_points: Vec<EntryPoint>,
}

/// What a project wants prepared before it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Environment {
    /// Nothing.
    None,
    /// The environment of a `python_env.yaml`; its path within the project.
    Python(String),
    /// The environment of a `conda.yaml`; its path within the project.
    Conda(String),
    /// A container.
    Docker {
        /// The image's name.
        image: String,
    },
}

/// One command of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryPoint {
    /// The name it is run by.
    pub name: String,
    /// Its parameters, in the file's order.
    pub parameters: Vec<Parameter>,
    /// The command's template; see [`fill`](crate::fill).
    pub command: String,
}

/// A parameter of an entry point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// The name, as in the command's template.
    pub name: String,
    /// What its values are.
    pub kind: ParameterType,
    /// The value when none is given.
    pub default: Option<String>,
}

/// What the values of a parameter are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParameterType {
    /// Any text; MLflow's `string`, `str`, `bool` and `anything`, which it does not check.
    Text,
    /// A number.
    Float,
    /// A whole number.
    Int,
    /// A file or folder, or a URI that is downloaded first.
    Path,
    /// A URI, passed on as it is.
    Uri,
    /// A name without a meaning, treated as text.
    Unknown(String),
}

impl ParameterType {
    /// The names that mean something.
    pub const NAMES: [&'static str; 10] =
        ["string", "str", "float", "double", "int", "integer", "bool", "path", "uri", "anything"];

    fn parse(name: &str) -> Self {
        match name {
            "string" | "str" | "bool" | "boolean" | "any" | "anything" => Self::Text,
            "float" | "double" => Self::Float,
            "int" | "integer" => Self::Int,
            "path" => Self::Path,
            "uri" => Self::Uri,
            other => Self::Unknown(other.to_owned()),
        }
    }
}

impl Project {
    /// Picks the project file among the names in a folder.
    ///
    /// MLflow takes `MLproject` in any case; `MLproject.yaml` and `MLproject.yml` are ours.
    ///
    /// # Errors
    /// Two project files in one folder: neither is obviously the one that is meant.
    pub fn file_among<'a>(names: &[&'a str]) -> Result<Option<&'a str>> {
        let is_one = |name: &&&str| {
            matches!(name.to_lowercase().as_str(), "mlproject" | "mlproject.yaml" | "mlproject.yml")
        };
        let mut found: Vec<&str> = names.iter().filter(is_one).copied().collect();
        found.sort_unstable();
        match found[..] {
            [] => Ok(None),
            [name] => Ok(Some(name)),
            _ => Err(Error::ManyProjectFiles {
                files: found.into_iter().map(str::to_owned).collect(),
            }),
        }
    }

    /// Reads a project file's text; `names` lists the folder for the default environment files.
    ///
    /// Without a file, `text` is empty: such a project can still run its scripts.
    ///
    /// # Errors
    /// Text that is not YAML, naming the line; a known key with a value of the wrong form.
    pub fn parse(text: &str, file: &str, names: &[&str]) -> Result<Self> {
        let spec = Spec { file };
        let root = yaml::load(text, file)?;
        if root != Value::Null && root.pairs().is_none() {
            return Err(spec.problem("expected a mapping with keys such as `entry_points`"));
        }
        Ok(Self {
            name: present(root.get("name")).map(Value::to_string),
            environment: spec.environment(&root, names)?,
            entry_points: spec.entry_points(&root)?,
        })
    }

    /// Finds an entry point, or makes one of a script's name.
    ///
    /// `shell` runs `.sh` scripts. Whether the script exists is not looked at.
    ///
    /// # Errors
    /// A name that is neither an entry point nor ends in `.py`, `.sh` or `.R`.
    pub fn entry_point(&self, name: &str, shell: &str) -> Result<EntryPoint> {
        if let Some(found) = self.entry_points.iter().find(|entry| entry.name == name) {
            return Ok(found.clone());
        }
        let file = name.rsplit('/').next().unwrap_or(name).trim_start_matches('.');
        // A name that begins with a dash would be an option.
        let script = if name.starts_with('-') { format!("./{name}") } else { name.to_owned() };
        let command = match file.rsplit_once('.') {
            Some((_, "py")) => format!("python {}", quote(&script)),
            Some((_, "sh")) => format!("{shell} {}", quote(&script)),
            Some((_, "R")) => {
                let text = script.replace('\\', r"\\").replace('"', r#"\""#);
                let source = format!(r#"mlflow::mlflow_source("{text}")"#);
                format!("Rscript -e {} --args", quote(&source))
            }
            _ => {
                let known = self.entry_points.iter().map(|entry| entry.name.clone()).collect();
                return Err(Error::UnknownEntryPoint { name: name.to_owned(), known });
            }
        };
        Ok(EntryPoint { name: name.to_owned(), parameters: Vec::new(), command: escape(&command) })
    }
}

fn present(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| **value != Value::Null)
}

struct Spec<'a> {
    file: &'a str,
}

impl Spec<'_> {
    fn problem(&self, problem: impl Into<String>) -> Error {
        Error::Spec { file: self.file.to_owned(), problem: problem.into() }
    }

    fn environment(&self, root: &Value, names: &[&str]) -> Result<Environment> {
        let keys = ["python_env", "conda_env", "docker_env"];
        let given: Vec<&str> = keys.into_iter().filter(|key| root.get(key).is_some()).collect();
        if given.len() > 1 {
            let given = given.join("`, `");
            return Err(self.problem(format!(
                "project cannot contain multiple environment fields: it has `{given}`"
            )));
        }
        if let Some(docker) = root.get("docker_env").filter(|value| value.is_truthy()) {
            return match docker.get("image").filter(|image| image.is_truthy()) {
                Some(image) => Ok(Environment::Docker { image: image.to_string() }),
                None => Err(self.problem("`docker_env` needs an `image`")),
            };
        }
        if let Some(path) = self.env_file(root, "python_env")? {
            return Ok(Environment::Python(path));
        }
        if let Some(path) = self.env_file(root, "conda_env")? {
            return Ok(Environment::Conda(path));
        }
        Ok(if names.contains(&DEFAULT_PYTHON_ENV) {
            Environment::Python(DEFAULT_PYTHON_ENV.to_owned())
        } else if names.contains(&DEFAULT_CONDA_ENV) {
            Environment::Conda(DEFAULT_CONDA_ENV.to_owned())
        } else {
            Environment::None
        })
    }

    fn env_file(&self, root: &Value, key: &str) -> Result<Option<String>> {
        match root.get(key).filter(|value| value.is_truthy()) {
            None => Ok(None),
            Some(Value::Text(path)) => Ok(Some(path.clone())),
            Some(_) => Err(self.problem(format!("`{key}` must be the path of a file"))),
        }
    }

    fn entry_points(&self, root: &Value) -> Result<Vec<EntryPoint>> {
        let Some(entries) = present(root.get("entry_points")) else { return Ok(Vec::new()) };
        let Some(pairs) = entries.pairs() else {
            return Err(self.problem("`entry_points` must map names to entry points"));
        };
        pairs.iter().map(|(name, entry)| self.entry_point(&name.to_string(), entry)).collect()
    }

    fn entry_point(&self, name: &str, entry: &Value) -> Result<EntryPoint> {
        if entry.pairs().is_none() {
            return Err(self.problem(format!("entry point `{name}` must have a `command`")));
        }
        let command = match present(entry.get("command")) {
            Some(Value::Text(command)) => command.clone(),
            Some(_) => {
                return Err(self.problem(format!("`command` of entry point `{name}` must be text")));
            }
            None => return Err(self.problem(format!("entry point `{name}` has no `command`"))),
        };
        let parameters = match present(entry.get("parameters")) {
            None => Vec::new(),
            Some(Value::Map(pairs)) => pairs
                .iter()
                .map(|(parameter, value)| self.parameter(name, &parameter.to_string(), value))
                .collect::<Result<_>>()?,
            Some(_) => {
                return Err(self.problem(format!(
                    "`parameters` of entry point `{name}` must map names to types"
                )));
            }
        };
        Ok(EntryPoint { name: name.to_owned(), parameters, command })
    }

    fn parameter(&self, entry: &str, name: &str, value: &Value) -> Result<Parameter> {
        let (kind, default) = match value {
            Value::Text(kind) => (ParameterType::parse(kind), None),
            Value::Map(_) => {
                let kind = value.get("type").map_or("string".to_owned(), Value::to_string);
                (ParameterType::parse(&kind), present(value.get("default")).map(Value::to_string))
            }
            _ => {
                return Err(self.problem(format!(
                    "parameter `{name}` of entry point `{entry}` must be a type, \
                     or a mapping with `type` and `default`"
                )));
            }
        };
        Ok(Parameter { name: name.to_owned(), kind, default })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Project> {
        Project::parse(text, "MLproject", &[])
    }

    #[track_caller]
    fn refuses(text: &str, want: &str) {
        assert_eq!(parse(text).unwrap_err().to_string(), want, "for {text:?}");
    }

    const FULL: &str = "
name: My Project
python_env: envs/python.yaml
future: {anything: goes}
entry_points:
  main:
    parameters:
      data: path
      alpha: {type: float, default: 0.10}
      rate: {default: 1e-3}
      verbose: {type: bool, default: yes}
      none: {type: string, default: null}
      odd: {type str, default: x}
      shade: colour
    command: 'train {data} {alpha}'
  test: {command: 'pytest'}
";

    #[test]
    fn a_project_file_is_read_with_python_defaults() {
        let project = parse(FULL).unwrap();

        assert_eq!(project.name.as_deref(), Some("My Project"));
        assert_eq!(project.environment, Environment::Python("envs/python.yaml".into()));
        let main = project.entry_point("main", "bash").unwrap();
        let facts: Vec<_> = main
            .parameters
            .iter()
            .map(|p| (p.name.as_str(), p.kind.clone(), p.default.as_deref()))
            .collect();
        assert_eq!(
            facts,
            [
                ("data", ParameterType::Path, None),
                ("alpha", ParameterType::Float, Some("0.1")),
                ("rate", ParameterType::Text, Some("1e-3")),
                ("verbose", ParameterType::Text, Some("True")),
                ("none", ParameterType::Text, None),
                ("odd", ParameterType::Text, Some("x")),
                ("shade", ParameterType::Unknown("colour".into()), None),
            ]
        );
        assert_eq!(project.entry_point("test", "bash").unwrap().command, "pytest");
    }

    #[test]
    fn an_empty_file_is_an_empty_project() {
        for text in ["", "# nothing\n", "entry_points:\n"] {
            let project = parse(text).unwrap();
            assert_eq!(project.entry_points, []);
            assert_eq!(project.environment, Environment::None);
        }
    }

    #[test]
    fn default_environment_files_are_found() {
        let of = |names: &[&str]| Project::parse("", "MLproject", names).unwrap().environment;

        assert_eq!(
            of(&["conda.yaml", "python_env.yaml"]),
            Environment::Python("python_env.yaml".into())
        );
        assert_eq!(of(&["conda.yaml"]), Environment::Conda("conda.yaml".into()));
        assert_eq!(of(&["train.py"]), Environment::None);
    }

    #[test]
    fn wrong_forms_are_named() {
        refuses("- a", "MLproject: expected a mapping with keys such as `entry_points`");
        refuses(
            "python_env: a\nconda_env: b",
            "MLproject: project cannot contain multiple environment fields: \
             it has `python_env`, `conda_env`",
        );
        refuses("docker_env: {volumes: []}", "MLproject: `docker_env` needs an `image`");
        refuses("entry_points: {main: {}}", "MLproject: entry point `main` has no `command`");
        refuses("entry_points: {main: }", "MLproject: entry point `main` must have a `command`");
        refuses(
            "entry_points: {main: {command: x, parameters: {a: }}}",
            "MLproject: parameter `a` of entry point `main` must be a type, \
             or a mapping with `type` and `default`",
        );
        refuses("name: x\nentry_points: [", "MLproject:2:15: unclosed bracket '['");
    }

    #[test]
    fn the_project_file_is_found_by_name_and_two_are_an_error() {
        assert_eq!(Project::file_among(&["a", "mlPROJECT"]).unwrap(), Some("mlPROJECT"));
        assert_eq!(Project::file_among(&["MLproject.yaml"]).unwrap(), Some("MLproject.yaml"));
        assert_eq!(Project::file_among(&["MLproject.yaml.bak"]).unwrap(), None);
        assert_eq!(
            Project::file_among(&["MLproject.yaml", "MLproject"]).unwrap_err().to_string(),
            "found more than one project file, `MLproject`, `MLproject.yaml`: keep one"
        );
    }

    #[test]
    fn scripts_are_entry_points() {
        let project = parse(FULL).unwrap();
        let command = |name: &str| project.entry_point(name, "/bin/zsh").map(|entry| entry.command);

        assert_eq!(command("src/train me.py").unwrap(), "python 'src/train me.py'");
        assert_eq!(command("run.sh").unwrap(), "/bin/zsh run.sh");
        assert_eq!(
            command("fit.R").unwrap(),
            r#"Rscript -e 'mlflow::mlflow_source("fit.R")' --args"#
        );
        assert_eq!(
            command("$(touch x).R").unwrap(),
            r#"Rscript -e 'mlflow::mlflow_source("$(touch x).R")' --args"#
        );
        assert_eq!(
            command(r#"a"b\c.R"#).unwrap(),
            r#"Rscript -e 'mlflow::mlflow_source("a\"b\\c.R")' --args"#
        );
        assert_eq!(command("-c.py").unwrap(), "python ./-c.py");
        assert_eq!(command("a{b}.py").unwrap(), "python 'a{{b}}.py'");
        for name in ["train", "train.rb", ".py", "dir.py/train"] {
            assert_eq!(
                command(name).unwrap_err().to_string(),
                format!(
                    "could not find `{name}` among the entry points [`main`, `test`], \
                     and it is not a script of the project: scripts end in .py, .sh or .R"
                )
            );
        }
    }
}
