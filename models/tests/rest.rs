//! The scoring protocol beyond what `parity.rs` compares.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use axum::body::Body;
use axum::http::Request;
use mlctl_models::{Answer, Error, Input, Model, ModelInfo, Predictor, load, rest};
use std::path::Path;
use std::sync::Arc;

mod http;

fn elasticnet() -> axum::Router {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/elasticnet");
    rest::router(Arc::new(load(&folder).unwrap()))
}

fn get(path: &str) -> (u16, String) {
    http::send(elasticnet(), Request::get(path).body(Body::empty()).unwrap())
}

#[test]
fn health_is_an_empty_line() {
    assert_eq!(get("/ping"), (200, "\n".to_owned()));
    assert_eq!(get("/health"), (200, "\n".to_owned()));
}

#[test]
fn version_is_bare_text() {
    assert_eq!(get("/version"), (200, env!("CARGO_PKG_VERSION").to_owned()));
}

#[test]
fn a_request_without_a_type_is_refused() {
    let request = Request::post("/invocations").body(Body::from("{}")).unwrap();

    let (status, text) = http::send(elasticnet(), request);

    assert_eq!(status, 415);
    assert!(text.contains("application/json"), "{text}");
}

#[test]
fn missing_columns_are_named() {
    let body = r#"{"dataframe_records": [{"age": 1, "sex": 1, "weight": 70}]}"#;

    let (status, text) = http::post(elasticnet(), "application/json", body);

    assert_eq!(status, 400);
    assert!(text.contains("INVALID_PARAMETER_VALUE"), "{text}");
    assert!(text.contains("Model is missing inputs ['bmi', 'bp', "), "{text}");
    assert!(text.contains("extra inputs: ['weight']"), "{text}");
}

#[test]
fn params_that_do_not_fit_are_named() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/several");
    let router = rest::router(Arc::new(load(&folder).unwrap()));
    let ask = |params: &str| {
        let data = r#"[{"age": 2.5, "visits": 3}]"#;
        let body = format!(r#"{{"dataframe_records": {data}, "params": {params}}}"#);
        http::post(router.clone(), "application/json", &body)
    };

    let taken = ask(r#"{"threshold": 1, "other": 2}"#);
    let (status, text) = ask(r#"{"threshold": "low"}"#);

    assert_eq!(taken, (200, r#"{"predictions":[{"score":8.0}]}"#.to_owned()));
    assert_eq!(status, 400, "{text}");
    assert!(text.contains("INVALID_PARAMETER_VALUE"), "{text}");
    assert!(text.contains("Can not safely convert `<class 'str'>` to `DataType.double`"), "{text}");
}

#[test]
fn nan_goes_in_and_comes_out_as_null() {
    let columns = r#"["age","sex","bmi","bp","s1","s2","s3","s4","s5","s6"]"#;
    let body = format!(
        r#"{{"dataframe_split": {{"columns": {columns}, "data": [[NaN,0,0,0,0,0,0,0,0,null]]}}}}"#
    );

    let answer = http::post(elasticnet(), "application/json", &body);

    assert_eq!(answer, (200, r#"{"predictions":[{"variable":null}]}"#.to_owned()));
}

#[test]
fn bytes_that_are_no_text_are_a_bad_request() {
    for content_type in ["application/json", "text/csv; charset=UTF-8"] {
        let request = Request::post("/invocations")
            .header("content-type", content_type)
            .body(Body::from(vec![0xff, 0xfe, b'{']))
            .unwrap();

        let (status, text) = http::send(elasticnet(), request);

        assert_eq!(status, 400, "{text}");
        assert!(text.contains("BAD_REQUEST"), "{text}");
    }
}

#[derive(Debug)]
struct Broken;

impl Predictor for Broken {
    fn predict(&self, _: &Input) -> mlctl_models::Result<Answer> {
        panic!("a predictor that breaks its promise")
    }
}

#[test]
fn a_panic_is_answered_and_the_router_lives_on() {
    let router = rest::router(Arc::new(Model::new(ModelInfo::default(), Box::new(Broken))));

    let (status, text) = http::post(router.clone(), "application/json", r#"{"inputs": [1]}"#);

    assert_eq!(status, 500);
    assert!(text.contains("INTERNAL_ERROR"), "{text}");
    assert!(!text.contains("promise"), "{text}");
    assert_eq!(http::post(router, "application/json", "{}").0, 400);
}

#[test]
fn an_embedder_can_serve_its_own_predictor() {
    #[derive(Debug)]
    struct Echo;
    impl Predictor for Echo {
        fn predict(&self, input: &Input) -> mlctl_models::Result<Answer> {
            match input {
                Input::Tensor(tensor) => {
                    Ok(Answer::Outputs(vec![("same".to_owned(), tensor.clone())]))
                }
                _ => Err(Error::Evaluation { problem: "tensors only".to_owned() }),
            }
        }
    }
    let router = rest::router(Arc::new(Model::new(ModelInfo::default(), Box::new(Echo))));

    let answer = http::post(router, "application/json", r#"{"inputs": [[1, 2]]}"#);

    assert_eq!(answer, (200, r#"{"predictions":{"same":[[1,2]]}}"#.to_owned()));
}
