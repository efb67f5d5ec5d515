//! Reproducible runs of MLproject folders.
//!
//! A project is a folder with an `MLproject` file: named commands with parameters, and the
//! environment they need. [`run`](fn@run) takes one from a folder, a git repository or a zip file,
//! prepares its environment, runs a command in a process group of its own and tells a [`Reporter`]
//! what happens. Where that is recorded is the reporter's matter: this library knows no store.
//!
//! The files are MLflow's, with MLflow's meaning; what the user has on disk is never written to.
//!
//! ```
//! use std::path::Path;
//!
//! use mlctl_projects::{About, BoxError, Cancel, Environ, Outcome, Reporter, Request, Silent, run};
//!
//! struct Print;
//!
//! impl Reporter for Print {
//!     fn start(&self, about: &About) -> Result<Vec<(String, String)>, BoxError> {
//!         println!("{} with alpha = {:?}", about.entry_point, about.parameters.get("alpha"));
//!         Ok(vec![("MLFLOW_RUN_ID".into(), "1".into())])
//!     }
//!     fn artifact(&self, path: &str, _: &Path) -> Result<(), BoxError> {
//!         println!("artifact {path}");
//!         Ok(())
//!     }
//!     fn warn(&self, message: &str) {
//!         println!("warning: {message}");
//!     }
//!     fn end(&self, outcome: &Outcome) -> Result<(), BoxError> {
//!         println!("{outcome:?}");
//!         Ok(())
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! std::fs::write(folder.path().join("MLproject"), "
//! entry_points:
//!   main:
//!     parameters:
//!       alpha: {type: float, default: 0.5}
//!     command: 'test {alpha} = 0.5'
//! ")?;
//! let cache = folder.path().join("cache");
//! let environ = Environ::from_iter(std::env::vars_os());
//! let request = Request::new(".", folder.path(), cache, folder.path(), environ);
//!
//! let outcome = run(request, &Print, &Silent, &Cancel::new())?;
//!
//! assert_eq!(outcome, Outcome::Finished);
//! # Ok(())
//! # }
//! ```

mod cancel;
mod child;
mod command;
#[cfg(feature = "http")]
mod download;
mod env;
mod environ;
mod error;
mod guard;
mod interpreter;
mod parameters;
mod process;
mod progress;
mod reporter;
mod run;
mod source;
mod spec;
mod tool;
mod yaml;

pub use cancel::Cancel;
pub use command::{command, escape, fill, quote};
pub use env::EnvManager;
pub use environ::Environ;
pub use error::{BoxError, Error, Result};
pub use interpreter::{Preparation, python};
pub use parameters::{Bound, Parameters, Strictness};
pub use progress::{Progress, Silent, Step};
pub use reporter::{About, Cause, Failure, Outcome, Reporter};
pub use run::{Fetch, Request, run};
pub use spec::{EntryPoint, Environment, Parameter, ParameterType, Project};
