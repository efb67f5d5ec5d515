//! The pages, asked as a browser asks, over stores in memory.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod browser;
mod compare;
mod frame;
mod hostile;
mod models;
mod run;
mod runs;
mod search;
mod seed;
