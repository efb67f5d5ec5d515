//! Bodies of columns: Apache Parquet, and Arrow's formats for streams and files.

use crate::join::join;
use crate::{Error, Result};
use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_buffer::Buffer;
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::{FileDecoder, StreamDecoder, read_footer_length};
use arrow_ipc::{Block, root_as_footer};
use arrow_schema::{ArrowError, DataType};
use bytes::Bytes;
use mlctl_table::files::arrow::{exact, table, text_sizes};
use mlctl_table::files::parquet::caught;
use mlctl_table::schema::Schema;
use mlctl_table::{Input, Table, Tensor, Values};
use std::sync::Arc;

/// A body of Parquet may hold so many values: as many as the largest body of JSON.
const VALUES_MAX: usize = 1 << 25;

/// So large may columns be when they are unpacked, in bytes.
const UNPACKED_MAX: usize = 1 << 30;

/// Parquet is unpacked so many rows at a time: one text may stand for all of them.
const ROWS_AT_ONCE: usize = 8192;

/// Decodes a body of Apache Parquet, with what MLflow calls `application/vnd.apache.parquet`.
///
/// # Errors
/// [`Error::BadRequest`] when it is not readable, when a column's type does not run here, or when
/// it would become much larger than a body may be.
pub fn from_parquet(body: Bytes, schema: Option<&Schema>) -> Result<Input> {
    let broken =
        |error| Error::bad_request(format!("the body is not a readable Parquet file: {error}"));
    caught("the body is not a readable Parquet file", || {
        let builder = ParquetRecordBatchReaderBuilder::try_new(body).map_err(broken)?;
        let metadata = builder.metadata();
        let file = metadata.file_metadata();
        let rows = metadata.row_groups().iter().map(|group| group.num_rows());
        let rows = rows.fold(0_i64, i64::saturating_add).max(file.num_rows());
        let width = file.schema_descr().num_columns() as i64;
        if rows.saturating_mul(width) > VALUES_MAX as i64 {
            return Err(Error::bad_request(format!(
                "{rows} rows of {width} columns are more than a request may have: send several \
                 requests"
            )));
        }
        let reader = builder.with_batch_size(ROWS_AT_ONCE).build().map_err(broken)?;
        tables(reader.map(|batch| batch.map_err(|error| broken(error.into()))), schema)
    })
}

/// Decodes a body in Arrow's format for streams, `application/vnd.apache.arrow.stream`, without
/// compression.
///
/// # Errors
/// As [`from_parquet`].
pub fn from_arrow_stream(body: Bytes, schema: Option<&Schema>) -> Result<Input> {
    caught("the body is not readable as Arrow", || {
        // It takes what is there, where a reader makes room for what a message says of itself.
        let (mut decoder, mut rest) = (StreamDecoder::new(), Buffer::from(body));
        let batches = std::iter::from_fn(|| decoder.decode(&mut rest).transpose());
        let batches = batches.collect::<Result<Vec<_>, _>>().map_err(|error| broken(&error))?;
        decoder.finish().map_err(|error| broken(&error))?;
        tables(batches.into_iter().map(Ok), schema)
    })
}

/// Decodes a body in Arrow's format for files, `application/vnd.apache.arrow.file`, without
/// compression.
///
/// # Errors
/// As [`from_parquet`].
pub fn from_arrow_file(body: Bytes, schema: Option<&Schema>) -> Result<Input> {
    caught("the body is not readable as Arrow", || {
        let body = Buffer::from(body);
        let (front, trailer) = body.split_last_chunk().ok_or_else(cut)?;
        let length = read_footer_length(*trailer).map_err(|error| broken(&error))?;
        let start = front.len().checked_sub(length).ok_or_else(cut)?;
        let footer = root_as_footer(&front[start..]).map_err(|_| cut())?;
        let columns = try_fb_to_schema(footer.schema().ok_or_else(cut)?);
        let columns = columns.map_err(|error| broken(&error))?;
        let mut decoder = FileDecoder::new(Arc::new(columns), footer.version());
        for block in footer.dictionaries().iter().flatten() {
            let read = decoder.read_dictionary(block, &part(&body, block)?);
            read.map_err(|error| broken(&error))?;
        }
        let batches = footer.recordBatches().into_iter().flatten().filter_map(|block| {
            let read =
                |part| decoder.read_record_batch(block, &part).map_err(|error| broken(&error));
            part(&body, block).and_then(read).transpose()
        });
        tables(batches, schema)
    })
}

