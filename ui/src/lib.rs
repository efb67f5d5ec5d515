//! Web pages over the stores of tracking and registry.
//!
//! [`mlflow`] serves MLflow's own pages, which come with its wheel, and answers what they ask
//! beyond the REST API. Nothing here writes to a store; both stores are read through their traits.

pub mod mlflow;
