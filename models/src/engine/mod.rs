//! What computes. Nothing here knows of folders, signatures or requests.
//!
//! A graph becomes a list of steps over values: kernels of our own for all that tables of data
//! meet, and runs of other nodes, which tract plans. What is not understood is refused when the
//! graph is read.

mod array;
mod attributes;
mod bounded;
mod convert;
mod exponential;
mod external;
mod functions;
mod glue;
mod graph;
mod kernel;
mod loader;
mod ml;
mod node;
mod plan;
mod program;
mod ranked;
#[cfg(feature = "onnxruntime")]
pub(crate) mod runtime;
mod segment;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use external::external_files;
pub(crate) use graph::{Graph, Port};
