//! Any MLflow model, scored by Python: a process in the model's own environment answers.
//!
//! The process speaks with us over a socket, which is its standard input: when either side ends,
//! the other one notices. It is started with the first input, started again after it ended, and
//! ended with the [`Worker`]. An input that ends it is answered with an error, and so is one for
//! which it takes too long, which ends it.

mod frame;

use frame::{Array, Header};
use mlctl_models_format::signature::Params;
use mlctl_models_format::{Answer, Body, Error, Predictor, Result};
use mlctl_table::Input;
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

const SCRIPT: &str = include_str!("python/worker.py");

/// Reads the script from the socket and runs it: so it needs no file, whose folder Python would
/// look for modules in before all others.
const BOOTSTRAP: &str = "import sys; sys.path = [p for p in sys.path if p]; import os, socket; \
    exec(compile(socket.socket(fileno=os.dup(0)).recv(int(sys.argv.pop()), socket.MSG_WAITALL), \
    'mlctl-worker', 'exec'))";

/// Lines of what the process says that are kept for a failure.
const LINES_KEPT: usize = 20;
/// How long the last lines of a process that ended are waited for.
const LISTENING: Duration = Duration::from_secs(1);

/// Prepares the interpreter of the model's environment, with the variables that it is to see.
pub type Interpreter = Box<dyn Fn() -> Command + Send + Sync>;

/// A model that Python scores, one input after the other.
pub struct Worker {
    interpreter: Interpreter,
    folder: PathBuf,
    process: Mutex<Option<Process>>,
    /// In milliseconds; 0 for none.
    time_limit: AtomicU64,
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("folder", &self.folder).finish_non_exhaustive()
    }
}

struct Process {
    child: Child,
    stream: BufReader<UnixStream>,
    said: Arc<Mutex<VecDeque<String>>>,
    /// Ends with the process's errors.
    silence: Receiver<()>,
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already; what matters is that nothing is left of it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Worker {
    /// Starts the process and waits until it has loaded the model.
    ///
    /// # Errors
    /// [`Error::Python`] when the interpreter does not start, lacks packages, or cannot load the
    /// model; with what it said last.
    pub fn start(interpreter: Interpreter, folder: &Path) -> Result<Self> {
        let folder = folder.to_owned();
        let (process, time_limit) = (Mutex::new(None), AtomicU64::new(0));
        let worker = Self { interpreter, folder, process, time_limit };
        let process = worker.spawn()?;
        *worker.process.lock().unwrap_or_else(PoisonError::into_inner) = Some(process);
        Ok(worker)
    }

    fn spawn(&self) -> Result<Process> {
        let failed = |error| Error::io("starting Python", error);
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
        let mut command = (self.interpreter)();
        command.args(["-c", BOOTSTRAP]).arg(&self.folder).arg(SCRIPT.len().to_string());
        command.stdin(Stdio::from(OwnedFd::from(theirs)));
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| {
            let program = command.get_program().to_string_lossy().into_owned();
            Error::io(format!("starting `{program}`"), error)
        })?;
        // The command still holds their end of the socket: with it we would never see it close.
        drop(command);
        let said = Arc::default();
        let (open, silence) = channel();
        if let Some(stderr) = child.stderr.take() {
            listen(stderr, Arc::clone(&said), open);
        }
        let mut process = Process { child, stream: BufReader::new(ours), said, silence };
        if process.stream.get_ref().write_all(SCRIPT.as_bytes()).is_err() {
            return Err(Error::Python { problem: process.end() });
        }
        match Header::read(&mut process.stream) {
            Ok((Header { error: None, .. }, _)) => Ok(process),
            Ok((Header { error: Some(problem), .. }, _)) => {
                Err(Error::Python { problem: format!("it cannot load the model: {problem}") })
            }
            Err(_) => Err(Error::Python { problem: process.end() }),
        }
    }

    fn answer(&self, send: impl Fn(&mut &UnixStream) -> io::Result<()>) -> Result<Answer> {
        let mut place = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        // One that ended while it had nothing to do has failed nobody.
        let mut process = match place.take().and_then(Process::if_alive) {
            Some(process) => process,
            None => self.spawn()?,
        };
        let limit = Duration::from_millis(self.time_limit.load(Ordering::Relaxed));
        let limit = Some(limit).filter(|limit| !limit.is_zero());
        let (header, arrays) = match process.ask(send, limit) {
            Ok(answered) => answered,
            // The next input finds a new process.
            Err(error) => {
                let is_late = matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock);
                let ended = process.end();
                let problem = match limit.filter(|_| is_late) {
                    Some(limit) => format!("it did not answer within {} s", limit.as_secs_f64()),
                    None => ended,
                };
                return Err(Error::Python { problem });
            }
        };
        *place = Some(process);
        drop(place);
        if let Some(problem) = header.error {
            return Err(match header.code.as_deref() {
                None => Error::Evaluation { problem },
                Some("BAD_REQUEST") => Error::BadRequest(problem),
                Some("INVALID_PARAMETER_VALUE") => Error::SchemaMismatch(problem),
                Some(_) => Error::Python { problem },
            });
        }
        frame::answer(header, arrays)
    }
}

impl Process {
    fn if_alive(mut self) -> Option<Self> {
        matches!(self.child.try_wait(), Ok(None)).then_some(self)
    }

    fn ask(
        &mut self,
        send: impl Fn(&mut &UnixStream) -> io::Result<()>,
        limit: Option<Duration>,
    ) -> io::Result<(Header, Vec<Array>)> {
        let stream = self.stream.get_ref();
        stream.set_read_timeout(limit)?;
        stream.set_write_timeout(limit)?;
        send(&mut self.stream.get_ref())?;
        Header::read(&mut self.stream)
    }

    /// Waits for its end, and says how it ended and what it said last.
    fn end(&mut self) -> String {
        // What is on its way to its end anyway keeps its own reason.
        let _ = self.child.kill();
        let status = match self.child.wait() {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        // A process that it left behind may hold its errors open: they are not waited for in vain.
        let _ = self.silence.recv_timeout(LISTENING);
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let last = said.iter().rev().find(|line| !line.trim().is_empty());
        let last = last.map(|line| format!(": {}", line.trim())).unwrap_or_default();
        format!("it ended ({status}){last}")
    }
}

/// Passes on what the process says, and keeps the last of it.
fn listen(
    stderr: impl io::Read + Send + 'static,
    said: Arc<Mutex<VecDeque<String>>>,
    open: Sender<()>,
) {
    thread::spawn(move || {
        let _open = open;
        let mut lines = BufReader::new(stderr);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).is_ok_and(|size| size > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            tracing::info!(target: "mlctl_models::python", "{text}");
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            said.push_back(text);
            if said.len() > LINES_KEPT {
                said.pop_front();
            }
            line.clear();
        }
    });
}

impl Predictor for Worker {
    fn waits(&self) -> bool {
        true
    }

    fn set_time_limit(&self, limit: Duration) {
        let milliseconds = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        self.time_limit.store(milliseconds.max(1), Ordering::Relaxed);
    }

    fn predict(&self, input: &Input) -> Result<Answer> {
        self.answer(|stream| frame::write(stream, input, &Params::default()))
    }

    fn predict_with(&self, input: Input, params: &Params) -> Result<Answer> {
        self.answer(|stream| frame::write(stream, &input, params))
    }

    fn reads_bodies(&self) -> bool {
        true
    }

    fn predict_body(&self, body: &Body) -> Result<Answer> {
        self.answer(|stream| frame::write_body(stream, body))
    }
}
