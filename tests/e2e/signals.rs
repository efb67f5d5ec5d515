//! Runs that are ended from outside.

use crate::harness::{Finished, Place, datum_text, text, until};
use crate::running::Running;
use rustix::process::Signal;

/// Starts a project whose command says its process id first, and then goes on as `rest`.
fn start(place: &Place, rest: &str) -> (Running, String) {
    place.project("waits", rest);
    let mut run = Running::start(place, &mut place.command(&["run", "waits"]));
    let pid = run.line();
    (run, pid)
}

/// The run is KILLED, said to be so, and nothing of it goes on.
#[track_caller]
fn check_killed(place: &Place, finished: &Finished, pid: &str) {
    assert_eq!(finished.code, Some(130), "{finished:?}");
    let run = &place.json(&["runs", "list"])[0];
    assert_eq!(run["info"]["status"], "KILLED");
    assert!(run["info"]["end_time"].is_i64());
    let id = text(&run["info"]["run_id"]);
    assert!(finished.stdout.ends_with(&format!("({id}) was killed\n")), "{finished:?}");
    until("the command is gone", || !std::path::Path::new("/proc").join(pid).exists());
    let logs = place.path("logs");
    place.ok(&["artifacts", "get", &id, "logs", "--output", "logs"]);
    assert!(std::fs::read_to_string(logs.join("stdout.txt")).unwrap().starts_with(pid));
    assert_eq!(std::fs::read_dir(place.temporary()).unwrap().count(), 0);
}

#[test]
fn ctrl_c_ends_the_command_and_marks_the_run_killed() {
    let place = Place::new();
    let (run, pid) = start(&place, "echo $$; sleep 1000");

    run.signal(Signal::INT);

    check_killed(&place, &run.end(), &pid);
}

#[test]
fn a_command_may_clean_up_when_it_is_asked_to_end() {
    let place = Place::new();
    let rest = "trap \"mlctl log tag cleaned yes; exit 0\" TERM; echo $$; \
                while true; do sleep 0.05; done";
    let (run, pid) = start(&place, rest);

    run.signal(Signal::TERM);

    check_killed(&place, &run.end(), &pid);
    let run = &place.json(&["runs", "list"])[0];
    assert_eq!(datum_text(run, "tags", "cleaned"), Some("yes"));
}

#[test]
fn a_command_that_will_not_end_is_killed_with_all_that_it_started() {
    let place = Place::new();
    let rest = "trap \"\" TERM INT; sleep 1000 & echo $! > ../grandchild; echo $$; sleep 1000";
    let (run, pid) = start(&place, rest);
    let grandchild = std::fs::read_to_string(place.path("grandchild")).unwrap();

    run.signal(Signal::INT);
    run.signal(Signal::TERM);

    check_killed(&place, &run.end(), &pid);
    let proc = std::path::Path::new("/proc").join(grandchild.trim());
    until("the grandchild is gone", || {
        let status = std::fs::read_to_string(proc.join("stat")).unwrap_or_default();
        // Whoever reaps orphans here may take its time.
        status.is_empty() || status.contains(") Z ")
    });
}

#[test]
fn a_run_within_a_run_ends_with_it() {
    let place = Place::new();
    place.project("inner", "echo $$; sleep 1000");
    let (run, pid) = start(&place, "mlctl run ../inner --run-name child");

    run.signal(Signal::INT);
    let finished = run.end();

    assert_eq!(finished.code, Some(130), "{finished:?}");
    let runs = place.json(&["runs", "list"]);
    let statuses: Vec<_> =
        runs.as_array().unwrap().iter().map(|run| &run["info"]["status"]).collect();
    assert_eq!(statuses, ["KILLED", "KILLED"]);
    until("the inner command is gone", || !std::path::Path::new("/proc").join(&pid).exists());
}
