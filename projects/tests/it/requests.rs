//! What is asked for: parameters, entry points, and what is wrong with them.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use mlctl_projects::{BoxError, Fetch, Outcome, Request, Strictness};

use crate::fixture::{Fixture, main};

const PROJECT: &str = "
name: sample
entry_points:
  main:
    parameters:
      data: path
      alpha: {type: float, default: 0.50}
      kind: {type: colour, default: red}
    command: 'echo {data} {alpha}'
";

fn sample() -> Fixture {
    let fixture = Fixture::new();
    fixture.write("project/MLproject", PROJECT);
    fixture.write("here.csv", "");
    fixture
}

#[test]
fn values_are_recorded_raw_and_paths_resolved_from_the_caller() {
    let fixture = sample();
    let request = Request {
        user: Some("ann".to_owned()),
        parent_run: Some("p1".to_owned()),
        ..fixture.parameters("project", &["data=here.csv", "note=it's"])
    };

    let (result, record) = fixture.run(request);

    assert_eq!(result.unwrap(), Outcome::Finished);
    let want = format!("{} 0.5 --note it's\n", fixture.path("here.csv").display());
    assert_eq!(record.artifact("logs/stdout.txt").unwrap(), want);
    let about = record.about.as_ref().unwrap();
    let values: Vec<_> = about.parameters.iter().collect();
    assert_eq!(values, [("data", "here.csv"), ("alpha", "0.5"), ("kind", "red"), ("note", "it's")]);
    assert_eq!(about.project.as_deref(), Some("sample"));
    let folder = fixture.path("project").canonicalize().unwrap().display().to_string();
    let want = [
        ("mlflow.user", "ann"),
        ("mlflow.source.name", &folder),
        ("mlflow.source.type", "PROJECT"),
        ("mlflow.project.entryPoint", "main"),
        ("mlflow.project.backend", "local"),
        ("mlflow.parentRunId", "p1"),
    ];
    let tags: Vec<_> = about.tags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(tags, want);
    let unknown =
        "parameter `kind` has the value `red`: its type `colour` is unknown and treated as";
    assert!(matches!(&record.warnings[..], [one] if one.starts_with(unknown)), "{record:?}");
}

#[test]
fn what_is_wrong_is_said_before_a_run_is_recorded() {
    let fixture = sample();
    let problem = |request: Request| fixture.problem(request);

    assert_eq!(
        problem(fixture.parameters("project", &[])),
        "no value given for missing parameters: 'data'"
    );
    assert_eq!(
        problem(fixture.parameters("project", &["data=project-only.csv"])),
        "parameter `data` has the value `project-only.csv`: \
         there is no file or folder /T/project-only.csv"
    );
    let strict =
        |given| Request { strictness: Strictness::Strict, ..fixture.parameters("project", given) };
    assert_eq!(
        problem(strict(&["data=here.csv", "alpha=much"])),
        "parameter `alpha` has the value `much`: expected a number"
    );
    assert_eq!(
        problem(strict(&["data=here.csv"])),
        "parameter `kind` has the value `red`: its type `colour` is unknown and treated as string; \
         known are string, str, float, double, int, integer, bool, path, uri, anything"
    );
    assert_eq!(
        problem(Request { entry_point: "tain".to_owned(), ..fixture.request("project") }),
        "could not find `tain` among the entry points [`main`], and it is not a script of the project: \
         scripts end in .py, .sh or .R"
    );
    assert_eq!(
        problem(fixture.request("nowhere")),
        "project `nowhere` not found: there is no /T/nowhere"
    );
    assert_eq!(
        problem(fixture.request("project#no")),
        "project `project#no` not found: there is no no"
    );
    assert_eq!(
        problem(fixture.request("s3://bucket/x")),
        "project `s3://bucket/x` is not supported: a project is a folder, a git URL \
         (https, ssh, git, file) or a zip file (local, http, https)"
    );
    assert_eq!(
        problem(Request { version: Some("v1".to_owned()), ..fixture.request("project") }),
        "project `project` is not a git repository: it has no version `v1`"
    );
}

#[test]
fn broken_project_files_name_their_line() {
    let fixture = Fixture::new();
    fixture.write("project/MLproject", "name: x\nentry_points: {main: {command: a}\n");
    let problem = fixture.problem(fixture.request("project"));
    assert!(problem.starts_with("MLproject:2:15: "), "{problem}");

    fixture.write("project/MLproject", &main("echo ${HOME}"));
    assert_eq!(
        fixture.problem(fixture.request("project")),
        "command template, column 7: no parameter `HOME` (the entry point has none); \
         for the shell's `${HOME}` write `${{HOME}}`"
    );

    fixture.write("project/MLproject.yaml", "");
    assert_eq!(
        fixture.problem(fixture.request("project")),
        "found more than one project file, `MLproject`, `MLproject.yaml`: keep one"
    );
}

#[test]
fn a_script_is_an_entry_point_of_a_folder_without_a_project_file() {
    let fixture = Fixture::new();
    fixture.write("project/say it.sh", "echo said $1 $2");
    let mut request = fixture.parameters("project", &["word=x y"]);
    request.entry_point = "say it.sh".to_owned();
    request.environ.set("SHELL", "/bin/bash");

    let (result, record) = fixture.run(request);

    assert_eq!(result.unwrap(), Outcome::Finished);
    assert_eq!(record.artifact("logs/stdout.txt").unwrap(), "said --word x y\n");
}

struct Local;

impl Fetch for Local {
    fn fetch(&self, uri: &str, into: &Path) -> Result<PathBuf, BoxError> {
        if uri.contains("missing") {
            return Err("there is no such run".into());
        }
        let path = into.join("model");
        std::fs::write(&path, uri)?;
        Ok(path)
    }
}

#[test]
fn a_remote_path_is_downloaded_and_recorded_as_given() {
    let fixture = Fixture::new();
    let file = "entry_points: {main: {parameters: {m: path}, command: 'cat {m}'}}";
    fixture.write("project/MLproject", file);
    let with = |uri: &str| Request {
        fetch: Some(Arc::new(Local)),
        ..fixture.parameters("project", &[&format!("m={uri}")])
    };

    let (result, record) = fixture.run(with("runs:/1/model"));
    assert_eq!(result.unwrap(), Outcome::Finished);
    assert_eq!(record.artifact("logs/stdout.txt").unwrap(), "runs:/1/model");
    assert_eq!(record.about.unwrap().parameters.get("m"), Some("runs:/1/model"));

    let (result, record) = fixture.run(with("runs:/missing"));
    assert_eq!(
        result.unwrap_err().to_string(),
        "could not download `runs:/missing` for parameter `m`"
    );
    assert!(matches!(record.ends[..], [Outcome::Failed(_)]), "{record:?}");
}
