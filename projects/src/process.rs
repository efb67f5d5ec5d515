//! Runs a process in a group of its own, streams what it prints, and ends it when asked.
//!
//! Nothing here polls: reader threads, the waiting thread and the cancel handle all report to one
//! channel. The child stays unreaped until the last signal was sent, so that its process id cannot
//! have become someone else's.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream, process::CommandExt},
    },
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid},
};

use crate::{Cancel, guard::Guard};

/// Time after the child's end in which its output is still read, if others hold the pipes open.
const LEFTOVER: Duration = Duration::from_millis(500);

/// How a process ended.
#[derive(Debug)]
pub(crate) enum End {
    /// By itself.
    Exited(ExitStatus),
    /// Because it was asked to.
    Cancelled,
    /// Because it printed nothing for too long.
    Silent,
}

/// When a process is ended from outside.
pub(crate) struct Limits<'a> {
    /// The handle that ends it.
    pub(crate) cancel: &'a Cancel,
    /// Time between SIGTERM and SIGKILL.
    pub(crate) grace: Duration,
    /// The longest time without output.
    pub(crate) silence_max: Option<Duration>,
    /// What stays locked until the process is gone, even if this one is killed before.
    pub(crate) held: Option<&'a File>,
}

/// Takes what a process prints, as it comes.
pub(crate) type Sink = Box<dyn FnMut(&[u8]) + Send>;

enum Event {
    Output,
    Drained,
    Exited,
    Cancelled,
}

/// Runs `command` to its end. Standard input is empty. When this process is killed meanwhile, the
/// command is ended as if it had been cancelled.
pub(crate) fn supervise(
    command: &mut Command,
    sinks: [Sink; 2],
    limits: &Limits<'_>,
) -> io::Result<End> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn()?;
    let group = Pid::from_child(&child);
    // Without it the command runs as well.
    let guard = Guard::of(group, limits.grace, limits.held).ok();
    let (tell, events) = channel();
    let _listening = limits.cancel.listen({
        let tell = tell.clone();
        move || drop(tell.send(Event::Cancelled))
    });
    // Dropping our end of the socket pair tells the readers to stop.
    let mut stops = Vec::new();
    for (pipe, sink) in pipes(&mut child).into_iter().zip(sinks) {
        let (stop, stopped) = UnixStream::pair()?;
        stops.push(stop);
        let tell = tell.clone();
        let heartbeat = limits.silence_max.is_some();
        thread::spawn(move || copy(pipe, sink, &stopped, &tell, heartbeat));
    }
    thread::spawn(move || {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while waitid(WaitId::Pid(group), options).is_err_and(|err| err == Errno::INTR) {}
        drop(tell.send(Event::Exited));
    });
    let watch = Watch { events, limits, group, readers: stops.len(), exited: false };
    let reason = watch.until_over(stops);
    drop(guard);
    let status = child.wait()?;
    Ok(match reason {
        Reason::Own => End::Exited(status),
        Reason::Cancel => End::Cancelled,
        Reason::Silence => End::Silent,
    })
}

fn pipes(child: &mut Child) -> Vec<OwnedFd> {
    let stdout = child.stdout.take().map(OwnedFd::from);
    let stderr = child.stderr.take().map(OwnedFd::from);
    stdout.into_iter().chain(stderr).collect()
}

/// Hands on what comes through `pipe` until its end, or until `stopped`'s peer is dropped.
fn copy(
    pipe: OwnedFd,
    mut sink: Sink,
    stopped: &UnixStream,
    tell: &Sender<Event>,
    heartbeat: bool,
) {
    let mut pipe = std::fs::File::from(pipe);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let mut ready = [PollFd::new(&pipe, PollFlags::IN), PollFd::new(stopped, PollFlags::IN)];
        match poll(&mut ready, None) {
            Err(Errno::INTR) => continue,
            Err(_) => break,
            Ok(_) => {}
        }
        let (has_output, must_stop) =
            (!ready[0].revents().is_empty(), !ready[1].revents().is_empty());
        if has_output {
            match pipe.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => sink(&buffer[..count]),
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
            if heartbeat {
                drop(tell.send(Event::Output));
            }
        }
        if must_stop {
            break;
        }
    }
    // What the sink holds is released before anybody hears that it is done.
    drop(sink);
    drop(tell.send(Event::Drained));
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reason {
    Own,
    Cancel,
    Silence,
}

struct Watch<'a> {
    events: Receiver<Event>,
    limits: &'a Limits<'a>,
    group: Pid,
    readers: usize,
    exited: bool,
}

