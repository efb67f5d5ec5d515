//! A handle that ends a run from outside.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

/// Asks a run to end; clones share one state.
///
/// Nothing here installs a signal handler: the caller cancels from the thread that receives
/// signals. It takes a lock, so it must not be called within a signal handler itself.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<State>);

/// A listener's number and what it is told by.
type Listener = (usize, Box<dyn Fn() + Send>);

#[derive(Default)]
struct State {
    asked: AtomicUsize,
    listeners: Mutex<Vec<Listener>>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("asked", &self.asked).finish_non_exhaustive()
    }
}

impl Cancel {
    /// Makes a handle that nobody has used yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the run to end. Asked again, it no longer waits for the child's own clean-up.
    pub fn cancel(&self) {
        let listeners = self.listeners();
        self.0.asked.fetch_add(1, Ordering::SeqCst);
        listeners.iter().for_each(|(_, tell)| tell());
    }

    /// Tells whether the run was asked to end.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.times() > 0
    }

    /// Counts how often the run was asked to end.
    pub(crate) fn times(&self) -> usize {
        self.0.asked.load(Ordering::SeqCst)
    }

    /// Calls `tell` at each coming cancel, and once now if there was one, until dropped.
    pub(crate) fn listen(&self, tell: impl Fn() + Send + 'static) -> Listening<'_> {
        let mut listeners = self.listeners();
        if self.is_cancelled() {
            tell();
        }
        let id = listeners.last().map_or(0, |(id, _)| id + 1);
        listeners.push((id, Box::new(tell)));
        Listening { cancel: self, id }
    }

    fn listeners(&self) -> MutexGuard<'_, Vec<Listener>> {
        self.0.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the listening when dropped.
pub(crate) struct Listening<'a> {
    cancel: &'a Cancel,
    id: usize,
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        self.cancel.listeners().retain(|(id, _)| *id != self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_hear_every_cancel_until_they_leave() {
        let (cancel, heard) = (Cancel::new(), Arc::new(AtomicUsize::new(0)));
        let count = || {
            let heard = Arc::clone(&heard);
            move || {
                heard.fetch_add(1, Ordering::SeqCst);
            }
        };

        let listening = cancel.listen(count());
        cancel.clone().cancel();
        let late = cancel.listen(count());
        drop(listening);
        cancel.cancel();
        drop(late);
        cancel.cancel();

        assert_eq!(heard.load(Ordering::SeqCst), 3);
        assert_eq!(cancel.times(), 3);
    }
}
