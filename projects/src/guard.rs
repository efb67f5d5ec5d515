//! Ends a group of processes when this process dies and can no longer do so itself.
//!
//! The kernel's own means (`PR_SET_PDEATHSIG`) must be set between fork and exec, which takes
//! unsafe code, and ends one process only. So a small shell waits at a pipe that closes when this
//! process ends in whatever way, `kill -9` included.

use rustix::process::Pid;
use std::{
    fs::File,
    io,
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// Ends the group `$1`: SIGTERM, and SIGKILL `$2` seconds later. It stops waiting when the group is
/// gone, so that its number cannot have become another's.
const SCRIPT: &str = r#"
    read -r _
    kill -s TERM -- "-$1"
    left=$2
    while [ "$left" -gt 0 ] && kill -s 0 -- "-$1"; do sleep 1; left=$((left - 1)); done
    kill -s KILL -- "-$1"
"#;

/// The shell that waits. It is ended when this is dropped, which must be before the group's leader
/// is waited for.
#[derive(Debug)]
pub(crate) struct Guard(Child);

impl Guard {
    /// Guards `group`. A copy of `held` stays open until the group is ended, so that nobody takes
    /// what it locks before.
    ///
    /// # Errors
    /// When there is no shell.
    pub(crate) fn of(group: Pid, grace: Duration, held: Option<&File>) -> io::Result<Self> {
        let held = held.map(File::try_clone).transpose()?;
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", SCRIPT, "mlctl-guard"])
            .args([group.as_raw_nonzero().to_string(), grace.as_secs().to_string()])
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(held.map_or_else(Stdio::null, Stdio::from))
            .stderr(Stdio::null())
            // Ctrl-C at the terminal is for the others.
            .process_group(0);
        command.spawn().map(Self)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Killed before its pipe closes: it must not do its work.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
