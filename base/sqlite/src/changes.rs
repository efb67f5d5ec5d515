//! What was written since somebody last asked, by us and by other programs.
//!
//! Stores note what they change by a key of their choice; all of them do so on the one connection
//! that writes, so a store that keeps something in memory is not disturbed by its neighbours. That
//! another program wrote is seen by SQLite's `data_version` on that connection, which only commits
//! of others change. The writer asks for it whenever it begins a transaction; from then on until
//! its commit nobody else can write, so what is noted here is complete then. While the writer has
//! nothing to do, whoever wants to know asks on its connection.

use super::database::lock;
use super::session::Notes;
use rusqlite::Connection;
use std::collections::HashSet;
use std::fmt;
use std::mem;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::thread;

/// Changes that are noted one by one; beyond, everything counts as changed.
const KEYS_MAX: usize = 10_000;
/// How often to look again at a writer that is about to begin or end a transaction.
const LOOKS_MAX: usize = 50;

/// What the writer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// Nothing: its connection can be asked.
    Idle,
    /// It waits for its turn to write, or notes what it has written.
    Between,
    /// It is the only one that can write.
    Inside,
}

/// What changed.
#[derive(Debug, Default)]
pub struct Changed {
    /// The keys under which stores of this program noted their changes.
    pub keys: HashSet<String>,
    /// Whether anything may have changed.
    pub everything: bool,
}

/// The connection that writes, and what was written.
#[derive(Debug)]
pub(crate) struct Changes {
    pub(crate) conn: Mutex<Connection>,
    phase: AtomicU8,
    noted: Mutex<Noted>,
    /// Whether nobody else can have the database open.
    is_unshared: bool,
}

#[derive(Debug, Default)]
struct Noted {
    /// What SQLite reported last about commits of others.
    data_version: i64,
    watches: Vec<Weak<Mutex<Pending>>>,
}

/// What one watch has not fetched yet.
#[derive(Debug, Default)]
struct Pending {
    changed: Changed,
    /// Whether it was ever asked for.
    is_wanted: bool,
}

impl Changes {
    pub(crate) fn new(conn: Connection) -> Self {
        let phase = AtomicU8::new(Phase::Idle as u8);
        Self { conn: Mutex::new(conn), phase, noted: Mutex::default(), is_unshared: false }
    }

    /// Wraps a connection to a database that nobody else can open.
    pub(crate) fn unshared(conn: Connection) -> Self {
        Self { is_unshared: true, ..Self::new(conn) }
    }

    pub(crate) fn set_phase(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::SeqCst);
    }

    /// Notes whether others have written, on the connection that writes.
    pub(crate) fn look_for_others(&self, conn: &Connection) -> rusqlite::Result<()> {
        let mut statement = conn.prepare_cached("PRAGMA data_version")?;
        let version: i64 = statement.query_row([], |row| row.get(0))?;
        let mut noted = lock(&self.noted);
        if mem::replace(&mut noted.data_version, version) != version {
            noted.tell(|pending| pending.changed.everything = true);
        }
        Ok(())
    }

    /// Passes on what was changed and is committed, or rolled back.
    pub(crate) fn note(&self, notes: &Notes) {
        let keys = notes.keys.take();
        let everything = notes.everything.take();
        if keys.is_empty() && !everything {
            return;
        }
        lock(&self.noted).tell(|pending| pending.note(&keys, everything));
    }

    pub(crate) fn watch(changes: &Arc<Self>) -> Watch {
        // What was there before the first question is read then.
        let changed = Changed { everything: true, ..Changed::default() };
        let pending = Arc::new(Mutex::new(Pending { changed, is_wanted: false }));
        lock(&changes.noted).watches.push(Arc::downgrade(&pending));
        Watch { changes: changes.clone(), pending }
    }
}

impl Noted {
    fn tell(&mut self, mut what: impl FnMut(&mut Pending)) {
        self.watches.retain(|watch| {
            let watch = watch.upgrade();
            if let Some(pending) = &watch {
                what(&mut lock(pending));
            }
            watch.is_some()
        });
    }
}

impl Pending {
    fn note(&mut self, keys: &[String], everything: bool) {
        self.changed.everything |= everything;
        if !self.is_wanted || self.changed.everything {
            return;
        }
        self.changed.keys.extend(keys.iter().cloned());
        self.changed.everything = self.changed.keys.len() > KEYS_MAX;
    }

    fn take(&mut self) -> Changed {
        self.is_wanted = true;
        mem::take(&mut self.changed)
    }
}

/// Collects what changes in a file, for somebody who keeps a part of it in memory.
pub struct Watch {
    changes: Arc<Changes>,
    pending: Arc<Mutex<Pending>>,
}

impl Watch {
    /// Takes what changed since the last call. It holds at least all that was committed before
    /// this call; `None` when that cannot be known without waiting for another program.
    pub fn take(&self) -> Option<Changed> {
        for _ in 0..LOOKS_MAX {
            let phase = self.changes.phase.load(Ordering::SeqCst);
            if phase == Phase::Inside as u8 || self.changes.is_unshared {
                return Some(lock(&self.pending).take());
            }
            if phase == Phase::Idle as u8
                && let Ok(conn) = self.changes.conn.try_lock()
            {
                self.changes.look_for_others(&conn).ok()?;
                return Some(lock(&self.pending).take());
            }
            thread::yield_now();
        }
        None
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}
