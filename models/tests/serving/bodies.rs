//! Bodies of `/invocations` that are no JSON.

use crate::support::{Echo, Reply, Server, model, request};
use arrow_array::builder::StringViewBuilder;
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int64Array, NullArray, RecordBatch,
    StringArray,
};
use arrow_ipc::writer::{FileWriter, StreamWriter};
use bytes::Bytes;
use mlctl_models::serving::Settings;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::{
    FileMetaData, ParquetMetaData, ParquetMetaDataReader, ParquetMetaDataWriter,
};
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};
use std::sync::Arc;

const PARQUET: &str = "application/vnd.apache.parquet";
const STREAM: &str = "application/vnd.apache.arrow.stream";
const FILE: &str = "application/vnd.apache.arrow.file";

fn server() -> Server {
    let schema = json!([
        {"type": "long", "name": "n"},
        {"type": "double", "name": "x"},
        {"type": "string", "name": "s"},
        {"type": "boolean", "name": "b"},
    ]);
    Server::of(Settings::default(), model(Echo::default(), schema, json!(null)))
}

fn batch(start: i64) -> RecordBatch {
    let columns: [(&str, ArrayRef); 5] = [
        ("b", Arc::new(BooleanArray::from(vec![true, false]))),
        ("s", Arc::new(StringArray::from(vec!["a", "ü"]))),
        ("n", Arc::new(Int64Array::from(vec![start, start + 1]))),
        ("x", Arc::new(Float64Array::from(vec![Some(0.5), None]))),
        ("more", Arc::new(Int64Array::from(vec![7, 7]))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true)))
        .unwrap()
}

fn packing() -> WriterProperties {
    let compression = Compression::ZSTD(ZstdLevel::default());
    WriterProperties::builder().set_compression(compression).build()
}

pub(crate) fn parquet(batches: &[RecordBatch]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut out, batches[0].schema(), Some(packing())).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.close().unwrap();
    out
}

pub(crate) fn stream(batches: &[RecordBatch]) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batches[0].schema()).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.into_inner().unwrap()
}

pub(crate) fn file(batches: &[RecordBatch]) -> Vec<u8> {
    let mut writer = FileWriter::try_new(Vec::new(), &batches[0].schema()).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.into_inner().unwrap()
}

/// A batch that any of the tests may begin with.
pub(crate) fn sample() -> RecordBatch {
    batch(1)
}

fn ask(content_type: &str, body: impl Into<axum::body::Body>) -> Reply {
    server().send(request("/invocations", content_type, body))
}

#[track_caller]
fn check_rows(content_type: &str, body: impl Into<axum::body::Body>, starts: &[i64]) {
    let reply = ask(content_type, body);
    let rows: Vec<Value> = starts
        .iter()
        .flat_map(|start| {
            [
                json!({"n": start, "x": 0.5, "s": "a", "b": true}),
                json!({"n": start + 1, "x": null, "s": "ü", "b": false}),
            ]
        })
        .collect();
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json(), json!({ "predictions": rows }), "{content_type}");
}

#[test]
fn rows_of_every_format_are_the_same() {
    let one = [batch(1)];
    let two = [batch(1), batch(3)];
    check_rows("text/csv", "b,s,n,x,more\nTrue,a,1,0.5,7\nFalse,ü,2,,7\n", &[1]);
    check_rows("text/csv; charset=utf-8", "n,x,s,b\n1,0.5,a,true\n2,NaN,\"ü\",false\n", &[1]);
    for (content_type, write) in
        [(PARQUET, parquet as fn(&[RecordBatch]) -> Vec<u8>), (STREAM, stream), (FILE, file)]
    {
        check_rows(content_type, write(&one), &[1]);
        check_rows(content_type, write(&two), &[1, 3]);
    }
}

#[track_caller]
fn check_refused(content_type: &str, body: Vec<u8>, want: &str) {
    let reply = ask(content_type, body);
    let told = reply.json();
    assert_eq!((reply.status, &told["error_code"]), (400, &json!("BAD_REQUEST")), "{told}");
    let text = told["message"].as_str().unwrap();
    assert!(text.contains(want), "{text}");
}

