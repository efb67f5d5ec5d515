//! Facts of the wire that the client of this crate does not show.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tower::ServiceExt;

use super::*;
use crate::source::NoTracking;
use crate::store::memory::MemoryStore;
use crate::{NewVersion, PageSize};

struct Api {
    runtime: Runtime,
    app: Router,
    store: Arc<MemoryStore>,
}

impl Api {
    fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        let service = Service::new(store.clone(), Arc::new(NoTracking)).with_clock(|| 1_000);
        Self::of(store, service.with_trusted_user_header(true))
    }

    fn of(store: Arc<MemoryStore>, service: Service) -> Self {
        let app = router(service.clone()).merge(history_router(service));
        Self { runtime: Runtime::new().unwrap(), app, store }
    }

    fn send(&self, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
        self.send_as(method, path, body, &[])
    }

    fn send_as(
        &self,
        method: Method,
        path: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> (StatusCode, Value) {
        let mut request =
            Request::builder().method(method).uri(path).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_string())).unwrap();
        self.runtime.block_on(async {
            let response = self.app.clone().oneshot(request).await.unwrap();
            let status = response.status();
            let bytes = response.into_body().collect().await.unwrap().to_bytes();
            (status, serde_json::from_slice(&bytes).unwrap())
        })
    }

    fn get(&self, path: &str) -> (StatusCode, Value) {
        self.send(Method::GET, path, &json!({}))
    }

    fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        self.send(Method::POST, path, body)
    }

    /// Makes a model with versions in buckets.
    fn with_versions(&self, count: usize) -> &Self {
        self.post("/registered-models/create", &json!({"name": "churn"}));
        for number in 0..count {
            let source = format!("s3://bucket/{number}");
            let body = json!({"name": "churn", "source": source});
            assert_eq!(self.post("/model-versions/create", &body).0, StatusCode::OK);
        }
        self
    }
}

#[track_caller]
fn refused((status, body): (StatusCode, Value), want: u16, code: &str, part: &str) {
    assert_eq!((status.as_u16(), body["error_code"].as_str()), (want, Some(code)), "{body}");
    assert!(body["message"].as_str().unwrap().contains(part), "{body}");
}

#[test]
fn a_model_has_only_what_is_known_of_it() {
    let api = Api::new();
    let (_, made) = api.post("/registered-models/create", &json!({"name": "churn"}));
    let times = json!({
        "name": "churn", "creation_timestamp": 1000, "last_updated_timestamp": 1000
    });
    assert_eq!(made, json!({"registered_model": times}));
    let (_, blank) = api.send(
        Method::PATCH,
        "/registered-models/update",
        &json!({"name": "churn", "description": ""}),
    );
    assert_eq!(blank, made);
}

#[test]
fn a_version_says_empty_text_for_what_was_not_said() {
    let api = Api::new();
    api.with_versions(1);
    let version = json!({
        "name": "churn", "version": "1", "creation_timestamp": 1000,
        "last_updated_timestamp": 1000, "current_stage": "None", "description": "",
        "source": "s3://bucket/0", "run_id": "", "status": "READY", "run_link": "",
    });
    assert_eq!(api.get("/model-versions/get?name=churn&version=01").1["model_version"], version);
    let (_, updated) = api.send(
        Method::PATCH,
        "/model-versions/update",
        &json!({"name": "churn", "version": "1"}),
    );
    assert_eq!(updated["model_version"].get("description"), None);
    api.post("/registered-models/alias", &json!({"name": "churn", "alias": "a", "version": "1"}));
    let (_, model) = api.get("/registered-models/get?name=churn");
    let model = &model["registered_model"];
    assert_eq!(model["aliases"], json!([{"alias": "a", "version": "1"}]));
    assert_eq!(model["latest_versions"][0]["aliases"], json!(["a"]));
}

#[test]
fn stages_and_orders_come_as_often_as_they_like() {
    let api = Api::new();
    api.with_versions(3);
    let stage = |version: &str, stage: &str| {
        let body = json!({"name": "churn", "version": version, "stage": stage});
        assert_eq!(api.post("/model-versions/transition-stage", &body).0, StatusCode::OK);
    };
    stage("1", "production");
    stage("2", "Staging");
    let numbers = |(_, body): (StatusCode, Value)| {
        let versions = body["model_versions"].as_array().unwrap().clone();
        versions.iter().map(|v| v["version"].as_str().unwrap().to_owned()).collect::<String>()
    };
    let path = "/registered-models/get-latest-versions";
    let get = api.get(&format!("{path}?name=churn&stages=Production&stages=staging"));
    assert_eq!(numbers(get), "12");
    assert_eq!(numbers(api.get(&format!("{path}?name=churn&stages=None"))), "3");
    assert_eq!(numbers(api.post(path, &json!({"name": "churn", "stages": ["None"]}))), "3");
    assert_eq!(numbers(api.post(path, &json!({"name": "churn"}))), "123");
    let search = "/model-versions/search?order_by=name&order_by=version_number+ASC&max_results=2";
    let first = api.get(search);
    assert_eq!(numbers(first.clone()), "12");
    let token = first.1["next_page_token"].as_str().unwrap();
    let second = api.get(&format!("{search}&page_token={token}"));
    assert_eq!(second.1.get("next_page_token"), None);
    assert_eq!(numbers(second), "3");
    assert_eq!(api.get("/model-versions/search?filter=name%3D%27x%27").1, json!({}));
}

