//! Tables that clients send: what a row is scored with is what its record says.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use axum::Router;
use mlctl_models::signature::Signature;
use mlctl_models::{Answer, Input, Model, ModelInfo, Predictor, Result, rest};
use serde_json::{Value, json};
use std::sync::Arc;

mod http;

/// Answers its columns as they came.
#[derive(Debug)]
struct Echo;

impl Predictor for Echo {
    fn predict(&self, input: &Input) -> Result<Answer> {
        Ok(Answer::Outputs(match input {
            Input::Table(table) => table.columns().to_vec(),
            Input::Named(tensors) => tensors.clone(),
            Input::Tensor(tensor) => vec![("tensor".to_owned(), tensor.clone())],
        }))
    }
}

/// Serves the echo with a signature of such columns, or without any.
fn echo(columns: Option<Value>) -> Router {
    let inputs = columns.map(|columns| serde_json::from_value(columns).unwrap());
    let signature = inputs.map(|inputs| Signature { inputs: Some(inputs), ..Signature::default() });
    let info = ModelInfo { signature, ..ModelInfo::default() };
    rest::router(Arc::new(Model::new(info, Box::new(Echo))))
}

fn optional_doubles(names: &[&str]) -> Value {
    let column = |name: &&str| json!({"type": "double", "name": name, "required": false});
    names.iter().map(column).collect()
}

#[track_caller]
fn predictions(router: Router, body: &Value) -> Value {
    let (status, text) = http::post(router, "application/json", &body.to_string());
    assert_eq!(status, 200, "{text}");
    serde_json::from_str::<Value>(&text).unwrap()["predictions"].take()
}

#[test]
fn a_key_that_a_record_lacks_is_missing_in_its_row_wherever_it_first_appears() {
    let columns = optional_doubles(&["a", "b", "c"]);
    for records in [
        json!([{"b": 2.0, "c": 3.0}, {"a": 10.0, "b": 20.0, "c": 30.0}, {"a": 100.0, "b": 0.5}]),
        json!([{}, {"a": 1.0}, {}, {"b": 2.0, "a": 4.0}, {"c": 3.0}, {}]),
        json!([{"c": 1.0}, {"b": 2.0}, {"a": 3.0}]),
        json!([{"a": 1.0}, {"b": 2.0}, {"b": 3.0, "c": 4.0, "a": 5.0}, {"c": 6.0, "b": 7.0}]),
    ] {
        // All columns appear somewhere, and each row has the values of its record only.
        let row = |record: &Value| json!({"a": record["a"], "b": record["b"], "c": record["c"]});
        let want: Value = records.as_array().unwrap().iter().map(row).collect();
        for form in ["dataframe_records", "inputs"] {
            if form == "inputs" && records[0] == json!({}) {
                continue;
            }
            let body = json!({form: records});

            let mut typed = predictions(echo(Some(columns.clone())), &body);
            let mut free = predictions(echo(None), &body);

            for answer in [&mut typed, &mut free] {
                let by_name = |row: &Value| json!({"a": row["a"], "b": row["b"], "c": row["c"]});
                let got: Value = answer.as_array().unwrap().iter().map(by_name).collect();
                assert_eq!(got, want, "{body}");
            }
        }
    }
}

#[test]
fn a_value_that_is_missing_is_never_taken_from_another_row() {
    let column = json!([{"type": "string", "name": "s"}, {"type": "long", "name": "l"}]);
    let text = json!({"dataframe_records": [{"l": 1}, {"s": "x", "l": 2}]});
    let answer = predictions(echo(Some(column.clone())), &text);
    assert_eq!(answer, json!([{"s": null, "l": 1}, {"s": "x", "l": 2}]));

    let whole = json!({"dataframe_records": [{"s": "x"}, {"s": "y", "l": 2}]}).to_string();
    let (status, text) = http::post(echo(Some(column)), "application/json", &whole);
    assert_eq!(status, 400, "{text}");
    assert!(text.contains("Failed to convert column l to type 'int64'"), "{text}");
}

#[test]
fn instances_that_differ_in_their_keys_are_refused() {
    for instances in [
        r#"[{"a": 1, "b": 1}, {"a": 2}, {"a": 3, "b": 2, "b": 3}]"#,
        r#"[{"a": 1}, {"b": 1}]"#,
        r#"[{"a": 1}, {"a": 1, "b": 1}]"#,
        r#"[{}, {"a": 1}]"#,
    ] {
        let body = format!(r#"{{"instances": {instances}}}"#);

        let (status, text) = http::post(echo(None), "application/json", &body);

        assert_eq!(status, 400, "{instances}: {text}");
    }
}

#[test]
fn a_record_that_has_a_key_twice_is_refused_by_name() {
    let body = r#"{"dataframe_records": [{"a": 1.0, "b": 2.0}, {"a": 1.0, "a": 2.0}]}"#;

    let (status, text) = http::post(echo(None), "application/json", body);

    assert_eq!(status, 400, "{text}");
    assert!(text.contains("row 1 has the column `a` twice"), "{text}");
}
