//! The one thread that writes, and its group commit.
//!
//! Callers hand in jobs and wait. The thread takes all jobs that wait, does each in a savepoint of
//! its own inside one transaction, commits, and only then answers: one sync of the disk serves
//! many callers, and a job that fails takes nothing of its neighbours along.

use super::database::{Session, patiently};
use super::failure::{Failure, is_busy};
use super::schema::Layout;
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};
use std::{io, iter};

/// Jobs in one transaction; more wait for the next one, so that nobody waits for long.
const GROUP_MAX: usize = 512;

/// The queue to the thread. Dropping it lets the thread finish and closes the file.
pub(super) struct Writer {
    jobs: Option<Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(conn: Connection, layout: Layout) -> io::Result<Self> {
        let (jobs, queue) = channel();
        let serve = move || serve(&conn, layout, &queue);
        let thread = thread::Builder::new().name("sqlite-writer".to_owned()).spawn(serve)?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Has `work` done and committed.
    pub(super) fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Session<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let (reply, answer) = sync_channel(1);
        let task = Task { work: Some(work), outcome: None, reply };
        let sent = self.jobs.as_ref().is_some_and(|jobs| jobs.send(Box::new(task)).is_ok());
        let gone = || Failure::Lost("the thread that writes has ended".to_owned());
        if !sent {
            return Err(gone());
        }
        answer.recv().unwrap_or_else(|_| Err(gone()))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // It catches the panics of jobs, so there is nothing to pass on.
            let _ = thread.join();
        }
    }
}

/// What a caller waits for.
trait Job: Send {
    /// Does the work and tells whether to keep what it did.
    fn work(&mut self, db: &Session<'_>) -> bool;

    /// Answers the caller; `lost` says why work that went well is not kept.
    fn answer(self: Box<Self>, lost: Option<&str>);
}

struct Task<F, T> {
    work: Option<F>,
    outcome: Option<Result<T, Failure>>,
    reply: SyncSender<Result<T, Failure>>,
}

impl<F, T> Job for Task<F, T>
where
    T: Send,
    F: FnOnce(&Session<'_>) -> Result<T, Failure> + Send,
{
    fn work(&mut self, db: &Session<'_>) -> bool {
        let Some(work) = self.work.take() else { return false };
        let outcome = catch_unwind(AssertUnwindSafe(|| work(db))).unwrap_or_else(|_| {
            Err(Failure::Lost("a panic: this is a defect of the store".to_owned()))
        });
        let keep = outcome.is_ok();
        self.outcome = Some(outcome);
        keep
    }

    fn answer(self: Box<Self>, lost: Option<&str>) {
        let answer = match (self.outcome, lost) {
            (Some(Err(failure)), _) => Err(failure),
            (Some(Ok(value)), None) => Ok(value),
            (Some(Ok(_)), Some(why)) => Err(Failure::Lost(why.to_owned())),
            (None, why) => Err(Failure::Lost(why.unwrap_or("it was not done").to_owned())),
        };
        // A caller that does not wait any more needs no answer.
        let _ = self.reply.send(answer);
    }
}

fn serve(conn: &Connection, layout: Layout, queue: &Receiver<Box<dyn Job>>) {
    while let Ok(first) = queue.recv() {
        let mut group = Vec::new();
        let outcome = commit(conn, layout, iter::once(first).chain(queue.try_iter()), &mut group);
        let lost = outcome.err().map(|failure| match failure {
            Failure::Lost(why) => why,
            Failure::Sql(error) if is_busy(&error) => {
                "another program has been writing for more than a minute".to_owned()
            }
            Failure::Sql(error) => error.to_string(),
            Failure::Rule(error) => error.to_string(),
        });
        if lost.is_some()
            && !conn.is_autocommit()
            && let Err(error) = conn.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a transaction cannot be rolled back");
        }
        group.into_iter().for_each(|job| job.answer(lost.as_deref()));
    }
}

/// Does and commits what waits. The jobs that were taken stand in `group` in any case.
fn commit(
    conn: &Connection,
    layout: Layout,
    waiting: impl Iterator<Item = Box<dyn Job>>,
    group: &mut Vec<Box<dyn Job>>,
) -> Result<(), Failure> {
    let session = Session::new(conn, layout);
    let run = |sql: &str| conn.prepare_cached(sql)?.execute([]);
    let mut waiting = waiting.take(GROUP_MAX);
    // The first job is there before the wait for other programs, the others may come meanwhile.
    group.extend(waiting.next());
    patiently(|| Ok(run("BEGIN IMMEDIATE")?))?;
    let mut next = 0;
    loop {
        let Some(job) = group.get_mut(next) else {
            match waiting.next() {
                Some(job) => group.push(job),
                None => break,
            }
            continue;
        };
        run("SAVEPOINT job")?;
        let keep = job.work(&session);
        if conn.is_autocommit() {
            // A full disk, say, makes SQLite give up the whole transaction.
            return Err(Failure::Lost("the database gave up the transaction".to_owned()));
        }
        if !keep {
            run("ROLLBACK TO job")?;
        }
        run("RELEASE job")?;
        next += 1;
    }
    patiently(|| Ok(run("COMMIT")?))?;
    Ok(())
}
