//! What MLflow and scikit-learn say about the models in `fixtures/`, and what we say.
//!
//! `fixtures/make.py` recorded the other side.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use mlctl_models::signature::Schema;
use mlctl_models::{Input, Tensor, Values, load, payload, rest};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;

mod http;

#[derive(Deserialize)]
struct Recorded {
    model: String,
    #[serde(rename = "type")]
    content_type: String,
    body: String,
    status: u16,
    answer: Value,
}

#[derive(Deserialize)]
struct Expected {
    rows: Vec<Vec<f64>>,
    predictions: Vec<Value>,
    probabilities: Option<Vec<Value>>,
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> T {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn recorded() -> Vec<Recorded> {
    read(&fixture("answers.json"))
}

/// Compares JSON; numbers may differ by what 32-bit arithmetic in another order costs.
#[track_caller]
fn assert_close(got: &Value, want: &Value, context: &str) {
    match (got, want) {
        (Value::Number(got), Value::Number(want)) => {
            let (got, want) = (got.as_f64().unwrap(), want.as_f64().unwrap());
            assert!((got - want).abs() < 1e-4, "{got} for {want}: {context}");
        }
        (Value::Array(got), Value::Array(want)) => {
            assert_eq!(got.len(), want.len(), "{context}");
            got.iter().zip(want).for_each(|(got, want)| assert_close(got, want, context));
        }
        (Value::Object(got), Value::Object(want)) => {
            assert!(got.keys().eq(want.keys()), "{got:?} for {want:?}: {context}");
            got.iter().for_each(|(key, got)| assert_close(got, &want[key], context));
        }
        _ => assert_eq!(got, want, "{context}"),
    }
}

#[test]
fn requests_are_answered_as_mlflow_answers_them() {
    let mut compared = 0;
    for case in recorded().iter().filter(|case| !case.model.starts_with("column:")) {
        let router = rest::router(Arc::new(load(&fixture(&case.model)).unwrap()));

        let (status, text) = http::post(router, &case.content_type, &case.body);

        let context = format!("{}: {} {}\n{text}", case.model, case.content_type, case.body);
        assert_eq!(status, case.status, "{context}");
        match status {
            200 => assert_close(&serde_json::from_str(&text).unwrap(), &case.answer, &context),
            400 => {
                let got: Value = serde_json::from_str(&text).unwrap();
                assert_eq!(got["error_code"], case.answer["error_code"], "{context}");
                assert!(got["message"].as_str().is_some_and(|text| text.len() > 10), "{context}");
            }
            _ => {}
        }
        compared += 1;
    }
    assert!(compared > 40, "{compared}");
}

#[test]
fn values_take_the_types_that_mlflow_gives_them() {
    let mut stricter = Vec::new();
    for case in recorded() {
        let Some(column) = case.model.strip_prefix("column:") else { continue };
        let schema: Schema =
            serde_json::from_value(json!([{"type": column, "name": column}])).unwrap();

        let got = payload::from_json(case.body.as_bytes(), Some(&schema))
            .and_then(|input| Ok(schema.enforce(input)?));

        match got {
            Ok(Input::Table(table)) => {
                assert_eq!(case.status, 200, "{}", case.body);
                let name = table.columns()[0].1.values().data_type().numpy_name();
                let want = case.answer["predictions"][column].as_str().unwrap();
                // pandas leaves mixed text as it is: that is text to us.
                assert_eq!(name, want.replace("object", "str"), "{}", case.body);
            }
            Ok(other) => panic!("{other:?} for {}", case.body),
            Err(_) if case.status == 400 => {}
            Err(_) => stricter.push(case.body),
        }
    }
    // Where MLflow changes a value without a word.
    let changed = |body: &str| {
        let is = |columns: &[&str], cells: &[&str]| {
            columns.iter().any(|column| body.contains(&format!("\"{column}\"")))
                && cells.iter().any(|cell| {
                    body.contains(&format!(": {cell}}}")) || body.contains(&format!(": [{cell}]"))
                })
        };
        is(&["boolean"], &["1.5", "\"1\"", "\"x\"", "null"])
            || is(&["integer", "long"], &["1.5", "9223372036854775808", "1e+300"])
            || is(&["integer"], &["2147483648", "9007199254740993"])
            || is(&["float"], &["1e+300"])
    };
    assert!(stricter.iter().all(|body| changed(body)), "{stricter:#?}");
    assert!(stricter.len() > 10, "{stricter:#?}");
}

#[track_caller]
fn check_against_sklearn(name: &str) {
    let expected: Expected = read(&fixture(name).join("expected.json"));
    let model = load(&fixture(name)).unwrap();
    let names: Vec<String> = match model.input_schema().map(Schema::names) {
        Some(names) if !names.is_empty() => names.into_iter().map(str::to_owned).collect(),
        _ => (0..expected.rows[0].len()).map(|at| format!("x{at}")).collect(),
    };
    let body = json!({ "dataframe_split": { "columns": names, "data": expected.rows } });

    let input = payload::from_json(body.to_string().as_bytes(), model.input_schema()).unwrap();
    let answer: Value =
        serde_json::from_str(&payload::to_json(&model.predict(input).unwrap())).unwrap();

    let rows = answer["predictions"].as_array().unwrap();
    let one = |row: &Value, output: &str| row[output].clone();
    let got = |output: &str| Value::from_iter(rows.iter().map(|row| one(row, output)));
    if name == "linear_svc" {
        assert_close(&got("label"), &Value::from(expected.predictions), name);
    } else if let Some(probabilities) = expected.probabilities {
        assert_close(&got("label"), &Value::from(expected.predictions), name);
        assert_close(&got("probabilities"), &Value::from(probabilities), name);
    } else {
        assert_close(&got("variable"), &Value::from(expected.predictions), name);
    }
}

#[test]
fn predictions_equal_those_of_scikit_learn() {
    for name in
        ["elasticnet", "double", "targets", "logistic", "multinomial", "scaled", "linear_svc"]
    {
        check_against_sklearn(name);
    }
}

#[test]
fn a_network_with_a_tensor_signature_equals_scikit_learn() {
    let expected: Expected = read(&fixture("mlp").join("expected.json"));
    let model = load(&fixture("mlp")).unwrap();
    let body = json!({ "inputs": expected.rows }).to_string();

    let input = payload::from_json(body.as_bytes(), model.input_schema()).unwrap();
    let answer: Value =
        serde_json::from_str(&payload::to_json(&model.predict(input).unwrap())).unwrap();

    let want = expected.predictions.into_iter().map(|value| json!([value]));
    assert_close(&answer["predictions"]["variable"], &want.collect(), "mlp");
}

#[test]
fn one_plan_serves_batches_of_any_size_from_many_threads() {
    let model = load(&fixture("mlp")).unwrap();
    let batch = |rows: usize| {
        let values = (0..rows * 10).map(|at| (at % 10) as f32 / 100.0).collect();
        Input::Tensor(Tensor::new(vec![rows, 10], Values::Float(values)).unwrap())
    };

    std::thread::scope(|scope| {
        for rows in [0, 1, 7, 64, 1000] {
            let model = &model;
            scope.spawn(move || {
                let answer = model.predict(batch(rows)).unwrap();
                assert_eq!(answer.tensors()[0].1.shape(), [rows, 1]);
                let Values::Float(list) = answer.tensors()[0].1.values() else {
                    panic!("no floats")
                };
                assert!(list.iter().all(|value| (value - list[0]).abs() < 1e-4));
            });
        }
    });
}

#[test]
fn a_graph_with_several_inputs_is_fed_by_name() {
    let model = load(&fixture("several")).unwrap();
    let body = br#"{"dataframe_records": [{"visits": 3, "age": 2.5}, {"visits": 0, "age": 1}]}"#;

    let input = payload::from_json(body, model.input_schema()).unwrap();
    let answer = model.predict(input).unwrap();

    assert_eq!(payload::to_json(&answer), r#"{"predictions":[{"score":8.0},{"score":2.0}]}"#);
}

#[test]
fn weights_in_a_file_of_their_own_are_found() {
    let model = load(&fixture("external")).unwrap();

    let input = payload::from_json(br#"{"inputs": [[1, 2, 3, 4]]}"#, None).unwrap();
    let answer = model.predict(input).unwrap();

    assert_eq!(answer.tensors()[0].1.values(), &Values::Float(vec![10.0; 128]));
}

#[test]
fn maps_of_probabilities_are_objects_by_class() {
    let expected: Expected = read(&fixture("forest").join("expected.json"));
    let model = load(&fixture("forest")).unwrap();
    let names: Vec<String> = (0..10).map(|at| format!("x{at}")).collect();
    let body = json!({ "dataframe_split": { "columns": names, "data": expected.rows } });

    let input = payload::from_json(body.to_string().as_bytes(), None).unwrap();
    let answer: Value =
        serde_json::from_str(&payload::to_json(&model.predict(input).unwrap())).unwrap();

    let odds = expected.probabilities.unwrap();
    let want = expected.predictions.iter().zip(&odds).map(|(label, odds)| {
        json!({"output_label": label, "output_probability": {"0": odds[0], "1": odds[1]}})
    });
    assert_close(&answer["predictions"], &want.collect(), "forest");
}

#[test]
fn graphs_that_would_answer_wrongly_are_refused_by_their_operators() {
    let error = load(&fixture("stranger")).unwrap_err().to_string();

    let want = "the graph needs `Mul (com.example)`, which is not supported; supported are ";
    assert!(error.starts_with(want), "{error}");
}
