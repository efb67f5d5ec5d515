//! The one thread that writes, and its group commit.
//!
//! Callers hand in jobs and wait. The thread takes all jobs that wait, whichever store they come
//! from, does them inside one transaction, commits, and only then answers: one sync of the disk
//! serves many callers.
//!
//! A job that fails takes nothing of its neighbours along. Nearly all that fail have not written
//! anything by then; when one has, the transaction starts over, with a savepoint around each job.
//! Savepoints all the time would cost a copy of each changed page for each job.

use super::changes::{Changes, Phase};
use super::connection::patiently;
use super::database::lock;
use super::failure::Failure;
use super::session::Notes;
use rusqlite::Connection;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{io, iter};

/// Jobs in one transaction; more wait for the next one, so that nobody waits for long.
const GROUP_MAX: usize = 512;

/// The queue to the thread. Dropping it lets the thread finish and closes the file.
pub(crate) struct Writer {
    jobs: Option<Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(changes: Arc<Changes>, patience: Duration) -> io::Result<Self> {
        let (jobs, queue) = channel();
        let serve = move || Serving { changes: &changes, patience }.serve(&queue);
        let thread = thread::Builder::new().name("sqlite-writer".to_owned()).spawn(serve)?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Has `work` done and committed.
    pub(crate) fn run<T: Send + 'static, E: Send + 'static>(
        &self,
        work: impl Fn(&Connection, &Notes) -> Result<T, Failure<E>> + Send + 'static,
    ) -> Result<T, Failure<E>> {
        let (reply, answer) = sync_channel(1);
        // A caller that does not wait any more needs no answer.
        self.submit(work, move |outcome| drop(reply.send(outcome)));
        answer.recv().unwrap_or_else(|_| Err(gone().failure()))
    }

    /// Has `work` done and committed, and gives `done` the outcome, on the thread that writes.
    pub(crate) fn submit<T: Send + 'static, E: Send + 'static>(
        &self,
        work: impl Fn(&Connection, &Notes) -> Result<T, Failure<E>> + Send + 'static,
        done: impl FnOnce(Result<T, Failure<E>>) + Send + 'static,
    ) {
        let task = Box::new(Task { work, outcome: None, done });
        let refused = match &self.jobs {
            Some(jobs) => jobs.send(task).err().map(|refused| refused.0),
            None => Some(task as Box<dyn Job>),
        };
        if let Some(job) = refused {
            job.answer(Some(&gone()));
        }
    }
}

fn gone() -> Loss {
    Loss::Other("the writer thread has ended".to_owned())
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        let is_other = |thread: &JoinHandle<()>| thread.thread().id() != thread::current().id();
        // Whoever is called back may hold the last reference; the thread cannot wait for itself.
        if let Some(thread) = self.thread.take().filter(is_other) {
            // It catches the panics of jobs, so there is nothing to pass on.
            let _ = thread.join();
        }
    }
}

/// Why work that went well is not kept.
#[derive(Clone)]
enum Loss {
    Full,
    Busy(u128),
    Other(String),
}

impl Loss {
    fn of(failure: Failure<Infallible>) -> Self {
        match failure {
            failure if failure.is_full() => Self::Full,
            Failure::Full => Self::Full,
            Failure::Busy(waited_ms) => Self::Busy(waited_ms),
            Failure::Lost(why) | Failure::ReadOnly(why) => Self::Other(why),
            Failure::Sql(error) => Self::Other(error.to_string()),
            Failure::Rule(never) => match never {},
        }
    }

    fn failure<E>(self) -> Failure<E> {
        match self {
            Self::Full => Failure::Full,
            Self::Busy(waited_ms) => Failure::Busy(waited_ms),
            Self::Other(why) => Failure::Lost(why),
        }
    }
}

/// What a caller waits for.
trait Job: Send {
    /// Does the work, once more when what it did the last time was rolled back, and tells whether
    /// to keep what it did.
    fn work(&mut self, conn: &Connection, notes: &Notes) -> bool;

    /// Tells whether the work failed because the disk takes no more.
    fn is_full(&self) -> bool;

    /// Answers the caller; `loss` says why work that went well is not kept.
    fn answer(self: Box<Self>, loss: Option<&Loss>);
}

struct Task<F, T, E, D> {
    work: F,
    outcome: Option<Result<T, Failure<E>>>,
    done: D,
}

impl<F, T, E, D> Job for Task<F, T, E, D>
where
    T: Send,
    E: Send,
    F: Fn(&Connection, &Notes) -> Result<T, Failure<E>> + Send,
    D: FnOnce(Result<T, Failure<E>>) + Send,
{
    fn work(&mut self, conn: &Connection, notes: &Notes) -> bool {
        let outcome =
            catch_unwind(AssertUnwindSafe(|| (self.work)(conn, notes))).unwrap_or_else(|_| {
                Err(Failure::Lost("a panic: this is a bug in the store".to_owned()))
            });
        let keep = outcome.is_ok();
        self.outcome = Some(outcome);
        keep
    }

    fn is_full(&self) -> bool {
        matches!(&self.outcome, Some(Err(failure)) if failure.is_full())
    }

    fn answer(self: Box<Self>, loss: Option<&Loss>) {
        let answer = match (self.outcome, loss) {
            (Some(Err(failure)), _) => Err(failure),
            (Some(Ok(value)), None) => Ok(value),
            (_, Some(loss)) => Err(loss.clone().failure()),
            (None, None) => Err(Failure::Lost("it was not done".to_owned())),
        };
        let done = self.done;
        if catch_unwind(AssertUnwindSafe(|| done(answer))).is_err() {
            tracing::error!("a panic in a caller that waited for a change: this is a bug");
        }
    }
}

