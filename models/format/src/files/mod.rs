//! Tables in files, larger than memory: read in batches of rows, and predictions written as they
//! come.

#[cfg(feature = "parquet")]
mod parquet;
mod writer;

pub use mlctl_table::files::Source;
pub use writer::Writer;

use crate::{Error, Result, payload};
use mlctl_table::Input;
use mlctl_table::schema::Schema;
use std::ffi::OsStr;
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
pub struct Batch(mlctl_table::files::Batch);

impl Batch {
    /// Gives the values their types.
    ///
    /// # Errors
    /// [`Error::BadRequest`] names the line and what is wrong with it.
    pub fn decode(self) -> Result<Input> {
        Ok(self.0.decode()?)
    }
}

impl From<Input> for Batch {
    fn from(input: Input) -> Self {
        Self(input.into())
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
            let batches = mlctl_table::files::read_csv(source, schema, rows)?;
            Ok(Box::new(batches.map(|batch| Ok(Batch(batch?)))))
        }
        (Format::Json, source) => {
            let input = payload::from_json(&source.into_bytes()?, schema);
            Ok(Box::new(std::iter::once(input.map(Batch::from))))
        }
        #[cfg(feature = "parquet")]
        (Format::Parquet, Source::File(file)) => {
            let inputs = mlctl_table::files::parquet::read(file, schema, rows)?;
            Ok(Box::new(inputs.map(|input| Ok(Batch::from(input?)))))
        }
        #[cfg(feature = "parquet")]
        (Format::Parquet, Source::Stream(_)) => {
            Err(Error::bad_request("Parquet is read from a file, not from a stream"))
        }
        #[cfg(not(feature = "parquet"))]
        (Format::Parquet, _) => Err(Error::bad_request("this build does not support Parquet")),
    }
}
