//! Disks of a test's own, which need a mount namespace of its own.
//!
//! The test starts itself again inside one, where file systems can be mounted without privileges
//! and disappear with the process.

use crate::harness::{finish, skip};
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

const INSIDE: &str = "MLCTL_E2E_NAMESPACE";

/// Tells whether the caller is inside; outside, runs the test named `test` again inside.
#[track_caller]
pub(crate) fn enter(test: &str) -> bool {
    if env::var_os(INSIDE).is_some() {
        return true;
    }
    let mut again = Command::new("unshare");
    again.args(["--map-root-user", "--mount"]).arg(env::current_exe().unwrap());
    again.args(["--exact", test, "--nocapture"]).env(INSIDE, "1");
    let Ok(output) = again.output() else {
        skip("there is no `unshare` here");
        return false;
    };
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    if said.contains("running 1 test") {
        assert!(output.status.success(), "inside the namespace: {said}");
    } else {
        skip(&format!("no mount namespace can be made here: {said}"));
    }
    false
}

/// A disk of one megabyte; it is unmounted in the end, so that its folder can be removed.
#[derive(Debug)]
pub(crate) struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    /// Mounts it at `folder`; `None` where that is not possible.
    pub(crate) fn mount(folder: &Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=1m", "none"]).arg(folder);
        let finished = finish(&mut mount);
        if finished.code != Some(0) {
            skip(&format!("no disk can be mounted here: {}", finished.stderr));
            return None;
        }
        Some(Self { folder: folder.to_owned() })
    }

    /// Makes it read-only.
    pub(crate) fn forbid_writing(&self) {
        self.remount("remount,ro");
    }

    /// Makes it writable again.
    pub(crate) fn allow_writing(&self) {
        self.remount("remount,rw");
    }

    /// Gives it another size, such as `4m`.
    pub(crate) fn resize(&self, size: &str) {
        self.remount(&format!("remount,size={size}"));
    }

    fn remount(&self, option: &str) {
        let finished = finish(Command::new("mount").args(["-o", option]).arg(&self.folder));
        assert_eq!(finished.code, Some(0), "{finished:?}");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // It is gone with the namespace in any case.
        let _ = Command::new("umount").arg(&self.folder).output();
    }
}
