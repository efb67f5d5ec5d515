//! Tables and tensors of typed values, and readers of CSV, Parquet and Arrow.
//!
//! A [`Tensor`] is [`Values`] with a shape, a [`Table`] is named columns of them, and an [`Input`]
//! is either. A [`schema::Schema`] declares the types of one; [`files`] reads tables in batches of
//! rows, into the types that a schema declares or that the values have.
//!
//! ```
//! use mlctl_table::files::{Source, read_csv};
//! use mlctl_table::{Input, Values};
//!
//! let text = std::io::Cursor::new("age,name\n59,Ann\n32,Bo\n");
//! let mut batches = read_csv(Source::Stream(Box::new(text)), None, 1000)?;
//! let Some(batch) = batches.next() else { panic!("there are rows") };
//! let Input::Table(table) = batch?.decode()? else { panic!("CSV is a table") };
//! assert_eq!(table.columns()[0].1.values(), &Values::Long(vec![59, 32]));
//! # Ok::<(), mlctl_table::Error>(())
//! ```
//!
//! What a model is, and what computes, is not known here.

mod data;
mod error;
pub mod files;
pub mod limit;
pub mod schema;

pub use data::{Input, Table, Tensor, Values, show_place, show_shape};
pub use error::{Error, Result};
