//! Apache Parquet, through Arrow's record batches.

use super::arrow::table;
use crate::schema::Schema;
use crate::{Error, Input, Result};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::reader::ChunkReader;
use std::panic::{AssertUnwindSafe, catch_unwind};

const BROKEN: &str = "the input is not a readable Parquet file";

/// Reads a file in batches.
pub fn read<F: ChunkReader + 'static>(
    file: F,
    schema: Option<&Schema>,
    rows: usize,
) -> Result<impl Iterator<Item = Result<Input>> + Send + use<F>> {
    let broken =
        |error: parquet::errors::ParquetError| Error::invalid(format!("{BROKEN}: {error}"));
    let mut reader = caught(BROKEN, || {
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(broken)?;
        builder.with_batch_size(rows).build().map_err(broken)
    })?;
    let schema = schema.cloned();
    let mut is_broken = false;
    Ok(std::iter::from_fn(move || {
        if is_broken {
            return None;
        }
        let input = caught(BROKEN, || {
            let Some(batch) = reader.next() else { return Ok(None) };
            let batch = batch.map_err(|error| broken(error.into()))?;
            table(&batch, schema.as_ref()).map(|table| Some(Input::Table(table)))
        });
        is_broken = input.is_err();
        input.transpose()
    }))
}

/// Makes an error of a panic: the readers trust lengths and offsets that a file states.
pub fn caught<T, E: From<Error>>(
    broken: &str,
    read: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(Error::invalid(format!("{broken}: its metadata is wrong")).into()))
}