struct Serving<'c> {
    changes: &'c Changes,
    patience: Duration,
}

impl Serving<'_> {
    fn serve(&self, queue: &Receiver<Box<dyn Job>>) {
        while let Ok(first) = queue.recv() {
            let mut group = Vec::new();
            let waiting = iter::once(first).chain(queue.try_iter()).take(GROUP_MAX);
            let loss = self.write(waiting, &mut group);
            group.into_iter().for_each(|job| job.answer(loss.as_ref()));
        }
    }

    /// Does and commits what waits, and says why when that fails. The jobs that were taken stand
    /// in `group` in any case.
    fn write(
        &self,
        waiting: impl Iterator<Item = Box<dyn Job>>,
        group: &mut Vec<Box<dyn Job>>,
    ) -> Option<Loss> {
        self.changes.set_phase(Phase::Between);
        let conn = lock(&self.changes.conn);
        let notes = Notes::default();
        let outcome = self.commit(&conn, &notes, waiting, group);
        self.changes.set_phase(Phase::Between);
        let loss = outcome.err().map(Loss::of);
        if loss.is_some() {
            roll_back(&conn);
        }
        // Before anybody is answered: who asks after an answer must learn of the change.
        self.changes.note(&notes);
        drop(conn);
        self.changes.set_phase(Phase::Idle);
        loss
    }

    fn commit(
        &self,
        conn: &Connection,
        notes: &Notes,
        mut waiting: impl Iterator<Item = Box<dyn Job>>,
        group: &mut Vec<Box<dyn Job>>,
    ) -> Result<(), Failure<Infallible>> {
        // The first job is there before the wait for other programs, the others may come
        // meanwhile.
        group.extend(waiting.next());
        let mut with_savepoints = false;
        loop {
            patiently(self.patience, || Ok(run(conn, "BEGIN IMMEDIATE")?))?;
            self.changes.look_for_others(conn)?;
            self.changes.set_phase(Phase::Inside);
            if work(conn, notes, with_savepoints, &mut waiting, group)? {
                break;
            }
            run(conn, "ROLLBACK")?;
            self.changes.set_phase(Phase::Between);
            with_savepoints = true;
        }
        patiently(self.patience, || Ok(run(conn, "COMMIT")?))
    }
}

/// Does all jobs that wait; returns false when one must be undone and there are no savepoints.
fn work(
    conn: &Connection,
    notes: &Notes,
    with_savepoints: bool,
    waiting: &mut impl Iterator<Item = Box<dyn Job>>,
    group: &mut Vec<Box<dyn Job>>,
) -> Result<bool, Failure<Infallible>> {
    let mut next = 0;
    loop {
        let Some(job) = group.get_mut(next) else {
            match waiting.next() {
                Some(job) => group.push(job),
                None => return Ok(true),
            }
            continue;
        };
        if with_savepoints {
            run(conn, "SAVEPOINT job")?;
        }
        let before = conn.total_changes();
        let keep = job.work(conn, notes);
        if conn.is_autocommit() {
            // A full disk, say, makes SQLite give up the whole transaction.
            return Err(match job.is_full() {
                true => Failure::Full,
                false => Failure::Lost("the database rolled back the transaction".to_owned()),
            });
        }
        match (keep, with_savepoints) {
            (false, false) if conn.total_changes() != before => return Ok(false),
            (false, true) => run(conn, "ROLLBACK TO job")?,
            _ => {}
        }
        if with_savepoints {
            run(conn, "RELEASE job")?;
        }
        next += 1;
    }
}

fn run(conn: &Connection, sql: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?.execute([])?;
    Ok(())
}

fn roll_back(conn: &Connection) {
    if !conn.is_autocommit()
        && let Err(error) = conn.execute_batch("ROLLBACK")
    {
        tracing::error!(%error, "cannot roll back a transaction");
    }
}

/// Does one job in a transaction of its own, on the caller's thread.
pub(crate) fn in_transaction<T, E>(
    conn: &Connection,
    work: impl FnOnce() -> Result<T, Failure<E>>,
) -> Result<T, Failure<E>> {
    run(conn, "BEGIN IMMEDIATE")?;
    let outcome = catch_unwind(AssertUnwindSafe(work));
    let kept = match &outcome {
        Ok(Ok(_)) => run(conn, "COMMIT"),
        _ => Ok(()),
    };
    roll_back(conn);
    let value = outcome.unwrap_or_else(|panic| resume_unwind(panic))?;
    kept?;
    Ok(value)
}
