//! Tables in files, larger than memory: read in batches of rows.

#[cfg(feature = "parquet")]
pub mod arrow;
mod column;
mod csv;
mod lines;
#[cfg(feature = "parquet")]
pub mod parquet;

pub use column::Column;
pub use csv::CsvBatches;
use lines::{CsvFile, Lines};

use crate::schema::Schema;
use crate::{Error, Input, Result};
use std::fs::File;
use std::io::Read;

/// Batches of rows.
pub type Batches = Box<dyn Iterator<Item = Result<Batch>> + Send>;

/// Some rows of a file. They are typed when they are decoded, so that several threads can do so.
#[derive(Debug)]
pub struct Batch(Rows);

#[derive(Debug)]
enum Rows {
    Typed(Input),
    Lines(Lines),
}

impl Batch {
    /// Gives the values their types.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the line and what is wrong with it.
    pub fn decode(self) -> Result<Input> {
        match self.0 {
            Rows::Typed(input) => Ok(input),
            Rows::Lines(lines) => lines.decode().map(Input::Table),
        }
    }
}

impl From<Input> for Batch {
    fn from(input: Input) -> Self {
        Self(Rows::Typed(input))
    }
}

/// Reads CSV in batches of at most `rows` rows; values take the types that `schema` declares.
///
/// Without a schema a column's type is that of its values in the first batch.
///
/// # Errors
/// [`Error::Invalid`] when there is no header or the first batch is broken; later batches answer
/// for themselves.
pub fn read_csv(source: Source, schema: Option<&Schema>, rows: usize) -> Result<Batches> {
    let mut batches = CsvFile::new(source.into_read(), schema, rows);
    let first = batches.next().transpose()?;
    Ok(Box::new(first.map(Ok).into_iter().chain(batches)))
}

/// Where rows come from.
pub enum Source {
    /// A regular file.
    File(File),
    /// Anything else that can be read once, such as standard input.
    Stream(Box<dyn Read + Send>),
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if matches!(self, Self::File(_)) { "File" } else { "Stream" })
    }
}

impl Source {
    /// Reads everything.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read to its end.
    pub fn into_bytes(self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = self.into_read().read_to_end(&mut bytes);
        read.map_err(|error| Error::io("reading the input", error))?;
        Ok(bytes)
    }

    fn into_read(self) -> Box<dyn Read + Send> {
        match self {
            Self::File(file) => Box::new(file),
            Self::Stream(stream) => stream,
        }
    }
}
