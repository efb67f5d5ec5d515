//! Asking the file system about many files at once.

use super::Stamp;
use rustix::fs::{AtFlags, statat};
use std::os::fd::AsFd;
use std::thread;

/// Does the same to each item, on as many threads as pay; the results keep the order.
pub(super) fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    per_thread_min: usize,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    const THREADS_MAX: usize = 8;
    let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    let per_thread = items.len().div_ceil(threads).max(per_thread_min);
    if items.len() <= per_thread {
        return items.iter().map(work).collect();
    }
    thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = items
            .chunks(per_thread)
            .map(|part| scope.spawn(move || part.iter().map(work).collect::<Vec<R>>()))
            .collect();
        let joined = threads.into_iter().map(|thread| match thread.join() {
            Ok(results) => results,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.flatten().collect()
    })
}

/// Does one thing on another thread while this one does the other.
pub(super) fn meanwhile<A: Send, B>(
    there: impl FnOnce() -> A + Send,
    here: impl FnOnce() -> B,
) -> (A, B) {
    thread::scope(|scope| {
        let there = scope.spawn(there);
        let here = here();
        match there.join() {
            Ok(there) => (there, here),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Asks for a file's stamp; `None` when there is none.
pub(super) fn stat(home: &impl AsFd, path: &str) -> Option<Stamp> {
    let stat = statat(home, path, AtFlags::empty()).ok()?;
    let changed = stat.st_ctime.wrapping_mul(1_000_000_000).wrapping_add(stat.st_ctime_nsec as i64);
    Some(Stamp { changed, bytes: stat.st_size })
}
