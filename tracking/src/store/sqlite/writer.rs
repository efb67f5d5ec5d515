//! The one thread that writes, and its group commit.
//!
//! Callers hand in jobs and wait. The thread takes all jobs that wait, does them inside one
//! transaction, commits, and only then answers: one sync of the disk serves many callers.
//!
//! A job that fails takes nothing of its neighbours along. Nearly all that fail have not written
//! anything by then; when one has, the transaction starts over, with a savepoint around each job.
//! Savepoints all the time would cost a copy of each changed page for each job.

use super::changes::{Changes, Phase};
use super::database::{Session, lock, patiently};
use super::failure::{Failure, Loss, is_busy};
use super::schema::Layout;
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
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
    pub(super) fn start(changes: Arc<Changes>, layout: Layout) -> io::Result<Self> {
        let (jobs, queue) = channel();
        let serve = move || serve(&changes, layout, &queue);
        let thread = thread::Builder::new().name("sqlite-writer".to_owned()).spawn(serve)?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Has `work` done and committed.
    pub(super) fn run<T: Send + 'static>(
        &self,
        work: impl Fn(&Session<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let (reply, answer) = sync_channel(1);
        // A caller that does not wait any more needs no answer.
        self.submit(work, move |outcome| drop(reply.send(outcome)));
        answer.recv().unwrap_or_else(|_| Err(Failure::Lost(gone())))
    }

    /// Has `work` done and committed, and tells `done` so, on the thread that writes.
    pub(super) fn submit<T: Send + 'static>(
        &self,
        work: impl Fn(&Session<'_>) -> Result<T, Failure> + Send + 'static,
        done: impl FnOnce(Result<T, Failure>) + Send + 'static,
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
        if let Some(thread) = self.thread.take() {
            // It catches the panics of jobs, so there is nothing to pass on.
            let _ = thread.join();
        }
    }
}

/// What a caller waits for.
trait Job: Send {
    /// Does the work, once more when what it did the last time was rolled back, and tells whether
    /// to keep what it did.
    fn work(&mut self, db: &Session<'_>) -> bool;

    /// Tells whether the work failed because the disk takes no more.
    fn is_full(&self) -> bool;

    /// Answers the caller; `lost` says why work that went well is not kept.
    fn answer(self: Box<Self>, lost: Option<&Loss>);
}

struct Task<F, T, D> {
    work: F,
    outcome: Option<Result<T, Failure>>,
    done: D,
}

impl<F, T, D> Job for Task<F, T, D>
where
    T: Send,
    F: Fn(&Session<'_>) -> Result<T, Failure> + Send,
    D: FnOnce(Result<T, Failure>) + Send,
{
    fn work(&mut self, db: &Session<'_>) -> bool {
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.work)(db))).unwrap_or_else(|_| {
            Err(Failure::Lost(Loss::Other("a panic: this is a bug in the store".to_owned())))
        });
        let keep = outcome.is_ok();
        self.outcome = Some(outcome);
        keep
    }

    fn is_full(&self) -> bool {
        matches!(&self.outcome, Some(Err(failure)) if failure.is_full())
    }

    fn answer(self: Box<Self>, lost: Option<&Loss>) {
        let answer = match (self.outcome, lost) {
            (Some(Err(failure)), _) => Err(failure),
            (Some(Ok(value)), None) => Ok(value),
            (_, Some(loss)) => Err(Failure::Lost(loss.clone())),
            (None, None) => Err(Failure::Lost(Loss::Other("it was not done".to_owned()))),
        };
        let done = self.done;
        if catch_unwind(AssertUnwindSafe(|| done(answer))).is_err() {
            tracing::error!("a panic in a caller that waited for a change: this is a bug");
        }
    }
}