impl Watch<'_> {
    fn until_over(mut self, stops: Vec<UnixStream>) -> Reason {
        let reason = self.until_exit_or_reason();
        if reason == Reason::Own {
            self.wait_until(Instant::now() + LEFTOVER, |watch| watch.readers == 0);
        } else {
            self.end_group();
        }
        drop(stops);
        while self.readers > 0 && self.next(None).is_some() {}
        reason
    }

    /// Waits for the child's exit, a cancel, or silence.
    fn until_exit_or_reason(&mut self) -> Reason {
        loop {
            match self.next(self.limits.silence_max.map(|max| Instant::now() + max)) {
                Some(Event::Cancelled) => return Reason::Cancel,
                None if self.limits.silence_max.is_some() => return Reason::Silence,
                _ if self.exited => return Reason::Own,
                _ => {}
            }
        }
    }

    /// Sends SIGTERM, and SIGKILL when the grace time is over or the cancel is repeated.
    fn end_group(&mut self) {
        let _ = kill_process_group(self.group, Signal::TERM);
        let deadline = Instant::now() + self.limits.grace;
        let over =
            |watch: &Self| (watch.exited && watch.readers == 0) || watch.limits.cancel.times() > 1;
        while !over(self) {
            match self.next(Some(deadline)) {
                // What the child started while the first signal was on its way has not had it.
                Some(Event::Exited) => drop(kill_process_group(self.group, Signal::TERM)),
                Some(_) => {}
                None => break,
            }
        }
        // Whoever is left in the group has had its time; a group of zombies does not mind.
        let _ = kill_process_group(self.group, Signal::KILL);
        while !self.exited && self.next(None).is_some() {}
        self.wait_until(Instant::now() + LEFTOVER, |watch| watch.readers == 0);
    }

    fn wait_until(&mut self, deadline: Instant, over: impl Fn(&Self) -> bool) {
        while !over(self) && self.next(Some(deadline)).is_some() {}
    }

    /// Takes the next event into account; `None` when the deadline passes first.
    fn next(&mut self, deadline: Option<Instant>) -> Option<Event> {
        let event = match deadline {
            None => self.events.recv().ok()?,
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                match self.events.recv_timeout(left) {
                    Ok(event) => event,
                    Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return None,
                }
            }
        };
        match event {
            Event::Drained => self.readers -= 1,
            Event::Exited => self.exited = true,
            Event::Output | Event::Cancelled => {}
        }
        Some(event)
    }
}

/// Keeps the last lines of a stream of bytes.
#[derive(Debug, Default)]
pub(crate) struct LastLines {
    lines: std::collections::VecDeque<Vec<u8>>,
}

impl LastLines {
    const LINES_MAX: usize = 20;
    const LINE_BYTES_MAX: usize = 2000;

    /// Returns the lines, undecodable bytes replaced.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.lines
            .iter()
            .map(|line| String::from_utf8_lossy(line).trim_end().to_owned())
            .filter(|line| !line.is_empty())
            .collect()
    }

    /// Adds one line, without its end.
    pub(crate) fn push(&mut self, line: &[u8]) {
        if self.lines.len() == Self::LINES_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(line[..line.len().min(Self::LINE_BYTES_MAX)].to_vec());
    }
}

/// Cuts a stream of bytes into lines; a carriage return ends a line too, as progress bars use it.
#[derive(Debug, Default)]
pub(crate) struct LineSplitter {
    open: Vec<u8>,
}

impl LineSplitter {
    /// Bytes after which a line without an end is taken for one.
    const OPEN_BYTES_MAX: usize = 64 * 1024;

    /// Takes bytes and calls `line` for each line that is complete.
    pub(crate) fn write(&mut self, bytes: &[u8], mut line: impl FnMut(&[u8])) {
        for piece in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            self.open.extend_from_slice(piece);
            let ends = piece.ends_with(b"\n") || piece.ends_with(b"\r");
            if ends || self.open.len() > Self::OPEN_BYTES_MAX {
                self.finish(&mut line);
            }
        }
    }

    /// Calls `line` for what has come without a line end.
    pub(crate) fn finish(&mut self, mut line: impl FnMut(&[u8])) {
        let text = self.open.trim_ascii_end();
        if !text.is_empty() {
            line(text);
        }
        self.open.clear();
    }
}

/// Writes to both; a write that fails on one does not keep the other from getting it.
pub(crate) struct Tee<A, B> {
    first: Option<A>,
    second: Option<B>,
}

impl<A: Write, B: Write> Tee<A, B> {
    /// Joins two writers.
    pub(crate) fn new(first: A, second: B) -> Self {
        Self { first: Some(first), second: Some(second) }
    }

