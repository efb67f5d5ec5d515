//! Answers of the REST API, tables and error messages are those in `tests/e2e/snapshots`.
//!
//! Help texts are not here: `docs/reference/cli.md` has them all, and a test of mlctl compares it.
//! `just reference` records the answers anew.

use crate::harness::{Place, REPOSITORY};
use crate::http::{Server, answer, http};
use regex::Regex;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A request below `/api/2.0/mlflow`: the method, the path and the body.
type Request = (&'static str, &'static str, &'static str);

const EXPERIMENTS: [Request; 10] = [
    ("POST", "experiments/create", r#"{"name": "churn", "tags": [{"key": "team", "value": "a"}]}"#),
    ("POST", "experiments/create", r#"{"name": "churn"}"#),
    ("POST", "experiments/create", "{}"),
    ("GET", "experiments/get?experiment_id=<experiment>", ""),
    ("GET", "experiments/get-by-name?experiment_name=churn", ""),
    ("GET", "experiments/get?experiment_id=7", ""),
    ("POST", "experiments/search", r#"{"max_results": 5, "filter": "name LIKE 'ch%'"}"#),
    ("POST", "experiments/search", r#"{"max_results": 5, "filter": "name ~ 'ch%'"}"#),
    ("POST", "experiments/delete", r#"{"experiment_id": "<experiment>"}"#),
    ("POST", "experiments/restore", r#"{"experiment_id": "<experiment>"}"#),
];

const RUNS: [Request; 14] = [
    (
        "POST",
        "runs/create",
        r#"{"experiment_id": "<experiment>", "run_name": "first", "start_time": 1}"#,
    ),
    ("POST", "runs/log-parameter", r#"{"run_id": "<run>", "key": "alpha", "value": "0.5"}"#),
    ("POST", "runs/log-parameter", r#"{"run_id": "<run>", "key": "alpha", "value": "0.6"}"#),
    (
        "POST",
        "runs/log-metric",
        r#"{"run_id": "<run>", "key": "loss", "value": 0.25, "timestamp": 2, "step": 1}"#,
    ),
    (
        "POST",
        "runs/log-metric",
        r#"{"run_id": "<run>", "key": "loss", "value": "much", "timestamp": 2}"#,
    ),
    ("POST", "runs/set-tag", r#"{"run_id": "<run>", "key": "kind", "value": "nightly"}"#),
    ("GET", "runs/get?run_id=<run>", ""),
    ("GET", "runs/get?run_id=ffffffffffffffffffffffffffffffff", ""),
    ("GET", "metrics/get-history?run_id=<run>&metric_key=loss", ""),
    (
        "POST",
        "runs/search",
        r#"{"experiment_ids": ["<experiment>"], "filter": "metrics.loss < 1"}"#,
    ),
    ("POST", "runs/search", r#"{"experiment_ids": ["<experiment>"], "filter": "metrics.loss <"}"#),
    ("POST", "runs/update", r#"{"run_id": "<run>", "status": "FINISHED", "end_time": 3}"#),
    ("POST", "runs/delete", r#"{"run_id": "<run>"}"#),
    ("POST", "runs/restore", r#"{"run_id": "<run>"}"#),
];

const LOGGED_MODELS: [Request; 5] = [
    ("POST", "logged-models", r#"{"experiment_id": "<experiment>", "name": "forest"}"#),
    (
        "PATCH",
        "logged-models/<model>",
        r#"{"model_id": "<model>", "status": "LOGGED_MODEL_READY"}"#,
    ),
    ("GET", "logged-models/<model>", ""),
    ("POST", "logged-models/search", r#"{"experiment_ids": ["<experiment>"]}"#),
    ("GET", "logged-models/m-0", ""),
];

const REGISTRY: [Request; 10] = [
    ("POST", "registered-models/create", r#"{"name": "fraud", "description": "who cheats"}"#),
    ("POST", "registered-models/create", r#"{"name": "fraud"}"#),
    ("POST", "model-versions/create", r#"{"name": "fraud", "source": "s3://models/fraud"}"#),
    (
        "POST",
        "registered-models/alias",
        r#"{"name": "fraud", "alias": "champion", "version": "1"}"#,
    ),
    ("GET", "registered-models/alias?name=fraud&alias=champion", ""),
    (
        "POST",
        "model-versions/transition-stage",
        r#"{"name": "fraud", "version": "1", "stage": "Production"}"#,
    ),
    ("GET", "registered-models/get?name=fraud", ""),
    ("GET", "model-versions/get?name=fraud&version=7", ""),
    ("GET", "model-versions/search?filter=name%3D%27fraud%27", ""),
    ("GET", "registered-models/get?name=nothing", ""),
];

/// Commands whose tables, and refusals, people see.
const COMMANDS: [&[&str]; 8] = [
    &["experiments", "list"],
    &["runs", "list", "--experiment", "churn"],
    &["runs", "show", "ffffffffffffffffffffffffffffffff"],
    &["experiments", "rename", "chrun", "churn2"],
    &["registry", "list"],
    &["registry", "show", "fraud"],
    &["registry", "show", "nothing"],
    &["log", "metric", "loss", "0.5"],
];

/// Requests in turn, whose answers name what later ones are about.
struct Session<'a> {
    place: &'a Place,
    server: Server,
    /// Identifiers, and what stands for them.
    names: Vec<(&'static str, String)>,
}

impl Session<'_> {
    /// Renders requests and their answers.
    fn ask(&mut self, requests: &[Request]) -> String {
        let mut page = String::new();
        for (method, path, body) in requests {
            let url = format!("{}/api/2.0/mlflow/{}", self.server.url, self.with_ids(path));
            let request = http().request(method.parse().unwrap(), url);
            let request = match *body {
                "" => request,
                body => {
                    request.header("Content-Type", "application/json").body(self.with_ids(body))
                }
            };
            let (status, text) = answer(request);
            let shown = match serde_json::from_str::<Value>(&text) {
                Ok(json) => {
                    self.learn(&json);
                    serde_json::to_string_pretty(&json).unwrap()
                }
                Err(_) => text,
            };
            let body = if body.is_empty() { String::new() } else { format!("{body}\n") };
            page += &format!("{method} {path}\n{body}{status}\n{}\n\n", self.without_ids(&shown));
        }
        page
    }

    /// Renders commands and what they print.
    fn run(&self, commands: &[&[&str]]) -> String {
        let mut page = String::new();
        for args in commands {
            let finished = self.place.run(args);
            let printed = self.without_ids(&(finished.stdout + &finished.stderr));
            let code = finished.code.unwrap();
            page += &format!("$ mlctl {}\n{printed}exit code {code}\n\n", args.join(" "));
        }
        page
    }

    /// Notes the identifiers in an answer.
    fn learn(&mut self, answer: &Value) {
        let places = [
            ("<experiment>", &answer["experiment_id"]),
            ("<run>", &answer["run"]["info"]["run_id"]),
            ("<model>", &answer["model"]["info"]["model_id"]),
        ];
        for (name, value) in places {
            if let Some(id) = value.as_str()
                && !self.names.iter().any(|(known, _)| *known == name)
            {
                self.names.push((name, id.to_owned()));
            }
        }
    }

    fn with_ids(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (name, id)| text.replace(name, id))
    }

    /// Replaces what differs from one time to the next.
    fn without_ids(&self, text: &str) -> String {
        let text = text.replace(&self.place.text(""), "/W");
        let text = self.names.iter().fold(text, |text, (name, id)| text.replace(id, name));
        let time = Regex::new(r"\b1[5-9]\d{11}\b|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d").unwrap();
        time.replace_all(&text, "<time>").into_owned()
    }
}

#[test]
fn answers_tables_and_refusals_are_as_recorded() {
    let place = Place::new();
    let server = Server::start(&place);
    let mut session = Session { place: &place, server, names: Vec::new() };

    let pages = BTreeMap::from([
        ("experiments.txt", session.ask(&EXPERIMENTS)),
        ("runs.txt", session.ask(&RUNS)),
        ("logged_models.txt", session.ask(&LOGGED_MODELS)),
        ("registry.txt", session.ask(&REGISTRY)),
        ("commands.txt", session.run(&COMMANDS)),
    ]);

    let folder = Path::new(REPOSITORY).join("tests/e2e/snapshots");
    if std::env::var_os("MLCTL_WRITE_REFERENCE").is_some() {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        pages.iter().for_each(|(name, page)| fs::write(folder.join(name), page).unwrap());
    }
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name());
    let files: BTreeSet<String> = files.map(|name| name.into_string().unwrap()).collect();
    let names: BTreeSet<String> = pages.keys().map(|&name| name.to_owned()).collect();
    assert_eq!(files, names, "files of tests/e2e/snapshots, and those that this test writes");
    for (name, page) in &pages {
        let recorded = fs::read_to_string(folder.join(name)).unwrap();
        let first = recorded.lines().zip(page.lines()).find(|(old, new)| old != new);
        assert!(
            recorded == *page,
            "tests/e2e/snapshots/{name} differs: run `just reference`, and review the changes. \
             The first difference (recorded, now): {first:?}"
        );
    }
}
