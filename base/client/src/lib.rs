//! HTTP to another server: TLS, timeouts, credentials, and what a failure means.
//!
//! [`install_tls`] and [`blocking_client`] are for everybody who sends requests. With the feature
//! `server`, [`Server`] talks to one that speaks MLflow's REST API. Nothing here knows what is
//! asked: paths and messages belong to the caller.
//!
//! ```no_run
//! use mlctl_client::{Api, Credentials, Failure, Server};
//! use serde_json::{Value, json};
//!
//! let server = Server::new("http://127.0.0.1:5000", "tracking", Credentials::None)?;
//! match server.get::<Value>(Api::Mlflow, "runs/get", &json!({ "run_id": "a1" })) {
//!     Ok(answer) => println!("{}", answer["run"]["info"]["status"]),
//!     Err(Failure::Refused { code, message }) => println!("{code}: {message}"),
//!     Err(failure) => return Err(failure),
//! }
//! # Ok::<(), mlctl_client::Failure>(())
//! ```

mod connect;
#[cfg(feature = "server")]
mod credentials;
#[cfg(feature = "server")]
mod failure;
#[cfg(feature = "server")]
mod server;

pub use connect::{ANSWER_TIMEOUT, CONNECT_TIMEOUT, blocking_client, innermost_cause, install_tls};
#[cfg(feature = "server")]
pub use credentials::Credentials;
#[cfg(feature = "server")]
pub use failure::{Failure, URL_RULE};
pub use reqwest;
#[cfg(feature = "server")]
pub use server::{Api, Server, path_segment};
