//! What computes. Nothing here knows of folders, signatures or requests.

mod external;
mod graph;
mod operators;
mod tensor;

pub(crate) use external::external_files;
pub(crate) use graph::{Graph, Port};
