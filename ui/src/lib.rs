//! Web pages over the stores of tracking and registry.
//!
//! [`router`] serves our own pages: each answer is a whole page, drawn on the server, that works
//! without a script; its address says all that it shows. [`mlflow`] serves MLflow's own pages,
//! which come with its wheel, and answers what they ask beyond the REST API. Both stores are
//! reached through their traits alone.
//!
//! A page is a function from a [`Site`] and what a browser asks to a reply; one noun a file below
//! `page`. What people see of values is in `format`, what an address says in `query`, and the frame
//! of every page in `shell`.

mod asked;
mod asset;
mod chart;
mod form;
mod format;
mod markdown;
pub mod mlflow;
mod page;
mod policy;
mod query;
mod reply;
mod routes;
mod shell;
mod site;
mod table;
mod url;
mod widget;

pub use routes::router;
pub use site::Site;
