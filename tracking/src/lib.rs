//! Experiments, runs, and what a run logs: MLflow Tracking as a library.
//!
//! A [`TrackingStore`] holds them. Backends are [`store::memory`], the `mlruns/` folders of
//! [`store::file`], the SQLite files of `store::sqlite` and, over HTTP, the module `client`.
//!
//! ```
//! use mlctl_tracking::entity::Metric;
//! use mlctl_tracking::store::{Batch, NewRun, TrackingStore, memory::MemoryStore};
//! use mlctl_tracking::{ExperimentId, Key};
//!
//! let store = MemoryStore::new();
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
//! # Ok::<(), mlctl_tracking::Error>(())
//! ```

mod error;
mod field;
mod id;

#[cfg(feature = "client")]
pub mod client;
pub mod entity;
pub mod fluent;
pub mod gc;
#[cfg(any(feature = "rest", feature = "client"))]
mod message;
pub mod name;
#[cfg(feature = "rest")]
pub mod rest;
pub mod rules;
pub mod search;
pub mod store;

pub use error::{Error, Result, Thing};
pub use id::{ExperimentId, ExperimentName, Key, ModelId, RunId};
pub use mlctl_wire::Clock;
pub use store::{LoggedModelStore, PurgeStore, TrackingStore};