    /// Writes and flushes; a writer that fails is not written to again.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        fn try_write<W: Write>(writer: &mut Option<W>, bytes: &[u8]) {
            let Some(open) = writer else { return };
            if open.write_all(bytes).and_then(|()| open.flush()).is_err() {
                *writer = None;
            }
        }
        try_write(&mut self.first, bytes);
        try_write(&mut self.second, bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use rustix::{
        event::Timespec,
        process::{PidfdFlags, pidfd_open},
    };

    use super::*;

    type Seen = Arc<Mutex<Vec<u8>>>;

    fn bash(script: &str) -> Command {
        let mut command = Command::new("bash");
        command.args(["-c", script]);
        command
    }

    fn sink(seen: &Seen, on_output: impl Fn(&[u8]) + Send + 'static) -> Sink {
        let seen = Arc::clone(seen);
        Box::new(move |bytes| {
            seen.lock().unwrap().extend_from_slice(bytes);
            on_output(bytes);
        })
    }

    fn run(
        script: &str,
        grace: Duration,
        on_output: impl Fn(&Cancel, &[u8]) + Send + 'static,
    ) -> (End, String) {
        let (seen, cancel) = (Seen::default(), Cancel::new());
        let limits = Limits { cancel: &cancel, grace, silence_max: None, held: None };
        let handle = cancel.clone();
        let sinks = [sink(&seen, move |bytes| on_output(&handle, bytes)), sink(&seen, |_| {})];
        let end = supervise(&mut bash(script), sinks, &limits).unwrap();
        let seen = String::from_utf8(seen.lock().unwrap().clone()).unwrap();
        (end, seen)
    }

    const LONG: Duration = Duration::from_secs(600);

    #[test]
    fn output_and_exit_code_arrive() {
        let (end, seen) = run("echo out; sleep 0; echo err >&2; exit 3", LONG, |_, _| {});

        assert!(matches!(end, End::Exited(status) if status.code() == Some(3)), "{end:?}");
        assert!(seen.contains("out\n") && seen.contains("err\n"), "{seen}");
    }

    #[test]
    fn a_cancelled_child_may_clean_up() {
        let script = "trap 'echo cleaned; exit 0' TERM; echo ready; sleep 1000 & wait";

        let (end, seen) = run(script, LONG, |cancel, bytes| {
            if bytes.starts_with(b"ready") {
                cancel.cancel();
            }
        });

        assert!(matches!(end, End::Cancelled), "{end:?}");
        assert_eq!(seen, "ready\ncleaned\n");
    }

    #[test]
    fn the_whole_group_is_ended() {
        // The grandchild ignores SIGTERM; only SIGKILL to the group ends it.
        let script = "bash -c 'trap \"\" TERM; echo $$; while :; do sleep 1000; done' & wait";

        let (end, seen) = run(script, Duration::from_millis(20), |cancel, _| cancel.cancel());

        assert!(matches!(end, End::Cancelled), "{end:?}");
        let grandchild = Pid::from_raw(seen.trim().parse().unwrap()).unwrap();
        // Its death was ordered; the kernel says when it is done.
        if let Ok(alive) = pidfd_open(grandchild, PidfdFlags::empty()) {
            let minute = Timespec { tv_sec: 60, tv_nsec: 0 };
            let ended = poll(&mut [PollFd::new(&alive, PollFlags::IN)], Some(&minute));
            assert_eq!(ended, Ok(1), "the grandchild lives on");
        }
    }

    #[test]
    fn a_repeated_cancel_does_not_wait() {
        let (end, _) =
            run("trap '' TERM; echo; while :; do sleep 1000; done", LONG, |cancel, _| {
                cancel.cancel();
                cancel.cancel();
            });

        assert!(matches!(end, End::Cancelled), "{end:?}");
    }

    #[test]
    fn a_leftover_that_holds_the_pipe_does_not_hold_us() {
        let (end, seen) = run("sleep 1000 & echo $!", LONG, |_, _| {});

        assert!(matches!(end, End::Exited(status) if status.success()), "{end:?}");
        let leftover = Pid::from_raw(seen.trim().parse().unwrap()).unwrap();
        rustix::process::kill_process(leftover, Signal::KILL).unwrap();
    }

    #[test]
    fn silence_ends_a_child_that_may_not_be_silent() {
        let cancel = Cancel::new();
        let silence_max = Some(Duration::from_millis(50));
        let limits = Limits { cancel: &cancel, grace: LONG, silence_max, held: None };

        let end = supervise(&mut bash("sleep 1000"), [Box::new(|_| {}), Box::new(|_| {})], &limits);

        assert!(matches!(end, Ok(End::Silent)), "{end:?}");
    }

    #[test]
    fn lines_are_cut_at_both_line_ends_and_only_the_last_are_kept() {
        let (mut splitter, mut last) = (LineSplitter::default(), LastLines::default());
        for part in ["a", "b\n10%\r", "20%\r\n", "\n", "tail"] {
            splitter.write(part.as_bytes(), |line| last.push(line));
        }
        splitter.finish(|line| last.push(line));

        assert_eq!(last.texts(), ["ab", "10%", "20%", "tail"]);
        (0..50).for_each(|n: u8| last.push(&[b'a' + n % 26]));
        assert_eq!(last.texts().len(), LastLines::LINES_MAX);
    }

    #[test]
    fn a_broken_writer_does_not_stop_the_other() {
        let mut kept = Vec::new();
        let mut full = [0_u8; 1];
        let mut tee = Tee::new(&mut full[..], &mut kept);

        tee.write(b"ab");
        tee.write(b"cd");

        assert_eq!(kept, b"abcd");
    }
}
