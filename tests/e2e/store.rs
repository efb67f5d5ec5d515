//! Stores that are not there, broken, or were moved.

use crate::harness::{Place, datum_text, text};
use std::fs;
use std::path::PathBuf;

/// Makes runs of these names; returns their ids.
fn runs<const N: usize>(place: &Place, names: [&str; N]) -> [String; N] {
    place
        .project("notes", "echo kept > note.txt; mlctl log artifact note.txt; mlctl log param a 1");
    names.map(|name| place.run_project(&["notes", "--run-name", name]))
}

fn names(place: &Place) -> Vec<String> {
    let found = place.json(&["runs", "search", "params.a = '1'", "--order-by", "run_name"]);
    found.as_array().unwrap().iter().map(|run| text(&run["info"]["run_name"])).collect()
}

fn folder(place: &Place, id: &str) -> PathBuf {
    place.path("mlruns/0").join(id)
}

#[test]
fn a_store_that_is_not_there_is_not_made_by_reading() {
    let place = Place::new();

    for args in [["runs", "list"], ["experiments", "list"]] {
        place.check_failure(
            &args,
            1,
            "error: there is no store at `./mlruns`\n\
             hint: set --store or MLFLOW_TRACKING_URI; `mlctl run` and `mlctl experiments \
             create` create a store",
        );
    }

    assert!(!place.path("mlruns").exists());
}

#[test]
fn an_empty_folder_becomes_a_store_by_writing_only() {
    let place = Place::new();
    fs::create_dir(place.path("mlruns")).unwrap();

    assert_eq!(place.run(&["runs", "list"]).code, Some(1));
    assert_eq!(fs::read_dir(place.path("mlruns")).unwrap().count(), 0);
    runs(&place, ["a"]);

    assert_eq!(names(&place), ["a"]);
}

#[test]
fn a_store_of_an_unknown_kind_says_what_a_store_is() {
    Place::new().check_failure(
        &["runs", "list", "--store", "ftp://example.org/x"],
        1,
        "error: cannot open the store `ftp://example.org/x`: this kind of URI is not supported\n\
         hint: use a folder such as ./mlruns, a database such as sqlite:///mlflow.db, or the URL \
         of a server: http://…",
    );
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();

    let finished = Place::new().run(&["runs", "list", "--store", &format!("http://{closed}")]);

    assert_eq!(finished.code, Some(1));
    assert!(finished.stderr.starts_with("error: "), "{finished:?}");
    assert!(finished.stderr.contains(&closed.to_string()), "{finished:?}");
    assert!(finished.stderr.contains("efused"), "{finished:?}");
}

#[test]
fn a_run_whose_file_is_corrupt_is_reported_and_skipped() {
    let place = Place::new();
    let [bad, _] = runs(&place, ["bad", "good"]);
    assert_eq!(names(&place), ["bad", "good"]);
    let file = folder(&place, &bad).join("meta.yaml");
    fs::write(&file, "status: [\n").unwrap();

    let finished = place.run(&["runs", "list", "--json"]);

    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(finished.stderr.starts_with("warning: "), "{finished:?}");
    assert!(finished.stderr.contains(&bad), "{finished:?}");
    assert_eq!(names(&place), ["good"]);
    let shown = place.run(&["runs", "show", &bad]);
    assert_eq!(shown.code, Some(1));
    assert!(shown.stderr.contains(&format!("{bad}/meta.yaml`: ")), "{shown:?}");
    let hint = "hint: repair the file or move it away; the rest of the store still works\n";
    assert!(shown.stderr.ends_with(hint), "{shown:?}");
    assert_eq!(runs(&place, ["next"]).len(), 1);
    // Nothing of it was thrown away.
    assert!(folder(&place, &bad).join("artifacts/note.txt").exists());
    assert_eq!(fs::read_to_string(file).unwrap(), "status: [\n");
}

#[test]
fn an_experiment_whose_file_is_corrupt_does_not_hide_the_others() {
    let place = Place::new();
    runs(&place, ["good"]);
    let id = text(&place.json(&["experiments", "create", "bad"])["experiment_id"]);
    fs::write(place.path("mlruns").join(&id).join("meta.yaml"), "\0").unwrap();

    let finished = place.run(&["runs", "list", "--all-experiments", "--json"]);

    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(finished.stderr.contains(&id), "{finished:?}");
    assert_eq!(names(&place), ["good"]);
}

