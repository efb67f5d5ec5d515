//! mlctl from outside: the real binary, real folders, the real Python client.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod artifacts;
mod config;
mod disk;
mod experiments;
mod harness;
mod http;
mod kill;
mod log;
mod namespace;
mod nested;
mod project;
mod quickstart;
mod running;
mod runs;
mod server;
mod signals;
mod source;
mod store;
