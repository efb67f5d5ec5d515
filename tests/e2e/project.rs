//! `mlctl run` of projects that are wrong, fail, or want something.

use crate::harness::{Place, datum_text, text};
use crate::http::Server;

const SAMPLE: &str = "
name: sample
entry_points:
  main:
    parameters:
      data: {type: path, default: MLproject}
      kind: {type: colour, default: red}
      alpha: float
    command: 'echo {data} {kind} {alpha}'
";

/// Runs project `sample`, which must be refused before a run or a store is made.
#[track_caller]
fn check_refused(place: &Place, args: &[&str], want: &str) {
    place.check_failure(&[&["run", "sample"], args].concat(), 1, want);
    assert!(!place.path("mlruns").exists());
}

fn sample() -> Place {
    let place = Place::new();
    place.write("sample/MLproject", SAMPLE);
    place
}

#[test]
fn an_unknown_parameter_type_is_refused_when_strict() {
    check_refused(
        &sample(),
        &["-P", "alpha=1", "-P", "data=sample", "--strict"],
        "error: parameter `kind` has the value `red`: its type `colour` is unknown and treated as \
         string; known are string, str, float, double, int, integer, bool, path, uri, anything",
    );
}

#[test]
fn an_unknown_parameter_type_is_otherwise_a_warning() {
    let place = sample();

    let finished = place.run(&["run", "sample", "-P", "alpha=1", "-P", "data=sample"]);

    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(finished.stderr.starts_with("warning: parameter `kind`"), "{finished:?}");
    let line = format!("{} red 1\n", place.text("sample"));
    assert!(finished.stdout.starts_with(&line), "{finished:?}");
}

#[test]
fn a_missing_parameter_is_named() {
    check_refused(
        &sample(),
        &[],
        "error: no value given for missing parameters: 'alpha'\nhint: pass -P alpha=…",
    );
}

#[test]
fn a_value_that_is_no_number_is_refused_when_strict() {
    let place = Place::new();
    let file = "entry_points: {main: {parameters: {alpha: float}, command: 'echo {alpha}'}}";
    place.write("sample/MLproject", file);

    check_refused(
        &place,
        &["-P", "alpha=much", "--strict"],
        "error: parameter `alpha` has the value `much`: expected a number",
    );
}

#[test]
fn an_unknown_entry_point_is_answered_with_those_there_are() {
    check_refused(
        &sample(),
        &["-e", "tain"],
        "error: could not find `tain` among the entry points [`main`], and it is not a script of \
         the project: scripts end in .py, .sh or .R\n\
         hint: choose an entry point with -e, such as `-e main`",
    );
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let place = Place::new();

    place.check_failure(
        &["run", "nowhere"],
        1,
        "error: project `nowhere` not found: there is no /W/nowhere",
    );

    assert!(!place.path("mlruns").exists());
}

#[test]
fn broken_yaml_is_reported_with_its_line() {
    let place = Place::new();
    place.write("sample/MLproject", "name: x\nentry_points:\n  main: {command: [a\n");

    let finished = place.run(&["run", "sample"]);

    assert_eq!(finished.code, Some(1));
    assert!(finished.stderr.starts_with("error: MLproject:"), "{finished:?}");
    let line = finished.stderr.split(':').nth(2).unwrap();
    assert!(line == "3" || line == "4", "{finished:?}");
    assert!(!place.path("mlruns").exists());
}

#[test]
fn two_project_files_are_one_too_many() {
    let place = sample();
    place.write("sample/MLproject.yaml", SAMPLE);

    check_refused(
        &place,
        &["-P", "alpha=1"],
        "error: found more than one project file, `MLproject`, `MLproject.yaml`: keep one",
    );
}

#[test]
fn a_failed_command_leaves_a_failed_run_with_its_code_and_last_lines() {
    let place = Place::new();
    place.project(
        "fails",
        "mlctl log metric loss 0.5; echo almost; echo no more memory >&2; exit 7",
    );

    let finished = place.run(&["run", "fails", "--run-name", "sad"]);

    let runs = place.json(&["runs", "list"]);
    let run = &runs[0];
    let id = text(&run["info"]["run_id"]);
    assert_eq!(finished.code, Some(1));
    let want = format!(
        "no more memory\n\
         error: run sad ({id}) failed: the command exited with code 7\n\
         hint: to see its output: mlctl artifacts get {id} logs/stderr.txt\n"
    );
    assert_eq!(finished.stderr, want);
    assert_eq!(run["info"]["status"], "FAILED");
    assert!(run["info"]["end_time"].is_i64());
    assert_eq!(datum_text(run, "tags", "mlctl.exit_code"), Some("7"));
    let failure = datum_text(run, "tags", "mlctl.failure").unwrap();
    let mut lines: Vec<&str> = failure.lines().collect();
    assert_eq!(lines.remove(0), "the command exited with code 7");
    lines.sort_unstable();
    assert_eq!(lines, ["almost", "no more memory"]);
    assert_eq!(Server::start(&place).history(&id, "loss").len(), 1);
}

#[test]
fn a_command_killed_by_a_signal_leaves_a_failed_run() {
    let place = Place::new();
    place.project("crashes", "kill -SEGV $$");

    let finished = place.run(&["run", "crashes"]);

    assert_eq!(finished.code, Some(1));
    let run = &place.json(&["runs", "list"])[0];
    assert_eq!(run["info"]["status"], "FAILED");
    let failure = datum_text(run, "tags", "mlctl.failure").unwrap();
    assert!(failure.contains("signal 11"), "{failure}");
    assert!(finished.stderr.contains(failure), "{finished:?}");
    assert_eq!(datum_text(run, "tags", "mlctl.exit_code"), None);
}

#[test]
fn a_value_never_becomes_a_second_command() {
    let place = Place::new();
    let file = "entry_points: {main: {parameters: {a: string}, command: 'echo {a}'}}";
    place.write("sample/MLproject", file);

    let value = "x; touch owned; $(touch owned) `touch owned` 'quoted'";
    let finished = place.run(&["run", "sample", "-P", &format!("a={value}")]);

    assert!(finished.stdout.starts_with(&format!("{value}\n")), "{finished:?}");
    assert!(!place.path("sample/owned").exists());
}

#[test]
fn the_settings_name_the_experiment_and_the_store() {
    let place = Place::new();
    place.project("empty", "true");
    place.write("mlctl.toml", "store = \"shared\"\nexperiment_name = \"churn\"\n");

    place.run_project(&["empty"]);

    let runs = place.json(&["runs", "list", "--experiment-name", "churn"]);
    assert_eq!(runs.as_array().unwrap().len(), 1);
    assert!(place.path("shared").is_dir() && !place.path("mlruns").exists());
}
