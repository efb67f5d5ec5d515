//! Projects from git, and what answers when they cannot be had.

use crate::harness::{Place, datum_text};
use std::net::TcpListener;

/// Makes a repository with the tag `v1` and the branch `main` after it.
fn repository() -> Place {
    let place = Place::new();
    place.project("repo", "echo first");
    place.project("repo/sub", "echo below");
    place.git("repo", &["init", "-q", "-b", "main"]);
    place.git("repo", &["add", "."]);
    place.git("repo", &["commit", "-q", "-m", "first"]);
    place.git("repo", &["tag", "v1"]);
    place.project("repo", "echo second");
    place.git("repo", &["commit", "-q", "-am", "second"]);
    place
}

fn url(place: &Place) -> String {
    format!("file://{}", place.path("repo").canonicalize().unwrap().display())
}

#[test]
fn a_version_of_a_repository_runs_and_its_commit_is_recorded() {
    let place = repository();
    let commit = place.git("repo", &["rev-parse", "v1"]);
    let before = place.git("repo", &["status", "--porcelain=v2", "--branch"]);

    let shown = place.ok(&["run", &url(&place), "-v", "v1"]);
    let below = place.ok(&["run", &format!("{}#sub", url(&place)), "-v", "main"]);

    assert!(shown.starts_with("first\n"), "{shown}");
    assert!(below.starts_with("below\n"), "{below}");
    let runs = place.json(&["runs", "search", "tags.`mlflow.source.git.dirty` = 'false'"]);
    let first = &runs.as_array().unwrap()[1];
    assert_eq!(datum_text(first, "tags", "mlflow.source.git.commit"), Some(commit.as_str()));
    assert_eq!(place.git("repo", &["status", "--porcelain=v2", "--branch"]), before);
}

#[test]
fn a_version_that_does_not_exist_is_answered_with_near_names() {
    let place = repository();

    let finished = place.run(&["run", &url(&place), "-v", "mian"]);

    assert_eq!(finished.code, Some(1));
    let error = finished.stderr.lines().last().unwrap();
    assert!(error.starts_with("error: `") && error.contains(&place.text("repo")), "{error}");
    let want = "has no branch, tag or commit `mian`; similar: `main`";
    assert!(error.ends_with(want), "{error}");
    assert!(!place.path("mlruns").exists());
}

#[test]
fn a_folder_without_git_has_no_versions() {
    let place = Place::new();
    place.project("plain", "true");

    place.check_failure(
        &["run", "plain", "-v", "v1"],
        1,
        "error: project `plain` is not a git repository: it has no version `v1`",
    );
}

#[test]
fn a_url_where_nobody_listens_is_an_error() {
    let place = Place::new();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();

    let finished = place.run(&["run", &format!("http://me:secret@{closed}/repo.git")]);

    assert_eq!(finished.code, Some(1));
    let want = format!("error: could not fetch `http://{closed}/repo.git`: ");
    assert!(finished.stderr.contains(&want), "{finished:?}");
    assert!(finished.stderr.contains("onnect"), "{finished:?}");
    assert!(!finished.stderr.contains("secret"), "{finished:?}");
    assert!(!place.path("mlruns").exists());
}

#[test]
fn a_url_that_accepts_and_never_answers_is_an_error() {
    let place = Place::new();
    // It accepts connections, and says nothing for as long as the test runs.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();

    let finished = place.run(&["run", &format!("http://{address}/repo.git")]);

    assert_eq!(finished.code, Some(1));
    let want = format!("error: could not fetch `http://{address}/repo.git`: no answer within ");
    assert!(finished.stderr.contains(&want), "{finished:?}");
    assert!(!place.path("mlruns").exists());
}
