//! Bodies of columns: Apache Parquet, and Arrow's formats for streams and files.

use crate::files::parquet;
use crate::join::join;
use crate::signature::Schema;
use crate::{Error, Input, Result};
use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use arrow_array::RecordBatch;
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::ArrowError;
use bytes::Bytes;
use std::io::Cursor;

/// A body of Parquet may hold so many values: as many as the largest body of JSON.
const VALUES_MAX: i64 = 1 << 25;

/// So large may its columns be when they are unpacked, in bytes.
const UNPACKED_MAX: i64 = 1 << 30;

/// Decodes a body of Apache Parquet, with what MLflow calls `application/vnd.apache.parquet`.
///
/// # Errors
/// [`Error::BadRequest`] when it is not readable, when a column's type does not run here, or when
/// it would become much larger than a body may be.
pub fn from_parquet(body: Bytes, schema: Option<&Schema>) -> Result<Input> {
    let broken =
        |error| Error::bad_request(format!("the body is not a readable Parquet file: {error}"));
    let builder = ParquetRecordBatchReaderBuilder::try_new(body.clone()).map_err(broken)?;
    let metadata = builder.metadata();
    let rows = metadata.file_metadata().num_rows();
    let width = metadata.file_metadata().schema_descr().num_columns() as i64;
    let unpacked = metadata.row_groups().iter().map(|group| group.total_byte_size());
    let unpacked = unpacked.fold(0_i64, i64::saturating_add);
    if rows.saturating_mul(width) > VALUES_MAX || unpacked > UNPACKED_MAX {
        return Err(Error::bad_request(format!(
            "{rows} rows of {width} columns are more than a request may have: send them in parts"
        )));
    }
    let batches = parquet::read(body, schema, rows.max(1) as usize)?;
    whole(batches.collect::<Result<_>>()?)
}

/// Decodes a body in Arrow's format for streams, `application/vnd.apache.arrow.stream`, without
/// compression.
///
/// # Errors
/// As [`from_parquet`].
pub fn from_arrow_stream(body: &[u8], schema: Option<&Schema>) -> Result<Input> {
    let reader = StreamReader::try_new(body, None).map_err(|error| broken(&error))?;
    tables(reader, schema)
}

/// Decodes a body in Arrow's format for files, `application/vnd.apache.arrow.file`, without
/// compression.
///
/// # Errors
/// As [`from_parquet`].
pub fn from_arrow_file(body: &[u8], schema: Option<&Schema>) -> Result<Input> {
    let reader = FileReader::try_new(Cursor::new(body), None).map_err(|error| broken(&error))?;
    tables(reader, schema)
}

fn tables(
    batches: impl Iterator<Item = Result<RecordBatch, ArrowError>>,
    schema: Option<&Schema>,
) -> Result<Input> {
    let table = |batch: Result<RecordBatch, ArrowError>| {
        parquet::table(&batch.map_err(|error| broken(&error))?, schema).map(Input::Table)
    };
    whole(batches.map(table).collect::<Result<_>>()?)
}

fn broken(error: &ArrowError) -> Error {
    Error::bad_request(format!("the body is not readable as Arrow: {error}"))
}

/// Puts batches below each other.
fn whole(mut batches: Vec<Input>) -> Result<Input> {
    match batches.len() {
        0 => Err(Error::bad_request("the body has no rows")),
        1 => Ok(batches.remove(0)),
        _ => join(batches).ok_or_else(|| {
            Error::bad_request("values are missing in some batches of integers, not in others")
        }),
    }
}
