//! The official Python client against `mlctl server`, on a folder and on a database.
//!
//! The tests themselves are functions of `tests/python/client.py`, `workflow.py` and `registry.py`;
//! a process of Python calls many, since starting one takes seconds.

use crate::harness::Place;
use crate::http::Server;
use crate::python::Python;

const STORES: [&str; 2] = ["./mlruns", "sqlite:///mlflow.db"];

/// Runs functions of a script, each with a server of its own on each store; a server may say the
/// warning that comes with the function's name, and nothing else.
#[track_caller]
fn check(script: &str, functions: &[(&str, &str)]) {
    let Some(python) = Python::with_client() else { return };
    let place = Place::new();
    let mut calls = Vec::new();
    for (function, warning) in functions {
        for store in STORES {
            let home = Place::new();
            let flags = ["server", "--port", "0", "--backend-store-uri", store];
            let server = Server::launch(&home, &mut home.command(&flags));
            calls.push((home, server, format!("{function} on {store}"), *warning));
        }
    }
    let args: Vec<String> = calls
        .iter()
        .map(|(_, server, about, _)| {
            let name = about.split(' ').next().unwrap_or_default();
            format!("{name}={}", server.url)
        })
        .collect();

    python.ok(&place, script, &args.iter().map(String::as_str).collect::<Vec<_>>());

    for (_, server, about, warning) in &calls {
        assert_eq!(server.process.said(), *warning, "{about}");
    }
}

#[test]
fn the_client_finds_all_that_it_asks_for() {
    let cut = "warning: the value of a param is truncated to 6000 characters key=long\n";
    let functions = [
        ("experiments", ""),
        ("experiment_pages", ""),
        ("runs", ""),
        ("fluent_and_nested_runs", ""),
        ("params", cut),
        ("metrics_and_their_history", ""),
        ("batches_are_all_or_nothing", ""),
        ("asynchronous_logging", ""),
        ("datasets", ""),
        ("artifacts", ""),
        ("search_of_runs_in_pages", ""),
        ("logged_models", ""),
    ];
    check("client.py", &functions);
}

#[test]
fn the_classic_workflow_works_as_a_whole() {
    let functions = [
        ("figures_tables_images_and_dicts", ""),
        ("datasets_of_pandas_and_numpy", ""),
        ("batches_and_asynchronous_logging", ""),
        ("artifacts_up_and_down", ""),
        ("models_are_logged_and_loaded", ""),
        ("logged_models_are_searched_in_pages", ""),
        ("runs_are_searched_deleted_and_restored", ""),
        ("a_model_is_evaluated", ""),
    ];
    check("workflow.py", &functions);
}

#[test]
fn scikit_learn_logs_by_itself() {
    check("workflow.py", &[("autologging_of_scikit_learn", "")]);
}

#[test]
fn the_client_finds_the_registry() {
    let functions = [
        ("models_have_names_texts_and_tags", ""),
        ("models_are_searched_in_pages", ""),
        ("versions_go_through_stages_and_aliases", ""),
        ("a_logged_model_is_registered_and_loaded", ""),
        ("the_model_of_a_run_is_registered_and_copied", ""),
        ("sources_stay_in_their_place", ""),
    ];
    check("registry.py", &functions);
}
