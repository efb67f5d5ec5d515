//! The threads of what finds much.

use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;
use tokio::runtime::{Builder, Handle, Runtime};

/// Threads, at least; one for each processor if there are more.
const THREADS_MIN: usize = 2;

/// A few threads of their own for searches and histories.
///
/// Such work is done no sooner by many threads than by a few, but each leaves memory behind.
#[derive(Clone, Debug)]
pub(super) struct Searchers(Arc<Threads>);

#[derive(Debug)]
struct Threads(Option<Runtime>);

impl Searchers {
    /// Starts no thread yet.
    pub(super) fn new() -> Self {
        let threads = available_parallelism().map_or(0, NonZero::get).max(THREADS_MIN);
        let runtime = Builder::new_current_thread().max_blocking_threads(threads).build();
        Self(Arc::new(Threads(runtime.ok())))
    }

    /// Returns whom to hand work to; none when the system has no threads.
    pub(super) fn handle(&self) -> Option<Handle> {
        self.0.0.as_ref().map(|runtime| runtime.handle().clone())
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // To wait is not allowed where a server may end.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
