//! Facts of the wire.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request};
use http_body_util::BodyExt;
use mlctl_registry::rest::{WebhookService, own_webhook_router, webhook_router};
use mlctl_registry::webhook::{DELIVERY_ID_HEADER, DeliverySettings, SecretKey, TIMESTAMP_HEADER};
use mlctl_registry::{MemoryStore, SqliteStore};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tower::ServiceExt;

use crate::receiver::Receiver;
use crate::{change, sender, settings};

struct Api {
    runtime: Runtime,
    app: Router,
    store: Arc<MemoryStore>,
}

impl Api {
    fn new() -> Self {
        Self::with(DeliverySettings { secret_key: Some(SecretKey::random()), ..settings() })
    }

    fn with(settings: DeliverySettings) -> Self {
        let store = Arc::new(MemoryStore::new());
        let service = WebhookService::new(store.clone(), sender(settings));
        let app = webhook_router(service.clone()).merge(own_webhook_router(service));
        Self { runtime: Runtime::new().unwrap(), app, store }
    }

    fn send(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        self.runtime.block_on(async {
            let response = self.app.clone().oneshot(request).await.unwrap();
            let status = response.status().as_u16();
            let bytes = response.into_body().collect().await.unwrap().to_bytes();
            (status, serde_json::from_slice(&bytes).unwrap())
        })
    }

    fn get(&self, path: &str) -> (u16, Value) {
        self.send(Method::GET, path, &json!({}))
    }

    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.send(Method::POST, path, body)
    }

    fn patch(&self, path: &str, body: &Value) -> (u16, Value) {
        self.send(Method::PATCH, path, body)
    }

    /// Makes a webhook of these fields and returns its path.
    fn made(&self, more: &Value) -> String {
        let (status, answer) = self.post("/webhooks", &with(more));
        assert_eq!(status, 200, "{answer}");
        format!("/webhooks/{}", answer["webhook"]["webhook_id"].as_str().unwrap())
    }
}

fn with(more: &Value) -> Value {
    let mut body = json!({
        "name": "hook", "url": "http://127.0.0.1/",
        "events": [{"entity": "MODEL_VERSION", "action": "CREATED"}],
    });
    for (field, value) in more.as_object().unwrap() {
        body[field] = value.clone();
    }
    body
}

#[track_caller]
fn refused((status, body): (u16, Value), want: u16, code: &str, part: &str) {
    assert_eq!((status, body["error_code"].as_str()), (want, Some(code)), "{body}");
    assert!(body["message"].as_str().unwrap().contains(part), "{body}");
}

#[test]
fn a_webhook_is_answered_as_mlflow_does_and_never_with_its_secret() {
    let api = Api::new();
    let (_, made) = api.post("/webhooks", &with(&json!({"secret": "geheim", "description": "d"})));

    let webhook = &made["webhook"];
    let id = webhook["webhook_id"].as_str().unwrap();
    assert_eq!(id.len(), 36);
    assert!(webhook["creation_timestamp"].as_i64().unwrap() > 1_700_000_000_000);
    let times = &webhook["creation_timestamp"];
    assert_eq!(
        *webhook,
        json!({
            "webhook_id": id, "name": "hook", "description": "d", "url": "http://127.0.0.1/",
            "events": [{"entity": "MODEL_VERSION", "action": "CREATED"}], "status": "ACTIVE",
            "creation_timestamp": times, "last_updated_timestamp": times,
        })
    );
    assert_eq!(api.get(&format!("/webhooks/{id}")).1, made);
    assert_eq!(api.get("/webhooks").1, json!({"webhooks": [webhook]}));
    assert_eq!(api.send(Method::DELETE, &format!("/webhooks/{id}"), &json!({})), (200, json!({})));
    assert_eq!(api.get("/webhooks").1, json!({}));
}

