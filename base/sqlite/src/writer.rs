//! The one thread that writes, and its group commit.
//!
//! Callers hand in jobs and wait. The thread takes all jobs that wait, does each in a savepoint of
//! its own inside one transaction, commits, and only then answers: one sync of the disk serves
//! many callers, and a job that fails takes nothing of its neighbours along.

use super::database::patiently;
use super::failure::Failure;
use super::session::{Layout, Session};
use rusqlite::Connection;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{io, iter};

/// Jobs in one transaction; more wait for the next one, so that nobody waits for long.
const GROUP_MAX: usize = 512;

/// The queue to the thread. Dropping it lets the thread finish and closes the file.
pub(crate) struct Writer<L> {
    jobs: Option<Sender<Box<dyn Job<L>>>>,
    thread: Option<JoinHandle<()>>,
}

impl<L: Layout> Writer<L> {
    pub(crate) fn start(conn: Connection, layout: L, patience: Duration) -> io::Result<Self> {
        let (jobs, queue) = channel();
        let serve = move || Serving { conn, layout, patience }.serve(&queue);
        let thread = thread::Builder::new().name("sqlite-writer".to_owned()).spawn(serve)?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Has `work` done and committed.
    pub(crate) fn run<T: Send + 'static, E: Send + 'static>(
        &self,
        work: impl FnOnce(&Session<'_, L>) -> Result<T, Failure<E>> + Send + 'static,
    ) -> Result<T, Failure<E>> {
        let (reply, answer) = sync_channel(1);
        let task = Task { work: Some(work), outcome: None, reply };
        let sent = self.jobs.as_ref().is_some_and(|jobs| jobs.send(Box::new(task)).is_ok());
        let gone = || Failure::Lost("the writer thread has ended".to_owned());
        if !sent {
            return Err(gone());
        }
        answer.recv().unwrap_or_else(|_| Err(gone()))
    }
}

impl<L> Drop for Writer<L> {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
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
            Failure::Lost(why) => Self::Other(why),
            Failure::Sql(error) => Self::Other(error.to_string()),
            Failure::ReadOnly => Self::Other("the file was opened read-only".to_owned()),
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
trait Job<L>: Send {
    /// Does the work and tells whether to keep what it did.
    fn work(&mut self, db: &Session<'_, L>) -> bool;

    /// Tells whether the work failed because the disk takes no more.
    fn is_full(&self) -> bool;

    /// Answers the caller.
    fn answer(self: Box<Self>, loss: Option<&Loss>);
}

struct Task<F, T, E> {
    work: Option<F>,
    outcome: Option<Result<T, Failure<E>>>,
    reply: SyncSender<Result<T, Failure<E>>>,
}

impl<F, T, E, L> Job<L> for Task<F, T, E>
where
    T: Send,
    E: Send,
    F: FnOnce(&Session<'_, L>) -> Result<T, Failure<E>> + Send,
{
    fn work(&mut self, db: &Session<'_, L>) -> bool {
        let Some(work) = self.work.take() else { return false };
        let outcome = catch_unwind(AssertUnwindSafe(|| work(db))).unwrap_or_else(|_| {
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
        // A caller that does not wait any more needs no answer.
        let _ = self.reply.send(answer);
    }
}

struct Serving<L> {
    conn: Connection,
    layout: L,
    patience: Duration,
}

impl<L: Layout> Serving<L> {
    fn serve(&self, queue: &Receiver<Box<dyn Job<L>>>) {
        while let Ok(first) = queue.recv() {
            let mut group = Vec::new();
            let outcome = self.commit(iter::once(first).chain(queue.try_iter()), &mut group);
            let loss = outcome.err().map(Loss::of);
            if loss.is_some() {
                roll_back(&self.conn);
            }
            group.into_iter().for_each(|job| job.answer(loss.as_ref()));
        }
    }

    /// Does and commits what waits. The jobs that were taken stand in `group` in any case.
    fn commit(
        &self,
        waiting: impl Iterator<Item = Box<dyn Job<L>>>,
        group: &mut Vec<Box<dyn Job<L>>>,
    ) -> Result<(), Failure<Infallible>> {
        let session = Session::new(&self.conn, self.layout);
        let mut waiting = waiting.take(GROUP_MAX);
        // The first job is there before the wait for other programs, the others may come
        // meanwhile.
        group.extend(waiting.next());
        patiently(self.patience, || self.run("BEGIN IMMEDIATE"))?;
        let mut next = 0;
        loop {
            let Some(job) = group.get_mut(next) else {
                match waiting.next() {
                    Some(job) => group.push(job),
                    None => break,
                }
                continue;
            };
            self.run("SAVEPOINT job")?;
            let keep = job.work(&session);
            if self.conn.is_autocommit() {
                // A full disk, say, makes SQLite give up the whole transaction.
                return Err(match job.is_full() {
                    true => Failure::Full,
                    false => Failure::Lost("the database rolled back the transaction".to_owned()),
                });
            }
            if !keep {
                self.run("ROLLBACK TO job")?;
            }
            self.run("RELEASE job")?;
            next += 1;
        }
        patiently(self.patience, || self.run("COMMIT"))
    }

    fn run(&self, sql: &str) -> Result<(), Failure<Infallible>> {
        self.conn.prepare_cached(sql)?.execute([])?;
        Ok(())
    }
}

fn roll_back(conn: &Connection) {
    if !conn.is_autocommit()
        && let Err(error) = conn.execute_batch("ROLLBACK")
    {
        tracing::error!(%error, "cannot roll back a transaction");
    }
}

/// Does one job in a transaction of its own, on the caller's thread.
pub(crate) fn in_transaction<T, E, L: Layout>(
    conn: &Connection,
    layout: L,
    work: impl FnOnce(&Session<'_, L>) -> Result<T, Failure<E>>,
) -> Result<T, Failure<E>> {
    conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let outcome = catch_unwind(AssertUnwindSafe(|| work(&Session::new(conn, layout))));
    let kept = match &outcome {
        Ok(Ok(_)) => conn.prepare_cached("COMMIT").and_then(|mut end| end.execute([])).map(drop),
        _ => Ok(()),
    };
    roll_back(conn);
    let value = outcome.unwrap_or_else(|panic| resume_unwind(panic))?;
    kept?;
    Ok(value)
}
