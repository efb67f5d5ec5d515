//! Runs real projects from real folders, repositories and archives, with nothing from outside.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod fixture;
mod git;
mod outcomes;
mod requests;
mod zips;
