//! mlctl from outside: the real binary, real folders, the real Python client.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod artifact_server;
mod artifacts;
mod browser;
mod client;
mod concurrency;
mod config;
mod db;
mod differential;
mod disk;
mod doctor;
mod experiments;
mod gc;
mod harness;
mod http;
mod image;
mod interop;
mod kill;
mod leftovers;
mod line;
mod log;
mod models;
mod namespace;
mod nested;
mod pages;
mod project;
mod python;
mod quickstart;
mod refusals;
mod registry;
mod running;
mod runs;
#[path = "../support/s3/mod.rs"]
mod s3;
mod scoring;
mod serve;
mod server;
mod server_flags;
mod signals;
mod snapshots;
mod source;
mod spelling;
mod store;
mod ui;
mod webhooks;
mod worker;
