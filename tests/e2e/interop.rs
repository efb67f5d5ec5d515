//! One `mlruns` folder, two programs: what mlctl and MLflow's own file store make of it is
//! compared in whole.

use crate::harness::{Place, datum_text, integer, text};
use crate::http::Server;
use crate::python::Python;
use serde_json::{Map, Value, json};
use std::fs;

const FILTERS: [&str; 26] = [
    "",
    "metrics.loss < 1",
    "metrics.loss >= 0.5 and params.lr = '0.01'",
    "metrics.loss != 0.5",
    "metrics.loss > 1e300",
    "metrics.`train/deep/loss` > 1",
    "metrics.\"train/loss\" = 1",
    "params.lr != '0.01'",
    "params.lr LIKE '0.%'",
    "params.lr LIKE '_._1'",
    "params.`two lines` LIKE 'a%'",
    "params.lr ILIKE 'X Y'",
    "tags.kind ILIKE 'ODD'",
    "tags.kind LIKE 'o%'",
    "tag.`mlflow.runName` = 'r05'",
    "attributes.status = 'FINISHED'",
    "status != 'RUNNING' AND tags.kind = 'even'",
    "attributes.run_id IN ('a', 'b')",
    "run_id NOT IN ('a', 'b') AND metrics.loss < 1",
    "attribute.start_time > 10002",
    "attributes.end_time >= 20003",
    "dataset.name = 'wine'",
    "dataset.context LIKE 'tr%'",
    "metrics.loss <",
    "loss < 1",
    "metrics.loss = 'low'",
];

const ORDERS: [&[&str]; 8] = [
    &[],
    &["metrics.loss ASC"],
    &["metrics.loss DESC", "attributes.run_name"],
    &["params.lr"],
    &["params.lr DESC", "metrics.`train/loss`"],
    &["start_time ASC"],
    &["tags.kind DESC", "run_name ASC"],
    &["end_time DESC"],
];

