//! `mlctl gc`.

use crate::harness::{Place, text};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

const STORES: [&str; 2] = ["./mlruns", "sqlite:///mlflow.db"];

/// Makes a run with an artifact of five bytes; returns its id.
fn run(place: &Place, store: &str) -> String {
    place.project("small", "printf 12345 > note.txt; mlctl log artifact note.txt");
    place.run_project(&["small", "--store", store])
}

fn folder(place: &Place, id: &str) -> PathBuf {
    place.path("mlruns/0").join(id)
}

fn ids(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect()
}

#[test]
fn what_is_deleted_goes_for_good_and_the_rest_stays() {
    for store in STORES {
        let place = Place::new();
        let (gone, kept) = (run(&place, store), run(&place, store));
        let lost = text(
            &place.json(&["experiments", "create", "lost", "--store", store])["experiment_id"],
        );
        let inside = place.run_project(&["small", "--store", store, "--experiment-name", "lost"]);
        place.ok(&["runs", "delete", &gone, "--store", store]);
        place.ok(&["experiments", "delete", "lost", "--store", store]);

        let planned = place.json(&["gc", "--store", store, "--dry-run"]);
        let mut want = [gone.as_str(), inside.as_str()];
        want.sort_unstable();
        assert_eq!(ids(&planned["runs"]), want, "{store}");
        assert_eq!(ids(&planned["experiments"]), [lost.as_str()], "{store}");
        assert_eq!((&planned["bytes"], &planned["kept"]), (&json!(10), &json!([])), "{store}");
        assert!(folder(&place, &gone).join("artifacts/note.txt").exists());

        let said = place.ok(&["gc", "--store", store]);

        assert!(said.contains(&format!("deleted run {gone} (5 B)\n")), "{said}");
        assert!(said.ends_with("2 runs, 0 logged models, 1 experiments: freed 10 B\n"), "{said}");
        assert!(!folder(&place, &gone).exists(), "{store}");
        assert_eq!(place.run(&["runs", "show", &gone, "--store", store]).code, Some(1));
        assert_eq!(place.run(&["experiments", "show", &lost, "--store", store]).code, Some(1));
        place.ok(&["artifacts", "get", &kept, "note.txt", "-o", "got.txt", "--store", store]);
        let again = place.json(&["gc", "--store", store]);
        assert_eq!((&again["runs"], &again["orphans"]), (&json!([]), &json!([])), "{store}");
        place.ok(&["experiments", "create", "lost", "--store", store]);
    }
}

#[test]
fn age_and_names_choose_what_goes() {
    for store in STORES {
        let place = Place::new();
        let (a, b, active) = (run(&place, store), run(&place, store), run(&place, store));
        place.ok(&["runs", "delete", &a, &b, "--store", store]);

        assert_eq!(place.json(&["gc", "--store", store, "--older-than", "1h"])["runs"], json!([]));
        let young = place.run(&["gc", "--store", store, "--older-than", "1h", "--run-ids", &a]);
        assert_eq!(young.code, Some(1));
        assert!(young.stderr.contains("not deleted long enough ago"), "{young:?}");
        let both = format!("{a},{active}");
        let refused = place.run(&["gc", "--store", store, "--run-ids", &both]);
        assert_eq!(refused.code, Some(1));
        assert!(refused.stderr.contains(&format!("run `{active}` is not deleted")), "{refused:?}");
        let wrong = place.run(&["gc", "--store", store, "--older-than", "soon"]);
        assert_eq!(wrong.code, Some(2), "{wrong:?}");
        assert!(folder(&place, &a).join("artifacts/note.txt").exists(), "{store}");

        let done = place.json(&["gc", "--store", store, "--run-ids", &b]);

        assert_eq!(ids(&done["runs"]), [b.as_str()], "{store}");
        place.ok(&["runs", "restore", &a, "--store", store]);
    }
}

#[test]
fn orphans_are_told_of_and_deleted_only_when_asked() {
    for store in STORES {
        let place = Place::new();
        let id = run(&place, store);
        let orphan = format!("mlruns/0/{}", "a".repeat(32));
        place.write(&format!("{orphan}/artifacts/big.bin"), &"x".repeat(2048));
        place.write("mlruns/0/notes/kept.txt", "somebody's");

        let told = place.ok(&["gc", "--store", store]);
        assert!(told.contains(&format!("{orphan} (2.0 KiB)\n")), "{told}");
        assert!(told.contains("1 orphans remain; --orphans deletes them"), "{told}");
        assert!(place.path(&orphan).exists());
        let planned = place.json(&["gc", "--store", store, "--orphans", "--dry-run"]);
        assert_eq!(planned["bytes"], 2048);
        assert!(place.path(&orphan).exists());

        let done = place.json(&["gc", "--store", store, "--orphans"]);

        assert_eq!(done["orphans"][0]["deleted"], true);
        assert!(!place.path(&orphan).exists(), "{store}");
        assert!(place.path("mlruns/0/notes/kept.txt").exists(), "{store}");
        place.ok(&["artifacts", "get", &id, "note.txt", "-o", "got.txt", "--store", store]);
    }
}

