//! mlctl from outside: the real binary, real folders, the real Python client.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod artifacts;
mod config;
mod experiments;
mod harness;
mod http;
mod log;
mod nested;
mod project;
mod quickstart;
mod running;
mod runs;
mod server;
mod source;
mod store;
