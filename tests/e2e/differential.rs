//! mlctl and MLflow's own server get the same requests and must answer alike.
//!
//! The requests are made by `tests/python/differential.py`: cases that once differed, which are
//! kept beside it, and random sequences. `MLCTL_SEQUENCES` asks for more of these than the few
//! that every run has, and `MLCTL_SEED` for others.

use crate::harness::Place;
use crate::http::Server;
use crate::python::Python;
use crate::running::Running;

/// Random sequences for each kind of store.
const SEQUENCES: &str = "2";

fn setting(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

/// Compares mlctl, on a store of its own, with MLflow, which has seen other requests before.
#[track_caller]
fn compare(python: &Python, mlflow: &str, label: &str, store: &str) {
    let place = Place::new();
    let args = ["server", "--port", "0", "--backend-store-uri", store];
    let server = Server::launch(&place, &mut place.command(&args));
    let cases = format!("{}/tests/python/differential_cases.json", crate::harness::REPOSITORY);
    let refusals = format!("{}/tests/python/refusals.json", crate::harness::REPOSITORY);
    let (sequences, seed) = (setting("MLCTL_SEQUENCES", SEQUENCES), setting("MLCTL_SEED", "1"));
    let args = [
        ["--ours", &server.url],
        ["--theirs", mlflow],
        ["--cases", &cases],
        ["--refusals", &refusals],
        ["--label", label],
        ["--sequences", &sequences],
        ["--seed", &seed],
    ];
    // It fails, and says how they differ, when they do.
    python.ok(&place, "differential.py", args.as_flattened());
}

#[test]
fn requests_are_answered_as_mlflow_answers_them() {
    let Some(python) = Python::with_client() else { return };
    let place = Place::new();
    let mut mlflow = Running::start(&place, &mut python.script(&place, "oracle.py", &["."]));
    let url = mlflow.line();

    compare(&python, &url, "database-", "sqlite:///mlflow.db");
    compare(&python, &url, "folders-", "./mlruns");
}