#[test]
fn missing_things_are_named_in_mlflows_words() {
    let api = Api::new();
    api.with_versions(1);
    let lacks = "RESOURCE_DOES_NOT_EXIST";
    let wrong = "INVALID_PARAMETER_VALUE";
    let of = |path: &str| api.get(path);
    refused(of("/registered-models/get?name=x"), 404, lacks, "Registered Model with name=x not");
    let version = of("/model-versions/get?name=churn&version=9");
    refused(version, 404, lacks, "Model Version (name=churn, version=9) not found");
    refused(of("/model-versions/get?name=churn&version=-1"), 404, lacks, "version=-1) not found");
    let huge = of("/model-versions/get?name=churn&version=99999999999999999999");
    refused(huge, 404, lacks, "not found");
    refused(of("/model-versions/get?name=churn&version=x"), 400, wrong, "must be an integer");
    refused(of("/model-versions/get?name=churn"), 400, wrong, "required parameter 'version'");
    refused(of("/registered-models/get"), 400, wrong, "required parameter 'name'");
    let alias = of("/registered-models/alias?name=churn&alias=x");
    refused(alias, 400, wrong, "Registered model alias x not found.");
    let reserved = of("/registered-models/alias?name=churn&alias=v3");
    refused(reserved, 400, wrong, "Registered model alias v3 not found.");
    refused(of("/registered-models/alias?name=x&alias=v3"), 404, lacks, "name=x not found");
    refused(of("/registered-models/search?max_results=0"), 400, wrong, "for max_results");
    refused(of("/registered-models/search?max_results=1001"), 400, wrong, "'max_results'");
    refused(of("/registered-models/search?page_token=x"), 400, wrong, "Invalid page token");
    let again = api.post("/registered-models/create", &json!({"name": "churn"}));
    refused(again, 400, "RESOURCE_ALREADY_EXISTS", "(name=churn) already exists");
    refused(api.post("/registered-models/create", &json!({"name": " "})), 400, wrong, "'name'");
    refused(api.post("/registered-models/create", &json!({"name": 5})), 400, wrong, "'name'");
    let archive = json!({
        "name": "churn", "version": "1", "stage": "Archived", "archive_existing_versions": true
    });
    let archive = api.post("/model-versions/transition-stage", &archive);
    refused(archive, 400, wrong, "'Archived' is not an Active stage");
    let reserved = json!({"name": "churn", "alias": "v1"});
    assert_eq!(api.send(Method::DELETE, "/registered-models/alias", &reserved).1, json!({}));
}

#[test]
fn a_copy_is_pinned_to_its_original_and_its_run() {
    let api = Api::new();
    api.with_versions(1);
    let made = api.post(
        "/model-versions/create",
        &json!({"name": "churn", "source": "s3://bucket/run", "run_id": "r1"}),
    );
    assert_eq!(made.0, StatusCode::OK);
    api.post("/registered-models/create", &json!({"name": "copy"}));
    let copy = |source: &str, more: Value| {
        let mut body = json!({"name": "copy", "source": source});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        api.post("/model-versions/create", &body)
    };

    let (status, latest) = copy("models:/churn/latest", json!({}));

    assert_eq!(status, StatusCode::OK);
    let latest = &latest["model_version"];
    assert_eq!((&latest["source"], &latest["run_id"]), (&json!("models:/churn/2"), &json!("r1")));
    let (_, uri) = api.get("/model-versions/get-download-uri?name=copy&version=1");
    assert_eq!(uri, json!({"artifact_uri": "s3://bucket/run"}));
    assert_eq!(copy("models:/churn/2", json!({"run_id": "r1"})).0, StatusCode::OK);
    let wrong = "INVALID_PARAMETER_VALUE";
    refused(copy("models:/churn/2", json!({"run_id": "r2"})), 400, wrong, "must match");
    refused(copy("models:/churn/2", json!({"model_id": "m-1"})), 400, wrong, "must match");
    refused(copy("models:/churn/9", json!({})), 404, "RESOURCE_DOES_NOT_EXIST", "version=9");
    refused(copy("models:/churn@x", json!({})), 400, wrong, "alias x not found");
    refused(copy("/etc", json!({})), 400, wrong, "artifact");
}

