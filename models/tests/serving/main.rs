//! The scoring server: several models, versions that come and go, queues, and every protocol.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod bodies;
mod described;
mod fuzz;
mod queue;
mod support;
mod v2;
mod versions;
