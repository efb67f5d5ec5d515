//! GraphQL against what MLflow's server answered to the queries of its own pages.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use mlctl_artifacts::ArtifactPath;
use mlctl_registry::{NewVersion, RegistryStore, Stamp};
use mlctl_tracking::entity::{
    Dataset, DatasetInput, LoggedModelOutput, Metric, Param, RunStatus, Tag,
};
use mlctl_tracking::rest::ServedArtifacts;
use mlctl_tracking::store::memory::MemoryStore;
use mlctl_tracking::store::{Batch, NewExperiment, NewLoggedModel, NewRun, RunChange};
use mlctl_tracking::{ExperimentId, ExperimentName, Key, LoggedModelStore, RunId, TrackingStore};
use mlctl_ui::mlflow::{Sources, graphql};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use tower::ServiceExt;

/// Queries, variables and MLflow 3.17.2's answers: those of its pages first, then one of each
/// other field. Ids are replaced by their roles.
const ANSWERS: &str = include_str!("mlflow/answers.json");

/// Every field, input and value of MLflow 3.17.2's schema but for its echo fields.
const SCHEMA: &str = include_str!("mlflow/schema.txt");

/// When the experiment of the recorded answers was made.
const MADE: i64 = 1_795_264_279_964;

const START: i64 = 1_767_225_600_000;

/// What was asked of MLflow, asked here.
struct Seeded {
    sources: Sources,
    experiment: ExperimentId,
    runs: Vec<RunId>,
    model: String,
}

fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

fn seed() -> Seeded {
    let tracking = Arc::new(MemoryStore::new());
    let new = NewExperiment {
        name: ExperimentName::parse("crops").unwrap(),
        artifact_location: Some("memory:/crops".to_owned()),
        tags: vec![],
        time: MADE,
    };
    let experiment = tracking.create_experiment(&new).unwrap();
    let runs: Vec<_> = (0..3).map(|number| run(&tracking, &experiment, number)).collect();
    let model = tracking.create_logged_model(&NewLoggedModel {
        experiment_id: experiment.clone(),
        name: None,
        model_type: None,
        source_run_id: None,
        tags: vec![],
        params: vec![],
        time: MADE,
    });
    let model_id = model.unwrap().model_id;
    let output = LoggedModelOutput { model_id: model_id.clone(), step: 0 };
    tracking.log_outputs(&runs[0], &[output]).unwrap();
    let location = tracking.run(&runs[0]).unwrap().info.artifact_uri;
    let artifacts = tracking.artifacts(&location).unwrap();
    for (path, content) in [("notes/readme.txt", "soil was dry\n"), ("table.json", "{\"a\": 1}")] {
        artifacts.write(&ArtifactPath::parse(path).unwrap(), &mut content.as_bytes()).unwrap();
    }
    let registry = Arc::new(mlctl_registry::MemoryStore::default());
    register(registry.as_ref(), &runs[0], model_id.as_str());
    let served = ServedArtifacts::below("memory:");
    Seeded {
        sources: Sources { tracking, registry: Some(registry), served },
        experiment,
        runs,
        model: model_id.to_string(),
    }
}

fn run(tracking: &MemoryStore, experiment: &ExperimentId, number: i64) -> RunId {
    let new = NewRun {
        experiment_id: experiment.clone(),
        user_id: "ann".to_owned(),
        run_name: Some(format!("wheat-{number}")),
        start_time: START + number * 1_000,
        tags: vec![Tag::new(key("kind"), "nightly")],
    };
    let run = tracking.create_run(&new).unwrap().info.run_id;
    let rmse = |step: i64| {
        let value = 0.123 + number as f64 + 1.0 / (step + 1) as f64;
        Metric::new(key("rmse"), value, START + step, step)
    };
    let mut metrics: Vec<_> = (0..50).map(rmse).collect();
    metrics.push(Metric::new(key("acc"), 0.875, START, 0));
    metrics.push(Metric::new(key("odd"), f64::NAN, START, 0));
    let params = vec![Param::new(key("alpha"), (0.5 + number as f64).to_string())];
    tracking.log_batch(&run, &Batch { metrics, params, tags: vec![] }).unwrap();
    let dataset = DatasetInput {
        tags: vec![Tag::new(key("mlflow.data.context"), "training")],
        dataset: Dataset {
            name: "fields".to_owned(),
            digest: "abc123".to_owned(),
            source_type: "local".to_owned(),
            source: "{\"uri\":\"x.csv\"}".to_owned(),
            schema: Some("{\"mlflow_colspec\":[]}".to_owned()),
            profile: Some("{\"num_rows\":3}".to_owned()),
        },
    };
    tracking.log_inputs(&run, &[dataset], &[]).unwrap();
    if number < 2 {
        let status = Some(RunStatus::Finished);
        let change = RunChange { status, end_time: Some(START + 60_000), run_name: None };
        tracking.update_run(&run, &change).unwrap();
    }
    run
}

