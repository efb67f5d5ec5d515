//! Tests of the whole language through its public face.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod errors;
mod facts;
mod language;
mod mlflow;
mod properties;
mod vocabulary;