/// Returns the part of a file that a block says is its own.
fn part(body: &Buffer, block: &Block) -> Result<Buffer> {
    let size = |number: i64| usize::try_from(number).map_err(|_| cut());
    let start = size(block.offset())?;
    let length = size(block.bodyLength())?.saturating_add(size(block.metaDataLength().into())?);
    match start.checked_add(length) {
        Some(end) if end <= body.len() => Ok(body.slice_with_length(start, length)),
        _ => Err(cut()),
    }
}

fn cut() -> Error {
    Error::bad_request("the body is not readable as Arrow: it is incomplete or not an Arrow file")
}

fn tables(
    batches: impl Iterator<Item = Result<RecordBatch>>,
    schema: Option<&Schema>,
) -> Result<Input> {
    let (mut unpacked, mut values) = (0_usize, 0_usize);
    let mut tables = Vec::new();
    for batch in batches {
        let batch = batch?;
        // A column of nothing but nulls takes no bytes, however long it says that it is.
        let cells = batch.num_rows().saturating_mul(batch.num_columns());
        values = values.saturating_add(cells);
        if values > VALUES_MAX {
            return Err(Error::bad_request(format!(
                "a request must not have more than {VALUES_MAX} values: send several requests"
            )));
        }
        for column in batch.columns() {
            unpacked = unpacked.saturating_add(size(column));
        }
        if unpacked > UNPACKED_MAX {
            return Err(Error::bad_request(format!(
                "the columns of a request must not have more than {UNPACKED_MAX} bytes: send \
                 several requests"
            )));
        }
        tables.push(table(&batch, schema)?);
    }
    whole(widened(tables)?.into_iter().map(Input::Table).collect())
}

/// Tells how many bytes a column takes when nothing of it is shared.
fn size(column: &ArrayRef) -> usize {
    match column.data_type() {
        // The low half of a view's word is the length of its text.
        DataType::Utf8View => {
            let views = column.as_string_view().views().iter();
            views.map(|view| *view as u32 as usize).fold(0, usize::saturating_add)
        }
        // Each key is a copy of what it stands for.
        DataType::Dictionary(_, _) => {
            let dictionary = column.as_any_dictionary();
            let sizes = text_sizes(dictionary.values());
            match sizes.is_empty() {
                true => column.len(),
                false => {
                    let keys = dictionary.normalized_keys();
                    keys.into_iter().map(|key| sizes[key]).fold(0, usize::saturating_add)
                }
            }
        }
        _ => column.to_data().get_slice_memory_size().unwrap_or(0),
    }
}

fn broken(error: &ArrowError) -> Error {
    Error::bad_request(format!("the body is not readable as Arrow: {error}"))
}

/// Makes floats of the integers and truths of all batches where values are missing in some.
fn widened(tables: Vec<Table>) -> Result<Vec<Table>> {
    let width = tables.first().map_or(0, |table| table.columns().len());
    let is_float = |at: usize| {
        let is_float = |table: &Table| {
            table.columns().get(at).is_some_and(|(_, c)| matches!(c.values(), Values::Double(_)))
        };
        tables.iter().any(is_float)
    };
    let are_floats: Vec<bool> = (0..width).map(is_float).collect();
    let table = |table: Table| {
        let columns = table.into_columns().into_iter().zip(&are_floats);
        let columns = columns.map(|((name, column), is_float)| match is_float {
            true => {
                let values = float(&name, column.into_parts().1)?;
                Ok((name, Tensor::vector(values)))
            }
            false => Ok((name, column)),
        });
        Ok(Table::new(columns.collect::<Result<_>>()?)?)
    };
    tables.into_iter().map(table).collect()
}

fn float(name: &str, values: Values) -> Result<Values> {
    Ok(Values::Double(match values {
        Values::Double(list) => list,
        Values::Integer(list) => list.into_iter().map(f64::from).collect(),
        Values::Boolean(list) => list.into_iter().map(|v| f64::from(u8::from(v))).collect(),
        Values::Long(list) => list
            .into_iter()
            .map(|value| exact(name, value.into()))
            .collect::<Result<_, mlctl_table::Error>>()?,
        other => return Ok(other),
    }))
}

/// Puts batches below each other.
fn whole(mut batches: Vec<Input>) -> Result<Input> {
    match batches.len() {
        0 => Err(Error::bad_request("the body has no rows")),
        1 => Ok(batches.remove(0)),
        _ => join(batches)
            .ok_or_else(|| Error::bad_request("the columns differ from batch to batch")),
    }
}
