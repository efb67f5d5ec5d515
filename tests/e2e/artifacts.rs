//! `mlctl artifacts`.

use crate::harness::Place;
use std::fs;

fn run(place: &Place) -> String {
    place.project("empty", "true");
    let id = place.run_project(&["empty"]);
    place.write("data/a.txt", "a\n");
    place.write("data/deep/ü b.bin", &"x".repeat(300_000));
    id
}

#[test]
fn a_folder_comes_back_as_it_was_put() {
    let place = Place::new();
    let id = run(&place);

    place.ok(&["artifacts", "put", &id, "data", "--path", "in"]);
    place.ok(&["artifacts", "get", &id, "in/data", "--output", "back"]);

    for name in ["a.txt", "deep/ü b.bin"] {
        let read = |folder| fs::read(place.path(folder).join(name)).unwrap();
        assert_eq!(read("data"), read("back"), "{name}");
    }
    let listed = place.json(&["artifacts", "list", &id, "in/data"]);
    assert_eq!(
        listed,
        serde_json::json!([
            { "path": "in/data/a.txt", "is_dir": false, "file_size": 2 },
            { "path": "in/data/deep", "is_dir": true, "file_size": null },
        ])
    );
}

#[test]
fn a_path_that_leaves_the_run_is_refused() {
    let place = Place::new();
    let id = run(&place);
    let refused = |args: &[&str]| {
        let finished = place.run(args);
        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert!(finished.stderr.contains("../"), "{finished:?}");
    };

    refused(&["artifacts", "put", &id, "data", "--path", "../../x"]);
    refused(&["artifacts", "get", &id, "../../meta.yaml"]);
    refused(&["artifacts", "list", &id, "../.."]);

    assert!(!place.path("mlruns/0/x").exists() && !place.path("mlruns/x").exists());
}

#[test]
fn a_link_out_of_the_run_is_not_followed() {
    let place = Place::new();
    let id = run(&place);
    let artifacts = place.path("mlruns/0").join(&id).join("artifacts");
    std::os::unix::fs::symlink("/etc/passwd", artifacts.join("users")).unwrap();

    let finished = place.run(&["artifacts", "get", &id, "users", "--output", "users"]);

    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(!place.path("users").exists());
}

#[test]
fn what_is_not_there_is_named() {
    let place = Place::new();
    let id = run(&place);

    let finished = place.run(&["artifacts", "get", &id, "no/such.txt"]);
    assert_eq!(finished.code, Some(1));
    assert!(finished.stderr.contains("no/such.txt"), "{finished:?}");

    let finished = place.run(&["artifacts", "put", &id, "nothing.txt"]);
    assert_eq!(finished.code, Some(1));
    assert!(finished.stderr.contains("nothing.txt"), "{finished:?}");
}