fn register(registry: &dyn RegistryStore, run: &RunId, model: &str) {
    let folder = format!("mlflow-artifacts:/EXPERIMENT/{run}/artifacts/notes");
    let mut first = NewVersion::of("yield".parse().unwrap(), folder);
    first.create_model_if_missing = true;
    first.description = Some("d".to_owned());
    first.tags.insert("t".parse().unwrap(), "1".parse().unwrap());
    first.run_id = Some(run.to_string());
    registry.create_version(&first, &Stamp::new("ann", MADE)).unwrap();
    let mut second = NewVersion::of("yield".parse().unwrap(), format!("models:/{model}"));
    second.storage_location = Some("elsewhere".to_owned());
    second.run_id = Some(run.to_string());
    registry.create_version(&second, &Stamp::new("ann", MADE + 1)).unwrap();
}

async fn send(sources: &Sources, request: Request<Body>) -> (StatusCode, Value) {
    let response = graphql::router(sources.clone(), "").oneshot(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap())
}

async fn ask(sources: &Sources, query: &str, variables: &Value) -> Value {
    let body = json!({ "query": query, "variables": variables });
    let request = Request::post("/graphql").header("content-type", "application/json");
    let (status, answer) = send(sources, request.body(Body::from(body.to_string())).unwrap()).await;
    assert_eq!(status, StatusCode::OK, "{query}: {answer}");
    answer
}

/// Puts the data of runs in the order of their keys: MLflow tells them in the order of logging.
fn sorted(value: &mut Value) {
    match value {
        Value::Array(items) => {
            items.iter_mut().for_each(sorted);
            if items.iter().all(|item| item["key"].is_string()) {
                items.sort_by_key(|item| item["key"].to_string());
            }
        }
        Value::Object(fields) => fields.values_mut().for_each(sorted),
        _ => {}
    }
}

/// Replaces ids, which differ from store to store, by their roles.
fn named(text: &str, roles: &[(&str, &str)]) -> Value {
    let replaced = roles.iter().fold(text.to_owned(), |text, (id, role)| text.replace(id, role));
    let mut value = serde_json::from_str(&replaced).unwrap();
    sorted(&mut value);
    value
}

#[tokio::test]
async fn queries_of_the_pages_are_answered_as_by_mlflow() {
    let seeded = seed();
    let ours = [
        (seeded.runs[0].as_str(), "RUN0"),
        (seeded.runs[2].as_str(), "RUN2"),
        (seeded.model.as_str(), "MODEL"),
        (seeded.experiment.as_str(), "EXPERIMENT"),
        ("mlflow-artifacts:/crops", "mlflow-artifacts:/EXPERIMENT"),
    ];

    for case in named(ANSWERS, &[]).as_array().unwrap() {
        let variables = ours.iter().fold(case["variables"].to_string(), |text, (id, role)| {
            text.replace(&format!("\"{role}\""), &format!("\"{id}\""))
        });
        let variables: Value = serde_json::from_str(&variables).unwrap();
        let answer = ask(&seeded.sources, case["query"].as_str().unwrap(), &variables).await;

        let mut want = case["answer"].clone();
        sorted(&mut want);
        assert_eq!(named(&answer.to_string(), &ours), want, "for {}", case["query"]);
    }
}

#[tokio::test]
async fn the_schema_is_that_of_mlflow() {
    let seeded = seed();
    let query = "{__schema{types{kind name fields{name args{name type{name}} type{...T}} \
                 inputFields{name type{...T}} enumValues{name}}}} \
                 fragment T on __Type{kind name ofType{kind name ofType{kind name \
                 ofType{kind name}}}}";

    let answer = ask(&seeded.sources, query, &Value::Null).await;

    let mut lines = BTreeSet::new();
    for declared in answer["data"]["__schema"]["types"].as_array().unwrap() {
        describe(declared, &mut lines);
    }
    let want: BTreeSet<_> = SCHEMA.lines().map(str::to_owned).collect();
    let missing: Vec<_> = want.difference(&lines).collect();
    let more: Vec<_> = lines.difference(&want).collect();
    assert_eq!((missing, more), (vec![], vec![]));
}