#[test]
fn refusals_have_mlflows_codes() {
    let api = Api::new();
    let wrong = "INVALID_PARAMETER_VALUE";
    let post = |more: Value| api.post("/webhooks", &with(&more));
    refused(post(json!({"name": null})), 400, wrong, "required parameter 'name'");
    refused(post(json!({"url": ""})), 400, wrong, "required parameter 'url'");
    refused(post(json!({"events": null})), 400, wrong, "required parameter 'events'");
    refused(post(json!({"events": []})), 400, wrong, "Webhook events must be a non-empty list");
    refused(post(json!({"name": "a b"})), 400, wrong, "Webhook name 'a b' is invalid.");
    refused(post(json!({"url": "ftp://x/"})), 400, wrong, "Allowed schemes are: http, https.");
    refused(post(json!({"status": "ON"})), 400, wrong, "ACTIVE or DISABLED");
    let event = json!({"entity": "MODEL_VERSION", "action": "DELETED"});
    let words =
        "Invalid action 'deleted' for entity 'model_version'. Valid actions are: ['created']";
    refused(post(json!({"events": [event]})), 400, wrong, words);
    let own = json!({"entity": "MODEL_VERSION", "action": "STAGE_TRANSITIONED"});
    refused(post(json!({"events": [own]})), 400, wrong, "Valid actions are");
    refused(
        post(json!({"mlctl_events": ["model_version.created"]})),
        400,
        wrong,
        "valid events are",
    );
    let lacks = "RESOURCE_DOES_NOT_EXIST";
    refused(api.get("/webhooks/x"), 404, lacks, "Webhook with ID x not found.");
    refused(api.patch("/webhooks/x", &json!({"name": "?"})), 404, lacks, "ID x not found");
    refused(api.send(Method::DELETE, "/webhooks/x", &json!({})), 404, lacks, "ID x not found");
    refused(api.post("/webhooks/x/test", &json!({})), 404, lacks, "ID x not found");
    refused(api.get("/webhooks?max_results=1001"), 400, wrong, "between 1 and 1000");
    refused(api.get("/webhooks?max_results=-1"), 400, wrong, "between 1 and 1000");
    refused(api.get("/webhooks?page_token=x"), 400, wrong, "Invalid page token");
}

#[test]
fn a_private_address_is_refused_when_the_webhook_is_made() {
    let api = Api::with(DeliverySettings { allow_private_ips: false, ..settings() });
    let wrong = "INVALID_PARAMETER_VALUE";
    for url in ["http://127.0.0.1/", "http://[::1]:80/", "http://localhost/x", "http://10.0.0.1"] {
        let answer = api.post("/webhooks", &with(&json!({"url": url})));
        refused(answer, 400, wrong, "must not resolve to a non-public IP address");
    }
    assert_eq!(api.get("/webhooks").1, json!({}));
}

#[test]
fn a_secret_needs_a_key() {
    let api = Api::with(settings());
    let answer = api.post("/webhooks", &with(&json!({"secret": "geheim"})));
    let name = "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY";
    refused(answer, 400, "INVALID_PARAMETER_VALUE", name);
    assert_eq!(api.post("/webhooks", &with(&json!({"secret": ""}))).0, 200);
}

#[test]
fn an_update_leaves_what_it_does_not_name() {
    let api = Api::new();
    let path = api.made(&json!({
        "description": "d", "mlctl_events": ["model_version.stage_transitioned"],
    }));
    let events = json!([{"entity": "REGISTERED_MODEL", "action": "CREATED"}]);
    let update = json!({"status": "DISABLED", "events": events, "name": "", "description": ""});

    let (_, answer) = api.patch(&path, &update);

    let webhook = &answer["webhook"];
    assert_eq!((&webhook["name"], &webhook["status"]), (&json!("hook"), &json!("DISABLED")));
    assert_eq!(webhook["events"], events);
    assert_eq!(webhook["mlctl_events"], json!(["model_version.stage_transitioned"]));
    assert_eq!(webhook.get("description"), None);
    let (_, answer) = api.patch(&path, &json!({"mlctl_events": [], "events": []}));
    assert_eq!(answer["webhook"]["events"], events);
    assert_eq!(answer["webhook"].get("mlctl_events"), None);
    let wrong = "INVALID_PARAMETER_VALUE";
    refused(api.patch(&path, &json!({"url": "ftp://x/"})), 400, wrong, "Allowed schemes");
}

