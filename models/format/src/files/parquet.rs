//! Predictions as Apache Parquet, through Arrow's record batches.

use super::writer::{columns, failed};
use crate::{Error, Predictions, Result};
use arrow_array::{
    ArrayRef, BooleanArray, Float32Array, Float64Array, Int32Array, Int64Array, RecordBatch,
    StringArray,
};
use mlctl_table::Values;
use parquet::arrow::ArrowWriter;
use std::io::Write;
use std::sync::Arc;

/// Writes predictions; the first batch says the columns.
pub(super) struct Sink<W: Write + Send> {
    target: Option<W>,
    writer: Option<ArrowWriter<W>>,
}

impl<W: Write + Send> Sink<W> {
    pub(super) fn new(target: W) -> Self {
        Self { target: Some(target), writer: None }
    }

    pub(super) fn write(&mut self, batch: &Predictions) -> Result<()> {
        let columns = columns(batch)?;
        let arrays = columns.iter().map(|column| {
            let rows = || (0..column.rows).map(|row| column.index(row));
            let array: ArrayRef = match column.values {
                Values::Boolean(list) => {
                    Arc::new(rows().map(|at| Some(list[at])).collect::<BooleanArray>())
                }
                Values::Integer(list) => {
                    Arc::new(Int32Array::from_iter_values(rows().map(|at| list[at])))
                }
                Values::Long(list) => {
                    Arc::new(Int64Array::from_iter_values(rows().map(|at| list[at])))
                }
                Values::Float(list) => {
                    Arc::new(Float32Array::from_iter_values(rows().map(|at| list[at])))
                }
                Values::Double(list) => {
                    Arc::new(Float64Array::from_iter_values(rows().map(|at| list[at])))
                }
                Values::String(list) => {
                    Arc::new(rows().map(|at| list[at].as_deref()).collect::<StringArray>())
                }
            };
            (column.name.as_str(), array, true)
        });
        let batch = RecordBatch::try_from_iter_with_nullable(arrays).map_err(broken)?;
        if let Some(target) = self.target.take() {
            let writer = ArrowWriter::try_new(target, batch.schema(), None).map_err(broken)?;
            self.writer = Some(writer);
        }
        match &mut self.writer {
            Some(writer) => writer.write(&batch).map_err(broken),
            None => Err(Error::bad_request("cannot start writing the file")),
        }
    }

    pub(super) fn finish(self) -> Result<()> {
        match self.writer {
            Some(writer) => writer.close().map(drop).map_err(broken),
            None => Err(Error::bad_request(
                "there are no rows, so a Parquet file would have no \
                                            columns",
            )),
        }
    }
}

fn broken(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    failed(std::io::Error::other(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlctl_table::files::parquet::read;
    use mlctl_table::schema::Schema;
    use mlctl_table::{Input, Result, Table, Tensor};
    use std::fs::File;

    fn file(outputs: &[(String, Tensor)]) -> File {
        let file = tempfile::tempfile().unwrap();
        let mut sink = Sink::new(file.try_clone().unwrap());
        for _ in 0..2 {
            let batch = Predictions::Records(outputs.to_vec());
            sink.write(&batch).unwrap();
        }
        sink.finish().unwrap();
        file
    }

    #[test]
    fn what_is_written_reads_back_in_batches() {
        let text = vec![Some("a".to_owned()), None];
        let columns = vec![
            ("d".to_owned(), Tensor::vector(Values::Double(vec![0.5, f64::INFINITY]))),
            ("l".to_owned(), Tensor::vector(Values::Long(vec![1, i64::MIN]))),
            ("s".to_owned(), Tensor::vector(Values::String(text))),
            ("b".to_owned(), Tensor::vector(Values::Boolean(vec![true, false]))),
        ];

        let batches: Vec<Input> =
            read(file(&columns), None, 2).unwrap().collect::<Result<_>>().unwrap();

        let want = Input::Table(Table::new(columns).unwrap());
        assert_eq!(batches, [want.clone(), want]);
    }

    #[test]
    fn what_the_schema_does_not_know_is_not_read() {
        let columns = vec![
            ("x".to_owned(), Tensor::vector(Values::Double(vec![0.5]))),
            ("y".to_owned(), Tensor::vector(Values::Double(vec![1.5]))),
        ];
        let schema: Schema = serde_json::from_str(r#"[{"type": "double", "name": "y"}]"#).unwrap();

        let first = read(file(&columns), Some(&schema), 1).unwrap().next().unwrap().unwrap();

        assert_eq!(first, Input::Table(Table::new(columns[1..].to_vec()).unwrap()));
    }

    #[test]
    fn a_file_of_another_kind_is_refused() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"a,b\n1,2\n").unwrap();

        let refused = read(file, None, 1).map(drop).unwrap_err().to_string();

        assert!(refused.contains("not a readable Parquet file"), "{refused}");
    }

    #[test]
    fn a_harmed_byte_gives_an_error_or_rows() {
        let mut bytes = Vec::new();
        let mut sink = Sink::new(&mut bytes);
        let numbers = Tensor::vector(Values::Double(vec![0.5, 1.5, 2.5]));
        sink.write(&Predictions::Records(vec![("a".to_owned(), numbers)])).unwrap();
        sink.finish().unwrap();
        let mut refused = 0;
        for at in 0..bytes.len() {
            for mask in [0x01, 0x40, 0xff] {
                let mut harmed = bytes.clone();
                harmed[at] ^= mask;
                let batches = read(bytes::Bytes::from(harmed), None, 2);
                let batches = batches.and_then(|batches| batches.collect::<Result<Vec<_>>>());
                refused += usize::from(batches.is_err());
            }
        }
        assert!(refused > bytes.len(), "{refused} of {}", bytes.len());
    }
}
