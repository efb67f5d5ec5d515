//! MLflow's scoring server and ours get the same requests and must answer alike; Triton's own
//! client speaks to ours.

use crate::harness::{Place, REPOSITORY};
use crate::http::{Server, answer, http};
use crate::python::{Python, cache};
use crate::running::Running;
use serde_json::{Value, json};
use std::env;
use std::fs;
use std::path::Path;

const JSON: &str = "application/json";
const CSV: &str = "text/csv";
const PARQUET: &str = "application/vnd.apache.parquet";

/// Models that tell what reaches them: ours let Python score, after our own checks.
const TOLD: [&str; 9] =
    ["boolean", "integer", "long", "float", "double", "string", "columns", "tensor", "tensors"];

/// Models of graphs, which run without Python here.
const GRAPHS: [&str; 3] = ["elasticnet", "mlp", "several"];

/// What is answered otherwise on purpose; `docs/differences.md` has them too.
const DIFFERENCES: [(&str, Known); 2] = [
    ("MLflow changes a value that does not fit without a word", |model, ours, theirs| {
        ["boolean", "integer", "long", "float"].contains(&model) && (ours, theirs) == (400, 200)
    }),
    ("MLflow does not bring named tensors into the types of a graph", |model, ours, theirs| {
        model == "several" && (ours, theirs) == (200, 400)
    }),
];

/// Tells whether a model and the two statuses are of a kind of difference.
type Known = fn(&str, u16, u16) -> bool;

struct Case {
    model: &'static str,
    content_type: &'static str,
    body: Vec<u8>,
}

fn case(model: &'static str, content_type: &'static str, body: &str) -> Case {
    Case { model, content_type, body: body.into() }
}

