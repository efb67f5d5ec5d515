//! What computes. Nothing here knows of folders, signatures or requests.

mod graph;
mod operators;
mod tensor;

pub(crate) use graph::{Graph, Port};
