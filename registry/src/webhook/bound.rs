//! How long a queue may grow that nobody empties.
//!
//! A file's webhooks are told by a server on that file. Without one their messages would grow
//! without end, so that the oldest give way. Counting at every change would cost more than the
//! change: it is done when the number of a new message is a round one.

/// A round number of messages, after which every queue is looked at.
pub(crate) const CHECK_EVERY: i64 = 256;

/// Why a message was given up that nobody tried to send for too long.
pub(crate) const REASON: &str = "10000 messages were waiting, and no server sent them";

/// How many messages of one webhook are kept when its queue is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    /// How many of those that wait; the older ones are given up.
    pub(crate) waiting: usize,
    /// How many of those that were given up; the older ones are forgotten.
    pub(crate) given_up: usize,
}

impl Bound {
    /// Never more than 10,000 of each: none can get more than [`CHECK_EVERY`] before the next look.
    pub(crate) const USUAL: Self =
        Self { waiting: 10_000 - CHECK_EVERY as usize, given_up: 10_000 - CHECK_EVERY as usize };
}