#[test]
fn bodies_of_another_format_are_refused() {
    for content_type in [PARQUET, STREAM, FILE] {
        check_refused(content_type, b"n,x\n1,2\n".to_vec(), "readable");
        check_refused(content_type, Vec::new(), "the body");
    }
    let cut = |mut bytes: Vec<u8>, by: usize| {
        bytes.truncate(bytes.len() - by);
        bytes
    };
    check_refused(PARQUET, cut(parquet(&[batch(1)]), 9), "not a readable Parquet file");
    check_refused(FILE, cut(file(&[batch(1)]), 9), "not readable as Arrow");
    check_refused(STREAM, cut(stream(&[batch(1)]), 60), "not readable as Arrow");
    let no_rows = stream(&[batch(1).slice(0, 0)]);
    let reply = ask(STREAM, no_rows);
    assert_eq!((reply.status, reply.json()), (200, json!({ "predictions": [] })));
}

fn column(name: &str, array: ArrayRef) -> RecordBatch {
    RecordBatch::try_from_iter([(name, array)]).unwrap()
}

#[test]
fn a_body_that_claims_very_many_rows_is_refused() {
    let body = parquet(&[column("n", Arc::new(Int64Array::from(vec![7; 3])))]);
    let read = ParquetMetaDataReader::new().parse_and_finish(&Bytes::from(body)).unwrap();
    let few = read.file_metadata();
    let many = FileMetaData::new(few.version(), 1 << 40, None, None, few.schema_descr_ptr(), None);
    let mut claimed = b"PAR1".to_vec();
    let group = read.row_group(0).clone().into_builder().set_num_rows(1 << 40).build().unwrap();
    let claims = ParquetMetaData::new(many, vec![group]);
    ParquetMetaDataWriter::new(&mut claimed, &claims).finish().unwrap();

    check_refused(
        PARQUET,
        claimed,
        "1099511627776 rows of 1 columns are more than a request may have: send several requests",
    );
}

/// One long text that all rows have: a dictionary writes it once.
#[test]
fn a_text_that_many_rows_share_is_refused_before_all_are_copied() {
    let text = "a".repeat(8 << 20);
    let keys = arrow_array::Int32Array::from(vec![0; 140]);
    let values = Arc::new(StringArray::from(vec![text.as_str()]));
    let dictionary: DictionaryArray<Int32Type> = DictionaryArray::try_new(keys, values).unwrap();
    let batch = column("s", Arc::new(dictionary));
    let mut packed = Vec::new();
    let options = ArrowWriterOptions::new()
        .with_properties(packing())
        // Readers then know of texts only.
        .with_skip_arrow_metadata(true);
    let mut writer =
        ArrowWriter::try_new_with_options(&mut packed, batch.schema(), options).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    assert!(packed.len() < 10_000, "{}", packed.len());

    check_refused(
        PARQUET,
        packed,
        "the columns of a request must not have more than 1073741824 bytes",
    );
}

/// Views of one text, each as long as the text.
#[test]
fn views_that_share_a_text_are_counted_one_by_one() {
    let text = "a".repeat(1 << 20);
    let mut builder = StringViewBuilder::new();
    let block = builder.append_block(text.into_bytes().into());
    for _ in 0..1025 {
        builder.try_append_view(block, 0, 1 << 20).unwrap();
    }
    let body = stream(&[column("s", Arc::new(builder.finish()))]);
    assert!(body.len() < 2 << 20, "{}", body.len());

    check_refused(
        STREAM,
        body,
        "the columns of a request must not have more than 1073741824 bytes",
    );
}

#[test]
fn columns_without_values_are_refused_however_many_rows_they_claim() {
    let nothing = column("n", Arc::new(NullArray::new(1 << 40)));

    check_refused(STREAM, stream(&[nothing]), "a request must not have more than 33554432 values");
}