#[test]
fn a_corrupt_index_is_made_again() {
    let place = Place::new();
    runs(&place, ["a", "b"]);
    assert_eq!(names(&place), ["a", "b"]);
    let index = place.path("mlruns/.mlctl.db");

    for damage in ["", "not a database at all", &"\u{1}".repeat(100_000)] {
        fs::write(&index, damage).unwrap();
        assert_eq!(names(&place), ["a", "b"], "for {} bytes", damage.len());
    }
    // Damage in the middle, where only a part of the pages is wrong.
    let mut bytes = fs::read(&index).unwrap();
    let half = bytes.len() / 2;
    bytes[half..].fill(0xAA);
    fs::write(&index, bytes).unwrap();

    assert_eq!(names(&place), ["a", "b"]);
    assert_eq!(names(&place), ["a", "b"]);
}

#[test]
fn deleting_the_index_loses_nothing() {
    let place = Place::new();
    runs(&place, ["a", "b"]);
    let before = place.json(&["runs", "list"]);

    fs::remove_file(place.path("mlruns/.mlctl.db")).unwrap();

    assert_eq!(place.json(&["runs", "list"]), before);
}

#[test]
fn a_store_that_was_moved_still_has_its_artifacts() {
    let place = Place::new();
    let [id] = runs(&place, ["a"]);
    names(&place);
    fs::create_dir(place.path("else")).unwrap();
    fs::rename(place.path("mlruns"), place.path("else/where")).unwrap();

    let found = place.json(&["runs", "list", "--store", "else/where"]);
    place.ok(&["artifacts", "get", &id, "note.txt", "-o", "got.txt", "--store", "else/where"]);
    place.ok(&["log", "param", "b", "2", "--run-id", &id, "--store", "else/where"]);
    place.ok(&["artifacts", "put", &id, "got.txt", "--path", "new", "--store", "else/where"]);

    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(fs::read_to_string(place.path("got.txt")).unwrap(), "kept\n");
    let run = place.json(&["runs", "show", &id, "--store", "else/where"]);
    assert_eq!(datum_text(&run, "params", "b"), Some("2"));
    assert!(place.path("else/where/0").join(&id).join("artifacts/new/got.txt").exists());
    assert!(!place.path("mlruns").exists());
}

/// The order is MLflow's: `./mlruns` when an experiment is in it, else the database that is there.
#[test]
fn the_folder_that_mlflow_3_leaves_is_found() {
    let place = Place::new();
    place.ok(&["experiments", "create", "churn", "--store", "sqlite:///mlflow.db"]);
    let artifact = format!("mlruns/1/{}/artifacts/t.txt", "0123456789abcdef".repeat(2));
    place.write(&artifact, "x");

    let listed = place.ok(&["experiments", "list"]);
    assert!(listed.contains("churn"), "{listed}");
    let settings = place.ok(&["config", "show"]);
    assert!(settings.contains("sqlite:///mlflow.db"), "{settings}");
    assert!(
        settings.contains("mlflow.db exists here, and mlruns has no experiments"),
        "{settings}"
    );

    place.ok(&["experiments", "create", "older", "--store", "./mlruns"]);
    let listed = place.ok(&["experiments", "list"]);
    assert!(listed.contains("older") && !listed.contains("churn"), "{listed}");
}

#[test]
fn artifacts_on_a_windows_machine_are_found_in_the_store_or_reported() {
    let place = Place::new();
    place.project("empty", "true");
    let [moved, elsewhere] = [(); 2].map(|()| place.run_project(&["empty"]));
    for (id, folder) in [(&moved, "0"), (&elsewhere, "9")] {
        let meta = format!("mlruns/0/{id}/meta.yaml");
        let lines = std::fs::read_to_string(place.path(&meta)).unwrap();
        // A long value goes on in the next line.
        let kept = lines.lines().filter(|line| !line.starts_with(['a', ' ']));
        let kept: String = kept.map(|line| format!("{line}\n")).collect();
        let uri = format!(r"C:\work\mlruns\{folder}\{id}\artifacts");
        place.write(&meta, &format!("{kept}artifact_uri: {uri}\n"));
        place.write(&format!("mlruns/0/{id}/artifacts/a.txt"), "x");
    }

    let listed = place.ok(&["artifacts", "list", &moved]);
    assert!(listed.contains("a.txt"), "{listed}");
    let finished = place.run(&["artifacts", "list", &elsewhere]);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.stderr.contains("this is a Windows path"), "{finished:?}");
}
