//! Experiments, runs, and what a run logs: MLflow Tracking as a library.
//!
//! A [`TrackingStore`] holds them, and [`open`] opens the one that a URI names. Backends are [`store::memory`], the `mlruns/` folders of
//! [`store::file`], the SQLite files of `store::sqlite` and, over HTTP, the module `client`.
//!
//! ```
//! # #[cfg(feature = "file")] {
//! use mlctl_tracking::entity::Metric;
//! use mlctl_tracking::store::{Batch, NewRun};
//! use mlctl_tracking::{ExperimentId, Key, OpenOptions, open};
//!
//! # let folder = tempfile::tempdir().unwrap();
//! # std::env::set_current_dir(&folder).unwrap();
//! let store = open("./mlruns", &OpenOptions::default())?;
//! let run = store.create_run(&NewRun {
//!     experiment_id: ExperimentId::default_experiment(),
//!     user_id: "ada".to_owned(),
//!     run_name: None,
//!     start_time: 1_767_225_600_000,
//!     tags: vec![],
//! })?;
//! let loss = Metric::new(Key::parse("loss")?, 0.25, 1_767_225_601_000, 1);
//! store.log_batch(&run.info.run_id, &Batch { metrics: vec![loss], ..Batch::default() })?;
//!
//! assert_eq!(store.run(&run.info.run_id)?.data.metrics[0].value, 0.25);
//! # }
//! # Ok::<(), mlctl_tracking::Error>(())
//! ```
//!
//! # Writing a backend
//!
//! A backend is a type that implements four traits: [`TrackingStore`] for experiments and runs,
//! [`LoggedModelStore`], [`PurgeStore`], whose provided methods are for stores that cannot delete
//! permanently, and [`RunFacts`], whose provided methods are for stores that can only show runs one
//! by one. Their documentation is the contract. What is the same for all backends is here to be
//! used:
//!
//! - [`rules`]: what may be logged and changed. A store asks them before it writes, so that it
//!   refuses the same things with the same errors.
//! - [`search`]: a store that holds its rows as values calls [`search::select_runs`] and its
//!   neighbours. One that can narrow a search by itself compiles the query and reads the filter,
//!   then leaves the rest to [`search::row_key`] and [`search::page`].
//! - [`store::select_history`] cuts the pages of a metric's history.
//!
//! The feature `conformance` brings the suite that every backend passes. In a test of the backend's
//! own crate, the macro takes an expression that makes an empty store, and whatever must live as
//! long as it:
//!
//! ```ignore
//! mlctl_tracking::conformance_tests!((MyStore::new(), ()));
//! mlctl_tracking::purge_conformance_tests!((MyStore::new(), ()));
//! ```
//!
//! `tests/elsewhere.rs` in this crate's folder is such a backend, written with the public interface
//! only.

mod error;
mod field;
mod id;

#[cfg(feature = "client")]
pub mod client;
pub mod differences;
pub mod entity;
pub mod facts;
pub mod fluent;
pub mod gc;
pub mod lineage;
#[cfg(any(feature = "rest", feature = "client"))]
mod message;
pub mod name;
mod open;
#[cfg(feature = "rest")]
pub mod rest;
pub mod rules;
pub mod search;
pub mod series;
pub mod store;

pub use error::{Error, Result, Thing};
pub use facts::RunFacts;
pub use id::{ExperimentId, ExperimentName, Key, ModelId, RunId};
pub use mlctl_wire::Clock;
pub use open::{OpenOptions, OpenStore, StoreKind, exists, open};
pub use store::{LoggedModelStore, PurgeStore, TrackingStore};
