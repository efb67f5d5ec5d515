//! Disks that are full or cannot be written.

use crate::harness::{Place, datum_text, text};
use crate::http::Server;
use crate::namespace::{SmallDisk, enter};
use serde_json::{Value, json};
use std::fs;

/// Makes a store on a disk of one megabyte with one run in it; `None` where that cannot be.
fn small_store() -> Option<(Place, SmallDisk, String)> {
    let place = Place::new();
    fs::create_dir(place.path("mlruns")).unwrap();
    let disk = SmallDisk::mount(&place.path("mlruns"))?;
    place.project(
        "good",
        "mlctl log metric loss 0.5; echo kept > note.txt; mlctl log artifact note.txt",
    );
    let id = place.run_project(&["good"]);
    Some((place, disk, id))
}

/// Everything that a run recorded is still there.
#[track_caller]
fn check_intact(place: &Place, id: &str, before: &Value) {
    assert_eq!(&place.json(&["runs", "show", id]), before);
    let found = place.json(&["runs", "search", "metrics.loss = 0.5"]);
    assert_eq!(found.as_array().unwrap().len(), 1);
    let _ = fs::remove_file(place.path("got.txt"));
    place.ok(&["artifacts", "get", id, "note.txt", "-o", "got.txt"]);
    assert_eq!(fs::read_to_string(place.path("got.txt")).unwrap(), "kept\n");
}

#[test]
fn a_full_disk_is_an_error_and_costs_nothing_recorded_before() {
    if !enter("disk::a_full_disk_is_an_error_and_costs_nothing_recorded_before") {
        return;
    }
    let Some((place, _disk, id)) = small_store() else { return };
    let before = place.json(&["runs", "show", &id]);
    place.write("big.bin", &"x".repeat(4 << 20));

    let put = place.run(&["artifacts", "put", &id, "big.bin"]);
    assert_eq!(put.code, Some(1));
    assert!(put.stderr.starts_with("error: no space is left to "), "{put:?}");
    check_intact(&place, &id, &before);

    // Another program takes the rest.
    let _ = fs::write(place.path("mlruns/filler"), vec![0; 2 << 20]);
    let run = place.run(&["run", "good"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.starts_with("error: "), "{run:?}");
    assert!(run.stderr.to_lowercase().contains("no space"), "{run:?}");
    let log = place.run(&["log", "param", "a", &"x".repeat(5000), "--run-id", &id]);
    assert_eq!(log.code, Some(1));
    assert!(log.stderr.to_lowercase().contains("no space"), "{log:?}");
    check_intact(&place, &id, &before);

    fs::remove_file(place.path("mlruns/filler")).unwrap();
    place.run_project(&["good", "--experiment-name", "next"]);
    check_intact(&place, &id, &before);
}

#[test]
fn a_disk_that_fills_up_during_a_run_leaves_no_run_going_on() {
    if !enter("disk::a_disk_that_fills_up_during_a_run_leaves_no_run_going_on") {
        return;
    }
    let Some((place, _disk, id)) = small_store() else { return };
    let before = place.json(&["runs", "show", &id]);
    place.project(
        "greedy",
        "head -c 3000000 /dev/zero > ../mlruns/filler; mlctl log artifact ../MLproject.big; \
         rm ../mlruns/filler; exit 5",
    );
    place.write("MLproject.big", &"x".repeat(50_000));

    let finished = place.run(&["run", "greedy", "--experiment-name", "greedy"]);

    assert_eq!(finished.code, Some(1));
    assert!(finished.stderr.contains("no space is left to "), "{finished:?}");
    let runs = place.json(&["runs", "list", "--experiment-name", "greedy"]);
    assert_eq!(runs[0]["info"]["status"], "FAILED");
    assert_eq!(datum_text(&runs[0], "tags", "mlctl.exit_code"), Some("5"));
    check_intact(&place, &id, &before);
}

#[test]
fn a_run_whose_end_cannot_be_written_says_so() {
    if !enter("disk::a_run_whose_end_cannot_be_written_says_so") {
        return;
    }
    let Some((place, _disk, id)) = small_store() else { return };
    let before = place.json(&["runs", "show", &id]);
    place.project("greedy", "head -c 3000000 /dev/zero > ../mlruns/filler");

    let finished = place.run(&["run", "greedy", "--experiment-name", "greedy"]);

    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.stderr.contains("error: "), "{finished:?}");
    assert!(finished.stderr.to_lowercase().contains("no space"), "{finished:?}");
    check_intact(&place, &id, &before);
}