#[test]
fn what_mlflows_clients_cannot_read_is_only_in_our_list() {
    let api = Api::new();
    let own = ["model_version.stage_transitioned"];
    api.made(&json!({"name": "own", "events": null, "mlctl_events": own}));
    api.made(&json!({"name": "both", "mlctl_events": own}));
    let names = |path| {
        let (_, answer) = api.get(path);
        let webhooks = answer["webhooks"].as_array().unwrap().clone();
        let mut names: Vec<_> =
            webhooks.iter().map(|w| w["name"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };

    assert_eq!(names("/webhooks"), ["both"]);
    assert_eq!(names("/registry/webhooks"), ["both", "own"]);
    let first = |path| api.get(path).1["webhooks"][0].clone();
    assert_eq!(first("/webhooks").get("mlctl_is_signed"), None);
    assert_eq!(first("/registry/webhooks")["mlctl_is_signed"], false);
}

#[test]
fn pages_go_on_where_the_last_one_ended() {
    let api = Api::new();
    for number in 0..5 {
        api.made(&json!({"name": format!("hook{number}")}));
    }
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let (_, page) = api.get(&format!("/webhooks?max_results=2&page_token={token}"));
        let webhooks = page["webhooks"].as_array().unwrap();
        seen.extend(webhooks.iter().map(|w| w["name"].as_str().unwrap().to_owned()));
        match page["next_page_token"].as_str() {
            Some(next) => token = next.to_owned(),
            None => break,
        }
    }
    seen.sort();
    assert_eq!(seen, ["hook0", "hook1", "hook2", "hook3", "hook4"]);
}

#[test]
fn a_webhook_is_tried_with_an_example() {
    let (api, receiver) =
        (Api::new(), Receiver::answering([(200, None), (500, None), (302, None)]));
    let path = format!("{}/test", api.made(&json!({"url": receiver.url, "secret": "geheim"})));

    let (_, fine) = api.post(&path, &json!({}));
    let want = json!({"success": true, "response_status": 200, "response_body": "thanks"});
    assert_eq!(fine["result"], want);
    let request = receiver.next();
    assert_eq!(request.json()["data"]["name"], "example_model");
    let (id, at) = (request.header(DELIVERY_ID_HEADER), request.header(TIMESTAMP_HEADER));
    let signature = mlctl_registry::webhook::sign("geheim", id, at, &request.body);
    assert_eq!(request.header("x-mlflow-signature"), signature);

    let event = json!({"event": {"entity": "PROMPT_TAG", "action": "SET"}});
    let (_, failed) = api.post(&path, &event);
    let want = json!({"success": false, "response_status": 500, "response_body": "thanks"});
    assert_eq!(failed["result"], want);
    assert_eq!(receiver.next().json()["entity"], "prompt_tag");

    let unknown = api.post(&path, &json!({"mlctl_event": "model_version.created"}));
    refused(unknown, 400, "INVALID_PARAMETER_VALUE", "valid events are");
    let (_, moved) = api.post(&path, &json!({"mlctl_event": "model_version.gate_passed"}));
    assert_eq!(receiver.next().json()["action"], "gate_passed");
    assert_eq!(
        (&moved["result"]["success"], &moved["result"]["response_status"]),
        (&json!(false), &json!(302))
    );
}

#[test]
fn a_webhook_that_cannot_be_reached_says_why() {
    let api = Api::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let path = api.made(&json!({"url": format!("http://127.0.0.1:{port}/")}));

    let (status, answer) = api.post(&format!("{path}/test"), &json!({}));

    let result = &answer["result"];
    assert_eq!((status, &result["success"]), (200, &json!(false)));
    let message = result["error_message"].as_str().unwrap();
    assert!(message.starts_with("Failed to test webhook: cannot reach it"), "{message}");
}

#[test]
fn what_is_on_its_way_is_told() {
    let api = Api::new();
    let path = api.made(&json!({}));
    let id = path.rsplit('/').next().unwrap();
    change(api.store.as_ref());

    let (_, answer) = api.get(&format!("/registry/webhooks/deliveries?webhook_id={id}"));

    let delivery = &answer["deliveries"][0];
    assert_eq!((&delivery["state"], &delivery["attempts"]), (&json!("queued"), &json!(0)));
    assert_eq!((&delivery["webhook_id"], &delivery["due_timestamp"]), (&json!(id), &json!(1500)));
    let wrong = "INVALID_PARAMETER_VALUE";
    let many = api.get("/registry/webhooks/deliveries?max_results=1001");
    refused(many, 400, wrong, "between 1 and 1000");
    let (_, none) = api.get("/registry/webhooks/deliveries?webhook_id=x");
    assert_eq!(none, json!({"deliveries": []}));
}

#[test]
fn a_database_that_is_too_old_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mlflow.db");
    let old = include_str!("../fixtures/mlflow-2.22.5.sql");
    rusqlite::Connection::open(&path).unwrap().execute_batch(old).unwrap();
    let store = Arc::new(SqliteStore::open(&path).unwrap());
    let mut api = Api::new();
    api.app = webhook_router(WebhookService::new(store.clone(), sender(settings())));

    for answer in
        [api.get("/webhooks"), api.get("/webhooks/x"), api.post("/webhooks", &with(&json!({})))]
    {
        refused(answer, 501, "NOT_IMPLEMENTED", "mlctl db upgrade FILE");
    }
    // The rest of the registry works on.
    change(store.as_ref());
    let id = mlctl_registry::webhook::WebhookId::new("x");
    let error = mlctl_registry::webhook::WebhookStore::get_webhook(store.as_ref(), &id);
    let text = error.unwrap_err().to_string();
    assert!(text.ends_with("mlflow.db` first") && text.contains("mlctl db upgrade"), "{text}");
}
