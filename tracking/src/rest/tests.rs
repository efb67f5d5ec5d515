//! Facts of the wire that the client of this crate does not show.

use super::*;
use crate::ExperimentId;
use crate::store::NewRun;
use crate::store::memory::MemoryStore;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tower::ServiceExt;

mod deletes;

struct Api {
    runtime: Runtime,
    app: Router,
    store: Arc<MemoryStore>,
}

impl Api {
    fn new() -> Self {
        Self::serving(ServedArtifacts::below("memory:"))
    }

    fn serving(served: ServedArtifacts) -> Self {
        let store = Arc::new(MemoryStore::new());
        let service = Service::new(store.clone(), served);
        let app = router(service.clone())
            .nest("/ui", ui_router(service.clone()))
            .nest("/proxy", artifact_proxy(service));
        Self { runtime: Runtime::new().unwrap(), app, store }
    }

    fn run_id(&self) -> String {
        let new = NewRun {
            experiment_id: ExperimentId::default_experiment(),
            user_id: String::new(),
            run_name: None,
            start_time: 1,
            tags: Vec::new(),
        };
        self.store.create_run(&new).unwrap().info.run_id.to_string()
    }

    fn send(&self, method: Method, path: &str, body: &str) -> (StatusCode, String) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .body(Body::from(body.to_owned()))
            .unwrap();
        self.runtime.block_on(async {
            let response = self.app.clone().oneshot(request).await.unwrap();
            let status = response.status();
            let bytes = response.into_body().collect().await.unwrap().to_bytes();
            (status, String::from_utf8(bytes.to_vec()).unwrap())
        })
    }

    fn post(&self, path: &str, body: &Value) -> (StatusCode, String) {
        self.send(Method::POST, path, &body.to_string())
    }
}

#[track_caller]
fn refused((status, text): (StatusCode, String), code: &str, part: &str) {
    let body: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(body["error_code"], code, "{status} {text}");
    assert!(body["message"].as_str().unwrap().contains(part), "{text}");
}

#[test]
fn logging_to_an_unknown_run_names_the_run() {
    let api = Api::new();
    let id = "f".repeat(32);
    let body = json!({"run_id": id, "key": "loss", "value": 0.5, "timestamp": 1});
    let answer = api.post("/runs/log-metric", &body);
    assert_eq!(answer.0, StatusCode::NOT_FOUND);
    refused(answer, "RESOURCE_DOES_NOT_EXIST", &id);
}

#[test]
fn a_run_is_told_with_both_of_its_ids_and_its_empty_parts() {
    let api = Api::new();
    let (status, text) = api.post("/runs/create", &json!({"experiment_id": "0"}));
    assert_eq!(status, StatusCode::OK);
    let run = &serde_json::from_str::<Value>(&text).unwrap()["run"];
    assert_eq!(run["info"]["run_id"], run["info"]["run_uuid"]);
    assert_eq!(run["info"]["user_id"], "");
    assert_eq!(run["info"]["start_time"], 0);
    assert_eq!(run["info"].get("end_time"), None);
    assert_eq!(run["inputs"], json!({}));
    assert!(run["info"]["artifact_uri"].as_str().unwrap().starts_with("mlflow-artifacts:/0/"));
    assert_eq!(run["data"]["tags"][0]["key"], "mlflow.runName");
}

#[test]
fn the_old_name_of_the_id_works() {
    let api = Api::new();
    let id = api.run_id();
    let (status, _) = api.send(Method::GET, &format!("/runs/get?run_uuid={id}"), "");
    assert_eq!(status, StatusCode::OK);
    let both = format!("/runs/get?run_uuid={id}&run_id={id}");
    assert_eq!(api.send(Method::GET, &both, "").0, StatusCode::OK);
    refused(api.send(Method::GET, "/runs/get", ""), "INVALID_PARAMETER_VALUE", "'run_id'");
}

#[test]
fn numbers_come_as_text_too_and_bad_ones_are_refused() {
    let api = Api::new();
    let id = api.run_id();
    let metric = |value: Value, timestamp: Value| json!({"run_id": id, "key": "m", "value": value, "timestamp": timestamp, "step": "3"});
    assert_eq!(api.post("/runs/log-metric", &metric(json!("NaN"), json!("17"))).0, StatusCode::OK);
    let history = format!("/metrics/get-history?run_id={id}&metric_key=m");
    let (_, text) = api.send(Method::GET, &history, "");
    let want = json!({"metrics": [{"key": "m", "value": "NaN", "timestamp": 17, "step": 3}]});
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), want);
    let half = api.post("/runs/log-metric", &metric(json!(1), json!(1.5)));
    refused(half, "INVALID_PARAMETER_VALUE", "'timestamp'");
    let huge = format!(r#"{{"run_id": "{id}", "key": "m", "value": 1e400, "timestamp": 1}}"#);
    refused(api.send(Method::POST, "/runs/log-metric", &huge), "INVALID_PARAMETER_VALUE", "JSON");
    let status = api.post("/runs/update", &json!({"run_id": id, "status": "DONE"}));
    refused(status, "INVALID_PARAMETER_VALUE", "DONE");
}

#[test]
fn a_bad_id_or_type_is_refused_by_its_name() {
    let api = Api::new();
    let number = api.post("/experiments/delete", &json!({"experiment_id": 0}));
    refused(number, "INVALID_PARAMETER_VALUE", "'experiment_id'");
    let path = api.post("/runs/delete", &json!({"run_id": "../../etc"}));
    refused(path, "INVALID_PARAMETER_VALUE", "../../etc");
    let none = api.post("/experiments/search", &json!({}));
    refused(none, "INVALID_PARAMETER_VALUE", "max_results");
    refused(
        api.post("/experiments/create", &json!({"name": ""})),
        "INVALID_PARAMETER_VALUE",
        "Missing value for required parameter 'name'",
    );
}