#[test]
fn a_read_only_store_is_read_and_refuses_writes_plainly() {
    if !enter("disk::a_read_only_store_is_read_and_refuses_writes_plainly") {
        return;
    }
    let Some((place, disk, id)) = small_store() else { return };
    let before = place.json(&["runs", "show", &id]);
    // Read-only stores may come with an index or without.
    for keep_index in [true, false] {
        if !keep_index {
            let _ = fs::remove_file(place.path("mlruns/.mlctl.db"));
            let _ = fs::remove_file(place.path("mlruns/.mlctl.db-journal"));
        }
        disk.forbid_writing();

        check_intact(&place, &id, &before);
        let list = place.run(&["experiments", "list"]);
        assert_eq!((list.code, list.stderr.as_str()), (Some(0), ""));
        let store = place.text("mlruns");
        for (args, what) in [
            (["log", "param", "a", "1", "--run-id", &id].as_slice(), store.as_str()),
            (&["log", "metric", "loss", "1", "--run-id", &id], &store),
            (&["log", "artifact", "good/MLproject", "--run-id", &id], "`MLproject`"),
            (&["runs", "delete", &id], &store),
            (&["experiments", "create", "new"], &store),
            (&["run", "good"], &store),
        ] {
            let finished = place.run(args);
            assert_eq!(finished.code, Some(1), "{args:?}: {finished:?}");
            let said = &finished.stderr;
            assert!(said.starts_with("error: "), "{args:?}: {finished:?}");
            assert!(said.contains("Read-only file system"), "{args:?}: {finished:?}");
            assert!(said.contains(what), "{args:?}: {finished:?}");
        }
        check_intact(&place, &id, &before);
        disk.allow_writing();
    }
}

#[test]
fn clients_hear_of_a_full_disk_and_a_read_only_database_is_served() {
    if !enter("disk::clients_hear_of_a_full_disk_and_a_read_only_database_is_served") {
        return;
    }
    let place = Place::new();
    fs::create_dir(place.path("disk")).unwrap();
    let Some(disk) = SmallDisk::mount(&place.path("disk")) else { return };
    disk.resize("4m");
    for store in ["sqlite:///disk/a.db", "disk/mlruns"] {
        let arguments = ["server", "--port", "0", "--store", store];
        let serve = || Server::launch(&place, &mut place.command(&arguments));
        let server = serve();
        let run = json!({ "experiment_id": "0", "start_time": 1 });
        let run = server.post_json("/api/2.0/mlflow/runs/create", &run);
        let id = text(&run["run"]["info"]["run_id"]);
        let tag = |server: &Server, key: &str| {
            let body = json!({ "run_id": id, "key": key, "value": "x".repeat(5000) });
            server.post("/api/2.0/mlflow/runs/set-tag", &body)
        };
        assert_eq!(tag(&server, "kept").0, 200, "{store}");
        let _ = fs::write(place.path("disk/filler"), vec![0; 5 << 20]);

        let refused =
            (0..500).map(|at| tag(&server, &format!("t{at}"))).find(|answer| answer.0 != 200);

        let (status, said) = refused.expect("the disk is never full");
        assert_eq!(status, 507, "{store}: {said}");
        assert!(said.contains("INSUFFICIENT_STORAGE"), "{store}: {said}");
        assert!(said.contains("no space is left"), "{store}: {said}");
        fs::remove_file(place.path("disk/filler")).unwrap();
        assert_eq!(tag(&server, "again").0, 200, "{store}");
        drop(server);
        disk.forbid_writing();
        let server = serve();
        let read = server.get_json(&format!("/api/2.0/mlflow/runs/get?run_id={id}"));
        assert!(datum_text(&read["run"], "tags", "again").is_some(), "{store}: {read}");
        let (status, said) = tag(&server, "new");
        if store.starts_with("sqlite") {
            assert_eq!(status, 403, "{said}");
            assert!(said.contains("the store is read-only"), "{said}");
            let name = json!({ "name": "churn" });
            let (status, said) = server.post("/api/2.0/mlflow/registered-models/create", &name);
            assert_eq!(status, 403, "{said}");
            let found = server.get_json("/api/2.0/mlflow/registered-models/search");
            assert!(found["registered_models"].as_array().is_none_or(Vec::is_empty), "{found}");
        } else {
            assert_ne!(status, 200, "{said}");
        }
        drop(server);
        disk.allow_writing();
    }
}
