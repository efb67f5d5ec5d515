//! What was written since somebody last asked, by us and by other programs.
//!
//! Our own writer notes the runs that it changes. That another program wrote is seen by SQLite's
//! `data_version` on the writer's connection, which only commits of others change. The writer asks
//! for it whenever it begins a transaction; from then on until its commit nobody else can write, so
//! what is noted here is complete then. While the writer has nothing to do, whoever wants to know
//! asks on its connection.

use super::database::lock;
use rusqlite::Connection;
use std::collections::HashSet;
use std::mem;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

/// Changed runs that are noted one by one; beyond, everything counts as changed.
const RUNS_MAX: usize = 10_000;
/// How often to look again at a writer that is about to begin or end a transaction.
const LOOKS_MAX: usize = 50;

/// What the writer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// Nothing: its connection can be asked.
    Idle,
    /// It waits for its turn to write, or says what it has written.
    Between,
    /// It is the only one that can write.
    Inside,
}

/// What changed.
#[derive(Debug, Default)]
pub(super) struct Changed {
    /// The runs that we changed or made.
    pub(super) runs: HashSet<String>,
    /// Whether anything may have changed.
    pub(super) everything: bool,
}

/// Notes of the writer, and its connection.
#[derive(Debug)]
pub(super) struct Changes {
    pub(super) conn: Mutex<Connection>,
    phase: AtomicU8,
    noted: Mutex<Noted>,
}

#[derive(Debug, Default)]
struct Noted {
    changed: Changed,
    /// What SQLite said last about commits of others.
    data_version: i64,
    /// Whether anybody has asked yet.
    is_wanted: bool,
}

impl Changes {
    pub(super) fn new(conn: Connection) -> Self {
        let phase = AtomicU8::new(Phase::Idle as u8);
        Self { conn: Mutex::new(conn), phase, noted: Mutex::default() }
    }

    pub(super) fn set_phase(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::SeqCst);
    }

    /// Notes whether others have written, on the writer's connection.
    pub(super) fn look_for_others(&self, conn: &Connection) -> rusqlite::Result<()> {
        let mut statement = conn.prepare_cached("PRAGMA data_version")?;
        let version: i64 = statement.query_row([], |row| row.get(0))?;
        let mut noted = lock(&self.noted);
        if mem::replace(&mut noted.data_version, version) != version {
            noted.changed.everything = true;
        }
        Ok(())
    }

    /// Notes runs whose changes are committed.
    pub(super) fn note(&self, runs: impl Iterator<Item = String>) {
        let mut noted = lock(&self.noted);
        if !noted.is_wanted || noted.changed.everything {
            return;
        }
        noted.changed.runs.extend(runs);
        if noted.changed.runs.len() > RUNS_MAX {
            noted.changed.everything = true;
        }
    }

    /// Notes that more was changed than some runs.
    pub(super) fn note_everything(&self) {
        lock(&self.noted).changed.everything = true;
    }

    /// Takes what changed since the last call. It holds at least all that was committed before
    /// this call; `None` when that cannot be told without waiting for another program.
    pub(super) fn take(&self) -> Option<Changed> {
        for _ in 0..LOOKS_MAX {
            let phase = self.phase.load(Ordering::SeqCst);
            if phase == Phase::Inside as u8 {
                return Some(self.taken());
            }
            if phase == Phase::Idle as u8
                && let Ok(conn) = self.conn.try_lock()
            {
                self.look_for_others(&conn).ok()?;
                return Some(self.taken());
            }
            thread::yield_now();
        }
        None
    }

    fn taken(&self) -> Changed {
        let mut noted = lock(&self.noted);
        noted.is_wanted = true;
        mem::take(&mut noted.changed)
    }
}
