//! Tables that clients send: what a row is scored with is what its record says.

#![cfg(all(feature = "parquet", feature = "rest"))]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use arrow_array::{
    ArrayRef, BooleanArray, Float32Array, Float64Array, Int32Array, Int64Array, RecordBatch,
    StringArray,
};
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use mlctl_models::signature::Signature;
use mlctl_models::{Answer, Input, Model, ModelInfo, Predictor, Result, load, rest};
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;

mod http;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

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

#[test]
fn names_that_are_given_twice_are_refused_in_json() {
    for body in [
        r#"{"dataframe_split": {"columns": ["a", "b", "a"], "data": [[1, 2, 3]]}}"#,
        r#"{"dataframe_split": {"data": [[1, 2, 3]], "columns": ["a", "b", "a"]}}"#,
        r#"{"dataframe_records": [{"a": 1, "b": 2, "a": 3}]}"#,
        r#"{"instances": [{"a": 1, "b": 2, "a": 3}]}"#,
        r#"{"inputs": [{"a": 1, "b": 2, "a": 3}]}"#,
        r#"{"inputs": {"a": [1], "b": [2], "a": [3]}}"#,
    ] {
        for schema in [None, Some(optional_doubles(&["a", "b"]))] {
            let (status, text) = http::post(echo(schema), "application/json", body);

            assert_eq!(status, 400, "{body}: {text}");
            assert!(text.contains("`a`") && text.contains("twice"), "{body}: {text}");
        }
    }
}

/// The formats of tables.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    Csv,
    Records,
    Split,
    /// With `data` before `columns`, so that types are known last.
    SplitBackwards,
    Parquet,
    ArrowStream,
    ArrowFile,
}

const FORMS: [Form; 7] = [
    Form::Csv,
    Form::Records,
    Form::Split,
    Form::SplitBackwards,
    Form::Parquet,
    Form::ArrowStream,
    Form::ArrowFile,
];