#[test]
fn no_tag_opens_a_source_and_none_is_handed_out_from_elsewhere() {
    let api = Api::new();
    api.with_versions(0);
    let prompt = json!([{"key": "mlflow.prompt.is_prompt", "value": "true"}]);
    let body = json!({"name": "churn", "source": "/etc/passwd", "tags": prompt});
    let wrong = "INVALID_PARAMETER_VALUE";
    refused(api.post("/model-versions/create", &body), 400, wrong, "Invalid prompt source");
    // Somebody wrote to the store past the server.
    let planted = NewVersion {
        tags: tags(vec![Tag {
            key: Some("mlflow.prompt.is_prompt".to_owned()),
            value: Some("true".to_owned()),
        }])
        .unwrap(),
        ..NewVersion::of("churn".parse().unwrap(), "/etc")
    };
    api.store.create_version(&planted, &Stamp::new("eve", 1)).unwrap();

    let uri = api.get("/model-versions/get-download-uri?name=churn&version=1");

    refused(uri, 400, wrong, "outside of this server's store");
    let body = json!({"name": "churn", "source": "dummy-source", "tags": prompt});
    assert_eq!(api.post("/model-versions/create", &body).0, StatusCode::OK);
}

#[test]
fn a_plain_client_is_told_what_is_not_met() {
    let api = Api::new();
    api.with_versions(1);
    let gates = json!({"name": "churn", "gates": "production: tag reviewed; approval"});
    let (status, set) = api.post("/registry/gates", &gates);
    let want = json!({
        "name": "churn", "gates": "Production: tag reviewed; approval",
        "conditions": [
            {"stage": "Production", "condition": "tag reviewed"},
            {"stage": "Production", "condition": "approval"},
        ],
    });
    assert_eq!((status, &set), (StatusCode::OK, &want));
    assert_eq!(api.get("/registry/gates?name=churn").1, want);

    let mut moved = json!({"name": "churn", "version": "1", "stage": "Production"});
    let closed = "version 1 of `churn` may not enter Production: tag `reviewed` is missing; an \
                  approval is required, and nobody has requested one";
    let path = "/model-versions/transition-stage";
    refused(api.post(path, &moved), 403, "PERMISSION_DENIED", closed);
    let (_, report) = api.get("/registry/check?name=churn&version=1&stage=production");
    assert_eq!(
        (&report["passed"], &report["findings"][1]["passed"]),
        (&json!(false), &json!(false))
    );
    assert_eq!(report["findings"][0]["says"], "tag `reviewed` is missing");
    moved["mlctl_force"] = json!(true);
    refused(api.post(path, &moved), 400, "INVALID_PARAMETER_VALUE", "needs a reason");
    let why = [("x-mlctl-reason", "the%20old%20one%20is%20broken")];
    let (status, forced) = api.send_as(Method::POST, path, &moved, &why);
    assert_eq!(status, StatusCode::OK);
    assert_eq!(forced["model_version"]["current_stage"], "Production");
    let (_, none) = api.post("/registry/gates", &json!({"name": "churn"}));
    assert_eq!(none, json!({"name": "churn", "gates": "", "conditions": []}));
}

#[test]
fn stages_that_a_model_does_not_have_are_refused_with_those_it_has() {
    let api = Api::new();
    api.with_versions(1);
    let wrong = "INVALID_PARAMETER_VALUE";
    let four = "Invalid Model Version stage: Prod. Value must be one of None, Staging, Production, \
                Archived.";
    let moved = |stage: &str| {
        let body = json!({"name": "churn", "version": "1", "stage": stage});
        api.post("/model-versions/transition-stage", &body)
    };
    refused(moved("Prod"), 400, wrong, four);
    refused(
        api.get("/registered-models/get-latest-versions?name=churn&stages=Prod"),
        400,
        wrong,
        four,
    );
    let missing = json!({"name": "x", "version": "1", "stage": "Prod"});
    refused(api.post("/model-versions/transition-stage", &missing), 400, wrong, four);
    let latest = api.get("/registered-models/get-latest-versions?name=x&stages=Prod");
    refused(latest, 404, "RESOURCE_DOES_NOT_EXIST", "name=x not found");
    let tag = json!({"name": "churn", "key": "mlctl.stages", "value": "Staging -> Shadow"});
    assert_eq!(api.post("/registered-models/set-tag", &tag).0, StatusCode::OK);
    refused(moved("shadow"), 400, wrong, "from None it may go to Staging, Production and Archived");
    assert_eq!(moved("staging").1["model_version"]["current_stage"], "Staging");
    assert_eq!(moved("shadow").1["model_version"]["current_stage"], "Shadow");
    let (_, latest) = api.get("/registered-models/get-latest-versions?name=churn&stages=SHADOW");
    assert_eq!(latest["model_versions"][0]["current_stage"], "Shadow");
    let archive = json!({
        "name": "churn", "version": "1", "stage": "None", "archive_existing_versions": true
    });
    let archive = api.post("/model-versions/transition-stage", &archive);
    refused(archive, 400, wrong, "Valid stages are ['Staging', 'Shadow', 'Production']");
}