fn describe(declared: &Value, lines: &mut BTreeSet<String>) {
    let name = declared["name"].as_str().unwrap();
    if name.starts_with("__") {
        return;
    }
    let of = format!("{} {name}", declared["kind"].as_str().unwrap());
    let list = |field: &str| declared[field].as_array().cloned().unwrap_or_default();
    for field in list("fields").iter().chain(&list("inputFields")) {
        let arguments: String = field["args"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|one| {
                let (name, kind) = (&one["name"], &one["type"]["name"]);
                format!("({}: {})", name.as_str().unwrap(), kind.as_str().unwrap())
            })
            .collect();
        let field_name = field["name"].as_str().unwrap();
        lines.insert(format!("{of}.{field_name}{arguments}: {}", spelled(&field["type"])));
    }
    for value in list("enumValues") {
        lines.insert(format!("{of}.{}", value["name"].as_str().unwrap()));
    }
}

fn spelled(kind: &Value) -> String {
    match kind["kind"].as_str().unwrap() {
        "NON_NULL" => format!("{}!", spelled(&kind["ofType"])),
        "LIST" => format!("[{}]", spelled(&kind["ofType"])),
        _ => kind["name"].as_str().unwrap().to_owned(),
    }
}

#[track_caller]
fn check_refused(answer: &Value, want: &str) {
    assert_eq!(*answer, json!({ "data": null, "errors": [want] }));
}

#[tokio::test]
async fn queries_that_cost_too_much_are_refused() {
    let seeded = seed();
    let ask = async |query: String| ask(&seeded.sources, &query, &Value::Null).await;
    let fields = |count: usize, name: &str| vec![name; count].join(" ");
    let aliases = |count: usize| -> String {
        (0..count).map(|number| format!("a{number}: __typename ")).collect()
    };
    let nested = |depth: usize| {
        let inner = "ofType{".repeat(depth) + "name" + &"}".repeat(depth);
        format!("{{__type(name: \"Query\"){{{inner}}}}}")
    };

    let root = "GraphQL queries should have at most 10 root fields, got 11 root fields";
    check_refused(&ask(format!("{{{}}}", fields(11, "__typename"))).await, root);
    let named = "GraphQL queries should have at most 10 aliases, got 11 aliases";
    let spread = format!(
        "{{__schema{{...A ...B}}}} fragment A on __Schema{{{}}} \
                          fragment B on __Schema{{b: __typename}}",
        aliases(10)
    );
    check_refused(&ask(spread).await, named);
    let many = format!("{{__schema{{{}}}}}", fields(1_000, "__typename"));
    check_refused(&ask(many).await, "Query exceeds maximum total selections of 1000");
    check_refused(&ask(nested(9)).await, "Query exceeds maximum depth of 10");
    assert_eq!(ask(nested(8)).await["errors"], Value::Null);
    // Far deeper than any stack: refused while it is read.
    assert!(ask("{a".repeat(100_000)).await["errors"][0].is_string());
}

#[tokio::test]
async fn what_does_not_exist_is_an_error_of_its_field() {
    let seeded = seed();
    let id = "f".repeat(32);
    let query = format!("{{mlflowGetRun(input: {{runId: \"{id}\"}}) {{run {{info {{runId}}}}}}}}");

    let answer = ask(&seeded.sources, &query, &Value::Null).await;

    assert_eq!(answer["data"], json!({ "mlflowGetRun": null }));
    assert_eq!(answer["errors"], json!([format!("Run with id={id} not found")]));
}

#[tokio::test]
async fn a_body_without_a_query_is_400() {
    let seeded = seed();
    for body in ["", "x", "{}", "{\"query\": 5}", "{\"query\": \"{a}\", \"variables\": [1]}"] {
        let request = Request::post("/graphql").body(Body::from(body)).unwrap();
        let (status, answer) = send(&seeded.sources, request).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}: {answer}");
    }
}
