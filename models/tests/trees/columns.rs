//! Which inputs a model takes.

use super::fixtures;
use mlctl_models::{Input, Table, Tensor, Values, load, method, payload};

fn vector(values: &[f64]) -> Tensor {
    Tensor::vector(Values::Double(values.to_vec()))
}

fn table(columns: &[(&str, Tensor)]) -> Input {
    let columns = columns.iter().map(|(name, tensor)| ((*name).to_owned(), tensor.clone()));
    Input::Table(Table::new(columns.collect()).unwrap())
}

fn named(names: &[&str], value: f64) -> Input {
    let columns: Vec<_> = names.iter().map(|name| (*name, vector(&[value]))).collect();
    table(&columns)
}

#[track_caller]
fn check(model: &str, input: Input, want: &str) {
    let error = load(&fixtures().join(model)).unwrap().predict(input).unwrap_err().to_string();
    assert_eq!(error, format!("the model cannot score this input: {want}"));
}

#[test]
fn columns_that_do_not_fit_are_named() {
    let xgb = "xgb_binary";
    check(xgb, named(&["age", "d"], 1.0), "the input has no columns `bmi`, `a b`");
    check(xgb, named(&["age", "bmi", "a b", "d", "e"], 1.0), "the model has no columns `e`");
    check(
        xgb,
        named(&["age", "bmi", "a b", "d"], 1e300),
        "a value is infinite, or too large for 32 bits",
    );
    let wide = Tensor::new(vec![1, 5], Values::Double(vec![0.0; 5])).unwrap();
    check(
        xgb,
        Input::Tensor(wide.clone()),
        "the model expects a matrix with 4 columns, got the shape (1, 5)",
    );
    check("lgb_binary", named(&["age"], 1.0), "the model expects 4 columns, got 1");
    let text = Tensor::vector(Values::String(vec![Some("x".to_owned())]));
    let one = vector(&[1.0]);
    let columns = [("age", text), ("bmi", one.clone()), ("a b", one.clone()), ("d", one)];
    check("lgb_binary", table(&columns), "column `age`: the text `x` is not one of its values");
    check(xgb, table(&columns), "column `age`: the text `x` is not one of its values");
}

#[test]
fn numbers_are_no_categories_that_were_texts() {
    let names = ["age", "bmi", "a b", "d", "city", "size"];
    let want = "column `city`: its categories are texts, not numbers";
    check("lgb_pandas", named(&names, 10.0), want);
}

#[test]
fn no_rows_give_no_predictions() {
    for (model, width) in [("xgb_binary", 4), ("lgb_multiclass", 4), ("lgb_pandas", 6)] {
        let model = load(&fixtures().join(model)).unwrap();
        let names = ["age", "bmi", "a b", "d", "city", "size"];
        let columns: Vec<_> = names[..width].iter().map(|name| (*name, vector(&[]))).collect();

        let answer = model.predict(table(&columns)).unwrap();

        assert_eq!(answer.tensors()[0].1.shape()[0], 0);
        assert_eq!(payload::to_json(&answer), r#"{"predictions":[]}"#);
    }
}

#[test]
fn scores_that_a_model_does_not_have_are_refused() {
    let model = load(&fixtures().join("xgb_dart")).unwrap();

    let input = named(&["age", "bmi", "a b", "d"], 1.0);
    let error = model.call(method::PREDICT_PROBA, input).unwrap_err().to_string();

    assert!(error.ends_with("the objective `reg:squarederror` gives no probabilities"), "{error}");
}

#[test]
fn answers_are_written_as_mlflow_writes_arrays() {
    let model = load(&fixtures().join("xgb_classifier_early")).unwrap();

    let answer = model.predict(named(&["age", "bmi", "a b", "d"], 1.0)).unwrap();

    assert_eq!(payload::to_json(&answer), r#"{"predictions":[1]}"#);
}
