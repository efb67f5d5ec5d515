//! Registered models, their versions, stages and aliases, and a memory of every change.
//!
//! A [`RegistryStore`] keeps them, and [`open`] opens the one that a URI names: `SqliteStore` in
//! MLflow's own tables or `HttpStore` on a server. [`MemoryStore`] is for tests, and the easiest
//! one to read. The rules are pure functions in [`lifecycle`], [`stages`], [`gate`], [`search`]
//! and [`source`]. `rest` serves a store as MLflow's server does, and `webhook` tells others of
//! its changes.
//! Nothing here loads a model or knows what a run is.
//!
//! ```
//! # #[cfg(feature = "sqlite")] {
//! use mlctl_registry::{
//!     ModelUri, NewVersion, OpenOptions, Stage, Stamp, Transition, open, resolve,
//! };
//!
//! # let folder = tempfile::tempdir().unwrap();
//! # std::env::set_current_dir(&folder).unwrap();
//! let store = open("sqlite:///registry.db", &OpenOptions::default())?;
//! let mut new = NewVersion::of("churn".parse()?, "runs:/3f2a/model");
//! new.create_model_if_missing = true;
//! let version = store.create_version(&new, &Stamp::new("ada", 1_000))?;
//!
//! let promotion = Transition {
//!     model: version.name,
//!     version: version.version,
//!     stage: Stage::PRODUCTION,
//!     archive_existing_versions: true,
//! };
//! store.transition(&promotion, &Stamp::new("ada", 2_000).because("best rmse so far"))?;
//!
//! let serving = resolve(store.as_ref(), &ModelUri::parse("models:/churn/Production")?)?;
//! assert_eq!(serving.source, "runs:/3f2a/model");
//! # }
//! # Ok::<(), mlctl_registry::Error>(())
//! ```
//!
//! # Writing a store
//!
//! A store is a type that implements [`RegistryStore`], whose documentation is the contract. What
//! is the same for all stores is here to be used:
//!
//! - [`lifecycle`]: numbers of versions, names that are taken, what a transition moves, aliases.
//! - [`policy`] and [`gate`]: a model's own stages and gates. [`GateReport::judge`] says whether a
//!   version may enter a stage, and [`gate::attempt_with_metrics`] asks for metrics of runs without
//!   holding the store's lock.
//! - [`Request`]: requests for transitions, and who may approve them.
//! - [`search`]: [`search::select_models`] and [`search::select_versions`] for rows that are held as
//!   values, or a compiled query for a store that searches by itself.
//! - [`history`]: which events belong to a model that was renamed.
//! - [`store::Location`] and [`store::created_version`]: what a new version is.
//!
//! The feature `conformance` brings the suite that every store passes. In a test of the store's own
//! crate, the macro takes an expression that makes an empty registry:
//!
//! ```ignore
//! mlctl_registry::conformance_tests!(MyStore::new());
//! ```
//!
//! `tests/elsewhere.rs` in this crate's folder is such a store, written with the public interface
//! only.

mod approval;
#[cfg(feature = "client")]
pub mod client;
mod entity;
mod error;
mod event;
#[cfg(feature = "files")]
pub mod files;
pub mod gate;
pub mod history;
mod id;
pub mod lifecycle;
pub mod lineage;
#[cfg(any(feature = "rest", feature = "client"))]
mod message;
mod open;
pub mod past;
pub mod policy;
#[cfg(feature = "rest")]
pub mod rest;
pub mod search;
pub mod source;
pub mod stages;
pub mod store;
mod uri;
#[cfg(feature = "webhooks")]
pub mod webhook;

pub use approval::{Candidate, Request, RequestRefusal};
#[cfg(feature = "client")]
pub use client::HttpStore;
pub use entity::{
    ModelVersion, NewModel, NewVersion, Page, PageSize, RegisteredModel, Stamp, Tags, VersionStatus,
};
pub use error::{Error, Result};
pub use event::{Change, Event, EventId};
pub use gate::{GateReport, Gates, RunMetrics};
pub use id::{Alias, ModelName, Stage, TagKey, TagValue, VersionNumber};
pub use lifecycle::Transition;
#[cfg(feature = "webhooks")]
pub use open::Webhooks;
pub use open::{OpenOptions, OpenRegistry, open};
pub use search::{ModelQuery, VersionQuery};
pub use stages::StageRules;
#[cfg(feature = "sqlite")]
pub use store::sqlite::{Durability, SqliteStore};
pub use store::{RegistryStore, memory::MemoryStore, resolve};
pub use uri::{ModelUri, VersionRef, logged_model_of};
