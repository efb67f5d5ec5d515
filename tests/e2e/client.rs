//! The official Python client against `mlctl server`; the tests themselves are in
//! `tests/python/client.py`.

use crate::harness::Place;
use crate::http::Server;
use crate::python::Python;

/// Runs one of them, in which the server must say `warnings` and nothing else.
#[track_caller]
fn check_with(name: &str, warnings: &str) {
    let Some(python) = Python::with_client() else { return };
    let place = Place::new();
    let server = Server::start(&place);

    python.ok(&place, "client.py", &[&server.url, name]);

    assert_eq!(server.process.said(), warnings);
}

#[track_caller]
fn check(name: &str) {
    check_with(name, "");
}

#[test]
fn experiments_live_and_die() {
    check("experiments");
}

#[test]
fn experiments_are_found_page_by_page() {
    check("experiment_pages");
}

#[test]
fn runs_live_and_die() {
    check("runs");
}

#[test]
fn the_fluent_interface_nests_runs_and_ends_them() {
    check("fluent_and_nested_runs");
}

#[test]
fn params_keep_their_value() {
    check_with("params", "warning: a param's value is cut to 6000 characters key=long\n");
}

#[test]
fn metrics_keep_their_history() {
    check("metrics_and_their_history");
}

#[test]
fn a_batch_is_all_or_nothing() {
    check("batches_are_all_or_nothing");
}

#[test]
fn asynchronous_logging_arrives() {
    check("asynchronous_logging");
}

#[test]
fn datasets_are_logged_and_found() {
    check("datasets");
}

#[test]
fn artifacts_go_up_and_come_down() {
    check("artifacts");
}

#[test]
fn runs_are_found_page_by_page() {
    check("search_of_runs_in_pages");
}

#[test]
fn logged_models_are_made_finalized_found_and_deleted() {
    check("logged_models");
}
