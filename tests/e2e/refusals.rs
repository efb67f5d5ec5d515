//! What MLflow's server refuses, and how: status, code and the words that its message begins with.
//!
//! `tests/python/refusals.json` holds requests of every classic endpoint and what MLflow 3.17.2
//! answers to them. `differential.rs` asks MLflow itself whether that is still so; here it is asked
//! of mlctl, on a database and on folders.

use crate::harness::{Place, REPOSITORY};
use crate::http::{Server, answer, http};
use reqwest::blocking::Client;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;

/// The names of a sequence, such as `e0`, with the ids that this server made for them.
type Names = BTreeMap<String, String>;

/// Puts ids in the place of `{e0}`, and a long text in that of `<x*501>`.
fn fill(text: &str, names: &Names) -> String {
    let mut filled = text.to_owned();
    for (name, id) in names {
        filled = filled.replace(&format!("{{{name}}}"), id);
    }
    let mut whole = String::new();
    let mut rest = filled.as_str();
    while let Some((before, after)) = rest.split_once('<') {
        whole.push_str(before);
        let found = after.split_once('>').and_then(|(inside, after)| {
            let (letter, count) = inside.split_once('*')?;
            Some((letter.repeat(count.parse().ok()?), after))
        });
        match found {
            Some((long, after)) => {
                whole.push_str(&long);
                rest = after;
            }
            None => {
                whole.push('<');
                rest = after;
            }
        }
    }
    whole + rest
}

/// The body of a request; a list that `repeat` names has its first entry so many times.
fn body(request: &Value, names: &Names) -> String {
    if let Some(raw) = request["raw"].as_str() {
        return fill(raw, names);
    }
    let mut body = request["body"].clone();
    for (list, count) in request["repeat"].as_object().into_iter().flatten() {
        let first = body[list][0].clone();
        body[list] = vec![first; count.as_u64().unwrap() as usize].into();
    }
    fill(&body.to_string(), names)
}

fn send(http: &Client, server: &Server, request: &Value, names: &Names) -> (u16, Value) {
    let text = |key: &str| request[key].as_str();
    let path = fill(text("path").unwrap(), names);
    let prefix = text("prefix").unwrap_or("/api/2.0/mlflow/");
    let url = format!("{}{prefix}{path}", server.url);
    let mut pairs = Vec::new();
    for (key, value) in request["query"].as_object().into_iter().flatten() {
        for one in value.as_array().unwrap_or(&vec![value.clone()]) {
            let plain = one.as_str().map_or_else(|| one.to_string(), str::to_owned);
            pairs.push((key.clone(), fill(&plain, names)));
        }
    }
    let method = text("method").unwrap();
    let mut call = http.request(method.parse().unwrap(), url).query(&pairs);
    if method != "GET" {
        let kind = text("type").unwrap_or("application/json");
        call = call.header("content-type", kind).body(body(request, names));
    }
    let (status, text) = answer(call);
    (status, serde_json::from_str(&text).unwrap_or_else(|_| text.into()))
}

/// Notes the id of what was made.
fn learn(request: &Value, answer: &Value, names: &mut Names) {
    let Some(name) = request["bind"].as_str() else { return };
    let places = ["/experiment_id", "/run/info/run_id", "/model/info/model_id"];
    let id = places.iter().find_map(|place| answer.pointer(place)).unwrap();
    names.insert(name.to_owned(), id.as_str().unwrap().to_owned());
}

#[track_caller]
fn check(store: &str, is_database: bool) {
    let place = Place::new();
    let args = ["server", "--port", "0", "--backend-store-uri", store];
    let server = Server::launch(&place, &mut place.command(&args));
    let path = format!("{REPOSITORY}/tests/python/refusals.json");
    let cases: Vec<Value> = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let (http, mut lost) = (http(), Vec::new());
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let mut names = Names::from([("label".to_owned(), name.to_owned())]);
        for request in case["requests"].as_array().unwrap() {
            if request["only"] == "database" && !is_database {
                continue;
            }
            let (status, answer) = send(&http, &server, request, &names);
            let Some(says) = request["says"].as_str() else {
                assert_eq!(status, 200, "{request}: {answer}");
                learn(request, &answer, &mut names);
                continue;
            };
            let is_same = u64::from(status) == request["status"]
                && answer["error_code"] == request["code"]
                && answer["message"].as_str().unwrap_or_default().starts_with(&fill(says, &names));
            if !is_same {
                lost.push(format!("{request}\n  got {status} {answer}"));
            }
        }
    }
    assert!(lost.is_empty(), "{} refusals differ:\n{}", lost.len(), lost.join("\n"));
}

#[test]
fn a_database_refuses_in_mlflows_words() {
    check("sqlite:///mlflow.db", true);
}

#[test]
fn folders_refuse_in_mlflows_words() {
    check("./mlruns", false);
}
