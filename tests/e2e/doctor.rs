//! `mlctl doctor`: one line for each thing that a command needs.

use crate::harness::{Place, finish};
use serde_json::Value;

#[track_caller]
fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
    let checks = report["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("{name}: {report}"))
}

#[test]
fn doctor_says_what_is_missing_and_that_this_is_no_failure() {
    let place = Place::new();
    let mut command = place.command(&["doctor", "--json"]);

    let finished = finish(command.env("PATH", place.text("nowhere")));

    assert_eq!(finished.code, Some(0), "{finished:?}");
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(check(&report, "store")["state"], "ok");
    assert!(check(&report, "store")["found"].as_str().unwrap().contains("none yet"), "{report}");
    let git = check(&report, "git");
    assert_eq!(git["state"], "missing");
    assert!(git["fix"].as_str().unwrap().contains("install git"), "{git}");
    assert!(!place.path("mlruns").exists(), "looking creates nothing");
}

#[test]
fn doctor_fails_when_the_store_does_not_open_and_names_the_fix() {
    let place = Place::new();
    place.write("broken.db", &"no database at all".repeat(1000));

    let finished = place.run(&["doctor", "--store", "sqlite:///broken.db"]);

    assert_eq!(finished.code, Some(1), "{finished:?}");
    let line = finished.stdout.lines().find(|line| line.starts_with("problem")).unwrap();
    assert!(line.contains("store") && line.contains("--store"), "{line}");
}

#[test]
fn doctor_shows_the_version_of_a_database() {
    let place = Place::new();
    place.ok(&["--store", "sqlite:///runs.db", "experiments", "create", "one"]);

    let report = place.json(&["--store", "sqlite:///runs.db", "doctor"]);

    let schema = check(&report, "schema");
    assert!(schema["found"].as_str().unwrap().ends_with("the newest"), "{schema}");
}
