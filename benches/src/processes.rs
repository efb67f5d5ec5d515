//! A server with all the processes that it starts.

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a server may take until it answers.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running server; dropped, it ends with its processes.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    port: u16,
    log: PathBuf,
    started: Instant,
}

/// What a tree of processes keeps in memory, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// Resident pages; those that processes share count in each of them.
    pub(crate) resident: f64,
    /// Resident pages; those that processes share are divided among them.
    pub(crate) proportional: f64,
    /// How many processes there are.
    pub(crate) processes: usize,
}

/// Returns a port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

impl Server {
    /// Starts a server that was told to listen on `port`; what it prints goes to `log`.
    pub(crate) fn start(mut command: Command, port: u16, log: PathBuf) -> Result<Self> {
        let file = File::create(&log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let started = Instant::now();
        let child = command.spawn().with_context(|| format!("cannot run {command:?}"))?;
        Ok(Self { child, port, log, started })
    }

    /// Waits for the first good answer and returns how long it took since the start.
    pub(crate) fn first_answer(&mut self) -> Result<Duration> {
        while self.started.elapsed() < PATIENCE {
            if self.get("/health").is_ok() {
                return Ok(self.started.elapsed());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended ({status}): {}", self.said());
            }
            thread::sleep(Duration::from_millis(1));
        }
        bail!("the server does not answer: {}", self.said())
    }

    /// Gets a page and returns its body.
    ///
    /// # Errors
    /// When the answer is not 200.
    pub(crate) fn get(&self, path: &str) -> Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let host = format!("127.0.0.1:{}", self.port);
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("no answer")?;
        if head.split(' ').nth(1) != Some("200") {
            bail!("{path}: {}", head.lines().next().unwrap_or_default());
        }
        Ok(body.to_owned())
    }

    /// Adds up the memory of the server and of the processes that it started.
    pub(crate) fn memory(&self) -> Result<Memory> {
        let mut sum = Memory::default();
        for id in tree(self.child.id())? {
            // A process may end while it is looked at.
            let Ok(text) = fs::read_to_string(format!("/proc/{id}/smaps_rollup")) else { continue };
            sum.resident += field(&text, "Rss:")?;
            sum.proportional += field(&text, "Pss:")?;
            sum.processes += 1;
        }
        Ok(sum)
    }

    /// Adds up the processor time that the server and the processes below it have used, in
    /// seconds. Those that ended count with the one that started them.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        let mut ticks = 0.0;
        for id in tree(self.child.id())? {
            let Ok(stat) = fs::read_to_string(format!("/proc/{id}/stat")) else { continue };
            let fields = stat.rsplit(')').next().unwrap_or_default();
            // After the name: user, system, and both of the ended children from the 12th on.
            let times = fields.split_whitespace().skip(11).take(4);
            ticks += times.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>();
        }
        Ok(ticks / rustix::param::clock_ticks_per_second() as f64)
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for id in tree(self.child.id()).unwrap_or_default() {
            if let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) {
                // It may have ended by itself.
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        let _ = self.child.wait();
    }
}

/// Reads a field in units of 1024 bytes.
fn field(text: &str, name: &str) -> Result<f64> {
    let line = text.lines().find(|line| line.starts_with(name));
    let number = line.and_then(|line| line.split_whitespace().nth(1)).context(name.to_owned())?;
    Ok(number.parse::<f64>()? * 1024.0)
}

/// Lists a process and those below it.
fn tree(root: u32) -> Result<Vec<u32>> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(stat) = fs::read_to_string(format!("/proc/{id}/stat")) else { continue };
        // The program's name is in parentheses and may hold blanks; state and parent follow it.
        let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1));
        parents.push((id, parent.and_then(|parent| parent.parse::<u32>().ok()).unwrap_or(0)));
    }
    let mut found = vec![root];
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(id, _)| *id));
        at += 1;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_holds_the_processes_below() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();

        let found = tree(std::process::id()).unwrap();

        let id = child.id();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found.contains(&id) && found[0] == std::process::id());
    }
}
