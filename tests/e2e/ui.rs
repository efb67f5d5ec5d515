//! MLflow's own pages in a real browser, on a server of mlctl.

use crate::browser::{self, Browser};
use crate::harness::{Place, text};
use crate::http::{Server, answer, http};
use crate::python::Python;
use serde_json::{Value, json};

/// 2026-01-01.
const START: i64 = 1_767_225_600_000;

/// What the pages are to show.
pub(crate) struct Seeded {
    pub(crate) experiment: String,
    pub(crate) run: String,
}

/// Starts a server with pages; `None` when there is no Python or no browser to look at them.
fn start(place: &Place, args: &[&str]) -> Option<Server> {
    if !browser::is_wanted() {
        return None;
    }
    let package = Python::with_client()?.package();
    let mut command = place.command(&["server", "--port", "0", "--mlflow-ui"]);
    Some(Server::launch(place, command.arg(package).args(args)))
}

pub(crate) fn seed(server: &Server) -> Seeded {
    let api = |path: &str, body: Value| server.post_json(&format!("/api/2.0/mlflow/{path}"), &body);
    let experiment = text(&api("experiments/create", json!({ "name": "crops" }))["experiment_id"]);
    let mut runs = ["barley", "wheat"].map(|name| {
        let new = json!({ "experiment_id": experiment, "run_name": name, "start_time": START });
        let info = api("runs/create", new)["run"]["info"].clone();
        let run = text(&info["run_id"]);
        log(&api, &run);
        let location = text(&info["artifact_uri"]);
        let below = location.strip_prefix("mlflow-artifacts:/").unwrap();
        let proxy = format!("{}/api/2.0/mlflow-artifacts/artifacts/{below}", server.url);
        let put = |path: &str, content: &'static str| {
            let sent = http().put(format!("{proxy}/{path}")).body(content);
            assert_eq!(answer(sent).0, 200, "{path}");
        };
        put("notes/readme.txt", "the soil was dry\n");
        put("model/MLmodel", "flavors: {}\n");
        register(&api, &run, &location);
        let end = json!({ "run_id": run, "status": "FINISHED", "end_time": START + 60_000 });
        api("runs/update", end);
        run
    });
    Seeded { experiment, run: std::mem::take(&mut runs[1]) }
}

/// Registers the model of a run.
fn register(api: &impl Fn(&str, Value) -> Value, run: &str, location: &str) {
    let name = format!("model of {run}");
    api("registered-models/create", json!({ "name": name, "description": "the yield" }));
    let source = format!("{location}/model");
    api("model-versions/create", json!({ "name": name, "source": source, "run_id": run }));
    let champion = json!({ "name": name, "alias": "champion", "version": "1" });
    api("registered-models/alias", champion);
}

fn log(api: &impl Fn(&str, Value) -> Value, run: &str) {
    let point = |step: i64| {
        json!({
            "key": "rmse", "value": 0.125 + 1.0 / (step + 1) as f64, "step": step,
            "timestamp": START + step,
        })
    };
    let mut metrics: Vec<Value> = (0..50).map(point).collect();
    metrics.push(json!({ "key": "accuracy", "value": 0.8125, "timestamp": START, "step": 0 }));
    let params = json!([{ "key": "alpha", "value": "0.5" }]);
    let tags = json!([{ "key": "kind", "value": "nightly" }]);
    api(
        "runs/log-batch",
        json!({ "run_id": run, "metrics": metrics, "params": params, "tags": tags }),
    );
    let dataset = json!({
        "name": "fields", "digest": "abc123", "source_type": "local", "source": "{}",
    });
    let context = json!([{ "key": "mlflow.data.context", "value": "training" }]);
    let datasets = json!([{ "dataset": dataset, "tags": context }]);
    api("runs/log-inputs", json!({ "run_id": run, "datasets": datasets }));
}