#[test]
fn artifacts_behind_a_server_lie_below_the_destination() {
    let place = Place::new();
    let store = STORES[1];
    place.ok(&[
        "experiments",
        "create",
        "a",
        "--artifact-location",
        "mlflow-artifacts:/7",
        "--store",
        store,
    ]);
    place.project("quiet", "true");
    let id = place.run_project(&["quiet", "--store", store, "--experiment-name", "a"]);
    place.write(&format!("arts/7/{id}/artifacts/note.txt"), "12345");
    place.ok(&["runs", "delete", &id, "--store", store]);

    let done = place.json(&["gc", "--store", store, "--artifacts-destination", "arts"]);

    assert_eq!((ids(&done["runs"]), &done["bytes"]), (vec![id.as_str()], &json!(5)));
    assert!(!place.path(&format!("arts/7/{id}")).exists());
}

#[test]
fn what_cannot_be_reached_is_told_of_and_keeps_its_metadata() {
    let place = Place::new();
    let store = STORES[1];
    place.ok(&[
        "experiments",
        "create",
        "far",
        "--artifact-location",
        "ftp://nowhere/a",
        "--store",
        store,
    ]);
    place.project("quiet", "true");
    let far = place.run_project(&["quiet", "--store", store, "--experiment-name", "far"]);
    let near = run(&place, store);
    place.ok(&["runs", "delete", &far, &near, "--store", store]);

    let finished = place.run(&["gc", "--store", store]);

    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(
        finished.stdout.contains(&format!("kept run {far}: cannot reach artifacts at `ftp://")),
        "{finished:?}"
    );
    assert!(
        finished.stdout.contains("did not search for orphans at ftp://nowhere/a"),
        "{finished:?}"
    );
    assert!(!folder(&place, &near).exists());
    place.ok(&["runs", "restore", &far, "--store", store]);
}

#[test]
fn a_collection_that_was_cut_off_is_finished_by_the_next() {
    for store in STORES {
        let place = Place::new();
        let id = run(&place, store);
        place.ok(&["runs", "delete", &id, "--store", store]);
        // The artifacts are gone and the metadata is not: what a kill in between leaves.
        fs::remove_dir_all(folder(&place, &id).join("artifacts")).unwrap();

        let done = place.json(&["gc", "--store", store]);

        assert_eq!(ids(&done["runs"]), [id.as_str()], "{store}");
        assert!(!folder(&place, &id).exists());
    }
}

#[test]
fn a_server_says_where_to_do_it() {
    let finished = Place::new().run(&["gc", "--tracking-uri", "http://127.0.0.1:9"]);

    assert_eq!(finished.code, Some(1));
    assert!(
        finished.stderr.contains("is a server: the REST API cannot delete permanently"),
        "{finished:?}"
    );
    assert!(finished.stderr.contains("hint: run this on the server's machine"), "{finished:?}");
}

#[test]
fn orphans_are_looked_for_in_the_own_store_only() {
    for store in STORES {
        let place = Place::new();
        let other = "./other/mlruns";
        place.project("small", "printf 12345 > note.txt; mlctl log artifact note.txt");
        let theirs = place.run_project(&["small", "--store", other]);
        let at = place.path("other/mlruns/0").display().to_string();
        place.ok(&["experiments", "create", "a", "--artifact-location", &at, "--store", store]);
        let bare = format!("other/mlruns/0/{}", "c".repeat(32));
        place.write(&format!("{bare}/artifacts/x.txt"), "x");

        let done = place.json(&["gc", "--store", store, "--orphans"]);

        assert_eq!(done["orphans"], json!([]), "{store}");
        assert_eq!(done["not_looked_at"][0]["what"], at, "{store}: {done}");
        assert!(place.path(&bare).exists(), "{store}");
        place.ok(&["artifacts", "get", &theirs, "note.txt", "-o", "got.txt", "--store", other]);
    }
}

/// `mlflow.db` with `mlruns/` beside it is what MLflow 3 leaves, often where an older MLflow left
/// a file store.
#[test]
fn what_another_store_beside_the_folder_knows_is_no_orphan() {
    for (one, other) in [(STORES[0], STORES[1]), (STORES[1], STORES[0])] {
        let place = Place::new();
        place.ok(&["experiments", "create", "first", "--store", STORES[0]]);
        let ours = run(&place, one);
        let theirs = run(&place, other);
        let deleted = run(&place, other);
        place.ok(&["runs", "delete", &deleted, "--store", other]);
        let elsewhere = place.run_project(&["small", "--store", other, "--experiment-name", "e"]);
        let orphan = format!("mlruns/0/{}", "a".repeat(32));
        place.write(&format!("{orphan}/artifacts/big.bin"), &"x".repeat(2048));

        let finished = place.run(&["gc", "--store", one, "--orphans"]);

        assert_eq!(finished.code, Some(0), "{finished:?}");
        assert!(!place.path(&orphan).exists(), "{one}");
        let said = finished.stderr;
        assert_eq!(said.matches("deleting orphan").count(), 1, "{said}");
        assert!(said.contains(&format!("{orphan} (2.0 KiB)")), "{said}");
        place.ok(&["runs", "restore", &deleted, "--store", other]);
        for (id, store) in [(&ours, one), (&theirs, other), (&deleted, other), (&elsewhere, other)]
        {
            place.ok(&["artifacts", "get", id, "note.txt", "-o", "got.txt", "--store", store]);
        }
    }
}
