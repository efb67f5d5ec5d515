//! The pages, asked as a browser asks, over stores in memory.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod browser;
mod frame;
mod hostile;
mod run;
mod runs;
mod seed;