/// Each cast of a cell to each type, by rows and by columns.
fn casts() -> Vec<Case> {
    const CELLS: [&str; 16] = [
        "true",
        "0",
        "1",
        "-1",
        "1.5",
        "2.0",
        "2147483647",
        "2147483648",
        "-2147483649",
        "9007199254740993",
        "1e300",
        "0.1",
        r#""a""#,
        r#""1""#,
        "null",
        r#""""#,
    ];
    let mut cases = Vec::new();
    for kind in &TOLD[..6] {
        for cell in CELLS {
            for body in [
                format!(r#"{{"dataframe_records": [{{"c": {cell}}}]}}"#),
                format!(r#"{{"inputs": {{"c": [{cell}]}}}}"#),
            ] {
                cases.push(case(kind, JSON, &body));
            }
        }
    }
    cases
}

fn forms() -> Vec<Case> {
    let columns = |body| case("columns", JSON, body);
    vec![
        columns(r#"{"dataframe_split": {"columns": ["n", "x"], "data": [[1, 0.5], [2, 1.5]]}}"#),
        columns(
            r#"{"dataframe_split": {"columns": ["n", "x"], "index": [5], "data": [[1, 0.5]]}}"#,
        ),
        columns(r#"{"dataframe_split": {"columns": ["x", "n", "s"], "data": [[0.5, 1, "a"]]}}"#),
        columns(r#"{"dataframe_split": {"columns": ["n", "x"], "data": [[1]]}}"#),
        columns(r#"{"dataframe_split": [[1]]}"#),
        columns(r#"{"dataframe_records": [{"n": 1, "x": 0.5}, {"x": 1.5, "n": 2}]}"#),
        columns(r#"{"dataframe_records": [{"n": 1, "x": 0.5, "s": "a", "more": 7}]}"#),
        columns(r#"{"dataframe_records": [{"n": 1}]}"#),
        columns(r#"{"dataframe_records": [{"s": "a", "more": 1}]}"#),
        columns(r#"{"dataframe_records": {"n": 1, "x": 0.5}}"#),
        columns(r#"{"instances": [{"n": 1, "x": 0.5}, {"n": 2, "x": 1.5}]}"#),
        columns(r#"{"instances": [{"n": 1, "x": 0.5}, {"n": 2}]}"#),
        columns(r#"{"inputs": {"n": [1, 2], "x": [0.5, 1.5]}}"#),
        columns(r#"{"inputs": [{"n": 1, "x": 0.5}]}"#),
        columns(r#"{"dataframe_records": [{"n": 1, "x": 0.5}], "params": {"top": 7, "other": 1}}"#),
        columns(r#"{"dataframe_records": [{"n": 1, "x": 0.5}], "params": {"share": 1}}"#),
        columns(r#"{"dataframe_records": [{"n": 1, "x": 0.5}], "params": {"top": 1.5}}"#),
        columns(r#"{"dataframe_records": [{"n": 1, "x": 0.5}], "params": {"top": "a"}}"#),
        columns("{}"),
        columns(r#"{"data": [[1]]}"#),
        columns(r#"{"inputs": [[1, 2]], "instances": [[1, 2]]}"#),
        columns("[[1, 2]]"),
        columns("1"),
        columns(r#"{"inputs": "#),
        columns(""),
        case("columns", CSV, "n,x\n1,0.5\n2,1.5\n"),
        case("columns", CSV, "s,x,n,more\na,0.5,1,7\n"),
        case("columns", CSV, "n\n1\n"),
        case("columns", CSV, "n,x\na,0.5\n"),
        case("columns", "text/csv; charset=utf-8", "n,x\n1,0.5\n"),
        case("columns", "text/csv; charset=latin-1", "n,x\n1,0.5\n"),
        case("columns", "application/json; charset=utf-8", r#"{"inputs": {"n": [1], "x": [0.5]}}"#),
        case("columns", "text/csv; header=present", "n,x\n1,0.5\n"),
        case("columns", "text/plain", "n,x\n1,0.5\n"),
        case("columns", "application/x-www-form-urlencoded", "n=1"),
        case("columns", PARQUET, "no such file"),
    ]
}

fn arrays() -> Vec<Case> {
    vec![
        case("tensor", JSON, r#"{"inputs": [[1.5, 2], [3, 4]]}"#),
        case("tensor", JSON, r#"{"instances": [[1.5, 2]]}"#),
        case("tensor", JSON, r#"{"inputs": [[1.5, 2, 3]]}"#),
        case("tensor", JSON, r#"{"inputs": [1.5, 2]}"#),
        case("tensor", JSON, r#"{"inputs": [[[1.5, 2]]]}"#),
        case("tensor", JSON, r#"{"inputs": {"a": [[1.5, 2]]}}"#),
        case("tensor", JSON, r#"{"inputs": [[1.5], [2, 3]]}"#),
        case("tensor", JSON, r#"{"inputs": [["a", "b"]]}"#),
        case("tensors", JSON, r#"{"inputs": {"a": [[1, 2], [3, 4]], "b": [0.5, 1.5]}}"#),
        case(
            "tensors",
            JSON,
            r#"{"instances": [{"a": [1, 2], "b": 0.5}, {"a": [3, 4], "b": 1.5}]}"#,
        ),
        case("tensors", JSON, r#"{"inputs": {"a": [[1, 2]]}}"#),
        case("tensors", JSON, r#"{"inputs": {"a": [[1, 2, 3]], "b": [0.5]}}"#),
        case("tensors", JSON, r#"{"inputs": {"a": [[1, 2]], "b": [[0.5]]}}"#),
        case("tensors", JSON, r#"{"inputs": {"a": [[1, 2]], "b": [0.5], "c": [1]}}"#),
        case("mlp", JSON, r#"{"inputs": [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0.5]]}"#),
        case("mlp", JSON, r#"{"inputs": [[0, 0]]}"#),
        case("several", JSON, r#"{"dataframe_records": [{"age": 2.5, "visits": 3}]}"#),
        case("several", JSON, r#"{"inputs": {"visits": [3], "age": [2.5]}}"#),
        case("several", JSON, r#"{"dataframe_records": [{"age": 2.5}]}"#),
        case("elasticnet", CSV, "age,sex,bmi,bp,s1,s2,s3,s4,s5,s6\n0,0,0,0,0,0,0,0,0,0.5\n"),
        case("elasticnet", CSV, "age,sex\n0,0\n"),
    ]
}

/// Compares JSON; numbers may differ by what 32-bit arithmetic in another order costs.
fn is_close(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(ours), Value::Number(theirs)) => {
            (ours.as_f64().unwrap() - theirs.as_f64().unwrap()).abs() < 1e-4
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| is_close(a, b))
        }
        (Value::Object(ours), Value::Object(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().all(|(key, a)| theirs.get(key).is_some_and(|b| is_close(a, b)))
        }
        _ => ours == theirs,
    }
}

#[test]
fn requests_are_scored_as_mlflow_scores_them() {
    let Some(python) = mlctl_test_python::zoo(&cache()) else { return };
    let place = Place::new();
    let script = |name: &str| {
        let mut command = place.program(&python);
        command.arg(Path::new(REPOSITORY).join("tests/python").join(name)).arg(".");
        command
    };
    mlctl_test_python::succeed(&mut script("scoring_models.py"));
    for name in GRAPHS {
        place.copy(&format!("models/tests/fixtures/{name}"), name);
    }
    let mut oracle = Running::start(&place, script("scoring_oracle.py").args(TOLD).args(GRAPHS));
    let graphs = [&["models", "serve", "--port", "0"][..], &GRAPHS].concat();
    let graphs = Server::launch(&place, &mut place.command(&graphs));
    let told = ["models", "serve", "--port", "0", "--python", "--env-manager", "local"];
    let mut told = place.command(&[&told[..], &TOLD].concat());
    let programs = [python.parent().unwrap().to_owned()];
    let path = env::var_os("PATH").unwrap();
    let path = env::join_paths(programs.into_iter().chain(env::split_paths(&path))).unwrap();
    let told = Server::launch(&place, told.env("PATH", path));
    let theirs = oracle.line();
    let server = |model: &str| if GRAPHS.contains(&model) { &graphs } else { &told };

    let mut cases = [casts(), forms(), arrays()].into_iter().flatten().collect::<Vec<_>>();
    let rows = fs::read(place.path("rows.parquet")).unwrap();
    cases.push(Case { body: rows, ..case("columns", PARQUET, "rows.parquet") });
    let client = http();
    let mut wrong = Vec::new();
    let mut met = [0; DIFFERENCES.len()];
    for case in &cases {
        let Case { model, content_type, body } = case;
        let ask = |url: String| {
            let request = client.post(url).header("content-type", *content_type);
            let (status, text) = answer(request.body(body.clone()));
            let told: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
            (status, told["predictions"].clone(), text)
        };
        let ours = ask(format!("{}/models/{model}/invocations", server(model).url));
        let theirs = ask(format!("{theirs}/{model}/invocations"));
        if ours.0 == theirs.0 && is_close(&ours.1, &theirs.1) {
            continue;
        }
        match DIFFERENCES.iter().position(|(_, is_known)| is_known(model, ours.0, theirs.0)) {
            Some(at) => met[at] += 1,
            None => wrong.push(format!(
                "{model} {content_type} {}\n  ours   {} {}\n  theirs {} {}",
                String::from_utf8_lossy(body),
                ours.0,
                ours.2,
                theirs.0,
                theirs.2
            )),
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));

    for ((what, _), met) in DIFFERENCES.iter().zip(met) {
        assert!(met > 0, "no longer: {what}");
    }
    for path in ["/ping", "/health"] {
        let theirs = answer(client.get(format!("{theirs}/columns{path}")));
        assert_eq!(told.get(path), theirs, "{path}");
    }
    let (status, version) = answer(client.get(format!("{theirs}/columns/version")));
    assert_eq!((status, told.get("/version").0), (200, 200), "{version}");
}

#[test]
fn tritons_client_asks_loads_and_unloads() {
    let Some(python) = Python::with_triton() else { return };
    let place = Place::new();
    place.copy("models/tests/fixtures/elasticnet", "net");
    let args = ["models", "serve", "--port", "0", "--allow-repository-control", "net"];
    let server = Server::launch(&place, &mut place.command(&args));
    let address = server.url.strip_prefix("http://").unwrap();

    // It fails, and says where, when something is not as Triton's client has it.
    python.ok(&place, "triton.py", &[address, "net"]);

    assert_eq!(server.post_json("/v2/repository/index", &json!({}))[0]["state"], "READY");
}
