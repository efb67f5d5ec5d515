//! Runs ONNX graphs ([`Graph`]), as a model folder's flavor ([`flavor`]) or alone, and writes models
//! of trees and weighted sums as such ([`export`]).
//!
//! A graph becomes a list of steps over values: kernels of our own for all that tables of data
//! meet, and runs of other nodes, which tract plans. What is not understood is refused when the
//! graph is read.

mod array;
mod attributes;
mod bounded;
mod convert;
mod exponential;
pub mod export;
mod external;
pub mod flavor;
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
pub mod runtime;
mod segment;
#[cfg(test)]
mod tests;
mod text;

pub use external::external_files;
pub use graph::{Graph, Port};
