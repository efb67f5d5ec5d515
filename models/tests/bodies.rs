//! Bodies of every form for models of Python code, answered as MLflow's scoring server answers
//! them: `fixtures/bodies.json` has its answers.

#![cfg(feature = "rest")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use mlctl_models::python::Worker;
use mlctl_models::{Model, read_info, rest};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread;

mod http;

/// A body, and what MLflow answers to it.
#[derive(Debug, Deserialize)]
struct Case {
    model: String,
    #[serde(rename = "type")]
    content_type: String,
    body: String,
    /// `refused here` where MLflow changes a value without a word.
    note: Vec<String>,
    status: u16,
    #[serde(default)]
    answer: Value,
}

impl Case {
    /// Says where the answer differs from MLflow's.
    fn difference(&self, router: axum::Router) -> Option<String> {
        let (status, text) = http::post(router, &self.content_type, &self.body);
        let answer: Value = serde_json::from_str(&text).unwrap();
        let want = if self.note.is_empty() { self.status } else { 400 };
        let is_same = status == want && (status != 200 || answer == self.answer);
        let told = || {
            let Self { model, body, answer, .. } = self;
            format!("{model}: {body}\n  MLflow: {want} {answer}\n  here:   {status} {text}")
        };
        (!is_same).then(told)
    }
}

fn router(python: &Path, folder: &Path) -> axum::Router {
    let python = python.to_owned();
    let worker = Worker::start(Box::new(move || Command::new(&python)), folder).unwrap();
    rest::router(Arc::new(Model::new(read_info(folder).unwrap(), Box::new(worker))))
}

#[test]
fn every_body_is_answered_as_mlflow_answers_it() {
    let cache = mlctl_test_python::cache(env!("CARGO_TARGET_TMPDIR"));
    let Some(python) = mlctl_test_python::zoo(&cache) else { return };
    let place = tempfile::tempdir().unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let script = fixtures.join("bodies.py");
    mlctl_test_python::succeed(Command::new(&python).arg(script).arg("save").arg(place.path()));
    let text = std::fs::read_to_string(fixtures.join("bodies.json")).unwrap();
    let cases: Vec<Case> = serde_json::from_str(&text).unwrap();
    let mut models: BTreeMap<&str, Vec<&Case>> = BTreeMap::new();
    for case in &cases {
        models.entry(&case.model).or_default().push(case);
    }

    let differences: Vec<String> = thread::scope(|scope| {
        let asked = models.into_iter().map(|(name, cases)| {
            let (python, folder): (&Path, PathBuf) = (&python, place.path().join(name));
            scope.spawn(move || {
                let router = router(python, &folder);
                let differ = |case: &Case| case.difference(router.clone());
                cases.into_iter().filter_map(differ).collect::<Vec<_>>()
            })
        });
        let asked: Vec<_> = asked.collect();
        asked.into_iter().flat_map(|one| one.join().unwrap()).collect()
    });

    assert!(cases.len() > 300);
    assert!(differences.is_empty(), "{}\n{}", differences.join("\n"), differences.len());
}