/// Every filter, and every order of all runs and of some.
fn queries() -> Vec<(&'static str, &'static [&'static str])> {
    let filtered = FILTERS.iter().map(|filter| (*filter, ORDERS[0]));
    let ordered =
        FILTERS[..2].iter().flat_map(|filter| ORDERS.iter().map(|order| (*filter, *order)));
    filtered.chain(ordered).collect()
}

/// Compares all that either program finds in the store; returns it.
#[track_caller]
fn check_same(place: &Place, python: &Python, queries: &[(&str, &[&str])]) -> Value {
    let server = Server::start(place);
    let asked = serde_json::to_string(queries).unwrap();

    let theirs = python.json(place, "interop_show.py", &[&place.text("mlruns"), &asked]);

    assert_eq!(experiments(place), theirs["experiments"]);
    let runs = theirs["runs"].as_object().unwrap();
    for (id, run) in runs {
        assert_eq!(&our_run(place, &server, id), run, "run {id}");
    }
    for (id, model) in theirs["models"].as_object().unwrap() {
        assert_eq!(&our_model(place, &server, id), model, "model {id}");
    }
    let listed = place.json(&["runs", "list", "--all-experiments", "--view", "all", "-n", "1000"]);
    assert_eq!(listed.as_array().unwrap().len(), runs.len());
    for ((filter, order), want) in queries.iter().zip(theirs["searches"].as_array().unwrap()) {
        assert_eq!(&search(place, filter, order), want, "for {filter:?} by {order:?}");
    }
    theirs
}

fn search(place: &Place, filter: &str, order: &[&str]) -> Value {
    let mut args = vec!["runs", "search", filter, "--all-experiments", "--json", "-n", "1000"];
    order.iter().for_each(|clause| args.extend(["--order-by", clause]));
    let finished = place.run(&args);
    if finished.code != Some(0) {
        assert!(finished.stderr.starts_with("error: filter: "), "{filter}: {finished:?}");
        return Value::Null;
    }
    let found: Vec<Value> = serde_json::from_str(&finished.stdout).unwrap();
    found.iter().map(|run| run["info"]["run_name"].clone()).collect()
}

fn pick(value: &Value, keys: &[&str]) -> Map<String, Value> {
    keys.iter().map(|key| ((*key).to_owned(), value[key].clone())).collect()
}

/// Turns a list of keys and values into an object.
fn object(pairs: &Value) -> Value {
    let pairs = pairs.as_array().cloned().unwrap_or_default();
    let pair = |one: &Value| (text(&one["key"]), one["value"].clone());
    Value::Object(pairs.iter().map(pair).collect())
}

fn experiments(place: &Place) -> Value {
    let all = place.json(&["experiments", "list", "--view", "all"]);
    let entry = |one: &Value| {
        let keys = ["name", "lifecycle_stage", "creation_time", "last_update_time"];
        let mut shown = pick(one, &keys);
        shown.insert("tags".to_owned(), object(&one["tags"]));
        (text(&one["experiment_id"]), Value::Object(shown))
    };
    Value::Object(all.as_array().unwrap().iter().map(entry).collect())
}

const INFO: [&str; 8] = [
    "run_id",
    "run_name",
    "experiment_id",
    "user_id",
    "status",
    "start_time",
    "end_time",
    "lifecycle_stage",
];

fn our_run(place: &Place, server: &Server, id: &str) -> Value {
    let run = place.json(&["runs", "show", id]);
    let metrics = object(&run["data"]["metrics"]);
    let histories: Map<String, Value> = metrics
        .as_object()
        .unwrap()
        .keys()
        .map(|key| (key.clone(), our_history(server, id, key)))
        .collect();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let dataset = |one: &Value| {
        let keys = ["name", "digest", "source_type", "source", "schema", "profile"];
        let mut shown = pick(&one["dataset"], &keys);
        shown.insert("tags".to_owned(), object(&one["tags"]));
        Value::Object(shown)
    };
    let files = place.json(&["artifacts", "list", id, "--recursive"]);
    json!({
        "info": pick(&run["info"], &INFO),
        "params": object(&run["data"]["params"]),
        "tags": object(&run["data"]["tags"]),
        "metrics": metrics,
        "histories": histories,
        "datasets": list(&run["inputs"]["dataset_inputs"]).iter().map(dataset).collect::<Vec<_>>(),
        "models": list(&run["outputs"]["model_outputs"])
            .iter()
            .map(|one| json!([one["model_id"], integer(&one["step"])]))
            .collect::<Vec<_>>(),
        "artifacts": list(&files).iter().map(|f| json!([f["path"], f["file_size"]])).collect::<Vec<_>>(),
    })
}

fn our_history(server: &Server, id: &str, key: &str) -> Value {
    let mut url = reqwest::Url::parse("http://x/api/2.0/mlflow/metrics/get-history").unwrap();
    url.query_pairs_mut().append_pair("run_id", id).append_pair("metric_key", key);
    let answer = server.get_json(&format!("{}?{}", url.path(), url.query().unwrap()));
    let point = |m: &Value| json!([integer(&m["step"]), integer(&m["timestamp"]), m["value"]]);
    answer["metrics"].as_array().unwrap().iter().map(point).collect()
}

fn our_model(place: &Place, server: &Server, id: &str) -> Value {
    let answer = server.get_json(&format!("/api/2.0/mlflow/logged-models/{id}"));
    let info = &answer["model"]["info"];
    let status = text(&info["status"]);
    let files = files_of_model(place, &text(&info["experiment_id"]), id);
    json!({
        "name": info["name"],
        "status": status.trim_start_matches("LOGGED_MODEL_"),
        "params": object(&answer["model"]["data"]["params"]),
        "source_run_id": info["source_run_id"],
        "artifacts": files,
    })
}

fn files_of_model(place: &Place, experiment: &str, id: &str) -> Vec<Value> {
    let folder = place.path("mlruns").join(experiment).join("models").join(id).join("artifacts");
    let size = |name: &str| fs::metadata(folder.join(name)).unwrap().len();
    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    names.iter().map(|name| json!([name, size(name)])).collect()
}

#[test]
fn what_mlflow_writes_mlctl_reads() {
    let Some(python) = Python::with_client() else { return };
    let place = Place::new();
    python.ok(&place, "interop_write.py", &[&place.text("mlruns")]);

    let found = check_same(&place, &python, &queries());

    // The comparison is worth nothing if there was nothing to compare.
    assert_eq!(found["experiments"].as_object().unwrap().len(), 9);
    let searches = found["searches"].as_array().unwrap();
    assert!(searches.iter().filter(|one| one.is_null()).count() == 3);
    assert!(searches.iter().filter(|one| one.as_array().is_some_and(|a| a.len() > 2)).count() > 20);
    let runs = found["runs"].as_object().unwrap();
    assert_eq!(runs.len(), 13);
    let rich = runs.values().find(|run| run["info"]["run_name"] == "rich: 'run'").unwrap();
    assert_eq!(rich["params"]["two lines"], "a\nb\n");
    assert_eq!(rich["metrics"]["nan"], "NaN");
    assert_eq!(rich["histories"]["train/deep/loss"].as_array().unwrap().len(), 6);
    assert_eq!(rich["datasets"].as_array().unwrap().len(), 1);
    assert_eq!(found["models"].as_object().unwrap().len(), 1);
}

#[test]
fn what_is_in_mlflows_trash_comes_back() {
    let Some(python) = Python::with_client() else { return };
    let place = Place::new();
    python.ok(&place, "interop_write.py", &[&place.text("mlruns")]);

    let listed = ["runs", "list", "--experiment-name", "gone"];
    place.ok(&["experiments", "restore", "gone"]);
    let runs = place.json(&listed);
    check_same(&place, &python, &[]);
    place.ok(&["experiments", "delete", "gone"]);

    assert_eq!(runs[0]["info"]["run_name"], "in the trash");
    let view = place.json(&[
        "runs",
        "search",
        "run_name = 'r03'",
        "--experiment-name",
        "plain",
        "--view",
        "deleted",
    ]);
    let deleted = text(&view[0]["info"]["run_id"]);
    place.ok(&["runs", "restore", &deleted]);
    let found = check_same(&place, &python, &[]);
    assert_eq!(found["runs"][&deleted]["info"]["lifecycle_stage"], "active");
}

/// Lets mlctl write all kinds of things; returns the experiment and the run to go on with.
fn write(place: &Place) -> (String, String) {
    let name = "ours: ünï/code";
    let experiment = text(&place.json(&["experiments", "create", name])["experiment_id"]);
    place.copy("examples/quickstart", "quickstart");
    place.project("empty", "true");
    let args = ["quickstart", "-P", "steps=3", "--experiment-name", name];
    let id = place.run_project(&[args.as_slice(), &["--run-name", "ours"]].concat());
    place.write("in/deep/ü.txt", "x\n");
    for args in [
        ["log", "metric", "val/loss", "nan", "--run-id", &id].as_slice(),
        &["log", "metric", "val/loss", "-1e-7", "--step", "-3", "--run-id", &id],
        &["log", "metric", "top", "inf", "--step", "9", "--timestamp", "12", "--run-id", &id],
        &["log", "param", "two lines", "a\nb\n", "--run-id", &id],
        &["log", "param", "yaml", "{a: 'b'}", "--run-id", &id],
        &["log", "param", "empty", "", "--run-id", &id],
        &["log", "tag", "a/b", "ünï\ncode", "--run-id", &id],
        &["log", "artifact", "in", "--path", "p", "--run-id", &id],
        &["experiments", "create", "renamed: [later"],
        &["experiments", "rename", "renamed: [later", "[new]: \"name\""],
        &["experiments", "create", "deleted"],
        &["experiments", "delete", "deleted"],
        &["run", "empty", "--experiment-name", name, "--run-name", "to delete"],
        &["run", "empty", "--run-name", "yes"],
    ] {
        place.ok(args);
    }
    let deleted = place.run_project(&["empty", "--run-name", "deleted"]);
    place.ok(&["runs", "delete", &deleted]);
    place.project("fails", "exit 3");
    assert_eq!(place.run(&["run", "fails"]).code, Some(1));
    (experiment, id)
}

#[test]
fn what_mlctl_writes_mlflow_reads_and_continues() {
    let Some(python) = Python::with_client() else { return };
    let place = Place::new();
    let (experiment, id) = write(&place);
    let store = place.text("mlruns");
    let runs_named = |name: &str| {
        let filter = format!("run_name = '{name}'");
        search(&place, &filter, &[]).as_array().unwrap().len()
    };

    let found = check_same(&place, &python, &queries());
    assert_eq!(found["experiments"].as_object().unwrap().len(), 4);
    assert_eq!(found["runs"].as_object().unwrap().len(), 5);
    assert_eq!(found["runs"][&id]["artifacts"].as_array().unwrap().len(), 4);
    assert_eq!(runs_named("to delete"), 1);

    python.ok(&place, "interop_continue.py", &[&store, &experiment, &id, "first"]);
    // The very next query sees what another program wrote.
    assert_eq!(search(&place, "metrics.loss = 5", &[]), json!(["ours"]));
    assert_eq!(search(&place, "tags.word = 'first'", &[]), json!(["ours"]));
    assert_eq!((runs_named("to delete"), runs_named("first")), (0, 1));
    check_same(&place, &python, &queries());

    python.ok(&place, "interop_continue.py", &[&store, &experiment, &id, "second"]);
    fs::remove_file(place.path("mlruns/.mlctl.db")).unwrap();
    assert_eq!(search(&place, "tags.word = 'second'", &[]), json!(["ours"]));
    assert_eq!(search(&place, "tags.word = 'first'", &[]), json!([]));
    let found = check_same(&place, &python, &queries());
    let history = found["runs"][&id]["histories"]["loss"].as_array().unwrap();
    assert_eq!(history.len(), 5);
}

#[test]
fn a_moved_folder_of_mlflow_still_has_its_artifacts() {
    let Some(python) = Python::with_client() else { return };
    let place = Place::new();
    python.ok(&place, "interop_write.py", &[&place.text("mlruns")]);
    let args = ["runs", "search", "run_name LIKE 'rich%'", "--all-experiments"];
    let id = text(&place.json(&args)[0]["info"]["run_id"]);
    fs::rename(place.path("mlruns"), place.path("moved")).unwrap();

    place.ok(&["artifacts", "get", &id, "notes", "-o", "notes", "--store", "moved"]);
    place.ok(&["log", "tag", "still", "here", "--run-id", &id, "--store", "moved"]);

    assert_eq!(fs::read_to_string(place.path("notes/ü file.txt")).unwrap(), "hello\n");
    let run = place.json(&["runs", "show", &id, "--store", "moved"]);
    assert_eq!(datum_text(&run, "tags", "still"), Some("here"));
    assert!(!place.path("mlruns").exists());
}
