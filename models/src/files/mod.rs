//! Tables in files, larger than memory: read in batches of rows, and predictions written as they
//! come.

#[cfg(feature = "parquet")]
pub(crate) mod arrow;
mod column;
mod csv;
mod lines;
#[cfg(feature = "parquet")]
pub(crate) mod parquet;
mod writer;

pub(crate) use csv::CsvBatches;
use lines::{CsvFile, Lines};
pub use writer::Writer;

use crate::signature::Schema;
use crate::{Error, Input, Result, payload};
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// What a file of rows is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values with a header.
    Csv,
    /// A JSON body as `/invocations` takes and answers it.
    Json,
    /// Apache Parquet.
    Parquet,
}

impl Format {
    /// Tells the format by a file's extension; `None` for one that is not known.
    pub fn of(path: &Path) -> Option<Self> {
        let extension = path.extension().and_then(OsStr::to_str)?.to_ascii_lowercase();
        match extension.as_str() {
            "csv" => Some(Self::Csv),
            "json" => Some(Self::Json),
            "parquet" | "pq" => Some(Self::Parquet),
            _ => None,
        }
    }
}

/// Batches of rows, or the one input that a JSON body is.
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
    /// [`Error::BadRequest`] names the line and what is wrong with it.
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

/// Reads `source` in batches of at most `rows` rows; values take the types that `schema` declares.
///
/// Without a schema a column's type is that of its values in the first batch. A JSON body is read
/// whole.
///
/// # Errors
/// [`Error::BadRequest`] when the file is not of its format, at once or where it breaks; a Parquet
/// file needs the feature `parquet` and a source that is a regular file.
pub fn read(
    format: Format,
    source: Source,
    schema: Option<&Schema>,
    rows: usize,
) -> Result<Batches> {
    match (format, source) {
        (Format::Csv, source) => {
            let mut batches = CsvFile::new(source.into_read(), schema, rows);
            let first = batches.next().transpose()?;
            Ok(Box::new(first.map(Ok).into_iter().chain(batches)))
        }
        (Format::Json, source) => {
            let input = payload::from_json(&source.into_bytes()?, schema);
            Ok(Box::new(std::iter::once(input.map(Batch::from))))
        }
        #[cfg(feature = "parquet")]
        (Format::Parquet, Source::File(file)) => {
            Ok(Box::new(parquet::read(file, schema, rows)?.map(|input| input.map(Batch::from))))
        }
        #[cfg(feature = "parquet")]
        (Format::Parquet, Source::Stream(_)) => {
            Err(Error::bad_request("Parquet is read from a file, not from a stream"))
        }
        #[cfg(not(feature = "parquet"))]
        (Format::Parquet, _) => Err(Error::bad_request("Parquet is not compiled in")),
    }
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
