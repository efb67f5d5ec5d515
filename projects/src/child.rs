//! Runs the command of an entry point and keeps what it prints.

use std::{
    fs::{self, File},
    io,
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::ExitStatus,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{
    Cancel, Cause, Environ, Error, Failure, Outcome, Reporter, Result,
    error::Context,
    process::{End, LastLines, Limits, LineSplitter, Sink, Tee, supervise},
    run::record,
};

/// A command that is about to run.
pub(crate) struct Child {
    /// What `bash -c` gets.
    pub(crate) command: String,
    /// The folder it runs in.
    pub(crate) folder: PathBuf,
    /// All its variables.
    pub(crate) environ: Environ,
    /// Gets its standard output.
    pub(crate) stdout: Box<dyn io::Write + Send>,
    /// Gets its standard error.
    pub(crate) stderr: Box<dyn io::Write + Send>,
    /// Time between SIGTERM and SIGKILL.
    pub(crate) grace: Duration,
    /// The folder for its log files, which does not exist yet.
    pub(crate) logs: PathBuf,
}

/// Runs the command to its end and records its logs.
///
/// `held` stays locked until the command is gone, even if this process is killed before.
pub(crate) fn run(
    child: Child,
    reporter: &dyn Reporter,
    cancel: &Cancel,
    held: &File,
) -> Result<Outcome> {
    let Child { command, folder, environ, stdout, stderr, grace, logs } = child;
    let bash = environ.find("bash").ok_or_else(|| Error::ToolNotFound {
        programs: vec!["bash".to_owned()],
        purpose: "run the command".to_owned(),
    })?;
    fs::create_dir(&logs).context(|| format!("create {}", logs.display()))?;
    let last: [Arc<Mutex<LastLines>>; 2] = Default::default();
    let mut sinks = Vec::new();
    for ((name, writer), last) in
        [("stdout.txt", stdout), ("stderr.txt", stderr)].into_iter().zip(&last)
    {
        let path = logs.join(name);
        let file = File::create(&path).context(|| format!("create {}", path.display()))?;
        sinks.push(sink(writer, file, Arc::clone(last)));
    }
    let [out, err] = <[Sink; 2]>::try_from(sinks).unwrap_or_else(|_| unreachable!("two streams"));
    let mut process = environ.command(&bash);
    process.arg("-c").arg(&command).current_dir(&folder);
    let limits = Limits { cancel, grace, silence_max: None, held: Some(held) };
    let end = supervise(&mut process, [out, err], &limits).context(|| "run bash".to_owned())?;
    for name in ["stdout.txt", "stderr.txt"] {
        record(reporter, &format!("logs/{name}"), &logs.join(name));
    }
    let last_lines = || {
        let [out, err] =
            last.map(|last| last.lock().unwrap_or_else(PoisonError::into_inner).texts());
        fair_share(out, err)
    };
    Ok(match end {
        End::Exited(status) if status.success() => Outcome::Finished,
        End::Exited(status) => {
            Outcome::Failed(Failure { cause: cause(status), last_lines: last_lines() })
        }
        End::Cancelled | End::Silent => Outcome::Killed,
    })
}

/// Keeps the last lines of both streams: neither pushes out more than half of the other's.
fn fair_share(mut out: Vec<String>, mut err: Vec<String>) -> Vec<String> {
    const LINES_MAX: usize = 20;
    let out_share = LINES_MAX.saturating_sub(err.len()).max(LINES_MAX / 2);
    out.drain(..out.len().saturating_sub(out_share));
    err.drain(..err.len().saturating_sub(LINES_MAX - out.len()));
    out.extend(err);
    out
}

fn cause(status: ExitStatus) -> Cause {
    match (status.code(), status.signal()) {
        (Some(code), _) => Cause::Exit(code),
        (None, signal) => Cause::Signal(signal.unwrap_or_default()),
    }
}

fn sink(writer: Box<dyn io::Write + Send>, log: File, last: Arc<Mutex<LastLines>>) -> Sink {
    /// Adds the line that has no end yet when the stream is over.
    struct Lines(LineSplitter, Arc<Mutex<LastLines>>);

    impl Lines {
        fn last(&self) -> std::sync::MutexGuard<'_, LastLines> {
            self.1.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    impl Drop for Lines {
        fn drop(&mut self) {
            let mut splitter = std::mem::take(&mut self.0);
            let mut last = self.last();
            splitter.finish(|line| last.push(line));
        }
    }

    let (mut tee, mut lines) = (Tee::new(log, writer), Lines(LineSplitter::default(), last));
    Box::new(move |bytes| {
        tee.write(bytes);
        let last = Arc::clone(&lines.1);
        lines.0.write(bytes, |line| last.lock().unwrap_or_else(PoisonError::into_inner).push(line));
    })
}
