//! What a killed process leaves: nothing that stays.

use crate::harness::{Place, until};
use crate::http::Server;
use crate::running::Running;
use rustix::process::Signal;
use serde_json::json;
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn is_alive(process: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // Whoever reaps orphans here may take its time.
    !stat.is_empty() && !stat.contains(") Z ")
}

#[test]
fn the_temporary_folders_of_a_run_are_its_users_alone_under_any_umask() {
    let place = Place::new();
    place.project("looks", "stat -c '%a %n' $TMPDIR/mlctl-* ; stat -c %a ../umask");
    let mlctl = env!("CARGO_BIN_EXE_mlctl");
    let mut shell = place.program(Path::new("sh"));
    shell.args(["-c", &format!("umask 0; : > umask; exec {mlctl} run looks")]);

    let finished = crate::harness::finish(&mut shell);

    assert_eq!(finished.code, Some(0), "{finished:?}");
    let lines: Vec<&str> = finished.stdout.lines().take(3).collect();
    assert_eq!(lines[2..], ["666"], "{finished:?}");
    for (line, kind) in lines.iter().zip(["mlctl-bin-", "mlctl-run-"]) {
        assert!(line.starts_with("700 ") && line.contains(kind), "{finished:?}");
        assert_eq!(line.rsplit_once('-').unwrap().1.len(), 32, "{finished:?}");
    }
    assert_eq!(names(&place.temporary()), [""; 0]);
}

#[test]
fn a_killed_run_takes_its_command_along_and_the_next_run_removes_its_folders() {
    let place = Place::new();
    let trap = "trap \"touch ../asked\" TERM";
    place.project("waits", &format!("{trap}; echo $$; sleep 1000 & wait; echo $!; wait"));
    place.project("empty", "true");
    let mut run = Running::start(&place, &mut place.command(&["run", "waits"]));
    let command = run.line();
    let held = names(&place.temporary());
    assert_eq!(held.len(), 2, "{held:?}");
    // Another run leaves alone what is in use.
    place.ok(&["run", "empty"]);
    assert_eq!(names(&place.temporary()).len(), 2);

    run.kill();
    until("the command is gone", || !is_alive(&command));
    until("the next run has cleaned up", || {
        place.ok(&["run", "empty"]);
        names(&place.temporary()).is_empty()
    });

    assert!(place.path("asked").exists(), "the command was not asked to end");
}

/// Finds the files below a folder whose names begin so.
fn found(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            all.extend(found(&entry.path(), prefix));
        } else if entry.file_name().to_string_lossy().starts_with(prefix) {
            all.push(entry.path());
        }
    }
    all
}

/// Begins an upload that does not end.
fn upload(server: &Server, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).unwrap();
    let head = format!(
        "PUT /api/2.0/mlflow-artifacts/artifacts/{path} HTTP/1.1\r\nHost: localhost\r\n\
         Content-Length: 1000000\r\n\r\nhalf"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

#[test]
fn an_upload_that_a_killed_server_left_is_removed_at_the_next_start_and_one_under_way_is_not() {
    let place = Place::new();
    let start = || {
        let args = ["server", "--port", "0", "--artifacts-destination", "kept"];
        Server::launch(&place, &mut place.command(&args))
    };
    let kept = place.path("kept");
    let half = || found(&kept, ".artifact.uploading.");
    let (mut killed, goes_on) = (start(), start());
    let _first = upload(&killed, "0/a/artifacts/model.bin");
    until("the first upload has begun", || half().len() == 1);
    let left = half();
    let _second = upload(&goes_on, "0/b/artifacts/model.bin");
    until("the second upload has begun", || half().len() == 2);

    killed.process.signal(Signal::KILL);
    killed.process.kill();
    // What a write of the file store leaves, and what is no file of ours.
    let param = place.path("mlruns/0").join(format!(".mlctl-{}.tmp", "a1".repeat(16)));
    let other = place.path("mlruns/0/.mlctl-notes.tmp");
    fs::write(&param, "half").unwrap();
    fs::write(&other, "whole").unwrap();
    let _next = start();

    until("what nobody holds is gone", || !left[0].exists() && !param.exists());
    assert_eq!(half().len(), 1);
    assert!(other.exists());
}

#[test]
fn a_prediction_file_that_a_killed_process_left_is_removed_by_the_next() {
    let place = Place::new();
    place.copy("models/tests/fixtures/double", "model");
    place.write("rows.json", &json!({ "inputs": [vec![0.5; 10]] }).to_string());
    let left = place.path(&format!(".mlctl-output-{}", "b2".repeat(16)));
    fs::write(&left, "half").unwrap();

    place.ok(&["models", "predict", "model", "-i", "rows.json", "-o", "out.json"]);

    assert!(!left.exists());
    let rights = fs::metadata(place.path("out.json")).map(|data| data.permissions().mode() & 0o777);
    assert_eq!(rights.ok(), Some(0o644));
}