#[test]
fn the_proxy_reaches_artifacts_and_nothing_else() {
    let api = Api::new();
    let id = api.run_id();
    let path = format!("/proxy/artifacts/0/{id}/artifacts/plots/a%20b.txt");
    assert_eq!(api.send(Method::PUT, &path, "hello"), (StatusCode::OK, String::new()));
    assert_eq!(api.send(Method::GET, &path, ""), (StatusCode::OK, "hello".to_owned()));
    let listing = format!("/proxy/artifacts?path=0/{id}/artifacts/plots");
    let (_, text) = api.send(Method::GET, &listing, "");
    let files = &serde_json::from_str::<Value>(&text).unwrap()["files"];
    assert_eq!(files, &json!([{"path": "a b.txt", "is_dir": false, "file_size": 5}]));
    for bad in ["meta.yaml", "artifacts/../meta.yaml", "artifacts/%2e%2e/meta.yaml", "tags/x"] {
        let (status, _) = api.send(Method::PUT, &format!("/proxy/artifacts/0/{id}/{bad}"), "x");
        assert!(status.is_client_error(), "{bad}: {status}");
    }
    assert_eq!(api.send(Method::DELETE, &path, "").0, StatusCode::OK);
    assert_eq!(api.send(Method::GET, &path, "").0, StatusCode::NOT_FOUND);
}

#[test]
fn experiments_are_searched_by_parameters_too() {
    let api = Api::new();
    let path = "/experiments/search?max_results=5&view_type=1&order_by=name&order_by=creation_time";
    let (status, text) = api.send(Method::GET, path, "");
    let found: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(status, StatusCode::OK, "{text}");
    assert_eq!(found["experiments"][0]["name"], "Default");
    assert_eq!(found["experiments"][0]["workspace"], "default");
    let none = api.send(Method::GET, "/experiments/search", "");
    refused(none, "INVALID_PARAMETER_VALUE", "max_results");
}

#[test]
fn what_is_empty_or_null_counts_as_not_given() {
    let api = Api::new();
    let (status, text) =
        api.post("/runs/create", &json!({"experiment_id": "", "tags": null, "start_time": "7"}));
    assert_eq!(status, StatusCode::OK, "{text}");
    let run = &serde_json::from_str::<Value>(&text).unwrap()["run"];
    assert_eq!(
        (&run["info"]["experiment_id"], &run["info"]["start_time"]),
        (&json!("0"), &json!(7))
    );
    assert_eq!((&run["inputs"], run.get("outputs")), (&json!({}), None));
    let empty = api.post("/runs/delete", &json!({"run_id": ""}));
    refused(empty, "INVALID_PARAMETER_VALUE", "Missing value for required parameter 'run_id'");
    let id = run["info"]["run_id"].clone();
    let batch = json!({"run_id": id, "metrics": [{"key": "", "value": 1, "timestamp": 1}]});
    refused(api.post("/runs/log-batch", &batch), "INVALID_PARAMETER_VALUE", "'metrics[0].key'");
    let outputs = api.post("/runs/outputs", &json!({"run_id": id}));
    refused(outputs, "INVALID_PARAMETER_VALUE", "'models'");
    let done = api.post("/runs/update", &json!({"run_id": id, "status": 3, "end_time": 0})).1;
    assert!(done.contains("FINISHED") && !done.contains("end_time"), "{done}");
}

#[test]
fn histories_of_several_runs_have_limits() {
    let api = Api::new();
    let id = api.run_id();
    let point = json!({"run_id": id, "key": "m", "value": 1.5, "timestamp": 1});
    assert_eq!(api.post("/runs/log-metric", &point).0, StatusCode::OK);
    let gone = "f".repeat(32);
    let of = |query: &str| {
        api.send(Method::GET, &format!("/metrics/get-history-bulk-interval?{query}"), "")
    };
    let want =
        json!({"metrics": [{"key": "m", "value": 1.5, "timestamp": 1, "step": 0, "run_id": id}]});

    let (_, sampled) = of(&format!("run_ids={gone}&run_ids={id}&metric_key=m"));
    let path = format!("/ui/metrics/get-history-bulk?run_id={gone}&run_id={id}&metric_key=m");
    let (_, bulk) = api.send(Method::GET, &path, "");

    assert_eq!(serde_json::from_str::<Value>(&sampled).unwrap(), want);
    assert_eq!(serde_json::from_str::<Value>(&bulk).unwrap(), want);
    refused(of("metric_key=m"), "INVALID_PARAMETER_VALUE", "'run_ids'");
    refused(of("run_ids=a&metric_key=m&max_results=0"), "INVALID_PARAMETER_VALUE", "1 and 2500");
    refused(of("run_ids=a&metric_key=m&start_step=1"), "INVALID_PARAMETER_VALUE", "both must be");
    let many = format!("metric_key=m{}", "&run_ids=a".repeat(101));
    refused(of(&many), "INVALID_PARAMETER_VALUE", "Received 101 run_ids");
    let none = api.send(Method::GET, "/ui/metrics/get-history-bulk?metric_key=m", "");
    refused(none, "INVALID_PARAMETER_VALUE", "at least one run_id");
    let sets = api.post("/ui/experiments/search-datasets", &json!({"experiment_ids": []}));
    refused(sets, "INVALID_PARAMETER_VALUE", "at least one experiment_id");
}