/// Walks through the pages that people use most; every text must come and nothing may fail.
fn walk(browser: &mut Browser, server: &Server, seeded: &Seeded) {
    let home = format!("{}/mlflow", server.url);
    let experiment = format!("{home}/#/experiments/{}", seeded.experiment);
    let run = format!("{experiment}/runs/{}", seeded.run);

    browser.open(&format!("{home}/"), &["crops"]);
    browser.open(&format!("{home}/#/experiments"), &["crops", "Default"]);
    // The other half of the pages is about language models, and shows a film from elsewhere.
    let training = format!("{experiment}?workflowType=machine_learning");
    browser.open(&training, &["crops", "wheat"]);
    browser.open(&format!("{experiment}/runs"), &["wheat", "barley", "fields (abc123)"]);
    let both = ["wheat (rmse)", "barley (rmse)", "accuracy"];
    browser.open(&format!("{experiment}/runs?compareRunsMode=CHART"), &both);
    let overview = ["wheat", "Finished", "nightly", "fields (abc123)", "0.8125", "alpha", "0.5"];
    browser.open(&run, &overview);
    browser.open(&format!("{run}/model-metrics"), &["wheat (rmse)", "accuracy", "0.81"]);
    let charts = browser.evaluate("document.querySelectorAll('.js-plotly-plot .trace').length");
    assert!(charts.as_u64() >= Some(2), "{charts} lines and bars are drawn");
    browser.open(&format!("{run}/artifacts"), &["notes"]);
    let readme = ["readme.txt", "the soil was dry"];
    browser.open(&format!("{run}/artifacts/notes/readme.txt"), &readme);

    browser.open(&format!("{home}/#/models"), &["model of", "champion"]);
    let model = format!("{home}/#/models/model of {}", seeded.run).replace(' ', "%20");
    browser.open(&model, &["the yield", "champion"]);
    browser.open(&format!("{model}/versions/1"), &["Version 1", "wheat", "champion"]);

    for asked in [
        "/model-versions/get-artifact",
        "/graphql",
        "/get-artifact",
        "metrics/get-history-bulk-interval",
    ] {
        assert!(browser.requested(asked), "no page asked for {asked}");
    }
    let elsewhere = browser.requested_elsewhere(&server.url);
    assert_eq!(elsewhere, [""; 0], "a page went to another server");
}

#[track_caller]
fn check_walk(args: &[&str]) {
    let place = Place::new();
    let Some(server) = start(&place, args) else { return };
    let seeded = seed(&server);
    let page = http().get(format!("{}/mlflow/", server.url)).send().unwrap();
    let policy = page.headers().get("content-security-policy").unwrap().to_str().unwrap();
    assert!(policy.starts_with("default-src 'self'; "), "{policy}");
    let mut browser = Browser::start(&place);
    walk(&mut browser, &server, &seeded);
}

#[test]
fn every_page_of_a_folder_shows_what_was_logged() {
    check_walk(&["--backend-store-uri", "mlruns"]);
}

#[test]
fn every_page_of_a_database_shows_what_was_logged() {
    check_walk(&["--backend-store-uri", "sqlite:///mlflow.db"]);
}

#[test]
fn the_pages_work_below_a_static_prefix() {
    check_walk(&["--static-prefix", "/team/mlflow"]);
}

#[test]
fn the_address_of_a_server_shows_our_pages() {
    let place = Place::new();
    let server = Server::start(&place);

    let (status, page) = server.get("/");

    assert_eq!(status, 200);
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("No runs yet"), "{page}");
    assert!(page.contains(&format!("export MLFLOW_TRACKING_URI={}", server.url)), "{page}");
}

#[test]
fn a_server_of_artifacts_says_what_it_is() {
    let place = Place::new();
    let server =
        Server::launch(&place, &mut place.command(&["server", "--port", "0", "--artifacts-only"]));

    let (status, page) = server.get("/");

    assert_eq!(status, 200);
    assert!(page.starts_with("This is an mlctl server of artifacts."), "{page}");
}

#[test]
fn the_pages_of_another_server_are_shown() {
    let place = Place::new();
    let server = Server::start(&place);
    let name = json!({ "name": "crops" });
    server.post_json("/api/2.0/mlflow/experiments/create", &name);

    let mut command = place.command(&["ui", &server.url, "--port", "0", "--no-browser"]);
    let shown = Server::launch(&place, &mut command);

    let (status, page) = shown.get("/experiments");
    assert_eq!(status, 200);
    assert!(page.contains(">crops<"), "{page}");
}

#[test]
fn a_folder_without_pages_is_refused_before_anything_is_made() {
    let place = Place::new();

    let want = "error: `.` has no index.html: it must be the folder mlflow/server/js/build of an \
                installed mlflow, or the folder mlflow itself (mlflow-skinny has no pages)";
    place.check_failure(&["server", "--port", "0", "--mlflow-ui", "."], 1, want);

    assert!(!place.path("mlruns").exists());
}