#[test]
fn a_request_is_decided_by_another_user() {
    let api = Api::new();
    api.with_versions(1);
    let wish = json!({"name": "churn", "version": 1, "stage": "Staging"});
    let act = |path: &str, who: &str| {
        api.send_as(Method::POST, path, &wish, &[("x-mlctl-user", who), ("x-mlctl-reason", "ok")])
    };
    let (_, made) = act("/registry/requests", "ada");
    let stamp = |who: &str| json!({"at_ms": 1000, "who": who, "why": "ok"});
    let mut want = json!({
        "model": "churn", "version": "1", "stage": "Staging", "requested": stamp("ada"),
    });
    assert_eq!(made, json!({ "request": want }));
    let own = act("/registry/requests/approve", "ada");
    refused(own, 403, "PERMISSION_DENIED", "somebody else must approve it");
    refused(
        act("/registry/requests", "bob"),
        400,
        "RESOURCE_ALREADY_EXISTS",
        "ada has already requested",
    );
    assert_eq!(act("/registry/requests/approve", "bob").0, StatusCode::OK);
    want["approved"] = stamp("bob");
    let note = "the names of who requests and approves are sent by clients and not verified";
    let listed = json!({ "requests": [want], "approvals": note });
    assert_eq!(api.get("/registry/requests?name=churn").1, listed);
    assert_eq!(act("/registry/requests/reject", "eve").0, StatusCode::OK);
    let gone = act("/registry/requests/reject", "eve");
    refused(gone, 404, "RESOURCE_DOES_NOT_EXIST", "nobody has requested Staging for version 1");
    assert_eq!(api.get("/registry/requests?name=churn").1, json!({ "approvals": note }));
}

#[test]
fn nobody_approves_by_a_name_that_is_not_checked() {
    let store = Arc::new(MemoryStore::new());
    let service = Service::new(store.clone(), Arc::new(NoTracking)).with_clock(|| 1_000);
    let mut api = Api::of(store, service);
    api.with_versions(1);
    api.post("/registry/gates", &json!({"name": "churn", "gates": "Staging: approval"}));
    let wish = json!({"name": "churn", "version": 1, "stage": "Staging"});
    let act = |api: &Api, path: &str, who: &str| {
        api.send_as(Method::POST, path, &wish, &[("x-mlctl-user", who)])
    };
    assert_eq!(act(&api, "/registry/requests", "ada").0, StatusCode::OK);
    let why = "with --trust-user-header";
    refused(act(&api, "/registry/requests/approve", "bob"), 403, "PERMISSION_DENIED", why);
    let (_, listed) = api.get("/registry/requests?name=churn");
    assert!(listed["approvals"].as_str().unwrap().contains(why), "{listed}");
    assert_eq!(listed["requests"][0]["approved"], Value::Null);
    let (_, report) = api.get("/registry/check?name=churn&version=1&stage=Staging");
    assert!(report["findings"][0]["says"].as_str().unwrap().contains(why), "{report}");

    // A host that knows who asks says so itself, whatever the client writes.
    api.app = api.app.layer(axum::Extension(Caller("bob".to_owned())));
    assert_eq!(act(&api, "/registry/requests/approve", "ada").0, StatusCode::OK);
}

#[test]
fn a_change_is_of_whom_the_host_says_or_else_the_client() {
    let api = Api::new();
    let create = |name: &str, headers: &[(&str, &str)]| {
        api.send_as(Method::POST, "/registered-models/create", &json!({ "name": name }), headers);
        let name = name.parse().unwrap();
        let event = api.store.events(&name, None, None, PageSize::MAX).unwrap().items.remove(0);
        (event.who, event.why)
    };

    assert_eq!(create("a", &[]), ("anonymous".to_owned(), None));
    let headers = [("x-mlctl-user", "ad%C3%A1"), ("x-mlctl-reason", "it%27s%20time")];
    assert_eq!(create("b", &headers), ("adá".to_owned(), Some("it's time".to_owned())));
    let mut hosted = Api::new();
    hosted.app = hosted.app.layer(axum::Extension(Caller("checked".to_owned())));
    hosted.send_as(
        Method::POST,
        "/registered-models/create",
        &json!({"name": "a"}),
        &[("x-mlctl-user", "eve")],
    );
    let (_, history) = hosted.get("/registry/events?name=a");
    assert_eq!(history["events"][0]["who"], "checked");
    assert_eq!(history["events"][0]["change"]["kind"], "model_created");
}