fn serve(changes: &Changes, layout: Layout, queue: &Receiver<Box<dyn Job>>) {
    while let Ok(first) = queue.recv() {
        let mut group = Vec::new();
        let waiting = iter::once(first).chain(queue.try_iter()).take(GROUP_MAX);
        let lost = write(changes, layout, waiting, &mut group);
        group.into_iter().for_each(|job| job.answer(lost.as_ref()));
    }
}

/// Does and commits what waits, and says why when that fails. The jobs that were taken stand in
/// `group` in any case.
fn write(
    changes: &Changes,
    layout: Layout,
    waiting: impl Iterator<Item = Box<dyn Job>>,
    group: &mut Vec<Box<dyn Job>>,
) -> Option<Loss> {
    changes.set_phase(Phase::Between);
    let conn = lock(&changes.conn);
    let session = Session::new(&conn, layout);
    let outcome = commit(&conn, &session, changes, waiting, group);
    changes.set_phase(Phase::Between);
    let lost = outcome.err().map(|failure| match failure {
        failure if failure.is_full() => Loss::Full,
        Failure::Lost(loss) => loss,
        Failure::Sql(error) if is_busy(&error) => {
            Loss::Other("another program has been writing for more than a minute".to_owned())
        }
        Failure::Sql(error) => Loss::Other(error.to_string()),
        Failure::Rule(error) => Loss::Other(error.to_string()),
    });
    if lost.is_some()
        && !conn.is_autocommit()
        && let Err(error) = conn.execute_batch("ROLLBACK")
    {
        tracing::error!(%error, "cannot roll back a transaction");
    }
    // Before anybody is answered: who asks after an answer must learn of the change.
    match session.changed_everything() {
        true => changes.note_everything(),
        false => changes.note(session.changed_runs()),
    }
    drop(conn);
    changes.set_phase(Phase::Idle);
    lost
}

/// Does and commits what waits.
fn commit(
    conn: &Connection,
    session: &Session<'_>,
    changes: &Changes,
    mut waiting: impl Iterator<Item = Box<dyn Job>>,
    group: &mut Vec<Box<dyn Job>>,
) -> Result<(), Failure> {
    let run = |sql: &str| conn.prepare_cached(sql)?.execute([]);
    // The first job is there before the wait for other programs, the others may come meanwhile.
    group.extend(waiting.next());
    let mut with_savepoints = false;
    loop {
        patiently(|| Ok(run("BEGIN IMMEDIATE")?))?;
        changes.look_for_others(conn)?;
        changes.set_phase(Phase::Inside);
        if work(conn, session, with_savepoints, &mut waiting, group)? {
            break;
        }
        run("ROLLBACK")?;
        changes.set_phase(Phase::Between);
        with_savepoints = true;
    }
    patiently(|| Ok(run("COMMIT")?))?;
    Ok(())
}

/// Does all jobs that wait; says no when one must be undone and there are no savepoints.
fn work(
    conn: &Connection,
    session: &Session<'_>,
    with_savepoints: bool,
    waiting: &mut impl Iterator<Item = Box<dyn Job>>,
    group: &mut Vec<Box<dyn Job>>,
) -> Result<bool, Failure> {
    let run = |sql: &str| conn.prepare_cached(sql)?.execute([]);
    let mut next = 0;
    loop {
        if next == group.len() {
            match waiting.next() {
                Some(job) => group.push(job),
                None => return Ok(true),
            }
        }
        if with_savepoints {
            run("SAVEPOINT job")?;
        }
        let before = conn.total_changes();
        let keep = group[next].work(session);
        if conn.is_autocommit() {
            // A full disk, say, makes SQLite give up the whole transaction.
            return Err(Failure::Lost(match group[next].is_full() {
                true => Loss::Full,
                false => Loss::Other("the database rolled back the transaction".to_owned()),
            }));
        }
        match (keep, with_savepoints) {
            (false, false) if conn.total_changes() != before => return Ok(false),
            (false, true) => drop(run("ROLLBACK TO job")?),
            _ => {}
        }
        if with_savepoints {
            run("RELEASE job")?;
        }
        next += 1;
    }
}