impl Form {
    fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv",
            Self::Records | Self::Split | Self::SplitBackwards => "application/json",
            Self::Parquet => "application/vnd.apache.parquet",
            Self::ArrowStream => "application/vnd.apache.arrow.stream",
            Self::ArrowFile => "application/vnd.apache.arrow.file",
        }
    }

    /// Writes a column `x` and a column `n` that counts.
    fn body(self, cells: &[Value], kind: &str) -> Vec<u8> {
        let numbered = || cells.iter().enumerate();
        let rows: Vec<Value> = numbered().map(|(at, cell)| json!([cell, at as f64])).collect();
        match self {
            Self::Csv => {
                let field = |cell: &Value| match cell {
                    Value::Null => String::new(),
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                let lines = numbered().map(|(at, cell)| format!("{},{at}\n", field(cell)));
                format!("x,n\n{}", lines.collect::<String>()).into_bytes()
            }
            Self::Records => {
                let record = |(at, cell): (usize, &Value)| match cell {
                    Value::Null => json!({"n": at as f64}),
                    cell => json!({"x": cell, "n": at as f64}),
                };
                let records: Vec<Value> = numbered().map(record).collect();
                json!({"dataframe_records": records}).to_string().into_bytes()
            }
            Self::Split => {
                let rows = Value::from(rows);
                format!(r#"{{"dataframe_split": {{"columns": ["x", "n"], "data": {rows}}}}}"#)
                    .into_bytes()
            }
            Self::SplitBackwards => {
                let rows = Value::from(rows);
                format!(r#"{{"dataframe_split": {{"data": {rows}, "columns": ["x", "n"]}}}}"#)
                    .into_bytes()
            }
            Self::Parquet | Self::ArrowStream | Self::ArrowFile => self.packed(&batch(cells, kind)),
        }
    }

    fn packed(self, batch: &RecordBatch) -> Vec<u8> {
        let (mut bytes, fields) = (Vec::new(), batch.schema());
        match self {
            Self::ArrowStream => {
                let mut writer =
                    arrow_ipc::writer::StreamWriter::try_new(&mut bytes, &fields).unwrap();
                writer.write(batch).unwrap();
                writer.finish().unwrap();
            }
            Self::ArrowFile => {
                let mut writer =
                    arrow_ipc::writer::FileWriter::try_new(&mut bytes, &fields).unwrap();
                writer.write(batch).unwrap();
                writer.finish().unwrap();
            }
            _ => {
                let mut writer = ArrowWriter::try_new(&mut bytes, fields, None).unwrap();
                writer.write(batch).unwrap();
                writer.close().unwrap();
            }
        }
        bytes
    }
}

fn batch(cells: &[Value], kind: &str) -> RecordBatch {
    let integers = || cells.iter().map(Value::as_i64);
    let floats = || cells.iter().map(Value::as_f64);
    let x: ArrayRef = match kind {
        "boolean" => Arc::new(cells.iter().map(Value::as_bool).collect::<BooleanArray>()),
        "integer" => {
            let narrow = |value: Option<i64>| value.map(|value| i32::try_from(value).unwrap());
            Arc::new(integers().map(narrow).collect::<Int32Array>())
        }
        "long" => Arc::new(integers().collect::<Int64Array>()),
        "float" => {
            let narrow = |value: Option<f64>| value.map(|value| value as f32);
            Arc::new(floats().map(narrow).collect::<Float32Array>())
        }
        "double" => Arc::new(floats().collect::<Float64Array>()),
        _ => Arc::new(cells.iter().map(Value::as_str).collect::<StringArray>()),
    };
    let n = Float64Array::from_iter_values((0..cells.len()).map(|at| at as f64));
    RecordBatch::try_from_iter_with_nullable([("x", x, true), ("n", Arc::new(n), true)]).unwrap()
}

fn ask(router: Router, form: Form, body: Vec<u8>) -> (u16, String) {
    let request = Request::post("/invocations").header("content-type", form.content_type());
    http::send(router, request.body(Body::from(body)).unwrap())
}

#[test]
fn every_format_reads_every_kind_with_and_without_missing_values_alike() {
    for (kind, cells, takes_missing) in [
        ("boolean", json!([true, false, true]), false),
        ("integer", json!([1, -2, 3]), false),
        ("long", json!([1, -2, 9_007_199_254_740_993_i64]), false),
        ("float", json!([0.5, -2.0, 1.25]), true),
        ("double", json!([0.1, -2.0, 1e300]), true),
        ("string", json!(["a", "b c", "\u{e9}"]), true),
    ] {
        for missing in [None, Some(0), Some(1)] {
            let mut cells = cells.as_array().unwrap().clone();
            if let Some(at) = missing {
                cells[at] = Value::Null;
            }
            let schema = json!([{"type": kind, "name": "x"}, {"type": "double", "name": "n"}]);
            let want: Value = cells
                .iter()
                .enumerate()
                .map(|(at, cell)| json!({"x": cell, "n": at as f64}))
                .collect();
            for form in FORMS {
                let body = form.body(&cells, kind);

                let (status, text) = ask(echo(Some(schema.clone())), form, body);

                let context = format!("{form:?} of {kind} without {missing:?}: {text}");
                if missing.is_some() && !takes_missing {
                    assert_eq!(status, 400, "{context}");
                    assert!(text.contains('x'), "{context}");
                } else {
                    assert_eq!(status, 200, "{context}");
                    let got: Value = serde_json::from_str(&text).unwrap();
                    assert_eq!(got["predictions"], want, "{context}");
                }
            }
        }
    }
}

#[test]
fn a_whole_number_is_an_integer_however_it_is_written_and_no_other_is() {
    let schema = || Some(json!([{"type": "long", "name": "x"}, {"type": "double", "name": "n"}]));
    for form in [Form::Csv, Form::Records, Form::Split, Form::SplitBackwards] {
        let whole = ask(echo(schema()), form, form.body(&[json!(2.0), json!(3)], "long"));
        let broken = ask(echo(schema()), form, form.body(&[json!(2), json!(2.5)], "long"));

        let want = r#"{"predictions":[{"x":2,"n":0.0},{"x":3,"n":1.0}]}"#;
        assert_eq!(whole, (200, want.to_owned()), "{form:?}");
        assert_eq!(broken.0, 400, "{form:?}: {}", broken.1);
        assert!(broken.1.contains("2.5"), "{form:?}: {}", broken.1);
    }
}

#[test]
fn a_column_twice_is_the_first_in_csv_and_refused_in_parquet_and_arrow() {
    let schema = || Some(optional_doubles(&["a", "b"]));
    let csv = ask(echo(schema()), Form::Csv, b"a,b,a\n1.0,2.0,9.0\n".to_vec());
    assert_eq!(csv, (200, r#"{"predictions":[{"a":1.0,"b":2.0}]}"#.to_owned()));

    let column = || Arc::new(Float64Array::from(vec![1.0])) as ArrayRef;
    let columns = [("a", column()), ("b", column()), ("a", column())];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    for form in [Form::Parquet, Form::ArrowStream, Form::ArrowFile] {
        let (status, text) = ask(echo(schema()), form, form.packed(&batch));

        assert_eq!(status, 400, "{form:?}: {text}");
        assert!(text.contains("column a: it appears twice"), "{form:?}: {text}");
    }
}

#[test]
fn parquet_of_pandas_and_spark_is_read_as_pandas_reads_it() {
    let schema = optional_doubles(&["a", "b"]);
    for (file, want) in [
        ("decimal", json!([[1.5, 3.0], [2.25, 4.0]])),
        ("null", json!([[null, 3.0], [null, 4.0]])),
        ("half", json!([[1.5, 3.0], [2.5, 4.0]])),
        ("brotli", json!([[1.5, 3.0], [2.5, 4.0]])),
    ] {
        let bytes = std::fs::read(fixture(&format!("parquet/{file}.parquet"))).unwrap();

        let (status, text) = ask(echo(Some(schema.clone())), Form::Parquet, bytes);

        assert_eq!(status, 200, "{file}: {text}");
        let got: Value = serde_json::from_str(&text).unwrap();
        let row = |row: &Value| json!({"a": row[0], "b": row[1]});
        let want: Value = want.as_array().unwrap().iter().map(row).collect();
        assert_eq!(got["predictions"], want, "{file}");
    }
    let bytes = std::fs::read(fixture("parquet/category.parquet")).unwrap();
    let cities = json!([{"type": "string", "name": "city"}]);

    let (status, text) = ask(echo(Some(cities)), Form::Parquet, bytes);

    assert_eq!(status, 200, "{text}");
    assert!(text.contains(r#"{"city":""#), "{text}");
}

#[test]
fn a_column_of_nulls_has_no_more_rows_than_a_request_may_have() {
    let nulls = Arc::new(arrow_array::NullArray::new(1 << 40)) as ArrayRef;
    let batch = RecordBatch::try_from_iter_with_nullable([("a", nulls, true)]).unwrap();
    let bytes = Form::ArrowStream.packed(&batch);

    let (status, text) = ask(echo(None), Form::ArrowStream, bytes);

    assert_eq!(status, 400, "{text}");
    assert!(text.contains("send several requests"), "{text}");
}

/// Serves the echo with one tensor of such a type.
fn tensors(dtype: &str, shape: &Value) -> Router {
    echo(Some(json!([{"type": "tensor", "tensor-spec": {"dtype": dtype, "shape": shape}}])))
}

#[test]
fn tensors_of_every_type_go_in_and_out_by_json() {
    for (dtype, values) in [
        ("bool", json!([[true, false]])),
        ("int8", json!([[-128, 127]])),
        ("int16", json!([[-32_768, 32_767]])),
        ("int32", json!([[i32::MIN, i32::MAX]])),
        ("int64", json!([[i64::MIN, i64::MAX]])),
        ("uint8", json!([[0, 255]])),
        ("uint16", json!([[0, 65_535]])),
        ("uint32", json!([[0, u32::MAX]])),
        ("uint64", json!([[0, i64::MAX]])),
        ("float16", json!([[0.5, -2.0]])),
        ("float32", json!([[0.5, -2.0]])),
        ("float64", json!([[0.1, 1e300]])),
        ("str", json!([["a", "b"]])),
    ] {
        for form in ["inputs", "instances"] {
            let answer = predictions(tensors(dtype, &json!([-1, 2])), &json!({form: values}));
            assert_eq!(answer, json!({"tensor": values}), "{dtype}");
        }
        let frame = json!({"dataframe_split": {"columns": ["a", "b"], "data": values}});
        let answer = predictions(tensors(dtype, &json!([-1, 2])), &frame);
        assert_eq!(answer["tensor"], values, "{dtype}");
    }
}

#[test]
fn a_number_that_the_declared_type_does_not_have_is_refused_with_its_place() {
    for (dtype, value) in [
        ("uint8", "300"),
        ("uint8", "-1"),
        ("uint8", "1.5"),
        ("int8", "128"),
        ("uint16", "65536"),
        ("uint32", "4294967296"),
        ("uint64", "18446744073709551615"),
        ("float16", "70000"),
    ] {
        let body = format!(r#"{{"inputs": [[0, 1], [2, {value}]]}}"#);

        let (status, text) = http::post(tensors(dtype, &json!([-1, 2])), "application/json", &body);

        assert_eq!(status, 400, "{text}");
        assert!(text.contains("[1][1]") && text.contains(dtype), "{text}");
    }
}

#[test]
fn a_graph_of_bytes_takes_numbers_of_json() {
    let router = rest::router(Arc::new(load(&fixture("bytes")).unwrap()));

    let answer = predictions(router, &json!({"inputs": [[0, 255], [7, 8]]}));

    assert_eq!(answer, json!({"y": [[0.0, 255.0], [7.0, 8.0]]}));
}

#[test]
fn integers_of_which_some_are_missing_in_one_batch_only_are_floats_in_all() {
    let whole = RecordBatch::try_from_iter_with_nullable([(
        "x",
        Arc::new(Int64Array::from(vec![Some(1)])) as ArrayRef,
        true,
    )]);
    let holes = RecordBatch::try_from_iter_with_nullable([(
        "x",
        Arc::new(Int64Array::from(vec![None, Some(3)])) as ArrayRef,
        true,
    )]);
    let (whole, holes) = (whole.unwrap(), holes.unwrap());
    let mut bytes = Vec::new();
    let mut writer = arrow_ipc::writer::StreamWriter::try_new(&mut bytes, &whole.schema()).unwrap();
    writer.write(&whole).unwrap();
    writer.write(&holes).unwrap();
    writer.finish().unwrap();

    let answer = ask(echo(Some(optional_doubles(&["x"]))), Form::ArrowStream, bytes);

    let want = r#"{"predictions":[{"x":1.0},{"x":null},{"x":3.0}]}"#;
    assert_eq!(answer, (200, want.to_owned()));
}
